"""What the functions of this library accept: checked here, refused in one sentence.

Broadcasting, truncation to integers and silent promotion turn a wrong input into a
wrong number. A check costs some microseconds, and what it refuses would have cost an
afternoon.
"""

from collections.abc import Callable
from operator import index
from typing import Any

import torch
from torch import Tensor
from torch.func import debug_unwrap


def expect_floating(x: Any, owner: str, name: str = "x") -> None:
    """Raise unless x is a tensor of real floating-point numbers.

    Raises:
        TypeError: x is no tensor.
        ValueError: x holds integers, booleans or complex numbers.
    """
    if not isinstance(x, Tensor):
        raise TypeError(
            f"{owner} expects {name} as a torch.Tensor, got {type(x).__name__}: "
            f"torch.as_tensor({name}, dtype=torch.float32) makes one."
        )
    if not x.dtype.is_floating_point:
        raise ValueError(
            f"{owner} expects {name} of floating-point numbers, got {x.dtype}: "
            f"{name}.to(torch.get_default_dtype()) makes them."
        )


def expect_points(x: Any, dim: int, owner: str, name: str = "x") -> None:
    """Raise ValueError unless x is a floating-point tensor of shape (..., dim)."""
    expect_floating(x, owner, name)
    if x.ndim == 0 or x.shape[-1] != dim:
        raise ValueError(
            f"{owner} expects points of shape (..., {dim}), "
            f"got {name} of shape {tuple(x.shape)}."
        )


def expect_rows(x: Any, dim: int | None, owner: str, name: str = "x") -> None:
    """Raise ValueError unless x is a floating-point tensor of shape (batch, dim).

    Without a `dim` any width will do, and further axes too: (batch, ...).
    """
    expect_floating(x, owner, name)
    if x.ndim < 2 or (dim is not None and (x.ndim != 2 or x.shape[1] != dim)):
        hint = ""
        if x.ndim == 1:
            hint = f": {name}[:, None] is a column, {name}[None] a row"
        raise ValueError(
            f"{owner} expects {name} of shape (batch, {'dim' if dim is None else dim})"
            f", got {tuple(x.shape)}{hint}."
        )


def require(
    x: Tensor, holds: Callable[[Tensor], Tensor], expected: str | Callable[[], str]
) -> None:
    """Raise ValueError with what was `expected` unless it holds for every entry.

    Text that costs something to write is given as a function.
    """
    # Under vmap and jacrev the numbers are inside a wrapper that `if` cannot read.
    numbers = debug_unwrap(x)
    inside = holds(numbers)
    if not inside.all():
        expected = expected if isinstance(expected, str) else expected()
        raise ValueError(f"{expected}, got {numbers[~inside].flatten()[0].item():g}.")


def expect_count(n: Any, owner: str, least: int = 0, name: str = "n") -> int:
    """Return n as an int.

    Raises:
        TypeError: n is no integer; numpy's are.
        ValueError: n is below `least`.
    """
    expected = f"{owner} expects an integer {name} >= {least}, got {n!r}."
    try:
        number = index(n)
    except TypeError:
        raise TypeError(expected) from None
    if number < least:
        raise ValueError(expected)
    return number


def as_generator(
    seed: int | torch.Generator, device: torch.device | None = None
) -> torch.Generator:
    """Return the generator itself, or a new one on the device that the integer seeds.

    The device is torch's default one if none is given.

    Raises:
        TypeError: the seed is neither a generator nor an integer; numpy's are.
    """
    if isinstance(seed, torch.Generator):
        return seed
    number = seed_number(seed, "an integer or a torch.Generator")
    return torch.Generator(device or torch.get_default_device()).manual_seed(number)


def seed_number(seed: Any, expected: str = "an integer") -> int:
    """Return the seed as an int; raise TypeError unless it is an integer."""
    try:
        return index(seed)
    except TypeError:
        raise TypeError(f"A seed is {expected}, got {seed!r}.") from None
