"""What a test hands to a student's function besides plain values.

Functions and classes of installed modules go by name, objects of library classes (a
layer, a distribution) by their state; the test's own functions and objects stay where
they are, and the student calls them over the channel. Only a test's side packs these
nodes, and only a student's side reads them: the test's process never imports, makes or
calls anything that a student names.
"""

import contextlib
import importlib
import random
import sys
import types
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from autograder.channel.codec import Node, Packer
from autograder.channel.libraries import is_tensor, loaded
from autograder.channel.strict import Unpacker

if TYPE_CHECKING:
    import torch

OPAQUE = (
    *(type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType),
    *(types.MethodType, types.GeneratorType),
)
NUMBERS = (np.ndarray, np.generic)
CONTAINERS = (list, dict, set, frozenset, tuple)
# A copy of one of these goes on by itself, until the test's own has moved.
GENERATORS = (random.Random, np.random.Generator, np.random.RandomState)
BUILT_IN = ("torch", "torch.nn.functional", "numpy")  # their functions name no module
# Of these a student's process has a copy of its own, which it may have changed.
OWN = ("autograder", "__main__", "_pytest", "pytest", "flowbook.exercises")


class HandedOver:
    """The test's side: the objects that it has handed over."""

    def __init__(self) -> None:
        self.shown: dict[int, Any] = {}  # by the number that the student knows
        self.numbers: dict[int, int] = {}  # of id(object)
        self.copied: dict[int, tuple[Any, int]] = {}
        self.last = 0

    def pack(self, value: Any, packer: Packer, depth: int) -> Node:
        """Return the node of an object of the test."""
        if isinstance(value, types.ModuleType):
            return ["module", value.__name__]
        torch = loaded("torch")
        if torch and isinstance(value, torch.Generator):
            state = value.get_state().numpy().tobytes()
            number = self.copy_number(value)
            return ["gen", number, str(value.device), packer.pack(state, depth)]
        if name := importable(value):
            return ["global", *name]
        name = importable(type(value))
        is_numbers = isinstance(value, NUMBERS) or is_tensor(value)
        if name and not (is_numbers or isinstance(value, (*OPAQUE, Iterator))):
            state = value.__getstate__()
            plain = type(state) is dict and all(type(key) is str for key in state)
            if plain and not isinstance(value, CONTAINERS):
                parts = packer.pack(dict(state), depth + 1)
                return ["object", self.copy_number(value), *name, parts]
            if made := reduced(value):
                goes_on = isinstance(value, GENERATORS)
                parts = packer.pack(made, depth + 1)
                return ["made", self.copy_number(value), goes_on, parts]
        return ["mine", self.number(value), kind_of(value)]

    def number(self, value: Any) -> int:
        """Return the number under which the student may call this object."""
        number = self.numbers.get(id(value))
        if number is None:
            self.last += 1
            number = self.numbers[id(value)] = self.last
            self.shown[number] = value
        return number

    def copy_number(self, value: Any) -> int:
        """Return the number of an object that the student has a copy of."""
        known = self.copied.get(id(value))
        if known is None:
            self.last += 1
            key = id(value)
            try:
                hold: Any = weakref.ref(value, lambda _: self.copied.pop(key, None))
            except TypeError:
                hold = value
            known = self.copied[key] = (hold, self.last)
        return known[1]


def reduced(value: Any) -> list[Any] | None:
    """What makes a copy of a library's object: a function, its arguments, and so on.

    None for what the library does not let be copied.
    """
    try:
        made = value.__reduce_ex__(4)
    except Exception:  # a library's own word for: not this one
        return None
    if type(made) is not tuple or not importable(made[0]):
        return None
    function, args, state, items, pairs, *_ = *made, *(None,) * 5
    return [function, args, state, list(items or ()), [list(p) for p in pairs or ()]]


def importable(value: Any) -> tuple[str, str] | None:
    """Return the module and the name under which another process finds this object."""
    module = getattr(value, "__module__", None)
    names = {getattr(value, key, None) for key in ("__qualname__", "__name__")}
    for place in [module] if isinstance(module, str) else BUILT_IN:
        own = any(f"{place}.".startswith(f"{name}.") for name in OWN)
        if own or place not in sys.modules:
            continue
        for name in names:
            with contextlib.suppress(AttributeError):
                if isinstance(name, str) and find(place, name) is value:
                    return place, name
    return None


def find(module: str, name: str) -> Any:
    """Return the object with this name in a module."""
    value: Any = importlib.import_module(module)
    for part in name.split("."):
        value = getattr(value, part)
    return value


def set_state(value: Any, state: Any) -> None:
    """Give a new object its state, as pickle would."""
    if hasattr(value, "__setstate__"):
        value.__setstate__(state)
        return
    attributes, slots = state if type(state) is tuple else (state, None)
    value.__dict__.update(attributes or {})
    for name, item in (slots or {}).items():
        setattr(value, name, item)


def kind_of(value: Any) -> str:
    """Say how the student may use an object that stays with the test."""
    if isinstance(value, Iterator):
        return "iterator"
    return "function" if callable(value) else "object"


class Remote:
    """The student's stand-in for a function or an object of the test."""

    def __init__(self, server: Any, number: int) -> None:
        self.__dict__.clear()
        self.__dict__["_server"], self.__dict__["_number"] = server, number

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self._server.ask("call", self, args, options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._server.ask("getattr", self, name)


class RemoteIterator(Remote):
    """The student's stand-in for an iterator of the test."""

    def __iter__(self) -> "RemoteIterator":
        return self

    def __next__(self) -> Any:
        found = self._server.ask("next", self)
        if not found:
            raise StopIteration
        return found[0]


class Received:
    """The student's side: copies and stand-ins of what the test handed over."""

    def __init__(self) -> None:
        self.copies: Any = weakref.WeakValueDictionary()
        self.generators: dict[int, tuple[Any, bytes]] = {}
        self.remotes: dict[int, Remote] = {}
        self.going_on: dict[int, tuple[tuple[str, bytes], Any]] = {}

    def unpack(
        self, tag: str, rest: list[Node], unpacker: Unpacker, depth: int, server: Any
    ) -> Any:
        """Return the object of a node that the test's side packed."""
        if tag == "module":
            return importlib.import_module(rest[0])
        if tag == "global":
            return find(*rest)
        if tag == "gen":
            return self.generator(*rest, unpacker)
        if tag == "object":
            return self.copy(*rest, unpacker, depth)
        if tag == "made":
            return self.made(*rest, unpacker, depth)
        number, kind = rest
        if number not in self.remotes:
            make = RemoteIterator if kind == "iterator" else Remote
            self.remotes[number] = make(server, number)
        remote = self.remotes[number]
        remote.__init__(server, number)  # what was written into it is gone
        return remote

    def copy(
        self,
        number: int,
        module: str,
        name: str,
        state: Node,
        unpacker: Unpacker,
        depth: int,
    ) -> Any:
        """Return a copy of the test's object, the same one each time."""
        kind = find(module, name)
        state = unpacker.unpack(state, depth + 1)
        value = self.copies.get(number)
        if value is None:
            value = kind.__new__(kind)
            self.copies[number] = value
        set_state(value, state)
        return value

    def made(
        self, number: int, goes_on: bool, node: Node, unpacker: Unpacker, depth: int
    ) -> Any:
        """Return a new copy of a library's object; a generator's may go on."""
        start = unpacker.used
        function, args, state, items, pairs = unpacker.unpack(node, depth + 1)
        origin = str(node), bytes(unpacker.body[start : unpacker.used])
        if goes_on and self.going_on.get(number, (None,))[0] == origin:
            return self.going_on[number][1]
        value = function(*args)
        if state is not None:
            set_state(value, state)
        for item in items:
            getattr(value, "append", getattr(value, "add", None))(item)
        for key, item in pairs:
            value[key] = item
        if goes_on:
            self.going_on[number] = origin, value
        return value

    def generator(
        self, number: int, device: str, state: Node, unpacker: Unpacker
    ) -> "torch.Generator":
        """Return a copy of a generator; it goes on by itself unless the test's did."""
        import torch

        state = unpacker.unpack(state)
        known = self.generators.get(number)
        if known is not None and known[1] == state:
            return known[0]
        copy = known[0] if known else torch.Generator(device)
        copy.set_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))
        self.generators[number] = (copy, state)
        return copy
