"""Sandboxes without namespaces: a group of processes under a supervisor of ours."""

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from autograder.sandbox import kernel, rights
from autograder.sandbox.box import Box
from autograder.sandbox.family import (
    SIGNALLED,
    end_with_report,
    follow_parent,
    hear,
    supervise,
)
from autograder.sandbox.processes import children
from autograder.sandbox.view import View, view

SCRATCH = "box-"
WEIGH = 0.25  # seconds between looks at what is written


class Restricted(Protocol):
    """What keeps a group in, beside its limits."""

    def user(self) -> int:
        """The uid that the group will have."""

    def restrict(self, sight: View, scratch: Path) -> None:
        """The last step, in the process that the student's code runs in."""


def enter(tier: Restricted, box: Box, keep: Iterable[int]) -> None:
    """Enter a group of our own, which ends with its first process or its supervisor."""
    sight, parent, user = view(box), os.getppid(), tier.user()
    rights.usual_signals()
    follow_parent(parent, signal.SIGTERM)
    rights.own_session()
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    scratch = make_scratch(user)
    reports, report = os.pipe()
    inner = os.fork()
    if inner:
        os.close(report)
        watch_over(inner, reports, scratch, box.disk)
    try:
        confine(tier, sight, box, user, scratch, {0, 1, 2, report, *keep})
        os.close(report)
    except BaseException as error:
        end_with_report(report, error)


def watch_over(inner: int, reports: int, scratch: Path, disk: int) -> None:
    """As the supervisor: whatever ends, end all and leave nothing behind.

    Files that take more than `disk` bytes together end it as by SIGXFSZ.
    """

    def empty() -> None:
        end_all(inner)
        shutil.rmtree(scratch, ignore_errors=True)

    def stop(number: int, *_: object) -> None:
        empty()
        os._exit(SIGNALLED + number)

    def weigh(*_: object) -> None:
        if size(scratch) > disk:
            stop(signal.SIGXFSZ)

    signal.signal(signal.SIGALRM, weigh)
    signal.setitimer(signal.ITIMER_REAL, WEIGH, WEIGH)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    try:
        hear(reports, inner)
    except BaseException:
        empty()
        raise
    supervise(inner, empty)


def make_scratch(user: int) -> Path:
    """The folder that can be written; its name says whose supervisor made it."""
    scratch = Path(tempfile.mkdtemp(prefix=f"{SCRATCH}{os.getpid()}-"))
    for folder in (scratch, scratch / "home", scratch / "tmp"):
        folder.mkdir(0o700, exist_ok=True)
        os.chown(folder, user, -1)
    return scratch


def size(folder: Path) -> int:
    """The bytes that a folder takes; what cannot be looked at takes none."""
    total, blocks = 0, 512
    for top, folders, files in os.walk(folder):
        for name in (*folders, *files):
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(top, name)).st_blocks * blocks
    return total


def end_all(inner: int) -> None:
    """Kill the group at once, and then what left it: orphans become our children."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(inner, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            for child in children(os.getpid()):
                os.kill(child, signal.SIGKILL)
            os.wait()


def confine(
    tier: Restricted,
    sight: View,
    box: Box,
    user: int,
    scratch: Path,
    keep: set[int],
) -> None:
    """As the process that the student's code runs in: be bounded."""
    os.setpgid(0, 0)
    rights.die_with_parent(signal.SIGKILL)
    running = 0
    if user == os.getuid():
        running = threads_of(user) - 1  # we count among the box's own
    else:
        for path in sight.writable:
            rights.hand_over(path, user, user)
        kernel.no_bounding_set()
        rights.become(user)
        rights.die_with_parent(signal.SIGKILL)  # forgotten when the uid changes
        kernel.prctl(kernel.PR_SET_DUMPABLE, 1)
    rights.give_up_rights()
    rights.new_environment(str(scratch / "home"), str(scratch / "tmp"))
    rights.bound(box, running + box.processes)
    kernel.close_others(keep)
    tier.restrict(sight, scratch)


def threads_of(user: int) -> int:
    """How many threads a user has: the kernel counts them all against the limit."""
    count = 0
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdecimal() and folder.stat().st_uid == user:
                count += len(os.listdir(folder / "task"))
        except OSError:
            continue  # it ended meanwhile
    return count


class Unprotected:
    """No sandbox: limits, but the caller's own rights over files and the network."""

    name = "none"
    description = "none: a student's code runs with your rights, within limits of size"

    def unfit(self) -> str:
        """Anyone may ask for it."""
        return ""

    def enter(self, box: Box, keep: Iterable[int]) -> None:
        """Be bounded, and nothing else."""
        enter(self, box, keep)

    def user(self) -> int:
        """The user that we are."""
        return os.getuid()

    def restrict(self, sight: View, scratch: Path) -> None:
        """Nothing."""
