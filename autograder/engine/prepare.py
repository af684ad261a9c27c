"""What each cell of a rebuilt notebook is to the engine, worked out before it runs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
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
from autograder.static_analysis.names import bound, statements


@dataclass(frozen=True)
class Cell:
    """A code cell.

    `own`: a student wrote it. `trusted`: the test process runs it too. `full`: the full
    source of a test cell, else None.
    `exercise` numbers those of them that follow each other. `part` numbers the test
    cells, each with the cells that lead to it.
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
    part: int = 0


def prepare(
    cells: Sequence[dict[str, Any]], tests: Mapping[str, str], seed: int
) -> list[Cell]:
    """The code cells as they are to run, in their order."""
    rules = {cell["id"]: cell["rules"] for cell in to_scan(cells) if cell["answer"]}
    last: dict[str, Any] | None = None  # the rules of the answer above
    found: list[Cell] = []
    exercise = part = 0
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
                part=part,
                forbidden=last if is_answer(cell) or is_test(cell) else None,
                data=cell,
            )
        )
        part += full is not None
    return found


@lru_cache(maxsize=100)  # the same in a whole class
def names_of(tests: tuple[str, ...]) -> list[str]:
    """The names that some test cell binds: a student is never asked for them."""
    bodies = [statements(test) for test in tests]
    return sorted({name for body in bodies for each in body for name in bound(each)})


def to_scan(cells: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The cells that a student wrote, with the rules that hold for each."""
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    added = [cell for cell in code if is_added(cell)]
    own = [cell for cell in code if is_answer(cell) or cell in added]
    imported = ready_made.imported(
        "".join(cell["source"]) for cell in code if cell not in own
    )
    until = judged_after(code, own)
    return [
        {
            "id": cell["id"],
            "until": until[cell["id"]],
            "source": "".join(cell["source"]),
            "answer": is_answer(cell),
            "rules": asdict(ready_made.rules_of(cell, imported))
            | {"given": sorted(imported)},
        }
        for cell in own
    ]


def judged_after(
    code: Sequence[Mapping[str, Any]], own: Sequence[Mapping[str, Any]]
) -> dict[str, int]:
    """Of each cell that a student wrote: how many of them run before its last test.

    The tests of a cell are those that follow it before the next answer; a cell that
    has none is looked at to the end.
    """
    until: dict[str, int] = {}
    ran, open_cells, tested = 0, [], False
    for cell in code:
        if cell in own:
            if tested and is_answer(cell):
                open_cells, tested = [], False
            open_cells.append(cell["id"])
            ran += 1
        elif is_test(cell):
            tested = True
            until |= dict.fromkeys(open_cells, ran)
    return {cell["id"]: until.get(cell["id"], len(own)) for cell in own}
