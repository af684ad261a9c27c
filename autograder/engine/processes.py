"""The two processes of a notebook, S and T: waited for with limits, and replaced."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autograder.engine.control import Message, WireError
from autograder.engine.receive_outputs import Collector
from autograder.engine.spawn import Child, Nursery, await_any, now
from autograder.sandbox import Box

RESTARTS = 3
GRACE = 2.0  # seconds to stop by itself, after the alarm
TICK = 0.1  # seconds between two looks at the memory
THREADS = 4  # at work side by side, in a notebook whose whole time is just enough
SPOKEN = 40_000_000  # bytes that are read of one process besides outputs
TOTAL = 10  # the whole notebook may print this many times what one cell may
STUDENT, TESTER = "student", "tester"


class LostError(Exception):
    """A process is no more: it took too long (time), or ended (died)."""

    def __init__(self, ended: str) -> None:
        super().__init__(ended)
        self.ended = ended


class Pair:
    """S and T, which may be lost and replaced; `limits` are those of the notebook."""

    def __init__(self, nursery: Nursery, limits: dict[str, Any], seed: int) -> None:
        self.nursery, self.limits, self.seed = nursery, limits, seed
        self.children: dict[str, Child] = {}
        self.starts = {STUDENT: 0, TESTER: 0}
        self.cpu = 0.0

    def __getitem__(self, role: str) -> Child:
        """The process in this role; LostError if there is none."""
        if role not in self.children:
            raise LostError("died")
        return self.children[role]

    def missing(self) -> list[str]:
        """The roles in which nobody is any more."""
        there = self.children
        return [r for r in self.starts if r not in there or there[r].gone]

    def replace(self, roles: Sequence[str]) -> bool:
        """Start new processes in these roles; False if too many were lost."""
        for role in roles:
            self.end(role)
            if self.starts[role] > RESTARTS:
                return False
            self.starts[role] += 1
        most = SPOKEN + 4 * TOTAL * self.limits["output"]
        boxes = dict.fromkeys(roles, self.box())
        self.children |= self.nursery.children(boxes, self.seed, most)
        return True

    def box(self) -> Box:
        """What S and T may use, each."""
        gpu = sorted(map(str, Path("/dev").glob("nvidia*")))
        return Box(
            memory=self.limits["memory"],
            disk=self.limits["disk"],
            cpu=THREADS * self.limits["notebook"],
            devices=tuple(gpu) if self.limits.get("gpu") else (),
        )

    def end(self, role: str) -> None:
        """End one process, if it is there, and count its time."""
        if child := self.children.pop(role, None):
            child.close()
            self.cpu += child.cpu or 0.0

    def close(self) -> None:
        """End both, whatever happens."""
        with contextlib.ExitStack() as stack:
            for role in self.starts:
                stack.callback(self.end, role)

    # --- talking ----------------------------------------------------------------------

    def ask(
        self,
        role: str,
        command: Message,
        seconds: float,
        *,
        fds: Sequence[int] = (),
        collector: Collector | None = None,
    ) -> Message:
        """Have a process do something; its own word on how that ended.

        It interrupts itself after so many seconds, and is killed if it does not.
        Raises LostError then, and when it ends.
        """
        self.tell(role, command, seconds, fds)
        return self.await_end(role, seconds + GRACE, collector)

    def tell(
        self, role: str, command: Message, seconds: float, fds: Sequence[int] = ()
    ) -> None:
        """Have a process begin something; LostError if it does not take the command."""
        try:
            self[role].command({"seconds": seconds} | command, fds)
        except WireError:
            raise self.killed(role, "died") from None

    def await_end(
        self, role: str, seconds: float, collector: Collector | None = None
    ) -> Message:
        """Wait for the end of what was begun, with an eye on time and memory."""
        child = self[role]
        deadline, looked = now() + seconds, now()
        while True:
            gone = child.gone
            end = self.listen(role, collector)
            if end is not None:
                return end
            if gone:
                raise self.killed(role, "died")
            if now() > deadline:
                raise self.killed(role, "time")
            if now() - looked > TICK:
                looked = now()
                self.mind_memory()
            await_any([child], min(TICK, deadline - now()))

    def listen(self, role: str, collector: Collector | None) -> Message | None:
        """Take what a process has said; its last word, when it has come."""
        try:
            for message in self[role].messages():
                if collector is not None and "outputs" in message:
                    collector.add(message["outputs"])
                if isinstance(message.get("end"), dict):
                    return message["end"]
        except WireError:
            raise self.killed(role, "died") from None
        return None

    def killed(self, role: str, ended: str) -> LostError:
        """Kill a process, or what is left of it; the error that says so."""
        self[role].kill()
        return LostError(ended)

    def mind_memory(self) -> None:
        """Kill whichever process uses more than it may; its end is noticed later."""
        for child in self.children.values():
            if not child.gone and child.watch.over(self.limits["memory"]):
                child.kill()
