"""The class's scores: the tests' (from the journal) and people's (from the gradebook).

Feedback, report and export all read the class here, so that they never disagree.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from autograder.course import gradebook
from autograder.course.folder import Course
from autograder.course.gradebook import Given
from autograder.course.late import Lateness, lateness, said
from autograder.model import CellResult, Outcome, Result

NOT_GRADED = "This submission has not been graded yet: run `autograder grade` again."


@dataclass(frozen=True)
class Score:
    """The points of one graded cell; `points` is None while it waits for a person."""

    cell: CellResult
    points: float | None
    comment: str | None = None  # the instructor's

    @property
    def full(self) -> bool:
        """Whether all points were given."""
        return self.points is not None and self.points >= self.cell.max_points


@dataclass(frozen=True)
class Scored:
    """One student's result with the scores that people gave put in."""

    result: Result
    scores: tuple[Score, ...]
    late: Lateness | None = None

    @property
    def graded(self) -> bool:
        """Whether there is a score at all."""
        return self.result.outcome is Outcome.GRADED

    @property
    def earned(self) -> float | None:
        """The sum of the points so far; None for what was not graded, never zero."""
        given = sum(score.points or 0.0 for score in self.scores)
        return given if self.graded else None

    @property
    def penalty(self) -> float:
        """The points that lateness costs."""
        return (self.earned or 0.0) * (self.late.share if self.late else 0.0)

    @property
    def points(self) -> float | None:
        """The score so far, less what lateness costs; None for what was not graded."""
        return None if self.earned is None else self.earned - self.penalty

    @property
    def delay(self) -> str | None:
        """What the student should know about being late; None for who was in time."""
        return said(self.late, self.penalty) if self.late else None

    @property
    def waiting(self) -> float:
        """The points that wait for a person."""
        waits = (score for score in self.scores if score.points is None)
        return sum(score.cell.max_points for score in waits) if self.graded else 0.0

    @property
    def exercises(self) -> list[tuple[str, tuple[Score, ...]]]:
        """The scores by exercise: neighbours with one title belong together."""
        groups = groupby(self.scores, key=lambda score: score.cell.title)
        return [(title, tuple(scores)) for title, scores in groups]


def read_class(course: Course, assignment: str) -> list[Scored]:
    """Everybody who handed something in, by name; nobody is left out.

    A submission whose entry in the journal is missing or damaged is a failure of the
    grader, and is listed as one.
    """
    given = gradebook.given(course, assignment)
    journal = (course.root / "results" / assignment).glob("*.json")
    students = {path.stem for path in journal} | set(course.students(assignment))
    late = lateness(course, assignment, students)
    return [
        _scored(_result(course, assignment, student), given, late.get(student))
        for student in sorted(students)
    ]


def absent(course: Course, present: Iterable[str]) -> list[str]:
    """The students of the gradebook who are not `present`, sorted."""
    return sorted(gradebook.students(course) - {*present})


def _result(course: Course, assignment: str, student: str) -> Result:
    found = course.result(assignment, student)
    return found or Result(student, assignment, Outcome.FAILED, reason=NOT_GRADED)


def _scored(
    result: Result, given: Mapping[tuple[str, str], Given], late: Lateness | None
) -> Scored:
    pairs = (
        (cell, given.get((result.student, cell.grade_id))) for cell in result.cells
    )
    return Scored(result, tuple(_score(cell, grade) for cell, grade in pairs), late)


def _score(cell: CellResult, given: Given | None) -> Score:
    """A person's score goes before the tests'; a blank derivation has its zero."""
    if given is None:
        return Score(cell, None if cell.manual else cell.points)
    points = given.auto if cell.manual else cell.points
    points = points if given.manual is None else given.manual
    points = points if points is None else points + given.extra
    return Score(cell, points, given.comment)
