"""The commands that make things: a course, an assignment, a release, a class."""

import argparse
from pathlib import Path
from typing import Any

from autograder.assignment.files import beside
from autograder.cli.frame import (
    DONE,
    LOOK,
    Command,
    add_limits,
    add_solutions,
    limits_of,
    positive,
    show,
)
from autograder.course.folder import Course
from autograder.model import Outcome
from autograder.results.summary import summary, table


def add_new_course(command: Command) -> None:
    """new-course DIR"""
    what = "Begin a course of your own: a small one that works, to be changed."
    made = command("new-course", run_new_course, what, "new-course statistics")
    made.add_argument("folder", type=Path, metavar="DIR", help="a new or empty folder")


def run_new_course(options: argparse.Namespace) -> int:
    from autograder.new_course.write import new_course

    names = new_course(options.folder)
    text = f"Wrote a course into {options.folder}: {', '.join(names)}"
    if "a2_tables" not in names:
        text += "\npandas is not installed: the example with tables was left out."
    text += f"\nNext: cd {options.folder}; autograder release A1"
    show(options, {"course": str(options.folder), "assignments": names}, text)
    return DONE


def add_new_assignment(command: Command) -> None:
    """new-assignment NAME"""
    what = "Write a new assignment with one exercise, to be changed."
    example = "new-assignment a3_loops"
    made = command("new-assignment", run_new_assignment, what, example)
    made.add_argument("name", help="such as a3_loops, which is A3 for short")
    add_solutions(made)


def run_new_assignment(options: argparse.Namespace) -> int:
    from autograder.new_course.write import new_assignment

    path = new_assignment(options.name, options.solutions)
    short = options.name.split("_")[0].upper()
    text = f"Wrote {path}\nNext: edit it, then autograder release {short}"
    show(options, {"source": str(path)}, text)
    return DONE


def add_release(command: Command) -> None:
    """release ASSIGNMENT"""
    what = "Check an assignment, and make what students receive."
    made = command("release", run_release, what, "release A1")
    made.add_argument(
        "--roster",
        type=Path,
        metavar="CSV",
        help="the class list, for an assignment in which each student has a number: "
        "write one notebook for each",
    )
    add_solutions(made)
    add_limits(made)


def run_release(options: argparse.Namespace) -> int:
    from autograder.release.release import release_assignment

    path = release_assignment(
        options.course, options.assignment, options.solutions, limits_of(options)
    )
    made: dict[str, Any] = {"release": str(path)}
    text = f"Released: {path}"
    if files := list(beside(options.course.source(path.stem))):
        made["files"] = files
        text += f"\nWith it: {', '.join(files)}"
    if options.roster is not None:
        paths = release_to_each(options.course, path.stem, options.roster)
        made["personal"] = [str(each) for each in paths]
        text += f"\nOne for each of {len(paths)} students: {paths[0].parents[1]}"
    show(options, made, text)
    return DONE


def release_to_each(course: Course, assignment: str, roster: Path) -> list[Path]:
    """Write a notebook for each student of a class list; return the paths."""
    from autograder.assignment.cache import released_exam
    from autograder.assignment.per_student import release_to_each
    from autograder.lms.registry import read_roster

    students = [person.student for person in read_roster(roster).people]
    return release_to_each(course, released_exam(course, assignment), students)


def add_demo(command: Command) -> None:
    """demo ASSIGNMENT"""
    what = "Make up a class and take it through every step."
    made = command("demo", run_demo, what, "demo A1 --course _build/demo")
    made.add_argument("--workers", type=positive, metavar="N")
    made.add_argument("--seed", type=int, default=0)
    add_solutions(made)
    add_limits(made)


def run_demo(options: argparse.Namespace) -> int:
    from autograder.demo.run import demonstrate

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


def add_demo_class(command: Command) -> None:
    """demo-class ASSIGNMENT --to DIR"""
    what = "Make up a class's submissions, to try the autograder on."
    made = command("demo-class", run_demo_class, what, "demo-class A1 --to downloads")
    made.add_argument("--to", type=Path, required=True, metavar="DIR")
    made.add_argument("--seed", type=int, default=0)
    add_solutions(made)


def run_demo_class(options: argparse.Namespace) -> int:
    from autograder.demo.students import make_class
    from autograder.release.release import find_source

    _, source = find_source(options.solutions, options.assignment)
    paths = make_class(source.parent, options.to, options.seed)
    text = f"Wrote {len(paths)} submissions under {options.to}"
    show(options, [str(path) for path in paths], text)
    return DONE
