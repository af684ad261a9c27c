"""A submission is judged by what its tests do, and every accident has its sentence."""

import json

import psutil
import pytest
from tiny_assignment import (
    CUBE,
    NAME,
    RIGHT,
    SOURCE,
    SQUARE,
    cell_of,
    handed_in,
    submission,
    tiny_exam,
)

from autograder.judge import (
    cell_titles,
    judge,
    result_key,
)
from autograder.model import Limits, Outcome
from autograder.notebook_file import one_line
from autograder.processes import GraderError, Runner, environment

LIMITS = Limits(cell=3, notebook=40, output=10_000)
SLOW = "def cube(x):\n    while True:\n        pass"
STUBBORN = """def cube(x):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass"""


@pytest.fixture(scope="module")
def exam(tmp_path_factory):
    return tiny_exam(tmp_path_factory.mktemp("exam"))


class Fake(Runner):
    """Answers as an executor would, without a kernel."""

    def __init__(self, fail=0, **endings):
        super().__init__()
        self.fail, self.calls, self.endings = fail, 0, endings

    def run(self, request, seconds):
        self.calls += 1
        if self.calls <= self.fail:
            raise GraderError("no kernel")
        runs, hidden = {}, {}
        for cell in request["notebook"]["cells"]:
            name = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
            if cell["cell_type"] == "code":
                runs[cell["id"]] = self.ending(name.replace("-", "_"))
                if name == "square-test":
                    hidden[cell["id"]] = self.ending("hidden")
        notebook = json.dumps(request["notebook"])
        return {"notebook": notebook, "runs": runs, "hidden": hidden, "seconds": 1}

    def ending(self, name):
        ended, kind, text = self.endings.get(name, ("ok", "", ""))
        return {"ended": ended, "name": kind, "text": text}


def judged(exam, answers=None, runner=None):
    result = judge(submission(handed_in(exam, answers)), exam, LIMITS, runner=runner)
    return result, {cell.grade_id: cell for cell in result.cells}


# --- how a run is read, without a kernel ----------------------------------------------


def test_all_that_passes_gets_its_points(exam):
    result, cells = judged(exam, runner=Fake())
    assert result.outcome == Outcome.GRADED
    assert [c.points for c in result.cells] == [2, 3, 0]
    assert cells["why"].manual
    assert cells["square-test"].title == "Exercise 1: the square"


def test_a_failing_cell_costs_only_its_own_points(exam):
    result, cells = judged(exam, runner=Fake(cube_test=("error", "E", "x")))
    assert [c.points for c in result.cells] == [2, 0, 0]
    assert cells["cube-test"].error == "The test stopped with E: x"


def test_a_failed_check_is_read_back(exam):
    text = "Idea: i\nProblem: p\nLooks like: m\nHint: h"
    _, cells = judged(exam, runner=Fake(cube_test=("error", "CheckFailed", text)))
    cell = cells["cube-test"]
    assert (cell.idea, cell.mistake, cell.hint, cell.error) == ("i", "m", "h", "p")


def test_a_hidden_check_never_shows_its_problem(exam):
    text = "Idea: i\nProblem: secret 25\nLooks like: m\nHint: h"
    result, cells = judged(exam, runner=Fake(hidden=("error", "CheckFailed", text)))
    cell = cells["square-test"]
    assert (cell.points, cell.idea, cell.mistake, cell.hint) == (0, "i", "m", "h")
    assert "secret" not in result.to_json()


@pytest.mark.parametrize("name", ["TypeError", "a b", "x" * 99])
def test_another_exception_in_a_hidden_test_shows_no_text(exam, name):
    result, cells = judged(exam, runner=Fake(hidden=("error", name, "secret")))
    assert cells["square-test"].error.startswith("A hidden test failed (")
    assert "secret" not in result.to_json()


def test_a_missing_function_is_named(exam):
    text = "name 'square' is not defined"
    _, cells = judged(exam, runner=Fake(hidden=("error", "NameError", text)))
    assert "needs 'square'" in cells["square-test"].error


def test_a_name_of_the_hidden_tests_is_not_told(exam):
    text = "name 'hidden_value' is not defined"
    result, _ = judged(exam, runner=Fake(hidden=("error", "NameError", text)))
    assert "hidden_value" not in result.to_json()


def test_the_error_in_the_students_own_cell_explains_its_test(exam):
    own = ("error", "SyntaxError", "invalid syntax (3866253289.py, line 2)")
    test = ("error", "NameError", "name 'cube' is not defined")
    _, cells = judged(exam, runner=Fake(cube=own, cube_test=test))
    assert cells["cube-test"].error == (
        "Your own cell stopped with SyntaxError: invalid syntax (line 2)"
    )


def test_an_unanswered_cell_is_called_so(exam):
    stub = ("error", "NotImplementedError", "")
    _, cells = judged(exam, runner=Fake(cube_test=stub, hidden=stub))
    for name in ("cube-test", "square-test"):
        assert "not answered yet" in cells[name].error


@pytest.mark.parametrize("ended", ["time", "died", "skipped"])
def test_an_accident_gives_no_points_and_a_reason(exam, ended):
    result, cells = judged(exam, runner=Fake(cube_test=(ended, "", "")))
    assert result.outcome == Outcome.GRADED
    assert cells["cube-test"].points == 0
    assert cells["cube-test"].error == result.reason


def test_a_hidden_test_that_did_not_run_gives_no_points(exam):
    class Lost(Fake):
        def run(self, request, seconds):
            return super().run(request, seconds) | {"hidden": {}}

    _, cells = judged(exam, runner=Lost())
    assert cells["square-test"].points == 0


def test_a_cell_that_was_not_run_gives_no_points(exam):
    class Lost(Fake):
        def run(self, request, seconds):
            return super().run(request, seconds) | {"runs": {}}

    result, _ = judged(exam, runner=Lost())
    assert result.points == 0


def test_a_failure_of_the_grader_is_tried_again(exam):
    runner = Fake(fail=1)
    result, _ = judged(exam, runner=runner)
    assert (result.outcome, runner.calls) == (Outcome.GRADED, 2)


def test_a_grader_that_fails_twice_says_so_and_gives_no_grade(exam):
    result, _ = judged(exam, runner=Fake(fail=2))
    assert result.outcome == Outcome.FAILED
    assert "no kernel" in result.reason
    assert [c.max_points for c in result.cells] == [2, 3, 4]


def test_a_bug_of_the_grader_is_no_grade(exam):
    class Bug(Runner):
        def run(self, request, seconds):
            raise ZeroDivisionError("bug")

    result, _ = judged(exam, runner=Bug())
    assert (result.outcome, "bug" in result.reason) == (Outcome.FAILED, True)


def test_a_refused_submission_is_invalid_with_its_reason(exam):
    result = judge(submission(b"{"), exam, LIMITS, runner=Fake())
    assert result.outcome == Outcome.INVALID
    assert "cut short" in result.reason
    assert (result.points, result.max_points) == (0, 9)


def test_the_key_depends_on_content_tests_and_seed(exam, tmp_path):
    one = submission(handed_in(exam))
    text = "check(cube(3), 27, 'the cube')\n"
    other = tiny_exam(tmp_path, SOURCE.replace('check(cube(2), 8, "the cube")', text))
    keys = {
        result_key(one, exam),
        result_key(submission(handed_in(exam, {})), exam),
        result_key(one, other),
        result_key(one, exam, seed=1),
    }
    assert len(keys) == 4


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\nb\tc  d", "a b c d"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("a\x07\u202eb", "a\ufffd\ufffdb"),
        ("x" * 999, "x" * 299 + "\u2026"),
    ],
)
def test_a_line_for_a_student_is_one_printable_line(text, line):
    assert one_line(text) == line


def test_a_title_is_the_heading_without_its_points():
    def cell(kind, source, name=None):
        meta = {"nbgrader": {"grade_id": name}} if name else {}
        return {"cell_type": kind, "source": source, "metadata": meta}

    cells = [
        cell("code", "", "early"),
        cell("markdown", "## Exercise 1: a (b) (3 points)\ntext"),
        cell("code", "", "late"),
    ]
    assert cell_titles(cells) == {"early": "early", "late": "Exercise 1: a (b)"}


def test_a_kernel_gets_no_secret_and_one_thread(monkeypatch, tmp_path):
    monkeypatch.setenv("SECRET_TOKEN", "x")
    made = environment(str(tmp_path))
    assert "SECRET_TOKEN" not in made
    assert made["OMP_NUM_THREADS"] == made["MKL_NUM_THREADS"] == "1"
    assert made["HOME"] == str(tmp_path)


# --- with kernels ---------------------------------------------------------------------


@pytest.mark.grading
def test_right_answers_get_full_marks_although_a_warning_is_printed(exam):
    noisy = "import sys, warnings\nprint('w', file=sys.stderr)\nwarnings.warn('w')\n"
    noise = "    import sys; print('loud', file=sys.stderr)\n    return x * x"
    answers = {"square": noisy + "def square(x):\n" + noise, "cube": CUBE}
    result, _ = judged(exam, answers)
    assert (result.points, result.reason) == (5, None)


@pytest.mark.grading
def test_the_result_shows_no_hidden_test(exam):
    traceback = (
        "def square(x):\n    if x < 0:\n        raise ValueError\n    return x * x"
    )
    result, cells = judged(exam, {"square": traceback, "cube": CUBE})
    assert (cells["square-test"].points, cells["cube-test"].points) == (0, 3)
    assert "hidden_value" not in result.to_json()
    assert "ValueError" in cells["square-test"].error


@pytest.mark.grading
def test_a_known_mistake_gets_its_own_hint(exam):
    wrong = "def square(x):\n    return x * abs(x)"
    _, cells = judged(exam, {"square": wrong, "cube": "def cube(x): return 9"})
    assert cells["square-test"].mistake == "sign kept"
    assert cells["square-test"].hint == "A square has no sign."
    assert cells["cube-test"].error == "expected 8, got 9."


@pytest.mark.grading
@pytest.mark.parametrize(
    "cube",
    [
        SLOW,
        STUBBORN,
        "import os\nos._exit(0)",
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        "data = bytearray(10**11)",
        "raise SystemExit",
        "import ctypes\nctypes.string_at(0)",
    ],
    ids=["a loop", "a stubborn loop", "an exit", "a kill", "memory", "quit", "a crash"],
)
def test_one_bad_cell_costs_its_own_points_and_no_others(exam, cube):
    result, cells = judged(exam, {"square": SQUARE, "cube": cube})
    assert result.outcome == Outcome.GRADED
    assert cells["square-test"].points == 2
    assert cells["cube-test"].points == 0
    assert cells["cube-test"].error


@pytest.mark.grading
def test_cells_after_a_lost_kernel_are_still_judged(exam):
    stop = "import os\nos._exit(0)"
    result, cells = judged(exam, {"square": stop, "cube": CUBE})
    assert (cells["square-test"].points, cells["cube-test"].points) == (0, 3)
    assert "ended Python itself" in result.reason


@pytest.mark.grading
def test_what_takes_the_notebooks_whole_time_is_said(exam):
    limits = Limits(cell=30, notebook=5)
    notebook = handed_in(exam, {"square": "while True: pass", "cube": CUBE})
    result = judge(submission(notebook), exam, limits)
    assert result.outcome == Outcome.GRADED
    assert "took longer than 5 s" in result.reason


@pytest.mark.grading
def test_a_flood_of_output_is_cut(exam):
    flood = "for i in range(2000): print('x' * 1000)\nprint('y' * 10**6)"
    result, _ = judged(exam, {"square": f"{flood}\n{SQUARE}", "cube": CUBE})
    assert result.points == 5
    assert len(result.notebook) < 40_000
    outputs = cell_of(json.loads(result.notebook), "square")["outputs"]
    assert "the rest is cut" in json.dumps(outputs)


@pytest.mark.grading
def test_nothing_that_a_notebook_started_outlives_it(exam, tmp_path):
    mark = tmp_path / "pid"
    start = f"""import subprocess, sys
child = subprocess.Popen([sys.executable, "-c",
    "import os, time; open({str(mark)!r}, 'w').write(str(os.getpid()));"
    "time.sleep(600)"], start_new_session=True)
import time
while not __import__("os").path.exists({str(mark)!r}): time.sleep(0.05)
time.sleep(0.2)
"""
    result, _ = judged(exam, {"square": start + SQUARE, "cube": CUBE})
    assert result.points == 5
    assert not psutil.pid_exists(int(mark.read_text()))


@pytest.mark.grading
def test_the_same_submission_gets_the_same_result(exam):
    draw = "import random\nprint(random.random(), hash('a'))\n" + SQUARE
    one, two = (judged(exam, RIGHT | {"square": draw})[0] for _ in range(2))
    assert one.notebook == two.notebook


@pytest.mark.grading
def test_files_of_the_grader_are_not_the_working_directory(exam):
    look = "import os\nprint(sorted(os.listdir()), os.environ['HOME'])\n" + SQUARE
    result, _ = judged(exam, RIGHT | {"square": look})
    printed = json.dumps(cell_of(json.loads(result.notebook), "square")["outputs"])
    assert NAME not in printed
    assert "grade-" in printed
