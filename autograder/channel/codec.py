"""Plain values as JSON and bytes: exact types only, and every length is checked.

A scalar stands for itself; everything else is a list that starts with its tag. What is
no plain value goes to `other`, which each side defines. The bytes of arrays follow
one another in the order in which they are packed and unpacked.
"""

from collections import OrderedDict
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import cache
from operator import attrgetter
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from autograder.channel.dates import KINDS, pack_date
from autograder.channel.frames import TooLargeError
from autograder.channel.libraries import loaded

if TYPE_CHECKING:
    from torch import Tensor

DEPTH = 32
ITEMS = 100_000
ENTRIES = 10_000  # of a dictionary or a set
TEXT = 1_000_000  # characters
LARGEST = 1 << 24  # items of one message that take room where they are not sent
LENGTH = 4000  # digits
DIGITS = 10**LENGTH
DIMS = 16
LONGEST = 1 << 40  # of a number of items
Node = Any

DTYPES = frozenset(
    {
        *("float16", "bfloat16", "float32", "float64", "complex64", "complex128"),
        *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        "bool",
    }
)
ARRAY_DTYPES = {
    name: np.dtype(name) for name in DTYPES if name not in ("bfloat16", "bool")
}
ARRAY_DTYPES |= {"bool": np.dtype(bool), "longdouble": np.dtype(np.longdouble)}
ARRAY_DTYPES |= {"clongdouble": np.dtype(np.clongdouble)}
ARRAY_DTYPES |= {
    name: np.dtype(name)
    for kind in ("datetime64", "timedelta64")
    for unit in ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns")
    for name in [f"{kind}[{unit}]"]
}
ARRAY_NAMES = {dtype: name for name, dtype in ARRAY_DTYPES.items()}
SCALARS = {
    kind: ARRAY_NAMES[np.dtype(kind)]
    for kind in np.sctypeDict.values()
    if np.dtype(kind) in ARRAY_NAMES
}
# A subclass of these crosses as the plain number that it is.
BASES: dict[type, Callable[[Any], Any]] = {
    int: int.__int__,
    float: float.__float__,
    complex: complex.__complex__,
}


class Packer:
    """Turns one message's values into nodes, and collects their bytes."""

    def __init__(self) -> None:
        self.buffers: list[Any] = []
        self.items = 0
        self.room = 0

    def make_room(self, size: int) -> None:
        """Count what takes more room than its message; TooLargeError for too much."""
        self.room += size
        if self.room > LARGEST:
            raise TooLargeError("the value needs too much room to be passed on")

    def pack(self, value: Any, depth: int = 0) -> Node:
        """Return the node of a value.

        Raises TooLargeError for what is too large or too deep.
        """
        self.items += 1
        if self.items > ITEMS:
            raise TooLargeError("the value has too many parts to be passed on")
        kind = type(value)
        if value is None or kind is bool or kind is float:
            return value
        if kind is int and -DIGITS < value < DIGITS:
            return value
        if kind is str and len(value) <= TEXT:
            return value
        if depth >= DEPTH:
            raise TooLargeError("the value is nested too deeply to be passed on")
        how = PACK.get(kind) or of_a_library(kind)
        if how is None and (base := base_of(kind)):
            return self.pack(BASES[base](value), depth)
        return getattr(self, how or "other")(value, depth)

    def other(self, value: Any, depth: int) -> Node:
        """Return the node of what is no plain value; each side has its own way."""
        raise TypeError(f"{type(value).__name__} is no plain value")

    def sequence(self, value: Any, depth: int) -> Node:
        tag = {list: "l", tuple: "t", set: "set", frozenset: "fset"}[type(value)]
        if tag not in "lt" and len(value) > ENTRIES:
            raise TooLargeError("the set is too large to be passed on")
        return [tag, [self.pack(item, depth + 1) for item in value]]

    def mapping(self, value: Any, depth: int) -> Node:
        if len(value) > ENTRIES:
            raise TooLargeError("the dictionary is too large to be passed on")
        pairs = [
            [self.pack(key, depth + 1), self.pack(item, depth + 1)]
            for key, item in value.items()
        ]
        return ["od" if type(value) is OrderedDict else "d", pairs]

    def several(self, value: Any, depth: int) -> Node:
        if type(value) is complex:
            return ["c", value.real, value.imag]
        tag = "range" if type(value) is range else "slice"
        bounds = (value.start, value.stop, value.step)
        return [tag, *(self.pack(bound, depth + 1) for bound in bounds)]

    def exact(self, value: Any, depth: int) -> Node:
        """Pack a number of any length: a fraction, or a decimal."""
        if type(value) is Decimal:
            _, digits, exponent = value.as_tuple()
            if len(digits) > LENGTH or not is_short(exponent):
                raise TooLargeError("the number is too long to be passed on")
            return ["dec", str(value)]
        parts = [self.pack(part, depth + 1) for part in value.as_integer_ratio()]
        return ["frac", *parts]

    def dots(self, value: Any, depth: int) -> Node:
        return ["dots"]

    def size(self, value: Any, depth: int) -> Node:
        return ["size", *value]

    def dtype(self, value: Any, depth: int) -> Node:
        return ["dtype", dtype_name(value)]

    def device(self, value: Any, depth: int) -> Node:
        return ["device", str(value)]

    def bytes(self, value: bytes, depth: int) -> Node:
        self.buffers.append(value)
        return ["b", len(value)]

    def array(self, value: np.ndarray, depth: int) -> Node:
        if is_text(value):
            return self.text(value)
        name = ARRAY_NAMES.get(value.dtype)
        if name is None or value.ndim > DIMS:
            return self.other(value, depth)
        self.buffers.append(array_bytes(value))
        return ["a", name, list(value.shape)]

    def word(self, value: np.str_ | np.bytes_, depth: int) -> Node:
        """Pack one text of numpy's as the plain text that it is."""
        kind = str if isinstance(value, str) else bytes
        return self.pack(kind(value), depth)

    def scalar(self, value: np.generic, depth: int) -> Node:
        name = ARRAY_NAMES.get(value.dtype)
        if name is None:
            return self.other(value, depth)
        self.buffers.append(value.tobytes())
        return ["s", name]

    def text(self, value: np.ndarray) -> Node:
        """Pack an array of texts of at most so many characters."""
        self.items += value.size
        if self.items > ITEMS:
            raise TooLargeError("the array has too many texts to be passed on")
        width = value.dtype.itemsize // 4
        self.make_room(width * value.size)
        return ["u", width, list(value.shape), value.reshape(-1).tolist()]

    def date(self, value: Any, depth: int) -> Node:
        return pack_date(value) or self.other(value, depth)

    def table(self, value: Any, depth: int) -> Node:
        """Pack a table of pandas; each side has its own way."""
        return self.other(value, depth)

    def tensor(self, value: "Tensor", depth: int) -> Node:
        return self.data(value) if is_plain(value) else self.other(value, depth)

    def data(self, value: "Tensor") -> Node:
        """Return the node of a tensor's numbers; its gradient is another's business."""
        self.buffers.append(tensor_bytes(value))
        name = dtype_name(value.dtype)
        return ["T", name, list(value.shape), str(value.device)]


# By name, because a subclass packs some of them in its own way.
PACK: dict[type, str] = {
    **dict.fromkeys((list, tuple, set, frozenset), "sequence"),
    **dict.fromkeys((dict, OrderedDict), "mapping"),
    **dict.fromkeys((*SCALARS, np.datetime64, np.timedelta64), "scalar"),
    **dict.fromkeys((np.str_, np.bytes_), "word"),
    **dict.fromkeys(KINDS, "date"),
    **dict.fromkeys((complex, range, slice), "several"),
    **dict.fromkeys((Fraction, Decimal), "exact"),
    type(...): "dots",
    bytes: "bytes",
    np.ndarray: "array",
}


# The same of libraries that a course may use or not.
OF_LIBRARIES: dict[str, dict[str, str]] = {
    "torch": {
        **dict.fromkeys(("Tensor", "nn.Parameter"), "tensor"),
        "Size": "size",
        "dtype": "dtype",
        "device": "device",
    },
    "pandas": dict.fromkeys(
        (
            *("DataFrame", "Series", "Index", "RangeIndex", "DatetimeIndex"),
            *("TimedeltaIndex", "CategoricalIndex", "MultiIndex"),
            *("Timestamp", "Timedelta", "NaT.__class__", "NA.__class__"),
        ),
        "table",
    ),
}


def of_a_library(kind: type) -> str | None:
    """How a kind of value is packed that is a library's own; None for any other."""
    for name in OF_LIBRARIES:
        library = loaded(name)
        if library and (how := kinds_of(name, library).get(kind)):
            return how
    return None


@cache
def kinds_of(name: str, library: ModuleType) -> dict[type, str]:
    """How the kinds of values of a library are packed, now that it is loaded."""
    kinds = OF_LIBRARIES[name].items()
    return {attrgetter(path)(library): how for path, how in kinds}


@cache
def dtype_name(dtype: Any) -> str:
    """The name of a dtype of torch."""
    return str(dtype).removeprefix("torch.")


def base_of(kind: type) -> type | None:
    """The plain type of which this is a subclass, if it is one."""
    return next((base for base in BASES if issubclass(kind, base)), None)


def is_text(value: np.ndarray) -> bool:
    """Whether an array holds texts of a fixed width, and may cross as such."""
    return value.dtype.kind == "U" and value.dtype.isnative and value.ndim <= DIMS


def is_short(exponent: Any) -> bool:
    """Whether an integer would not be much longer than a decimal of this exponent."""
    return type(exponent) is not int or -LENGTH <= exponent <= LENGTH


def is_plain(value: "Tensor") -> bool:
    """Whether a tensor is dense numbers of a dtype that may cross."""
    import torch

    return (
        value.layout == torch.strided
        and dtype_name(value.dtype) in DTYPES
        and not value.is_meta
        and not value.is_nested
        and value.ndim <= DIMS
    )


def tensor_bytes(value: "Tensor") -> np.ndarray:
    """Return a dense tensor's numbers as bytes on the CPU, without a copy if it can."""
    import torch

    value = torch.Tensor.detach(value).resolve_conj().resolve_neg().cpu().contiguous()
    if not value.numel():  # it has no view of another dtype
        return np.empty(0, np.uint8)
    # One number counts as contiguous whatever its stride; a view of bytes minds it.
    flat = value.as_strided((value.numel(),), (1,))
    return flat.view(torch.uint8).numpy()


def array_bytes(value: np.ndarray) -> np.ndarray:
    """Return an array's numbers as bytes, without a copy if it can."""
    return np.array(value, order="C", copy=None).reshape(-1).view(np.uint8)
