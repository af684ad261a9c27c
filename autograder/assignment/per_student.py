"""A number for each student, so that everybody has data of his own.

An assignment asks for it by one locked given cell with the metadata
`autograder: {per_student: true}` and the line `student_seed = 0` in it. The number is
an HMAC of the assignment and the student's id under the course's secret: nobody can
guess another's, and nothing need be kept. When a submission is graded the number is
worked out again from the id, so a notebook that was another student's is judged with
the number of the student who handed it in.
"""

import hashlib
import hmac
import json
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from autograder.assignment.cells import grade_id, is_seed_cell, seeded
from autograder.assignment.exam import Exam
from autograder.assignment.files import unpacked, write_files
from autograder.course.folder import Course, write_whole
from autograder.model import CourseError

SECRET = ".secret"
SECRET_BYTES = 32
NUMBER = re.compile(r"^(student_seed\s*=\s*)\d+", re.MULTILINE)


def seed_cell(exam: Exam) -> Mapping[str, Any] | None:
    """The cell that holds the student's number; None in an ordinary assignment.

    Raises CourseError when such a cell could not do its work.
    """
    asking = [
        cell
        for cell in exam.cells
        if (cell["metadata"].get("autograder") or {}).get("per_student")
    ]
    if not asking:
        return None
    cell = asking[0]
    name = grade_id(cell) or cell["source"].split("\n")[0]
    if len(asking) > 1:
        raise CourseError(f"{exam.assignment}: two cells ask to be per_student.")
    if not is_seed_cell(cell):
        raise CourseError(
            f"{exam.assignment}: the cell '{name}' is per_student, so it must be a "
            "given code cell with a grade_id: grade and solution false, locked true."
        )
    if seeded(cell["source"], 1) == seeded(cell["source"], 2):
        raise CourseError(
            f"{exam.assignment}: the cell '{name}' is per_student, so it needs the "
            "line “student_seed = 0”."
        )
    return cell


def seed_for(course: Course, exam: Exam, student: str, seed: int) -> int:
    """The seed of one student's run: `seed`, or in such an assignment the number."""
    return seed if seed_cell(exam) is None else number_of(course, exam, student)


def number_of(course: Course, exam: Exam, student: str) -> int:
    """One student's number for one assignment, from 0 to 2**31 - 1."""
    text = json.dumps([exam.assignment, student])
    digest = hmac.new(course_secret(course), text.encode("utf-8"), hashlib.sha256)
    return int.from_bytes(digest.digest()[:4], "big") % 2**31


def release_to_each(course: Course, exam: Exam, students: Iterable[str]) -> list[Path]:
    """Write personal/ASSIGNMENT/STUDENT/ASSIGNMENT.ipynb for each; return the paths.

    Raises CourseError when the assignment is the same for everybody.
    """
    if seed_cell(exam) is None:
        raise CourseError(
            f"{exam.assignment} is the same for everybody: no cell is per_student."
        )
    released = course.release(exam.assignment).read_text("utf-8")
    paths = []
    for student in students:
        folder = course.root / "personal" / exam.assignment / student
        paths.append(folder / f"{exam.assignment}.ipynb")
        write_files(unpacked(exam.files), folder)
        number = number_of(course, exam, student)
        write_whole(paths[-1], with_number(released, number).encode("utf-8"))
    return paths


def with_number(notebook: str, number: int) -> str:
    """A released notebook (JSON text) with one student's number in it."""
    found = json.loads(notebook)
    for cell in found["cells"]:
        if is_seed_cell(cell):
            lines = seeded("".join(cell["source"]), number).splitlines(keepends=True)
            cell["source"] = lines
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def differ_by_number(one: str, other: str) -> bool:
    """Whether two sources are the same but for the student's number."""
    return NUMBER.sub(r"\g<1>0", one) == NUMBER.sub(r"\g<1>0", other)


def course_secret(course: Course) -> bytes:
    """The course's secret, made when it is first needed; its file is its owner's alone.

    Raises CourseError when others can read the file, or it is not what was written.
    """
    path = course.root / SECRET
    if not path.exists():
        make_secret(path)
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(handle, "rb") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise CourseError(f"{path}: others can read it; run: chmod 600 {path}")
        text = file.read(4 * SECRET_BYTES)
    try:
        secret = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise CourseError(
            f"{path}: not the secret that the release wrote. Put it back from a copy: "
            "with another one, every student has another number."
        )
    return secret


def make_secret(path: Path) -> None:
    """Write a new secret, whole, unless another process was faster."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=f"{SECRET}.")  # mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(SECRET_BYTES))
        with suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        os.unlink(fresh)
