"""Moodle: the names in its downloads, its grading worksheet.

A download (mod/assign/classes/downloader.php): one folder a student,
`Full Name_PARTICIPANT_assignsubmission_file` (older ones end in `_`), or files whose
names begin so. Underscores of a name become spaces. Typed text is `..._onlinetext`.

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
    usable,
)
from autograder.model import CourseError
from autograder.tables import safe

if TYPE_CHECKING:
    from autograder.results.scores import Scored

NAME = re.compile(
    r"(?P<name>[^_]*)_(?P<id>\d+)_assignsubmission_(?P<plugin>[a-z]+)(?:_(?P<file>.*))?",
    re.DOTALL,
)
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
            problem = "its name is not one that Moodle gives to a student's submission"
            return Handed(top.name, top.files, problem=problem)
        name = " ".join(match["name"].split())
        if match["plugin"] != "file":
            return Handed(name, list, match["id"], problem=TYPED)
        files = top.files if top.is_folder else renamed(top, match["file"])
        return Handed(name, files, match["id"])


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
class MoodleTarget(Target):
    """The Grade column of a worksheet."""

    takes_more = False

    def refusal(self, person: Person) -> str | None:
        """Moodle says whose grade is locked."""
        table = self.roster.table
        locked = table.cell(person.row, table.column("Grade can be changed")) == "No"
        return "has a grade that is locked in Moodle" if locked else None

    def comment(self, person: Person, scored: "Scored") -> dict[tuple[int, int], str]:
        """A summary, where there is a column for it and no comment of a person yet."""
        table = self.roster.table
        column = table.column("Feedback comments")
        if column is None or table.cell(person.row, column) not in ("", "-"):
            return {}
        return {(person.row, column): summary_for_student(scored)}


def moodle_target(roster: Roster, assignment: str, column: str | None) -> MoodleTarget:
    """The Grade column of a worksheet; CourseError when it has several maximums."""
    table = roster.table
    maximum = table.column("Maximum grade")
    grades = {table.cell(each.row, maximum) for each in roster.people} - set(NOTHING)
    if len(grades) > 1:
        raise CourseError(f"{table.path}: it has several maximum grades.")
    place = table.column("Grade")
    return MoodleTarget(roster, place, number_in(*grades) if grades else None)


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
