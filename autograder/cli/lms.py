"""The commands that talk with a learning management system: collect and export."""

import argparse
from dataclasses import asdict
from pathlib import Path

from autograder.cli.frame import DONE, LOOK, Command, assignment_of, show


def add_collect(command: Command) -> None:
    """collect ASSIGNMENT SOURCE"""
    what = "Copy a class's submissions into the course, from a zip file or a folder."
    example = "collect A1 downloads/moodle.zip --roster downloads/grades.csv"
    made = command("collect", run_collect, what, example)
    made.add_argument(
        "source",
        type=Path,
        help="the zip file that Canvas or Moodle gives, or a folder: a subfolder for "
        "each student, or STUDENT.ipynb files",
    )
    made.add_argument(
        "--roster",
        type=Path,
        metavar="CSV",
        help="Canvas's gradebook, Moodle's grading worksheet, or a list with a column "
        "“student”: it names the students, and Moodle's says when they handed in",
    )
    made.add_argument(
        "--times",
        type=Path,
        metavar="CSV",
        help="a list with the columns “student” and “received”, where the LMS's files "
        "hold no times",
    )


def run_collect(options: argparse.Namespace) -> int:
    from autograder.collect import collect

    items = collect(
        options.course,
        options.assignment,
        options.source,
        options.roster,
        options.times,
    )
    problems = [item for item in items if item.problem]
    lines = [f"{item.student}: {item.problem}" for item in problems]
    good = sum(item.filename is not None for item in items)
    late = sum(item.late for item in items)
    marked = f" {late} are marked as late." if late else ""
    lines.append(f"Collected {good} of {len(items)} submissions.{marked}")
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
