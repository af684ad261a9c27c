"""What every learning management system has: downloads, a class list, a grade column.

One more system is one file with its own kinds of these, and one line in `registry`.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import ClassVar, Protocol

from autograder.archives import Found, archive_suffix, printable
from autograder.model import CourseError
from autograder.tables import Table

TYPED = "text was typed into the LMS; no file was handed in"
UNREAD = ", not all read by a person yet"  # after the points of an exercise
REFUSED = "This submission could not be graded"  # before the reason
SAID = "From your instructor"  # before a person's words on no exercise
NOTHING = ("", "-")


# --- a download -----------------------------------------------------------------------


@dataclass(frozen=True)
class Top:
    """Something at the top of a download: a file, or a folder with files in it.

    `files()` gives what is in it; it raises ValueError when it cannot be looked at.
    `inside()` gives what lies at the top of a folder; `text(path)` is a small file in
    it, hidden ones too, or None.
    """

    name: str
    is_folder: bool
    files: Callable[[], list[Found]]
    inside: Callable[[], "list[Top]"] = list
    text: Callable[[str], str | None] = lambda path: None


@dataclass(frozen=True)
class Handed:
    """What one student handed in, and what the LMS says about it.

    `lms_id` is the student's number in the LMS; `problem` says why there is no file.
    A `stray` is no student's: it is told, and not collected. `received` is the time
    where the download itself holds it. `typed` is text that was typed into the LMS: it
    is kept, and not graded. `download` is what an LMS called it in the archive.
    """

    name: str
    files: Callable[[], list[Found]]
    lms_id: str | None = None
    late: bool = False
    problem: str | None = None
    stray: bool = False
    received: str | None = None
    typed: Callable[[], list[Found]] = list
    download: str | None = None


class Downloads(Protocol):
    """How a system names what it lets a teacher download."""

    def fits(self, tops: Sequence[Top]) -> bool:
        """Whether these names leave no doubt that they are this system's."""

    def handed(self, top: Top) -> Handed:
        """Who handed this in."""


NO_SUBMISSION = "this is no student's submission; it was left alone"


def stray(top: Top, problem: str = NO_SUBMISSION) -> Handed:
    """Something beside the submissions."""
    return Handed(top.name, list, problem=problem, stray=True)


def may_be_work(top: Top) -> bool:
    """Whether a student may have handed this in: a folder, a notebook, an archive."""
    ending = PurePosixPath(top.name).suffix.lower() == ".ipynb"
    return top.is_folder or ending or archive_suffix(top.name) is not None


def renamed(top: Top, name: str) -> Callable[[], list[Found]]:
    """The file of a top under the name that its student gave it."""
    return lambda: [replace(f, path=PurePosixPath(name)) for f in top.files()]


# --- the class list -------------------------------------------------------------------


@dataclass(frozen=True)
class Person:
    """One student's row of a roster.

    `student` is the id in the gradebook, `lms_id` the number in the LMS, `others` what
    else the student may be called by. `received` is the LMS's own text for the time.
    `draft`: the student has not handed in yet. `group` is the name of the team.
    `extension` is what else the LMS tells about the date.
    """

    row: int
    student: str
    lms_id: str
    name: str
    others: tuple[str, ...] = ()
    received: str | None = None
    draft: bool = False
    group: str | None = None
    extension: str | None = None

    @property
    def called(self) -> tuple[str, ...]:
        """All texts by which the student is known, the id first."""
        return tuple(dict.fromkeys((self.student, *self.others, self.lms_id)))


@dataclass(frozen=True)
class Roster:
    """A class list; the kinds differ in where they find what."""

    table: Table
    has_times: ClassVar[bool] = False  # whether it tells when students handed in

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
                for text in {spaced(text) for text in texts if text}:
                    way.setdefault(text, []).append(person)
            if name := same_name(person.name):
                ways[3].setdefault(name, []).append(person)
        return ways

    def find(self, lms_id: str | None, *called: str) -> Person | None:
        """The one student with this number, or called so; None for none or several."""
        by_number, by_id, by_text, by_name = self._index
        if lms_id is not None:
            return one(by_number.get(spaced(lms_id)))
        for text in called:
            for way, key in (
                (by_id, spaced(text)),
                (by_text, spaced(text)),
                (by_number, spaced(text)),
                (by_name, same_name(text)),
            ):
                if person := one(way.get(key)):
                    return person
        return None


def spaced(text: str) -> str:
    """An id as an LMS compares it: no case, and spaces do not count."""
    return unicodedata.normalize("NFC", " ".join(text.split())).casefold()


def usable(text: str) -> str:
    """A text as a student's id: what no folder's name may hold becomes a dash."""
    text = unicodedata.normalize("NFC", " ".join(text.split()))
    return re.sub(r"[^\w.@+ -]", "-", text).lstrip(".@+- ")[:128]


def one(people: list[Person] | None) -> Person | None:
    """The only one of a list."""
    return people[0] if people and len(people) == 1 else None


def same_name(name: str) -> str:
    """A name by which one person is known under: no case, no spaces, no marks."""
    text = unicodedata.normalize("NFKC", printable(name)).casefold()
    return "".join(c for c in text if c.isalnum())


def agree(name: str, listed: str) -> bool:
    """Whether a download and a class list may mean one person by these two names.

    Letters alone are compared, without their marks, in any order of the words: Canvas
    writes `lovelaceada` for `Lovelace, Ada`. A name that is not told disagrees with
    nothing. Moodle may put the user name before the full name.
    """
    ours, theirs = bare(name), bare(listed)
    if not ours or not theirs or sorted(ours) == sorted(theirs):
        return True
    return theirs in ours


def bare(name: str) -> str:
    """A name's letters and digits without their marks."""
    return same_name(
        "".join(
            c
            for c in unicodedata.normalize("NFKD", printable(name))
            if not unicodedata.combining(c)
        )
    )


# --- the way back of a page -----------------------------------------------------------


@dataclass(frozen=True)
class Known:
    """What is known of a student who gets a page back.

    `download` is what the LMS called the newest attempt in its archive, `lms_id` the
    student's number there, `person` the row in a class list of this system.
    """

    download: str | None = None
    lms_id: str | None = None
    person: Person | None = None


@dataclass(frozen=True)
class Place:
    """A path in an archive for an LMS, and whose number the LMS reads in it."""

    number: str
    path: str


# --- the column of the grades ---------------------------------------------------------


@dataclass(frozen=True)
class Words:
    """What a student is told beside the score: plain lines.

    A line on an exercise begins with its title, one of `titles`.
    """

    titles: tuple[str, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Target:
    """The column of a class list that takes the scores, and what it holds at most."""

    roster: Roster
    column: int
    most: float | None
    takes_more = True  # a score above the maximum, for extra credit
    excused: ClassVar[str | None] = None  # the LMS's word for who is excused

    def refusal(self, person: Person) -> str | None:
        """Why the LMS takes no score of this student; None when it does."""
        return None

    def comment(self, person: Person, words: Words) -> dict[tuple[int, int], str]:
        """The cells with words for a student, where the list has a place for them."""
        return {}

    def columns(self) -> list[int]:
        """The columns that the importer wants; the others stay at home."""
        return list(range(len(self.roster.table.header)))


def number_in(text: str) -> float:
    """A number as an LMS writes it; CourseError for another text."""
    try:
        return float(text.replace(",", "."))
    except ValueError as error:
        raise CourseError(f"“{text}” was expected to be a number of points.") from error


def points_text(points: float) -> str:
    """Points with at most two decimals, all digits before them, and a point."""
    return f"{points:.2f}".rstrip("0").rstrip(".")
