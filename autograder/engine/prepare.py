"""What each cell of a rebuilt notebook is to the engine, worked out before it runs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from autograder.assignment.cells import (
    grade_id,
    is_added,
    is_answer,
    is_given,
    is_seed_cell,
    is_test,
    seeded,
)
from autograder.static_analysis import ready_made


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
