"""The commands that talk with a learning management system: collect and export."""

import argparse
from dataclasses import asdict
from pathlib import Path

from autograder.cli.frame import DONE, LOOK, Command, assignment_of, show


def add_collect(command: Command) -> None:
    """collect ASSIGNMENT FOLDER"""
    what = "Copy a folder of submissions into the course."
    made = command("collect", run_collect, what, "collect A1 downloads/a1")
    made.add_argument(
        "folder", type=Path, help="a subfolder for each student, or STUDENT.ipynb files"
    )


def run_collect(options: argparse.Namespace) -> int:
    from autograder.collect import collect

    items = collect(options.course, options.assignment, options.folder)
    problems = [item for item in items if item.problem]
    lines = [f"{item.student}: {item.problem}" for item in problems]
    good = sum(item.filename is not None for item in items)
    lines.append(f"Collected {good} of {len(items)} submissions.")
    show(options, [asdict(item) for item in items], "\n".join(lines))
    return LOOK if problems else DONE


def add_export(command: Command) -> None:
    """export ASSIGNMENT"""
    what = "Write the scores as a CSV file."
    made = command("export", run_export, what, "export A1 -o scores.csv")
    made.add_argument("-o", "--output", type=Path, metavar="FILE")


def run_export(options: argparse.Namespace) -> int:
    from autograder.export import export_csv

    assignment = assignment_of(options)
    path = options.output or options.course.root / "reports" / f"{assignment}.csv"
    path = export_csv(options.course, assignment, path)
    show(options, {"csv": str(path)}, f"Wrote {path}")
    return DONE
