"""Read a table of points back that people gave elsewhere."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.course.folder import Course, alone
from autograder.course.marks import Mark, write_mark
from autograder.marking.answers import Answer, written
from autograder.model import CourseError
from autograder.tables import FORMULA, Table, read_table, safe

if TYPE_CHECKING:
    from nbgrader.api import Gradebook

NEEDED = ("key", "cell", "points", "comment", "state")
Known = Mapping[tuple[str, str], Any]


@dataclass
class ReadIn:
    """How many answers got points or a comment, and which rows were refused, and why.

    `same` rows say what the gradebook holds, `blank` ones have no points and no
    comment.
    """

    written: int = 0
    same: int = 0
    blank: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Given:
    """What a row gives: points, or None to leave them, and a comment."""

    answer: Answer
    points: float | None
    comment: str


def read_in(
    course: Course, assignment: str, path: Path, grader: str | None = None
) -> ReadIn:
    """Enter the points and comments of a table that `write_out` wrote.

    What is empty is left as it is. A row that cannot be right is refused with a
    sentence, and so is one under which something has changed since the table was
    written; all others are entered at once. Read twice, a table changes nothing more.
    Raises CourseError for a file that is no such table.
    """
    table = read_table(path)
    missing = [name for name in NEEDED if table.column(name) is None]
    if missing:
        raise CourseError(
            f"{path}: a table with the columns {', '.join(NEEDED)} was expected; "
            f"there is no {' and no '.join(missing)}."
        )
    done, given = ReadIn(), {}
    with alone(course, assignment):
        known = {(each.key, each.cell): each for each in written(course, assignment)}
        for row in range(1, len(table.rows)):
            if not any(text.strip() for text in table.rows[row]):
                continue
            try:
                found = read_row(table, row, known)
                if found is None:
                    done.blank += 1
                elif not is_new(found):
                    done.same += 1
                else:
                    must_fit(found, table, row, given)
                    given[found.answer.key, found.answer.cell] = found
            except ValueError as error:
                key, cell = (table.cell(row, table.column(n)) for n in NEEDED[:2])
                where = f"row {row + 1} ({key[:8]}, {cell})"
                done.problems.append(f"{where}: {error}; it was not entered.")
        enter(course, assignment, list(given.values()), grader)
    done.written = len(given)
    return done


def read_row(table: Table, row: int, known: Known) -> Given | None:
    """What a row gives, None for nothing; ValueError says what cannot be right."""
    key, cell, points, comment, _ = (
        table.cell(row, table.column(name)) for name in NEEDED
    )
    if not points and not comment:
        return None
    if (key, cell) not in known:
        if key not in {each for each, _ in known}:
            raise ValueError("no submission with an answer to grade has this key")
        raise ValueError("no answer of this submission that people grade is called so")
    answer = known[key, cell]
    most = answer.score.cell.max_points
    try:
        number = float(points.replace(",", ".")) if points else None
    except ValueError:
        number = math.nan
    if number is not None and not 0 <= number <= most:
        raise ValueError(f"points from 0 to {most:g} were expected, not “{points}”")
    return Given(answer, number, comment)


def is_new(given: Given) -> bool:
    """Whether a row gives something that the gradebook does not hold."""
    score = given.answer.score
    comment = safe(given.comment)  # as the table has it
    return (given.points is not None and given.points != score.points) or bool(
        comment and comment != given.answer.comment
    )


def must_fit(given: Given, table: Table, row: int, before: Known) -> None:
    """ValueError where something changed meanwhile, or a row above says more."""
    answer = given.answer
    if (answer.key, answer.cell) in before:
        raise ValueError("a row above is about the same answer")
    if table.cell(row, table.column("state")) == answer.state:
        return
    now = answer.score.points
    held = "no points" if now is None else f"{now:g} points"
    raise ValueError(
        "the answer, its points or its comment changed after this table was written "
        f"(there are {held} now): write the table again"
    )


def enter(
    course: Course, assignment: str, given: list[Given], grader: str | None
) -> None:
    """Enter all of it in the gradebook, or nothing; then keep who gave it."""
    if not given:
        return
    with course.gradebook() as gradebook:
        session = gradebook.db()
        try:
            for each in given:
                give(gradebook, each)
            session.commit()
        except BaseException:
            session.rollback()
            raise
    for each in given:
        if each.points is not None:
            mark = Mark(each.answer.cell, each.points, grader)
            write_mark(course, assignment, each.answer.student, mark)


def give(gradebook: "Gradebook", given: Given) -> None:
    """Set what a row gives, in a transaction that goes on."""
    name, key = given.answer.cell, given.answer.key
    if given.points is not None:
        grade = by_name(gradebook, "Grade", key)[name]
        grade.manual_score, grade.needs_manual_grade = given.points, False
    if given.comment and safe(given.comment) != given.answer.comment:
        comment = by_name(gradebook, "Comment", key)[name]
        comment.manual_comment = unquoted(given.comment)


def by_name(gradebook: "Gradebook", kind: str, notebook: str) -> dict[str, Any]:
    """The grades or the comments of a submitted notebook, by their cell's name."""
    from nbgrader import api

    rows, cell = getattr(api, kind), api.BaseCell.__table__
    query = (
        gradebook.db.query(rows, cell.c.name)
        .join(cell, cell.c.id == rows.cell_id)
        .filter(rows.notebook_id == notebook)
    )
    return {name: row for row, name in query}


def unquoted(text: str) -> str:
    """A comment without the quote that keeps a spreadsheet from running it."""
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text
