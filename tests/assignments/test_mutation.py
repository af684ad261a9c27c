"""Wrong answers that nobody thought of: nearly all of them lose points.

Each is the reference answer with one small change, and every change that mutations.py
knows is tried; only of an answer that trains, where each costs seconds, a few are drawn
by a fixed seed. A change that no test sees is a hole in the tests, or it is equivalent:
then variants.md says so and why, in a cell of the kind `equivalent`.
"""

import ast
import copy
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch
from mutations import CountTurns, Mutation, mutations, normalised, trains
from nbformat import NotebookNode
from quick_runner import (
    FOLDERS,
    HIDDEN,
    assignment,
    cells,
    concerned,
    grade_id,
    read,
    run_cell,
    unneeded,
)

PER_TRAINING_ANSWER = 2
LEAST, SHARE = 20, 0.95
TURNS = 5_000  # of all loops of one wrong answer together


def answers(folder: Path) -> dict[str, str]:
    found = cells(assignment(folder), solution=True, grade=False)
    return {grade_id(cell): cell.source for cell in found}


@cache
def possible(source: str) -> list[Mutation]:
    return mutations(source)


def tried(answer: str, source: str) -> list[Mutation]:
    """Return the wrong answers that are run; the name of the answer is the seed."""
    if not trains(source):
        return possible(source)
    return random.Random(answer).sample(possible(source), PER_TRAINING_ANSWER)


@cache
def excuses(folder: Path) -> dict[tuple[str, str, str], str]:
    """Return the reasons of the equivalent changes: (answer, before, after) -> why."""
    return {
        (
            cell.metadata["mutates"],
            normalised(cell.metadata["of"]),
            normalised(cell.source),
        ): cell.metadata["reason"]
        for cell in read(folder / "variants.md").cells
        if cell.metadata.get("kind") == "equivalent"
    }


def is_excused(folder: Path, answer: str, mutation: Mutation) -> bool:
    return (answer, mutation.before, mutation.after) in excuses(folder)


@cache
def needed(folder: Path, answer: str) -> tuple[NotebookNode, set[str], set[str]]:
    """Return the notebook, the tests that see an answer, and the answers to leave out.

    They are the same for every change of the answer. Nobody may change the notebook.
    """
    notebook = assignment(folder)
    tests = concerned(notebook, answer)
    return notebook, tests, unneeded(notebook, tests) - {answer}


def loses_points(folder: Path, answer: str, tree: ast.Module) -> bool:
    """Run the tests that see the answer, up to the first that fails."""
    notebook, tests, idle = needed(folder, answer)
    counted = CountTurns().visit(copy.deepcopy(tree))
    wrong = ast.unparse(ast.fix_missing_locations(counted))
    namespace: dict[str, object] = {"count_turn": turn_counter()}
    torch.manual_seed(0)
    for cell in cells(notebook):
        if cell.cell_type != "code" or is_other_test(cell, tests):
            continue
        if grade_id(cell) in idle:
            continue
        if cell.metadata["nbgrader"]["grade"]:
            parts = HIDDEN.split(cell.source)[:2]
        else:
            parts = [wrong if grade_id(cell) == answer else cell.source]
        try:
            for part in parts:
                run_cell(part, namespace)
        except Exception:  # whatever stops a cell costs its points
            return True
    return False


def is_other_test(cell: dict, tests: set[str]) -> bool:
    return cell.metadata["nbgrader"]["grade"] and grade_id(cell) not in tests


def turn_counter() -> Callable[[], None]:
    left = iter(range(TURNS))

    def count_turn() -> None:
        if next(left, None) is None:
            raise TimeoutError("a loop that does not end")

    return count_turn


each_answer = pytest.mark.parametrize(
    ("folder", "answer"),
    [
        pytest.param(folder, answer, id=f"{folder.name}-{answer}")
        for folder in FOLDERS
        for answer in answers(folder)
    ],
)
each_assignment = pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)


@each_answer
def test_a_changed_answer_loses_points_unless_it_is_equivalent(folder, answer):
    survivors, killed_excuses = [], []
    for mutation in tried(answer, answers(folder)[answer]):
        lost = loses_points(folder, answer, mutation.tree)
        if lost and is_excused(folder, answer, mutation):
            killed_excuses.append(f"{mutation.before}  ->  {mutation.after}")
        elif not lost and not is_excused(folder, answer, mutation):
            survivors.append(f"{mutation.before}  ->  {mutation.after}")
    assert not survivors, "\n".join([f"no test of {answer} sees:", *survivors])
    assert not killed_excuses, "\n".join(["not equivalent:", *killed_excuses])


@each_assignment
def test_twenty_changes_are_tried_and_nearly_all_are_wrong(folder):
    changes = [
        (name, change)
        for name, source in answers(folder).items()
        for change in tried(name, source)
    ]
    equivalent = sum(is_excused(folder, name, change) for name, change in changes)
    assert len(changes) >= LEAST
    assert 1 - equivalent / len(changes) >= SHARE


@each_assignment
def test_every_excuse_is_about_a_change_that_can_be_made(folder):
    changes = {
        (name, change.before, change.after)
        for name, source in answers(folder).items()
        for change in possible(source)
    }
    assert set(excuses(folder)) <= changes
    assert all(excuses(folder).values())


def test_the_changes_are_those_of_a_small_answer():
    source = 'def f(x: int = 1) -> int:\n    """Text."""\n    return -abs(x) - 2\n'
    after = {change.after for change in mutations(source)}
    assert after == {
        "def f(x: int=2) -> int:",
        "def f(x: int=0) -> int:",
        "return -abs(x)",
        "return 2",
        "return -abs(x) + 2",
        "return 2 - -abs(x)",
        "return abs(x) - 2",
        "return -x - 2",
        "return -abs(x) - 3",
        "return -abs(x) - 1",
    }


def test_a_loop_without_end_is_stopped():
    loop = ast.parse("while True:\n    pass")
    source = ast.unparse(ast.fix_missing_locations(CountTurns().visit(loop)))
    with pytest.raises(TimeoutError, match="does not end"):
        run_cell(source, {"count_turn": turn_counter()})
