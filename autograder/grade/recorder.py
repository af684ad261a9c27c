"""Enter grades in the gradebook as they come, also when it is away for a while.

A grade is kept in results/ASSIGNMENT/pending/ as soon as it is finished, and those that
come within a moment are entered together: a transaction costs most of the parent's
time. A database server is restarted, somebody holds a lock: no submission's fault. What
cannot be entered stays where it is kept, the others are graded on, and all is entered
when the gradebook is back, in this run or in the next one.
"""

import math
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from tqdm import tqdm

from autograder.assignment.exam import Exam
from autograder.course.folder import Course
from autograder.course.trouble import (
    in_words,
    is_of_the_disk,
    is_of_the_gradebook,
    may_pass,
)
from autograder.grade.record import record_all, wait
from autograder.grade.workers.answer import Answer
from autograder.judge.read_file import one_line
from autograder.model import CourseError, GradebookAwayError, Outcome, Result

if TYPE_CHECKING:
    from nbgrader.api import Gradebook

PATIENCE = 60.0  # seconds for a gradebook to come back
MOST = 32  # grades that one transaction enters
TOGETHER = 1.0  # seconds from one transaction to the next, if fewer wait
EVERY = 0.5  # seconds from one try to the next
Done = TypeVar("Done")


def say(text: str) -> None:
    """A line for the person who waits, above the bar."""
    tqdm.write(f"autograder: {text}", file=sys.stderr)


@dataclass
class Recorder:
    """Writes the grades of one run.

    `received` gives the time of a student's submission, from the LMS. `results` are
    those of the run by student, without their notebooks. `waiting` are the students
    whose grade is not entered yet, the first of them with it: all lie on the disk.
    """

    course: Course
    exam: Exam
    gradebook: "Gradebook"
    received: Callable[[str], str | None]
    results: dict[str, Result] = field(default_factory=dict)
    waiting: dict[str, Answer | None] = field(default_factory=dict)
    entered: float = -math.inf  # when grades were last entered
    next_try: float = 0.0  # when the gradebook, which is away, is asked again

    def keep(self, answer: Answer) -> None:
        """Keep a finished grade on the disk; enter it with others that come soon.

        Raises what a disk or a gradebook raises that will not come back by itself; the
        grade is kept then too, if there is room. One that cannot be recorded for
        another reason is a failure of the grader, which the next run tries again.
        """
        answer = wait(self.course, answer)
        student = answer.result.student
        self.results[student] = answer.result
        self.waiting[student] = answer if len(self.waiting) < MOST else None
        now = time.monotonic()
        if self.next_try:
            due = now >= self.next_try
        else:
            due = len(self.waiting) >= MOST or now >= self.entered + TOGETHER
        if due:
            self.catch_up()

    def catch_up(self) -> None:
        """Enter the grades that wait; a gradebook that is away lets them wait on."""
        number = len(self.waiting)
        try:
            self.enter_all()
        except Exception as error:
            if not (is_of_the_gradebook(error) and may_pass(error)):
                raise
            self.away(error)
        else:
            self.entered = time.monotonic()
            if self.next_try:
                say(f"the gradebook is back: {number} grades that waited are entered.")
                self.next_try = 0.0

    def enter_all(self) -> None:
        """Enter all that waits, or raise what the disk or the gradebook says."""
        name = self.exam.assignment
        while self.waiting:
            answers = []
            for student, answer in list(islice(self.waiting.items(), MOST)):
                if answer is None:
                    kept = self.course.pending(name, student)
                    answer = kept and Answer.of(kept)
                if answer is None:  # a person took it away
                    del self.waiting[student]
                else:
                    answers.append(answer)
            self.enter(answers)

    def enter(self, answers: Sequence[Answer]) -> None:
        """Record grades at once; if that fails on account of one, one by one."""
        students = [answer.result.student for answer in answers]
        try:
            received = {student: self.received(student) for student in students}
            record_all(self.course, self.exam, answers, self.gradebook, received)
        except Exception as error:
            roll_back(self.gradebook)
            if is_of_the_disk(error) or is_of_the_gradebook(error):
                raise
            if len(answers) > 1:
                for student, answer in zip(students, answers, strict=True):
                    if self.course.pending_path(self.exam.assignment, student).exists():
                        self.enter([answer])
                    else:  # it was the turn of another after it
                        del self.waiting[student]
                return
            self.fail(answers[0], error)
        for student in students:
            del self.waiting[student]

    def fail(self, answer: Answer, error: Exception) -> None:
        """Note that a grade cannot be recorded: the next run finds it anew."""
        reason = one_line(f"The grade could not be recorded: {error}")
        failed = replace(answer.whole, outcome=Outcome.FAILED, reason=reason)
        self.course.write_result(failed)
        self.course.pending_path(failed.assignment, failed.student).unlink(
            missing_ok=True
        )
        self.results[failed.student] = replace(failed, notebook=None)

    def away(self, error: Exception) -> None:
        """Note that the gradebook is away; say so the first time."""
        if not self.next_try:
            say(
                f"the gradebook is away ({in_words(error)}): grading goes on, and the "
                "grades are entered when it is back."
            )
        self.next_try = time.monotonic() + EVERY

    def finish(self) -> None:
        """Enter what waits; wait for the gradebook, as long as anybody does.

        Raises CourseError when it stays away; the next run enters the grades.
        """
        self.catch_up()
        if not self.waiting:
            return
        number = len(self.waiting)
        say(f"{number} grades wait up to {PATIENCE:.0f} s for the gradebook.")
        patiently(self.enter_all, self.gradebook)
        say(f"the gradebook is back: {number} grades that waited are entered.")


def patiently(do: Callable[[], Done], gradebook: "Gradebook | None" = None) -> Done:
    """Do something with the gradebook; try again while it is away, up to PATIENCE.

    Raises CourseError when it stays away.
    """
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return do()
        except Exception as error:
            away = isinstance(error, GradebookAwayError) or (
                is_of_the_gradebook(error) and may_pass(error)
            )
            if gradebook is not None:
                roll_back(gradebook)
            if not away:
                raise
            if time.monotonic() > end:
                raise CourseError(
                    f"the gradebook stays away ({in_words(error)}): what was graded is "
                    "kept; the same command continues, and grades none of it again."
                ) from error
        time.sleep(EVERY)


def roll_back(gradebook: "Gradebook") -> None:
    """Forget a transaction that failed, also where the connection is lost."""
    from sqlalchemy.exc import SQLAlchemyError

    with suppress(SQLAlchemyError):  # the connection is closed then, and another made
        gradebook.db.rollback()
