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
from autograder.engine.nursery import Nursery, now
from autograder.engine.outputs import Collector
from autograder.engine.pair import GRACE, STUDENT, TESTER, TOTAL, LostError, Pair
from autograder.engine.wire import Message
from autograder.processes import GraderError

ENDINGS = ("ok", "error", "time", "died")
SCAN_SECONDS = 20.0
LEAST = 0.1  # seconds


@dataclass(frozen=True)
class Run:
    """How one cell ended: ok, error, time (ran too long), died, or skipped."""

    ended: str
    name: str = ""  # of the exception
    text: str = ""  # of the exception, plain
    line: int = 0  # of a test cell, where it stopped; 0 is unknown


OUT_OF_TIME = Run("skipped", text="notebook")
OUT_OF_STARTS = Run("skipped", text="kernel")


class Notebook:
    """One notebook's run; its processes may be lost and replaced."""

    def __init__(self, request: Mapping[str, Any], nursery: Nursery) -> None:
        self.notebook = json.loads(json.dumps(request["notebook"]))
        self.limits: dict[str, Any] = request["limits"]
        self.nursery = nursery
        self.pair = Pair(nursery, self.limits, request["seed"])
        cells, tests = self.notebook["cells"], request["tests"]
        self.cells = given.prepare(cells, tests, request["seed"])
        self.replay: list[given.Cell] = []  # what S has run
        self.asked: list[given.Cell] = []  # what T has run
        self.fatal: set[str] = set()  # the tests that ended a T
        self.printed = 0
        self.started = now()

    def run(self) -> dict[str, Any]:
        """Run all code cells; the notebook, how each cell ended, and the judgement.

        Raises GraderError when the grader's own processes fail.
        """
        runs: dict[str, Run] = {}
        judged: dict[str, Run] = {}
        try:
            self.ready()
            ready_made = self.scan()
            for group in given.grouped(self.cells):
                runs |= {cell.id: self.run_cell(cell) for cell in group}
                judged |= self.judge([cell for cell in group if cell.full], runs)
                for cell in group:
                    if cell.trusted:
                        self.run_given(cell)
        finally:
            self.pair.close()
        return {
            "notebook": json.dumps(self.notebook),
            "runs": {name: asdict(run) for name, run in runs.items()},
            "judged": {name: asdict(run) for name, run in judged.items()},
            "ready_made": ready_made,
            "seconds": now() - self.started,
            "tier": self.nursery.tier.name,
            "mode": self.nursery.mode,
            "cpu": self.pair.cpu,
        }

    # --- time and processes -----------------------------------------------------------

    def left(self) -> float:
        """The seconds that the notebook has left."""
        return self.limits["notebook"] - (now() - self.started)

    def seconds(self) -> float:
        """The seconds that the next cell may take."""
        return max(LEAST, min(self.limits["cell"], self.left()))

    def ready(self) -> Run | None:
        """See that S and T are there and have repeated what they had run.

        None when all is ready; else how the next cell ends without being run.
        """
        while missing := self.pair.missing():
            if self.left() <= 0:
                return OUT_OF_TIME
            if not self.pair.replace(missing):
                return OUT_OF_STARTS
            if STUDENT in missing:
                self.repeat(self.replay, self.command_run)
            if TESTER in missing and STUDENT not in self.pair.missing():
                self.repeat(self.asked, self.ask_again)
        return OUT_OF_TIME if self.left() <= 0 else None

    def repeat(self, cells: list[given.Cell], run: Any) -> None:
        """Run again what had run; what loses its process then is left out for good."""
        for number, cell in enumerate(cells):
            try:
                run(cell)
            except LostError:
                del cells[number:]
                return

    # --- S: the student's cells -------------------------------------------------------

    def scan(self) -> dict[str, str]:
        """The answers that use something ready-made; asked before student code runs."""
        command = {"do": "scan", "cells": given.to_scan(self.notebook["cells"])}
        try:
            end = self.pair.ask(STUDENT, command, min(SCAN_SECONDS, self.left()))
        except LostError as error:
            raise GraderError("the answers could not be read") from error
        if end.get("ended") != "ok":
            raise GraderError(f"the answers could not be read: {end}")
        return dict(end["found"])

    def run_cell(self, cell: given.Cell) -> Run:
        """Run a cell in S, in a new process if the last one was lost."""
        if skipped := self.ready():
            return skipped
        collector = Collector(self.room())
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
        cell.data["execution_count"] = cell.number
        return run

    def command_run(self, cell: given.Cell, collector: Collector | None = None) -> Run:
        """Have S run a cell; LostError if it is lost thereby."""
        command = {
            "do": "run",
            "source": cell.source,
            "forbidden": cell.forbidden,
            "quiet": collector is None,
            "limit": self.room(),
        }
        end = self.pair.ask(STUDENT, command, self.seconds(), collector=collector)
        return run_of(end)

    def room(self) -> int:
        """The bytes that the next cell may print."""
        limit = self.limits["output"]
        return min(limit, max(0, TOTAL * limit - self.printed))

    # --- T: the instructor's cells ----------------------------------------------------

    def run_given(self, cell: given.Cell) -> None:
        """Run a given cell in T too; GraderError if it fails: it is the release's."""
        if self.ready():
            return
        try:
            run = self.ask_given(cell)
        except LostError as lost:
            run = Run(lost.ended)
        if run.ended != "ok":
            said = f"{run.name}: {run.text}" if run.name else run.ended
            raise GraderError(
                f"the given cell '{cell.name}' stopped in the judge's process: {said}"
            )
        self.asked.append(cell)

    def ask_given(self, cell: given.Cell) -> Run:
        """Have T run a given cell; LostError if T is lost thereby."""
        command = {"do": "given", "source": cell.source}
        return run_of(self.pair.ask(TESTER, command, self.seconds()))

    def ask_again(self, cell: given.Cell) -> None:
        """Have a new T run what the last one had run: later tests may use its names."""
        if cell.full is None:
            self.ask_given(cell)
        else:
            self.ask_tests([cell])
            if cell.id in self.fatal:
                raise LostError("died")

    def judge(
        self, cells: Sequence[given.Cell], runs: Mapping[str, Run]
    ) -> dict[str, Run]:
        """Run test cells in full, in T, against S.

        What took all its time in S already is not given as much again.
        """
        judged = {c.id: runs[c.id] for c in cells if runs[c.id].ended == "time"}
        waiting = [cell for cell in cells if cell.id not in judged]
        while waiting:
            if skipped := self.ready():
                return judged | {cell.id: skipped for cell in waiting}
            found = self.ask_tests(waiting)
            self.asked += [c for c in waiting if c.id in found.keys() - self.fatal]
            judged |= found
            waiting = [cell for cell in waiting if cell.id not in judged]
        return judged

    def ask_tests(self, cells: Sequence[given.Cell]) -> dict[str, Run]:
        """Have T ask one copy of S all these tests, until one of them spoils the copy.

        At least the first is judged.
        """
        found: dict[str, Run] = {}
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self.lend(theirs, len(cells), cells[0].forbidden)
            for number, cell in enumerate(cells):
                command = {
                    "do": "test",
                    "source": cell.full,
                    "last": number + 1 == len(cells),
                }
                fds = [] if number else [ours.fileno()]
                try:
                    end = self.pair.ask(TESTER, command, self.seconds(), fds=fds)
                except LostError as lost:
                    found[cell.id] = Run(lost.ended)
                    self.fatal.add(cell.id)
                    break
                found[cell.id] = run = run_of(end)
                if run.ended not in ("ok", "error") or self.left() <= 0:
                    break
        self.take_back()
        return found

    def lend(
        self, sock: socket.socket, tests: int, forbidden: dict[str, Any] | None
    ) -> None:
        """Have S answer at this socket; if it is lost, T will notice."""
        command = {"do": "lend", "forbidden": forbidden}
        seconds = tests * (self.seconds() + GRACE)  # if it cannot lend a copy
        with contextlib.suppress(LostError):
            self.pair.tell(STUDENT, command, seconds, [sock.fileno()])
        sock.close()

    def take_back(self) -> None:
        """Have S end its part of the tests; it is killed if it does not."""
        with contextlib.suppress(LostError):
            self.pair.ask(STUDENT, {"do": "take back"}, GRACE)


def run_of(end: Message) -> Run:
    """A child's word on how it ended, as far as it has the right form."""
    ended, name, text = (end.get(key, "") for key in ("ended", "name", "text"))
    line = end.get("line", 0)
    fine = ended in ENDINGS and isinstance(name, str) and isinstance(text, str)
    if not fine or type(line) is not int:
        return Run("error", "Error", "")
    return Run(ended, name, text, line)
