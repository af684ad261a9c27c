"""The commands that keep a course: back up, restore, and one student's data."""

import argparse
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.cli.frame import DONE, LOOK, Command, asked, show
from autograder.course.folder import Course
from autograder.model import CourseError

if TYPE_CHECKING:
    from autograder.upkeep.one_student import Places

OUTSIDE = (
    "Backups, and what was written outside the course with -o, are not touched: see to "
    "them yourself."
)


def add_backup(command: Command) -> None:
    """backup"""
    what = (
        "Write the whole course as one file: gradebook, submissions, releases, secret."
    )
    made = command("backup", run_backup, what, "backup -o course.zip")
    text = "outside the course (default: COURSE-DATE.zip in this folder)"
    made.add_argument("-o", "--output", type=Path, metavar="FILE", help=text)


def run_backup(options: argparse.Namespace) -> int:
    from autograder.upkeep.backup import back_up

    course = options.course
    path = options.output or Path(f"{course.root.name}-{date.today()}.zip")
    done = back_up(course, path, progress=not options.json)
    size = f"{done.path.stat().st_size / 1e6:.1f} MB"
    lines = [*done.problems, f"Wrote {done.files} files into {done.path}, {size}."]
    lines.append(
        "It holds grades, hidden tests and the course's secret: keep it to yourself."
    )
    data = {"path": str(done.path), "files": done.files, "problems": done.problems}
    show(options, data, "\n".join(lines))
    return LOOK if done.problems else DONE


def add_restore(command: Command) -> None:
    """restore BACKUP --into DIR"""
    what = "Make a course again out of the file that `backup` wrote, checked."
    made = command("restore", run_restore, what, "restore course.zip --into course")
    made.add_argument("backup", type=Path, help="the file")
    text = "a new or an empty folder"
    made.add_argument("--into", type=Path, required=True, metavar="DIR", help=text)


def run_restore(options: argparse.Namespace) -> int:
    from autograder.upkeep.restore import restore

    course, contents = restore(options.backup, options.into, options.db)
    lines = [
        f"Restored {len(contents.files)} files into {course.root}, as they were on "
        f"{contents.made:%Y-%m-%d at %H:%M} UTC.",
        f"Go on with: autograder status --course {options.into}",
    ]
    away = not (options.db or (course.root / "gradebook.db").exists())
    if options.db:
        lines.append("The gradebook is in the database that --db names.")
    elif away:
        lines.append("The backup holds no gradebook: restore it on its server.")
    show(
        options,
        {"course": str(course.root), "files": len(contents.files)},
        "\n".join(lines),
    )
    return LOOK if away else DONE


def add_student(command: Command) -> None:
    """student ID"""
    what = "Say what the course holds of one student, and delete it on request."
    made = command("student", run_student, what, "student ada@example.org")
    text = "an id, an address, a number in the LMS, or a full name"
    made.add_argument("student", help=text)
    text = "delete all of it, after a question"
    made.add_argument("--delete", action="store_true", help=text)
    made.add_argument("--yes", action="store_true", help="delete without a question")


def run_student(options: argparse.Namespace) -> int:
    from autograder.upkeep.delete_student import delete_student
    from autograder.upkeep.one_student import places_of

    course, name = options.course, options.student
    places = places_of(course, name)
    told = in_words(course, places)
    if not options.delete:
        show(options, as_data(course, places), "\n".join(told))
        return DONE
    if not options.yes:
        print("\n".join(told), flush=True)
        if not asked("Delete all of this, for good?"):
            raise CourseError(f"{name}: nothing was deleted: answer y, or say --yes.")
    places, left = delete_student(course, name)
    names = short(course, left)
    ids = ", ".join(places.who.ids)
    lines = [*(told if options.yes else []), f"Deleted what the course held of {ids}."]
    if names:
        lines.append(f"Still named in these, which are yours to look at: {names}")
    lines.append(OUTSIDE)
    data = as_data(course, places) | {"left": [str(path) for path in left]}
    show(options, data, "\n".join(lines))
    return LOOK if left else DONE


def in_words(course: Course, places: "Places") -> list[str]:
    """What was found, a line for each place."""
    who = places.who
    more = ", ".join((*who.names, *who.called))
    lines = [f"{', '.join(who.ids)}{f' ({more})' if more else ''}"]
    for path in places.own:
        below = [path] if path.is_file() else path.rglob("*")
        sizes = [each.stat().st_size for each in below if each.is_file()]
        files = f"{counted(len(sizes), 'file')}, {sum(sizes) / 1e3:.0f} kB"
        lines.append(f"  {path.relative_to(course.root)}: {files}")
    for held in places.entries.values():
        counts = (counted(number, name[:-1]) for name, number in vars(held).items())
        lines.append(f"  gradebook: {', '.join(counts)}")
    lines += [
        f"  {path.relative_to(course.root)}: {counted(number, 'row')}"
        for path, number in places.rows.items()
    ]
    lines += [f"  course.toml: {where}" for where in places.settings]
    lines += [
        f"  {path.relative_to(course.root)}: names them; can be written anew"
        for path in places.reports
    ]
    if places.elsewhere:
        lines.append(f"  named in, and not theirs: {short(course, places.elsewhere)}")
    return lines


def counted(number: int, what: str) -> str:
    """So many of something."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def short(course: Course, paths: Iterable[Path], most: int = 10) -> str:
    """Some paths in the course, in words."""
    names = [str(path.relative_to(course.root)) for path in paths]
    more = [f"and {len(names) - most} more"] if len(names) > most else []
    return ", ".join([*names[:most], *more])


def as_data(course: Course, places: "Places") -> dict[str, object]:
    """What was found, for a machine."""
    return {
        "ids": places.who.ids,
        "called": places.who.called,
        "names": places.who.names,
        "own": [str(path) for path in places.own],
        "gradebook": {s: vars(held) for s, held in places.entries.items()},
        "rosters": {str(path): number for path, number in places.rows.items()},
        "course_file": places.settings,
        "reports": [str(path) for path in places.reports],
        "elsewhere": [str(path) for path in places.elsewhere],
    }
