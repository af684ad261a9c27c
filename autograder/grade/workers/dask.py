"""Workers on other machines: Dask distributed, reached by its scheduler's address.

What travels is bytes. A worker on which no process may be started, or without this
package, gives no grades: its tasks fail with the reason, and can be tried again.
"""

import asyncio
import logging
import time
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Self

from autograder.grade.recorder import say
from autograder.grade.workers.task import RETRIES, Lost, Task, perform
from autograder.model import CourseError

if TYPE_CHECKING:
    from distributed import Client, Future, as_completed

TALKATIVE = ("distributed", "distributed.client")
TO_ANSWER = 10.0  # seconds for the scheduler
NO_CERTIFICATE = (
    "this command has no certificate for TLS: set DASK_DISTRIBUTED__COMM__TLS__CA_FILE,"
    " ...__CLIENT__CERT and ...__CLIENT__KEY."
)
# Tasks that wait in the scheduler: what an adaptive cluster sizes itself by.
AT_ONCE = 64
LOOK = 1.0  # seconds from one look at the workers to the next
NOBODY = 5.0  # seconds without any worker, after which we say so


class ClusterWorkers:
    """The workers of a Dask scheduler; see `Workforce`.

    A submission whose worker died is tried again by the scheduler, as often as its
    `distributed.scheduler.allowed-failures` says (3 by default). The exam travels once
    to the scheduler and once to each worker: it is the answer of a task, which the
    scheduler asks for anew when the workers that held it have died.
    """

    def __init__(self, exam: bytes, address: str) -> None:
        self.exam, self.address = exam, address
        self.client: Client | None = None
        self.held: Future | None = None  # the exam, in the cluster
        self.open: dict[Future, Task] = {}
        self.threads, self.looked = 0, -LOOK  # of all workers, and when we asked
        self.seen = time.monotonic()  # when there was a worker
        self.said = False  # that there is none

    def __enter__(self) -> Self:
        """Raise CourseError when no scheduler answers."""
        from distributed import Client
        from distributed.security import Security

        if self.address.startswith("tls:") and not Security().tls_client_cert:
            raise CourseError(f"{self.address}: {NO_CERTIFICATE}")
        for name in TALKATIVE:  # what they say of a lost scheduler, we say in a line
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            asyncio.run(asyncio.wait_for(greet(self.address), TO_ANSWER))
            self.client = Client(self.address, timeout=TO_ANSWER, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            why = str(error) or f"none within {TO_ANSWER:g} s"
            raise CourseError(
                f"{self.address}: no Dask scheduler answers there ({why})."
            ) from error
        key = f"autograder-exam-{sha256(self.exam).hexdigest()}"
        with quiet():
            self.held = self.client.submit(bytes, self.exam, key=key, retries=RETRIES)
        return self

    def __exit__(self, *raised: object) -> None:
        with suppress(OSError, TimeoutError, CancelledError):  # it may have ended
            self.client.cancel(list(self.open), force=True)
        with suppress(OSError, TimeoutError, CancelledError):
            self.client.close(timeout=TO_ANSWER)

    def results(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, bytes | Lost]]:
        """Each task with its answer, as they come.

        Raises CourseError when the scheduler ends; what was yielded is not lost.
        """
        try:
            yield from self.answers(iter(tasks))
        except (OSError, TimeoutError, CancelledError) as error:
            raise CourseError(
                f"{self.address}: the Dask scheduler ended, or cannot be reached any "
                "more. What was finished is kept; the same command continues."
            ) from error

    def answers(self, source: Iterator[Task]) -> Iterator[tuple[Task, bytes | Lost]]:
        """Each task with its answer; what Dask raises when the scheduler has ended."""
        from distributed import as_completed

        first = [self.submit(task) for task in take(source, self.room())]
        done = as_completed(first, loop=self.client.loop)
        for future in self.ended(done):
            task = self.open.pop(future)
            answer = self.answer(future)
            future.release()
            done.update(self.submit(more) for more in take(source, self.room()))
            yield task, answer

    def ended(self, done: "as_completed") -> Iterator["Future"]:
        """The tasks as they end. While nobody works on them, we say so and wait."""
        while not done.is_empty():
            if done.has_ready():
                yield next(done)
                continue
            self.look()
            with done.thread_condition:
                done.thread_condition.wait(0.1)

    def look(self) -> None:
        """Count the threads of all workers, now and then; say when there are none."""
        now = time.monotonic()
        if now < self.looked + LOOK:
            return
        self.looked, self.threads = now, sum(self.client.nthreads().values())
        if self.threads:
            self.seen = now
        if self.threads and self.said:
            say(f"{self.address}: there are workers now: grading goes on.")
            self.said = False
        elif not self.said and now > self.seen + NOBODY:
            say(
                f"{self.address}: this Dask cluster has no workers: the submissions "
                f"wait for one (dask worker {self.address}). Ctrl-C stops the waiting."
            )
            self.said = True

    def room(self) -> int:
        """How many more tasks the scheduler should hold now."""
        self.look()
        return max(AT_ONCE, 2 * self.threads) - len(self.open)

    def submit(self, task: Task) -> "Future":
        """Hand one task to the scheduler."""
        with quiet():
            future = self.client.submit(
                perform,
                self.held,
                task.to_bytes(),
                pure=False,
                retries=RETRIES,
                resources={"GPU": 1} if task.limits.gpu else None,
            )
        self.open[future] = task
        return future

    def answer(self, future: "Future") -> bytes | Lost:
        """What the worker returned, or why it did not."""
        if future.status == "finished":
            return future.result()
        if future.status in ("cancelled", "lost"):
            raise CancelledError
        error = future.exception()
        return Lost(f"{type(error).__name__}: {error}")


async def greet(address: str) -> None:
    """Speak to a scheduler: a client would wait for ever for one that never answers."""
    from distributed.comm import connect
    from distributed.security import Security

    comm = await connect(address, **Security().get_connection_args("client"))
    await comm.close()


@contextmanager
def quiet() -> Iterator[None]:
    """Without Dask's warning of what is large: a notebook is, and it travels once."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
        yield


def take(source: Iterator[Task], number: int) -> Iterator[Task]:
    """Up to `number` of the next tasks."""
    for _ in range(number):
        if (task := next(source, None)) is None:
            return
        yield task
