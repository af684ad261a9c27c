"""Plain nbgrader with three lines of configuration runs notebooks in the sandbox."""

import ast
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
import pytest
from grading_process import words
from tiny_assignment import NAME, handed_in, tiny_course

from autograder.course.folder import own_tools_on_path

pytestmark = pytest.mark.grading
CONFIG = """
c = get_config()
from autograder.nbgrader_sandbox import protect
protect(c)

c.CourseDirectory.root = {root!r}
c.CourseDirectory.course_id = "course"
c.Execute.timeout = 5
"""
# What a submission may try; each line that works adds a word to `found`.
HOSTILE = """
import os, pathlib, socket

found = []

def attempt(name, work):
    try:
        work()
        found.append(name)
    except (OSError, LookupError) as error:
        print(name, type(error).__name__)

attempt("network", lambda: socket.create_connection(("127.0.0.1", {port}), 2).close())
attempt("gradebook", lambda: open({gradebook!r}, 'rb').read(1))
attempt("source", lambda: os.listdir({source!r}))
attempt("the hidden tests", lambda: open({NAME!r} + ".ipynb").read(1))
attempt("the owner's home", lambda: open({mark!r}, "w").write("here"))
attempt("a secret", lambda: os.environ["COURSE_SECRET"])
above = "/proc/%d/environ" % os.getppid()
attempt("the parent's secret", lambda: open(above, 'rb').read(1)[0])
data = open("numbers.txt").read()
pathlib.Path("made.txt").write_text("in its own copy")
print("found:", found, "data:", data)


def square(x):
    return x * x
"""
SECRET = {"COURSE_SECRET": "unspoken"}
LOOP = "while True:\n    pass"


@pytest.fixture(scope="module")
def listening():
    """A port on this machine, to which something could connect."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of the course, and of the temporary files."""
    made = tmp_path_factory.mktemp("stock")
    (made / "temporary").mkdir()
    return made


@pytest.fixture(scope="module")
def made(folder):
    """A stock course, with a data file beside the notebook."""
    course, exam = tiny_course(folder)
    (course.source(NAME).parent / "numbers.txt").write_text("1 2 3")
    config = CONFIG.format(root=str(course.root))
    (course.root / "nbgrader_config.py").write_text(config)
    return course, exam


@pytest.fixture(scope="module")
def mark():
    """A file in the home folder that nobody may write."""
    path = Path.home() / f".mark-{os.getpid()}"
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def hostile(made, listening, mark):
    """The hostile answer."""
    course, _ = made
    return HOSTILE.format(
        NAME=NAME,
        port=listening,
        gradebook=str(course.root / "gradebook.db"),
        source=str(course.source(NAME).parent),
        mark=str(mark),
    )


@pytest.fixture(scope="module")
def graded(made, folder, hostile):
    """The course after the stock `nbgrader autograde`."""
    course, exam = made
    for student, square in (("ada", None), ("eve", hostile), ("max", LOOP)):
        answers = {"square": square, "cube": "def cube(x):\n    return x**3"}
        notebook = handed_in(exam, None if square is None else answers)
        path = course.submitted(NAME, student) / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(notebook))
    with own_tools_on_path():
        nbgrader = Path(sys.executable).with_name("nbgrader")
        done = subprocess.run(
            [str(nbgrader), "autograde", NAME],
            cwd=course.root,
            env=os.environ | SECRET | {"TMPDIR": str(folder / "temporary")},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return course


def scores(course, student):
    """The points of each test in the gradebook."""
    with course.gradebook() as gradebook:
        (notebook,) = gradebook.find_submission(NAME, student).notebooks
        return {grade.name: grade.auto_score for grade in notebook.grades}


def printed(course, student):
    """What the run notebook printed."""
    notebook = nbformat.read(course.autograded(NAME, student), as_version=4)
    outputs = [each for cell in notebook.cells for each in cell.get("outputs", ())]
    return "".join(each.get("text", "") for each in outputs)


def test_what_the_hostile_notebook_tries_works_without_the_sandbox(
    made, hostile, tmp_path, mark
):
    (tmp_path / "numbers.txt").write_text("1 2 3")
    (tmp_path / f"{NAME}.ipynb").write_text("{}")
    python = [sys.executable, "-c", hostile]
    done = subprocess.run(
        python, cwd=tmp_path, env=os.environ | SECRET, capture_output=True, check=True
    )
    mark.unlink()
    (line,) = done.stdout.decode().splitlines()
    assert len(ast.literal_eval(line[len("found: ") : line.index("]") + 1])) == 7


def test_an_honest_notebook_is_scored_as_before(graded):
    assert scores(graded, "ada") == {"square-test": 2, "cube-test": 3, "why": None}


def test_a_hostile_notebook_finds_nothing(graded, mark):
    assert "found: [] data: 1 2 3" in printed(graded, "eve")
    assert not mark.exists()
    assert not (graded.autograded(NAME, "eve").parent / "made.txt").exists()
    assert scores(graded, "eve")["square-test"] == 2  # its answer is right


def test_a_cell_that_does_not_end_is_stopped_and_the_rest_runs(graded):
    assert scores(graded, "max")["square-test"] == 0
    assert scores(graded, "max")["cube-test"] == 3


def test_nothing_is_left_of_the_kernels(graded, folder):
    temporary = folder / "temporary"
    left = [str(path) for path in temporary.glob("kernel-*")]
    running = [word for each in psutil.process_iter() for word in words(each)]
    assert (left, [word for word in running if str(temporary) in word]) == ([], [])
