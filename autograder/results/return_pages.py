"""Give the feedback pages back: as an LMS takes them, or one file for each student.

A page goes out only if it says itself that it is this student's, of today's scores and
words. Who gets none is told by name.
"""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from autograder.course.attempts import attempts
from autograder.course.folder import Course, whole_file, write_whole
from autograder.course.submitted import note_in, read_note
from autograder.lms.base import Known, Place, Roster
from autograder.lms.class_list import kept_rosters
from autograder.lms.registry import SYSTEMS, System, read_roster
from autograder.model import CourseError, Outcome
from autograder.results.feedback import is_page_of
from autograder.results.no_shows import absent
from autograder.results.scores import NO_REASON, Scored, read_class
from autograder.results.send_back import row_of

FOLDER = "folder"
NONE_YET = "has no feedback page: run `autograder feedback` first"
OLD = "its feedback page is not of today's scores: run `autograder feedback` again"


@dataclass
class Returned:
    """What was written where, and who gets no page, one sentence each.

    `absent` are those who handed nothing in.
    """

    path: Path
    pages: int = 0
    problems: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)


def return_pages(
    course: Course,
    assignment: str,
    to: str,
    path: Path,
    roster: Path | None = None,
) -> Returned:
    """Write the pages for `to` (moodle, canvas: a zip file; folder) to `path`.

    `roster` is a class list of the LMS, where the one that the class was collected with
    is not enough. Raises CourseError where nobody handed in, or nobody gets a page.
    """
    scored = read_class(course, assignment)
    if not scored:
        raise CourseError(f"{assignment}: nobody has handed anything in.")
    if path.exists() and path.is_dir() is not (to == FOLDER):
        wanted = "a folder" if to == FOLDER else "a zip file"
        raise CourseError(f"{path}: {wanted} was expected.")
    places, problems = places_for(course, assignment, to, scored, roster)
    pages: dict[str, bytes] = {}
    for each in scored:
        student = each.result.student
        if student in problems:
            continue
        try:
            pages[student] = page_of(course, each)
        except ValueError as error:
            problems[student] = str(error)
    told = [f"{student}: {why}" for student, why in sorted(problems.items())]
    if to == FOLDER:
        write_folder(path, places, pages)  # also removes, so before the refusal
    if not pages:
        raise CourseError(f"{assignment}: there is no page to give back: {told[0]}.")
    if to != FOLDER:
        write_zip(path, places, pages)
    names = [each.result.student for each in scored]
    return Returned(path, len(pages), told, absent(course, assignment, names))


def page_of(course: Course, scored: Scored) -> bytes:
    """A student's page; ValueError says why there is none to give."""
    result = scored.result
    if result.outcome is Outcome.FAILED:
        raise ValueError(f"the grader failed: {result.reason or NO_REASON}")
    if scored.stale:
        raise ValueError(scored.stale)
    try:
        page = course.feedback(result.assignment, result.student).read_bytes()
    except FileNotFoundError:
        raise ValueError(NONE_YET) from None
    whole = course.result(result.assignment, result.student) or result
    if not is_page_of(replace(scored, result=whole), page):
        raise ValueError(OLD)
    return page


def places_for(
    course: Course,
    assignment: str,
    to: str,
    scored: Sequence[Scored],
    roster: Path | None,
) -> tuple[dict[str, str], dict[str, str]]:
    """By student: where the page goes, or why it can go nowhere.

    Two that would come to one place both go nowhere.
    """
    found: dict[str, Place] = {}
    problems: dict[str, str] = {}
    if to == FOLDER:
        if roster is not None:
            raise CourseError(f"{roster}: pages in a folder need no class list.")
        names = [each.result.student for each in scored]
        found = {name: Place(name.casefold(), f"{name}.html") for name in names}
    else:
        system = next(each for each in SYSTEMS if each.name == to)
        lists = lists_of(course, assignment, system, roster)
        for each in scored:
            place = system.place(known(course, each, lists), f"{assignment}.html")
            if place is None:
                problems[each.result.student] = system.unknown
            else:
                found[each.result.student] = place
    by_number: dict[str, list[str]] = {}
    for student, place in found.items():
        by_number.setdefault(place.number, []).append(student)
    for twins in filter(lambda each: len(each) > 1, by_number.values()):
        for student in twins:
            others = ", ".join(twin for twin in twins if twin != student)
            problems[student] = f"its page would come to {others}, with the same number"
    places = {s: each.path for s, each in found.items() if s not in problems}
    return places, problems


def lists_of(
    course: Course, assignment: str, system: System, path: Path | None
) -> list[Roster]:
    """The class lists of a system: the one that is given, or those that were kept."""
    paths = [path] if path else kept_rosters(course, assignment)
    lists = [read_roster(each) for each in paths]
    ours = [each for each in lists if isinstance(each, system.roster)]
    if path and not ours:
        raise CourseError(f"{path}: {system.name}'s class list was expected.")
    return ours


def known(course: Course, scored: Scored, lists: Sequence[Roster]) -> Known:
    """What the collector and the class lists know of a student.

    The newest attempt is the one that the LMS still has.
    """
    assignment, student = scored.result.assignment, scored.result.student
    folders = list(attempts(course, assignment, student).values())
    newest = note_in(folders[-1]) if folders else None
    note = newest or read_note(course, assignment, student)
    rows = (row_of(course, each, scored) for each in lists)
    person = next(filter(None, rows), None)
    if note is None:
        return Known(person=person)
    return Known(note.download, note.lms_id, person)


def write_zip(
    path: Path, places: Mapping[str, str], pages: Mapping[str, bytes]
) -> None:
    """All pages in one zip file, each in its place."""
    with whole_file(path) as file, zipfile.ZipFile(file, "w") as archive:
        for student, page in pages.items():
            archive.writestr(places[student], page, zipfile.ZIP_DEFLATED)


def write_folder(
    path: Path, places: Mapping[str, str], pages: Mapping[str, bytes]
) -> None:
    """A file for each student; what lies there of who gets no page now is removed."""
    for student, place in places.items():
        if student in pages:
            write_whole(path / place, pages[student])
        else:
            (path / place).unlink(missing_ok=True)
