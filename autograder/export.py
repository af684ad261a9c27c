"""The class as a CSV file, for a spreadsheet or a learning management system."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from autograder.course import Course, write_whole
from autograder.scores import Scored, absent, read_class

COLUMNS = ("student", "score", "max_score", "outcome", "reason", "waiting")
# A spreadsheet takes a cell that starts like this for a formula, and runs it.
FORMULA = ("=", "+", "-", "@", "\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}")
FORMULA += ("\N{FULLWIDTH HYPHEN-MINUS}", "\N{FULLWIDTH COMMERCIAL AT}", "|", "%")


def export_csv(course: Course, assignment: str, path: Path | None = None) -> Path:
    """Write one row a student, in UTF-8; return the path (reports/ASSIGNMENT.csv).

    `outcome` is graded, invalid or failed, and "none" for a student of the gradebook
    who handed nothing in. Only what is graded has a score; for the others it is empty,
    never zero. `waiting` are the points that a person has not given yet. Then comes a
    column for each graded cell.
    """
    scored = read_class(course, assignment)
    cells = list(dict.fromkeys(s.cell.grade_id for each in scored for s in each.scores))
    most = max((each.result.max_points for each in scored), default=0.0)
    rows = [_row(each, cells, most) for each in scored]
    missing = absent(course, [each.result.student for each in scored])
    rows += [[name, None, most, "none", *[""] * (2 + len(cells))] for name in missing]
    path = path or course.report(assignment).with_suffix(".csv")
    write_whole(path, _csv([[*COLUMNS, *cells], *rows]).encode("utf-8", "replace"))
    return path


def safe(value: object) -> object:
    """A cell's value: text that a spreadsheet would run as a formula gets a quote.

    Line breaks become spaces. Numbers stay numbers.
    """
    if not isinstance(value, str):
        return value
    line = " ".join(value.split())
    return f"'{line}" if line.startswith(FORMULA) else line


def _row(scored: Scored, cells: list[str], most: float) -> list[object]:
    result = scored.result
    points = {score.cell.grade_id: score.points for score in scored.scores}
    given = [points.get(name) if scored.graded else None for name in cells]
    return [
        result.student,
        scored.points,
        result.max_points or most,
        result.outcome.value,
        result.reason or "",
        scored.waiting if scored.graded else None,
        *given,
    ]


def _csv(rows: Iterable[Iterable[object]]) -> str:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([_number(safe(value)) for value in row] for row in rows)
    return buffer.getvalue()


def _number(value: object) -> object:
    return f"{round(value, 4):g}" if isinstance(value, float) else value
