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
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from types import MappingProxyType

from autograder.course.beside import FOLDER, Beside, read_beside
from autograder.course.folder import Course
from autograder.course.times import read_time

NOTE = "collected.json"
TIME = "timestamp.txt"  # the file in which nbgrader looks for the time
FRESH = ".collect-"  # how a folder is called that is not in its place yet


@dataclass(frozen=True)
class Note:
    """The collector's word on one submission.

    `filename` is the file to grade; `problem` says why there is none, or what somebody
    should know. `received` is the LMS's own text for the time, which is read with the
    course's time zone of the day on which it is needed; `late` is the LMS's own mark;
    `lms_id` the student's number there, `called` what else the student is known by.
    `attempt` counts what this student handed in, from 1; `beside` are the other files.
    `download` is what the LMS called the student's own folder or file in its archive.
    """

    filename: str | None = None
    problem: str | None = None
    received: str | None = None
    late: bool = False
    lms_id: str | None = None
    called: tuple[str, ...] = ()
    attempt: int = 1
    beside: tuple[Beside, ...] = ()
    download: str | None = None


@dataclass(frozen=True)
class Arrival:
    """When something was handed in; `unclear` says why the time cannot be read.

    `late` is the LMS's mark.
    """

    time: datetime | None = None
    late: bool = False
    unclear: str | None = None


def store(
    course: Course,
    assignment: str,
    student: str,
    note: Note,
    content: bytes,
    zone: tzinfo = UTC,
) -> None:
    """Put a student's file and the note in the course, whole or not at all."""
    write_folder(course.submitted(assignment, student), note, content, zone)


def write_folder(
    target: Path,
    note: Note,
    content: bytes,
    zone: tzinfo,
    beside: Mapping[str, bytes] = MappingProxyType({}),
) -> None:
    """Write the file and the note into a folder that replaces `target`.

    `beside` are the bytes of the note's other files by their paths. nbgrader's own
    file with the time is written too, where the time can be read.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix=FRESH))
    try:
        if note.filename is not None:
            (fresh / note.filename).write_bytes(content)
        for path, data in beside.items():
            (fresh / path).parent.mkdir(exist_ok=True)
            (fresh / path).write_bytes(data)
        if note.received is not None:
            with suppress(ValueError):
                when = read_time(note.received, zone)
                (fresh / TIME).write_text(f"{when.isoformat()}\n", "utf-8")
        (fresh / NOTE).write_text(json.dumps(asdict(note)), "utf-8")
        replace_folder(target, fresh)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def replace_folder(target: Path, fresh: Path) -> None:
    """Put a whole folder in the place of another.

    Between the two renames there is none: whoever is killed there leaves the old one
    under its name inside a `.collect-` folder, and `recover` puts it back.
    """
    fresh.chmod(0o755)
    old = Path(tempfile.mkdtemp(dir=target.parent, prefix=FRESH))
    if target.exists():
        target.rename(old / target.name)
    fresh.rename(target)
    shutil.rmtree(old)


def recover(course: Course) -> None:
    """Put back what a killed collector had moved away, and remove what it left.

    A folder that it had only begun to write holds no other but `beside`.
    """
    for kind in ("submitted/*", "attempts/*/*"):
        for left in course.root.glob(f"{kind}/{FRESH}*"):
            for old in left.iterdir():
                target = left.parent / old.name
                if old.is_dir() and old.name != FOLDER and not target.exists():
                    old.rename(target)
            shutil.rmtree(left, ignore_errors=True)


def read_note(course: Course, assignment: str, student: str) -> Note | None:
    """The note; None where nbgrader or a person filled the folder."""
    return note_in(course.submitted(assignment, student))


def note_in(folder: Path) -> Note | None:
    """The note in a folder; None where there is none that can be read."""
    try:
        found = json.loads((folder / NOTE).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(found, Mapping):
        return None
    texts = ("filename", "problem", "received", "lms_id", "download")
    kept = {name: found.get(name) for name in texts}
    kept = {n: v if isinstance(v, str) else None for n, v in kept.items()}
    called = found.get("called")
    called = called if isinstance(called, list) else []
    attempt = found.get("attempt")
    return Note(
        **kept,
        late=found.get("late") is True,
        called=tuple(each for each in called if isinstance(each, str)),
        attempt=attempt if isinstance(attempt, int) else 1,
        beside=read_beside(found.get("beside")),
    )


def received(folder: Path) -> tuple[str | None, bool]:
    """The text for when a submission came in, and whether the LMS marks it as late.

    Without a note the time is the one that nbgrader's own collectors wrote.
    """
    note = note_in(folder)
    if note is not None:
        return note.received, note.late
    with suppress(OSError, ValueError):
        return (folder / TIME).read_text("utf-8").strip() or None, False
    return None, False


def arrival(folder: Path, zone: tzinfo) -> Arrival:
    """When the submission in a folder came in, read with today's time zone."""
    text, late = received(folder)
    if text is None:
        return Arrival(None, late)
    try:
        return Arrival(read_time(text, zone), late)
    except ValueError as error:
        return Arrival(None, late, str(error))
