"""Grade a class: only what is new or changed, on several workers, safe to interrupt."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from autograder.assignment.cache import released_exam
from autograder.assignment.exam import Exam
from autograder.assignment.per_student import seed_for
from autograder.collect.collect import read_submission
from autograder.course.folder import Course, alone, write_whole
from autograder.course.gradebook import entered, holds
from autograder.course.late import enter_penalties
from autograder.course.settings import NAME as COURSE_FILE
from autograder.course.settings import settings
from autograder.course.submitted import recover
from autograder.grade.best_attempt import place_attempts
from autograder.grade.record import record
from autograder.grade.workers.dask import ClusterWorkers
from autograder.grade.workers.local import LocalWorkers
from autograder.grade.workers.task import Task, Workforce, read_result
from autograder.judge.judge import result_key
from autograder.judge.read_file import one_line
from autograder.model import CourseError, Limits, Outcome, Result

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
) -> list[Result]:
    """Grade what was collected for an assignment; return all its results, by student.

    A submission whose content, tests and seed are those of its last grade is not
    graded again, unless `force`. `students` names those to grade; all by default.
    `workers` processes grade on this machine, one for each processor by default; or
    those of the Dask `scheduler` at this address. `unsandboxed` gives students' code
    the rights of whoever runs the grader. A KeyboardInterrupt leaves every
    finished grade in place, and the next call continues.
    Raises CourseError when the assignment, a student or the scheduler is not there.
    """
    course = course if isinstance(course, Course) else Course(Path(course))
    assignment = course.resolve(assignment)
    rules = settings(course)  # a slip in the course file is told before the work
    with alone(course, assignment):
        recover(course)
        wanted = collected(course, assignment, students)
        exam = released_exam(course, assignment)
        grading = Grading(course, exam, limits or Limits(), seed, unsandboxed)

        def work(number: int) -> Workforce:
            if scheduler:
                return ClusterWorkers(exam.to_bytes(), scheduler)
            most = min(workers or len(os.sched_getaffinity(0)), number)
            return LocalWorkers(exam.to_bytes(), most, sandbox=not unsandboxed)

        place_attempts(grading, wanted, rules, work)
        kept = {} if force else grading.unchanged(wanted)
        todo = [student for student in wanted if student not in kept]
        unentered = sorted(set(kept) - entered(course, assignment))
        penalties = Penalties(course, assignment)
        if todo or unentered or not penalties.entered():
            workforce = work(len(todo))
            with course.gradebook() as gradebook, penalties.renewed(gradebook):
                kept |= grading.enter(unentered, gradebook)
                kept |= grading.run(todo, gradebook, workforce, progress)
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
class Grading:
    """One run over a class. The workers judge; this, in the parent, alone writes."""

    course: Course
    exam: Exam
    limits: Limits
    seed: int
    unsandboxed: bool = False

    def task(self, student: str, folder: Path | None = None) -> Task:
        """What a student handed in, to be graded; `folder` is that of an attempt."""
        name = self.exam.assignment
        submission, note = read_submission(self.course, name, student, folder)
        seed = seed_for(self.course, self.exam, student, self.seed)
        return Task(submission, note, seed, self.limits, self.unsandboxed)

    def unchanged(self, students: Iterable[str]) -> dict[str, Result]:
        """The results that stand: same content, tests and seed, and not failed."""
        kept = {}
        for student in students:
            done = self.course.result(self.exam.assignment, student)
            if done is None or done.outcome == Outcome.FAILED:
                continue
            task = self.task(student)
            if done.ran_out is not None and done.ran_out != asdict(self.limits):
                continue  # with other limits it may end otherwise
            if done.key == result_key(task.submission, self.exam, task.seed):
                kept[student] = done
        return kept

    def enter(
        self, students: Iterable[str], gradebook: "Gradebook"
    ) -> dict[str, Result]:
        """Record finished grades that a new gradebook does not hold yet."""
        results = {}
        for student in students:
            done = self.course.result(self.exam.assignment, student)
            received = self.task(student).submission.received
            results[student] = self.keep(done, gradebook, received)
        return results

    def run(
        self,
        students: Sequence[str],
        gradebook: "Gradebook",
        workforce: Workforce,
        progress: bool,
    ) -> dict[str, Result]:
        """Grade these students, and record each grade as it comes."""
        results = {}
        if students:
            with workforce, bar(len(students), progress) as shown:
                for task, answer in workforce.results(map(self.task, students)):
                    result = read_result(task, answer, self.exam)
                    kept = self.keep(result, gradebook, task.submission.received)
                    results[result.student] = kept
                    shown.update()
        return results

    def keep(
        self, result: Result, gradebook: "Gradebook", received: str | None
    ) -> Result:
        """Record a result, and return it.

        If that fails, the journal says so, and the next run tries again.
        """
        from sqlalchemy.exc import InterfaceError, OperationalError

        try:
            record(self.course, self.exam, result, gradebook, received)
        except (OperationalError, InterfaceError):
            # The gradebook is away: no fault of this submission. Its
            # entry in the journal stays as it was, and the next run grades it.
            gradebook.db.rollback()
            raise
        except Exception as error:
            gradebook.db.rollback()
            reason = one_line(f"The grade could not be recorded: {error}")
            result = replace(result, outcome=Outcome.FAILED, reason=reason)
            self.course.write_result(result)
        return result


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
        enter_penalties(self.course, self.assignment, gradebook)
        write_whole(self.path, rules)


def bar(total: int, progress: bool) -> tqdm:
    """A bar with an estimate of what is left, where a person looks at it."""
    hidden = None if progress else True
    return tqdm(desc="Grading", total=total, unit="notebook", disable=hidden)
