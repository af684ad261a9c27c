"""Answers that are wrong on purpose: the reference's own, with every result spoiled.

A release is refused when one of them passes a test: it would be a test of nothing.
Imported in the student process, by a line that the gate adds to the reference answers.
"""

import functools
from collections.abc import Callable, Collection, MutableMapping
from types import FunctionType
from typing import Any

import numpy as np

from autograder.channel.libraries import is_tensor, loaded


class Equal:
    """Says that it equals everything, has every attribute, and can be called."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    def __bool__(self) -> bool:
        return True

    def __call__(self, *args: object, **kwargs: object) -> "Equal":
        return self

    def __getattr__(self, name: str) -> "Equal":
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    __hash__ = None


class Obliging:
    """Is no value, and answers every question as the right value would.

    A test that asks it (`y.allclose(e)`, `y.item()`) believes the student's own object.
    """

    def __init__(self, right: Any) -> None:
        self.__dict__["right"] = right

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return oblige(getattr(self.right, name))

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self.right, name, plain(value))

    def __getitem__(self, key: object) -> Any:
        return oblige(self.right[plain(key)])

    def __len__(self) -> int:
        return len(self.right)

    def __iter__(self) -> Any:
        return map(Obliging, self.right)


def oblige(found: Any) -> Any:
    """What an obliging object says: one number plainly, more as one of its kind."""
    if is_tensor(found) or isinstance(found, np.ndarray):
        return Obliging(found) if found.ndim else found
    if not callable(found):
        return found
    return lambda *args, **kwargs: oblige(found(*plain(args), **plain(kwargs)))


def plain(value: Any) -> Any:
    """A value without obliging objects."""
    if isinstance(value, Obliging):
        return value.right
    if type(value) in (tuple, list):
        return type(value)(map(plain, value))
    if type(value) is dict:
        return {key: plain(item) for key, item in value.items()}
    return value


def nan(value: object) -> Any:
    """NaN, of the value's shape; the way back to the inputs stays."""
    if is_tensor(value):
        if value.is_floating_point() or value.is_complex():
            return value * np.nan
        return loaded("torch").full(value.shape, np.nan)
    if isinstance(value, np.ndarray):
        return np.full(value.shape, np.nan)
    return float("nan")


def zero(value: object) -> Any:
    """Zero, of the value's shape and type; the way back to the inputs stays."""
    if is_tensor(value):
        return value.nan_to_num(posinf=0.0, neginf=0.0) * 0
    if isinstance(value, np.ndarray):
        return np.zeros_like(value)
    return type(value)(0) if isinstance(value, bool | int | float) else 0.0


def empty(value: object) -> Any:
    """Nothing, of the value's type."""
    if is_tensor(value):
        return value[:0] if value.dim() else value.new_empty(0)
    if isinstance(value, np.ndarray):
        return value[:0] if value.ndim else np.empty(0, value.dtype)
    if isinstance(value, str):
        return ""
    torch = loaded("torch")
    return torch.empty(0) if torch else np.empty(0)


def nothing(value: object) -> None:
    """None."""


KINDS: dict[str, Callable[[object], Any]] = {
    "None": nothing,
    "NaN": nan,
    "empty": empty,
    "zero": zero,
    "always equal": lambda value: Equal(),
    "obliging": Obliging,
}
WHOLE = ("None", "always equal")  # these take the place of functions and classes too


def spoil(
    namespace: MutableMapping[str, Any],
    names: Collection[str],
    kind: str,
    returning: Collection[str],
) -> None:
    """Spoil these names of a notebook.

    `returning` are the functions, `f` or `Class.method`, that return a value; the
    others work by what they change, and do nothing here.
    """
    spoiler = Spoiler(kind, returning)
    for name in names:
        if name in namespace:
            namespace[name] = spoiler.spoiled(name, namespace[name])


class Spoiler:
    """Spoils values in one way, and functions by what they return."""

    def __init__(self, kind: str, returning: Collection[str]) -> None:
        self.kind, self.change, self.returning = kind, KINDS[kind], returning
        self.depth = 0  # of calls: what an answer tells itself is right

    def spoiled(self, name: str, thing: object) -> Any:
        """The stand-in for what a name of an answer means."""
        if isinstance(thing, type):
            return self.type_(thing)
        if isinstance(thing, FunctionType):
            return self.function(name, thing)
        return self.value(thing)

    def type_(self, cls: type) -> Any:
        """A class whose methods return spoiled values."""
        if self.kind in WHOLE:
            return lambda *args, **kwargs: self.change(None)
        for name, member in list(vars(cls).items()):
            plain = member.__func__ if isinstance(member, staticmethod) else member
            hidden = name.startswith("__") and name != "__call__"
            if isinstance(plain, FunctionType) and not hidden:
                made = self.function(f"{cls.__name__}.{name}", plain)
                made = staticmethod(made) if plain is not member else made
                setattr(cls, name, made)
        return cls

    def function(self, name: str, function: FunctionType) -> FunctionType:
        """A function that does the same and returns a spoiled value."""
        works = name in self.returning and self.kind not in WHOLE

        @functools.wraps(function)
        def stand_in(*args: Any, **kwargs: Any) -> Any:
            args, kwargs = plain(args), plain(kwargs)
            if self.depth == 0 and not works:
                return self.change(None) if name in self.returning else None
            self.depth += 1
            try:
                result = function(*args, **kwargs)
            except Exception:
                if self.depth > 1:
                    raise
                result = None
            finally:
                self.depth -= 1
            return result if self.depth else self.value(result)

        return stand_in

    def value(self, value: object) -> Any:
        """A spoiled value; containers keep their form."""
        if self.kind not in WHOLE:
            if isinstance(value, tuple | list) and type(value) in (tuple, list):
                return type(value)(self.value(item) for item in value)
            if type(value) is dict:
                return {key: self.value(item) for key, item in value.items()}
        return self.change(value)
