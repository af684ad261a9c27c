"""Write a Result into the gradebook: the parent's work alone, safe to repeat.

The order makes it safe to kill at any point: first the gradebook, in one transaction,
then the notebook for formgrader, last the journal. What is not in the journal is graded
again, and writes the same.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from autograder.assignment.cells import (
    grade_id,
    handed_out_mark,
    is_added,
    is_answer,
    is_manual,
    points,
)
from autograder.assignment.exam import Exam
from autograder.course.folder import Course, write_whole
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
) -> None:
    """Put one result in the gradebook, in autograded/ and in the journal.

    A score that a person gave is kept; it is flagged for another look when the answer
    under it changed. A submission that the grader failed on gets no score at all.
    `received` is the time from the LMS; without it the gradebook holds none.
    """
    earlier = course.result(result.assignment, result.student)
    enter_scores(exam, result, earlier, gradebook, received)
    path = course.autograded(result.assignment, result.student)
    write_whole(path, for_formgrader(exam, result))
    if received:
        write_whole(path.with_name("timestamp.txt"), f"{received}\n".encode())
    course.write_result(result)


def enter_scores(
    exam: Exam,
    result: Result,
    earlier: Result | None,
    gradebook: "Gradebook",
    received: str | None,
) -> None:
    """Write the scores and comments of one submission, in one transaction."""
    with one_transaction(gradebook):
        notebook = submitted_notebook(result, gradebook, received)
        new, old = answers(result), answers(earlier)
        blank = blank_answers(exam, result)
        grades = by_name(gradebook, "Grade", notebook)
        for cell in result.cells:
            name = cell.grade_id
            changed = earlier is not None and new.get(name) != old.get(name)
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
    no scores. Here they only flush, and the block commits.
    """
    session = gradebook.db()
    session.commit = session.flush
    try:
        yield
        del session.commit
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        vars(session).pop("commit", None)


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


def answers(result: Result | None) -> dict[str, str]:
    """The sources of a submission's named cells, with what was pasted into them."""
    if result is None or result.notebook is None:
        return {}
    return {
        grade_id(cell): json.dumps(["".join(cell["source"]), cell.get("attachments")])
        for cell in json.loads(result.notebook)["cells"]
        if grade_id(cell)
    }


def blank_answers(exam: Exam, result: Result, *, beside: bool = False) -> set[str]:
    """The answer cells for which their author wrote nothing.

    Such a cell is as it was handed out, today or before, or empty. One that a person
    grades is blank only when nothing of the student's stands between its graded
    neighbours either, and no document was handed in `beside` the notebook.
    """
    written, near = answers(result), own_cells_near(exam, result)
    blank = set()
    for cell in filter(is_answer, exam.cells):
        name = grade_id(cell)
        source, pasted = json.loads(written.get(name, '["", null]'))
        found = cell | {"source": source}
        untouched = source.strip() in ("", cell["source"].strip())
        if pasted or not (untouched or handed_out_mark(found) in exam.handed_out):
            continue
        prose = cell["cell_type"] != "code"
        if is_manual(cell) and (name in near or (beside and prose)):
            continue
        blank.add(name)
    return blank


def own_cells_near(exam: Exam, result: Result) -> set[str]:
    """The cells graded by hand next to which the student wrote in cells of their own.

    Text counts up to the next cell with points, code up to the next answer: a student
    who tries something out under another exercise has not answered this one.
    """
    if result.notebook is None:
        return set()
    found: set[str] = set()
    text = code = False  # the student's own, since the last cell that ends such a run
    last_text = last_code = None  # the hand-graded cell that stands before
    for cell in json.loads(result.notebook)["cells"]:
        if is_added(cell):
            own_text = cell["cell_type"] != "code"
            if handed_out_mark(cell) in exam.handed_out:
                continue
            text, code = text or own_text, code or not own_text
            found |= {last_text} if own_text else {last_code}
            continue
        name = grade_id(cell) if is_manual(cell) else None
        if points(cell) is not None or is_answer(cell):
            found |= {name} if code else set()
            last_code, code = name, False
        if points(cell) is not None:
            found |= {name} if text else set()
            last_text, text = name, False
    return found - {None}
