"""What a test hands to a student's function besides plain values.

Functions and classes of installed modules go by name, objects of library classes (a
layer, a distribution) by their state; the test's own functions and objects stay where
they are, and the student calls them over the channel. Only a test's side packs these
nodes, and only a student's side reads them: the test's process never imports, makes or
calls anything that a student names.
"""

import contextlib
import importlib
import sys
import types
import weakref
from collections.abc import Iterator
from typing import Any

import torch

from autograder.channel.codec import Node, Packer
from autograder.channel.strict import Unpacker

OPAQUE = (
    *(type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType),
    *(types.MethodType, types.GeneratorType),
)
BUILT_IN = ("torch", "torch.nn.functional", "numpy")  # their functions name no module
OWN = ("autograder", "__main__", "_pytest", "pytest")


class Given:
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
        if isinstance(value, torch.Generator):
            state = value.get_state().numpy().tobytes()
            number = self.copy_number(value)
            return ["gen", number, str(value.device), packer.pack(state, depth)]
        if name := importable(value):
            return ["global", *name]
        name = importable(type(value))
        if name and not isinstance(value, (*OPAQUE, Iterator)):
            state = value.__getstate__()
            if type(state) is dict and all(type(key) is str for key in state):
                parts = packer.pack(dict(state), depth + 1)
                return ["object", self.copy_number(value), *name, parts]
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


def importable(value: Any) -> tuple[str, str] | None:
    """Return the module and the name under which another process finds this object."""
    module = getattr(value, "__module__", None)
    names = {getattr(value, key, None) for key in ("__qualname__", "__name__")}
    for place in [module] if isinstance(module, str) else BUILT_IN:
        if place.split(".")[0] in OWN or place not in sys.modules:
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


def kind_of(value: Any) -> str:
    """Say how the student may use an object that stays with the test."""
    if isinstance(value, Iterator):
        return "iterator"
    return "function" if callable(value) else "object"


class Remote:
    """The student's stand-in for a function or an object of the test."""

    def __init__(self, server: Any, number: int) -> None:
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
        self.generators: dict[int, tuple[torch.Generator, bytes]] = {}
        self.remotes: dict[int, Remote] = {}

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
        number, kind = rest
        if number not in self.remotes:
            make = RemoteIterator if kind == "iterator" else Remote
            self.remotes[number] = make(server, number)
        return self.remotes[number]

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
        if hasattr(value, "__setstate__"):
            value.__setstate__(state)
        else:
            value.__dict__.update(state)
        return value

    def generator(
        self, number: int, device: str, state: Node, unpacker: Unpacker
    ) -> torch.Generator:
        """Return a copy of a generator; it goes on by itself unless the test's did."""
        state = unpacker.unpack(state)
        known = self.generators.get(number)
        if known is not None and known[1] == state:
            return known[0]
        copy = known[0] if known else torch.Generator(device)
        copy.set_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))
        self.generators[number] = (copy, state)
        return copy
