"""Work on what a student wrote, done by a sandboxed copy of this process, in bounds.

    with Bounded(page_of, seconds=10) as pages:
        for student in students:
            page = pages.do(student)  # None: it took too long, or ended its process

One copy does it all; one that is lost is replaced. What goes to it is pickled: it comes
from us. What comes back is bytes and nothing else: it may come from anybody.
"""

import contextlib
import os
import pickle
import select
import signal
import struct
import time
from collections.abc import Callable
from typing import Any, Self

from autograder.model import CourseError
from autograder.sandbox.box import Box
from autograder.sandbox.tiers import Tier, best_tier, unprotected
from autograder.sandbox.watch import Watch

LENGTH = struct.Struct("!Q")
MOST = 200_000_000  # bytes of one answer
WAIT = 0.2  # seconds between two looks at the time
BACKSTOP = 10.0  # wall time, as a multiple of the limit, on a machine that is busy
READY = b"ready"


class Bounded:
    """Does `work`, which returns bytes, on one thing after the other; use it in `with`.

    `seconds` of a processor are the most for each, and `memory` bytes. Where no sandbox
    works the copy has the bounds alone.
    """

    def __init__(
        self, work: Callable[[Any], bytes], seconds: float, memory: int = 1 << 30
    ) -> None:
        self.work, self.seconds = work, seconds
        self.box = Box(memory=memory, cpu=3600.0)
        self.watch: Watch | None = None
        self.to, self.back = -1, -1
        self.took = 0.0  # seconds of a processor, for the last thing

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.end()

    def do(self, thing: Any) -> bytes | None:
        """What `work` returns; None when it raises, takes too long or is lost."""
        if self.watch is None:
            self.start()
        used, started = self.watch.used().processor, time.monotonic()
        try:
            with contextlib.suppress(BrokenPipeError):
                write(self.to, pickle.dumps(thing))
                answer = self.answer()
                self.took = self.watch.used().processor - used
                return answer
        except (EOFError, TimeoutError):
            pass
        self.took = min(self.seconds, time.monotonic() - started)  # at most
        self.end()
        return None

    def answer(self) -> bytes | None:
        """Wait for the copy's answer; EOFError when it is lost, TimeoutError."""
        started, used = time.monotonic(), self.watch.used().processor
        found, size = bytearray(), LENGTH.size
        while len(found) < size:
            if not select.select([self.back], [], [], WAIT)[0]:
                wall = time.monotonic() - started
                processor = self.watch.used().processor - used
                if processor > self.seconds or wall > BACKSTOP * self.seconds:
                    raise TimeoutError
                continue
            part = os.read(self.back, min(1 << 20, size - len(found)))
            if not part:
                raise EOFError
            found += part
            if len(found) == size == LENGTH.size:
                size += min(LENGTH.unpack(found)[0], MOST)
        return bytes(found[LENGTH.size :])

    # --- the copy ---------------------------------------------------------------------

    def start(self) -> None:
        """Make the copy, and wait until it is sandboxed."""
        tier = best_or_none()
        theirs, self.to = os.pipe()
        self.back, answers = os.pipe()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                tier.enter(self.box, (theirs, answers))
                write(answers, READY)
                self.serve(theirs, answers)
                status = 0
            finally:
                os._exit(status)
        os.close(theirs)
        os.close(answers)
        self.watch = Watch(pid)
        if self.answer() != READY:
            raise CourseError("a sandboxed process of the grader could not be started")

    def serve(self, things: int, answers: int) -> None:
        """As the copy: do what comes, until nothing comes any more."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the first one's
        with open(things, "rb") as stream, contextlib.suppress(EOFError):
            while head := stream.read(LENGTH.size):
                thing = pickle.loads(stream.read(LENGTH.unpack(head)[0]))
                write(answers, self.work(thing))

    def end(self) -> None:
        """End the copy, if there is one."""
        if self.watch is None:
            return
        os.close(self.to)
        os.close(self.back)
        self.watch.kill()
        os.waitpid(self.watch.pid, 0)
        self.watch = None


def best_or_none() -> Tier:
    """The best sandbox that there is, or bounds without one."""
    try:
        return best_tier()
    except CourseError:
        return unprotected()


def write(descriptor: int, content: bytes) -> None:
    """Write all of it, its length first."""
    left = memoryview(LENGTH.pack(len(content)) + content)
    while left:
        left = left[os.write(descriptor, left) :]
