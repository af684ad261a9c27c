"""Enter grades in the gradebook as they come, also when it is away for a while.

A database server is restarted, somebody holds a lock: no submission's fault. What
cannot be entered is kept in results/ASSIGNMENT/pending/, the others are graded on, and
all is entered when the gradebook is back, in this run or in the next one.
"""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
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
from autograder.grade.record import record
from autograder.judge.read_file import one_line
from autograder.model import CourseError, GradebookAwayError, Outcome, Result

if TYPE_CHECKING:
    from nbgrader.api import Gradebook

PATIENCE = 60.0  # seconds for a gradebook to come back
EVERY = 0.5  # seconds from one try to the next
Done = TypeVar("Done")


def say(text: str) -> None:
    """A line for the person who waits, above the bar."""
    tqdm.write(f"autograder: {text}", file=sys.stderr)


@dataclass
class Recorder:
    """Writes the grades of one run; `waiting` are students whose grade is not entered.

    `received` gives the time of a student's submission, from the LMS.
    """

    course: Course
    exam: Exam
    gradebook: "Gradebook"
    received: Callable[[str], str | None]
    waiting: list[str] = field(default_factory=list)
    next_try: float = 0.0

    def keep(self, result: Result) -> Result:
        """Record a result, now or when the gradebook is back, and return it.

        Raises what a disk or a gradebook raises that will not come back by itself; the
        result is kept then too, if there is room. A result that cannot be recorded for
        another reason is a failure of the grader, which the next run tries again.
        """
        if self.waiting and time.monotonic() < self.next_try:
            return self.put_by(result)
        try:
            result = self.enter(result)
        except Exception as error:
            if not is_of_the_gradebook(error):
                raise
            self.put_by(result)
            if not may_pass(error):
                raise
            self.away(error)
        else:
            self.catch_up()
        return result

    def enter(self, result: Result) -> Result:
        """Record a result at once."""
        try:
            received = self.received(result.student)
            return record(self.course, self.exam, result, self.gradebook, received)
        except Exception as error:
            roll_back(self.gradebook)
            if is_of_the_disk(error) or is_of_the_gradebook(error):
                raise
            reason = one_line(f"The grade could not be recorded: {error}")
            failed = replace(result, outcome=Outcome.FAILED, reason=reason)
            self.course.write_result(failed)
            return failed

    def put_by(self, result: Result) -> Result:
        """Keep a result that the gradebook does not take."""
        self.course.write_pending(result)
        if result.student not in self.waiting:
            self.waiting.append(result.student)
        return result

    def away(self, error: Exception) -> None:
        """Note that the gradebook is away; say so the first time."""
        if not self.next_try:
            say(
                f"the gradebook is away ({in_words(error)}): grading goes on, and the "
                "grades are entered when it is back."
            )
        self.next_try = time.monotonic() + EVERY

    def catch_up(self) -> None:
        """Enter the grades that wait; those that cannot be entered go on waiting."""
        name, number = self.exam.assignment, len(self.waiting)
        while self.waiting:
            result = self.course.pending(name, self.waiting[0])
            try:
                if result is not None:
                    self.enter(result)
            except Exception as error:
                if not (is_of_the_gradebook(error) and may_pass(error)):
                    raise
                self.away(error)
                return
            self.waiting.pop(0)
        if number:
            say(f"the gradebook is back: {number} grades that waited are entered.")
            self.next_try = 0.0

    def finish(self) -> None:
        """Wait for the gradebook, as long as anybody does, and enter what waits.

        Raises CourseError when it stays away; the next run enters the grades.
        """
        if not self.waiting:
            return
        number = len(self.waiting)
        say(f"{number} grades wait up to {PATIENCE:.0f} s for the gradebook.")
        patiently(self.enter_all, self.gradebook)
        say(f"the gradebook is back: {number} grades that waited are entered.")

    def enter_all(self) -> None:
        """Enter all that waits, or raise what the gradebook says."""
        name = self.exam.assignment
        while self.waiting:
            result = self.course.pending(name, self.waiting[0])
            if result is not None:
                self.enter(result)
            self.waiting.pop(0)


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
