"""Writes the numbers of the checks: what right and wrong answers give to their inputs.

    python -m tools.numbers            write flowbook/exercises/*.json
    python -m tools.numbers --check    say which of them are not as the sources are

The right ones are the reference answers', which the hidden tests of the same assignment
hold against autograd, quadrature and closed forms. The wrong ones are the mutants' of
`variants.md`, under the names that these have, and those that `wrong_answers.toml`
names where it has a group `known`.
"""

import ast
import contextlib
import importlib
import inspect
import io
import json
import re
import sys
import tomllib
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import jupytext
import numpy as np
import torch

from autograder.assignment.exam import read_source
from flowbook.checks import ATOL, RTOL
from flowbook.exercises.known import CASE, Known, recording

ROOT = Path(__file__).parents[1]
EXERCISES = ROOT / "flowbook" / "exercises"
SEED = 0
MARKERS = re.compile(r" *### (BEGIN|END) SOLUTION\n?")


class Wrong(NamedTuple):
    """A wrong answer, whole, to one cell, and the mistake that it is known as."""

    name: str
    replaces: str
    source: str


def sources() -> list[Path]:
    """The assignments whose checks are in `flowbook.exercises`."""
    found = sorted(ROOT.glob("solutions/*/*.md"))
    return [path for path in found if (EXERCISES / f"{path.stem}.py").is_file()]


def collected(source: Path) -> dict[str, Any]:
    """The numbers of an assignment, by the question."""
    cells = [cell for cell in read_source(source).cells if cell.cell_type == "code"]
    cells = [Cell.of(cell) for cell in cells if cell.metadata.get("nbgrader")]
    module = importlib.import_module(f"flowbook.exercises.{source.stem}")
    # A test without a question, a training say, has no numbers.
    cells = [cell for cell in cells if not cell.is_test or asks(cell, module)]
    needed = frozenset().union(*(cell.reads for cell in cells if cell.is_test))
    cells = [c for c in cells if c.is_test or not is_answer(c) or c.makes & needed]
    right = answers_to(cells)
    known = {
        name: set(each.mistakes())
        for name, each in vars(module).items()
        if isinstance(each, type) and issubclass(each, Known)
    }
    right = {key: got() if callable(got) else got for key, got in right.items()}
    found = {key: {"right": plain(got), "wrong": []} for key, got in right.items()}
    answers = {cell.name: cell.source for cell in cells}
    for name, replaces, wrong in wrong_ones(source.parent, answers):
        for key, got in answers_to(cells, replaces, wrong).items():
            value = plain(got)
            if CASE in key or name not in known[key.split(" | ")[0]] or value is None:
                continue
            others = [found[key]["right"], *(each[1] for each in found[key]["wrong"])]
            if not any(same(value, other) for other in others):
                found[key]["wrong"].append([name, value])
    return found


def wrong_ones(folder: Path, answers: Mapping[str, str]) -> Iterator[Wrong]:
    """The wrong answers that the checks know, of `answers`, the reference's."""
    for variant in jupytext.read(folder / "variants.md").cells:
        if variant.metadata.get("kind") == "mutant":
            meta = variant.metadata
            yield Wrong(meta["name"], meta["replaces"], variant.source)
    path = folder / "wrong_answers.toml"
    groups = tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}
    for answer in sorted(groups.get("known", {}).keys() & answers.keys()):
        of_group = [
            groups[group].get(answer, {}) for group in groups if group != "named"
        ]
        for wrong, name in groups["named"][answer].items():
            (changes,) = [each[wrong] for each in of_group if wrong in each]
            yield Wrong(name, answer, changed(answers[answer], changes))


def changed(reference: str, changes: list[str]) -> str:
    """A wrong answer of `wrong_answers.toml`: whole, or old and new texts in turn."""
    if len(changes) == 1:
        return changes[0]
    reference = MARKERS.sub("", reference)
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        if old not in reference:
            raise ValueError(f"{old!r} is not in the reference answer")
        reference = reference.replace(old, new)
    return reference


class Cell(NamedTuple):
    """A code cell that nbgrader knows, without hidden tests."""

    name: str
    source: str
    is_test: bool
    reads: frozenset[str]
    makes: frozenset[str]

    @classmethod
    def of(cls, cell: Any) -> "Cell":
        """Read a cell of a notebook."""
        meta = cell.metadata["nbgrader"]
        source = cell.source.split("### BEGIN HIDDEN TESTS")[0]
        nodes = list(ast.walk(ast.parse(source)))
        names = [node for node in nodes if isinstance(node, ast.Name)]
        made = [
            node for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)
        ]
        stored = {name.id for name in names if isinstance(name.ctx, ast.Store)}
        reads = frozenset(name.id for name in names) - stored
        makes = frozenset(stored | {node.name for node in made})
        return cls(meta["grade_id"], source, meta["grade"], reads, makes)


def answers_to(
    cells: list[Cell], replaced: str | None = None, wrong: str = ""
) -> dict[str, Any]:
    """What the questions of the visible checks get: of all, or of what is replaced."""
    if replaced:
        cells = concerned(cells, replaced)
    namespace: dict[str, Any] = {}
    found: dict[str, Any] = {}
    torch.manual_seed(SEED)
    for cell in cells:
        source = wrong if cell.name == replaced else cell.source
        with recording() as noted, silent(replaced is not None):
            exec(source, namespace)
        found |= noted
    return found


def concerned(cells: list[Cell], answer: str) -> list[Cell]:
    """The tests that read what an answer makes, and the cells that these need."""
    makes = next((cell.makes for cell in cells if cell.name == answer), frozenset())
    wanted = {cell.name for cell in cells if cell.is_test and cell.reads & makes}
    needed = frozenset().union(*(c.reads for c in cells if c.name in wanted))
    tests = {cell.name for cell in cells if cell.is_test}
    given = [c for c in cells if c.name not in tests]
    kept = wanted | {c.name for c in given if c.makes & needed or not is_answer(c)}
    if not wanted:
        return []
    return [cell for cell in cells if cell.name in kept | {answer}]


def asks(test: Cell, module: ModuleType) -> bool:
    """Whether a test's check compares an answer with numbers."""
    names = {
        node.attr
        for node in ast.walk(ast.parse(test.source))
        if isinstance(node, ast.Attribute)
    }
    texts = [
        inspect.getsource(getattr(module, name))
        for name in names
        if hasattr(module, name)
    ]
    return any(".compare(" in text for text in texts)


def is_answer(cell: Cell) -> bool:
    """Whether a cell of the instructor's notebook holds an answer."""
    return "### BEGIN SOLUTION" in cell.source


@contextlib.contextmanager
def silent(wrong: bool) -> Iterator[None]:
    """Let a wrong answer stop, and print nothing."""
    suppressed = (Exception,) if wrong else ()
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.suppress(*suppressed),
        warnings.catch_warnings(action="ignore"),
    ):
        yield


def plain(got: object) -> dict[str, Any] | None:
    """Numbers as JSON keeps them, None for what is none; seven digits are enough."""
    if not isinstance(got, torch.Tensor | bool | int | float):
        return None
    values = np.asarray(torch.as_tensor(got).detach())
    if values.dtype.kind not in "bif" or values.size == 0:
        return None
    if values.dtype.kind == "f":
        values = np.vectorize(lambda v: float(f"{v:.7g}"))(values)
    found = {"kind": values.dtype.kind, "values": values.tolist()}
    return found if isinstance(got, torch.Tensor) else found | {"number": True}


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two results could not be told apart."""
    first, second = np.array(one["values"]), np.array(other["values"])
    if first.shape != second.shape:
        return False
    close = np.isclose(first, second, rtol=2 * RTOL, atol=2 * ATOL, equal_nan=True)
    return bool(close.all())


def written(found: Mapping[str, Any]) -> str:
    """The text of a JSON file: a line for each result."""
    blocks = []
    for key, known in found.items():
        wrong = ",\n    ".join(json.dumps(each) for each in known["wrong"])
        wrong = f"[\n    {wrong}\n  ]" if wrong else "[]"
        right = json.dumps(known["right"])
        blocks.append(
            f'{json.dumps(key)}: {{\n  "right": {right},\n  "wrong": {wrong}}}'
        )
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def agree(text: str, found: Mapping[str, Any]) -> bool:
    """Whether a file holds these numbers, but for the last digits."""
    kept = json.loads(text)
    if kept.keys() != found.keys():
        return False
    for key, known in found.items():
        names = [[each[0] for each in k["wrong"]] for k in (kept[key], known)]
        if names[0] != names[1] or not same(kept[key]["right"], known["right"]):
            return False
        pairs = zip(kept[key]["wrong"], known["wrong"], strict=True)
        if not all(same(a[1], b[1]) for a, b in pairs):
            return False
    return True


def main(arguments: list[str]) -> int:
    """Write, or check, the numbers of every assignment (or of those that are named)."""
    names = [each for each in arguments if each != "--check"]
    stale = []
    for source in sources():
        if names and source.stem not in names:
            continue
        path, found = EXERCISES / f"{source.stem}.json", collected(source)
        if path.is_file() and agree(path.read_text("utf-8"), found):
            continue
        stale.append(path.name)
        if "--check" not in arguments:
            path.write_text(written(found), "utf-8")
    if "--check" in arguments and stale:
        print(
            f"not as the sources are: {', '.join(stale)}; run python -m tools.numbers"
        )
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
