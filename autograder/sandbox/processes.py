"""What /proc says about processes: whose children they are, and what they use."""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PROC = Path("/proc")
KILOBYTE = 1024
TICKS = os.sysconf("SC_CLK_TCK")
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


@dataclass(frozen=True)
class Use:
    """Seconds on a processor, and seconds of waiting for one; None if not known."""

    processor: float = 0.0
    waited: float | None = 0.0

    def __add__(self, other: "Use") -> "Use":
        known = self.waited is not None and other.waited is not None
        waited = self.waited + other.waited if known else None
        return Use(self.processor + other.processor, waited)


def used(pid: int) -> Use:
    """What a process, with the children that it has waited for, has used so far."""
    try:
        fields = (PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return Use()
    return Use(sum(map(int, fields[11:15])) / TICKS, waited(pid))


def waited(pid: int) -> float | None:
    """The seconds that a process's threads were ready and got no processor."""
    total = 0
    for thread in threads(pid):
        try:
            total += int((thread / "schedstat").read_text().split()[1])
        except FileNotFoundError:
            if thread.exists():
                return None  # a kernel that does not count it
        except OSError:
            continue
    return total / 1e9


def threads(pid: int) -> list[Path]:
    """The folders of a process's threads; none when it has ended."""
    try:
        return list((PROC / str(pid) / "task").iterdir())
    except OSError:
        return []


def busy(pid: int) -> list[int]:
    """The threads of a process that run or could run now."""
    found = []
    for thread in threads(pid):
        with contextlib.suppress(OSError):
            text = (thread / "stat").read_bytes()
            if text.rpartition(b")")[2].split()[0] == b"R":
                found.append(int(thread.name))
    return found


def status(pid: int) -> str:
    """What /proc/PID/status holds; empty when the process has ended."""
    try:
        return (PROC / str(pid) / "status").read_text(errors="replace")
    except OSError:
        return ""
