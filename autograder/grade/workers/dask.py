"""Workers on other machines: Dask distributed, reached by its scheduler's address.

What travels is bytes. A worker on which no process may be started, or without this
package, gives no grades: its tasks fail with the reason, and can be tried again.
"""

import logging
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from autograder.grade.workers.task import RETRIES, Lost, Task, perform
from autograder.model import CourseError

if TYPE_CHECKING:
    from distributed import Client, Future

TALKATIVE = ("distributed", "distributed.client")
TO_ANSWER = 15.0  # seconds for the scheduler
NO_CERTIFICATE = (
    "this command has no certificate for TLS: set DASK_DISTRIBUTED__COMM__TLS__CA_FILE,"
    " ...__CLIENT__CERT and ...__CLIENT__KEY."
)
AT_ONCE = (
    64  # tasks that wait in the scheduler: what an adaptive cluster sizes itself by
)


class ClusterWorkers:
    """The workers of a Dask scheduler; see `Workforce`.

    A submission whose worker died is tried again by the scheduler, as often as its
    `distributed.scheduler.allowed-failures` says (3 by default).
    """

    def __init__(self, exam: bytes, address: str) -> None:
        self.exam, self.address = exam, address
        self.client: Client | None = None
        self.open: dict[Future, Task] = {}

    def __enter__(self) -> Self:
        """Raise CourseError when no scheduler answers."""
        from distributed import Client
        from distributed.security import Security

        if self.address.startswith("tls:") and not Security().tls_client_cert:
            raise CourseError(f"{self.address}: {NO_CERTIFICATE}")
        for name in TALKATIVE:  # what they say of a lost scheduler, we say in a line
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            self.client = Client(self.address, timeout=TO_ANSWER, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise CourseError(
                f"{self.address}: no Dask scheduler answers there ({error})."
            ) from error
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
                f"{self.address}: the Dask scheduler ended. What was finished is kept; "
                "the same command continues."
            ) from error

    def answers(self, source: Iterator[Task]) -> Iterator[tuple[Task, bytes | Lost]]:
        """Each task with its answer; what Dask raises when the scheduler has ended."""
        from distributed import as_completed

        first = [self.submit(task) for task in take(source, self.room())]
        done = as_completed(first, loop=self.client.loop)
        for future in done:
            task = self.open.pop(future)
            answer = self.answer(future)
            future.release()
            done.update(self.submit(more) for more in take(source, self.room()))
            yield task, answer

    def room(self) -> int:
        """How many more tasks the scheduler should hold now."""
        threads = sum(self.client.nthreads().values())
        return max(AT_ONCE, 2 * threads) - len(self.open)

    def submit(self, task: Task) -> "Future":
        """Hand one task to the scheduler."""
        with warnings.catch_warnings():
            # A large notebook is a large task; it travels once.
            warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
            future = self.client.submit(
                perform,
                self.exam,
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


def take(source: Iterator[Task], number: int) -> Iterator[Task]:
    """Up to `number` of the next tasks."""
    for _ in range(number):
        if (task := next(source, None)) is None:
            return
        yield task
