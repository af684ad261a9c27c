"""For tests of what a function does besides its result: to its arguments, to chance.

The autograder runs a test and an answer in two processes. What the test hands over is a
value there: what the answer writes into it is not seen, unless the test asks with the
words below. In one process, a student's notebook, they mean the same.
"""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from flowbook.checks import CheckFailed

_STATES = {
    "torch": lambda: torch.get_rng_state().tolist(),
    "numpy": lambda: [np.asarray(each).tolist() for each in np.random.get_state()],
    "random": random.getstate,
}


def in_place(function: Callable[..., Any], *changed: Any) -> Callable[..., Any]:
    """Return the function; what it writes into its arguments is seen.

    `changed` is what it may write into besides: `in_place(optimiser.step, weights)()`.
    A function whose name ends in an underscore, as torch's own do, needs no such word.
    """
    asked = getattr(function, "__in_place__", None)
    return asked(*changed) if asked else function


def check_generators(function: Callable[..., Any], *args: Any, idea: str) -> Any:
    """Return `function(*args)`; it must leave the global generators alone.

    Raises CheckFailed if it has drawn from, or seeded, that of torch, of numpy or of
    the module random.
    """
    watched = getattr(function, "__watched__", None)
    result, moved = watched(*args) if watched else _watch(function, args)
    if moved:
        names = " and ".join(f"{name}'s" for name in moved)
        raise CheckFailed(
            idea,
            f"{names} global generator has moved.",
            hint="Draw from the generator that is handed over, and seed no other one.",
        )
    return result


def _watch(function: Callable[..., Any], args: tuple) -> tuple[Any, list[str]]:
    """Call a function of this process; its result, and the generators it has moved."""
    before = {name: state() for name, state in _STATES.items()}
    result = function(*args)
    return result, [name for name in before if before[name] != _STATES[name]()]
