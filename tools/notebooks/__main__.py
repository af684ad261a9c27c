"""The command: `python -m tools.notebooks`.

With [--check | --answered DIR | --solutions DIR [--execute]].
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from tools.notebooks.chapter import to_json
from tools.notebooks.source import SourceError
from tools.notebooks.tree import Tree, check, write

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command; 0 done, 1 notebooks/ differs, 2 a source has a mistake."""
    options = _parser().parse_args(arguments)
    try:
        if options.check:
            return _check(root)
        if options.answered:
            return _answered(root, options.answered)
        if options.solutions:
            return _solutions(root, options.solutions, options.execute)
        changed = write(root)
    except SourceError as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(changed) or "notebooks/ is what its sources give.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.notebooks",
        description="Generate notebooks/ from book/ and solutions/.",
        epilog="Example: python -m tools.notebooks --check",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--check", action="store_true", help="only say which notebooks are not current"
    )
    what.add_argument(
        "--answered",
        type=Path,
        metavar="DIR",
        help="write the chapters there, with the code of their exercises' solutions",
    )
    what.add_argument(
        "--solutions",
        type=Path,
        metavar="DIR",
        help="write the solved assignments there",
    )
    parser.add_argument(
        "--execute", action="store_true", help="run the solved ones too"
    )
    return parser


def _check(root: Path) -> int:
    problems = check(root)
    print("\n".join(problems), end="\n" if problems else "", file=sys.stderr)
    return 1 if problems else 0


def _answered(root: Path, folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    for page, notebook in Tree(root).answered():
        (folder / Path(page.notebook).name).write_text(
            to_json(notebook), "utf8", newline="\n"
        )
    return 0


def _solutions(root: Path, folder: Path, execute: bool) -> int:
    for page, notebook in Tree(root).solved():
        name = Path(page.path).stem
        file = folder / name / f"{name}.ipynb"
        file.parent.mkdir(parents=True, exist_ok=True)
        text = to_json(notebook)
        if execute:
            print(f"Running {page.path} ...", file=sys.stderr)
            notebook = nbformat.reads(text, as_version=4)
            resources = {"metadata": {"path": str(file.parent)}}
            NotebookClient(notebook, timeout=600, resources=resources).execute()
            text = nbformat.writes(notebook) + "\n"
        file.write_text(text, "utf8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
