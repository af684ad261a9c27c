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
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autograder.lms.base import (
    NOTHING,
    TYPED,
    Handed,
    Person,
    Roster,
    Target,
    Top,
    number_in,
    points_text,
    renamed,
    stray,
    usable,
)
from autograder.model import CourseError
from autograder.tables import safe

if TYPE_CHECKING:
    from autograder.results.scores import Scored

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
        if match["plugin"] != "file":
            return Handed(name, list, match["id"], problem=TYPED)
        files = top.files if top.is_folder else renamed(top, match["file"])
        return Handed(name, files, match["id"])


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

    def comment(self, person: Person, scored: "Scored") -> dict[tuple[int, int], str]:
        """A summary in the place of an earlier one; what a person wrote stays."""
        table = self.roster.table
        column = table.column("Feedback comments")
        if column is None:
            return {}
        before = table.cell(person.row, column)
        theirs = of_a_person(before, scored)
        if theirs and theirs == before:
            return {}
        ours = summary_for_student(scored)
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


def of_a_person(comment: str, scored: "Scored") -> str:
    """What in a comment that Moodle holds is not our own of an earlier time.

    Ours has a line for each exercise, `TITLE: 2 of 3`, then lines that begin with a
    title and name an idea, then the delay. Points and ideas may be other ones today.
    """
    if comment in NOTHING:
        return ""
    titles = {re.escape(html.escape(title)) for title, _ in scored.exercises}
    titles |= {re.escape(title) for title, _ in scored.exercises}
    known = "|".join(sorted(titles, key=len, reverse=True)) or "(?!)"
    points = re.compile(rf"'?(?:{known}): -?[\d.,]+ of [\d.,]+")
    ours = re.compile(rf"'?(?:{known}): .+|\d+ days? late: −[\d.]+ points")
    lines = [line.strip() for line in BREAK.split(comment)]
    if not any(map(points.fullmatch, lines)):
        return comment
    theirs = [line for line in lines if line and not ours.fullmatch(line)]
    return "<br>".join(theirs)


def summary_for_student(scored: "Scored") -> str:
    """What Moodle shows beside the grade: points by exercise, ideas and hints.

    Moodle shows it as HTML. Nothing in it is the student's own text.
    """
    lines = [
        f"{title}: {points_text(sum(s.points for s in scores))} of "
        f"{points_text(sum(s.cell.max_points for s in scores))}"
        for title, scores in scored.exercises
    ]
    for score in scored.scores:
        cell = score.cell
        if not score.full and (cell.idea or cell.hint):
            said = " ".join(filter(None, (cell.mistake, cell.hint)))
            lines.append(f"{cell.title}: {cell.idea or ''} {said}".strip())
    if scored.penalty:
        days = "1 day" if scored.late.days == 1 else f"{scored.late.days} days"
        lines.append(f"{days} late: −{points_text(scored.penalty)} points")
    return str(safe("<br>".join(map(html.escape, lines))))
