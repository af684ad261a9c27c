"""Canvas: the names in its downloads, its gradebook.

A download (lib/content_zipper.rb): files `lastfirst_LATE_USER_FILE_name.ipynb`, where
LATE is there for a late one only, USER is Canvas's id of the student and FILE of the
file. With anonymous grading `anon_ID` stands in place of name and USER.

The importer (lib/gradebook_importer.rb) wants its own columns and the column of the
assignment, `Title (number)`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar

from autograder.course.folder import begins_as
from autograder.lms.base import (
    TYPED,
    Handed,
    Known,
    Person,
    Place,
    Roster,
    Target,
    Top,
    may_be_work,
    number_in,
    renamed,
    same_name,
    stray,
    usable,
)
from autograder.model import CourseError

NAME = re.compile(
    r"(?:(?P<name>.+?)_)??(?P<late>late_)?(?:(?P<anon>anon_[a-z0-9]+)|(?P<id>\d+))_"
    r"(?:\d+_(?P<file>.+)|(?P<typed>text|link)\.html)",
    re.IGNORECASE | re.DOTALL,
)
NAME_WITH_NUMBER = re.compile(
    r"(?P<name>.+?_\d+)_(?P<late>late_)?(?P<anon>(?!))?(?P<id>\d+)_"
    r"(?:\d+_(?P<file>.+)|(?P<typed>text|link)\.html)",
    re.IGNORECASE | re.DOTALL,
)
NAME_OF_DIGITS = re.compile(
    r"(?P<name>\d+)_(?P<late>late_)?(?P<anon>(?!))?(?P<id>\d+)_"
    r"(?:\d+_(?P<file>.+)|(?P<typed>text|link)\.html)",
    re.IGNORECASE | re.DOTALL,
)
READINGS = (NAME_WITH_NUMBER, NAME_OF_DIGITS, NAME)
TITLE = re.compile(r"(?P<title>.*?)\s*\((?P<number>\d+)\)\s*")
IDENTITY = ("Student", "ID", "SIS User ID", "SIS Login ID", "Integration ID")
IDENTITY += ("Root Account", "Section", "FirstName", "LastName")
READ_ONLY = "(read only)"


def canvas_place(known: Known, page: str) -> Place | None:
    """The name of a page in the zip file of “Upload submissions”.

    It is that of the student's own file but for its end: Canvas goes by the numbers in
    it (`infer_comment_context_from_filename` in its abstract_assignment.rb), and passes
    over a file whose last part begins with `link`. None where the name is not known, or
    where Canvas would read another student's number in it.
    """
    name = known.download or ""
    match = next((m for kind in READINGS if (m := kind.fullmatch(name))), None)
    if match is None or match["typed"] or reads(name) != known.lms_id:
        return None
    return Place(known.lms_id, f"{PurePosixPath(name).stem}_feedback.html")


def reads(name: str) -> str | None:
    """Whose Canvas takes a file that comes back to be, by its name."""
    parts = [part for part in name.split("_") if part != "LATE"]
    if parts[0] == "anon":
        return "_".join(parts[:2])
    numbers = [part for part in parts if re.fullmatch(r"[0-9]+", part)]
    return numbers[0] if len(numbers) > 1 else None


@dataclass(frozen=True)
class CanvasDownloads:
    """The names that Canvas gives; `known` are names of students by their numbers."""

    known: Mapping[str, str]

    def fits(self, tops: Sequence[Top]) -> bool:
        """Whether the names of all work here look like Canvas's.

        A class list or a note of one's own beside it changes nothing.
        """
        work = [top for top in tops if may_be_work(top)]
        named = [top for top in tops if not top.is_folder and NAME.fullmatch(top.name)]
        return bool(named) and all(top in named for top in work)

    def reading(self, name: str) -> re.Match[str] | None:
        """What the name means; of several readings the one that the roster knows.

        Somebody who calls himself `x_999` looks like the student 999 at first sight,
        and who is called by digits alone looks like a number.
        """
        found = [match for kind in READINGS if (match := kind.fullmatch(name))]
        for match in found:
            listed = self.known.get(match["id"], "")
            if listed and same_name(listed) == same_name(match["name"] or ""):
                return match
        plain = [match for match in found if match.re is not NAME_WITH_NUMBER]
        listed = [match for match in plain if match["id"] in self.known]
        return next(iter([*listed, *plain]), None)

    def handed(self, top: Top) -> Handed:
        """Who handed this in."""
        match = self.reading(top.name)
        if match is None:
            return stray(top)
        late = bool(match["late"])
        number = match["id"] or match["anon"]
        name = match["name"] or number
        if match["typed"]:
            text = renamed(top, f"{match['typed'].lower()}.html")
            return Handed(name, list, number, late, TYPED, typed=text)
        files = renamed(top, match["file"])
        return Handed(name, files, number, late, download=top.name)


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
        first_name = table.cell(row, table.column("FirstName"))
        others = tuple(text for text in (login, sis) if text)
        return Person(
            row, usable(login or sis or number), number, f"{first}{first_name}", others
        )


@dataclass(frozen=True)
class CanvasTarget(Target):
    """An assignment's column in Canvas's gradebook."""

    excused: ClassVar[str | None] = "EX"

    def refusal(self, person: Person) -> str | None:
        """Canvas marks who is excused, and who does not have the assignment."""
        before = self.roster.table.cell(person.row, self.column).upper()
        what = {"EX": "is excused in Canvas", "N/A": "does not have it in Canvas"}
        return what.get(before)

    def columns(self) -> list[int]:
        """Who is meant, and this assignment: an import would set all others back."""
        table = self.roster.table
        known = (table.column(name) for name in IDENTITY)
        return sorted({0, self.column, *(each for each in known if each is not None)})


def canvas_target(roster: Roster, assignment: str, column: str | None) -> CanvasTarget:
    """The assignment's column; CourseError when there is none that can be written."""
    table = roster.table
    place = canvas_column(roster, assignment, column)
    rows = range(1, len(table.rows))
    points = [r for r in rows if table.cell(r, 0).startswith("Points Possible")]
    maximum = table.cell(points[0], place) if points else ""
    if maximum.casefold() == READ_ONLY:
        raise CourseError(f"{table.path}: Canvas lets nobody write in that column.")
    return CanvasTarget(roster, place, number_in(maximum) if maximum else None)


def canvas_column(roster: Roster, assignment: str, wanted: str | None) -> int:
    """The number of the assignment's column; CourseError unless exactly one fits.

    The full name goes before the short one: `a1_maps`, then `A1` at the beginning.
    """
    table = roster.table
    titles = {
        number: (name, match["title"], match["number"])
        for number, name in enumerate(table.header)
        if (match := TITLE.fullmatch(name))
    }
    rules = (
        [lambda name, title, number: wanted in (name, title, number)]
        if wanted is not None
        else [
            lambda name, title, number: title.casefold() == assignment.casefold(),
            lambda name, title, number: begins_as(title, assignment),
        ]
    )
    for rule in rules:
        found = [number for number, about in titles.items() if rule(*about)]
        if len(found) == 1:
            return found[0]
    columns = "; ".join(name for name, _, _ in titles.values()) or "none"
    raise CourseError(
        f"{table.path}: which column is {wanted or assignment}? Say --column TITLE. "
        f"There are: {columns}."
    )
