"""A tiny assignment without torch, so that a kernel starts and ends quickly."""

import copy
import json
import tempfile
from functools import cache
from pathlib import Path

import written

from autograder.assignment.exam import Exam, read_exam
from autograder.course.folder import Course, write_whole
from autograder.model import Submission
from autograder.release.release import publish

NAME = "t1_tiny"
CHECK = """
class CheckFailed(AssertionError):
    pass


def check(got, expected, idea, mistakes=()):
    if got == expected:
        return
    lines = [f"Checked: {idea}", f"Problem: expected {expected!r}, got {got!r}."]
    for value, name, hint in mistakes:
        if got == value:
            lines += [f"Looks like: {name}", f"Hint: {hint}"]
    raise CheckFailed("\\n".join(lines))
"""
SOURCE = written.assignment(
    "A tiny assignment",
    written.given("checks", CHECK),
    "## Exercise 1: the square (2 points)",
    written.SQUARE,
    written.check(
        "square-test",
        2,
        'check(square(3), 9, "the square", '
        '[(6, "twice, not squared", "Two times is not x x.")])',
        """
hidden_value = -5
check(square(hidden_value), 25, "the square of a negative number",
      [(-25, "sign kept", "A square has no sign.")])
""",
    ),
    "## Exercise 2: the cube (3 points)",
    written.answer(
        "cube", 'def cube(x):\n    """Return x times x times x."""', "return x * x * x"
    ),
    written.check("cube-test", 3, 'check(cube(2), 8, "the cube")'),
    "## Exercise 3: why (4 points)",
    written.WHY,
    rules="{not_from: [flowbook], allowed: [flowbook.checks]}",
)
SQUARE, CUBE = "def square(x):\n    return x * x", "def cube(x):\n    return x * x * x"
RIGHT = {"square": SQUARE, "cube": CUBE, "why": "It follows."}


def write_source(folder: Path, text: str = SOURCE, name: str = NAME) -> Path:
    """Write an assignment as a course keeps it; return its file."""
    path = folder / name / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def tiny_exam(folder: Path, text: str = SOURCE) -> Exam:
    """The tiny assignment's exam."""
    return read_exam(write_source(folder, text), NAME)


def handed_in(exam: Exam, answers: dict[str, str] | None = None) -> dict:
    """A student's notebook as plain data, with these answers (all right by default)."""
    notebook = copy.deepcopy(json.loads(exam.release))
    for name, source in (RIGHT if answers is None else answers).items():
        cell_of(notebook, name)["source"] = source
    return notebook


def cell_of(notebook: dict, name: str) -> dict:
    """The cell with this grade_id."""
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == name:
            return cell
    raise KeyError(name)


def submission(notebook: dict | bytes, filename: str = f"{NAME}.ipynb") -> Submission:
    """A notebook, or any bytes, as handed in by one student."""
    content = notebook
    if not isinstance(content, bytes):
        content = json.dumps(notebook).encode("utf-8")
    return Submission("ada", NAME, filename, content)


@cache
def empty_gradebook() -> bytes:
    """A new gradebook, made once: nbgrader takes two seconds for it."""
    with tempfile.TemporaryDirectory() as folder:
        course = Course(Path(folder, "course"))
        course.gradebook().close()
        return (course.root / "gradebook.db").read_bytes()


def tiny_course(folder: Path, text: str = SOURCE) -> tuple[Course, Exam]:
    """A course with the tiny assignment in its gradebook; no kernel judged it."""
    course = Course(folder / "course")
    if not course.has_gradebook:
        write_whole(course.root / "gradebook.db", empty_gradebook())
    source = write_source(folder / "solutions", text)
    publish(course, NAME, source)
    return course, read_exam(source, NAME)


def hand_in(course: Course, student: str, notebook: dict | bytes) -> None:
    """Put a submission where the collector would."""
    path = course.submitted(NAME, student) / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = submission(notebook).content
    path.write_bytes(content)
