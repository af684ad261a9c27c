"""The command line: parse, call one function, print, return a status.

0 is done, 1 is done with something the person must look at, 2 could not.
"""

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from autograder.cli import grading, lms, making, marking, upkeep
from autograder.cli.frame import COULD_NOT
from autograder.course.folder import Course
from autograder.course.trouble import of_the_machine
from autograder.model import CourseError
from autograder.processes import import_less

# Commands that take no assignment.
OF_THE_COURSE = ("doctor", "serve", "status", "backup", "restore", "student")
OF_THE_COURSE += ("new-course", "new-assignment")
AGAIN = "what was finished is kept; the same command continues"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its status."""
    import_less()
    options = parser().parse_args(arguments)
    if options.db:
        options.course = replace(options.course, db_url=options.db)
    try:
        with told_to_stop():
            return options.run(options)
    except CourseError as error:
        print(f"autograder: {error}", file=sys.stderr)
    except KeyboardInterrupt as stop:
        by = f" by {stop.args[0]}" if stop.args else ""
        print(f"autograder: stopped{by}: {AGAIN}.", file=sys.stderr)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output, such as `head`, has gone
    except Exception as error:
        what = of_the_machine(error)
        if what is None:
            raise
        print(f"autograder: {what}: {AGAIN}.", file=sys.stderr)
    return COULD_NOT


@contextmanager
def told_to_stop() -> Iterator[None]:
    """Take SIGTERM and SIGHUP for what Ctrl-C is; `nohup` keeps SIGHUP away."""

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
        made.add_argument(
            "--db",
            metavar="URL",
            help="the gradebook's server, such as postgresql://user@host/name; kept by "
            "`release` in nbgrader_config.py (default: a file in the course folder)",
        )
        if name not in OF_THE_COURSE:
            made.add_argument("assignment", help="A1, a1, or its full name")
        return made

    making.add_new_course(command)
    making.add_new_assignment(command)
    making.add_release(command)
    lms.add_collect(command)
    grading.add_grade(command)
    marking.add_marking(command)
    grading.add_pages(command)
    lms.add_export(command)
    lms.add_return(command)
    making.add_demo(command)
    making.add_demo_class(command)
    grading.add_status(command)
    grading.add_serve(command)
    upkeep.add_backup(command)
    upkeep.add_restore(command)
    upkeep.add_student(command)
    grading.add_doctor(command)
    return top
