"""The command for what people grade: shares of several graders, and tables."""

import argparse
from dataclasses import asdict
from pathlib import Path

from autograder.cli.frame import DONE, LOOK, Command, assignment_of, show
from autograder.model import CourseError


def add_marking(command: Command) -> None:
    """marking ASSIGNMENT"""
    what = (
        "Say how far the written answers are, deal them out among graders, write them "
        "out for those who grade elsewhere, and read the points back."
    )
    made = command("marking", run_marking, what, "marking A1 --graders ann,ben")
    text = "deal out what waits and is nobody's share yet; shares that they have stay"
    made.add_argument("--graders", metavar="NAMES", help=text)
    text = "this grader: only the share is written, and the name is kept with points"
    made.add_argument("--as", dest="grader", metavar="NAME", help=text)
    text = "write answers.csv, to be filled in, and each answer into this folder"
    made.add_argument("-o", "--output", type=Path, metavar="DIR", help=text)
    text = "write the students' ids too, which are hidden from a grader"
    made.add_argument("--names", action="store_true", help=text)
    text = "enter the points and comments of such a table, as far as they can be right"
    made.add_argument("--read", type=Path, metavar="CSV", help=text)


def run_marking(options: argparse.Namespace) -> int:
    from autograder.assignment.cache import released_exam
    from autograder.marking.answers import written
    from autograder.marking.csv_in import ReadIn, read_in
    from autograder.marking.csv_out import write_out
    from autograder.marking.dealing import deal, share_table

    course, assignment = options.course, assignment_of(options)
    must_be_one(options)
    lines, done, path = [], ReadIn(), None
    if options.graders is not None:
        names = [name.strip() for name in options.graders.split(",")]
        deal(course, assignment, names)
    elif options.read:
        done = read_in(course, assignment, options.read, options.grader)
        lines += done.problems
        count = "1 answer" if done.written == 1 else f"{done.written} answers"
        as_before = f"{done.same} are as they were, {done.blank} have no points yet."
        lines.append(f"Entered {count}; {as_before}")
    found = written(course, assignment)
    shares = share_table(found)
    if options.output:
        mine = [a for a in found if options.grader in (None, a.grader)]
        if options.grader and not mine:
            raise CourseError(f"{options.grader}: no share of {assignment} is theirs.")
        exam = released_exam(course, assignment)
        path = write_out(course, exam, mine, options.output, names=options.names)
        lines.append(f"Wrote {len(mine)} answers and {path}")
    else:
        lines += in_words(shares)
    data = asdict(done) | {"shares": list(map(asdict, shares))}
    show(options, data | {"csv": path and str(path)}, "\n".join(lines))
    return LOOK if done.problems else DONE


def must_be_one(options: argparse.Namespace) -> None:
    """CourseError where two things are asked for at once."""
    asked = {"--graders": options.graders, "-o": options.output, "--read": options.read}
    asked = [name for name, value in asked.items() if value is not None]
    if len(asked) > 1:
        raise CourseError(f"one of {', '.join(asked)} was expected, not all at once.")


def in_words(shares: list) -> list[str]:
    """The shares for a person to read."""
    width = max([len("nobody's"), *(len(each.grader or "") for each in shares)])
    lines = [f"{'grader':{width}}  students  waiting"]
    for each in shares:
        start = f"  autograder serve --as {each.grader}" if each.grader else ""
        name = each.grader or "nobody's"
        lines.append(f"{name:{width}}  {each.students:>8}  {each.waiting:>7}{start}")
    return lines if shares else ["No written answer waits, and none was graded."]
