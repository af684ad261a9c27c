"""Deal the written answers of an assignment out among several graders."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from autograder.course.folder import Course, alone
from autograder.course.marks import write_share
from autograder.marking.answers import Answer, written
from autograder.model import CourseError


@dataclass(frozen=True)
class Share:
    """How far one grader is: students in the share, and those who still wait.

    `grader` is None for what is nobody's share.
    """

    grader: str | None
    students: int
    waiting: int


def deal(course: Course, assignment: str, graders: Sequence[str]) -> None:
    """Make every student whose answers wait somebody's share.

    Who has a share of these graders' keeps it. Each other student goes to the grader
    with the fewest, so that the shares are equal within one, and stay so when more is
    handed in. Raises CourseError for names that are blank or the same.
    """
    if not all(graders) or len(set(graders)) < len(graders):
        raise CourseError(
            f"different names of graders were expected, not {', '.join(graders)!r}."
        )
    with alone(course, assignment):
        found = written(course, assignment)
        dealt = {each.student: each.grader for each in found}
        count = Counter(grader for grader in dealt.values() if grader in graders)
        waiting = {each.student: each.key for each in found if each.waits}
        for student in sorted(waiting, key=waiting.__getitem__):
            if dealt[student] not in graders:
                least = min(graders, key=lambda name: count[name])
                count[least] += 1
                write_share(course, assignment, student, least)


def share_table(found: Sequence[Answer]) -> list[Share]:
    """The shares, by name; what is nobody's comes last."""
    by_student = {each.student: each.grader for each in found}
    wait = {each.student for each in found if each.waits}
    names = sorted({name for name in by_student.values() if name})
    return [
        Share(name, len(mine), len(mine & wait))
        for name in [*names, None]
        if (mine := {s for s, grader in by_student.items() if grader == name})
    ]
