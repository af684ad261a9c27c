"""The class as a CSV file, for a spreadsheet, or through nbgrader's own exporters."""

import csv
import io
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TextIO

from autograder.course.folder import Course, whole_file
from autograder.course.late import enter_penalties
from autograder.model import CourseError
from autograder.results.no_shows import not_present
from autograder.results.scores import Scored, read_class
from autograder.tables import safe

COLUMNS = ("student", "score", "max_score", "outcome", "reason", "waiting")
LATE = ("late_days", "penalty")
# A spreadsheet takes a cell that starts like this for a formula, and runs it.


def export_csv(
    course: Course,
    assignment: str,
    path: Path | None = None,
    zeros: Collection[str] = (),
) -> Path:
    """Write one row a student, in UTF-8; return the path (reports/ASSIGNMENT.csv).

    `outcome` is graded, invalid or failed, "excused" by the course file, and "none" for
    a student of the gradebook or of a class list who handed nothing in. Only what is
    graded has a score; for the others, for what must be graded again, and where the
    time of the hand-in cannot be read, it is empty, and zero only for those `zeros` who
    handed nothing in.
    `waiting` are the points that a person has not given yet. `penalty` is what lateness
    cost; the score is without it. Then comes a column for each graded cell, before the
    penalty.
    """
    scored = read_class(course, assignment)
    cells = list(dict.fromkeys(s.cell.grade_id for each in scored for s in each.scores))
    most = max((each.result.max_points for each in scored), default=0.0)
    away, free = not_present(course, assignment, [s.result.student for s in scored])
    blank = [""] * (2 + len(LATE) + len(cells))
    excused = set(free)
    path = path or course.report(assignment).with_suffix(".csv")
    with whole_file(path) as file:
        text = io.TextIOWrapper(file, "utf-8", "replace", newline="")
        write_rows(text, [[*COLUMNS, *LATE, *cells]])
        write_rows(text, (_row(each, cells, most) for each in scored))
        for name in away:
            score = 0.0 if name in zeros else None
            kind = "excused" if name in excused else "none"
            write_rows(text, [[name, score, most, kind, *blank]])
        text.detach()  # it writes what it still holds
    return path


def export_with_nbgrader(
    course: Course, assignment: str, path: Path, plugin: str | None = None
) -> Path:
    """Let an exporter of nbgrader write the file; its CsvExportPlugin by default.

    `plugin` is the name of a class, such as `mine.MyExporter`. Penalties are entered in
    the gradebook before. nbgrader's own gives 0 to who has no score; ours gives none.
    Raises CourseError when there is no such exporter, or no gradebook.
    """
    from nbgrader.plugins import CsvExportPlugin, ExportPlugin
    from traitlets.utils.importstring import import_item

    try:
        kind = import_item(plugin) if plugin else CsvExportPlugin
    except (ImportError, ValueError) as error:
        raise CourseError(f"{plugin}: no such exporter ({error}).") from error
    if not (isinstance(kind, type) and issubclass(kind, ExportPlugin)):
        raise CourseError(f"{plugin}: not a subclass of nbgrader's ExportPlugin.")
    if not course.has_gradebook:
        raise CourseError(f"{course.root}: there is no gradebook yet.")
    path.parent.mkdir(parents=True, exist_ok=True)
    exporter = kind(config=course.config(assignment))
    exporter.to, exporter.assignment = str(path), [assignment]
    with course.gradebook() as gradebook:
        enter_penalties(course, assignment, gradebook)
        exporter.export(gradebook)
    return path


def _row(scored: Scored, cells: list[str], most: float) -> list[object]:
    result = scored.result
    if scored.excused:
        blank = [""] * (2 + len(LATE) + len(cells))
        return [result.student, None, result.max_points or most, "excused", *blank]
    points = {score.cell.grade_id: score.points for score in scored.scores}
    points_by_cell = [points.get(name) if scored.graded else None for name in cells]
    late = scored.late
    return [
        result.student,
        scored.points if scored.partial else None,
        result.max_points or most,
        result.outcome.value,
        "; ".join(filter(None, [*scored.again, scored.stale, result.reason])),
        scored.waiting if scored.graded else None,
        late.days if late else None,
        scored.penalty if late and scored.graded else None,
        *points_by_cell,
    ]


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Rows as CSV: no cell is a formula, no number longer than four decimals."""
    buffer = io.StringIO(newline="")
    write_rows(buffer, rows)
    return buffer.getvalue()


def write_rows(file: TextIO, rows: Iterable[Iterable[object]]) -> None:
    """Write rows as `csv_text` gives them, one after the other."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerows([_number(safe(value)) for value in row] for row in rows)


def _number(value: object) -> object:
    return f"{round(value, 4):g}" if isinstance(value, float) else value
