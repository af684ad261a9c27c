"""One case of the suite: what a student hands in, and what must come of it.

A case is data. Its folder is what the student uploads; its expectation is the points
of the two test cells (None: refused as invalid), and a pattern that the student reads
in a repair, in the reason or at a test. In every file, @COURSE@, @HOME@ and @PORT@
stand for the places that the attacker is told of, see `Places`.
"""

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import written
from tiny_assignment import NAME, cell_of

from autograder.assignment.exam import Exam

GIVEN = """
import numpy as np
import torch

from flowbook.checks import check


def reference(x):
    return 2 * x
"""
SOURCE = written.assignment(
    "An assignment under attack",
    written.code("grade: false, grade_id: given, locked: true, solution: false", GIVEN),
    "## Exercise 1: the square (2 points)",
    written.SQUARE,
    written.check(
        "square-test",
        2,
        'assert square(3) == 9, "three times three is nine"',
        """
a_line_of_the_hidden_tests = -5
assert square(a_line_of_the_hidden_tests) == 25
""",
    ),
    "## Exercise 2: the scale (3 points)",
    written.answer(
        "scale", 'def scale(x):\n    """Return twice the tensor x."""', "return 2 * x"
    ),
    written.check(
        "scale-test",
        3,
        """
x = torch.tensor([1.0, -2.0, 3.0])
check(scale(x), reference(x), idea="twice every number")
""",
        """
another_line_of_the_hidden_tests = torch.linspace(-1.0, 1.0, 7)
assert torch.allclose(scale(another_line_of_the_hidden_tests),
                      2 * another_line_of_the_hidden_tests)
np.testing.assert_allclose(
    scale(another_line_of_the_hidden_tests).numpy(),
    2 * another_line_of_the_hidden_tests.numpy(), rtol=1e-6)
""",
    ),
    "## Exercise 3: why (4 points)",
    written.WHY,
)
TESTS = ("square-test", "scale-test")
FULL = (2.0, 3.0)
NONE = (0.0, 0.0)
SQUARE = "def square(x):\n    return x * x"
SCALE = "def scale(x):\n    return 2 * x"
WHY = "It follows."
RIGHT = {"square": SQUARE, "scale": SCALE, "why": WHY}
# Wrong in every test, and so far from right that no slip makes them right.
WRONG = {
    "square": "def square(x):\n    return 41",
    "scale": "def scale(x):\n    return torch.full_like(x, 41.0)",
    "why": "?",
}

Notebook = dict
Special = Callable[[Path], None]
"""Makes something at a path that is no ordinary file."""
Folder = Mapping[str, bytes | Special]


@dataclass(frozen=True)
class Places:
    """What an attacker is told: the course, the instructor's home, an open port."""

    course: Path
    home: Path
    port: int = 9

    def put_into(self, content: bytes) -> bytes:
        """Replace the names of the places by the places."""
        found = {"COURSE": self.course, "HOME": self.home, "PORT": self.port}
        for name, place in found.items():
            content = content.replace(f"@{name}@".encode(), str(place).encode())
        return content


@dataclass(frozen=True)
class Case:
    """`points` are those of the square and of the scale; None is an invalid file.

    `said` is a pattern that a sentence to the student matches. `stock` says why stock
    nbgrader, which has no sandbox, is not given this case.
    """

    folder: Callable[[Exam], Folder]
    points: tuple[float, float] | None = FULL
    said: str = ""
    stock: str = ""


def notebook_of(exam: Exam, answers: Mapping[str, str] = RIGHT) -> Notebook:
    """The handed-out notebook with these answers."""
    notebook = copy.deepcopy(json.loads(exam.release))
    for name, source in answers.items():
        cell_of(notebook, name)["source"] = source
    return notebook


def as_bytes(notebook: Notebook) -> bytes:
    """A notebook as Jupyter saves it."""
    return json.dumps(notebook, indent=1).encode("utf-8")


def own_cell(source: str, kind: str = "code", **fields: object) -> dict:
    """A cell that the student added."""
    cell = {"cell_type": kind, "id": "own", "metadata": {}, "source": source}
    code = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return cell | code | fields


def handed(
    points: tuple[float, float] | None = FULL,
    said: str = "",
    *,
    stock: str = "",
    **answers: str,
) -> Case:
    """A notebook with these answers, and the right ones elsewhere."""

    def folder(exam: Exam) -> Folder:
        return {f"{NAME}.ipynb": as_bytes(notebook_of(exam, RIGHT | answers))}

    return Case(folder, points, said, stock)


def forged(attack: str, **answers: str) -> Case:
    """An attack in the first answer, with wrong answers: not one point."""
    return handed(NONE, **WRONG | {"square": f"{attack}\n{WRONG['square']}"} | answers)


def attempted(attack: str, stock: str = "") -> Case:
    """A right answer, then an attack on what is outside, which must come to nothing."""
    return handed(FULL, stock=stock, square=f"{SQUARE}\n{attack}")


def changed(
    change: Callable[[Notebook], None],
    points: tuple[float, float] | None = FULL,
    said: str = "",
    *,
    answers: Mapping[str, str] = RIGHT,
    stock: str = "",
) -> Case:
    """An honest notebook that something was done to."""

    def folder(exam: Exam) -> Folder:
        notebook = notebook_of(exam, answers)
        change(notebook)
        return {f"{NAME}.ipynb": as_bytes(notebook)}

    return Case(folder, points, said, stock)


def rewritten(
    rewrite: Callable[[bytes], bytes],
    points: tuple[float, float] | None = FULL,
    said: str = "",
    name: str = f"{NAME}.ipynb",
) -> Case:
    """An honest file, other bytes or another name."""

    def folder(exam: Exam) -> Folder:
        return {name: rewrite(as_bytes(notebook_of(exam)))}

    return Case(folder, points, said)


def beside(
    files: Mapping[str, bytes | Special],
    points: tuple[float, float] | None = FULL,
    said: str = "",
    *,
    alone: bool = False,
    stock: str = "",
) -> Case:
    """More in the folder than the notebook, or instead of it (`alone`)."""

    def folder(exam: Exam) -> Folder:
        honest = {} if alone else {f"{NAME}.ipynb": as_bytes(notebook_of(exam))}
        return honest | files

    return Case(folder, points, said, stock)
