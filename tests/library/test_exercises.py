"""The checks of the assignments: what a student reads, and what nobody can read."""

import ast
import re
import subprocess
import sys
import textwrap
from importlib import import_module
from pathlib import Path

import pytest
import torch
import yaml
from IPython.core.interactiveshell import InteractiveShell

from autograder.assignment.exam import read_source
from flowbook.checks import CheckFailed
from flowbook.exercises import assignment as shared
from flowbook.exercises import known as knowledge
from flowbook.exercises.assignment import AnswerStopped, Assignment, Section
from flowbook.exercises.known import Known, Mistake, check
from tools import numbers

ROOT = Path(__file__).parents[2]
SOURCES = sorted(ROOT.glob("solutions/*/a*.md"))
SOURCES = [path for path in SOURCES if path.stem == path.parent.name]
MOVED = numbers.sources()
READ = Section("06_coupling", "Three families")
each_source = pytest.mark.parametrize("source", MOVED, ids=lambda path: path.stem)


def module_of(source: Path):
    return import_module(f"flowbook.exercises.{source.stem}")


def assignments_checks(source: Path) -> Assignment:
    (found,) = (v for v in vars(module_of(source)).values() if type(v) is Assignment)
    return found


@pytest.fixture
def tiny():
    return Assignment("A tiny assignment", by_hand=3)


@pytest.fixture
def check_double(tiny):
    @tiny.check("1 double", points=2, passes="it is twice as large", read=READ)
    def check_double(double):
        twice = Mistake("squared", "Add it to itself.", 9.0)
        check(double(3.0), 6.0, idea="the double of 3", mistakes=[twice])

    return check_double


def test_an_answer_that_works_in_place_passes_where_it_gets_copies():
    def doubles(double):
        z = torch.tensor([3.0])
        check(double(z), torch.tensor([6.0]), idea="twice")
        check(double(z), torch.tensor([6.0]), idea="twice, again")

    for copies in (True, False):
        course = Assignment("In place", by_hand=0, copies=copies)
        asked = course.check("1", points=1, passes="twice", read=READ)(doubles)
        if copies:
            asked(lambda z: z.mul_(2))
        else:
            with pytest.raises(CheckFailed, match="again"):
                asked(lambda z: z.mul_(2))


def test_success_is_said(check_double, capsys):
    check_double(lambda x: 2 * x)
    assert capsys.readouterr().out == "✓ 2 of 2 points: it is twice as large\n"


def test_a_failure_says_what_it_looks_like_and_where_to_read(check_double):
    with pytest.raises(CheckFailed) as caught:
        check_double(lambda x: x * x)
    assert str(caught.value).splitlines() == [
        "Checked: the double of 3",
        "Problem: expected 6, got 9.",
        "Looks like: squared",
        "Hint: Add it to itself.",
        "Read: chapter 6, “Three families” (06_coupling.html#three-families)",
    ]


def test_a_stub_is_not_answered_yet_and_open(tiny, check_double, capsys):
    def double(x):
        raise NotImplementedError

    with pytest.raises(AnswerStopped, match=r"^Not answered yet: .*\.$"):
        check_double(double)
    tiny.summary()
    assert "· 1 double  open" in capsys.readouterr().out


SOURCE = """\
def double(x):
    y = x + "2"
    return y

check_double(double)
"""


def test_what_is_made_with_a_stub_is_not_answered_yet_either(
    tiny, check_double, capsys
):
    def train(steps):
        raise NotImplementedError

    made = tiny.run(train, steps=3)
    assert made is None
    assert capsys.readouterr().out == "Nothing to run yet: train is not answered.\n"
    with pytest.raises(AnswerStopped, match=r"^Not answered yet: .*\.$"):
        check_double(made)
    tiny.summary()
    assert "· 1 double  open" in capsys.readouterr().out


def test_an_answer_is_run_with_what_it_is_given(tiny):
    assert tiny.run(lambda a, b: a - b, 5, b=2) == 3
    with pytest.raises(ZeroDivisionError):
        tiny.run(lambda: 1 / 0)


def test_what_torch_has_not_is_no_missing_answer(check_double):
    with pytest.raises(AnswerStopped, match="stopped with NotImplementedError: ") as it:
        check_double(lambda x: torch.rand_like(torch.tensor([1, 2])))
    assert not it.value.unanswered


def test_an_exception_is_one_sentence_with_the_students_own_line(check_double, capsys):
    shell = InteractiveShell.instance()
    shell.user_ns["check_double"] = check_double
    result = shell.run_cell(SOURCE)
    assert isinstance(result.error_in_exec, AnswerStopped)
    said = capsys.readouterr().out
    assert 'y = x + "2"' in said
    assert "line 2" in said
    assert "TypeError" in said
    assert "Traceback" not in said
    assert "exercises" not in said
    assert len(said.strip().splitlines()) <= 3


@pytest.mark.parametrize(
    ("result", "says"),
    [(None, "None (does the function return"), ([1], "a list of 1"), ("6", "type str")],
)
def test_a_wrong_type_is_one_sentence(check_double, result, says):
    with pytest.raises(CheckFailed) as caught:
        check_double(lambda x: result)
    assert says in caught.value.problem


def test_what_cannot_be_used_is_one_sentence(tiny):
    @tiny.check("first", points=1, passes="", read=READ)
    def check_first(answer):
        check(answer()[0], 1.0, idea="the first")

    with pytest.raises(AnswerStopped, match="What your code returned cannot be used"):
        check_first(lambda: None)


PROGRAM = """
from flowbook.exercises.assignment import Assignment, Section
from flowbook.exercises.known import check

TINY = Assignment("tiny", by_hand=1)

@TINY.check("1", points=1, passes="fine", read=Section("06_coupling", "The idea"))
def check_one(one):
    check(one(), 1.0, idea="the number one")

check_one(lambda: {answer})
"""


@pytest.mark.parametrize(
    ("answer", "said"), [("2.0", "Checked: the number one"), ("1 / 0", "ZeroDivision")]
)
def test_plain_python_shows_no_traceback(answer, said):
    program = [sys.executable, "-c", PROGRAM.format(answer=answer)]
    ran = subprocess.run(program, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


def test_the_summary_says_what_passes_and_what_is_open(tiny, check_double, capsys):
    @tiny.check("2 more", points=3, passes="more", read=READ)
    def check_more(more):
        check(more(), 1.0, idea="more")

    check_double(lambda x: 2 * x)
    capsys.readouterr()
    tiny.summary()
    said = capsys.readouterr().out
    assert "✓ 1 double  2 of 2 points" in said
    assert "· 2 more    open" in said
    assert "2 of 5 points are seen" in " ".join(said.split())
    assert "Hidden tests" in said
    assert "3 points more for the derivation" in " ".join(said.split())
    with pytest.raises(CheckFailed):
        check_more(lambda: 2.0)
    tiny.summary()
    assert "✗ 2 more    0 of 3 points" in capsys.readouterr().out


def test_the_summary_of_an_assignment_without_a_derivation_speaks_of_no_person(capsys):
    short = Assignment("A short assignment", by_hand=0)

    @short.check("1 one", points=1, passes="one", read=READ)
    def check_one(one):
        check(one(), 1.0, idea="one")

    check_one(lambda: 1.0)
    capsys.readouterr()
    short.summary()
    said = " ".join(capsys.readouterr().out.split())
    assert said.endswith("on other inputs and have the last word.")
    assert "person" not in said


def test_the_summary_leaves_a_question_and_its_name_alone():
    class Twice(Known):
        idea = "two questions with one name"

    with numbers.recording():
        Twice.compare(1.0)
        with pytest.raises(ValueError, match="Two questions have the name"):
            Twice.compare(2.0)


class Scaled(Known):
    """A question of which the numbers are made in the test."""

    idea = "x times s"
    lost = Mistake("s forgotten", "Multiply by s.")


@pytest.fixture
def check_scaled(monkeypatch):
    """A check of f(x, s) = x * s, and simpler questions about it."""
    x = torch.tensor([1.0, 2.5, -3.0])

    def ask(f):
        Scaled.compare(
            f(x, 2.0),
            cases={"s = 1": lambda: f(x, 1.0), "x = 0": lambda: f(0 * x, 2.0)},
        )

    with numbers.recording() as noted:
        ask(lambda x, s: x * s)
    asked = {key: got() if callable(got) else got for key, got in noted.items()}
    found = {
        key: {"right": numbers.plain(got), "wrong": []} for key, got in asked.items()
    }
    found["Scaled | x times s"]["wrong"] = [["s forgotten", numbers.plain(x)]]
    monkeypatch.setattr(knowledge, "numbers", lambda module: found)
    return ask


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda x, s: x + s - 1, "It is right for s = 1."),
        (lambda x, s: x**s, "It is right for s = 1 and for x = 0."),
        (lambda x, s: x.new_tensor([x.std() / (s - 2), 1, 1]), None),
    ],
    ids=["where s is 1", "in both", "in none, with infinite numbers"],
)
def test_a_wrong_answer_hears_in_which_simpler_cases_it_is_right(
    check_scaled, wrong, said
):
    with pytest.raises(CheckFailed) as failed:
        check_scaled(wrong)
    assert failed.value.mistake is None
    assert ("It is right for" in failed.value.problem) == (said is not None)
    assert said is None or failed.value.problem.endswith(said)


def test_who_makes_a_known_mistake_hears_its_name_alone(check_scaled):
    with pytest.raises(CheckFailed) as failed:
        check_scaled(lambda x, s: x)
    assert failed.value.mistake == "s forgotten"
    assert "It is right for" not in failed.value.problem


def test_an_answer_that_stops_in_a_simpler_case_is_not_right_there(check_scaled):
    def stops(x, s):
        if s == 1:
            raise ValueError("not for 1")
        return x * s + x**2

    with pytest.raises(CheckFailed) as failed:
        check_scaled(stops)
    assert failed.value.problem.endswith("It is right for x = 0.")


# --- every assignment -----------------------------------------------------------------


@each_source
def test_the_numbers_are_those_of_the_answers_and_their_mistakes(source):
    assert numbers.main(["--check", source.stem]) == 0


@each_source
def test_the_points_that_checks_announce_are_those_of_the_notebook(source):
    announced, graded = {}, {}
    for cell in read_source(source).cells:
        meta = cell.metadata.get("nbgrader", {})
        if meta.get("grade") and not meta.get("solution"):
            (name,) = re.findall(r"^\w+\.(check_\w+)\(", cell.source, re.MULTILINE)[:1]
            graded[name] = meta["points"]
    checks = assignments_checks(source).checks
    announced = {name: known.points for name, known in checks.items()}
    assert announced == graded
    by_hand = assignments_checks(source).by_hand
    assert sum(graded.values()) + by_hand == (20 if by_hand else 10)


@each_source
def test_the_sections_to_read_are_in_the_book(source):
    for known in assignments_checks(source).checks.values():
        page = (ROOT / "book" / f"{known.read.page}.md").read_text("utf-8")
        assert re.search(rf"^##+ {re.escape(known.read.heading)}$", page, re.MULTILINE)
        assert len(f"Read: {known.read}") <= 80


def test_the_books_home_is_the_one_of_the_configuration():
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    assert config["html"]["baseurl"] == shared.HOME


SIZE = 12  # nodes of a formula that says how something is worked out


def formulas(source: str) -> set[str]:
    """The expressions of some size, whatever the names in them."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.expr) and len(list(ast.walk(node))) >= SIZE:
            text = ast.dump(node)
            text = re.sub(r"(id|arg|attr)='[^']*'", r"\1=", text)
            if "BinOp" in text:
                found.add(text)
    return found


@each_source
def test_no_formula_of_an_answer_stands_in_the_module(source):
    cells = [c for c in read_source(source).cells if c.cell_type == "code"]
    answers = [
        c.source for c in cells if c.metadata.get("nbgrader", {}).get("solution")
    ]
    known = formulas(Path(module_of(source).__file__).read_text("utf-8"))
    given = [c.source for c in cells if not c.metadata.get("nbgrader")]
    shown = set().union(*map(formulas, given)) if given else set()
    assert not (set().union(*map(formulas, answers)) & known) - shown


def code_lines(source: str) -> int:
    return sum(bool(line.strip()) for line in source.splitlines())


@each_source
def test_a_student_reads_exercises_and_not_machinery(source):
    cells = [c for c in read_source(source).cells if c.cell_type == "code"]
    visible = [
        re.sub(r"### BEGIN HIDDEN.*", "", c.source, flags=re.DOTALL) for c in cells
    ]
    tests = [c.metadata.get("nbgrader", {}).get("grade", False) for c in cells]
    pairs = list(zip(visible, tests, strict=True))
    machinery = sum(code_lines(text) for text, is_test in pairs if is_test)
    assert machinery < 0.15 * sum(code_lines(text) for text, _ in pairs)
    assert all(code_lines(text) == 1 for text, is_test in pairs if is_test)


def test_messages_are_wrapped():
    failed = CheckFailed("an idea " * 20, "a problem", "a mistake", "a hint " * 15)
    lines = str(failed).splitlines()
    assert max(map(len, lines)) <= 80
    labels = [line.split(":")[0] for line in lines if not line.startswith(" ")]
    assert labels == ["Checked", "Problem", "Looks like", "Hint"]
    assert torch.get_default_dtype() == torch.float32
    assert textwrap.dedent(lines[1]) != lines[1]
