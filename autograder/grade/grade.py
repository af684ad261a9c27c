"""Grade a class: only what is new or changed, on several workers, safe to interrupt."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.assignment.cache import released_exam
from autograder.course.folder import Course, alone, write_whole
from autograder.course.gradebook import holds
from autograder.course.late import enter_penalties
from autograder.course.settings import NAME as COURSE_FILE
from autograder.course.settings import settings
from autograder.course.submitted import recover
from autograder.grade.best_attempt import place_attempts
from autograder.grade.grading import Grading
from autograder.grade.one_task import cells_of_task
from autograder.grade.recorder import Recorder, patiently
from autograder.grade.workers.dask import ClusterWorkers
from autograder.grade.workers.local import LocalWorkers
from autograder.grade.workers.task import Workforce
from autograder.model import CourseError, Limits, Result

if TYPE_CHECKING:
    from nbgrader.api import Gradebook


def grade_class(
    assignment: str,
    course: Course | Path | str = "course",
    *,
    students: Sequence[str] = (),
    workers: int | None = None,
    scheduler: str | None = None,
    force: bool = False,
    limits: Limits | None = None,
    seed: int = 0,
    unsandboxed: bool = False,
    progress: bool = True,
    task: str | None = None,
) -> list[Result]:
    """Grade what was collected for an assignment; return all its results, by student.

    They are without their notebooks, which the journal holds (`Course.result`). A
    submission whose content, tests and seed are those of its last grade is not graded
    again, unless `force`. `students` names those to grade; all by default.
    `workers` processes grade on this machine, one for each processor by default; or
    those of the Dask `scheduler` at this address. `unsandboxed` gives students' code
    the rights of whoever runs the grader. A KeyboardInterrupt leaves every
    finished grade in place, and the next call continues. With `task`, everybody's
    points in that one task are found again, and those in all others stay.
    Raises CourseError when the assignment, a student or the scheduler is not there.
    """
    course = course if isinstance(course, Course) else Course(Path(course))
    assignment = course.resolve(assignment)
    rules = settings(course)  # a slip in the course file is told before the work
    with alone(course, assignment):
        recover(course)
        wanted = collected(course, assignment, students)
        exam = released_exam(course, assignment)
        only = cells_of_task(exam, task) if task else frozenset()
        grading = Grading(course, exam, limits or Limits(), seed, unsandboxed, only)

        def work(number: int) -> Workforce:
            if scheduler:
                return ClusterWorkers(exam.to_bytes(), scheduler)
            most = min(workers or len(os.sched_getaffinity(0)), number)
            return LocalWorkers(exam.to_bytes(), most, sandbox=not unsandboxed)

        place_attempts(grading, wanted, rules, work)
        kept = {} if force or only else grading.unchanged(wanted)
        todo = [student for student in wanted if student not in kept]
        unentered = patiently(lambda: grading.not_entered(kept))
        penalties = Penalties(course, assignment)
        if todo or unentered or not penalties.entered():
            workforce = work(len(todo))
            with (
                patiently(course.gradebook) as gradebook,
                penalties.renewed(gradebook),
            ):
                recorder = Recorder(course, exam, gradebook, grading.received)
                grading.enter(unentered, recorder)
                grading.run(todo, recorder, workforce, progress)
                recorder.finish()
                kept |= recorder.results
    return [kept[student] for student in wanted]


def collected(course: Course, assignment: str, students: Sequence[str]) -> list[str]:
    """The students to grade, sorted; CourseError when one handed nothing in."""
    known = course.students(assignment)
    if not known:
        raise CourseError(
            f"Nothing was collected for {assignment}; try `autograder collect`."
        )
    if unknown := sorted(set(students) - set(known)):
        raise CourseError(
            f"{', '.join(unknown)}: nothing was collected for {assignment}."
        )
    if not holds(course, assignment):
        raise CourseError(
            f"{assignment} is not in the gradebook {course.url}: release it again."
        )
    return sorted(set(students) or known)


@dataclass(frozen=True)
class Penalties:
    """Whether the gradebook holds the penalties of late work: a kill may come first.

    A file says that they were entered, and by which rules; it goes before a grade is
    recorded, and comes back after the last.
    """

    course: Course
    assignment: str

    @property
    def path(self) -> Path:
        """The file."""
        return self.course.root / "results" / f".{self.assignment}.penalties"

    def rules(self) -> bytes:
        """The hash of the course file."""
        try:
            text = (self.course.root / COURSE_FILE).read_bytes()
        except FileNotFoundError:
            text = b""
        return sha256(text).hexdigest().encode("ascii")

    def entered(self) -> bool:
        """Whether all is in the gradebook."""
        return self.path.exists() and self.path.read_bytes() == self.rules()

    @contextmanager
    def renewed(self, gradebook: "Gradebook") -> Iterator[None]:
        """Enter them after the block has recorded grades."""
        self.path.unlink(missing_ok=True)
        yield
        rules = self.rules()
        patiently(
            lambda: enter_penalties(self.course, self.assignment, gradebook), gradebook
        )
        write_whole(self.path, rules)
