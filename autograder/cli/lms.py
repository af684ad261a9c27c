"""The commands that talk with an LMS: collect, export and return."""

import argparse
from dataclasses import asdict
from pathlib import Path

from autograder.cli.frame import DONE, LOOK, Command, asked, assignment_of, show
from autograder.course.folder import Course
from autograder.lms.registry import GIVE_BACK, TAKE_BACK
from autograder.model import CourseError
from autograder.results.summary import beside_in_words


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
    made.add_argument(
        "--groups",
        type=Path,
        metavar="CSV",
        help="who hands in together: a list with the columns “student” and “group”, or "
        "Canvas's of a group set; each submission counts for the whole team",
    )
    text = "take files that are called as another assignment's without asking"
    made.add_argument("--anyway", action="store_true", help=text)


def run_collect(options: argparse.Namespace) -> int:
    from autograder.collect.collect import collect_class
    from autograder.lms.class_list import absent, class_list, unknown_names
    from autograder.lms.groups import of_a_group

    items = collect_class(
        options.course,
        options.assignment,
        options.source,
        options.roster,
        options.times,
        options.groups,
        (lambda question: True) if options.anyway else asked,
    )
    course, assignment = options.course, assignment_of(options)
    problems = [item for item in items if item.problem]
    unknown = unknown_names(course, assignment)
    lines = [f"{item.student}: {item.problem}" for item in problems] + unknown
    lines += [
        f"{item.student}: {line}"
        for item in items
        if (line := beside_in_words([asdict(file) for file in item.beside]))
    ]
    good = sum(item.filename is not None for item in items)
    late = sum(item.late for item in items)
    marked = f" {late} are marked as late." if late else ""
    lines.append(f"Collected {good} of {len(items)} submissions.{marked}")
    if missing := absent(course, assignment):
        lines.append(f"Handed nothing in: {', '.join(missing)}")
    people = class_list(course, assignment)
    if options.groups is None and (line := of_a_group(people, missing)):
        lines.append(line)
    show(options, [asdict(item) for item in items], "\n".join(lines))
    return LOOK if problems or unknown else DONE


def must_know_names(course: Course, assignment: str) -> None:
    """CourseError where the course file names a student who is not in the class.

    An extension under a misspelt id would be charged as late.
    """
    from autograder.lms.class_list import unknown_names

    if unknown := unknown_names(course, assignment):
        raise CourseError(f"{'; '.join(unknown)}.")


def add_export(command: Command) -> None:
    """export ASSIGNMENT"""
    what = "Write the scores as the file that an LMS imports, or as a plain CSV file."
    made = command("export", run_export, what, "export A1 --to moodle -o grades.csv")
    made.add_argument(
        "--to",
        choices=("csv", *TAKE_BACK, "nbgrader"),
        default="csv",
        help="a plain CSV file (default), the LMS's own class list with the scores in "
        "it, or what nbgrader's exporter writes",
    )
    made.add_argument("-o", "--output", type=Path, metavar="FILE")
    made.add_argument(
        "--roster",
        type=Path,
        metavar="CSV",
        help="the class list to fill in (default: the one given to collect)",
    )
    made.add_argument(
        "--column", metavar="TITLE", help="Canvas's column, when it is not plain which"
    )
    made.add_argument(
        "--scale",
        action="store_true",
        help="turn the scores into the LMS's maximum where it differs",
    )
    text = "send the points so far of those who wait for a person, and name them"
    made.add_argument("--partial", action="store_true", help=text)
    text = "give 0 to who handed nothing in, is not excused, and was due to"
    made.add_argument("--zeros", action="store_true", help=text)
    made.add_argument(
        "--exporter", metavar="CLASS", help="another exporter of nbgrader's kind"
    )


def run_export(options: argparse.Namespace) -> int:
    assignment = assignment_of(options)
    must_know_names(options.course, assignment)
    reports = options.course.root / "reports"
    path = options.output or reports / file_name(assignment, options.to)
    if options.to in TAKE_BACK:
        return run_send_back(options, assignment, path)
    from autograder.results.csv_export import export_csv, export_with_nbgrader
    from autograder.results.no_shows import no_shows
    from autograder.results.send_back import unsettled

    told: list[str] = []
    if options.to == "nbgrader":
        export_with_nbgrader(options.course, assignment, path, options.exporter)
    else:
        zeros = no_shows(options.course, assignment) if options.zeros else []
        export_csv(options.course, assignment, path, zeros)
        told += [f"Handed nothing in, got 0: {', '.join(zeros)}"] if zeros else []
    problems = unsettled(options.course, assignment)
    data = {"csv": str(path), "problems": problems}
    show(options, data, "\n".join([*problems, *told, f"Wrote {path}"]))
    return LOOK if problems else DONE


def run_send_back(options: argparse.Namespace, assignment: str, path: Path) -> int:
    """Fill the LMS's class list in."""
    from autograder.results.send_back import send_back

    sent = send_back(
        options.course,
        assignment,
        path,
        options.to,
        options.roster,
        options.column,
        options.scale,
        options.partial,
        options.zeros,
    )
    lines = list(sent.problems)
    for what, students in (
        ("Handed nothing in, left as they were", sent.absent),
        ("Handed nothing in, got 0", sent.zeros),
        ("Excused", sent.excused),
    ):
        lines += [f"{what}: {', '.join(students)}"] if students else []
    where = ", ".join(map(str, sent.paths))
    lines.append(f"Wrote {sent.written} scores into {where}")
    data = asdict(sent) | {"path": str(path), "paths": [str(p) for p in sent.paths]}
    show(options, data, "\n".join(lines))
    return LOOK if sent.problems else DONE


def file_name(assignment: str, to: str) -> str:
    """How the file is called when nobody says so."""
    return f"{assignment}.csv" if to == "csv" else f"{assignment}-{to}.csv"


def add_return(command: Command) -> None:
    """return ASSIGNMENT"""
    what = "Give the feedback pages back, as an LMS takes them or in a folder."
    made = command("return", run_return, what, "return A1 --to moodle -o feedback.zip")
    text = "Moodle's feedback files, Canvas's submission comments, or a page a student"
    places = (*GIVE_BACK, "folder")
    made.add_argument("--to", choices=places, required=True, help=text)
    made.add_argument("-o", "--output", type=Path, metavar="PATH")
    text = "Moodle's grading worksheet, where the class was not collected from Moodle"
    made.add_argument("--roster", type=Path, metavar="CSV", help=text)


def run_return(options: argparse.Namespace) -> int:
    from autograder.results.return_pages import return_pages

    assignment = assignment_of(options)
    name = f"{assignment}-feedback-{options.to}"
    name += "" if options.to == "folder" else ".zip"
    path = options.output or options.course.root / "reports" / name
    given = return_pages(options.course, assignment, options.to, path, options.roster)
    lines = list(given.problems)
    if given.absent:
        lines.append(f"Handed nothing in: {', '.join(given.absent)}")
    pages = "1 page" if given.pages == 1 else f"{given.pages} pages"
    lines.append(f"Wrote {pages} into {path}")
    show(options, asdict(given) | {"path": str(path)}, "\n".join(lines))
    return LOOK if given.problems else DONE
