"""Take a class's submissions in: one private copy for each student.

They come as a folder, or as the zip file that Canvas or Moodle gives. Each bad item is
a line of its own and stops nothing else. Links are never followed. Every attempt is
kept; which one counts is a setting.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from autograder.archives import Found, printable
from autograder.assignment.files import beside as handed_out_files
from autograder.collect.choose_file import Picked, Reader, pick
from autograder.collect.downloads import tops_of
from autograder.collect.keep_beside import beside
from autograder.collect.other_assignment import must_be_of
from autograder.collect.read_back import reader
from autograder.course.attempts import (
    attempts,
    counted,
    has_notebook,
    keep,
    place,
    placed,
    shares_its_time,
)
from autograder.course.beside import FOLDER, Beside, short_name
from autograder.course.folder import Course, alone
from autograder.course.settings import Settings, settings
from autograder.course.submitted import Note, recover
from autograder.course.times import read_time
from autograder.course.trouble import is_of_the_disk
from autograder.lms.base import Handed, Person, agree
from autograder.lms.class_list import ClassList, class_list, keep_roster
from autograder.lms.groups import Groups, groups_of
from autograder.lms.moodle import NO_GROUP
from autograder.lms.registry import read_roster, recognise
from autograder.model import CourseError

COPY = re.compile(r"-\d+(?=\.[^.]+$)")  # Canvas adds -1 to a file handed in again
ID_BYTES = 200  # of a student's id, which is a folder's name and part of files'
NAME_BYTES = 180  # of a file's name, before its ending
DRAFT = "a draft, which the student has not submitted; not collected"
NO_TIME = (
    "the class list tells no time for it, and it counts as in time: if it was handed "
    "in after you downloaded the list, download that again"
)
OLD_TIME = (
    "handed in anew, and the time told is that of the attempt before: if the list is "
    "older than this attempt, download it again, or lateness is not seen"
)
NOTEBOOK_BEFORE = "the notebook of another attempt counts, with the files of this one"
NOBODY = "the list of times has a row for it, and nobody is called so"
STUDENT = re.compile(r"\w[\w.@+ -]{0,127}")


@dataclass(frozen=True)
class Collected:
    """What became of one student's folder or file.

    `filename` is the file that will be graded, `beside` are the others. `problem` says
    why there is none, or what the student or the instructor should know. `received` and
    `late` are the LMS's.
    """

    student: str
    filename: str | None
    problem: str | None = None
    received: str | None = None
    late: bool = False
    beside: tuple[Beside, ...] = ()


def collect_class(
    course: Course,
    name: str,
    source: Path,
    roster: Path | None = None,
    times: Path | None = None,
    groups: Path | None = None,
    sure: Callable[[str], bool] = lambda question: False,
) -> list[Collected]:
    """Copy submissions into submitted/STUDENT/ASSIGNMENT/; return what became of each.

    `source` is a zip file as Canvas or Moodle gives it, or a folder: that zip unpacked,
    nbgrader's own tree, one subfolder a student, or files STUDENT.ipynb. `roster` is
    the class list, and turns the LMS's numbers into the students' ids; a copy of it is
    kept for the export. `times` is a list with the columns `student` and `received`,
    `groups` one with `student` and `group`. A student without a usable file is
    collected too, with the reason. What was handed in before is kept as an earlier
    attempt. `sure` is asked before files of another assignment are taken for this one.
    Raises CourseError when there is nothing, or another command is at work.
    """
    assignment = course.resolve(name)
    rules = settings(course)
    people = class_list(course, assignment, roster)
    clock = ClassList([read_roster(times)]) if times is not None else people
    teams = groups_of(people, groups)
    with alone(course, assignment), tops_of(Path(source)) as (tops, bad):
        recover(course)
        read = reader(course, assignment)
        collector = Collector(course, assignment, rules, people, clock, teams, read)
        strays = [Collected(name, None, problem) for name, problem in bad.items()]
        handed = recognise(tops, people.names if people else {}, assignment)
        if not handed and not strays:
            raise CourseError(
                f"{source}: it holds no student's folder and no notebook."
            )
        must_be_of(course, assignment, handed, source, sure)
        collected = [item for each in handed for item in collector.collect(each)]
        strays += collector.times_of_nobody()
        if roster is not None:
            keep_roster(course, assignment, people.sections[0])
    return collected + strays


@dataclass
class Collector:
    """Takes in one student after another, each at most once."""

    course: Course
    assignment: str
    rules: Settings
    people: ClassList | None
    clock: ClassList | None
    teams: Groups | None
    read: Reader

    def __post_init__(self) -> None:
        self.taken: set[str] = set()
        source = self.course.source(self.assignment)
        self.handed_out = {
            PurePosixPath(name).name: content
            for name, content in handed_out_files(source).items()
        }

    def collect(self, handed: Handed) -> list[Collected]:
        """Copy what one student, or one team, handed in."""
        if handed.stray:
            return [Collected(handed.name, None, handed.problem)]
        person = self.people and self.people.find(handed.lms_id, handed.name)
        team = self.team_of(handed, person)
        if team:
            shared = replace(handed, download=None)  # it names the team, or one of it
            return [self.take(shared, each.student, each, None) for each in team]
        own = handed.lms_id or handed.name
        wrong = self.disagrees(handed, person)
        if wrong is not None:
            return [Collected(own, None, wrong)]
        if person is not None:
            before = self.collected_before(own, person.student)
            return [self.take(handed, person.student, person, before)]
        unknown = None
        if self.people is not None and not (handed.problem and not handed.lms_id):
            where = self.people.files
            unknown = f"{handed.name} ({own}) is not in the class list {where}"
        return [self.take(handed, own, None, unknown)]

    def team_of(self, handed: Handed, person: Person | None) -> Sequence[Person]:
        """All who handed this in together; nobody for a student's own work."""
        if self.teams is None:
            return ()
        team = self.teams.of(handed.name)
        if not team and handed.lms_id is None and handed.name == NO_GROUP:
            return self.teams.alone
        if not team and person is not None and self.teams.from_file:
            return self.teams.with_member(person)
        return team

    def disagrees(self, handed: Handed, person: Person | None) -> str | None:
        """Why number and name cannot both be right; None where they may be."""
        if person is None or handed.lms_id is None or agree(handed.name, person.name):
            return None
        return (
            f"“{handed.name}” has the number {handed.lms_id}, which is that of "
            f"{person.name} in the class list; not collected. For teams give a list "
            "with the columns student and group: --groups FILE."
        )

    def take(
        self, handed: Handed, student: str, person: Person | None, unknown: str | None
    ) -> Collected:
        """Copy the one file that will be graded; a problem is recorded in its place."""
        if not STUDENT.fullmatch(student) or len(student.encode()) > ID_BYTES:
            problem = handed.problem or "its name is not usable as a student's id"
            return Collected(student, None, problem)
        if student.casefold() in self.taken:
            return Collected(
                student, None, "this student is there twice; kept the first"
            )
        self.taken.add(student.casefold())
        if person is not None and person.draft:
            return Collected(student, None, DRAFT)
        picked, problem = self.picked(handed)
        others = [file for file in picked.others if not self.is_handed_out(file)]
        files, contents = beside(others, picked.blank)
        when, unclear = self.received(student, person, handed)
        problems = [each for each in (problem, unknown) if each]
        note = Note(
            picked.file and self.called(handed, picked.file.name),
            "; ".join(problems) or None,
            when,
            handed.late,
            person.lms_id if person and handed.lms_id else handed.lms_id,
            person.called if person else (),
            beside=files,
            download=handed.download,
        )
        try:
            old = self.keep(student, note, picked.content, contents)
        except OSError as error:
            if is_of_the_disk(error):
                raise
            return Collected(student, None, f"cannot be kept: {error.strerror}")
        looks = [*problems, unclear, old, self.extended(student, person)]
        remark = "; ".join(filter(None, looks)) or None
        return Collected(student, note.filename, remark, when, handed.late, files)

    def is_handed_out(self, found: Found) -> bool:
        """Whether this is a file of the assignment, as every student got it."""
        same = self.handed_out.get(found.name)
        if same is None:
            return False
        try:
            return found.read(len(same) + 1) == same
        except (OSError, ValueError):
            return False

    def keep(
        self, student: str, note: Note, content: bytes, others: Mapping[str, bytes]
    ) -> str | None:
        """Keep an attempt, and have the one that counts where it is graded.

        The best is known only when all are graded: until then the one stays that was
        there, and the first stands in for a student who had none. The sentence is that
        the time is an older attempt's, or that another attempt's notebook counts.
        """
        name = self.assignment
        zone = self.rules.zone
        number = keep(self.course, name, student, note, content, zone, others)
        known = attempts(self.course, name, student)
        counts = counted(known, self.rules, {})
        if counts is None:
            now = placed(self.course, name, student)
            counts = now if now in known else number
        place(self.course, name, student, counts)
        if has_notebook(known[counts]) and not has_notebook(known[number]):
            return NOTEBOOK_BEFORE
        return OLD_TIME if shares_its_time(known, number) else None

    def collected_before(self, own: str, student: str) -> str | None:
        """What to do when the same student was taken in under the LMS's number."""
        if own == student or not self.course.submitted(self.assignment, own).is_dir():
            return None
        place = self.course.submitted(self.assignment, own)
        return f"collected as {own} before: remove {place}"

    def picked(self, handed: Handed) -> tuple[Picked, str | None]:
        """The file to grade, if there is one, the others, and what to say about it."""
        files: list[Found] = []
        problem = handed.problem
        try:
            typed = tuple(handed.typed())
            files = [] if problem else handed.files()
            if not problem:
                picked = pick(files, self.assignment, self.read)
                return replace(picked, others=(*picked.others, *typed)), picked.remark
        except (OSError, ValueError) as error:
            problem = str(getattr(error, "strerror", None) or error)
        return Picked(None, b"", others=(*files, *typed)), problem

    def called(self, handed: Handed, name: str) -> str:
        """The file's name as the student gave it, as far as a file system takes it.

        Canvas numbers a file that is handed in again, and a file that lies in no folder
        is called by its student: neither is the student's doing.
        """
        plain = COPY.sub("", name) if handed.lms_id else name
        stem, ending = PurePosixPath(plain).stem, PurePosixPath(plain).suffix
        if stem == self.assignment or (handed.lms_id is None and stem == handed.name):
            name = f"{self.assignment}{ending}"
        name = short_name(printable(name), NAME_BYTES)
        return f"{name}-file" if name.casefold() == FOLDER else name

    def received(
        self, student: str, person: Person | None, handed: Handed
    ) -> tuple[str | None, str | None]:
        """The LMS's text for the time, and what is wrong with it."""
        if self.clock is not self.people or person is None:
            person = self.clock and (
                self.clock.find(None, student)
                or self.clock.find(None, handed.lms_id or handed.name)
            )
        text = (person and person.received) or handed.received
        if text is None:
            known = self.clock is not None and self.clock.has_times
            expected = self.clock is not self.people or (known and person is not None)
            return None, NO_TIME if expected and not handed.problem else None
        try:
            read_time(text, self.rules.zone)
        except ValueError as error:
            return text, str(error)
        return text, None

    def times_of_nobody(self) -> list[Collected]:
        """Rows of a list of times that mean no student: a slip, or a lost zero."""
        if self.clock is self.people or self.clock is None:
            return []
        return [
            Collected(row.student, None, NOBODY)
            for row in self.clock.people
            if row.received is not None
            and row.student.casefold() not in self.taken
            and not (self.people and self.people.find(None, row.student))
        ]

    def extended(self, student: str, person: Person | None) -> str | None:
        """What the LMS says of a later date that the course file does not know."""
        if person is None or person.extension is None:
            return None
        plain = self.rules.due_for(self.assignment)
        own = self.rules.due_for(self.assignment, student, *person.called)
        if plain is None or own != plain:
            return None
        return f"the LMS says “{person.extension}”; write it under [extensions]"
