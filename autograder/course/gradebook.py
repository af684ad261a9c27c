"""Read nbgrader's gradebook by SQL: importing nbgrader alone takes seconds.

Only reading; every writer goes through nbgrader's own API.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.course.folder import Course, database_open

if TYPE_CHECKING:
    from sqlalchemy import Connection

SUBMITTED = """
    SELECT submitted_assignment.student_id FROM submitted_assignment
    JOIN assignment ON assignment.id = submitted_assignment.assignment_id
    WHERE assignment.name = :assignment
"""
NUMBERS = """
    SELECT submitted_assignment.student_id, submitted_notebook.id
    FROM submitted_notebook
    JOIN submitted_assignment
        ON submitted_assignment.id = submitted_notebook.assignment_id
    JOIN assignment ON assignment.id = submitted_assignment.assignment_id
    WHERE assignment.name = :assignment
"""
RECORDED = """
    SELECT submitted_assignment.student_id, base_cell.name, grade.auto_score,
        grade.manual_score, grade.extra_credit, comment.manual_comment,
        grade.needs_manual_grade
    FROM grade
    JOIN base_cell ON base_cell.id = grade.cell_id
    JOIN submitted_notebook ON submitted_notebook.id = grade.notebook_id
    JOIN submitted_assignment
        ON submitted_assignment.id = submitted_notebook.assignment_id
    JOIN assignment ON assignment.id = submitted_assignment.assignment_id
    LEFT JOIN (
        SELECT comment.notebook_id, comment.manual_comment, base_cell.name
        FROM comment JOIN base_cell ON base_cell.id = comment.cell_id
    ) AS comment
        ON comment.notebook_id = grade.notebook_id AND comment.name = base_cell.name
    WHERE assignment.name = :assignment
"""

COMMENTS = """
    SELECT submitted_assignment.student_id, base_cell.name, comment.manual_comment
    FROM comment
    JOIN base_cell ON base_cell.id = comment.cell_id
    JOIN submitted_notebook ON submitted_notebook.id = comment.notebook_id
    JOIN submitted_assignment
        ON submitted_assignment.id = submitted_notebook.assignment_id
    JOIN assignment ON assignment.id = submitted_assignment.assignment_id
    WHERE assignment.name = :assignment
"""
# What a student has in the gradebook: submissions, scores, and people's comments.
ENTRIES = """
    SELECT count(DISTINCT submitted_assignment.id), count(DISTINCT grade.id),
        count(DISTINCT comment.id)
    FROM submitted_assignment
    LEFT JOIN submitted_notebook
        ON submitted_notebook.assignment_id = submitted_assignment.id
    LEFT JOIN grade ON grade.notebook_id = submitted_notebook.id
    LEFT JOIN comment ON comment.notebook_id = submitted_notebook.id
        AND comment.manual_comment <> ''
    WHERE submitted_assignment.student_id = :student
"""


@dataclass(frozen=True)
class Entries:
    """How much the gradebook holds of one student."""

    submissions: int
    scores: int
    comments: int


@dataclass(frozen=True)
class Recorded:
    """What the gradebook holds for one cell of one student."""

    auto: float | None
    manual: float | None
    extra: float
    comment: str | None  # the instructor's
    look: bool = False  # a person must look, for the first time or again


def holds(course: Course, assignment: str) -> bool:
    """Whether the assignment is in the gradebook."""
    query = "SELECT name FROM assignment WHERE name = :assignment"
    return bool(_rows(course, query, assignment))


def entered(course: Course, assignment: str) -> set[str]:
    """The students whose submission is in the gradebook."""
    return {student for (student,) in _rows(course, SUBMITTED, assignment)}


def numbers(course: Course, assignment: str) -> dict[str, str]:
    """By student, the gradebook's own number of the submission, which names nobody.

    It stands in formgrader's address of that submission, and stays when it is graded
    again.
    """
    return dict(_rows(course, NUMBERS, assignment))


def students(course: Course) -> set[str]:
    """All students of the gradebook."""
    return {student for (student,) in _rows(course, "SELECT id FROM student")}


def entries(course: Course, student: str) -> Entries:
    """How much the gradebook holds of one student, by the id."""
    (found,) = _rows(course, ENTRIES, student=student)
    return Entries(*found)


def recorded(course: Course, assignment: str) -> dict[tuple[str, str], Recorded]:
    """By (student, cell), the scores of an assignment, and people's comments."""
    return {
        (student, cell): Recorded(auto, manual, extra or 0.0, comment, bool(look))
        for student, cell, auto, manual, extra, comment, look in _rows(
            course, RECORDED, assignment
        )
    }


def comments(course: Course, assignment: str) -> dict[tuple[str, str], str]:
    """By (student, cell), what people wrote under any cell, also under code."""
    return {
        (student, cell): comment
        for student, cell, comment in _rows(course, COMMENTS, assignment)
        if comment and comment.strip()
    }


def _rows(
    course: Course, query: str, assignment: str = "", student: str = ""
) -> list[tuple]:
    """The rows of a query; none when there is no gradebook yet."""
    from sqlalchemy import text

    with _connection(course) as connection:
        if connection is None:
            return []
        given = {"assignment": assignment, "student": student}
        bound = {name: value for name, value in given.items() if f":{name}" in query}
        return [tuple(row) for row in connection.execute(text(query), bound)]


@contextmanager
def _connection(course: Course) -> Iterator["Connection | None"]:
    """A connection for reading; None where there is no gradebook: none is made."""
    from sqlalchemy import create_engine, inspect, make_url

    with database_open(course.url):
        url = make_url(course.url)
    on_disk = url.drivername.startswith("sqlite")
    if on_disk and not (url.database and Path(url.database).is_file()):
        yield None
        return
    with database_open(course.url):
        engine = create_engine(url)
        connection = engine.connect()
    try:
        made = inspect(connection).has_table("assignment")
        yield connection if made else None
    finally:
        connection.close()
        engine.dispose()
