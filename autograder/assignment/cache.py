"""The exam of a released assignment, kept beside it: making it anew takes seconds."""

import hashlib
import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from autograder.assignment.cells import handed_out_mark, nbgrader_of
from autograder.assignment.exam import Exam, exam_from_bytes, read_exam
from autograder.assignment.files import beside
from autograder.course.folder import Course, write_whole

MAKERS = ("nbgrader", "nbconvert", "nbformat", "jupytext")


def released_exam(course: Course, assignment: str) -> Exam:
    """The exam that the course's source/ gives; CourseError when it cannot be read.

    It is read from exams/ when neither the source nor what reads it has changed.
    """
    exam = exam_of_source(course, assignment)
    return replace(exam, handed_out=handed_out(course, assignment))


def exam_of_source(course: Course, assignment: str) -> Exam:
    """The same without the marks of earlier releases."""
    source = course.source(assignment)
    made_from = fingerprint(source)
    path = course.root / "exams" / f"{assignment}.json"
    try:
        kept = json.loads(path.read_text("utf-8"))
        if kept["made_from"] == made_from:
            return exam_from_bytes(kept["exam"].encode("utf-8"))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass  # there is none, or one of another version: it is made anew
    exam = read_exam(source, assignment)
    kept = {"made_from": made_from, "exam": exam.to_bytes().decode("utf-8")}
    write_whole(path, json.dumps(kept).encode("utf-8"))
    return exam


def handed_out(course: Course, assignment: str) -> frozenset[str]:
    """The marks of the cells of all releases so far; none where none was noted."""
    try:
        found = json.loads(marks_path(course, assignment).read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return frozenset()
    marks = found if isinstance(found, list) else []
    return frozenset(mark for mark in marks if isinstance(mark, str))


def note_handed_out(course: Course, assignment: str) -> None:
    """Add the cells of the release that lies in the course to those handed out.

    Each has two marks: its text's, and the checksum that nbgrader wrote into it.
    """
    try:
        cells = json.loads(course.release(assignment).read_text("utf-8"))["cells"]
    except (FileNotFoundError, ValueError):
        return
    marks = {handed_out_mark(cell) for cell in cells}
    marks |= {nbgrader_of(cell).get("checksum") for cell in cells} - {None}
    known = handed_out(course, assignment)
    if not marks <= known:
        text = json.dumps(sorted(marks | known), indent=0)
        write_whole(marks_path(course, assignment), text.encode("utf-8"))


def marks_path(course: Course, assignment: str) -> Path:
    """Where the marks of an assignment's releases are kept."""
    return course.root / "handed_out" / f"{assignment}.json"


def fingerprint(source: Path) -> str:
    """The sha256 of the source, its files, this package, and what it builds on."""
    digest = hashlib.sha256()
    makers = sorted(Path(__file__).parent.glob("*.py"))  # this room: it reads exams
    for path in [source, *makers]:
        if path.exists():
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    for name, content in beside(source).items():
        digest.update(hashlib.sha256(name.encode("utf-8") + b"\0" + content).digest())
    digest.update(" ".join(map(version, MAKERS)).encode("utf-8"))
    return digest.hexdigest()
