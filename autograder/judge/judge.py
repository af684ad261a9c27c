"""Run a submission and judge it: plain data in, a Result out.

The engine runs the notebook in one process and the tests in another (see
`autograder.engine`); `autograder.judge.verdict` reads how the cells ended.
"""

import json
import time
from contextlib import closing
from hashlib import sha256

from autograder.assignment.cells import cell_titles, grade_id, is_manual, points
from autograder.assignment.exam import Exam
from autograder.engine.request import Answer, Request, UnreadableError
from autograder.engine.runner import Runner
from autograder.judge.read_file import RefusedError, one_line
from autograder.judge.rebuild import Rebuilt, intake
from autograder.judge.verdict import Verdict
from autograder.model import CellResult, Limits, Outcome, Result, Submission
from autograder.processes import GraderError

JUDGE = "engine 2"  # grades by another judge are graded again
ATTEMPTS = 2
UNREADABLE = (
    "The code in this notebook cannot be read before it runs: a cell is too long or "
    "too deeply nested. Hand it in again with code in its cells, and no data."
)


def result_key(submission: Submission, exam: Exam, seed: int = 0) -> str:
    """The hash of all that a grade depends on: the same key, the same grade."""
    parts = [submission.key, submission.filename, exam.key, seed, JUDGE]
    return sha256(json.dumps(parts).encode("utf-8")).hexdigest()


def judge_submission(
    submission: Submission,
    exam: Exam,
    limits: Limits | None = None,
    seed: int = 0,
    runner: Runner | None = None,
) -> Result:
    """Grade one submission: GRADED, INVALID with a reason, or FAILED after two tries.

    Never raises on account of what was submitted.
    """
    started = time.monotonic()
    if runner is None:
        with closing(Runner()) as runner:
            return judge_submission(submission, exam, limits, seed, runner)
    limits = limits or Limits()
    problem, unread = "", 0
    for _ in range(ATTEMPTS):
        try:
            rebuilt = intake(submission, exam)
            answer = execute(rebuilt, exam, limits, seed, runner)
            graded = Verdict(exam, limits, answer).result(rebuilt.repairs)
            break
        except RefusedError as refusal:
            graded = {"outcome": Outcome.INVALID, "reason": str(refusal)}
            graded["cells"] = no_points(exam)
            break
        except UnreadableError:  # by chance, perhaps: the machine may have ended it
            unread += 1
            problem = UNREADABLE
        except GraderError as error:
            problem = str(error)
        except Exception as error:  # a bug of the grader is no student's fault
            problem = f"{type(error).__name__}: {error}"
    else:
        outcome = Outcome.INVALID if unread == ATTEMPTS else Outcome.FAILED
        graded = {"outcome": outcome, "cells": no_points(exam)}
        twice = f"The grader failed twice: {problem}"
        graded["reason"] = UNREADABLE if unread == ATTEMPTS else one_line(twice)
    return Result(
        student=submission.student,
        assignment=submission.assignment,
        seconds=round(time.monotonic() - started, 2),
        key=result_key(submission, exam, seed),
        filename=submission.filename,
        exam=exam.key,
        content=submission.key,
        **graded,
    )


def refused(submission: Submission, exam: Exam, reason: str, seed: int = 0) -> Result:
    """The Result of a submission in which there is nothing to judge."""
    return Result(
        student=submission.student,
        assignment=submission.assignment,
        outcome=Outcome.INVALID,
        cells=no_points(exam),
        reason=reason,
        key=result_key(submission, exam, seed),
        filename=submission.filename,
        exam=exam.key,
        content=submission.key,
    )


def execute(
    rebuilt: Rebuilt, exam: Exam, limits: Limits, seed: int, runner: Runner
) -> Answer:
    """Run a rebuilt notebook in processes of its own; GraderError if that fails."""
    notebook = json.loads(rebuilt.notebook)
    return runner.run(Request(notebook, exam.tests, limits, seed, exam.files))


def no_points(exam: Exam) -> tuple[CellResult, ...]:
    """The cells of a submission that was not judged."""
    titles = cell_titles(exam.cells)
    return tuple(
        CellResult(
            grade_id=grade_id(cell),
            title=titles[grade_id(cell)],
            manual=is_manual(cell),
            points=0.0,
            max_points=points(cell),
        )
        for cell in exam.graded
    )
