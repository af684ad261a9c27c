"""CSV files as people, spreadsheets and learning management systems write them."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.model import CourseError

BOMS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
# What a spreadsheet takes for the beginning of a formula.
FORMULA = ("=", "+", "-", "@", "\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}")
FORMULA += ("\N{FULLWIDTH HYPHEN-MINUS}", "\N{FULLWIDTH COMMERCIAL AT}", "|", "%")


@dataclass(frozen=True)
class Table:
    """A CSV file, and how it was written."""

    path: Path
    rows: list[list[str]]
    encoding: str = "utf-8"
    delimiter: str = ","
    line_end: str = "\r\n"

    @property
    def header(self) -> list[str]:
        """The names of the columns."""
        return [name.strip() for name in self.rows[0]]

    def column(self, *names: str) -> int | None:
        """The number of the first column with one of these names, in any case."""
        header = [name.casefold() for name in self.header]
        found = (header.index(n.casefold()) for n in names if n.casefold() in header)
        return next(found, None)

    def cell(self, row: int, column: int | None) -> str:
        """The text of a cell; empty where there is none."""
        if column is None or column >= len(self.rows[row]):
            return ""
        return self.rows[row][column].strip()

    def with_cells(self, cells: Mapping[tuple[int, int], str]) -> "Table":
        """The same table with other texts at (row, column)."""
        rows = [list(row) for row in self.rows]
        for (row, column), text in cells.items():
            rows[row] += [""] * (column + 1 - len(rows[row]))
            rows[row][column] = text
        return replace(self, rows=rows)

    def for_importer(self, columns: Sequence[int]) -> "Table":
        """These columns alone, with the commas that an importer expects.

        A spreadsheet may have saved the list with semicolons.
        """
        rows = [[row[c] if c < len(row) else "" for c in columns] for row in self.rows]
        return replace(self, rows=rows, delimiter=",")

    def to_bytes(self) -> bytes:
        """The file, in the encoding and with the delimiter that it came with."""
        buffer = io.StringIO(newline="")
        writer = csv.writer(
            buffer, delimiter=self.delimiter, lineterminator=self.line_end
        )
        writer.writerows(self.rows)
        return buffer.getvalue().encode(self.encoding)


def read_table(path: Path) -> Table:
    """Read a CSV file; CourseError says what is wrong with it."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CourseError(f"{path}: cannot be read ({error.strerror}).") from error
    encoding = BOMS.get(content[:2], "utf-8")
    if content.startswith(b"\xef\xbb\xbf"):
        encoding = "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeError:
        text = "\0"
    if "\0" in text:
        raise CourseError(f"{path}: not UTF-8 text; save it as “CSV UTF-8”.")
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    end = "\r\n" if first.endswith("\r") else "\n"
    try:
        lines = io.StringIO(text, newline="")
        rows = list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise CourseError(f"{path}: not a readable CSV file: {error}.") from error
    if not rows or len(rows[0]) < 1 or not any(rows[0]):
        raise CourseError(
            f"{path}: a CSV file with a line of column names was expected."
        )
    return Table(path, rows, encoding, delimiter, end)


def safe(value: object) -> object:
    """A cell's value: text that a spreadsheet would run as a formula gets a quote.

    Line breaks become spaces. Numbers stay numbers.
    """
    if not isinstance(value, str):
        return value
    line = " ".join(value.split())
    return f"'{line}" if line.startswith(FORMULA) else line
