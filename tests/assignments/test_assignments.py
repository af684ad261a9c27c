"""Every assignment's checks: answers pass, stubs fail, mistakes are told their names.

The data are the folders under solutions/: the assignment, and the variants of its
answers. Here cells run one by one in a plain namespace, which takes seconds; the same
data also go through the real autograder.
"""

import ast
import inspect
import re
import tomllib
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch
from nbformat import NotebookNode
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.preprocessors import ClearHiddenTests, ClearSolutions
from quick_runner import (
    FOLDERS,
    HIDDEN,
    Failures,
    assignment,
    cells,
    concerned,
    grade_id,
    graded,
    read,
    replaced,
    run,
    variants,
)

from flowbook.exercises.known import Known

ROOT = Path(__file__).parents[2]
WITHOUT_DERIVATION = ["a0_warm_up"]  # half the points, a third of the time
HEADING = re.compile(r"^## Exercise \d+\.\d+: .+ \((\d+) points?\)$", re.MULTILINE)


each_assignment = pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)


@each_assignment
def test_the_solution_runs_from_top_to_bottom_and_passes(folder, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: None)
    assert run(assignment(folder), everything=True) == {}
    plt.close("all")


@each_assignment
@pytest.mark.usefixtures("float64")
def test_the_solution_passes_when_float64_is_the_default(folder):
    assert run(assignment(folder)) == {}


@each_assignment
def test_the_handed_out_stubs_fail_every_part_of_every_test(folder):
    notebook, _ = ClearSolutions().preprocess(assignment(folder), {})
    failures = run(notebook)
    for test in graded(notebook):
        assert all(failures[grade_id(test)].values()), grade_id(test)


class Always:
    """An object that equals everything and is each of its own parts."""

    def __eq__(self, other: object) -> bool:
        return True

    def __getitem__(self, index: object) -> "Always":
        return self


STAND_INS = {
    "nothing": None,
    "not a number": torch.full((3,), torch.nan),
    "empty": torch.zeros(0),
    "zero": torch.zeros(3),
    "always equal": Always(),
}


@each_assignment
@pytest.mark.parametrize("result", STAND_INS.values(), ids=STAND_INS)
def test_functions_that_compute_nothing_fail_every_test(folder, result):
    notebook = assignment(folder)
    for cell in cells(notebook, solution=True, grade=False):
        answers = []
        for node in ast.parse(cell.source).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                answers.append(f"{node.name} = lambda *args, **options: RESULT")
            elif isinstance(node, ast.Assign):
                answers.append(f"{ast.unparse(node.targets[0])} = RESULT")
        cell.source = "\n".join(answers)
    failures = run(notebook, RESULT=result)
    for test in graded(notebook):
        assert failures[grade_id(test)]["visible"], grade_id(test)


def run_variant(folder: Path, variant: NotebookNode) -> Failures:
    """Run the tests that see the replaced answer; the others have passed above."""
    tests = concerned(assignment(folder), variant.metadata["replaces"])
    return run(replaced(folder, variant), tests=tests)


@pytest.mark.parametrize(("folder", "variant"), variants("mutant"))
def test_a_mistake_loses_its_points_and_is_told_its_name(folder, variant):
    failures = run_variant(folder, variant)
    assert sorted(failures) == sorted(variant.metadata["loses"])
    for cell, found in failures.items():
        assert found["visible"], f"the visible checks of {cell} do not see the mistake"
        (first,) = found["visible"]
        assert getattr(first, "mistake", None) == variant.metadata["name"], repr(first)
        lines = str(first).splitlines()
        assert len(lines) <= 6 or not is_moved(folder), str(first)
        assert max(map(len, lines)) <= 80 or not is_moved(folder), str(first)


def is_moved(folder: Path) -> bool:
    """Whether an assignment's checks are in `flowbook.exercises`."""
    return (ROOT / "flowbook" / "exercises" / f"{folder.name}.py").is_file()


@pytest.mark.parametrize(("folder", "variant"), variants("alternative"))
def test_another_right_answer_gets_full_marks(folder, variant):
    assert run_variant(folder, variant) == {}


def named_in(source: str) -> set[str]:
    """The mistakes that a test cell makes itself."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    made = [call for call in calls if getattr(call.func, "id", "") == "Mistake"]
    return {call.args[0].value for call in made}


def named_in_module(folder: Path, test: NotebookNode) -> set[str]:
    """The mistakes that the check knows which a test cell calls."""
    if not is_moved(folder):
        return set()
    module = import_module(f"flowbook.exercises.{folder.name}")
    called = [getattr(module, name) for name in names_of(test.source)
              if name.startswith("check_") and hasattr(module, name)]  # fmt: skip
    read = {name for each in called for name in names_within(each)}
    known = [getattr(module, name, None) for name in read]
    kinds = [k for k in known if isinstance(k, type) and issubclass(k, Known)]
    return {name for kind in kinds for name in kind.mistakes()}


@cache
def names_within(check: Callable) -> set[str]:
    return names_of(inspect.getsource(check))


@cache
def names_of(source: str) -> set[str]:
    nodes = list(ast.walk(ast.parse(source)))
    found = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return found | {node.id for node in nodes if isinstance(node, ast.Name)}


@each_assignment
def test_every_mistake_that_a_check_knows_has_a_mutant_or_is_a_wrong_answer(folder):
    mutants = [
        cell.metadata
        for cell in read(folder / "variants.md").cells
        if cell.metadata.get("kind") == "mutant"
    ]
    covered = {(cell, mutant["name"]) for mutant in mutants for cell in mutant["loses"]}
    covered |= told_of_wrong_answers(folder)
    known = {
        (grade_id(test), name)
        for test in graded(assignment(folder))
        for name in (*named_in(test.source), *named_in_module(folder, test))
    }
    assert known == covered


def told_of_wrong_answers(folder: Path) -> set[tuple[str, str]]:
    """The mistakes by which wrong answers are known to be called, in whichever test."""
    path = folder / "wrong_answers.toml"
    groups = tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}
    notebook = assignment(folder)
    return {
        (grade_id(test), called)
        for answer in groups.get("known", {})
        for test in graded(notebook)
        if grade_id(test) in concerned(notebook, answer)
        for called in {*groups["named"][answer].values()}
        & named_in_module(folder, test)
    }


@each_assignment
def test_every_answer_has_two_alternatives(folder):
    answers = [grade_id(cell) for cell in cells(assignment(folder), solution=True)
               if cell.cell_type == "code"]  # fmt: skip
    replaced_by = [
        cell.metadata["replaces"]
        for cell in read(folder / "variants.md").cells
        if cell.metadata.get("kind") == "alternative"
    ]
    assert min(map(replaced_by.count, answers)) >= 2
    assert set(replaced_by) <= set(answers)


@each_assignment
def test_the_points_in_the_headings_are_those_that_are_graded(folder):
    announced, total = [], []
    for cell in assignment(folder).cells:
        points = HEADING.findall(cell.source) if cell.cell_type == "markdown" else []
        announced += map(int, points)
        total += [0] * len(points)
        if given := cell.metadata.get("nbgrader", {}).get("points"):
            total[-1] += given
    assert announced == total
    assert sum(total) == (10 if folder.name in WITHOUT_DERIVATION else 20)


@each_assignment
def test_one_derivation_is_graded_by_a_person(folder):
    by_hand = list(cells(assignment(folder), grade=True, solution=True))
    assert len(by_hand) == (folder.name not in WITHOUT_DERIVATION)
    for cell in by_hand:
        assert cell.cell_type == "markdown"
        assert "marking scheme" in cell.source.lower()


@each_assignment
def test_the_release_is_valid_and_gives_nothing_away(folder):
    notebook = assignment(folder)
    MetadataValidator().validate_nb(notebook)
    for step in (ClearSolutions(), ClearHiddenTests()):
        notebook, _ = step.preprocess(notebook, {})
    MetadataValidator().validate_nb(notebook)
    text = "\n".join(cell.source for cell in notebook.cells)
    assert not re.search(r"(BEGIN|END) (SOLUTION|HIDDEN)|marking scheme", text, re.I)


@each_assignment
def test_hidden_checks_leave_a_students_names_alone(folder):
    for test in graded(assignment(folder)):
        _, hidden, rest = HIDDEN.split(test.source)
        *functions, call = ast.parse(hidden).body
        assert all(isinstance(node, ast.FunctionDef) for node in functions), hidden
        assert isinstance(call, ast.Expr)
        assert not rest.strip()
