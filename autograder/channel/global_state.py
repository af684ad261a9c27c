"""What a call depends on besides its arguments: dtype, device, grad mode, generators.

They go from the test to the student before a call, so that a seeded sampler draws what
it draws in one kernel, and never back: a student does not choose the test's inputs.
"""

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from autograder.channel.codec import Node, Packer
from autograder.channel.libraries import loaded
from autograder.channel.strict import Unpacker

if TYPE_CHECKING:
    import torch


class Surroundings:
    """The test's side: what has changed since the student last heard of it."""

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}

    def changes(self, packer: Packer) -> Node:
        """Return what the student must be told before a call."""
        now = of_torch() | global_states()
        new = {name: now[name] for name in now if not self.same(name, now[name])}
        self.told |= new
        if torch := "torch" in new and loaded("torch"):
            new["seed"] = torch.initial_seed()
        return packer.pack(new)

    def same(self, name: str, value: Any) -> bool:
        """Whether the student has heard of this value."""
        return name in self.told and same_state(name, self.told[name], value)


def of_torch() -> dict[str, Any]:
    """Whether gradients are recorded, and what new tensors are; nothing without it."""
    if not (torch := loaded("torch")):
        return {}
    return {
        "grad": torch.is_grad_enabled() and not torch.is_inference_mode_enabled(),
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
    }


def state_of_torch() -> bytes | None:
    """The state of torch's global generator; None as long as torch is not loaded."""
    torch = loaded("torch")
    return torch.get_rng_state().numpy().tobytes() if torch else None


STATES: dict[str, Callable[[], Any]] = {
    "torch": state_of_torch,
    "numpy": np.random.get_state,
    "random": random.getstate,
}


def global_states() -> dict[str, Any]:
    """The states of the global generators, of those that there are."""
    found = {name: state() for name, state in STATES.items()}
    return {name: state for name, state in found.items() if state is not None}


def same_state(name: str, one: Any, other: Any) -> bool:
    """Whether two states of one kind are the same."""
    if name != "numpy":
        return one == other
    return all(np.array_equal(old, new) for old, new in zip(one, other, strict=True))


def moved_since(before: dict[str, Any]) -> list[str]:
    """The global generators whose states are other ones now."""
    now = global_states()
    return [
        name
        for name in now
        if name in before and not same_state(name, before[name], now[name])
    ]


def surround(node: Node, unpacker: Unpacker, grad: bool) -> bool:
    """Make the student's side like the test's; return whether gradients are recorded.

    `grad` is whether they were, at the last call.
    """
    new = unpacker.unpack(node)
    if new.keys() & {"dtype", "device", "torch"}:
        surround_torch(new)
    if "numpy" in new:
        np.random.set_state(new["numpy"])
    if "random" in new:
        random.setstate(new["random"])
    return new.get("grad", grad)


def surround_torch(new: dict[str, Any]) -> None:
    """Make torch here like the test's."""
    import torch

    if "dtype" in new:
        torch.set_default_dtype(new["dtype"])
    if "device" in new and available(new["device"]):
        torch.set_default_device(new["device"])
    if "torch" in new:
        state = np.frombuffer(bytearray(new["torch"]), np.uint8)
        torch.set_rng_state(torch.from_numpy(state))
        if torch.cuda.is_initialized():
            torch.cuda.manual_seed_all(new["seed"])


def available(device: "torch.device") -> bool:
    """Whether tensors can be made on this device here."""
    import torch

    return device.type == "cpu" or (device.type == "cuda" and torch.cuda.is_available())
