"""The checks of a chapter catch wrong signs: each planted error fails one of them.

A chapter's cells are run once, in order. At a cell with planted errors, each of them is
put in, and the cells from there on are run on a copy of the variables until one fails.

That takes minutes, and comes out the same while code, errors and versions are the same:
`planted.json` keeps a fingerprint of those with which everything was caught, and a
chapter that has it is not run again. `RECORD=1 pytest` on this file runs what changed
and keeps its fingerprints; `RECORD=all` runs everything.
"""

import ast
import fcntl
import hashlib
import json
import os
import symtable
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from planted_errors import PLANTED, Error
from the_book import the_book

from tools.notebooks.source import Cell

ROOT = Path(__file__).resolve().parents[2]
PAGES = {Path(page.path).stem: page for page in the_book().pages}
RECORD = os.environ.get("RECORD", "")
CAUGHT = Path(__file__).with_name("planted.json")
REACH = 12  # cells after the error, within which a check must fail


@pytest.fixture(autouse=True)
def _as_in_a_kernel() -> Iterator[None]:
    """Leave torch's default type as it was: chapters change it."""
    before = torch.get_default_dtype()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    torch.set_default_dtype(before)


def run(cell: str, variables: dict[str, Any]) -> None:
    """Run a cell's code, what it shows included, and show nothing."""
    exec(compile(ast.parse(cell), "cell", "exec"), variables)


def fails(cells: list[str], variables: dict[str, Any]) -> bool:
    """Whether a check among the cells fails; another exception is an error."""
    for cell in cells:
        try:
            run(cell, variables)
        except AssertionError:
            return True
    return False


def is_figure(cell: Cell) -> bool:
    """Whether a cell draws a figure."""
    return "figure" in cell.metadata.get("mystnb", {})


def names(cell: str) -> tuple[set[str], set[str]]:
    """The variables that a cell makes, and those of earlier cells that it reads."""
    top = symtable.symtable(cell, "cell", "exec")
    made = {s.get_name() for s in top.get_symbols() if s.is_assigned()}
    made |= {s.get_name() for s in top.get_symbols() if s.is_imported()}
    read, tables = set(), [top]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        read |= {
            s.get_name()
            for s in table.get_symbols()
            if s.is_referenced() and (table is top or s.is_global())
        }
    return made, read - made


def cells_of(chapter: str) -> list[str]:
    """The code of a chapter, without the figures that no other cell builds on."""
    kept, needed = [], set()
    for cell in reversed([c for c in PAGES[chapter].cells if c.kind == "code"]):
        made, read = names(cell.text)
        if not is_figure(cell) or made & needed:
            kept.append(cell.text)
            needed = needed - made | read
    return kept[::-1]


def imported(code: str) -> set[Path]:
    """The files of flowbook that code imports by name, in functions too.

    Plots are left out, as the cells that show them are: no check depends on them.
    """
    modules = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "flowbook imports by full names"
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    places = {ROOT.joinpath(*name.split(".")) for name in modules}
    places |= {parent for place in places for parent in place.parents}
    files = {place / "__init__.py" for place in places}
    files |= {place.with_name(f"{place.name}.py") for place in places if place.name}
    return {
        path
        for path in files
        if path.is_relative_to(ROOT / "flowbook")
        and "plots" not in path.parts
        and path.is_file()
    }


def files_behind(code: str) -> set[Path]:
    """The files of flowbook that code imports, and those that they import."""
    found: set[Path] = set()
    new = imported(code)
    while new:
        found |= new
        new = {path for file in new for path in imported(file.read_text())} - found
    return found


def fingerprint(cells: list[str], errors: list[Error]) -> str:
    """A number of all that decides whether the errors are caught."""
    files = files_behind("\n".join(cells))
    texts = "".join(path.read_text() for path in files)
    files |= {path for path in (ROOT / "flowbook").glob("*.json") if path.name in texts}
    parts = [*cells, repr(errors), Path(__file__).read_text()]
    parts.append(str(sys.version_info[:2]))
    parts += [path.read_text() for path in sorted(files)]
    parts.append((ROOT / "requirements.txt").read_text())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


@pytest.mark.parametrize("chapter", PLANTED)
def test_every_planted_error_fails_a_check_of_its_chapter(chapter):
    known = json.loads(CAUGHT.read_text())
    now = fingerprint(cells_of(chapter), PLANTED[chapter])
    if known.get(chapter) == now and RECORD != "all":
        return
    assert not missed_errors(chapter)
    if RECORD:
        with CAUGHT.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # another worker may write too
            known = json.load(file) | {chapter: now}
            file.seek(0)
            file.truncate()
            file.write(json.dumps(known, indent=1, sort_keys=True) + "\n")


def test_a_fingerprint_is_another_one_for_other_code():
    cells, errors = ["a = 1", "assert a == 1"], [Error("1", "2"), Error("=", "+=")]
    prints = [
        fingerprint(cells, errors),
        fingerprint([cells[0], "assert a"], errors),
        fingerprint(cells, errors[:1]),
    ]
    assert len(set(prints)) == 3
    assert prints[0] == fingerprint(list(cells), list(errors))


def test_a_file_counts_where_it_is_imported_by_way_of_others():
    names = {path.name for path in files_behind("from flowbook.flow import Flow")}
    assert "flow.py" in names
    assert "inputs.py" in names  # by the layers' own checks
    assert "vqvae.py" not in names


def missed_errors(chapter: str) -> list[Error]:
    """The errors that no check of the chapter fails for."""
    cells = cells_of(chapter)
    errors: dict[int, list[Error]] = {}
    for error in PLANTED[chapter]:
        (place,) = [i for i, cell in enumerate(cells) if error.right in cell]
        assert cells[place].count(error.right) == 1, error
        errors.setdefault(place, []).append(error)
    assert len(PLANTED[chapter]) >= 10
    missed, variables = [], {"__name__": "__main__"}
    for place, cell in enumerate(cells[: max(errors) + 1]):
        for error in errors.get(place, []):
            wrong = cell.replace(error.right, error.wrong)
            later = cells[place + 1 : place + 1 + REACH]
            # A generator moves on while the copy runs: the chapter's own is put back.
            states = {k: v.get_state() for k, v in variables.items() if is_noise(v)}
            torch_state = torch.get_rng_state()
            if not fails([wrong, *later], dict(variables)):
                missed.append(error)
            torch.set_rng_state(torch_state)
            for name, state in states.items():
                variables[name].set_state(state)
        run(cell, variables)
    return missed


def is_noise(value: Any) -> bool:
    """Whether a variable is a generator of random numbers."""
    return isinstance(value, torch.Generator)
