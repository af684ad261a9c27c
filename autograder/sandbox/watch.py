"""Watch a sandboxed family from outside: its memory, and its end."""

import contextlib
import math
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

from autograder.sandbox.box import SandboxError
from autograder.sandbox.group import SCRATCH
from autograder.sandbox.processes import (
    Process,
    Use,
    busy,
    children,
    descendants,
    find,
    proportional,
    resident,
    session,
    used,
)

PATIENCE = 10.0  # seconds for a killed family to be gone, on a loaded machine
MOST_NICE, STEP = 19, 1.25  # a step of niceness divides a thread's share so
TIDY = 1.0  # seconds for its supervisor to clear up and go by itself


class Watch:
    """The family of the process that `os.fork()` returned and that called `enter`.

    Plain methods, no thread: a loop polls them. Until its parent has waited for the
    process, its pid cannot come to mean another one.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid

    @property
    def inner(self) -> int | None:
        """The host's pid of the process that student's code runs in, if there is one.

        Children are listed in the order in which they came; orphans come after it.
        """
        return next(children(self.pid), None)

    def usage(self) -> int:
        """Bytes of memory of the family; a page that n processes share counts 1/n.

        Swap and page tables count. Private files under /tmp count only while mapped:
        `Box.disk` bounds them.
        """
        return sum(proportional(pid) for pid in descendants(self.pid))

    def over(self, limit: int) -> bool:
        """Whether the family uses more than `limit` bytes; cheap while far off."""
        family = descendants(self.pid)
        if sum(resident(pid) for pid in family) <= limit:
            return False
        return sum(proportional(pid) for pid in family) > limit

    def used(self) -> Use:
        """What the family has used of a processor, and has waited for one."""
        return sum(map(used, descendants(self.pid)), Use())

    def take_one_share(self, main: int | None = None) -> None:
        """Have a family that keeps n threads busy weigh on others as few do.

        A thread's share falls by a fifth with each step of its niceness. The threads of
        `main` and of its newest child step back by their own number only: what others
        of the family use up must not keep an answer waiting.
        """
        main = main or self.inner
        first = {main, *[*children(main)][-1:]} if main else set()
        running = {pid: busy(pid) for pid in descendants(self.pid)}
        number = sum(map(len, running.values()))
        for pid, found in running.items():
            nice = steps_back(len(found) if pid in first else number)
            for thread in found:
                with contextlib.suppress(OSError):  # it has ended
                    if os.getpriority(os.PRIO_PROCESS, thread) < nice:
                        os.setpriority(os.PRIO_PROCESS, thread, nice)

    def interrupt(self, number: int = signal.SIGINT) -> bool:
        """Signal the process that student's code runs in; False if it has ended."""
        if (inner := self.inner) is None:
            return False
        try:
            os.kill(inner, number)
        except ProcessLookupError:
            return False
        return True

    def kill(self) -> None:
        """End the family; return when nothing of it runs. Waiting for it is left.

        Raises SandboxError when something still runs after PATIENCE seconds.
        """
        started, pause = time.monotonic(), 0.0005
        seen: set[Process] = set()
        while left := self.left(seen):
            waited = time.monotonic() - started
            if waited > PATIENCE:
                pids = sorted(process.pid for process in left)
                raise SandboxError(f"processes could not be ended: {pids}")
            # Our supervisor goes last: while it is there, nobody is lost to another
            # parent. It goes by itself when it has had somebody to wait for.
            for process in left:
                alone = len(left) == 1 and (len(seen) == 1 or waited > TIDY)
                if process.pid != self.pid or alone:
                    end(process)
            time.sleep(pause)
            pause = min(2 * pause, 0.05)
        for scratch in Path(tempfile.gettempdir()).glob(f"{SCRATCH}{self.pid}-*"):
            shutil.rmtree(scratch, ignore_errors=True)

    def left(self, seen: set[Process]) -> list[Process]:
        """What runs of the family, and of those `seen` of it, to which it is added."""
        if (supervisor := find(self.pid)) is not None:
            seen.add(supervisor)
        alive = supervisor is not None and supervisor.runs
        pids = descendants(self.pid) if alive else session(self.pid)
        seen.update(found for pid in pids if (found := find(pid)))
        now = [find(process.pid) for process in seen]
        return [found for found in now if found in seen and found.runs]


def steps_back(number: int) -> int:
    """The niceness at which so many weigh as one that is not nice."""
    return min(MOST_NICE, round(math.log(max(1, number), STEP)))


def end(process: Process) -> None:
    """Kill a process, if it is still there."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
