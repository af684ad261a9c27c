"""What each cell of a rebuilt notebook is to the engine, worked out before it runs."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from autograder.assignment.exam import grade_id, is_answer, is_test, nbgrader_of
from autograder.static_analysis import ready_made

SEED = "student_seed"


@dataclass(frozen=True)
class Cell:
    """A code cell.

    `own`: a student wrote it. `trusted`: T runs it too. `full`: the full source of a
    test cell, else None.
    `exercise` numbers those of them that follow each other.
    `forbidden`: the rules of an answer that is to be written by hand, else None.
    `data` is the notebook's own cell, where the outputs go.
    """

    id: str
    name: str
    number: int
    source: str
    own: bool
    trusted: bool
    full: str | None
    exercise: int
    forbidden: dict[str, Any] | None
    data: dict[str, Any]


def prepare(
    cells: Sequence[dict[str, Any]], tests: Mapping[str, str], seed: int
) -> list[Cell]:
    """The code cells as they are to run, in their order."""
    rules = {cell["id"]: cell["rules"] for cell in to_scan(cells) if cell["answer"]}
    last: dict[str, Any] | None = None  # the rules of the answer above
    found: list[Cell] = []
    exercise = 0
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    for number, cell in enumerate(code, start=1):
        last = rules.get(cell["id"], last)
        source = "".join(cell["source"])
        full = tests.get(grade_id(cell)) if is_test(cell) else None
        exercise += full is not None and (not found or found[-1].full is None)
        found.append(
            Cell(
                id=cell["id"],
                name=grade_id(cell) or "",
                number=number,
                source=seeded(source, seed) if is_seed_cell(cell) else source,
                own=is_answer(cell) or is_added(cell),
                trusted=is_given(cell),
                full=full,
                exercise=exercise,
                forbidden=last if is_answer(cell) or is_test(cell) else None,
                data=cell,
            )
        )
    return found


def is_given(cell: Mapping[str, Any]) -> bool:
    """Whether T runs this cell: a named one of the release that nobody may change."""
    meta = nbgrader_of(cell)
    free = any(meta.get(key) for key in ("grade", "solution", "task"))
    return cell["cell_type"] == "code" and bool(meta.get("locked")) and not free


def is_seed_cell(cell: Mapping[str, Any]) -> bool:
    """Whether this given cell holds the number that each student has alone."""
    said = cell["metadata"].get("autograder", {})
    return is_given(cell) and bool(said.get("per_student"))


def seeded(source: str, seed: int) -> str:
    """The source with this student's number in the place of the one handed out."""
    for node in ast.parse(source).body:
        if (
            isinstance(node, ast.Assign)
            and [ast.unparse(target) for target in node.targets] == [SEED]
            and isinstance(node.value, ast.Constant)
        ):
            lines = source.split("\n")
            first = lines[node.lineno - 1]
            at, end = node.value.col_offset, node.value.end_col_offset
            data = first.encode("utf-8")
            number = str(seed % 2**31).encode("ascii")
            lines[node.lineno - 1] = (data[:at] + number + data[end:]).decode("utf-8")
            return "\n".join(lines)
    return source


def to_scan(cells: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The cells that a student wrote, with the rules that hold for each."""
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    added = [cell for cell in code if is_added(cell)]
    own = [cell for cell in code if is_answer(cell) or cell in added]
    imported = ready_made.imported(
        "".join(cell["source"]) for cell in code if cell not in own
    )
    return [
        {
            "id": cell["id"],
            "source": "".join(cell["source"]),
            "answer": is_answer(cell),
            "rules": asdict(ready_made.rules_of(cell, imported))
            | {"given": sorted(imported)},
        }
        for cell in own
    ]


def is_added(cell: Mapping[str, Any]) -> bool:
    """Whether the student added this cell."""
    said = cell["metadata"].get("autograder", {})
    return bool(said.get("extra"))
