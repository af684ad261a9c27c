"""Tables of pandas as plain columns: a DataFrame, a Series, an Index; no pickle.

A column crosses as an array, or as a list of plain cells. What has another kind of
column, and what is a subclass, stays where it is. Whoever reads believes nothing: as
many names as columns, as many cells as the index has, each exactly of a plain type.
"""

import re
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from autograder.channel.codec import ARRAY_NAMES, ENTRIES, ITEMS, SCALARS, Node, Packer
from autograder.channel.dates import KINDS
from autograder.channel.frames import ProtocolError, TooLargeError
from autograder.channel.libraries import loaded, needed
from autograder.channel.strict import Unpacker, exact

PLAIN = frozenset(
    {type(None), bool, int, float, complex, str, bytes, Decimal, Fraction}
)
PLAIN |= {*KINDS, *SCALARS, np.datetime64, np.timedelta64, np.str_, np.bytes_}
LEVELS = 32
UNITS = ("s", "ms", "us", "ns")
FREQUENCY = re.compile(r"-?\d{0,6}[A-Za-z]{1,6}(-\d?[A-Z]{3})?", flags=re.ASCII)
MASKED = ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
MASKED += ("Float32", "Float64", "boolean")


class StaysError(Exception):
    """A part of a table cannot cross, so the table does not."""


def pack_table(value: Any, packer: Packer, depth: int) -> Node | None:
    """The node of a table, of a part of one, or of one cell; None if it stays."""
    before, items = len(packer.buffers), packer.items
    try:
        return TablePacker(packer, depth).pack(value)
    except StaysError:
        del packer.buffers[before:]
        packer.items = items
        return None


class TablePacker:
    """Packs one table into a message."""

    def __init__(self, packer: Packer, depth: int) -> None:
        self.packer, self.depth, self.pandas = packer, depth, loaded("pandas")

    def pack(self, value: Any) -> Node:
        """The node of what is exactly one of the kinds that cross."""
        pd = self.pandas
        if type(value) is pd.DataFrame:
            index, labels = self.index(value.index), self.index(value.columns)
            columns = [self.column(value.iloc[:, i]) for i in range(value.shape[1])]
            return ["frame", index, labels, columns]
        if type(value) is pd.Series:
            index, cells = self.index(value.index), self.column(value)
            return ["series", index, cells, self.label(value)]
        if isinstance(value, pd.Index):
            return self.index(value)
        return self.moment(value)

    def label(self, value: Any) -> Node:
        """The node of a name: a plain cell, or a tuple of such."""
        name = value.name
        if type(name) is tuple:
            return ["t", [self.cell(part) for part in name]]
        return self.cell(name)

    def moment(self, value: Any) -> Node:
        """The node of a point in time or a span of pandas, or of what is missing."""
        pd = self.pandas
        if value is pd.NaT or value is pd.NA:
            return ["missing", "NaT" if value is pd.NaT else "NA"]
        if type(value) is pd.Timedelta:
            return ["stamp", "m", value.unit, value.asm8.view("i8").item(), False]
        if value.tz is not None and str(value.tz) != "UTC":
            raise StaysError
        utc = value.tz is not None
        return ["stamp", "M", value.unit, value.asm8.view("i8").item(), utc]

    def cell(self, value: Any) -> Node:
        """The node of a plain cell."""
        if not is_plain_cell(value):
            raise StaysError
        return self.packer.pack(value, self.depth + 1)

    def index(self, value: Any) -> Node:
        """The node of an index, or of the names of columns."""
        pd = self.pandas
        if type(value) is pd.RangeIndex:
            self.packer.make_room(len(value))
            bounds = (value.start, value.stop, value.step)
            return ["rangeindex", *map(int, bounds), self.label(value)]
        if type(value) is pd.MultiIndex:
            if value.nlevels > LEVELS:
                raise TooLargeError("an index has too many levels to be passed on")
            levels = [self.distinct(level) for level in value.levels]
            codes = [self.array(np.asarray(each, np.int64)) for each in value.codes]
            return ["multiindex", levels, codes, [self.cell(n) for n in value.names]]
        if type(value) not in simple_indexes(pd):
            raise StaysError
        freq = self.frequency(getattr(value, "freq", None), len(value))
        return ["index", self.column(value), freq, self.label(value)]

    def distinct(self, value: Any) -> Node:
        """The node of the different values of a level, or of categories."""
        if not is_soon_seen_distinct(value):
            raise TooLargeError("a table has too many different values in no order")
        return self.index(value)

    def frequency(self, freq: Any, length: int) -> str | None:
        """The name of a frequency; an index stays whose frequency is more than that."""
        if freq is None:
            return None
        name = freq.freqstr
        named = FREQUENCY.fullmatch(name) and self.pandas.tseries.frequencies
        if not named or named.to_offset(name) != freq:
            raise StaysError
        if length > ITEMS and not is_regular(freq, self.pandas):
            raise TooLargeError("an index has too many moments to be passed on")
        return name

    def array(self, value: np.ndarray) -> Node:
        """The node of an array of numbers, dates or truth values."""
        if value.dtype not in ARRAY_NAMES:
            raise StaysError
        return Packer.array(self.packer, value, self.depth)

    def column(self, value: Any) -> Node:
        """The node of the cells of a Series or an Index."""
        pd, dtype = self.pandas, value.dtype
        if isinstance(dtype, np.dtype) and not dtype.hasobject:
            return ["numbers", self.array(value.to_numpy())]
        if isinstance(dtype, pd.StringDtype):
            kind = "string" if dtype.na_value is pd.NA else "str"
            # numpy's texts among them are of a subclass: their characters count.
            cells = [str.__str__(c) if isinstance(c, str) else None for c in value]
            return ["strings", kind, dtype.storage, self.cells(cells)]
        if isinstance(dtype, np.dtype):
            return ["cells", self.cells(value)]
        if isinstance(dtype, pd.CategoricalDtype):
            codes = self.array(np.asarray(value.array.codes, np.int64))
            return ["category", codes, self.distinct(dtype.categories), dtype.ordered]
        if dtype.name in MASKED:
            missing = np.asarray(value.isna())
            kind = dtype.numpy_dtype
            numbers = value.array.to_numpy(dtype=kind, na_value=kind.type(0))
            return ["masked", dtype.name, self.array(numbers), self.array(missing)]
        if isinstance(dtype, pd.DatetimeTZDtype) and str(dtype.tz) == "UTC":
            plain = value.array.tz_localize(None)
            return ["utc", self.array(np.asarray(plain))]
        raise StaysError

    def cells(self, values: Any) -> list[Node]:
        """The nodes of plain cells."""
        if len(values) > ITEMS:
            raise TooLargeError("the table has too many cells to be passed on")
        return [self.cell(value) for value in values]


def is_plain_cell(value: Any) -> bool:
    """Whether a value is exactly of a type that a cell may have."""
    pd = loaded("pandas")
    more = (pd.Timestamp, pd.Timedelta, type(pd.NaT), type(pd.NA)) if pd else ()
    return type(value) in PLAIN or type(value) in more


def simple_indexes(pd: Any) -> tuple[type, ...]:
    """The kinds of an index that are one column."""
    return pd.Index, pd.DatetimeIndex, pd.TimedeltaIndex, pd.CategoricalIndex


def is_regular(frequency: Any, pandas: Any) -> bool:
    """Whether moments of this frequency have one distance: pandas steps through none.

    Any other takes pandas a step of Python for each moment.
    """
    return isinstance(frequency, (pandas.offsets.Tick, pandas.offsets.Day))


def is_soon_seen_distinct(index: Any) -> bool:
    """Whether it takes little time to see that no two values are equal.

    Values of equal hashes, which are easily found, take the square of their number;
    those in order are compared with their neighbours alone.
    """
    return len(index) <= ENTRIES or index.is_monotonic_increasing


class TableUnpacker:
    """Reads one table; a lie about it is a ProtocolError, or what MALFORMED names."""

    def __init__(self, unpacker: Unpacker, depth: int) -> None:
        self.unpacker, self.depth = unpacker, depth + 1
        self.pandas = needed("pandas")

    def frame(self, index: Node, labels: Node, columns: Node) -> Any:
        index, labels = self.any_index(index), self.any_index(labels)
        cells = [self.column(each) for each in exact(columns, list)]
        if len(cells) != len(labels) or any(len(c) != len(index) for c in cells):
            raise ProtocolError("a table has columns of another length than its index")
        series = [self.pandas.Series(each, dtype=each.dtype) for each in cells]
        frame = self.pandas.DataFrame(dict(enumerate(series)), range(len(index)))
        frame.index, frame.columns = index, labels
        return frame

    def series(self, index: Node, cells: Node, name: Node) -> Any:
        index, cells = self.any_index(index), self.column(cells)
        if len(cells) != len(index):
            raise ProtocolError("a column has another length than its index")
        return self.pandas.Series(cells, index, cells.dtype, self.label(name))

    def rangeindex(self, start: Any, stop: Any, step: Any, name: Node) -> Any:
        bounds = [exact(bound, int) for bound in (start, stop, step)]
        self.unpacker.make_room(len(range(*bounds)))
        return self.pandas.RangeIndex(*bounds, name=self.label(name))

    def multiindex(self, levels: Node, codes: Node, names: Node) -> Any:
        if len(exact(levels, list)) > LEVELS:
            raise ProtocolError("an index has too many levels")
        levels = [self.distinct(level) for level in levels]
        codes = [self.array(each, "int64") for each in exact(codes, list)]
        names = [self.cell(name) for name in exact(names, list)]
        return self.pandas.MultiIndex(levels=levels, codes=codes, names=names)

    def index(self, cells: Node, freq: Any, name: Node) -> Any:
        cells, name = self.column(cells), self.label(name)
        if freq is not None:
            named = FREQUENCY.fullmatch(exact(freq, str))
            if cells.dtype.kind not in "mM" or not named:
                raise ProtocolError("an index has a malformed frequency")
            offset = self.pandas.tseries.frequencies.to_offset(freq)
            if len(cells) > ITEMS and not is_regular(offset, self.pandas):
                raise ProtocolError("an index has too many moments")
            is_span = cells.dtype.kind == "m"
            kind = self.pandas.TimedeltaIndex if is_span else self.pandas.DatetimeIndex
            return kind(cells, freq=freq, name=name)
        return self.pandas.Index(cells, dtype=cells.dtype, name=name)

    def missing(self, which: Any) -> Any:
        return {"NaT": self.pandas.NaT, "NA": self.pandas.NA}[exact(which, str)]

    def stamp(self, kind: Any, unit: Any, number: Any, utc: Any) -> Any:
        if unit not in UNITS or type(unit) is not str:
            raise ProtocolError("a point in time is malformed")
        exact(number, int)
        if exact(kind, str) == "m":
            return self.pandas.Timedelta(np.timedelta64(number, unit))
        stamp = self.pandas.Timestamp(np.datetime64(number, unit))
        return stamp.tz_localize("UTC") if exact(utc, bool) else stamp

    # --- parts ------------------------------------------------------------------------

    def any_index(self, node: Node) -> Any:
        """An index, and nothing else."""
        tag, *rest = exact(node, list)
        if tag not in ("index", "rangeindex", "multiindex"):
            raise ProtocolError("a table has something else where an index is due")
        self.depth += 1
        if self.depth > 40:
            raise ProtocolError("a table is nested too deeply")
        try:
            return getattr(self, tag)(*rest)
        finally:
            self.depth -= 1

    def distinct(self, node: Node) -> Any:
        """An index whose values pandas will compare, to see that no two are equal."""
        index = self.any_index(node)
        if not is_soon_seen_distinct(index):
            raise ProtocolError("a table has too many different values in no order")
        return index

    def column(self, node: Node) -> Any:
        """The cells of a column: an array of numpy or of pandas."""
        tag, *rest = exact(node, list)
        pd = self.pandas
        if tag == "numbers":
            return self.array(*rest)
        if tag == "strings":
            kind, storage, cells = rest
            return self.strings(kind, storage, cells)
        if tag == "cells":
            (cells,) = rest
            found = np.empty(len(exact(cells, list)), object)
            for place, cell in enumerate(cells):
                found[place] = self.cell(cell)
            return found
        if tag == "category":
            codes, categories, ordered = rest
            codes = self.array(codes, "int64")
            categories = self.distinct(categories)
            ordered = exact(ordered, bool)
            return pd.Categorical.from_codes(codes, categories, ordered=ordered)
        if tag == "masked":
            name, numbers, missing = rest
            return self.masked(name, self.array(numbers), self.array(missing, "bool"))
        if tag == "utc":
            return pd.DatetimeIndex(self.array(*rest)).tz_localize("UTC").array
        raise ProtocolError("a table has an unknown kind of column")

    def strings(self, kind: Any, storage: Any, cells: Node) -> Any:
        if kind not in ("str", "string") or storage not in ("python", "pyarrow"):
            raise ProtocolError("a column of texts is malformed")
        if any(c is not None and type(c) is not str for c in exact(cells, list)):
            raise ProtocolError("a column of texts has something else in it")
        na = np.nan if kind == "str" else self.pandas.NA
        dtype = self.pandas.StringDtype(storage, na)
        cells = [self.unpacker.unpack(cell, self.depth) for cell in cells]
        return self.pandas.array(cells, dtype=dtype)

    def masked(self, name: Any, numbers: np.ndarray, missing: np.ndarray) -> Any:
        pd = self.pandas
        if exact(name, str) not in MASKED or len(numbers) != len(missing):
            raise ProtocolError("a column of numbers is malformed")
        kinds = {"b": pd.arrays.BooleanArray, "f": pd.arrays.FloatingArray}
        kind = kinds.get(numbers.dtype.kind, pd.arrays.IntegerArray)
        made = kind(numbers, missing)
        if made.dtype.name != name:
            raise ProtocolError("a column of numbers has another dtype than it says")
        return made

    def array(self, node: Node, dtype: str | None = None) -> np.ndarray:
        """An array of one dimension, of this dtype if one is named."""
        found = self.unpacker.unpack(node, self.depth)
        if type(found) is not np.ndarray or found.ndim != 1:
            raise ProtocolError("a table has something else where an array is due")
        if dtype and found.dtype != np.dtype(dtype):
            raise ProtocolError("a table has an array of another dtype than is due")
        return found

    def cell(self, node: Node) -> Any:
        """A plain cell, and no object of anybody's."""
        value = self.unpacker.unpack(node, self.depth)
        if not is_plain_cell(value):
            raise ProtocolError("a table has something else where a cell is due")
        return value

    def label(self, node: Node) -> Any:
        """A name: a cell, or a tuple of cells."""
        if type(node) is list and node[:1] == ["t"]:
            _, parts = node
            return tuple(self.cell(part) for part in exact(parts, list))
        return self.cell(node)


TAGS = ("frame", "series", "index", "rangeindex", "multiindex", "missing", "stamp")


def unpack_table(unpacker: Unpacker, tag: str, rest: list[Node], depth: int) -> Any:
    """The table, or part of one, of a node."""
    try:
        return getattr(TableUnpacker(unpacker, depth), tag)(*rest)
    except Exception as error:  # whatever pandas says of what is none
        raise ProtocolError(f"a table's part {tag!r} is malformed") from error
