"""Take a class's submissions in: one private copy for each student.

They come as a folder, or as the zip file that Canvas or Moodle gives. Each bad item is
a line of its own and stops nothing else. Links are never followed.
"""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from autograder.archives import Found, printable
from autograder.collect.choose_file import pick
from autograder.collect.downloads import files_in, read_plainly, tops_of
from autograder.course.folder import Course, write_whole
from autograder.course.settings import settings
from autograder.course.submitted import NOTE, Note, read_note, received, store
from autograder.course.times import read_time
from autograder.lms.base import Handed, Roster
from autograder.lms.registry import kept_roster, read_roster, recognise
from autograder.model import CourseError, Submission

__all__ = ["NOTE", "Collected", "collect_class", "read_submission"]
COPY = re.compile(r"-\d+(?=\.[^.]+$)")  # Canvas adds -1 to a file handed in again
NAME_BYTES = 180  # of a file's name, before its ending
STUDENT = re.compile(r"\w[\w.@+ -]{0,127}")


@dataclass(frozen=True)
class Collected:
    """What became of one student's folder or file.

    `filename` is the file that will be graded. `problem` says why there is none, or
    what the student or the instructor should know. `received` and `late` are the LMS's.
    """

    student: str
    filename: str | None
    problem: str | None = None
    received: str | None = None
    late: bool = False


def collect_class(
    course: Course,
    name: str,
    source: Path,
    roster: Path | None = None,
    times: Path | None = None,
) -> list[Collected]:
    """Copy submissions into submitted/STUDENT/ASSIGNMENT/; return what became of each.

    `source` is a zip file as Canvas or Moodle gives it, or a folder: that zip unpacked,
    or one subfolder a student, or files STUDENT.ipynb. `roster` is the class list, and
    turns the LMS's numbers into the students' ids; a copy of it is kept for the
    export. `times` is a list with the columns `student` and `received`. A student
    without a usable file is collected too, with the reason. Collecting again replaces
    what the student had handed in before. Raises CourseError when there is nothing.
    """
    assignment = course.resolve(name)
    people = class_list(course, assignment, roster)
    clock = read_roster(times) if times is not None else people
    collector = Collector(course, assignment, people, clock)
    with tops_of(Path(source), assignment) as (tops, bad):
        strays = [Collected(name, None, problem) for name, problem in bad.items()]
        handed = recognise(tops, people.names if people else {})
        if not handed and not strays:
            raise CourseError(
                f"{source}: it holds no student's folder and no notebook."
            )
        collected = [collector.collect(each) for each in handed]
    if roster is not None:
        write_whole(kept_roster(course, assignment), people.table.to_bytes())
    return collected + strays


def class_list(course: Course, assignment: str, given: Path | None) -> Roster | None:
    """The class list that is given, or the one of the last time; None without any."""
    kept = kept_roster(course, assignment)
    if given is None and not kept.is_file():
        return None
    return read_roster(given or kept)


@dataclass
class Collector:
    """Takes in one student after another, each at most once."""

    course: Course
    assignment: str
    people: Roster | None
    clock: Roster | None

    def __post_init__(self) -> None:
        self.taken: set[str] = set()

    def collect(self, handed: Handed) -> Collected:
        """Copy the one file that will be graded; a problem is recorded in its place."""
        student, unknown = self.student_of(handed)
        if not STUDENT.fullmatch(student):
            problem = handed.problem or "its name is not usable as a student's id"
            return Collected(student, None, problem)
        if student.casefold() in self.taken:
            return Collected(
                student, None, "this student is there twice; kept the first"
            )
        self.taken.add(student.casefold())
        filename, content, problem = self.file_of(handed)
        when, unclear = self.received(student, handed)
        problems = [each for each in (problem, unknown, unclear) if each]
        note = Note(
            filename and short_enough(printable(filename)),
            "; ".join(problems) or None,
            when,
            handed.late,
            handed.lms_id,
        )
        store(self.course, self.assignment, student, note, content)
        return Collected(student, note.filename, note.problem, when, handed.late)

    def student_of(self, handed: Handed) -> tuple[str, str | None]:
        """The student's id, and what is wrong when the class list does not tell."""
        own = handed.lms_id or handed.name
        if self.people is None or (handed.problem and handed.lms_id is None):
            return own, None
        person = self.people.find(handed.lms_id, handed.name)
        if person is None:
            where = self.people.table.path.name
            return own, f"{handed.name} ({own}) is not in the class list {where}"
        return person.student, self.collected_before(own, person.student)

    def collected_before(self, own: str, student: str) -> str | None:
        """What to do when the same student was taken in under the LMS's number."""
        if own == student or not self.course.submitted(self.assignment, own).is_dir():
            return None
        place = self.course.submitted(self.assignment, own)
        return f"collected as {own} before: remove {place}"

    def file_of(self, handed: Handed) -> tuple[str | None, bytes, str | None]:
        """The name of the file to grade, its bytes, and what to say about it."""
        if handed.problem:
            return None, b"", handed.problem
        try:
            files = handed.files()
            chosen, content, problem = pick(files, self.assignment)
        except (OSError, ValueError) as error:
            return None, b"", str(getattr(error, "strerror", None) or error)
        return self.called(handed, chosen), content, problem

    def called(self, handed: Handed, chosen: Found) -> str:
        """The file's name as the student gave it.

        Canvas numbers a file that is handed in again, and a file that lies in no folder
        is called by its student: neither is the student's doing.
        """
        name = COPY.sub("", chosen.name) if handed.lms_id else chosen.name
        stem = PurePosixPath(name).stem
        if stem == self.assignment or (handed.lms_id is None and stem == handed.name):
            return f"{self.assignment}{PurePosixPath(name).suffix}"
        return chosen.name

    def received(self, student: str, handed: Handed) -> tuple[str | None, str | None]:
        """The LMS's time, or what is wrong with it."""
        person = self.clock and (
            self.clock.find(None, student)
            or self.clock.find(None, handed.lms_id or handed.name)
        )
        if not person or person.received is None:
            return None, None
        try:
            return read_time(
                person.received, settings(self.course).zone
            ).isoformat(), None
        except ValueError as error:
            return None, str(error)


def short_enough(name: str) -> str:
    """A file's name that a file system takes: 255 bytes are the most; the end stays."""
    suffix = PurePosixPath(name).suffix[:20]
    stem = name.removesuffix(suffix).encode("utf-8")[:NAME_BYTES]
    return stem.decode("utf-8", "ignore") + suffix


def read_submission(
    course: Course, assignment: str, student: str
) -> tuple[Submission, str | None]:
    """What one student handed in, and the collector's word on it.

    A folder that nbgrader or a person filled works too. A folder without a usable
    file gives empty content and the reason.
    """
    folder = course.submitted(assignment, student)
    note = read_note(course, assignment, student)
    when, _ = received(course, assignment, student)
    try:
        if note is not None and note.filename is not None:
            name = Path(note.filename).name
            content, problem = read_plainly(folder / name), note.problem
        else:
            chosen, content, problem = pick(files_in(folder), assignment)
            name = chosen.name
    except ValueError as error:
        said = (note and note.problem) or str(error)
        return Submission(student, assignment, "", b"", when), said
    return Submission(student, assignment, printable(name), content, when), problem
