"""Runs an assignment's cells in this process: seconds, where the autograder is real.

The data are the folders under solutions/: the assignment, and the variants of its
answers. Cells run one by one in a plain namespace.
"""

import ast
import copy
import re
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import jupytext
import pytest
from nbformat import NotebookNode

from flowbook import checks

SOLUTIONS = Path(__file__).parents[2] / "solutions"
FOLDERS = sorted(path.parent for path in SOLUTIONS.glob("*/variants.md"))
CHECKS = {name: getattr(checks, name) for name in dir(checks) if name[:5] == "check"}
HIDDEN = re.compile(r"^### (?:BEGIN|END) HIDDEN TESTS$", re.MULTILINE)

Failures = dict[str, dict[str, list[Exception]]]
"""Of each test cell that fails: what failed in its visible and in its hidden part."""


@cache
def read(path: Path) -> NotebookNode:
    return jupytext.read(path)


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


def recording(check: Callable, failures: list[Exception]) -> Callable:
    """Return a check that writes its failures down, so that what follows it runs."""

    def recorded(*args: object, **options: object) -> None:
        try:
            check(*args, **options)
        except checks.CheckFailed as failed:
            failures.append(failed)

    return recorded


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
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader", {})
        if cell.cell_type != "code" or not (meta or everything):
            continue
        if not meta.get("grade"):
            run_cell(cell.source, namespace)
        elif tests is None or grade_id(cell) in tests:
            found = run_test_cell(cell, namespace)
            if any(found.values()):
                failures[grade_id(cell)] = found
    return failures


def run_test_cell(
    cell: NotebookNode, namespace: dict[str, object]
) -> dict[str, list[Exception]]:
    parts = zip(["visible", "hidden"], HIDDEN.split(cell.source), strict=False)
    return {part: run_test(source, namespace) for part, source in parts}


def run_cell(source: str, namespace: dict[str, object]) -> None:
    with warnings.catch_warnings(action="ignore"):  # as in a notebook, they only show
        exec(source, namespace)


def run_test(source: str, namespace: dict[str, object]) -> list[Exception]:
    failures: list[Exception] = []
    known = {name: check for name, check in CHECKS.items() if name in namespace}
    namespace |= {name: recording(check, failures) for name, check in known.items()}
    try:
        run_cell(source, namespace)
    except Exception as error:
        failures.append(error)
    namespace |= known
    return failures


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
    return tests


def variants(kind: str) -> list:
    """The variants of all assignments of one kind, as parameters of a test."""
    return [
        pytest.param(folder, cell, id=f"{folder.name[:2]}-{cell.metadata['name']}")
        for folder in FOLDERS
        for cell in read(folder / "variants.md").cells
        if cell.cell_type == "code" and cell.metadata["kind"] == kind
    ]
