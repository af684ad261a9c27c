"""One submission to grade as bytes, and its grade as bytes: what every worker does.

No object crosses between processes, only JSON: a worker may be on another machine,
and what a student handed in is data everywhere.
"""

import atexit
import base64
import json
import threading
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from typing import Protocol, Self

from autograder.assignment.exam import Exam, exam_from_bytes
from autograder.engine.runner import Runner
from autograder.grade.workers.answer import Answer
from autograder.judge.judge import judge_submission, no_points, refused, result_key
from autograder.judge.read_file import one_line
from autograder.model import Limits, Outcome, Result, Submission

HAND_IN = "Hand in the .ipynb file that was handed out, with your answers in it."
RETRIES = 2  # of a submission whose worker died


@dataclass(frozen=True)
class Task:
    """One submission to grade, what the collector said about it, and the limits.

    `unsandboxed` gives its code the rights of whoever runs the worker.
    """

    submission: Submission
    note: str | None = None
    seed: int = 0
    limits: Limits = field(default_factory=Limits)
    unsandboxed: bool = False

    def to_bytes(self) -> bytes:
        """Write as JSON; `from_bytes` gives back an equal Task."""
        content = base64.b64encode(self.submission.content).decode("ascii")
        plain = {
            "submission": asdict(self.submission) | {"content": content},
            "note": self.note,
            "seed": self.seed,
            "limits": asdict(self.limits),
            "unsandboxed": self.unsandboxed,
        }
        return json.dumps(plain).encode("utf-8")

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote."""
        plain = json.loads(data)
        content = base64.b64decode(plain["submission"]["content"])
        submission = Submission(**plain["submission"] | {"content": content})
        limits = Limits(**plain["limits"])
        return cls(**plain | {"submission": submission, "limits": limits})


@dataclass(frozen=True)
class Lost:
    """No grade came back: the worker's end, in one line."""

    reason: str


class Workforce(Protocol):
    """Grades tasks in any order, on any number of workers; used in a `with`."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *raised: object) -> None: ...

    def results(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, bytes | Lost]]:
        """Each task with its Result as bytes, or with why there is none.

        Tasks are drawn when there is a worker for them, so that a large class is never
        in memory as a whole.
        """


_one_at_a_time = threading.Lock()  # a Dask worker may have been given two threads


def perform(exam: bytes, task: bytes) -> bytes:
    """Grade one submission, in this process's own engine: bytes in, bytes out."""
    with _one_at_a_time:
        plain = Task.from_bytes(task)
        read = exam_from_bytes(exam)
        result = grade_one(plain, read, _engine(not plain.unsandboxed))
    return Answer.made(result, read).to_bytes()


@cache
def _engine(sandbox: bool) -> Runner:
    """This process's engine; it ends with the process."""
    runner = Runner(sandbox=sandbox)
    atexit.register(runner.stop)
    return runner


def grade_one(task: Task, exam: Exam, runner: Runner) -> Result:
    """Judge a submission, and add the collector's word on it."""
    if not task.submission.filename:
        reason = f"There is no notebook to grade: {task.note}. {HAND_IN}"
        return refused(task.submission, exam, reason, task.seed)
    result = judge_submission(task.submission, exam, task.limits, task.seed, runner)
    if task.note:
        result = replace(result, repairs=(task.note, *result.repairs), note=task.note)
    return result


def read_result(task: Task, answer: bytes | Lost, exam: Exam) -> Result:
    """The Result that a worker sent; a FAILED one when it sent none, or another's."""
    return read_answer(task, answer, exam).whole


def read_answer(task: Task, answer: bytes | Lost, exam: Exam) -> Answer:
    """The same with what the worker made of it for the parent."""
    key = result_key(task.submission, exam, task.seed)
    if isinstance(answer, bytes):
        try:
            read = Answer.from_bytes(answer)
        except ValueError as error:
            answer = Lost(f"its answer cannot be read: {error}")
        else:
            if (read.result.student, read.result.key) == (task.submission.student, key):
                return read
            answer = Lost("it runs another version of the autograder")
    failed = Result(
        student=task.submission.student,
        assignment=task.submission.assignment,
        outcome=Outcome.FAILED,
        cells=no_points(exam),
        reason=one_line(f"The grader failed: no worker graded it ({answer.reason})."),
        key=key,
        filename=task.submission.filename,
    )
    return Answer.of(failed)
