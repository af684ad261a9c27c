"""What the functions of this library accept: checked here, refused in one sentence.

Broadcasting, truncation to integers and silent promotion turn a wrong input into a
wrong number. A check costs some microseconds, and what it refuses would have cost an
afternoon.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from operator import index
from typing import Any

import torch
from torch import Tensor, nn
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


def refuse_mixed_dtypes(
    module: nn.Module, x: Tensor, name: str, error: RuntimeError
) -> None:
    """Raise ValueError, from the error, if x and the module's numbers differ in dtype.

    To call where torch raised: what it can mix it promotes, and that is right.
    """
    own = {
        tensor.dtype
        for tensor in chain(module.parameters(), module.buffers())
        if tensor.is_floating_point()
    }
    if own - {x.dtype}:
        owner = type(module).__name__
        raise ValueError(
            f"{owner} has parameters of {' and '.join(sorted(map(str, own)))} and got "
            f"{name} of {x.dtype}: .to({name}.dtype) makes them one."
        ) from error


@contextmanager
def one_dtype(module: nn.Module, x: Tensor, name: str = "x") -> Iterator[None]:
    """Refuse mixed dtypes, as `refuse_mixed_dtypes` does, if torch raises inside."""
    try:
        yield
    except RuntimeError as error:
        refuse_mixed_dtypes(module, x, name, error)
        raise


def as_numbers(value: Any, owner: str, name: str) -> Tensor:
    """Return finite real numbers as a new floating-point tensor without a graph.

    Lists, arrays and integers will do.

    Raises:
        TypeError: the value is no array of numbers.
        ValueError: a number is complex, infinite or NaN.
    """
    try:
        numbers = torch.as_tensor(value).detach()
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"{owner} expects {name} as numbers, got {value!r}.") from None
    if numbers.is_complex():
        raise ValueError(f"{owner} expects a real {name}, got {numbers.dtype}.")
    if not numbers.is_floating_point():
        numbers = numbers.to(torch.get_default_dtype())
    require(numbers, torch.isfinite, f"{owner} expects a finite {name}")
    return numbers.clone()


def expect_order(order: Any, owner: str, dim: int | None = None) -> Tensor:
    """Return a new tensor of the integers 0 to dim - 1 in some order, once each.

    Without a `dim` it is the length of what came. Raises ValueError for other numbers.
    """
    order = torch.as_tensor(order)
    dim = order.numel() if dim is None else dim
    whole = not order.is_floating_point() and not order.is_complex()
    all_of_them = torch.arange(dim, device=order.device)
    if not whole or not torch.equal(order.long().sort().values, all_of_them):
        raise ValueError(
            f"{owner} expects an order that holds the integers 0 to {dim - 1} once "
            f"each, got {order.tolist()}."
        )
    return order.long().clone()


def expect_finite(value: Any, owner: str, name: str) -> float:
    """Return a finite number; raise ValueError for anything else."""
    return _expect_number(value, f"{owner} expects a finite {name}", -math.inf)


def expect_positive(value: Any, owner: str, name: str) -> float:
    """Return a positive, finite number; raise ValueError for anything else."""
    return _expect_number(value, f"{owner} expects a positive {name}", 0)


def _expect_number(value: Any, expected: str, above: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not above < number < math.inf:
        raise ValueError(f"{expected}, got {value}.")
    return number


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
        raise ValueError(f"{expected}, got {numbers[~inside].flatten()[0].item():.9g}.")


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
