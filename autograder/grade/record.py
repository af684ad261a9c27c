"""Write a Result into the gradebook: the parent's work alone, safe to repeat.

The order makes it safe to kill at any point: first the gradebook, in one transaction,
then the notebook for formgrader, last the journal. What is not in the journal is graded
again, and writes the same.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from autograder.assignment.cells import grade_id, is_answer, is_manual
from autograder.assignment.exam import Exam
from autograder.assignment.written import answers, blank_answers
from autograder.collect.read_back import documents_before, handed_beside
from autograder.course.beside import beside_key
from autograder.course.folder import Course, write_whole
from autograder.grade.beside_cell import beside_cell
from autograder.grade.formgrader_copy import for_formgrader
from autograder.model import CellResult, Outcome, Result

if TYPE_CHECKING:
    from nbgrader.api import Comment, Grade, Gradebook

NO_RESPONSE = "No response."  # nbgrader's own words
CHANGED = "The answer changed after it was graded by hand: please look again."


def record(
    course: Course,
    exam: Exam,
    result: Result,
    gradebook: "Gradebook",
    received: str | None = None,
) -> Result:
    """Put one result in the gradebook, in autograded/ and in the journal; return it.

    A score that a person gave is kept; it is flagged for another look when the answer
    under it changed. A submission that the grader failed on gets no score at all.
    `received` is the time from the LMS; without it the gradebook holds none.
    """
    earlier = course.result(result.assignment, result.student)
    folder = course.submitted(result.assignment, result.student)
    files = handed_beside(course, result.assignment, result.student)
    result = replace(result, beside=beside_key(files))
    before = documents_before(course, result.assignment, result.student)
    document = bool(before) or any(file.is_document for file in files)
    enter_scores(exam, result, earlier, gradebook, received, document=document)
    path = course.autograded(result.assignment, result.student)
    shown = for_formgrader(exam, result, beside_cell((*files, *before), folder))
    write_whole(path, shown)
    if received:
        write_whole(path.with_name("timestamp.txt"), f"{received}\n".encode())
    course.write_result(result)
    course.pending_path(result.assignment, result.student).unlink(missing_ok=True)
    return result


def enter_scores(
    exam: Exam,
    result: Result,
    earlier: Result | None,
    gradebook: "Gradebook",
    received: str | None,
    *,
    document: bool = False,
) -> None:
    """Write the scores and comments of one submission, in one transaction.

    With a `document` beside the notebook, or beside an earlier attempt's, no written
    answer is blank: it may be in that.
    """
    with one_transaction(gradebook):
        notebook = submitted_notebook(result, gradebook, received)
        new, old = answers(result.notebook), answers(earlier and earlier.notebook)
        files_changed = earlier is not None and earlier.beside != result.beside
        blank = blank_answers(exam, result.notebook, beside=document)
        grades = by_name(gradebook, "Grade", notebook)
        for cell in result.cells:
            name = cell.grade_id
            changed = earlier is not None and new.get(name) != old.get(name)
            changed = changed or files_changed
            blanked = name in blank
            enter_grade(grades[name], result, cell, changed=changed, blank=blanked)
        if result.outcome == Outcome.FAILED:
            return
        comments = by_name(gradebook, "Comment", notebook)
        for cell in filter(is_answer, exam.cells):
            name = grade_id(cell)
            look = is_manual(cell) and must_look(grades[name])
            enter_comment(comments[name], blank=name in blank, look=look)


@contextmanager
def one_transaction(gradebook: "Gradebook") -> Iterator[None]:
    """Let all that nbgrader writes count together, or not at all.

    Its functions commit one by one: a kill between two would leave a submission with
    no scores. Here they only flush, and the block commits. What goes wrong is raised:
    nbgrader need not write pages about it.
    """
    session = gradebook.db()
    session.commit = session.flush
    log = logging.getLogger("tornado.application")
    before, log.disabled = log.disabled, True
    try:
        yield
        del session.commit
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        vars(session).pop("commit", None)
        log.disabled = before


def submitted_notebook(
    result: Result, gradebook: "Gradebook", received: str | None
) -> str:
    """Have a student's submission in the gradebook; return its notebook's id there."""
    gradebook.update_or_create_student(result.student)
    with gradebook.db().no_autoflush:  # it builds a tree of rows before it adds them
        submission = gradebook.update_or_create_submission(
            result.assignment, result.student, timestamp=time_of(received)
        )
    (found,) = (each for each in submission.notebooks if each.name == result.assignment)
    return found.id


def by_name(
    gradebook: "Gradebook", kind: str, notebook: str
) -> "dict[str, Grade | Comment]":
    """The grades or the comments of a submitted notebook, by their cell's name."""
    from nbgrader import api

    rows, cell = getattr(api, kind), api.BaseCell.__table__
    query = (
        gradebook.db.query(rows, cell.c.name)
        .join(cell, cell.c.id == rows.cell_id)
        .filter(rows.notebook_id == notebook)
    )
    return {name: row for row, name in query}


def time_of(received: str | None) -> datetime | None:
    """The time in UTC; None for what is no time."""
    from nbgrader.utils import parse_utc

    try:
        return parse_utc(received)
    except (ValueError, OverflowError):
        return None


def enter_grade(
    grade: "Grade", result: Result, cell: CellResult, *, changed: bool, blank: bool
) -> None:
    """Set what the grader gave, and whether a person must look."""
    before, by_hand = grade.auto_score, grade.manual_score is not None
    if result.outcome == Outcome.FAILED:
        grade.auto_score, grade.needs_manual_grade = None, True
        return
    if cell.manual:
        nothing = blank or result.outcome == Outcome.INVALID
        grade.auto_score = 0.0 if nothing else None
        if by_hand:
            grade.needs_manual_grade = grade.needs_manual_grade or changed
        else:
            grade.needs_manual_grade = not nothing
        return
    grade.auto_score = cell.points
    changed = by_hand and before is not None and before != cell.points
    grade.needs_manual_grade = by_hand and (grade.needs_manual_grade or changed)


def enter_comment(comment: "Comment", *, blank: bool, look: bool) -> None:
    """Set the automatic comment on an answer; a person's own comment stays."""
    comment.auto_comment = CHANGED if look else NO_RESPONSE if blank else None


def must_look(grade: "Grade") -> bool:
    """Whether a score given by hand waits for another look."""
    return grade.manual_score is not None and grade.needs_manual_grade
