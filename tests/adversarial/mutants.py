"""Random damage to honest notebooks: seeded, bounded, the same in every run.

A mutant starts from an honest notebook (all right, half right, not attempted) and is
changed a few times: its cells, their metadata, their sources, its JSON, its bytes. What
is chosen can make a right answer wrong, but no wrong one right: nothing but the right
answers themselves computes a square or a scale, and only mutants of a notebook that has
them can move them about.
"""

import json
import random
from collections.abc import Callable

from case import FULL, NONE, RIGHT, SCALE, Folder, Notebook, as_bytes, notebook_of
from tiny_assignment import NAME

from autograder.assignment.exam import Exam

BASES = {
    "right": (RIGHT, FULL),
    "half": (
        {"square": "def square(x):\n    raise ValueError", "scale": SCALE},
        (0.0, FULL[1]),
    ),
    "stubs": ({}, NONE),
}
MOST = 6  # changes of one notebook
ODD = (None, True, -1, 10**20, 1.5e308, "", "x", [], {}, [[]], {"a": [None]}, "\ud800")
KEYS = ("grade_id", "points", "grade", "solution", "locked", "task", "schema_version")
PIECES = (
    *("\n", "    ", "\t", "(", ")", ":", "#", '"""', "\\", "\0", "\ufeff", "\u202e"),
    *(
        "return",
        "pass",
        "del ",
        "None",
        "x",
        "0",
        "%",
        "!",
        "?",
        "\u00e9",
        "\U0001f600",
    ),
    *("import os\n", "%%bash\n", "while False: pass\n", "raise\n", "yield ", "await "),
)
Change = Callable[[random.Random, Notebook], None]


def some_cell(draw: random.Random, notebook: Notebook) -> dict | None:
    """One of the cells that are cells; a mutant may have none left."""
    cells = notebook["cells"] if isinstance(notebook.get("cells"), list) else []
    cells = [cell for cell in cells if isinstance(cell, dict)]
    return draw.choice(cells) if cells else None


def on_cell(change: Callable[[random.Random, dict], None]) -> Change:
    """A change of one cell as a change of the notebook."""

    def apply(draw: random.Random, notebook: Notebook) -> None:
        cell = some_cell(draw, notebook)
        if cell is not None:
            change(draw, cell)

    return apply


def on_cells(change: Callable[[random.Random, list], None]) -> Change:
    """A change of the list of cells as a change of the notebook."""

    def apply(draw: random.Random, notebook: Notebook) -> None:
        cells = notebook.get("cells")
        if isinstance(cells, list) and cells:
            change(draw, cells)

    return apply


# --- structure ------------------------------------------------------------------------


@on_cells
def delete(draw, cells):
    del cells[draw.randrange(len(cells))]


@on_cells
def duplicate(draw, cells):
    copy = json.loads(json.dumps(draw.choice(cells)))
    cells.insert(draw.randrange(len(cells) + 1), copy)


@on_cells
def move(draw, cells):
    cell = cells.pop(draw.randrange(len(cells)))
    cells.insert(draw.randrange(len(cells) + 1), cell)


@on_cells
def shuffle(draw, cells):
    draw.shuffle(cells)


@on_cells
def add_odd(draw, cells):
    cells.insert(draw.randrange(len(cells) + 1), draw.choice(ODD))


@on_cells
def swap_fields(draw, cells):
    one, two = (draw.choice(cells) for _ in range(2))
    field = draw.choice(("metadata", "cell_type", "id"))
    if (
        isinstance(one, dict)
        and isinstance(two, dict)
        and field in one
        and field in two
    ):
        one[field], two[field] = two[field], one[field]


@on_cell
def retype(draw, cell):
    cell["cell_type"] = draw.choice(("code", "markdown", "raw", "heading", "", None))


@on_cell
def lose_field(draw, cell):
    if cell:
        del cell[draw.choice(sorted(cell))]


@on_cell
def odd_field(draw, cell):
    fields = ("source", "metadata", "id", "cell_type", "outputs", "attachments")
    cell[draw.choice(fields)] = draw.choice(ODD)


@on_cell
def nbgrader(draw, cell):
    metadata = cell.get("metadata")
    if isinstance(metadata, dict):
        known = metadata.get("nbgrader")
        known = known if isinstance(known, dict) else {}
        value = draw.choice((*ODD, False, "square", "scale", "square-test", 99))
        metadata["nbgrader"] = known | {draw.choice(KEYS): value}


@on_cell
def lines(draw, cell):
    if isinstance(cell.get("source"), str):
        cell["source"] = cell["source"].splitlines(keepends=True)


def odd_notebook(draw, notebook):
    field = draw.choice(("nbformat", "nbformat_minor", "metadata", "worksheets", "x"))
    notebook[field] = draw.choice((*ODD, 3, 4, 5))


# --- sources --------------------------------------------------------------------------


def on_source(change: Callable[[random.Random, str], str]) -> Change:
    """A change of one cell's source."""

    @on_cell
    def apply(draw, cell):
        if isinstance(cell.get("source"), str):
            cell["source"] = change(draw, cell["source"])

    return apply


@on_source
def insert_piece(draw, source):
    at = draw.randrange(len(source) + 1)
    return source[:at] + draw.choice(PIECES) + source[at:]


@on_source
def delete_piece(draw, source):
    at = draw.randrange(len(source) + 1)
    return source[:at] + source[at + draw.randrange(1, 20) :]


@on_source
def delete_line(draw, source):
    kept = source.split("\n")
    del kept[draw.randrange(len(kept))]
    return "\n".join(kept)


@on_source
def repeat_line(draw, source):
    kept = source.split("\n")
    at = draw.randrange(len(kept))
    return "\n".join([*kept[:at], kept[at], *kept[at:]])


@on_source
def swap_characters(draw, source):
    if len(source) < 2:
        return source
    at = draw.randrange(len(source) - 1)
    return source[:at] + source[at + 1] + source[at] + source[at + 2 :]


@on_source
def repeat(draw, source):
    return source * draw.choice((2, 3, 50))


STRUCTURE = (delete, duplicate, move, shuffle, add_odd, swap_fields, retype, lose_field)
STRUCTURE += (odd_field, nbgrader, nbgrader, lines, odd_notebook)
SOURCES = (
    insert_piece,
    delete_piece,
    delete_line,
    repeat_line,
    swap_characters,
    repeat,
)


# --- bytes ----------------------------------------------------------------------------


def damage_bytes(draw: random.Random, content: bytes) -> bytes:
    """One accident of a disk, an editor or a network."""
    at = draw.randrange(len(content))
    match draw.randrange(6):
        case 0:
            return content[:at]
        case 1:
            return content[:at] + bytes([draw.randrange(256)]) + content[at + 1 :]
        case 2:
            return content[:at] + content[at + draw.randrange(1, 200) :]
        case 3:
            return content[:at] + content[at:][:100] + content[at:]
        case 4:
            return content[:at] + draw.randbytes(5) + content[at:]
    encoding = draw.choice(("utf-8-sig", "utf-16", "utf-16-be", "utf-32", "latin-1"))
    return content.decode("utf-8").encode(encoding, "replace")


def mutant(exam: Exam, seed: int) -> tuple[Folder, tuple[float, float]]:
    """The folder of mutant number `seed`, and the points of what it was made from."""
    draw = random.Random(seed)
    answers, points = BASES[draw.choice(sorted(BASES))]
    notebook = notebook_of(exam, answers)
    changes = draw.choice((STRUCTURE, SOURCES, STRUCTURE + SOURCES))
    for _ in range(draw.randint(1, MOST)):
        draw.choice(changes)(draw, notebook)
    content = as_bytes(notebook)
    if draw.random() < 0.2:
        content = damage_bytes(draw, content)
    return {f"{NAME}.ipynb": content}, points
