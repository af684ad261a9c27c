"""A submission is judged by what its tests do, and every accident has its sentence."""

import json
import re
from dataclasses import replace

import pytest
from tiny_assignment import (
    SOURCE,
    cell_of,
    handed_in,
    submission,
    tiny_exam,
)

from autograder.assignment.cells import cell_titles
from autograder.engine.request import Answer, UnreadableError
from autograder.engine.runner import Runner
from autograder.judge.judge import judge_submission, result_key
from autograder.judge.read_file import one_line
from autograder.judge.verdict import is_visible
from autograder.model import CellRun, Limits, Outcome
from autograder.processes import GraderError, environment

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
    """Answers as the engine would, without a process. A `test` ends like its cell."""

    def __init__(self, fail=0, **endings):
        super().__init__()
        self.fail, self.calls, self.endings = fail, 0, endings
        self.ready_made = {}

    def run(self, request):
        self.calls += 1
        if self.calls <= self.fail:
            raise GraderError("no kernel")
        runs, judged = {}, {}
        for cell in request.notebook["cells"]:
            name = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
            if cell["cell_type"] == "code":
                runs[cell["id"]] = self.ending(name.replace("-", "_"))
                if name in request.tests:
                    judged[cell["id"]] = self.ending(name.replace("-", "_"))
                if name == "square-test" and "hidden" in self.endings:
                    judged[cell["id"]] = replace(self.ending("hidden"), line=4)
        return Answer(
            notebook=json.dumps(request.notebook),
            runs=runs,
            judged=judged,
            ready_made=self.ready_made,
            tier="none",
            mode="fake",
            cpu=0.1,
            seconds=1,
        )

    def ending(self, name):
        ended, kind, text = self.endings.get(name, ("ok", "", ""))
        return CellRun(ended, kind, text, line=1)


def judged(exam, answers=None, runner=None):
    result = judge_submission(
        submission(handed_in(exam, answers)), exam, LIMITS, runner=runner
    )
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
    text = "Checked: i\nProblem: p\nLooks like: m\nHint: h"
    _, cells = judged(exam, runner=Fake(cube_test=("error", "CheckFailed", text)))
    cell = cells["cube-test"]
    assert (cell.idea, cell.mistake, cell.hint, cell.error) == ("i", "m", "h", "p")


def mark(exam, *ending):
    _, cells = judged(exam, runner=Fake(cube_test=("error", *ending)))
    return cells["cube-test"].alike


def test_wrong_values_without_a_name_share_a_mark_if_the_test_said_the_same(exam):
    four = "Checked: i\nProblem: expected 8, got 4."
    five = "Checked: i\nProblem: expected 8, got 5."
    marks = [mark(exam, "CheckFailed", text) for text in (four, five, four)]
    assert marks[0] == marks[2] != marks[1]
    assert re.fullmatch("[0-9a-f]{16}", marks[0])  # no word of a hidden test


@pytest.mark.parametrize(
    "ending",
    [
        ("CheckFailed", "Checked: i\nProblem: p\nLooks like: m\nHint: h"),
        ("NotImplementedError", ""),
        ("AnswerStopped", "Not answered yet: None came."),
    ],
)
def test_what_is_known_or_not_answered_has_no_mark(exam, ending):
    assert mark(exam, *ending) is None


def test_a_failed_check_is_read_back_where_its_lines_are_wrapped(exam):
    text = "Checked: i\nProblem: p\n  q\nLooks like: m\nHint: h\n  g\n  f\nRead: r"
    _, cells = judged(exam, runner=Fake(cube_test=("error", "CheckFailed", text)))
    cell = cells["cube-test"]
    assert (cell.idea, cell.mistake, cell.error) == ("i", "m", "p q")
    assert (cell.hint, cell.read) == ("h g f", "r")


def test_an_answer_that_stopped_is_told_so_in_its_own_sentence(exam):
    text = "Not answered yet: your code raises\n  NotImplementedError."
    _, cells = judged(exam, runner=Fake(cube_test=("error", "AnswerStopped", text)))
    assert cells["cube-test"].error == " ".join(text.split())


def test_a_hidden_check_never_shows_its_problem(exam):
    text = "Checked: i\nProblem: secret 25\nLooks like: m\nHint: h"
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
    own = ("error", "SyntaxError", "invalid syntax (<ipython-input-3-38a662>, line 2)")
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
    result, cells = judged(
        exam, runner=Fake(cube_test=(ended, "", "notebook" * (ended == "skipped")))
    )
    assert result.outcome == Outcome.GRADED
    assert cells["cube-test"].points == 0
    assert cells["cube-test"].error == result.reason


def test_a_test_that_fails_in_the_notebook_alone_costs_nothing_and_is_said(exam):
    runner = Fake(square_test=("error", "AssertionError", ""), hidden=("ok", "", ""))
    result, cells = judged(exam, runner=runner)
    assert cells["square-test"].points == 2
    assert "'square-test' stops in your notebook and passes" in result.reason
    assert judged(exam, runner=Fake())[0].reason is None


def test_a_test_that_was_not_judged_gives_no_points(exam):
    class Lost(Fake):
        def run(self, request):
            return replace(super().run(request), judged={})

    result, _ = judged(exam, runner=Lost())
    assert result.points == 0


def test_what_the_students_process_says_gives_no_points_and_takes_none(exam):
    class Boasting(Fake):
        def run(self, request):
            answer = super().run(request)
            lies = dict.fromkeys(answer.runs, self.ending("lie"))
            return replace(answer, runs=lies)

    wrong = ("error", "AssertionError", "")
    _, cells = judged(exam, runner=Boasting(cube_test=wrong))
    assert (cells["square-test"].points, cells["cube-test"].points) == (2, 0)
    _, cells = judged(exam, runner=Boasting(lie=wrong))
    assert (cells["square-test"].points, cells["cube-test"].points) == (2, 3)


def test_a_ready_made_answer_loses_its_own_points_and_no_others(exam):
    runner = Fake()
    runner.ready_made = {cell_of(json.loads(exam.release), "cube")["id"]: "zuko"}
    _, cells = judged(exam, runner=runner)
    assert (cells["square-test"].points, cells["cube-test"].points) == (2, 0)
    assert "ready-made 'zuko'" in cells["cube-test"].error


@pytest.mark.parametrize(
    ("full", "visible"),
    [("a\nb\n", [1, 2]), ("a\nh\nb", [1, 3]), ("h\na\nb", [2, 3]), ("a\nb\nh", [1, 2])],
)
def test_a_line_is_visible_if_the_student_has_it(full, visible):
    lines = range(1, len(full.rstrip().split("\n")) + 1)
    assert [n for n in lines if is_visible(full, "a\nb", n)] == visible


def test_a_line_between_two_hidden_parts_counts_as_hidden():
    assert not is_visible("a\nh\nb\ni\nc", "a\nb\nc", 3)
    assert not is_visible("a\nh", "a", 0)


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
        def run(self, request):
            raise ZeroDivisionError("bug")

    result, _ = judged(exam, runner=Bug())
    assert (result.outcome, "bug" in result.reason) == (Outcome.FAILED, True)


@pytest.mark.parametrize(
    ("times", "outcome"), [(1, Outcome.GRADED), (2, Outcome.INVALID)]
)
def test_cells_that_cannot_be_read_are_refused_and_no_failure(exam, times, outcome):
    class Lost(Fake):
        def run(self, request):
            self.calls += 1
            if self.calls <= times:
                raise UnreadableError("died")
            return super().run(request)

    result, _ = judged(exam, runner=Lost())
    assert result.outcome == outcome
    if outcome is Outcome.INVALID:
        assert "cannot be read before it runs" in result.reason
        assert (result.points, result.max_points) == (0, 9)


def test_a_refused_submission_is_invalid_with_its_reason(exam):
    result = judge_submission(submission(b"{"), exam, LIMITS, runner=Fake())
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


def test_a_template_gets_no_secret_and_one_thread(monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "x")
    made = environment()
    assert "SECRET_TOKEN" not in made
    assert made["OMP_NUM_THREADS"] == made["MKL_NUM_THREADS"] == "1"
