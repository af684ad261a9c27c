"""The column of an LMS's class list that takes the scores.

Canvas's importer (lib/gradebook_importer.rb) wants its own columns and the column of
the assignment, `Title (number)`. Moodle's (mod/assign/feedback/offline) wants
`Identifier`, `Grade` and `Last modified (grade)` of its worksheet, in one language, and
passes over a grade above `Maximum grade`.
"""

import html
import re
from dataclasses import dataclass
from typing import ClassVar

from autograder.lms.roster import CanvasRoster, MoodleRoster, Person, Roster
from autograder.model import CourseError
from autograder.results.csv_export import FORMULA, safe
from autograder.results.scores import Scored

TITLE = re.compile(r"(?P<title>.*?)\s*\((?P<number>\d+)\)\s*")
READ_ONLY = "(read only)"
# A cell that the LMS gave and a spreadsheet would run; a dash or a number it would not.
RUNS = re.compile(r"\s*(?:[=@|%]|[+-]\s*[^\s\d.,+-])")


@dataclass(frozen=True)
class Target:
    """The column of a class list that takes the scores, and what it holds at most."""

    roster: Roster
    column: int
    most: float | None
    lms: ClassVar[str] = ""

    def refusal(self, person: Person) -> str | None:
        """Why the LMS takes no score of this student; None when it does."""
        return None

    def comment(self, person: Person, scored: Scored) -> dict[tuple[int, int], str]:
        """Words for the student, where the list has a place for them."""
        return {}


@dataclass(frozen=True)
class CanvasTarget(Target):
    """An assignment's column in Canvas's gradebook."""

    lms = "canvas"

    def refusal(self, person: Person) -> str | None:
        """Canvas marks who is excused, and who does not have the assignment."""
        before = self.roster.table.cell(person.row, self.column).upper()
        what = {"EX": "is excused in Canvas", "N/A": "does not have it in Canvas"}
        return what.get(before)


@dataclass(frozen=True)
class MoodleTarget(Target):
    """The Grade column of a worksheet."""

    lms = "moodle"

    def refusal(self, person: Person) -> str | None:
        """Moodle says whose grade is locked."""
        table = self.roster.table
        locked = table.cell(person.row, table.column("Grade can be changed")) == "No"
        return "has a grade that is locked in Moodle" if locked else None

    def comment(self, person: Person, scored: Scored) -> dict[tuple[int, int], str]:
        """A summary, where there is a column for it and no comment of a person yet."""
        table = self.roster.table
        column = table.column("Feedback comments")
        if column is None or table.cell(person.row, column) not in ("", "-"):
            return {}
        return {(person.row, column): summary_for_student(scored)}


def target_of(roster: Roster, assignment: str, column: str | None) -> Target:
    """Where in a class list the scores go; CourseError when it has no place."""
    table = roster.table
    if isinstance(roster, MoodleRoster):
        maximum = table.column("Maximum grade")
        grades = {table.cell(each.row, maximum) for each in roster.people} - {"", "-"}
        if len(grades) > 1:
            raise CourseError(f"{table.path}: it has several maximum grades.")
        place = table.column("Grade")
        return MoodleTarget(roster, place, number_in(*grades) if grades else None)
    if isinstance(roster, CanvasRoster):
        place = canvas_column(roster, assignment, column)
        rows = range(1, len(table.rows))
        points = [r for r in rows if table.cell(r, 0).startswith("Points Possible")]
        said = table.cell(points[0], place) if points else ""
        if said.casefold() == READ_ONLY:
            raise CourseError(f"{table.path}: Canvas lets nobody write in that column.")
        return CanvasTarget(roster, place, number_in(said) if said else None)
    raise CourseError(
        f"{table.path}: Canvas's gradebook or Moodle's grading worksheet was expected."
    )


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
    short = re.compile(rf"{re.escape(assignment.split('_')[0])}(?![A-Za-z0-9])", re.I)
    rules = (
        [lambda name, title, number: wanted in (name, title, number)]
        if wanted is not None
        else [
            lambda name, title, number: title.casefold() == assignment.casefold(),
            lambda name, title, number: short.match(title),
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


def number_in(text: str) -> float:
    """A number as an LMS writes it; CourseError for another text."""
    try:
        return float(text.replace(",", "."))
    except ValueError as error:
        raise CourseError(f"“{text}” was expected to be a number of points.") from error


def harmless(roster: Roster) -> dict[tuple[int, int], str]:
    """The cells that came with the list and that a spreadsheet would run, quoted."""
    return {
        (number, column): f"'{text}"
        for number, row in enumerate(roster.table.rows)
        for column, text in enumerate(row)
        if text.lstrip().startswith(FORMULA) and RUNS.match(text)
    }


def summary_for_student(scored: Scored) -> str:
    """What Moodle shows beside the grade: points by exercise, ideas and hints.

    Moodle shows it as HTML. Nothing in it is the student's own text.
    """
    lines = [
        f"{title}: {plain(sum(s.points for s in scores))} of "
        f"{plain(sum(s.cell.max_points for s in scores))}"
        for title, scores in scored.exercises
    ]
    for score in scored.scores:
        cell = score.cell
        if not score.full and (cell.idea or cell.hint):
            said = " ".join(filter(None, (cell.mistake, cell.hint)))
            lines.append(f"{cell.title}: {cell.idea or ''} {said}".strip())
    if scored.penalty:
        days = "1 day" if scored.late.days == 1 else f"{scored.late.days} days"
        lines.append(f"{days} late: −{plain(scored.penalty)} points")
    return str(safe("<br>".join(map(html.escape, lines))))


def plain(points: float) -> str:
    """Points with at most two decimals, all digits before them, and a point."""
    return f"{points:.2f}".rstrip("0").rstrip(".")
