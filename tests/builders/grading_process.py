"""`autograder grade` as a process of its own, and what it leaves when it is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from signals import hear_signals

from autograder.course.folder import Course
from autograder.course.gradebook import recorded

PATIENCE = 120.0  # seconds, on a loaded machine


class Grading:
    """A running `autograder grade t1`, with a temporary folder of its own."""

    def __init__(self, course: Course, temporary: Path, *options: str) -> None:
        temporary.mkdir(exist_ok=True)
        self.temporary = temporary
        command = [sys.executable, "-m", "autograder", "grade", "t1", *options]
        self.process = subprocess.Popen(
            [*command, "--course", str(course.root)],
            env=os.environ | {"TMPDIR": str(temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=hear_signals,
            text=True,
        )

    def workers(self) -> list[psutil.Process]:
        """Its worker processes that run."""
        children = psutil.Process(self.process.pid).children()
        return [
            each
            for each in children
            if "autograder.grade.workers.worker" in words(each)
        ]

    def end(self, number: signal.Signals | None = None) -> tuple[int, str]:
        """Send it a signal, or let it finish; return its status and what it said."""
        if number is not None:
            self.process.send_signal(number)
        _, said = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, said

    def remains(self) -> list[str]:
        """The processes and files that it left."""
        marked = f"TMPDIR={self.temporary}"
        left = [str(path) for path in self.temporary.iterdir()]
        for process in psutil.process_iter():
            try:
                environment = process.environ()
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            if any(
                f"{name}={value}".startswith(marked)
                for name, value in environment.items()
            ):
                left.append(f"{process.pid}: {words(process)}")
        return left


def words(process: psutil.Process) -> list[str]:
    """A process's command line; empty when it has just ended."""
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


def until(true: Callable[[], object], what: str) -> None:
    """Wait for something; fail with its name when it does not come."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"in {PATIENCE:.0f} s: no {what}")
        time.sleep(0.02)


def until_gone(grading: Grading) -> None:
    """Wait until a grading that was killed has left nothing; fail with what it left."""
    deadline = time.monotonic() + PATIENCE
    while left := grading.remains():
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def tables(course: Course, assignment: str) -> dict:
    """What the gradebook holds, without its random ids."""
    with course.gradebook() as gradebook:
        rows = gradebook.assignment_submissions(assignment)
        submissions = {each.student.id: each.timestamp for each in rows}
        students = sorted(each.id for each in gradebook.students)
        waiting = {
            (each.student.id, grade.name): grade.needs_manual_grade
            for each in rows
            for grade in each.notebooks[0].grades
        }
        said = {
            (each.student.id, comment.name): comment.auto_comment
            for each in rows
            for comment in each.notebooks[0].comments
        }
    scores = recorded(course, assignment)
    return {
        "students": students,
        "submissions": submissions,
        "scores": scores,
        "waiting": waiting,
        "said": said,
    }
