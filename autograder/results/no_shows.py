"""Who handed nothing in, and for whom that is a lack."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from autograder.course import gradebook
from autograder.course.folder import Course
from autograder.course.settings import Settings, folded, settings
from autograder.lms import class_list
from autograder.lms.base import Person
from autograder.results.scores import called


def absent(course: Course, assignment: str, present: Iterable[str]) -> list[str]:
    """Who is in the gradebook or a class list and not `present`, sorted.

    Who has left the course, or is excused, is not missed.
    """
    away, excused = not_present(course, assignment, present)
    return [student for student in away if student not in excused]


def not_present(
    course: Course, assignment: str, present: Iterable[str]
) -> tuple[list[str], list[str]]:
    """Who is not `present`, the excused among them; and these alone."""
    rules, rows = settings(course), listed(course, assignment)
    there = {folded(student) for student in present}
    away, excused = [], []
    for student in sorted(set(rows) | gradebook.students(course)):
        if folded(student) in there:
            continue
        names = names_of(course, assignment, student, rows)
        if rules.has_left(*names):
            continue
        away.append(student)
        if rules.is_excused(assignment, *names):
            excused.append(student)
    return away, excused


def no_shows(course: Course, assignment: str) -> list[str]:
    """Who handed nothing in although it was due; nobody, where nobody handed in."""
    present, rules = course.students(assignment), settings(course)
    rows = listed(course, assignment)
    return [
        student
        for student in (absent(course, assignment, present) if present else [])
        if was_due(rules, assignment, *names_of(course, assignment, student, rows))
    ]


def was_due(
    rules: Settings, assignment: str, *called: str, now: datetime | None = None
) -> bool:
    """Whether one student's work is missing by now; without a due date it is."""
    due = rules.due_for(assignment, *called)
    return due is None or due < (now or datetime.now(UTC))


def listed(course: Course, assignment: str) -> dict[str, Person]:
    """The rows of an assignment's class lists by the students' ids."""
    people = class_list.class_list(course, assignment)
    return {person.student: person for person in (people.people if people else [])}


def names_of(
    course: Course, assignment: str, student: str, rows: Mapping[str, Person]
) -> tuple[str, ...]:
    """Whatever a student is known by, in the class lists and in the note."""
    own = rows[student].called if student in rows else ()
    return (*own, *called(course, assignment, student))
