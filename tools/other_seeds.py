"""Run the chapters with other random seeds than theirs: python -m tools.other_seeds 06.

An assertion that holds for one seed only is luck. Each chapter is run with the code of
its exercises' solutions, every seed in it moved by 1,000, 2,000 and 3,000. What failed
is printed, with the cell; the status is 1 then. Without a name: all chapters.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from tools.notebooks.tree import Tree

ROOT = Path(__file__).resolve().parents[1]
SEED = re.compile(r"((?:manual_seed|default_rng)\(|\bseed=)(\d+)\b")
MOVES = (1000, 2000, 3000)
SECONDS = 600  # for a cell


def moved(notebook: nbformat.NotebookNode, by: int) -> int:
    """Move every seed of a notebook's code; how many there are."""
    found = 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source, number = SEED.subn(
                lambda seed: f"{seed[1]}{int(seed[2]) + by}", cell.source
            )
            found += number
    return found


def failures(notebook: nbformat.NotebookNode) -> Iterator[str]:
    """Run a notebook to its end; each failed cell, its error and how it begins."""
    NotebookClient(
        notebook,
        timeout=SECONDS,
        allow_errors=True,
        resources={"metadata": {"path": str(ROOT / "book")}},
    ).execute()
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", ()):
            if output.output_type == "error":
                yield f"cell {number}: {output.ename}: {output.evalue}\n{cell.source}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tools.other_seeds")
    parser.add_argument("names", nargs="*", help="how chapters' names begin: 06")
    parser.add_argument("--moves", type=int, nargs="+", default=MOVES)
    options = parser.parse_args(arguments)
    failed = False
    for page, answered in Tree(ROOT).answered():
        name = Path(page.path).stem
        if not name.startswith(tuple(options.names or [""])):
            continue
        for move in options.moves:
            notebook = deepcopy(answered)
            number = moved(notebook, move)
            found = list(failures(notebook)) if number else []
            failed = failed or bool(found)
            print(f"{name}: {number} seeds moved by {move}:", end=" ")
            print(f"{len(found) or 'no'} cells fail", *found, sep="\n\n", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
