"""The processes between a sandboxed one and its parent: they wait, reap, and report."""

import contextlib
import os
import select
import signal
from collections.abc import Callable
from typing import NoReturn

from autograder.sandbox import kernel, rights
from autograder.sandbox.box import SandboxError

SIGNALLED = 128  # an end by signal N is the exit status 128 + N, as in a shell
BROKEN = 125


def follow_parent(parent: int, number: int = signal.SIGKILL) -> None:
    """End when `parent` does; at once if it has ended already."""
    rights.die_with_parent(number)
    if os.getppid() != parent:
        os._exit(SIGNALLED + signal.SIGKILL)


def follow_pipe(report: int) -> None:
    """End when the reader of the pipe `report` does, our parent in other namespaces."""
    rights.die_with_parent(signal.SIGKILL)
    poll = select.poll()
    poll.register(report, 0)
    if poll.poll(0):
        os._exit(SIGNALLED + signal.SIGKILL)


def end_with_report(report: int, error: BaseException) -> NoReturn:
    """Tell the supervisor why there is no sandbox, and end."""
    with contextlib.suppress(OSError):
        known = isinstance(error, SandboxError | OSError)
        text = str(error) if known else f"{type(error).__name__}: {error}"
        os.write(report, text.encode(errors="replace")[:4096])
    os._exit(BROKEN)


def hear(reports: int, child: int) -> None:
    """Wait until the child is sandboxed; SandboxError with its reason if it is not."""
    text = b""
    while more := os.read(reports, 4096):
        text += more
    if text:
        os.waitpid(child, 0)
        raise SandboxError(text.decode(errors="replace"))


def supervise(child: int, last: Callable[[], None] = lambda: None) -> NoReturn:
    """Wait for `child`, reap what else ends, do `last`, and end with its status.

    Whoever ends us, by whatever signal, ends the child too.
    """
    code = BROKEN
    try:
        kernel.close_others(set())
        pid, status = 0, 0
        while pid != child:
            pid, status = os.wait()
        ended = os.waitstatus_to_exitcode(status)
        code = ended if ended >= 0 else SIGNALLED - ended
        last()
    finally:
        os._exit(code)
