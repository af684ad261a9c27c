"""Moodle: the names in its downloads, its grading worksheet.

A download (mod/assign/classes/downloader.php): one folder a student,
`Full Name_PARTICIPANT_assignsubmission_file` (older ones end in `_`), or files whose
names begin so. Underscores of a name become spaces. Typed text is `..._onlinetext`.
Team submissions are called by the group, `GROUP_NUMBER_assignsubmission_file`: the
number is the group's. Who is in no group is in `Default group_assignsubmission_file`.

The importer (mod/assign/feedback/offline) wants `Identifier`, `Grade` and `Last
modified (grade)` of the worksheet, in one language, and passes over a grade above
`Maximum grade`.
"""

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from autograder.lms.base import (
    NOTHING,
    REFUSED,
    SAID,
    TYPED,
    UNREAD,
    Handed,
    Known,
    Person,
    Place,
    Roster,
    Target,
    Top,
    Words,
    number_in,
    renamed,
    stray,
    usable,
)
from autograder.model import CourseError
from autograder.tables import safe

NAME = re.compile(
    r"(?P<name>[^_]*)(?:_(?P<id>\d+))?_assignsubmission_(?P<plugin>[a-z]+)"
    r"(?:_(?P<file>.*))?",
    re.DOTALL,
)
NOT_MOODLES = "its name is not one that Moodle gives to a student's submission"
NO_GROUP = "Default group"  # how Moodle calls those who are in none
DRAFT = "draft"
EXTENSION = re.compile(r"Extension granted until:? [^-]*", re.IGNORECASE)
BREAK = re.compile(r"<br\s*/?>|</?p>|\n", re.IGNORECASE)
PARTICIPANT = re.compile(r"\D*(\d+)")


def moodle_place(known: Known, page: str) -> Place | None:
    """Where a page goes in the zip file of “Upload multiple feedback files”.

    The importer (mod/assign/feedback/file/importziplib.php) splits a folder's name at
    its first four underscores and goes by the number alone, which must be the second
    part. The last underscore is for Moodle before 4.1, and later ones take it too. None
    where the number is not known: one of another system's download is no participant's.
    """
    match = NAME.fullmatch(known.download or "")
    if match and match["id"]:
        name, number = match["name"], match["id"]
    elif known.person is not None and known.download is None:
        name, number = known.person.name, known.person.lms_id
    else:
        return None
    name = " ".join(re.sub(r"[^\w.' -]|_", " ", name).split()).lstrip(".~ ")
    folder = f"{name or 'Participant'}_{number}_assignsubmission_file_"
    return Place(number, f"{folder}/{page}")


class MoodleDownloads:
    """The names that Moodle gives."""

    def fits(self, tops: Sequence[Top]) -> bool:
        """Whether something here can only come from Moodle."""
        return any(NAME.fullmatch(top.name) for top in tops)

    def handed(self, top: Top) -> Handed:
        """Who handed this in."""
        match = NAME.fullmatch(top.name)
        if match is None or not (top.is_folder or match["file"]):
            return stray(top, NOT_MOODLES)
        name = " ".join(match["name"].split())
        files = top.files if top.is_folder else renamed(top, match["file"])
        if match["plugin"] != "file":
            return Handed(
                name, list, match["id"], problem=TYPED, typed=files, download=top.name
            )
        return Handed(name, files, match["id"], download=top.name)


@dataclass(frozen=True)
class MoodleRoster(Roster):
    """A grading worksheet of Moodle."""

    has_times = True

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
        status = table.cell(row, table.column("Status"))
        granted = EXTENSION.search(status)
        group = table.cell(row, table.column("Group", "Submission group"))
        return Person(
            row,
            usable(others[0] if others else match[1]),
            match[1],
            table.cell(row, table.column("Full name")),
            others,
            None if received in NOTHING else received,
            status.casefold().startswith(DRAFT),
            None if group in NOTHING else group,
            granted[0].strip() if granted else None,
        )


@dataclass(frozen=True)
class MoodleTarget(Target):
    """The Grade column of a worksheet."""

    takes_more = False

    def refusal(self, person: Person) -> str | None:
        """Moodle says whose grade is locked."""
        table = self.roster.table
        locked = table.cell(person.row, table.column("Grade can be changed")) == "No"
        return "has a grade that is locked in Moodle" if locked else None

    def comment(self, person: Person, words: Words) -> dict[tuple[int, int], str]:
        """HTML in the place of our earlier words; what a person wrote stays."""
        table = self.roster.table
        column = table.column("Feedback comments")
        if column is None:
            return {}
        before = table.cell(person.row, column)
        theirs = of_a_person(before, words.titles)
        if theirs and theirs == before:
            return {}
        ours = str(safe("<br>".join(map(html.escape, words.lines))))
        return {(person.row, column): "<br>".join(filter(None, [ours, theirs]))}


def moodle_target(roster: Roster, assignment: str, column: str | None) -> MoodleTarget:
    """The Grade column of a worksheet; CourseError when it has several maximums."""
    table = roster.table
    maximum = table.column("Maximum grade")
    grades = {table.cell(each.row, maximum) for each in roster.people} - set(NOTHING)
    if len(grades) > 1:
        raise CourseError(f"{table.path}: it has several maximum grades.")
    place = table.column("Grade")
    return MoodleTarget(roster, place, number_in(*grades) if grades else None)


def of_a_person(comment: str, titles: Iterable[str]) -> str:
    """What in a comment that Moodle holds is not our own of an earlier time.

    Ours has a line for each exercise, `TITLE: 2 of 3` with or without UNREAD, then
    lines that begin with a title and name an idea or hold a person's words out of the
    gradebook, then the delay; a refused one has the reason. All may be others today.
    """
    if comment in NOTHING:
        return ""
    shown = {
        re.escape(each) for title in titles for each in (title, html.escape(title))
    }
    known = "|".join(sorted(shown, key=len, reverse=True)) or "(?!)"
    points = re.compile(
        rf"'?(?:{known}): -?[\d.,]+ of [\d.,]+(?:{UNREAD})?|{REFUSED}: .+"
    )
    ours = re.compile(
        rf"'?(?:{known}|{REFUSED}|{SAID}): .+|\d+ days? late: −[\d.]+ points"
    )
    lines = [line.strip() for line in BREAK.split(comment)]
    if not any(map(points.fullmatch, lines)):
        return comment
    theirs = [line for line in lines if line and not ours.fullmatch(line)]
    return "<br>".join(theirs)
