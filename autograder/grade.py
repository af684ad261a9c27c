"""Grade a class: only what is new or changed, on several workers, safe to interrupt."""

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from autograder.collect import read_submission
from autograder.course import Course
from autograder.exam import Exam, read_exam
from autograder.judge import judge, refused, result_key
from autograder.model import CourseError, Limits, Outcome, Result, Submission
from autograder.notebook_file import one_line
from autograder.processes import Runner
from autograder.record import record

if TYPE_CHECKING:
    from nbgrader.api import Gradebook

HAND_IN = "Hand in the .ipynb file that was handed out, with your answers in it."


@dataclass(frozen=True)
class Task:
    """One submission to grade, and what the collector said about it."""

    submission: Submission
    note: str | None


def grade(
    assignment: str,
    course: Course | Path | str = "course",
    *,
    students: Sequence[str] = (),
    workers: int | None = None,
    force: bool = False,
    limits: Limits | None = None,
    seed: int = 0,
    progress: bool = True,
) -> list[Result]:
    """Grade what was collected for an assignment; return all its results, by student.

    A submission whose content, tests and seed are those of its last grade is not
    graded again, unless `force`. `students` names those to grade; all by default. Each
    worker is one process at a time, with one thread. A KeyboardInterrupt leaves every
    finished grade in place, and the next call continues.
    Raises CourseError when the assignment or a student is not there.
    """
    course = course if isinstance(course, Course) else Course(Path(course))
    assignment = course.resolve(assignment)
    exam = read_exam(course.source(assignment), assignment)
    wanted = collected(course, assignment, students)
    tasks = list(pending(course, exam, wanted, force, seed))
    with course.gradebook() as gradebook, workers_of(workers) as (pool, runner):
        restore(course, exam, wanted, {t.submission.student for t in tasks}, gradebook)
        waiting = {
            pool.submit(grade_one, task, exam, limits, seed, runner): task
            for task in tasks
        }
        for task, result in finished(waiting, progress):
            keep(course, exam, result, gradebook, task.submission.received)
    entries = (course.result(assignment, each) for each in wanted)
    return [entry for entry in entries if entry is not None]


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
    return sorted(set(students) or known)


def pending(
    course: Course, exam: Exam, students: Sequence[str], force: bool, seed: int
) -> Iterator[Task]:
    """The submissions that must be graded: new, changed, or failed before."""
    for student in students:
        submission, note = read_submission(course, exam.assignment, student)
        done = course.result(exam.assignment, student)
        same = done is not None and done.key == result_key(submission, exam, seed)
        if force or not same or done.outcome == Outcome.FAILED:
            yield Task(submission, note)


def restore(
    course: Course,
    exam: Exam,
    students: Iterable[str],
    grading: set[str],
    gradebook: "Gradebook",
) -> None:
    """Enter finished grades that the gradebook does not hold: it is a new one."""
    from nbgrader.api import MissingEntry

    try:
        entered = {
            each.student.id
            for each in gradebook.find_assignment(exam.assignment).submissions
        }
    except MissingEntry as error:
        raise CourseError(
            f"{exam.assignment} is not in the gradebook {course.url}: release it again."
        ) from error
    for student in set(students) - grading - entered:
        submission, _ = read_submission(course, exam.assignment, student)
        result = course.result(exam.assignment, student)
        keep(course, exam, result, gradebook, submission.received)


def keep(
    course: Course,
    exam: Exam,
    result: Result,
    gradebook: "Gradebook",
    received: str | None,
) -> None:
    """Record a result; if that fails, the journal says so, and the next run retries."""
    try:
        record(course, exam, result, gradebook, received)
    except Exception as error:
        gradebook.db.rollback()
        reason = one_line(f"The grade could not be recorded: {error}")
        course.write_result(replace(result, outcome=Outcome.FAILED, reason=reason))


def grade_one(
    task: Task, exam: Exam, limits: Limits | None, seed: int, runner: Runner
) -> Result:
    """Grade one submission: what a worker does."""
    if not task.submission.filename:
        reason = f"There is no notebook to grade: {task.note}. {HAND_IN}"
        return refused(task.submission, exam, reason, seed)
    result = judge(task.submission, exam, limits, seed, runner)
    if task.note:
        result = replace(result, repairs=(task.note, *result.repairs))
    return result


def finished(
    waiting: dict[Future, Task], progress: bool
) -> Iterator[tuple[Task, Result]]:
    """The results as they come, behind a bar with an estimate of what is left."""
    done: Iterable[Future] = as_completed(waiting)
    bar = tqdm(
        done,
        "Grading",
        len(waiting),
        unit="notebook",
        disable=None if progress else True,
    )
    for future in bar:
        yield waiting[future], future.result()


@contextmanager
def workers_of(workers: int | None) -> Iterator[tuple[ThreadPoolExecutor, Runner]]:
    """Threads that each wait for one process; all processes end with the block."""
    runner = Runner()
    pool = ThreadPoolExecutor(max_workers=workers or os.cpu_count() or 1)
    try:
        yield pool, runner
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        runner.stop()
        raise
    finally:
        pool.shutdown(wait=True)
