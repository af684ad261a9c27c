"""What a student handed in several times: every attempt is kept, and one counts.

They lie in attempts/STUDENT/ASSIGNMENT/001, 002, ...; submitted/ holds a copy of the
one that counts, by the course file's `attempts`: the last (by default), the first, or
the best by what the tests gave, less what lateness costs.
"""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import tzinfo
from pathlib import Path
from types import MappingProxyType

from autograder.course.beside import beside_key
from autograder.course.folder import Course, write_whole
from autograder.course.settings import Settings
from autograder.course.submitted import (
    FRESH,
    Note,
    arrival,
    note_in,
    replace_folder,
    write_folder,
)
from autograder.model import Outcome, Result

RESULT = ".result.json"  # what the grader found, where the best attempt counts
WORDS = {
    "last": "the last one",
    "first": "the first one",
    "best": "the best one by the tests, less what lateness costs",
}


def attempts(course: Course, assignment: str, student: str) -> dict[int, Path]:
    """The folders of a student's attempts by their numbers, the oldest first."""
    root = course.root / "attempts" / student / assignment
    found = {int(path.name): path for path in root.glob("[0-9]*") if path.is_dir()}
    return dict(sorted(found.items()))


def keep(
    course: Course,
    assignment: str,
    student: str,
    note: Note,
    content: bytes,
    zone: tzinfo,
    beside: Mapping[str, bytes] = MappingProxyType({}),
) -> int:
    """Keep what was handed in; return the attempt's number.

    `beside` are the bytes of the note's other files by their paths. The same bytes with
    the same time are the same attempt, collected again. Where the LMS tells no time, or
    that of an attempt before, only the latest can be the same.
    """
    keep_present(course, assignment, student)
    known = attempts(course, assignment, student)
    number = same_attempt(known, note, content) or max(known, default=0) + 1
    root = course.root / "attempts" / student / assignment
    note = replace(note, attempt=number)
    write_folder(root / f"{number:03}", note, content, zone, beside)
    return number


def same_attempt(known: Mapping[int, Path], note: Note, content: bytes) -> int | None:
    """The attempt that this is; None for a new one."""
    for number, folder in reversed(known.items()):
        before = note_in(folder)
        if (
            before is None
            or content_of(folder, before) != content
            or beside_key(before.beside) != beside_key(note.beside)
        ):
            same = False
        elif (
            before.received is None
            or note.received is None
            or shares_its_time(known, number)
        ):
            same = number == max(known)
        else:
            same = before.received == note.received
        if same:
            return number
    return None


def shares_its_time(known: Mapping[int, Path], number: int) -> bool:
    """Whether an earlier attempt has the time of this one.

    A list that was downloaded before a student handed in again tells the old time.
    """
    notes = {each: note_in(known[each]) for each in known if each <= number}
    own = notes.pop(number)
    if own is None or own.received is None:
        return False
    return any(note and note.received == own.received for note in notes.values())


def content_of(folder: Path, note: Note) -> bytes:
    """The bytes of the file in an attempt's folder; none where there is no file."""
    if note.filename is None:
        return b""
    try:
        return (folder / note.filename).read_bytes()
    except OSError:
        return b""


def keep_present(course: Course, assignment: str, student: str) -> None:
    """Keep what lay in submitted/ before there were attempts."""
    before = course.submitted(assignment, student)
    if not before.is_dir() or attempts(course, assignment, student):
        return
    note = note_in(before)
    if note is None:
        return  # nbgrader or a person filled it; it is theirs
    root = course.root / "attempts" / student / assignment
    root.mkdir(parents=True, exist_ok=True)
    copy_folder(before, root / "001")


def place(course: Course, assignment: str, student: str, number: int) -> None:
    """Have submitted/ hold this attempt."""
    target = course.submitted(assignment, student)
    target.parent.mkdir(parents=True, exist_ok=True)
    copy_folder(attempts(course, assignment, student)[number], target)


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder, whole or not at all, in the place of another."""
    fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix=FRESH))
    try:
        shutil.copytree(
            source, fresh, dirs_exist_ok=True, ignore=shutil.ignore_patterns(RESULT)
        )
        replace_folder(target, fresh)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def write_result(folder: Path, result: Result) -> None:
    """Keep what the grader found in an attempt."""
    write_whole(folder / RESULT, result.to_json().encode("utf-8"))


def read_result(folder: Path) -> Result | None:
    """What the grader found in an attempt; None where it must look again."""
    try:
        found = Result.from_json((folder / RESULT).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return None if found.outcome is Outcome.FAILED else found


def has_notebook(folder: Path) -> bool:
    """Whether an attempt holds a file to grade; one that somebody else filled may."""
    note = note_in(folder)
    return note is None or note.filename is not None


def in_order(known: Mapping[int, Path], rules: Settings) -> list[int]:
    """The attempts with a notebook in the order in which they were handed in.

    By the LMS's times where it tells all of them, else as they were collected. All
    attempts, where none has a notebook.
    """
    known = {n: path for n, path in known.items() if has_notebook(path)} or known
    times = {number: arrival(path, rules.zone).time for number, path in known.items()}
    if any(time is None for time in times.values()):
        return sorted(known)
    return sorted(known, key=lambda number: (times[number], number))


def counted(
    known: Mapping[int, Path], rules: Settings, scores: Mapping[int, float]
) -> int | None:
    """The number of the attempt that counts; of equal ones the earliest.

    `scores` are those of the tests, less lateness; None while the best is not known.
    """
    order = in_order(known, rules)
    if rules.attempts == "best":
        if len(order) > 1 and not set(order) <= set(scores):
            return None
        return max(order, key=lambda number: scores.get(number, 0.0), default=None)
    return (order[0] if rules.attempts == "first" else order[-1]) if order else None


def placed(course: Course, assignment: str, student: str) -> int | None:
    """The attempt that submitted/ holds; None where somebody else filled it."""
    note = note_in(course.submitted(assignment, student))
    return note and note.attempt


def sentence(
    course: Course, assignment: str, student: str, rules: Settings
) -> str | None:
    """Which attempt counts, for the student; None for who handed in once."""
    known = attempts(course, assignment, student)
    number = placed(course, assignment, student)
    if len(known) < 2 or number not in known:
        return None
    order = in_order(known, rules)
    if number not in order:
        return None
    which = order.index(number) + 1
    times = f"You handed in {len(known)} times"
    if without := len(known) - len(order):
        times += f", {without} of them without a notebook"
    return f"{times}. Attempt {which} counts: {WORDS[rules.attempts]}."
