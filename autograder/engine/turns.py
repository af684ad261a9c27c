"""Notebooks run side by side on one machine; one that was starved runs alone.

Two lock files hold for all workers of one user on this machine, whatever started them.
Whoever wants to be alone keeps the first, so that nobody new begins, and waits for
those who are at work to leave the second.
"""

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from autograder.processes import GraderError

DOOR, ROOM = "door", "room"


@contextlib.contextmanager
def side_by_side() -> Iterator[None]:
    """Be at work with others in the block; wait while somebody is alone."""
    with locked(DOOR, fcntl.LOCK_EX):
        room = opened(ROOM)
        fcntl.flock(room, fcntl.LOCK_SH)
    try:
        yield
    finally:
        os.close(room)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Be the only one at work in the block; wait until the others are done."""
    with locked(DOOR, fcntl.LOCK_EX), locked(ROOM, fcntl.LOCK_EX):
        yield


@contextlib.contextmanager
def locked(name: str, kind: int) -> Iterator[None]:
    """Hold a lock in the block."""
    held = opened(name)
    try:
        fcntl.flock(held, kind)
        yield
    finally:
        os.close(held)


def opened(name: str) -> int:
    """A descriptor of a lock file; GraderError if it cannot be ours."""
    path = folder() / f"autograder-{os.getuid()}.{name}"
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        held = os.open(path, flags, 0o600)
    except OSError as error:
        raise GraderError(f"the lock {path} cannot be opened: {error}") from error
    found = os.fstat(held)
    if found.st_uid != os.getuid() or not stat.S_ISREG(found.st_mode):
        os.close(held)
        raise GraderError(f"the lock {path} is not a file of this user's")
    return held


def folder() -> Path:
    """Where the locks are: for this user if there is such a place, else for all.

    Not TMPDIR: each worker has one of its own.
    """
    own = Path(f"/run/user/{os.getuid()}")
    return own if own.is_dir() else Path("/tmp")
