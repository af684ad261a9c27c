"""A process of a notebook, seen from the worker: talked to, set back, and ended."""

import contextlib
import os
import select
import signal
import socket
from collections.abc import Callable, Iterator, Sequence

from autograder.engine.control import Message, Reader, WireError, send
from autograder.processes import GraderError
from autograder.sandbox import SandboxError, Watch
from autograder.sandbox.processes import children, descendants

SEND = 10.0  # seconds for a child to take a command
GRACE = 0.5  # seconds for a child to end by itself


class Member:
    """One process of a child's family, held so that its pid cannot mean another."""

    def __init__(self, pid: int) -> None:
        self.pid, self.fd = pid, os.pidfd_open(pid)

    @property
    def gone(self) -> bool:
        """Whether it has ended."""
        return bool(select.select([self.fd], [], [], 0)[0])

    def signal(self, number: int) -> None:
        """Signal it, if it is there."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.fd, number)

    def close(self) -> None:
        """Hold it no longer."""
        os.close(self.fd)


class Child:
    """A process that a notebook has for itself, with what it starts.

    `most` bytes are the most that is ever read from it. After `keep`, a copy of it
    does what is commanded, and it waits as it was: `go_back` goes on from there.
    """

    def __init__(
        self, sock: socket.socket, pid: int, most: int, reap: Callable[[], float]
    ) -> None:
        self.sock, self.reader, self.reap = sock, Reader(sock, most), reap
        self.pidfd = os.pidfd_open(pid)
        self.watch = Watch(pid)
        self.number = 0
        self.cpu: float | None = None  # seconds, known when it is closed
        self.copy: Member | None = None  # what goes on, after `keep`
        self.kept: Member | None = None  # what waits meanwhile

    def command(self, message: Message, fds: Sequence[int] = ()) -> None:
        """Send a command; WireError if the child does not take it."""
        self.number += 1
        self.sock.settimeout(SEND)
        try:
            send(self.sock, {"number": self.number} | message, fds)
        except OSError as error:
            raise WireError(f"the command was not taken: {error}") from error
        finally:
            self.sock.setblocking(False)

    def messages(self) -> Iterator[Message]:
        """Its messages about the present command; WireError if that is nonsense."""
        for message in self.reader.read():
            if message.get("number") == self.number:
                yield message

    @property
    def gone(self) -> bool:
        """Whether it has ended, or closed its end."""
        ended = select.select(self.ends(), [], [], 0)[0]
        return self.reader.ended or bool(ended)

    def ends(self) -> list[int]:
        """Descriptors that can be read when it has ended."""
        return [self.pidfd, self.copy.fd] if self.copy else [self.pidfd]

    def interrupt(self) -> None:
        """Tell what runs the cells that its time is up."""
        if self.copy:
            self.copy.signal(signal.SIGALRM)
        else:
            self.watch.interrupt(signal.SIGALRM)

    def take_one_share(self) -> None:
        """Have all that it starts weigh little beside what it answers."""
        self.watch.take_one_share(self.copy.pid if self.copy else None)

    # --- as it was --------------------------------------------------------------------

    def keep(self) -> None:
        """Take note that it has made a copy, its newest child, and waits itself.

        What waited before is no longer needed, but for the first one: with that the
        whole family would end.
        """
        first = self.watch.inner
        last = self.copy.pid if self.copy else first
        newest = [*children(last)][-1:] if last else []
        if not newest:
            return
        if self.kept:
            if self.kept.pid != first:
                self.kept.signal(signal.SIGKILL)
            self.kept.close()
        self.kept = self.copy or Member(last)
        self.copy = Member(newest[0])

    def go_back(self) -> bool:
        """End the copy, and go on with what waited; False if nothing does."""
        if not self.kept or self.kept.gone:
            return False
        for pid in descendants(self.copy.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.copy.signal(signal.SIGKILL)
        if not select.select([self.copy.fd], [], [], SEND)[0]:
            return False
        self.copy.close()
        self.reader.forget()
        self.copy, self.kept = self.kept, None
        self.copy.signal(signal.SIGUSR1)
        return True

    # --- the end ----------------------------------------------------------------------

    def close(self) -> None:
        """Hang up, let it end, end it if it does not, and reap it."""
        if self.cpu is not None:
            return
        self.sock.close()
        if self.copy or not select.select([self.pidfd], [], [], GRACE)[0]:
            self.kill()
        for member in (self.copy, self.kept):
            if member:
                member.close()
        os.close(self.pidfd)
        self.cpu = self.reap()

    def kill(self) -> None:
        """End it now, with everything that it started."""
        try:
            self.watch.kill()
        except SandboxError as error:
            raise GraderError(f"a process could not be ended: {error}") from error
