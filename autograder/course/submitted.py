"""What the collector left in a student's folder: the file, and the note on it.

Times and late marks come from the learning management system alone: the collector
writes them into the note, and never copies a file that could pass for it.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from autograder.course.folder import Course

NOTE = "collected.json"
TIME = "timestamp.txt"  # the file in which nbgrader looks for the time


@dataclass(frozen=True)
class Note:
    """The collector's word on one submission.

    `filename` is the file to grade; `problem` says why there is none, or what somebody
    should know. `received` is the LMS's time, ISO 8601 with its offset; `late` is the
    LMS's own mark; `lms_id` the student's number there.
    """

    filename: str | None = None
    problem: str | None = None
    received: str | None = None
    late: bool = False
    lms_id: str | None = None


def store(
    course: Course, assignment: str, student: str, note: Note, content: bytes
) -> None:
    """Put a student's file and the note in the course, whole or not at all."""
    target = course.submitted(assignment, student)
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix=".collect-"))
    try:
        if note.filename is not None:
            (fresh / note.filename).write_bytes(content)
        if note.received is not None:
            (fresh / TIME).write_text(f"{note.received}\n", "utf-8")
        (fresh / NOTE).write_text(json.dumps(asdict(note)), "utf-8")
        fresh.chmod(0o755)
        old = Path(tempfile.mkdtemp(dir=target.parent, prefix=".collect-"))
        if target.exists():
            target.rename(old / "old")
        fresh.rename(target)
        shutil.rmtree(old)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def read_note(course: Course, assignment: str, student: str) -> Note | None:
    """The note; None where nbgrader or a person filled the folder."""
    path = course.submitted(assignment, student) / NOTE
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(found, Mapping):
        return None
    kinds = {"filename": str, "problem": str, "received": str, "lms_id": str}
    kept = {name: found.get(name) for name in kinds}
    kept = {n: v if isinstance(v, kinds[n]) else None for n, v in kept.items()}
    return Note(**kept, late=found.get("late") is True)


def received(course: Course, assignment: str, student: str) -> tuple[str | None, bool]:
    """When a submission came in, and whether the LMS marks it as late.

    Without a note the time is the one that nbgrader's own collectors wrote.
    """
    note = read_note(course, assignment, student)
    if note is not None:
        return note.received, note.late
    with suppress(OSError, ValueError):
        path = course.submitted(assignment, student) / TIME
        return path.read_text("utf-8").strip() or None, False
    return None, False
