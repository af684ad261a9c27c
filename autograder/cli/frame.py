"""What the commands share: statuses, printing, and the options of several."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograder.model import Limits

DONE, LOOK, COULD_NOT = 0, 1, 2
Command = Callable[..., argparse.ArgumentParser]


def assignment_of(options: argparse.Namespace) -> str:
    """The full name of the assignment that the person means."""
    return options.course.resolve(options.assignment)


def limits_of(options: argparse.Namespace) -> Limits:
    """The limits on the command line."""
    return Limits(cell=options.cell_seconds, notebook=options.notebook_seconds)


def show(options: argparse.Namespace, data: Any, text: str) -> None:
    """Print for a machine or for a person."""
    text = json.dumps(data, indent=1) if options.json else text
    print(text.encode(errors="replace").decode())


def asked(question: str) -> bool:
    """The answer of the person at the terminal; no, where nobody sits there."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def add_solutions(made: argparse.ArgumentParser) -> None:
    """Where the assignments' sources lie."""
    made.add_argument(
        "--solutions",
        type=Path,
        default=Path("solutions"),
        metavar="DIR",
        help="holds NAME/NAME.md (default: ./solutions)",
    )


def add_limits(made: argparse.ArgumentParser) -> None:
    """How long a notebook may run."""
    usual = Limits()
    for name, value in (("cell", usual.cell), ("notebook", usual.notebook)):
        made.add_argument(
            f"--{name}-seconds",
            type=positive_seconds,
            default=value,
            metavar="S",
            help=f"wall time of one {name} (default: {value:g})",
        )


def positive(text: str) -> int:
    """A whole number above 0."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"a number above 0 was expected, not {text}")
    return number


def positive_seconds(text: str) -> float:
    """A finite time above 0."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"a time above 0 was expected, not {text}")
    return number
