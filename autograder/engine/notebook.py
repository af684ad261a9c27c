"""The run of one notebook: its cells in S, its test cells in T too, and the clock.

A cell that fails, never ends or ends its process is noted, and the cells after it
still run; a new process first repeats what had run before, without that cell.
"""

import contextlib
import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from autograder.engine import given
from autograder.engine.nursery import Child, Nursery, await_any, now
from autograder.engine.outputs import Collector
from autograder.engine.wire import Message, WireError
from autograder.processes import GraderError
from autograder.sandbox import Box

RESTARTS = 3
TOTAL = 10  # the whole notebook may print this many times what one cell may
GRACE = 2.0  # seconds to stop by itself, after the alarm
TICK = 0.1  # seconds between two looks at the memory
SPOKEN = 40_000_000  # bytes that are read of one process besides outputs
ENDINGS = ("ok", "error", "time", "died")
LOST = ("time", "died")
SCAN_SECONDS = 20.0


@dataclass(frozen=True)
class Run:
    """How one cell ended: ok, error, time (ran too long), died, or skipped."""

    ended: str
    name: str = ""  # of the exception
    text: str = ""  # of the exception, plain
    line: int = 0  # of a test cell, where it stopped; 0 is unknown


class LostError(Exception):
    """A process is no more: it took too long (time), or ended (died)."""

    def __init__(self, ended: str) -> None:
        super().__init__(ended)
        self.ended = ended


class Notebook:
    """One notebook's run; its processes may be lost and replaced."""

    def __init__(self, request: Mapping[str, Any], nursery: Nursery) -> None:
        self.notebook = json.loads(json.dumps(request["notebook"]))
        self.tests: dict[str, str] = dict(request["tests"])
        self.limits: dict[str, Any] = request["limits"]
        self.seed: int = request["seed"]
        self.nursery = nursery
        self.cells = given.prepare(self.notebook["cells"], self.tests, self.seed)
        self.student: Child | None = None
        self.tester: Child | None = None
        self.starts = {"student": 0, "tester": 0}
        self.replay: list[given.Cell] = []  # what S has run
        self.asked: list[given.Cell] = []  # what T has run
        self.printed = 0
        self.cpu = 0.0
        self.started = now()

    def run(self) -> dict[str, Any]:
        """Run all code cells; the notebook, how each cell ended, and the judgement.

        Raises GraderError when the grader's own processes fail.
        """
        runs: dict[str, Run] = {}
        judged: dict[str, Run] = {}
        try:
            self.open()
            ready_made = self.scan()
            for cell in self.cells:
                runs[cell.id] = self.run_cell(cell)
                if cell.trusted:
                    self.run_given(cell)
                elif cell.full is not None:
                    judged[cell.id] = self.judge(cell)
        finally:
            self.close()
        return {
            "notebook": json.dumps(self.notebook),
            "runs": {name: asdict(run) for name, run in runs.items()},
            "judged": {name: asdict(run) for name, run in judged.items()},
            "ready_made": ready_made,
            "seconds": now() - self.started,
            "tier": self.nursery.tier.name,
            "mode": self.nursery.mode,
            "cpu": self.cpu,
        }

    def left(self) -> float:
        """The seconds that the notebook has left."""
        return self.limits["notebook"] - (now() - self.started)

    # --- the processes ----------------------------------------------------------------

    def open(self) -> bool:
        """See that S and T are there and have repeated what they had run.

        False when there is no use in it: no time, or too many were lost.
        """
        missing = [
            role
            for role in ("student", "tester")
            if (child := getattr(self, role)) is None or child.gone
        ]
        for role in missing:
            self.end(role)
            if self.starts[role] > RESTARTS:
                return False
            self.starts[role] += 1
        if missing:
            boxes = dict.fromkeys(missing, self.box())
            most = SPOKEN + 4 * TOTAL * self.limits["output"]
            for role, child in self.nursery.children(boxes, self.seed, most).items():
                setattr(self, role, child)
        repeated = "student" not in missing or self.repeat_student()
        if repeated and "tester" in missing:
            repeated = self.repeat_tester()
        return repeated and self.left() > 0

    def box(self) -> Box:
        """What S and T may use, each."""
        gpu = sorted(given.gpu_devices()) if self.limits.get("gpu") else ()
        return Box(
            memory=self.limits["memory"],
            disk=self.limits["disk"],
            cpu=self.limits["notebook"] + GRACE,
            devices=tuple(gpu),
        )

    def repeat_student(self) -> bool:
        """Run unseen what S had run; what does not end well twice is left out."""
        for number, cell in enumerate(self.replay):
            try:
                self.command_run(cell, None)
            except LostError:
                del self.replay[number:]
                return self.open()
        return True

    def repeat_tester(self) -> bool:
        """Run again in T what it had run: later test cells may use its names."""
        for number, cell in enumerate(self.asked):
            try:
                self.ask_tester(cell)
            except LostError:
                del self.asked[number:]
                return self.open()
        return True

    def end(self, role: str) -> None:
        """End one process, if it is there, and count its time."""
        child: Child | None = getattr(self, role)
        if child is not None:
            setattr(self, role, None)
            child.close()
            self.cpu += child.cpu or 0.0

    def close(self) -> None:
        """End both, whatever happens."""
        with contextlib.ExitStack() as stack:
            stack.callback(self.end, "student")
            stack.callback(self.end, "tester")

    # --- S: the student's cells -------------------------------------------------------

    def scan(self) -> dict[str, str]:
        """The answers that use something ready-made; asked before student code runs."""
        cells = given.to_scan(self.notebook["cells"])
        command = {"do": "scan", "cells": cells}
        try:
            end = self.ask(self.student, command, min(SCAN_SECONDS, self.left()))
        except LostError as error:
            raise GraderError("the answers could not be read") from error
        if end.get("ended") != "ok":
            raise GraderError(f"the answers could not be read: {end}")
        return dict(end["found"])

    def run_cell(self, cell: given.Cell) -> Run:
        """Run a cell in S, in a new process if the last one was lost."""
        if self.left() <= 0:
            return Run("skipped", text="notebook")
        if not self.open():
            return Run("skipped", text="notebook" if self.left() <= 0 else "kernel")
        limit = self.limits["output"]
        collector = Collector(min(limit, max(0, TOTAL * limit - self.printed)))
        before = collector.left
        try:
            run = self.command_run(cell, collector)
        except LostError as lost:
            run = Run(lost.ended)
        else:
            if cell.full is None:
                self.replay.append(cell)
        self.printed += before - collector.left
        cell.data["outputs"] = collector.result()
        if run.ended != "skipped":
            cell.data["execution_count"] = cell.number
        return run

    def command_run(self, cell: given.Cell, collector: Collector | None) -> Run:
        """Have S run a cell; LostError if it is lost thereby."""
        limit = self.limits["output"]
        command = {
            "do": "run",
            "source": cell.source,
            "forbidden": cell.forbidden,
            "quiet": collector is None,
            "limit": min(limit, max(0, TOTAL * limit - self.printed)),
        }
        seconds = min(self.limits["cell"], self.left())
        return run_of(self.ask(self.student, command, seconds, collector=collector))

    # --- T: the instructor's cells ----------------------------------------------------

    def run_given(self, cell: given.Cell) -> None:
        """Run a given cell in T too; GraderError if it fails: it is the release's."""
        if self.left() <= 0 or not self.open():
            return
        run = self.ask_tester(cell)
        if run.ended != "ok":
            said = f"{run.name}: {run.text}" if run.name else run.ended
            raise GraderError(
                f"the given cell '{cell.name}' stopped in the judge's process: {said}"
            )
        self.asked.append(cell)

    def judge(self, cell: given.Cell) -> Run:
        """Run a test cell in full, in T, against S."""
        if self.left() <= 0:
            return Run("skipped", text="notebook")
        if not self.open():
            return Run("skipped", text="notebook" if self.left() <= 0 else "kernel")
        try:
            run = self.ask_tester(cell)
        except LostError as lost:
            return Run(lost.ended)
        self.asked.append(cell)
        return run

    def ask_tester(self, cell: given.Cell) -> Run:
        """Have T run one of its cells; LostError if T is lost thereby."""
        seconds = max(0.1, min(self.limits["cell"], self.left()))
        if cell.full is None:
            command = {"do": "given", "source": cell.source, "name": cell.name}
            return run_of(self.ask(self.tester, command, seconds))
        ours, theirs = socket.socketpair()
        with ours, theirs:
            lend = {"do": "lend", "seconds": seconds, "forbidden": cell.forbidden}
            self.try_command(self.student, lend, theirs.fileno())
            theirs.close()
            command = {"do": "test", "source": cell.full}
            fds = [ours.fileno()]
            run = run_of(self.ask(self.tester, command, seconds + GRACE, fds=fds))
        lent = self.end_of_lending()
        return Run(lent) if run.ended == "died" and lent in LOST else run

    def try_command(self, child: Child, command: Message, fd: int) -> None:
        """Send a command to one who may be lost: whoever waits for it will notice."""
        with contextlib.suppress(WireError):
            child.command(command, [fd])

    def end_of_lending(self) -> str:
        """How S ended its part of a test; it is killed if it does not end it."""
        try:
            return run_of(self.await_end(self.student, now() + GRACE, None)).ended
        except LostError as lost:
            return lost.ended

    # --- waiting ----------------------------------------------------------------------

    def ask(
        self,
        child: Child,
        command: Message,
        seconds: float,
        *,
        fds: Sequence[int] = (),
        collector: Collector | None = None,
    ) -> Message:
        """Have a child do something; its own word on how that ended.

        It is interrupted after so many seconds, and killed if that does not help.
        Raises LostError then, and when it ends.
        """
        try:
            child.command({"seconds": seconds} | command, fds)
        except WireError:
            child.kill()
            raise LostError("died") from None
        return self.await_end(child, now() + seconds + GRACE, collector)

    def await_end(
        self, child: Child, deadline: float, collector: Collector | None
    ) -> Message:
        """Wait for the end of what a child does, with an eye on time and memory."""
        looked = now()
        while True:
            gone = child.gone
            end = self.listen(child, collector)
            if end is not None:
                return end
            if gone:
                child.kill()
                raise LostError("died")
            if now() > deadline:
                child.kill()
                raise LostError("time")
            if now() - looked > TICK:
                looked = now()
                self.mind_memory()
            await_any([child], min(TICK, deadline - now()))

    def listen(self, child: Child, collector: Collector | None) -> Message | None:
        """Take what a child has said; its last word, when it has come."""
        try:
            for message in child.messages():
                if collector is not None and "outputs" in message:
                    collector.add(message["outputs"])
                if isinstance(message.get("end"), dict):
                    return message["end"]
        except WireError:
            child.kill()
            raise LostError("died") from None
        return None

    def mind_memory(self) -> None:
        """Kill whichever process uses more than it may; its end is noticed later."""
        for child in (self.student, self.tester):
            if child is not None and child.watch.over(self.limits["memory"]):
                child.kill()


def run_of(end: Message) -> Run:
    """A child's word on how it ended, as far as it has the right form."""
    ended, name, text = (end.get(key, "") for key in ("ended", "name", "text"))
    line = end.get("line", 0)
    fine = ended in ENDINGS and isinstance(name, str) and isinstance(text, str)
    if not fine or type(line) is not int:
        return Run("error", "Error", "")
    return Run(ended, name, text, line)
