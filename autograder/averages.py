"""What formgrader's lists hold: a grader's share, and averages over what has a score.

nbgrader divides the sum of all points by the number of submissions. One that was
refused, or on which the grader failed, has no points and is no zero: it is left out.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.course.folder import Course
from autograder.course.gradebook import entered, recorded
from autograder.model import Outcome, Result

if TYPE_CHECKING:
    from nbgrader.apps import NbGraderAPI

AVERAGES = tuple(f"average_{kind}score" for kind in ("", "code_", "written_", "task_"))


def api(
    shown: Callable[[str, str], bool] = lambda assignment, student: True,
) -> "type[NbGraderAPI]":
    """nbgrader's API, as formgrader's pages ask it, with such averages.

    `shown` says, of an assignment and a student, whether the submission is listed.
    """
    from nbgrader.apps import NbGraderAPI

    class ApiOfScored(NbGraderAPI):
        """Gives what nbgrader gives, but for the averages."""

        def get_assignment(self, *asked: Any, **more: Any) -> dict[str, Any] | None:
            """One assignment."""
            found = super().get_assignment(*asked, **more)
            return found and over_scored(self.course, found["name"], found)

        def get_notebooks(self, assignment_id: str) -> list[dict[str, Any]]:
            """The notebooks of an assignment."""
            found = super().get_notebooks(assignment_id)
            return [over_scored(self.course, assignment_id, each) for each in found]

        def _filter_existing_notebooks(
            self, assignment_id: str, notebooks: list[Any]
        ) -> list[Any]:
            """The submissions of the list, and of Prev and Next."""
            found = super()._filter_existing_notebooks(assignment_id, notebooks)
            return [each for each in found if shown(assignment_id, each.student.id)]

        @property
        def course(self) -> Course:
            """The course that is served."""
            return Course(Path(self.coursedir.root), self.coursedir.db_url)

    return ApiOfScored


def over_scored(
    course: Course, assignment: str, about: dict[str, Any]
) -> dict[str, Any]:
    """An answer of nbgrader's with its averages over the scored submissions alone."""
    if not any(about.get(name) for name in AVERAGES):
        return about
    everybody = entered(course, assignment)
    scored = len(everybody - unscored(course, assignment))
    if not scored:
        return about
    factor = len(everybody) / scored
    return about | {name: factor * about[name] for name in AVERAGES if name in about}


def unscored(course: Course, assignment: str) -> set[str]:
    """The students whose submission has no score; a person may give one to any."""
    by_hand = {
        student
        for (student, _), held in recorded(course, assignment).items()
        if held.manual is not None
    }
    journal = (course.root / "results" / assignment).glob("*.json")
    refused = {
        path.stem
        for path in journal
        if outcome(path, path.stat().st_mtime_ns) is not Outcome.GRADED
    }
    return refused - by_hand


@lru_cache(maxsize=10_000)
def outcome(path: Path, changed: int) -> Outcome:
    """How a submission's grading ended; read again when the entry has changed."""
    try:
        return Result.from_json(path.read_text("utf-8")).outcome
    except (OSError, ValueError):
        return Outcome.FAILED
