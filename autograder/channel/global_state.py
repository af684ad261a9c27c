"""What a call depends on besides its arguments: dtype, device, grad mode, generators.

They go from the test to the student before a call, so that a seeded sampler draws what
it draws in one kernel, and never back: a student does not choose the test's inputs.
"""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from autograder.channel.codec import Node, Packer
from autograder.channel.strict import Unpacker


class Surroundings:
    """The test's side: what has changed since the student last heard of it."""

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}

    def changes(self, packer: Packer) -> Node:
        """Return what the student must be told before a call."""
        now = {
            "grad": torch.is_grad_enabled() and not torch.is_inference_mode_enabled(),
            "dtype": torch.get_default_dtype(),
            "device": torch.get_default_device(),
        } | global_states()
        new = {name: now[name] for name in now if not self.same(name, now[name])}
        self.told |= new
        if "torch" in new:
            new["seed"] = torch.initial_seed()
        return packer.pack(new)

    def same(self, name: str, value: Any) -> bool:
        """Whether the student has heard of this value."""
        return name in self.told and same_state(name, self.told[name], value)


STATES: dict[str, Callable[[], Any]] = {
    "torch": lambda: torch.get_rng_state().numpy().tobytes(),
    "numpy": np.random.get_state,
    "random": random.getstate,
}


def global_states() -> dict[str, Any]:
    """The states of the global generators."""
    return {name: state() for name, state in STATES.items()}


def same_state(name: str, one: Any, other: Any) -> bool:
    """Whether two states of one kind are the same."""
    if name != "numpy":
        return one == other
    return all(np.array_equal(old, new) for old, new in zip(one, other, strict=True))


def moved_since(before: dict[str, Any]) -> list[str]:
    """The global generators whose states are other ones now."""
    now = global_states()
    return [name for name in now if not same_state(name, before[name], now[name])]


def surround(node: Node, unpacker: Unpacker, grad: bool) -> bool:
    """Make the student's side like the test's; return whether gradients are recorded.

    `grad` is whether they were, at the last call.
    """
    new = unpacker.unpack(node)
    if "dtype" in new:
        torch.set_default_dtype(new["dtype"])
    if "device" in new and available(new["device"]):
        torch.set_default_device(new["device"])
    if "torch" in new:
        state = np.frombuffer(bytearray(new["torch"]), np.uint8)
        torch.set_rng_state(torch.from_numpy(state))
        if torch.cuda.is_initialized():
            torch.cuda.manual_seed_all(new["seed"])
    if "numpy" in new:
        np.random.set_state(new["numpy"])
    if "random" in new:
        random.setstate(new["random"])
    return new.get("grad", grad)


def available(device: torch.device) -> bool:
    """Whether tensors can be made on this device here."""
    return device.type == "cpu" or (device.type == "cuda" and torch.cuda.is_available())
