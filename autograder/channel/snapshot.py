"""What the test's objects hold, noted by value and put back in place.

A dictionary of names remembers which objects there were, not what was in them. A
Snapshot notes the contents too: of containers, arrays, tensors (with `.grad`),
generators, modules, and of what the test's own classes and functions keep.
"""

import random
import types
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from autograder.channel.codec import is_plain
from autograder.channel.handles import Handle
from autograder.channel.libraries import is_tensor, loaded
from autograder.channel.shared_tensors import plain

if TYPE_CHECKING:
    from torch import Tensor

BYTES = 256 << 20  # of numbers in one snapshot; what is beyond is not noted
PARTS = 50_000
PLAIN = frozenset({int, float, str, bool, bytes, complex, type(None), type(...), range})
MISSING = object()


@dataclass
class Part:
    """One thing that can change, and what was in it; `kind` says how to read it."""

    owner: Any
    kind: "Kind"
    before: Any


@dataclass(frozen=True)
class Kind:
    """How the contents of a kind of object are read, written and told apart."""

    read: Callable[[Any], Any]
    write: Callable[[Any, Any], None]
    same: Callable[[Any, Any], bool]


class Snapshot:
    """The contents, as they are now, of these objects and of all that they hold.

    Functions and classes count as the test's own if they were made in the module
    `own`.
    """

    def __init__(self, roots: Iterable[Any], own: str = "__main__") -> None:
        self.own = own
        self.parts: dict[int, Part] = {}
        self.bytes = 0
        self.seen: set[int] = set()
        self.kept: list[Any] = []  # so that no id is given twice
        waiting = list(roots)
        while waiting and len(self.seen) < PARTS:
            value = waiting.pop()
            kind = type(value)
            if kind in PLAIN or id(value) in self.seen or issubclass(kind, Handle):
                continue
            self.seen.add(id(value))
            self.kept.append(value)
            waiting.extend(self.look(value))

    def look(self, value: Any) -> Iterator[Any]:
        """Note the contents of one object; return what else is to be looked at."""
        if is_tensor(value):
            if is_plain(value) and writable(value) and self.room(value.nbytes):
                self.note(value, TENSOR)
                yield value.grad if value.is_leaf else None
        elif isinstance(value, np.ndarray):
            if not value.dtype.hasobject and self.room(value.nbytes):
                self.note(value, ARRAY)
        elif kind := generator_kind(type(value)):
            self.note(value, kind)
        elif isinstance(value, types.FunctionType):
            yield from self.of_function(value)
        elif isinstance(value, types.MethodType):
            yield from (value.__self__, value.__func__)
        elif isinstance(value, type):
            if value.__module__ == self.own:
                self.note(value, CLASS)
                yield from vars(value).values()
        elif not isinstance(value, types.ModuleType):
            yield from self.of_object(value)

    def of_function(self, value: types.FunctionType) -> Iterator[Any]:
        """What a function of the test's keeps between its calls."""
        if value.__module__ != self.own:
            return
        yield from value.__defaults__ or ()
        yield from (value.__kwdefaults__ or {}).values()
        if value.__dict__:
            yield value.__dict__
        for cell in value.__closure__ or ():
            self.note(cell, CELL)
            yield contents(cell)

    def of_object(self, value: Any) -> Iterator[Any]:
        """What a container holds, and the attributes of an object."""
        for base, kind in CONTAINERS.items():
            if isinstance(value, base):
                self.note(value, kind)
                yield from base.values(value) if base is dict else base.__iter__(value)
        if isinstance(value, tuple):
            yield from tuple.__iter__(value)
        if type(value).__module__ == self.own or is_holder(value):
            yield getattr(value, "__dict__", None)
            for name in slots(type(value)):
                yield getattr(value, name, None)

    def room(self, size: int) -> bool:
        self.bytes += size
        return self.bytes <= BYTES

    def note(self, owner: Any, kind: Kind) -> None:
        self.parts[id(owner)] = Part(owner, kind, kind.read(owner))

    def restore(self) -> None:
        """Put all contents back."""
        for part in self.parts.values():
            part.kind.write(part.owner, part.before)

    def changed(self) -> list[Part]:
        """The parts whose contents are other ones now."""
        return [
            part
            for part in self.parts.values()
            if not part.kind.same(part.before, part.kind.read(part.owner))
        ]


def is_holder(value: Any) -> bool:
    """Whether a library's object holds what others change: a layer, an optimiser."""
    torch = loaded("torch")
    return bool(torch) and isinstance(
        value,
        (torch.nn.Module, torch.distributions.Distribution, torch.optim.Optimizer),
    )


def writable(value: "Tensor") -> bool:
    """Whether each number of a tensor has a place of its own."""
    sizes = zip(value.stride(), value.shape, strict=True)
    return all(stride or size < 2 for stride, size in sizes)


def slots(kind: type) -> Iterator[str]:
    """The names of the slots of a class."""
    for base in kind.__mro__:
        names = vars(base).get("__slots__", ())
        yield from (names,) if isinstance(names, str) else names


def contents(cell: types.CellType) -> Any:
    """What a function's variable from outside stands for."""
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


def write_cell(cell: types.CellType, value: Any) -> None:
    if value is not MISSING:
        cell.cell_contents = value


def identical(one: Iterable[Any], other: Iterable[Any]) -> bool:
    """Whether two collections hold the same objects in the same order."""
    one, other = list(one), list(other)
    return len(one) == len(other) and all(map(lambda a, b: a is b, one, other))


def same_items(one: dict, other: dict) -> bool:
    return identical(one, other) and identical(one.values(), other.values())


def write_dict(owner: dict, items: dict) -> None:
    if not same_items(items, dict(dict.items(owner))):
        # dict's own methods would leave the order of an OrderedDict in ruins.
        kind = OrderedDict if isinstance(owner, OrderedDict) else dict
        kind.clear(owner)
        kind.update(owner, items)


def write_list(owner: list, items: list) -> None:
    if not identical(list.__iter__(owner), items):
        list.__setitem__(owner, slice(None), items)


def write_set(owner: set, items: set) -> None:
    if set.__ne__(owner, items):
        set.clear(owner)
        set.update(owner, items)


def read_tensor(tensor: "Tensor") -> tuple:
    shared = plain(tensor)
    grad = tensor.grad if tensor.is_leaf else None
    return shared, shared.clone(), grad, tensor.requires_grad


def write_tensor(tensor: "Tensor", state: tuple) -> None:
    shared, numbers, grad, requires_grad = state
    if not same_numbers(shared, numbers):
        shared.data.copy_(numbers)
    if tensor.is_leaf:
        if tensor.data_ptr() != shared.data_ptr() or tensor.shape != shared.shape:
            tensor.data = shared
        tensor.requires_grad_(requires_grad)
        tensor.grad = grad


def same_tensor(one: tuple, other: tuple) -> bool:
    rest = one[2] is other[2] and one[3] is other[3]
    return rest and same_numbers(one[1], other[1])


def same_numbers(one: "Tensor", other: "Tensor") -> bool:
    from autograder.channel.with_torch import equal

    alike = one.shape == other.shape and one.dtype == other.dtype
    return alike and equal(one, other)


def write_array(owner: np.ndarray, numbers: np.ndarray) -> None:
    if owner.shape == numbers.shape and not np.array_equal(owner, numbers):
        writable = owner.flags.writeable
        if writable or owner.base is None:
            owner.flags.writeable = True
            np.ndarray.__setitem__(owner, ..., numbers)
            owner.flags.writeable = writable


def read_class(owner: type) -> dict:
    return dict(vars(owner))


def write_class(owner: type, items: dict) -> None:
    now = read_class(owner)
    for name in now.keys() - items.keys():
        type.__delattr__(owner, name)
    for name, value in items.items():
        if now.get(name, MISSING) is not value:
            type.__setattr__(owner, name, value)


def state_of(generator: np.random.Generator) -> dict:
    return generator.bit_generator.state


def set_state(generator: np.random.Generator, state: dict) -> None:
    generator.bit_generator.state = state


def same_array(one: Any, other: Any) -> bool:
    return one.shape == other.shape and one.tobytes() == other.tobytes()


TENSOR = Kind(read_tensor, write_tensor, same_tensor)
ARRAY = Kind(np.array, write_array, same_array)
CELL = Kind(contents, write_cell, lambda one, other: one is other)
CLASS = Kind(read_class, write_class, same_items)
DICT = Kind(lambda d: dict(dict.items(d)), write_dict, same_items)
LIST = Kind(lambda each: list(list.__iter__(each)), write_list, identical)
SET = Kind(lambda each: set(set.__iter__(each)), write_set, lambda a, b: a == b)
CONTAINERS: dict[Any, Kind] = {dict: DICT, list: LIST, set: SET}
WRITTEN = CONTAINERS | {np.ndarray: ARRAY}
GENERATORS: dict[type, Kind] = {
    np.random.Generator: Kind(state_of, set_state, lambda a, b: str(a) == str(b)),
    random.Random: Kind(
        random.Random.getstate, random.Random.setstate, lambda a, b: a == b
    ),
}


def container_kind(value: Any) -> Kind:
    """How a list, a dictionary, a set or an array is read, written and told apart."""
    return next(kind for base, kind in WRITTEN.items() if isinstance(value, base))


def generator_kind(kind: type) -> Kind | None:
    """How a random generator is read, written and told apart; None for all else."""
    torch = loaded("torch")
    return GENERATORS.get(kind) or (generators_of(torch).get(kind) if torch else None)


@cache
def generators_of(torch: Any) -> dict[type, Kind]:
    """The same for torch's."""
    from autograder.channel.with_torch import equal

    kind = torch.Generator
    return {kind: Kind(kind.get_state, kind.set_state, equal)}
