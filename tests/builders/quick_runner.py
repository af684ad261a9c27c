"""Runs an assignment's cells in this process: seconds, where the autograder is real.

The data are the folders under solutions/: the assignment, and the variants of its
answers. Cells run one by one in a plain namespace.
"""

import ast
import copy
import io
import re
import warnings
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from functools import cache
from pathlib import Path

import pytest
from nbformat import NotebookNode

from autograder.assignment.exam import read_source

SOLUTIONS = Path(__file__).parents[2] / "solutions"
FOLDERS = sorted(path.parent for path in SOLUTIONS.glob("*/variants.md"))
HIDDEN = re.compile(r"^### (?:BEGIN|END) HIDDEN TESTS$", re.MULTILINE)

Failures = dict[str, dict[str, list[Exception]]]
"""Of each test cell that fails: what failed in its visible and in its hidden part."""


@cache
def read(path: Path) -> NotebookNode:
    return read_source(path)


def assignment(folder: Path) -> NotebookNode:
    return copy.deepcopy(read(folder / f"{folder.name}.md"))


def cells(notebook: NotebookNode, **wanted: bool) -> Iterator[NotebookNode]:
    """Yield the cells that nbgrader knows and whose metadata have these values."""
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader")
        if meta and all(meta[key] == value for key, value in wanted.items()):
            yield cell


def graded(notebook: NotebookNode) -> list[NotebookNode]:
    return list(cells(notebook, grade=True, solution=False))


def grade_id(cell: NotebookNode) -> str:
    return cell.metadata["nbgrader"]["grade_id"]


def run(
    notebook: NotebookNode,
    everything: bool = False,
    tests: set[str] | None = None,
    **namespace: object,
) -> Failures:
    """Run the answers and the tests, or `everything`, pictures included.

    Of the tests only those whose grade_id is in `tests`, if that is given.
    """
    failures: Failures = {}
    idle = unneeded(notebook, tests) if tests else set()
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader", {})
        if cell.cell_type != "code" or not (meta or everything):
            continue
        if meta and grade_id(cell) in idle:
            continue
        if not meta.get("grade"):
            with suppress(NotImplementedError):  # a stub that is called in its own cell
                run_cell(cell.source, namespace)
        elif tests is None or grade_id(cell) in tests:
            found = run_test_cell(cell, namespace)
            if any(found.values()):
                failures[grade_id(cell)] = found
    return failures


def unneeded(notebook: NotebookNode, tests: set[str]) -> set[str]:
    """Return the answers of which neither a test nor another kept cell reads a name."""
    code = [cell for cell in cells(notebook) if cell.cell_type == "code"]
    wanted = {name for cell in code if grade_id(cell) in tests for name in reads(cell)}
    idle = set()
    for cell in reversed(code):
        meta = cell.metadata["nbgrader"]
        if meta["grade"]:
            continue
        if meta["solution"] and not makes(cell) & wanted:
            idle.add(grade_id(cell))
        else:
            wanted |= reads(cell)
    return idle


def reads(cell: NotebookNode) -> set[str]:
    nodes = ast.walk(ast.parse(cell.source))
    return {node.id for node in nodes if isinstance(node, ast.Name)}


def makes(cell: NotebookNode) -> set[str]:
    """Return the names that a cell leaves to the next: not those within functions."""
    made = (ast.FunctionDef, ast.ClassDef)
    body = ast.parse(cell.source).body
    named = {node.name for node in body if isinstance(node, made)}
    rest = [node for node in body if not isinstance(node, made)]
    nodes = [node for each in rest for node in ast.walk(each)]
    names = [node for node in nodes if isinstance(node, ast.Name)]
    return named | {name.id for name in names if isinstance(name.ctx, ast.Store)}


def run_test_cell(
    cell: NotebookNode, namespace: dict[str, object]
) -> dict[str, list[Exception]]:
    parts = zip(["visible", "hidden"], HIDDEN.split(cell.source), strict=False)
    return {part: run_test(source, namespace) for part, source in parts}


def run_cell(source: str, namespace: dict[str, object]) -> None:
    with warnings.catch_warnings(action="ignore"):  # as in a notebook, they only show
        exec(source, namespace)


def run_test(source: str, namespace: dict[str, object]) -> list[Exception]:
    """What stopped a part of a test cell, if anything did."""
    try:
        with redirect_stdout(io.StringIO()):
            run_cell(source, namespace)
    except Exception as error:
        return [error]
    return []


def replaced(folder: Path, variant: NotebookNode) -> NotebookNode:
    notebook = assignment(folder)
    (answer,) = (
        cell
        for cell in cells(notebook, solution=True)
        if grade_id(cell) == variant.metadata["replaces"]
    )
    answer.source = variant.source
    return notebook


def concerned(notebook: NotebookNode, answer: str) -> set[str]:
    """Return the tests that see this answer, also through what other cells define."""
    changed, tests = set(), set()
    for cell in cells(notebook):
        if cell.cell_type != "code":
            continue
        nodes = list(ast.walk(ast.parse(cell.source)))
        read = {node.id for node in nodes if isinstance(node, ast.Name)}
        if grade_id(cell) != answer and not read & changed:
            continue
        if cell.metadata["nbgrader"]["grade"]:
            tests.add(grade_id(cell))
        else:
            made = (ast.FunctionDef, ast.ClassDef)
            changed |= {node.name for node in nodes if isinstance(node, made)}
            changed |= results(cell)
    return tests


def results(cell: NotebookNode) -> set[str]:
    """Return the names that a cell gives to what its own functions returned."""
    body = ast.parse(cell.source).body
    given = [node for node in body if isinstance(node, ast.Assign)]
    given = [node for node in given if isinstance(node.value, ast.Call)]
    names = [target for node in given for target in node.targets]
    return {name.id for name in names if isinstance(name, ast.Name)}


def variants(kind: str) -> list:
    """The variants of all assignments of one kind, as parameters of a test."""
    return [
        pytest.param(folder, cell, id=f"{folder.name[:2]}-{cell.metadata['name']}")
        for folder in FOLDERS
        for cell in read(folder / "variants.md").cells
        if cell.cell_type == "code" and cell.metadata["kind"] == kind
    ]
