"""Delete all that a course holds of one student, on request.

It may be stopped anywhere: what names the student to us goes last, and the same command
continues.
"""

import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from sqlalchemy import make_url

from autograder.course.folder import Course, alone, write_whole
from autograder.course.settings import NAME as COURSE_FILE
from autograder.lms.registry import read_roster
from autograder.model import CourseError
from autograder.upkeep.course_file import without
from autograder.upkeep.one_student import (
    GRADEBOOK,
    Identity,
    Places,
    files_in,
    names_them,
    places_of,
    rows_in,
)


def delete_student(course: Course, text: str) -> tuple[Places, list[Path]]:
    """Delete a student; return what was there, and the files that still name them.

    Reports that name them among others are deleted too: they can be written anew.
    What stands in other students' work is left, and returned. Raises CourseError where
    nobody is called so, or another command is at work.
    """
    with alone(course):
        places = places_of(course, text)
        for path in (*places.own, *places.reports):
            remove(path)
        remove_entries(course, places)
        with suppress(ValueError):  # then it is among the files that still name them
            leave_course_file(course, places)
        for path in places.rows:
            remove_rows(path, places.who)
        left = [path for path in files_in(course.root) if names_them(path, places.who)]
    return places, left


def remove(path: Path) -> None:
    """Remove a file, or a folder with all in it, and the folder around it if empty."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_entries(course: Course, places: Places) -> None:
    """Remove a student from the gradebook, and the traces in its file."""
    if places.entries:
        with course.gradebook() as gradebook:
            for student in places.entries:
                gradebook.remove_student(student)
    path = course.root / GRADEBOOK
    if path.is_file() and make_url(course.url).database == str(path):
        try:
            with closing(sqlite3.connect(path)) as database:
                database.execute("VACUUM")
        except sqlite3.Error as error:
            raise CourseError(
                f"{path}: the rows are deleted, and what is left of them in the file "
                f"is not: {error}. End formgrader, and say it again."
            ) from error


def leave_course_file(course: Course, places: Places) -> None:
    """Take the student out of course.toml; ValueError where only a person can."""
    path = course.root / COURSE_FILE
    if places.settings:
        text = without(path.read_bytes().decode("utf-8"), places.who.known)
        write_whole(path, text.encode("utf-8"))


def remove_rows(path: Path, who: Identity) -> None:
    """Write a class list without the student's rows."""
    table, gone = read_roster(path).table, rows_in(path, who)
    rows = [row for number, row in enumerate(table.rows) if number not in gone]
    write_whole(path, replace(table, rows=rows).to_bytes())
