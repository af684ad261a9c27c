"""The class's scores: the tests' (from the journal) and people's (from the gradebook).

Feedback, report and export all read the class here, so that they never disagree.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby

from autograder.assignment.cache import released_exam
from autograder.collect.read_back import handed_beside, read_submission
from autograder.course import attempts, gradebook
from autograder.course.beside import Beside, beside_key
from autograder.course.folder import Course
from autograder.course.gradebook import Recorded
from autograder.course.late import Lateness, lateness, sentence
from autograder.course.settings import Settings, settings
from autograder.course.submitted import read_note
from autograder.model import CellResult, Outcome, Result

NO_REASON = "no reason was recorded"
CHANGED = "the answer changed after {given:g} points were given by hand: look again"
TOO_MANY = "{given:g} points were given by hand, and now it has {most:g}: look again"
NEW_RELEASE = "released anew after it was graded: run `autograder grade` again"
NEW_CONTENT = "handed in anew after it was graded: run `autograder grade` again"
OTHER_ATTEMPT = "by course.toml another attempt counts: run `autograder grade` again"
NOT_ENTERED = "graded, and not in the gradebook yet: run `autograder grade` again"
NOT_GRADED = "This submission has not been graded yet: run `autograder grade` again."


@dataclass(frozen=True)
class Score:
    """The points of one graded cell; `points` is None while it waits for a person.

    `again` says why a person must look once more at what they gave, which is `before`.
    """

    cell: CellResult
    points: float | None
    comment: str | None = None  # the instructor's
    by_hand: bool = False  # a person gave the points
    again: str | None = None
    before: float | None = None

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
    comments: Mapping[str, str] = field(default_factory=dict)  # under other cells
    attempt: str | None = None  # which attempt counts, for who handed in several times
    stale: str | None = None  # why it must be graded again
    beside: tuple[Beside, ...] = ()  # what was handed in beside the notebook
    excused: bool = False  # by the course file it does not count for this student

    @property
    def graded(self) -> bool:
        """Whether there is a score at all; a person may give one to any submission."""
        invalid = self.result.outcome is Outcome.INVALID
        by_hand = invalid and any(score.by_hand for score in self.scores)
        return by_hand or self.result.outcome is Outcome.GRADED

    @property
    def refused(self) -> bool:
        """Whether it was refused, and nobody gave it a score all the same."""
        refused = self.result.outcome is Outcome.INVALID
        return refused and not self.graded and not self.stale

    @property
    def again(self) -> list[str]:
        """What a person must look at once more, a sentence each."""
        cells = [f"{s.cell.grade_id}: {s.again}" for s in self.scores if s.again]
        return [*cells, self.late.unclear] if self.late and self.late.unclear else cells

    @property
    def unsettled(self) -> str | None:
        """Why there is no final score; None when there is one."""
        if self.result.outcome is Outcome.FAILED:
            return f"the grader failed: {self.result.reason or NO_REASON}"
        if self.stale:
            return self.stale
        if not self.graded:
            return f"refused: {self.result.reason or NO_REASON}"
        if self.again:
            return "; ".join(self.again)
        if self.waiting:
            return f"{self.waiting:g} points wait to be graded by hand"
        return None

    @property
    def partial(self) -> bool:
        """Whether there are points so far, and only a person is waited for."""
        return self.graded and not self.stale and not (self.late and self.late.unclear)

    @property
    def earned(self) -> float | None:
        """The sum of the points so far; None for what was not graded, never zero."""
        total = sum(score.points or 0.0 for score in self.scores)
        return total if self.graded else None

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
        return sentence(self.late, self.penalty) if self.late else None

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
    """What `each_scored` gives, without the notebooks: a class of them is large."""
    return [
        replace(each, result=replace(each.result, notebook=None))
        for each in each_scored(course, assignment)
    ]


def each_scored(course: Course, assignment: str) -> Iterator[Scored]:
    """Everybody who handed something in, by name, but who has left the course.

    A submission whose entry in the journal is missing or damaged is a failure of the
    grader, and is listed as one.
    """
    held = gradebook.recorded(course, assignment)
    comments: dict[str, dict[str, str]] = {}
    for (student, cell), text in gradebook.comments(course, assignment).items():
        comments.setdefault(student, {})[cell] = text
    journal = (course.root / "results" / assignment).glob("*.json")
    rules = settings(course)
    students = {path.stem for path in journal} | set(course.students(assignment))
    students = {s for s in students if not left(course, rules, assignment, s)}
    late = lateness(course, assignment, students)
    key = _exam_key(course, assignment)
    for student in sorted(students):
        result = _result(course, assignment, student)
        scored = _scored(result, held, late.get(student))
        graded = {score.cell.grade_id for score in scored.scores}
        own = {
            cell: text
            for cell, text in comments.get(student, {}).items()
            if cell not in graded
        }
        stale = _stale(course, result, key) or another_counts(
            course, assignment, student, rules
        )
        attempt = attempts.sentence(course, assignment, student, rules)
        files = handed_beside(course, assignment, student)
        yield replace(
            scored,
            comments=own,
            stale=stale,
            attempt=attempt,
            beside=files,
            excused=excused(course, rules, assignment, student),
        )


def left(course: Course, rules: Settings, assignment: str, student: str) -> bool:
    """Whether a student has left the course."""
    return bool(rules.dropped) and rules.has_left(*called(course, assignment, student))


def excused(course: Course, rules: Settings, assignment: str, student: str) -> bool:
    """Whether an assignment does not count for a student."""
    return assignment in rules.excused and rules.is_excused(
        assignment, *called(course, assignment, student)
    )


def called(course: Course, assignment: str, student: str) -> tuple[str, ...]:
    """The id, and what the collector's note calls a student."""
    note = read_note(course, assignment, student)
    return (student, *((note.lms_id or "", *note.called) if note else ()))


def another_counts(
    course: Course, assignment: str, student: str, rules: Settings
) -> str | None:
    """Whether today's rule, or a new attempt, makes another attempt count."""
    known = attempts.attempts(course, assignment, student)
    if len(known) < 2 or attempts.placed(course, assignment, student) not in known:
        return None
    if rules.attempts == "best":
        judged = all((folder / attempts.RESULT).is_file() for folder in known.values())
        return None if judged else NEW_CONTENT
    counts = attempts.counted(known, rules, {})
    same = counts == attempts.placed(course, assignment, student)
    return None if same else OTHER_ATTEMPT


def _exam_key(course: Course, assignment: str) -> str | None:
    """The key of today's release; None where its source is gone."""
    if not course.source(assignment).is_file():
        return None
    return released_exam(course, assignment).key


def _stale(course: Course, result: Result, key: str | None) -> str | None:
    """Why a result is not that of today's release and of what was handed in last."""
    if result.outcome is Outcome.FAILED:
        return None
    if course.pending_path(result.assignment, result.student).exists():
        return NOT_ENTERED
    if result.exam and key and result.exam != key:
        return NEW_RELEASE
    if result.content and course.submitted(result.assignment, result.student).is_dir():
        now, _ = read_submission(course, result.assignment, result.student)
        files = handed_beside(course, result.assignment, result.student)
        if now.key != result.content or beside_key(files) != result.beside:
            return NEW_CONTENT
    return None


def _result(course: Course, assignment: str, student: str) -> Result:
    found = course.result(assignment, student)
    kept = course.pending_path(assignment, student).exists()
    reason = NOT_ENTERED if kept else NOT_GRADED
    return found or Result(student, assignment, Outcome.FAILED, reason=reason)


def _scored(
    result: Result, held: Mapping[tuple[str, str], Recorded], late: Lateness | None
) -> Scored:
    pairs = ((cell, held.get((result.student, cell.grade_id))) for cell in result.cells)
    return Scored(result, tuple(_score(cell, grade) for cell, grade in pairs), late)


def _score(cell: CellResult, held: Recorded | None) -> Score:
    """A person's score goes before the tests'; a blank derivation has its zero."""
    if held is None:
        return Score(cell, None if cell.manual else cell.points)
    if held.manual is None:
        points = held.auto if cell.manual else cell.points
        points = points if points is None else points + held.extra
        return Score(cell, points, held.comment)
    again = None
    if held.look:
        again = CHANGED.format(given=held.manual)
    elif held.manual > cell.max_points:
        again = TOO_MANY.format(given=held.manual, most=cell.max_points)
    points = held.manual + held.extra
    shown = None if again else points
    return Score(cell, shown, held.comment, True, again, points)
