"""Read back what the collector, nbgrader or a person left in a student's folder."""

import hashlib
from dataclasses import replace
from functools import cache
from pathlib import Path

from autograder.archives import Found, printable
from autograder.assignment.cache import released_exam
from autograder.assignment.exam import Exam
from autograder.assignment.written import own_cells, written_answers
from autograder.collect.choose_file import Reader, Written, pick
from autograder.collect.downloads import files_in, read_plainly
from autograder.course.attempts import attempts, has_notebook, placed
from autograder.course.beside import Beside
from autograder.course.folder import Course
from autograder.course.settings import settings
from autograder.course.submitted import arrival, note_in
from autograder.judge.read_file import MAX_BYTES
from autograder.judge.rebuild import intake
from autograder.model import CourseError, Submission


def reader(course: Course, assignment: str) -> Reader:
    """Tells what is written in a file that was handed in for an assignment.

    Where the assignment's own source cannot be read, nothing is told: the names of the
    files decide then.
    """

    @cache
    def exam() -> Exam | None:
        try:
            return released_exam(course, assignment)
        except CourseError:
            return None

    def read(name: str, content: bytes) -> Written | None:
        if exam() is None:
            return None
        try:
            made = intake(Submission("", assignment, name, content), exam()).notebook
        except Exception:
            # Refused, or something in it that nobody foresaw: its student is told when
            # it is graded, and nobody else is concerned.
            return None
        return Written(written_answers(exam(), made), frozenset(own_cells(made)))

    return read


def read_submission(
    course: Course, assignment: str, student: str, folder: Path | None = None
) -> tuple[Submission, str | None]:
    """What one student handed in, and the collector's word on it.

    A folder that nbgrader or a person filled works too. A folder without a usable
    file gives empty content and the reason. `folder` is an attempt's; by default that
    of the attempt that counts.
    """
    folder = folder or course.submitted(assignment, student)
    note = note_in(folder)
    came = arrival(folder, settings(course).zone)
    when = came.time and came.time.isoformat()
    try:
        if note is not None and note.filename is not None:
            name = Path(note.filename).name
            content, problem = read_plainly(folder / name), note.problem
        else:
            picked = pick(files_in(folder), assignment, reader(course, assignment))
            content, problem = picked.content, picked.remark
            name = picked.file.name
    except ValueError as error:
        reason = (note and note.problem) or str(error)
        return Submission(student, assignment, "", b"", when), reason
    return Submission(student, assignment, printable(name), content, when), problem


def handed_beside(
    course: Course, assignment: str, student: str, folder: Path | None = None
) -> tuple[Beside, ...]:
    """What one student handed in beside the notebook that is graded.

    With attempts that held no notebook: who hands in a photograph alone adds it to what
    is there. The paths of these are whole.
    """
    if folder is None:
        known = attempts(course, assignment, student)
        now = placed(course, assignment, student)
        added = [
            file
            for number, path in known.items()
            if now in known and number != now and not has_notebook(path)
            for file in lying_elsewhere(course, assignment, student, path)
        ]
        here = course.submitted(assignment, student)
        return (*handed_beside(course, assignment, student, here), *added)
    note = note_in(folder)
    if note is not None:
        return note.beside
    try:
        picked = pick(files_in(folder), assignment, reader(course, assignment))
    except ValueError:
        return ()  # read_submission gives the reason
    return tuple(where_it_lies(file, file in picked.blank) for file in picked.others)


def documents_before(
    course: Course, assignment: str, student: str
) -> tuple[Beside, ...]:
    """The documents of earlier attempts, where the one that counts has none beside it.

    Who hands the corrected notebook in alone has not taken a photograph back. The paths
    are whole.
    """
    here = course.submitted(assignment, student)
    files = handed_beside(course, assignment, student, here)
    if any(each.is_document for each in files):
        return ()
    known = attempts(course, assignment, student)
    now = placed(course, assignment, student)
    return tuple(
        file
        for number, folder in known.items()
        if now in known and number < now and has_notebook(folder)
        for file in lying_elsewhere(course, assignment, student, folder)
        if file.is_document and file.path is not None
    )


def lying_elsewhere(
    course: Course, assignment: str, student: str, folder: Path
) -> list[Beside]:
    """The files beside an attempt, with whole paths."""
    return [
        replace(file, path=file.path and str((folder / file.path).absolute()))
        for file in handed_beside(course, assignment, student, folder)
    ]


def where_it_lies(file: Found, blank: bool) -> Beside:
    """A file that somebody else put into a student's folder."""
    name = printable(str(file.path))
    try:
        digest = hashlib.sha256(file.read(MAX_BYTES)).hexdigest()
    except ValueError as error:
        return Beside(name, why=str(error))
    return Beside(name, name, digest, blank=blank)
