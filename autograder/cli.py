"""The command line: parse, call one function, print, return a status.

0 is done, 1 is done with something the person must look at, 2 could not.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from autograder.course import Course
from autograder.model import CourseError, Limits, Outcome
from autograder.summary import summary, table

DONE, LOOK, COULD_NOT = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its status."""
    options = parser().parse_args(arguments)
    try:
        return options.run(options)
    except CourseError as error:
        print(f"autograder: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        again = "what was finished is kept; the same command continues"
        print(f"autograder: stopped: {again}.", file=sys.stderr)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output, such as `head`, has gone
    return COULD_NOT


def run_release(options: argparse.Namespace) -> int:
    from autograder.release import release

    path = release(
        options.course, options.assignment, options.solutions, limits_of(options)
    )
    show(options, {"release": str(path)}, f"Released: {path}")
    return DONE


def run_collect(options: argparse.Namespace) -> int:
    from autograder.collect import collect

    items = collect(options.course, options.assignment, options.folder)
    problems = [item for item in items if item.problem]
    lines = [f"{item.student}: {item.problem}" for item in problems]
    good = sum(item.filename is not None for item in items)
    lines.append(f"Collected {good} of {len(items)} submissions.")
    show(options, [asdict(item) for item in items], "\n".join(lines))
    return LOOK if problems else DONE


def run_grade(options: argparse.Namespace) -> int:
    from autograder.grade import grade

    results = grade(
        options.assignment,
        options.course,
        students=options.student,
        workers=options.workers,
        force=options.force,
        limits=limits_of(options),
        seed=options.seed,
        progress=not options.json,
    )
    rows = summary(options.course, results[0].assignment, {r.student for r in results})
    show(options, rows, table(options.course, rows))
    return LOOK if any(row["look"] for row in rows) else DONE


def run_feedback(options: argparse.Namespace) -> int:
    from autograder.feedback import write_feedback

    paths = write_feedback(options.course, assignment_of(options))
    said = f"Wrote {len(paths)} pages under {options.course.root / 'feedback'}"
    show(options, [str(path) for path in paths], said)
    return DONE


def run_report(options: argparse.Namespace) -> int:
    from autograder.report import write_report

    path = write_report(options.course, assignment_of(options))
    show(options, {"report": str(path)}, f"Wrote {path}")
    return DONE


def run_export(options: argparse.Namespace) -> int:
    from autograder.export import export_csv

    assignment = assignment_of(options)
    path = options.output or options.course.root / "reports" / f"{assignment}.csv"
    path = export_csv(options.course, assignment, path)
    show(options, {"csv": str(path)}, f"Wrote {path}")
    return DONE


def run_demo(options: argparse.Namespace) -> int:
    from autograder.pipeline import demonstrate

    results = demonstrate(
        options.course,
        options.assignment,
        options.solutions,
        seed=options.seed,
        workers=options.workers,
        limits=limits_of(options),
        progress=not options.json,
    )
    rows = summary(options.course, results[0].assignment, {r.student for r in results})
    page = options.course.report(results[0].assignment)
    show(options, rows, f"{table(options.course, rows)}\nThe class: {page}")
    failed = any(result.outcome == Outcome.FAILED for result in results)
    return LOOK if failed else DONE  # invalid ones belong to the show


def run_demo_class(options: argparse.Namespace) -> int:
    from autograder.demo import make_class
    from autograder.release import find_source

    _, source = find_source(options.solutions, options.assignment)
    paths = make_class(source.parent, options.to, options.seed)
    said = f"Wrote {len(paths)} submissions under {options.to}"
    show(options, [str(path) for path in paths], said)
    return DONE


def run_doctor(options: argparse.Namespace) -> int:
    from autograder.doctor import examine

    checks = examine(options.course)
    marks = {True: "ok  ", False: "LOOK"}
    lines = [f"{marks[check.good]} {check.name}: {check.said}" for check in checks]
    show(options, [asdict(check) for check in checks], "\n".join(lines))
    return DONE if all(check.good for check in checks) else LOOK


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


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(
        prog="autograder",
        description="Release an assignment, grade a class, tell each student why.",
        epilog="Example: autograder grade A1 --workers 4",
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str, run: Callable[[argparse.Namespace], int], what: str, example: str
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(
            name, help=what, description=what, epilog=f"Example: autograder {example}"
        )
        made.set_defaults(run=run)
        made.add_argument("--json", action="store_true", help="print JSON")
        made.add_argument(
            "--course",
            type=lambda text: Course(Path(text)),
            default="course",
            metavar="DIR",
            help="the course folder (default: ./course)",
        )
        if name != "doctor":
            made.add_argument("assignment", help="A1, a1, or its full name")
        return made

    add_release(command)
    add_collect(command)
    add_grade(command)
    what = "Write each student's feedback page."
    command("feedback", run_feedback, what, "feedback A1")
    command("report", run_report, "Write the page on the class.", "report A1")
    what = "Write the scores as a CSV file."
    made = command("export", run_export, what, "export A1 -o scores.csv")
    made.add_argument("-o", "--output", type=Path, metavar="FILE")
    add_demo(command)
    add_demo_class(command)
    what = "Say what is installed, what works, and what is missing."
    command("doctor", run_doctor, what, "doctor")
    return top


Command = Callable[..., argparse.ArgumentParser]


def add_release(command: Command) -> None:
    """release ASSIGNMENT"""
    what = "Check an assignment, and make what students receive."
    made = command("release", run_release, what, "release A1")
    add_solutions(made)
    add_limits(made)


def add_collect(command: Command) -> None:
    """collect ASSIGNMENT FOLDER"""
    what = "Copy a folder of submissions into the course."
    made = command("collect", run_collect, what, "collect A1 downloads/a1")
    made.add_argument(
        "folder", type=Path, help="a subfolder for each student, or STUDENT.ipynb files"
    )


def add_grade(command: Command) -> None:
    """grade ASSIGNMENT"""
    what = "Grade what is new or changed."
    made = command("grade", run_grade, what, "grade A1 --workers 4")
    made.add_argument("--workers", type=positive, metavar="N")
    made.add_argument(
        "--student", action="append", default=[], metavar="ID", help="only this one"
    )
    made.add_argument("--force", action="store_true", help="grade everything again")
    made.add_argument("--seed", type=int, default=0)
    add_limits(made)


def add_demo(command: Command) -> None:
    """demo ASSIGNMENT"""
    what = "Make up a class and take it through every step."
    made = command("demo", run_demo, what, "demo A1 --course _build/demo")
    made.add_argument("--workers", type=positive, metavar="N")
    made.add_argument("--seed", type=int, default=0)
    add_solutions(made)
    add_limits(made)


def add_demo_class(command: Command) -> None:
    """demo-class ASSIGNMENT --to DIR"""
    what = "Make up a class's submissions, to try the autograder on."
    made = command("demo-class", run_demo_class, what, "demo-class A1 --to downloads")
    made.add_argument("--to", type=Path, required=True, metavar="DIR")
    made.add_argument("--seed", type=int, default=0)
    add_solutions(made)


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
