"""Write results into the gradebook: the parent's work alone, safe to repeat.

The order makes it safe to kill at any point. A result that is finished lies among those
that wait, before anything else. Then the gradebook, in one transaction for several
results; then the notebooks for formgrader; last the results move to the journal, each
in one step. What still waits is entered by the next run, and writes the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from autograder.assignment.cells import grade_id, is_answer, is_manual
from autograder.assignment.exam import Exam
from autograder.assignment.written import answers, blank_answers
from autograder.collect.read_back import documents_before, handed_beside
from autograder.course.beside import Beside, beside_key
from autograder.course.folder import Course, write_whole
from autograder.grade.beside_cell import beside_cell
from autograder.grade.formgrader_copy import for_formgrader
from autograder.grade.workers.answer import Answer
from autograder.model import CellResult, Outcome, Result

if TYPE_CHECKING:
    from nbgrader.api import Comment, Grade, Gradebook

NO_RESPONSE = "No response."  # nbgrader's own words
CHANGED = "The answer changed after it was graded by hand: please look again."


@dataclass(frozen=True)
class Entry:
    """A finished grade with what decides how it is entered.

    `earlier` is what the journal holds; `beside` lies beside the notebook, and `before`
    are the documents beside an earlier attempt's. `received` is the time from the LMS.
    """

    answer: Answer
    earlier: Result | None = None
    beside: tuple[Beside, ...] = ()
    before: tuple[Beside, ...] = ()
    received: str | None = None

    @property
    def result(self) -> Result:
        """The result, without its notebook."""
        return self.answer.result

    def blank(self, exam: Exam) -> frozenset[str]:
        """The answers in which nothing was written.

        With a document beside the notebook, or beside an earlier attempt's, no written
        answer is blank: it may be in that.
        """
        document = bool(self.before) or any(each.is_document for each in self.beside)
        if self.answer.blank is not None and not document:
            return frozenset(self.answer.blank)
        notebook = self.answer.whole.notebook
        return frozenset(blank_answers(exam, notebook, beside=document))

    def changed(self) -> frozenset[str]:
        """The answers that are others than when they were last graded."""
        if self.earlier is None:
            return frozenset()
        new, old = answers(self.answer.whole.notebook), answers(self.earlier.notebook)
        files_changed = self.earlier.beside != self.result.beside
        return frozenset(
            name
            for name in {cell.grade_id for cell in self.result.cells}
            if files_changed or new.get(name) != old.get(name)
        )

    def page(self, course: Course, exam: Exam) -> bytes:
        """The notebook for formgrader."""
        if self.answer.page is not None and not (self.beside or self.before):
            return self.answer.page
        folder = course.submitted(self.result.assignment, self.result.student)
        shown = beside_cell((*self.beside, *self.before), folder)
        return for_formgrader(exam, self.answer.whole, shown)


def wait(course: Course, answer: Answer) -> Answer:
    """Keep a finished grade on the disk until it is entered, and return it so.

    With it stands what was handed in beside the notebook.
    """
    name, student = answer.result.assignment, answer.result.student
    answer = answer.with_beside(beside_key(handed_beside(course, name, student)))
    write_whole(course.pending_path(name, student), answer.entry)
    return answer


def record(
    course: Course,
    exam: Exam,
    result: Result,
    gradebook: "Gradebook",
    received: str | None = None,
) -> Result:
    """Put one result in the gradebook, in autograded/ and in the journal; return it."""
    times = {result.student: received}
    answer = wait(course, Answer.of(result))
    record_all(course, exam, [answer], gradebook, times)
    return answer.whole


def record_all(
    course: Course,
    exam: Exam,
    waiting: Iterable[Answer],
    gradebook: "Gradebook",
    received: Mapping[str, str | None],
) -> None:
    """Put grades that wait in the gradebook, in autograded/ and in the journal.

    All count in the gradebook, or none. A score that a person gave is kept; it is
    flagged for another look when the answer under it changed. A submission that the
    grader failed on gets no score at all. `received` are the times from the LMS by
    student; without one the gradebook holds none.
    """
    entries = [
        Entry(
            answer,
            course.result(name, student),
            handed_beside(course, name, student),
            documents_before(course, name, student),
            received.get(student),
        )
        for answer in waiting
        for name, student in [(answer.result.assignment, answer.result.student)]
    ]
    enter_scores(exam, entries, gradebook)
    for entry in entries:
        name, student = entry.result.assignment, entry.result.student
        path = course.autograded(name, student)
        write_whole(path, entry.page(course, exam))
        if entry.received:
            write_whole(path.with_name("timestamp.txt"), f"{entry.received}\n".encode())
        course.settle(name, student)


def enter_scores(exam: Exam, entries: Sequence[Entry], gradebook: "Gradebook") -> None:
    """Write the scores and comments of some submissions, in one transaction."""
    session = gradebook.db()
    try:
        held = rows_of(exam.assignment, entries, gradebook)
        for entry in entries:
            enter(exam, entry, held[entry.result.student])
        session.commit()
    except BaseException:
        session.rollback()
        raise


@dataclass(frozen=True)
class Rows:
    """A submission in the gradebook: its grades and comments by their cells' names."""

    grades: "dict[str, Grade]" = field(default_factory=dict)
    comments: "dict[str, Comment]" = field(default_factory=dict)


def rows_of(
    name: str, entries: Sequence[Entry], gradebook: "Gradebook"
) -> dict[str, Rows]:
    """Have these submissions in the gradebook, made as nbgrader makes one.

    Its `add_submission` asks for one at a time, and for every row of it: here all are
    asked for at once, by what the tables have an index of. What is new is only added to
    the session.
    """
    from nbgrader.api import (
        BaseCell,
        Comment,
        Grade,
        Notebook,
        Student,
        SubmittedAssignment,
        SubmittedNotebook,
        new_uuid,
    )

    session = gradebook.db()
    assignment = gradebook.find_assignment(name).id
    ((notebook,),) = session.query(Notebook.id).filter(
        Notebook.assignment_id == assignment, Notebook.name == name
    )
    cells = session.query(BaseCell.id, BaseCell.name, BaseCell.type)
    cells = cells.filter(BaseCell.notebook_id == notebook).all()
    graded, written = ("GradeCell", "TaskCell"), ("SolutionCell", "TaskCell")
    kinds = {
        Grade: {number: name for number, name, kind in cells if kind in graded},
        Comment: {number: name for number, name, kind in cells if kind in written},
    }
    times = {each.result.student: time_of(each.received) for each in entries}
    known = session.query(Student.id).filter(Student.id.in_(list(times)))
    session.add_all(Student(id=each) for each in times.keys() - {i for (i,) in known})
    submitted = {
        each.student_id: each
        for each in session.query(SubmittedAssignment).filter(
            SubmittedAssignment.assignment_id == assignment,
            SubmittedAssignment.student_id.in_(list(times)),
        )
    }
    notebooks = dict(
        session.query(SubmittedNotebook.assignment_id, SubmittedNotebook.id)
        .filter(
            SubmittedNotebook.notebook_id == notebook,
            SubmittedNotebook.assignment_id.in_([e.id for e in submitted.values()]),
        )
        .all()
    )
    held: dict[type, dict[tuple[str, str], Grade | Comment]] = {}
    for kind, named in kinds.items():
        found = session.query(kind).filter(
            kind.cell_id.in_(list(named)),
            kind.notebook_id.in_(list(notebooks.values())),
        )
        there = found if notebooks else ()
        held[kind] = {(each.notebook_id, each.cell_id): each for each in there}
    made = {}
    for student, time in times.items():
        if (submission := submitted.get(student)) is None:
            submission = SubmittedAssignment(
                id=new_uuid(), assignment_id=assignment, student_id=student
            )
            session.add(submission)
        submission.timestamp = time
        if (own := notebooks.get(submission.id)) is None:
            own = new_uuid()
            session.add(
                SubmittedNotebook(
                    id=own, notebook_id=notebook, assignment_id=submission.id
                )
            )
        rows = made[student] = Rows()
        for kind, into in ((Grade, rows.grades), (Comment, rows.comments)):
            for cell, title in kinds[kind].items():
                if (row := held[kind].get((own, cell))) is None:
                    row = kind(cell_id=cell, notebook_id=own)
                    session.add(row)
                into[title] = row
    return made


def enter(exam: Exam, entry: Entry, rows: Rows) -> None:
    """Set the scores and comments of one submission."""
    result, blank, changed = entry.result, entry.blank(exam), entry.changed()
    for cell in result.cells:
        name = cell.grade_id
        enter_grade(
            rows.grades[name],
            result,
            cell,
            changed=name in changed,
            blank=name in blank,
        )
    if result.outcome == Outcome.FAILED:
        return
    for cell in filter(is_answer, exam.cells):
        name = grade_id(cell)
        look = is_manual(cell) and must_look(rows.grades[name])
        enter_comment(rows.comments[name], blank=name in blank, look=look)


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
