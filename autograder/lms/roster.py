"""The class list that a learning management system gives, and takes back with grades.

Three kinds are known by their columns: Canvas's gradebook export, Moodle's grading
worksheet, and a plain list with the columns `student` and, if wanted, `name`, `lms_id`
and `received`. Every column that is not ours stays as it came.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from autograder.course.folder import Course
from autograder.lms.naming import same_name
from autograder.model import CourseError

BOMS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
PARTICIPANT = re.compile(r"\D*(\d+)")
NOTHING = ("", "-")


@dataclass(frozen=True)
class Person:
    """One student's row of a roster.

    `student` is the id in the gradebook, `lms_id` the number in the LMS, `others` what
    else the student may be called by. `received` is the LMS's own text for the time.
    """

    row: int
    student: str
    lms_id: str
    name: str
    others: tuple[str, ...] = ()
    received: str | None = None


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


@dataclass(frozen=True)
class Roster:
    """A class list; the kinds differ in where they find what."""

    table: Table

    @cached_property
    def people(self) -> list[Person]:
        """The students, in the order of the rows."""
        people = (self.person(row) for row in range(1, len(self.table.rows)))
        return [person for person in people if person is not None]

    def person(self, row: int) -> Person | None:
        """The student of a row; None for a row of another kind."""
        raise NotImplementedError

    @cached_property
    def names(self) -> dict[str, str]:
        """The students' names by their numbers in the LMS."""
        return {person.lms_id: person.name for person in self.people if person.lms_id}

    @cached_property
    def _index(self) -> list[dict[str, list[Person]]]:
        """By number, by id, by any other text, and by name: the surer ways first."""
        ways: list[dict[str, list[Person]]] = [{}, {}, {}, {}]
        for person in self.people:
            called = ([person.lms_id], [person.student], person.others)
            for way, texts in zip(ways, called, strict=False):
                for text in {text.casefold() for text in texts if text}:
                    way.setdefault(text, []).append(person)
            if name := same_name(person.name):
                ways[3].setdefault(name, []).append(person)
        return ways

    def find(self, lms_id: str | None, *called: str) -> Person | None:
        """The one student with this number, or called so; None for none or several."""
        by_number, by_id, by_text, by_name = self._index
        if lms_id is not None:
            return one(by_number.get(lms_id.casefold()))
        for text in called:
            for way, key in (
                (by_id, text.casefold()),
                (by_text, text.casefold()),
                (by_number, text.casefold()),
                (by_name, same_name(text)),
            ):
                if person := one(way.get(key)):
                    return person
        return None


def usable(text: str) -> str:
    """A text as a student's id: what no folder's name may hold becomes a dash."""
    text = unicodedata.normalize("NFC", " ".join(text.split()))
    return re.sub(r"[^\w.@+ -]", "-", text).lstrip(".@+- ")[:128]


def one(people: list[Person] | None) -> Person | None:
    """The only one of a list."""
    return people[0] if people and len(people) == 1 else None


@dataclass(frozen=True)
class CanvasRoster(Roster):
    """The gradebook as Canvas exports it."""

    def person(self, row: int) -> Person | None:
        """The student of a row; the row of the points is none."""
        table = self.table
        first = table.cell(row, 0)
        number = table.cell(row, table.column("ID"))
        if not number or first.startswith("Points Possible"):
            return None
        login = table.cell(row, table.column("SIS Login ID"))
        sis = table.cell(row, table.column("SIS User ID"))
        given = table.cell(row, table.column("FirstName"))
        others = tuple(text for text in (login, sis) if text)
        return Person(
            row, usable(login or sis or number), number, f"{first}{given}", others
        )


@dataclass(frozen=True)
class MoodleRoster(Roster):
    """A grading worksheet of Moodle."""

    def person(self, row: int) -> Person | None:
        """The student of a row."""
        table = self.table
        match = PARTICIPANT.fullmatch(table.cell(row, table.column("Identifier")))
        if match is None:
            return None
        texts = [
            table.cell(row, table.column(*names))
            for names in (("ID number",), ("Username",), ("Email address", "Email"))
        ]
        others = tuple(text for text in texts if text not in NOTHING)
        received = table.cell(row, table.column("Last modified (submission)"))
        return Person(
            row,
            usable(others[0] if others else match[1]),
            match[1],
            table.cell(row, table.column("Full name")),
            others,
            None if received in NOTHING else received,
        )


@dataclass(frozen=True)
class PlainRoster(Roster):
    """A list of one's own."""

    def person(self, row: int) -> Person | None:
        """The student of a row."""
        table = self.table
        student = usable(table.cell(row, table.column("student")))
        if not student:
            return None
        received = table.cell(row, table.column("received"))
        name = table.cell(row, table.column("name"))
        number = table.cell(row, table.column("lms_id"))
        return Person(row, student, number, name, received=received or None)


KINDS: Iterable[tuple[tuple[str, ...], type[Roster]]] = (
    (("Identifier", "Grade"), MoodleRoster),
    (("ID", "Section"), CanvasRoster),
    (("student",), PlainRoster),
)


def kept_roster(course: Course, assignment: str) -> Path:
    """The copy of the class list with which an assignment was collected."""
    return course.root / "rosters" / f"{assignment}.csv"


def read_roster(path: Path) -> Roster:
    """Read a class list of any known kind; CourseError when it is of none.

    Two rows with the same id would be one student: they are refused.
    """
    table = read_table(Path(path))
    for columns, kind in KINDS:
        if all(table.column(name) is not None for name in columns):
            roster = kind(table)
            break
    else:
        raise CourseError(
            f"{path}: not a class list: Canvas's gradebook (Student, ID, …, Section), "
            "Moodle's grading worksheet (Identifier, …, Grade; set Moodle to English "
            "when you download it) or a column “student” was expected."
        )
    seen: dict[str, int] = {}
    for person in roster.people:
        key = person.student.casefold()
        if key in seen:
            raise CourseError(
                f"{path}: rows {seen[key] + 1} and {person.row + 1} are both "
                f"{person.student}."
            )
        seen[key] = person.row
    if not roster.people:
        raise CourseError(f"{path}: there is no student in it.")
    return roster
