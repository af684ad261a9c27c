"""Take a folder of submissions in: one private copy for each student.

Each bad item is a line of its own and stops nothing else. Links are never followed.
"""

import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from autograder.course import Course
from autograder.model import CourseError, Submission
from autograder.notebook_file import MAX_BYTES

NOTE = "collected.json"
STUDENT = re.compile(r"\w[\w.@+ -]{0,127}")
MAX_FILES = 200  # looked at in one student's folder
MAX_DEPTH = 3
JUNK = ("__MACOSX", "timestamp.txt", "Thumbs.db", "desktop.ini", NOTE)


@dataclass(frozen=True)
class Collected:
    """What became of one student's folder or file.

    `filename` is the file that will be graded. `problem` says why there is none, or
    what the student or the instructor should know.
    """

    student: str
    filename: str | None
    problem: str | None = None


def collect(course: Course, name: str, folder: Path) -> list[Collected]:
    """Copy submissions into submitted/STUDENT/ASSIGNMENT/; return what became of each.

    `folder` holds one subfolder a student, or files STUDENT.ipynb, or both. A student
    whose folder holds no usable file is collected too, with the reason. Collecting
    again replaces what the student had handed in before.
    Raises CourseError when `folder` is no folder or holds nothing.
    """
    assignment = course.resolve(name)
    folder = Path(folder)
    if not folder.is_dir():
        raise CourseError(f"{folder}: a folder of submissions was expected.")
    collected: list[Collected] = []
    taken: set[str] = set()
    for student, path in items(folder):
        if not STUDENT.fullmatch(student):
            item = Collected(student, None, "its name is not usable as a student's id")
        elif student.lower() in taken:
            item = Collected(
                student, None, "this student is there twice; kept the first"
            )
        else:
            taken.add(student.lower())
            item = collect_one(course, assignment, student, path)
        collected.append(item)
    if not collected:
        raise CourseError(f"{folder}: it holds no student's folder and no notebook.")
    return collected


def items(folder: Path) -> Iterator[tuple[str, Path]]:
    """(student, path) for each subfolder and each file that is not hidden."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in JUNK:
            continue
        is_folder = path.is_dir() and not path.is_symlink()
        yield printable(path.name if is_folder else path.stem), path


def collect_one(course: Course, assignment: str, student: str, path: Path) -> Collected:
    """Copy the one file that will be graded; a problem is recorded in its place."""
    filename, content = None, b""
    try:
        is_folder = is_plain_folder(path)
        candidates = files_in(path) if is_folder else [path]
        chosen, content, problem = pick(candidates, assignment)
        filename = chosen.name if is_folder else f"{assignment}{chosen.suffix}"
    except (OSError, ValueError) as error:
        problem = str(getattr(error, "strerror", None) or error)
    item = Collected(student, filename and printable(filename), problem)
    store(course, assignment, item, content)
    return item


def printable(name: str) -> str:
    """A file's name in UTF-8, whatever bytes it was made of."""
    return name.encode("utf-8", "replace").decode("utf-8")


def is_plain_folder(path: Path) -> bool:
    """Whether this is a folder, and not a link to one."""
    return stat.S_ISDIR(path.lstat().st_mode)


def files_in(folder: Path) -> list[Path]:
    """What lies in a student's folder and is no folder; hidden files left out."""
    found: list[Path] = []
    for place, folders, names in os.walk(folder, followlinks=False):
        depth = len(Path(place).relative_to(folder).parts)
        folders[:] = sorted(
            name
            for name in folders
            if depth < MAX_DEPTH and not name.startswith(".") and name not in JUNK
        )
        # A folder that is called like a notebook, or a link to a folder, is no file.
        found += [
            Path(place, name)
            for name in [*sorted(names), *(n for n in folders if n.endswith(".ipynb"))]
            if not name.startswith(".") and name not in JUNK
        ]
        if len(found) > MAX_FILES:
            raise ValueError(f"more than {MAX_FILES} files were handed in")
    return found


def pick(candidates: list[Path], assignment: str) -> tuple[Path, bytes, str | None]:
    """The file to grade, its bytes, and what to say when others were there too.

    The handed-out name wins over a similar one, and any notebook over any other file.
    Raises ValueError, in words for the student, when there is nothing to read.
    """
    if not candidates:
        raise ValueError("the folder is empty: no file was handed in")
    notebooks = [path for path in candidates if path.suffix.lower() == ".ipynb"]
    short = assignment.split("_")[0].lower()
    ranked = sorted(
        notebooks or candidates,
        key=lambda path: (
            path.stem != assignment,
            not path.stem.lower().startswith(short),
            len(path.parts),
            path.name,
        ),
    )
    problems = []
    for path in ranked:
        try:
            content = read_plainly(path)
        except ValueError as error:
            problems.append(str(error))
            continue
        if len(notebooks) > 1:
            shown = f"'{printable(path.name)}' was graded"
            problems.append(f"{len(notebooks)} notebooks were handed in; {shown}.")
        return path, content, "; ".join(problems) or None
    raise ValueError(problems[0])


def read_plainly(path: Path) -> bytes:
    """The bytes of a regular file; ValueError for links, pipes, folders, huge files."""
    name = printable(path.name)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if path.is_symlink():
            raise ValueError(f"'{name}' is a link, not a file") from error
        raise ValueError(f"'{name}' cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ValueError(f"'{name}' is not a file")
    with os.fdopen(handle, "rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"'{name}' is larger than {MAX_BYTES / 1e6:.0f} MB")
    return content


def store(course: Course, assignment: str, item: Collected, content: bytes) -> None:
    """Put a student's file in the course, whole or not at all."""
    target = course.submitted(assignment, item.student)
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix=".collect-"))
    try:
        if item.filename is not None:
            (fresh / item.filename).write_bytes(content)
        note = {"filename": item.filename, "problem": item.problem}
        (fresh / NOTE).write_text(json.dumps(note), "utf-8")
        fresh.chmod(0o755)
        old = Path(tempfile.mkdtemp(dir=target.parent, prefix=".collect-"))
        if target.exists():
            target.rename(old / "old")
        fresh.rename(target)
        shutil.rmtree(old)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def read_submission(
    course: Course, assignment: str, student: str
) -> tuple[Submission, str | None]:
    """What one student handed in, and the collector's word on it.

    A folder that nbgrader or a person filled works too. A folder without a usable
    file gives empty content and the reason.
    """
    folder = course.submitted(assignment, student)
    note = {"filename": None, "problem": None}
    received = None
    with suppress(OSError, ValueError, TypeError):
        note |= json.loads((folder / NOTE).read_text("utf-8"))
    with suppress(OSError, ValueError):  # nbgrader's own collectors write this file
        received = (folder / "timestamp.txt").read_text("utf-8").strip() or None
    problem = note["problem"]
    try:
        if note["filename"] is not None:
            path = folder / Path(str(note["filename"])).name
            content = read_plainly(path)
        else:
            path, content, problem = pick(files_in(folder), assignment)
    except ValueError as error:
        said = note["problem"] or str(error)
        return Submission(student, assignment, "", b"", received), said
    name = printable(path.name)
    return Submission(student, assignment, name, content, received), problem
