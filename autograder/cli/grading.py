"""The commands that grade a class and show it, and that look at the machine."""

import argparse
from dataclasses import asdict, replace
from pathlib import Path

from autograder.cli.frame import (
    DONE,
    LOOK,
    Command,
    add_limits,
    assignment_of,
    limits_of,
    positive,
    show,
)
from autograder.model import PORT
from autograder.results.summary import summary, table


def add_grade(command: Command) -> None:
    """grade ASSIGNMENT"""
    what = "Grade what is new or changed."
    made = command("grade", run_grade, what, "grade A1 --workers 4")
    where = made.add_mutually_exclusive_group()
    text = "processes on this machine (default: one for each processor)"
    where.add_argument("--workers", type=positive, metavar="N", help=text)
    text = "grade on the workers of this Dask scheduler, such as tcp://host:8786"
    where.add_argument("--scheduler", metavar="ADDRESS", help=text)
    made.add_argument(
        "--student", action="append", default=[], metavar="ID", help="only this one"
    )
    text = "only this task again, such as square-test or 1.2: all other points stay"
    made.add_argument("--task", metavar="NAME", help=text)
    made.add_argument("--force", action="store_true", help="grade everything again")
    made.add_argument("--seed", type=int, default=0)
    text = "run students' code with your own rights: it can read and change all you can"
    made.add_argument("--no-sandbox", action="store_true", help=text)
    text = "the notebooks need a GPU: let them see it"
    made.add_argument("--gpu", action="store_true", help=text)
    add_limits(made)


def run_grade(options: argparse.Namespace) -> int:
    from autograder.course.late import never_late
    from autograder.grade.grade import grade_class
    from autograder.grade.one_task import changes, points_now
    from autograder.grade.recorder import patiently
    from autograder.lms.class_list import unknown_names

    before = points_now(options.course, assignment_of(options)) if options.task else {}
    graded = grade_class(
        options.assignment,
        options.course,
        students=options.student,
        workers=options.workers,
        scheduler=options.scheduler,
        force=options.force,
        limits=replace(limits_of(options), gpu=options.gpu),
        seed=options.seed,
        unsandboxed=options.no_sandbox,
        progress=not options.json,
        task=options.task,
    )
    assignment, students = graded[0].assignment, {each.student for each in graded}
    told = changes(options.task, before, graded) if options.task else []
    del graded  # the notebooks of a whole class
    rows = patiently(lambda: summary(options.course, assignment, students))
    unknown = unknown_names(options.course, assignment)
    told += [*unknown, *never_late(options.course, assignment)]
    show(options, rows, "\n".join([*told, table(options.course, rows)]))
    return LOOK if unknown or any(row["look"] for row in rows) else DONE


def add_pages(command: Command) -> None:
    """feedback ASSIGNMENT, report ASSIGNMENT"""
    what = "Write each student's feedback page."
    command("feedback", run_feedback, what, "feedback A1")
    command("report", run_report, "Write the page on the class.", "report A1")


def run_feedback(options: argparse.Namespace) -> int:
    from autograder.results.feedback import write_feedback

    paths = write_feedback(options.course, assignment_of(options))
    text = f"Wrote {len(paths)} pages under {options.course.root / 'feedback'}"
    show(options, [str(path) for path in paths], text)
    return DONE


def run_report(options: argparse.Namespace) -> int:
    from autograder.results.report import write_report

    path = write_report(options.course, assignment_of(options))
    show(options, {"report": str(path)}, f"Wrote {path}")
    return DONE


def add_status(command: Command) -> None:
    """status"""
    what = (
        "Say how far each assignment is, what comes next, and where everybody stands."
    )
    made = command("status", run_status, what, "status -o course.csv")
    text = "write everybody's scores in all assignments as a CSV file"
    made.add_argument("-o", "--output", type=Path, metavar="FILE", help=text)
    text = "write the page on the course: students by assignments, and their totals"
    made.add_argument("--page", action="store_true", help=text)


def run_status(options: argparse.Namespace) -> int:
    from autograder.lms.class_list import unknown_in_course
    from autograder.results.course_page import write_course_page
    from autograder.results.course_table import course_csv
    from autograder.results.standings import in_words, read_course, standings

    classes = read_course(options.course)
    found = standings(options.course, classes)
    lines = [in_words(found)]
    if options.output:
        path = course_csv(options.course, classes, options.output)
        lines.append(f"Wrote {path}")
    if options.page:
        lines.append(f"Wrote {write_course_page(options.course, classes)}")
    unknown = unknown_in_course(options.course)
    data = [asdict(each) for each in found]
    show(options, data, "\n".join([*unknown, *lines]))
    return LOOK if unknown else DONE


def add_serve(command: Command) -> None:
    """serve"""

    what = "Serve formgrader on this machine, to grade the written answers by hand."
    made = command("serve", run_serve, what, "serve --as ann")
    text = f"or the next free one (default: `port` in course.toml, or {PORT})"
    made.add_argument("--port", type=positive, metavar="N", help=text)
    text = "who grades: it is kept with the points, and only this share is listed"
    made.add_argument("--as", dest="grader", metavar="NAME", help=text)
    text = "show the students' names and ids, which are hidden from a grader"
    made.add_argument("--names", action="store_true", help=text)


def run_serve(options: argparse.Namespace) -> int:
    from autograder.serve import serve

    serve(options.course, options.port, grader=options.grader, names=options.names)
    return DONE


def add_doctor(command: Command) -> None:
    """doctor"""
    what = "Say what is installed, what works, and what is missing."
    command("doctor", run_doctor, what, "doctor")


def run_doctor(options: argparse.Namespace) -> int:
    from autograder.doctor import examine

    checks = examine(options.course)
    marks = {True: "ok  ", False: "LOOK"}
    lines = [f"{marks[check.good]} {check.name}: {check.detail}" for check in checks]
    show(options, [asdict(check) for check in checks], "\n".join(lines))
    return DONE if all(check.good for check in checks) else LOOK
