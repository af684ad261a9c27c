"""What /proc says about processes: whose children they are, and what they use."""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PROC = Path("/proc")
KILOBYTE = 1024
SIZE = re.compile(r"^(\w+):\s+(\d+) kB$", re.MULTILINE)
RESIDENT = ("VmRSS", "VmSwap", "VmPTE")
EXACT = ("Pss", "SwapPss")


@dataclass(frozen=True)
class Process:
    """One process, told from a later one with its pid by the time that it started."""

    pid: int
    started: int
    state: str = field(compare=False)
    session: int = field(compare=False)
    parent: int = field(compare=False)

    @property
    def runs(self) -> bool:
        """Whether it has not ended; one that nobody has waited for has."""
        return self.state not in "ZX"


def find(pid: int) -> Process | None:
    """The process that has this pid now."""
    try:
        text = (PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    fields = text.rpartition(b")")[2].split()
    state, parent, _, session = fields[:4]
    return Process(pid, int(fields[19]), state.decode(), int(session), int(parent))


def everybody() -> list[Process]:
    """All processes, in the order in which they came."""
    found = [find(int(path.name)) for path in PROC.iterdir() if path.name.isdecimal()]
    return sorted(filter(None, found), key=lambda process: process.started)


def children(pid: int) -> Iterator[int]:
    """The children of all threads of a process; those of one thread in order."""
    own = os.getpid()
    if not (PROC / f"{own}/task/{own}/children").exists():  # a kernel that lacks it
        yield from (process.pid for process in everybody() if process.parent == pid)
        return
    with contextlib.suppress(OSError):
        for thread in sorted((PROC / str(pid) / "task").iterdir()):
            with contextlib.suppress(OSError):
                yield from map(int, (thread / "children").read_text().split())


def descendants(pid: int) -> list[int]:
    """The children of a process, theirs, and so on."""
    found = [*children(pid)]
    for child in found:  # grows meanwhile
        found += children(child)
    return found


def session(pid: int) -> list[int]:
    """All processes of the session that `pid` leads or led."""
    return [process.pid for process in everybody() if process.session == pid]


def resident(pid: int) -> int:
    """Bytes of memory, swap and page tables; shared pages count in full."""
    sizes = dict(SIZE.findall(status(pid)))
    return sum(int(sizes.get(name, 0)) for name in RESIDENT) * KILOBYTE


def proportional(pid: int) -> int:
    """Bytes of memory, swap and page tables; a page that n share counts 1/n.

    What `resident` says, where the process does not let us look that closely.
    """
    try:
        text = (PROC / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return resident(pid)
    exact = dict(SIZE.findall(text))
    tables = dict(SIZE.findall(status(pid))).get("VmPTE", 0)
    kilobytes = sum(int(exact.get(name, 0)) for name in EXACT) + int(tables)
    return kilobytes * KILOBYTE


def status(pid: int) -> str:
    """What /proc/PID/status holds; empty when the process has ended."""
    try:
        return (PROC / str(pid) / "status").read_text(errors="replace")
    except OSError:
        return ""
