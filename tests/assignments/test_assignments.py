"""Every assignment's checks: answers pass, stubs fail, mistakes are told their names.

The data are the folders under solutions/: the assignment, and the variants of its
answers. Here cells run one by one in a plain namespace, which takes seconds; the same
data also go through the real autograder.
"""

import ast
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch
from nbformat import NotebookNode
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.preprocessors import ClearHiddenTests, ClearSolutions
from quick_runner import (
    CHECKS,
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
    run_test,
    variants,
)

from flowbook import checks

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
        names = [node.name for node in ast.parse(cell.source).body]
        answers = (f"{name} = lambda *args, **options: RESULT" for name in names)
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
    for found in failures.values():
        for part, errors in found.items():
            assert errors, f"the {part} checks do not see the mistake"
            names = {getattr(error, "mistake", repr(error)) for error in errors}
            assert names == {variant.metadata["name"]}, (part, errors)


@pytest.mark.parametrize(("folder", "variant"), variants("alternative"))
def test_another_right_answer_gets_full_marks(folder, variant):
    assert run_variant(folder, variant) == {}


@each_assignment
def test_every_mistake_that_a_check_knows_has_a_mutant(folder):
    mutants = [
        cell.metadata
        for cell in read(folder / "variants.md").cells
        if cell.metadata.get("kind") == "mutant"
    ]
    covered = {(cell, mutant["name"]) for mutant in mutants for cell in mutant["loses"]}
    known = {
        (grade_id(test), node.args[0].value)
        for test in graded(assignment(folder))
        for node in ast.walk(ast.parse(test.source))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Mistake"
    }
    assert known == covered


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
    assert sum(total) == 20


@each_assignment
def test_one_derivation_is_graded_by_a_person(folder):
    (by_hand,) = cells(assignment(folder), grade=True, solution=True)
    assert by_hand.cell_type == "markdown"
    assert "marking scheme" in by_hand.source.lower()


@each_assignment
def test_the_release_is_valid_and_gives_nothing_away(folder):
    notebook = assignment(folder)
    MetadataValidator().validate_nb(notebook)
    for step in (ClearSolutions(), ClearHiddenTests()):
        notebook, _ = step.preprocess(notebook, {})
    MetadataValidator().validate_nb(notebook)
    text = "\n".join(cell.source for cell in notebook.cells)
    assert not re.search(r"SOLUTION|HIDDEN TESTS|marking scheme", text, re.IGNORECASE)


@each_assignment
def test_hidden_checks_leave_a_students_names_alone(folder):
    for test in graded(assignment(folder)):
        _, hidden, rest = HIDDEN.split(test.source)
        *functions, call = ast.parse(hidden).body
        assert all(isinstance(node, ast.FunctionDef) for node in functions), hidden
        assert isinstance(call, ast.Expr)
        assert not rest.strip()


def test_the_checks_are_back_after_a_recorded_run():
    namespace = dict(CHECKS)
    failures = run_test("check(1, 2, idea='an idea')\nraise KeyError", namespace)
    assert [type(error) for error in failures] == [checks.CheckFailed, KeyError]
    assert namespace["check"] is checks.check
    assert torch.get_default_dtype() == torch.float32
