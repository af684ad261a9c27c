"""Nodes back to values; strict, for the other side may lie.

Every wrong tag, type, length, dtype or shape raises ProtocolError before it is used.
"""

import math
import re
from collections import OrderedDict
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from autograder.channel.codec import (
    ARRAY_DTYPES,
    DEPTH,
    DIMS,
    DTYPES,
    ENTRIES,
    ITEMS,
    LARGEST,
    LENGTH,
    LONGEST,
    TEXT,
    Node,
    is_short,
)
from autograder.channel.dates import SHAPES, unpack_date
from autograder.channel.frames import ProtocolError
from autograder.channel.libraries import needed

if TYPE_CHECKING:
    import torch
    from torch import Tensor

MALFORMED = (TypeError, ValueError, ArithmeticError, LookupError, RuntimeError)
DECIMAL = re.compile(r"-?(\d+(\.\d+)?(E[+-]?\d+)?|Infinity|s?NaN\d*)", flags=re.ASCII)


class Unpacker:
    """Turns the nodes of one message back into values; strict, it trusts nothing.

    Every wrong node, length or dtype raises ProtocolError.
    """

    def __init__(self, body: memoryview) -> None:
        self.body = body
        self.used = 0
        self.items = 0
        self.room = 0

    def unpack(self, node: Node, depth: int = 0) -> Any:
        """Return the value of a node."""
        self.items += 1
        if self.items > 2 * ITEMS or depth > DEPTH + 1:
            raise ProtocolError("a value is too large")
        if node is None or type(node) in (bool, float, int, str):
            return node
        if type(node) is not list or not node or type(node[0]) is not str:
            raise ProtocolError("a value has no tag")
        tag, *rest = node
        unpack = UNPACK.get(tag)
        try:
            if unpack is None:
                return self.other(tag, rest, depth)
            return unpack(self, tag, rest, depth)
        except MALFORMED as error:
            raise ProtocolError(f"a value of kind {tag[:10]!r} is malformed") from error

    def other(self, tag: str, rest: list[Node], depth: int) -> Any:
        """Return the value of a node that is none of the plain ones."""
        raise ProtocolError("a value has an unknown tag")

    def finish(self) -> None:
        """Raise ProtocolError unless all bytes were used."""
        if self.used != len(self.body):
            raise ProtocolError("a message has bytes that nothing uses")

    def take(self, size: int) -> memoryview:
        if size > len(self.body) - self.used:
            raise ProtocolError("a message has too few bytes")
        self.used += size
        return self.body[self.used - size : self.used]

    def make_room(self, size: int) -> None:
        """Count what takes more room than its message; ProtocolError for too much."""
        self.room += size
        if self.room > LARGEST:
            raise ProtocolError("a message needs more room than there is")

    def sequence(self, tag: str, rest: list[Node], depth: int) -> Any:
        (items,) = rest
        kind = {"l": list, "t": tuple, "set": set, "fset": frozenset}[tag]
        if tag not in "lt":
            few(items)
        return kind([self.unpack(item, depth + 1) for item in exact(items, list)])

    def mapping(self, tag: str, rest: list[Node], depth: int) -> Any:
        (pairs,) = rest
        found = OrderedDict() if tag == "od" else {}
        few(pairs)
        for key, item in pairs:
            name = self.unpack(key, depth + 1)
            found[name] = self.unpack(item, depth + 1)
        return found

    def numbers(self, kind: type, rest: list[Node]) -> list[Any]:
        return [exact(item, kind) for item in rest]

    def fraction(self, tag: str, rest: list[Node], depth: int) -> Fraction:
        above, below = (self.unpack(part, depth + 1) for part in rest)
        return Fraction(exact(above, int), exact(below, int))

    def decimal(self, tag: str, rest: list[Node], depth: int) -> Decimal:
        (text,) = rest
        if len(exact(text, str)) > LENGTH + 20 or not DECIMAL.fullmatch(text):
            raise ProtocolError("a decimal number is malformed")
        value = Decimal(text)
        if not is_short(value.as_tuple().exponent):
            raise ProtocolError("a decimal number is out of range")
        return value

    def bytes(self, tag: str, rest: list[Node], depth: int) -> bytes:
        (size,) = rest
        return bytes(self.take(natural(size)))

    def array(self, tag: str, rest: list[Node], depth: int) -> np.ndarray:
        name, shape = rest
        return self.filled(ARRAY_DTYPES.get(exact(name, str)), shape)

    def scalar(self, tag: str, rest: list[Node], depth: int) -> np.generic:
        (name,) = rest
        return self.filled(ARRAY_DTYPES.get(exact(name, str)), [])[()]

    def filled(self, dtype: np.dtype | None, shape: Node) -> np.ndarray:
        if dtype is None:
            raise ProtocolError("an array has an unknown dtype")
        shape = checked_shape(shape)
        raw = self.take(math.prod(shape) * dtype.itemsize)
        array = np.frombuffer(raw, np.uint8).copy()
        if dtype.kind == "b" and array.size and array.max() > 1:
            raise ProtocolError("a truth value is neither 0 nor 1")
        return array.view(dtype).reshape(shape)

    def texts(self, tag: str, rest: list[Node], depth: int) -> np.ndarray:
        """Return an array of texts, none of them longer than it says."""
        width, shape, cells = rest
        if math.prod(checked_shape(shape)) != len(exact(cells, list)):
            raise ProtocolError("an array of texts has another size than it says")
        self.make_room(natural(width, TEXT) * len(cells))
        if any(len(exact(cell, str)) > width for cell in cells):
            raise ProtocolError("an array of texts has a longer one than it says")
        return np.array(cells, f"<U{width}").reshape(shape)

    def tensor(self, tag: str, rest: list[Node], depth: int) -> "Tensor":
        torch = needed("torch")
        name, shape, device = rest
        dtype = torch_dtype(name)
        shape = checked_shape(shape)
        raw = self.take(math.prod(shape) * dtype.itemsize)
        data = np.frombuffer(raw, np.uint8).copy()
        if dtype is torch.bool and data.size and data.max() > 1:
            raise ProtocolError("a truth value is neither 0 nor 1")
        flat = torch.from_numpy(data)
        value = (flat.view(dtype) if data.size else flat.to(dtype)).reshape(shape)
        place = available(exact(device, str))
        return value if place is None else value.to(place)


def exact(value: Any, kind: type) -> Any:
    """Return a value of exactly this type; ProtocolError if it is another."""
    if type(value) is not kind:
        raise ProtocolError(
            f"a message has something else where {kind.__name__} is due"
        )
    return value


def few(entries: Any) -> None:
    """Raise ProtocolError for more entries than a table of equal hashes stands."""
    if len(exact(entries, list)) > ENTRIES:
        raise ProtocolError("a dictionary or a set is too large")


def natural(value: Any, limit: int = LONGEST) -> int:
    """Return a whole number from 0 to `limit`; ProtocolError if it is none."""
    if not 0 <= exact(value, int) <= limit:
        raise ProtocolError("a message has a number out of range")
    return value


def checked_shape(shape: Node) -> list[int]:
    """Return the dimensions of an array, of which there are few."""
    if len(exact(shape, list)) > DIMS:
        raise ProtocolError("an array has too many dimensions")
    natural(math.prod(natural(size) or 1 for size in shape))
    return shape


def torch_dtype(name: Any) -> "torch.dtype":
    """Return the dtype with this name; ProtocolError if it may not cross."""
    if exact(name, str) not in DTYPES:
        raise ProtocolError("a tensor has an unknown dtype")
    return getattr(needed("torch"), name)


def available(device: str) -> "torch.device | None":
    """Return the device if it is a GPU that is here, else None: the CPU will do."""
    torch = needed("torch")
    if device == "cpu" or not torch.cuda.is_available():
        return None
    kind, _, index = device.partition(":")
    if kind != "cuda" or (index and not index.isdecimal()):
        return None
    here = int(index or 0) < torch.cuda.device_count()
    return torch.device(device) if here else None


UNPACK: dict[str, Callable[[Unpacker, str, list[Node], int], Any]] = {
    **dict.fromkeys(("l", "t", "set", "fset"), Unpacker.sequence),
    **dict.fromkeys(("d", "od"), Unpacker.mapping),
    "b": Unpacker.bytes,
    "frac": Unpacker.fraction,
    "dec": Unpacker.decimal,
    "a": Unpacker.array,
    "s": Unpacker.scalar,
    "T": Unpacker.tensor,
    "u": Unpacker.texts,
    **dict.fromkeys(SHAPES, lambda self, tag, rest, _: unpack_date(tag, rest)),
    "c": lambda self, _, rest, __: complex(*self.numbers(float, rest)),
    "range": lambda self, _, rest, __: range(*self.numbers(int, rest)),
    "slice": lambda self, _, rest, depth: slice(
        *(self.unpack(item, depth + 1) for item in rest)
    ),
    "dots": lambda *_: ...,
    "size": lambda self, _, rest, __: needed("torch").Size(self.numbers(int, rest)),
    "dtype": lambda self, _, rest, __: torch_dtype(rest[0]),
    "device": lambda self, _, rest, __: needed("torch").device(exact(rest[0], str)),
}
