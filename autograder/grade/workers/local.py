"""Worker processes on this machine, each with an engine of its own.

One that dies is replaced, and its task is tried again. The parent has no threads: it
waits for all of them at once, and hands the next task out before it records the last.
"""

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Pipe, wait
from pathlib import Path
from typing import Self

from autograder.engine.clock import longest
from autograder.grade.workers.task import RETRIES, Lost, Task
from autograder.grade.workers.worker import READY, remove
from autograder.model import CourseError
from autograder.processes import kill_tree

STARTS = 3  # in a row that may fail before the run does
GRACE = 180.0  # seconds beyond what the engine allows, on a loaded machine
TO_LEAVE = 10.0  # seconds for a worker to put its things away
WAIT = 1.0


class Worker:
    """One worker process, with a private folder for what it leaves on the disk.

    The worker makes the folder and removes it; if it was killed, we do.
    """

    def __init__(self, sandbox: bool = True) -> None:
        name = f"autograder-{secrets.token_hex(8)}"
        self.folder = Path(tempfile.gettempdir(), name)
        # It has no name in any folder, so that nobody needs to remove it.
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115
        self.pipe, its_end = Pipe()
        self.ready = False
        self.task: Task | None = None
        self.deadline = time.monotonic() + GRACE
        command = [sys.executable, "-m", "autograder.grade.workers.worker"]
        command += ["sandboxed" if sandbox else "unprotected"]
        with its_end:
            self.process = subprocess.Popen(
                [*command, str(its_end.fileno()), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self.errors,
                env=os.environ | {"TMPDIR": str(self.folder)},
                pass_fds=[its_end.fileno()],
                start_new_session=True,
            )

    def send(self, message: bytes) -> None:
        """Send a message; whether it arrives shows when we wait for the answer."""
        with suppress(ConnectionError):
            self.pipe.send_bytes(message)

    def begin(self, task: Task, beside: int) -> None:
        """Give the worker something to do, while `beside` others are at work.

        It may wait for each of them to run alone, and then do so itself.
        """
        allowed = (2 + beside) * longest(task.limits) + GRACE
        self.task, self.deadline = task, time.monotonic() + allowed
        self.send(task.to_bytes())

    def answer(self) -> bytes | None:
        """What the worker sent; None when it has died."""
        try:
            return self.pipe.recv_bytes()
        except (EOFError, OSError):
            return None

    def how_it_ended(self) -> str:
        """How the worker ended: the signal, or the last line that it wrote."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(TO_LEAVE)
        status = self.process.poll()
        if status is None:
            return "it gave no answer in time"
        if status < 0:
            hint = " (out of memory?)" if -status == signal.SIGKILL else ""
            return f"its process was ended by signal {-status}{hint}"
        self.errors.seek(0)
        lines = self.errors.read().decode("utf-8", "replace").strip().splitlines()
        return f"its process ended with status {status}: {(lines or ['-'])[-1]}"

    def end(self) -> None:
        """Let it put its things away, then make sure; leave no process and no file."""
        self.pipe.close()
        self.errors.close()
        self.process.terminate()
        try:
            self.process.wait(TO_LEAVE)
        except subprocess.TimeoutExpired:
            kill_tree(self.process.pid)
            self.process.wait()
        remove(self.folder)


class LocalWorkers:
    """`number` worker processes; see `Workforce`."""

    def __init__(self, exam: bytes, number: int, sandbox: bool = True) -> None:
        self.exam, self.number, self.sandbox = exam, number, sandbox
        self.workers: list[Worker] = []
        self.tried: dict[str, int] = {}  # the tries of each student that ended badly
        self.failed_starts = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        for worker in self.workers:
            with suppress(ProcessLookupError):
                worker.process.terminate()  # all at once, and then one by one
        while self.workers:
            self.workers.pop().end()

    def results(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, bytes | Lost]]:
        """Each task with its answer, as they come.

        Raises CourseError when no worker starts at all.
        """
        waiting, source = deque(), iter(tasks)
        while self.fill(waiting, source):
            for worker in self.heard():
                task, message = worker.task, worker.answer()
                if message is None:
                    lost = self.remove(worker)
                    if task and self.try_again(task):
                        waiting.append(task)
                    elif task:
                        yield task, lost
                elif task is None:
                    worker.ready, self.failed_starts = message == READY, 0
                    worker.send(self.exam)
                else:
                    worker.task = None
                    self.fill(waiting, source)  # before the caller takes its time
                    yield task, message

    def fill(self, waiting: deque[Task], source: Iterator[Task]) -> bool:
        """Give every free worker a task; say whether anything is under way."""
        free = [each for each in self.workers if each.ready and each.task is None]
        room = self.number - sum(each.task is not None for each in self.workers)
        while len(waiting) < room and (more := next(source, None)):
            waiting.append(more)
        for worker in free[: len(waiting)]:
            worker.begin(waiting.popleft(), self.number - 1)
        starting = sum(not each.ready for each in self.workers)
        for _ in range(len(waiting) - starting):
            if len(self.workers) < self.number:
                self.workers.append(Worker(self.sandbox))
        return bool(waiting) or any(each.task for each in self.workers)

    def heard(self) -> list[Worker]:
        """The workers that sent something, died, or ran out of time."""
        busy = [each for each in self.workers if each.task or not each.ready]
        ready = wait([each.pipe for each in busy], WAIT)
        now = time.monotonic()
        for worker in busy:
            if worker.pipe not in ready and now > worker.deadline:
                kill_tree(worker.process.pid)  # its pipe then says that it is dead
        return [each for each in busy if each.pipe in ready]

    def remove(self, worker: Worker) -> Lost:
        """Put a dead worker away; say how it ended."""
        lost = Lost(worker.how_it_ended())
        worker.end()
        self.workers.remove(worker)
        if not worker.ready:
            self.failed_starts += 1
            if self.failed_starts >= STARTS:
                raise CourseError(
                    f"The workers do not start: {lost.reason}; try `autograder doctor`."
                )
        return lost

    def try_again(self, task: Task) -> bool:
        """Whether a task whose worker died has another try."""
        student = task.submission.student
        self.tried[student] = self.tried.get(student, 0) + 1
        return self.tried[student] <= RETRIES
