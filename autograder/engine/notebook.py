"""The run of one notebook: its cells in S, its test cells in T too, and the clock.

A cell that fails, never ends or ends its process is noted, and the cells after it
still run; a new process first repeats what had run before, without that cell.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from autograder.engine import prepare as given
from autograder.engine.cell_run import Run, run_of
from autograder.engine.processes import STUDENT, TESTER, TOTAL, LostError, Pair
from autograder.engine.receive_outputs import Collector
from autograder.engine.spawn import Nursery, now
from autograder.engine.test_cells import Asking
from autograder.processes import GraderError
from autograder.static_analysis.effects import Facts

SCAN_SECONDS = 20.0
LEAST = 0.1  # seconds
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
        self.asking = Asking(self)
        self.printed = 0
        self.started = now()

    def run(self) -> dict[str, Any]:
        """Run all code cells; the notebook, how each cell ended, and the judgement.

        Raises GraderError when the grader's own processes fail.
        """
        runs: dict[str, Run] = {}
        try:
            self.ready()
            ready_made = self.scan()
            for cell in self.cells:
                self.asking.before(cell)
                runs[cell.id] = self.run_cell(cell)
                self.asking.after(cell, runs[cell.id])
            self.asking.judge()
            judged = self.asking.judged
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
                self.repeat()
            if TESTER in missing and STUDENT not in self.pair.missing():
                self.asking.repeat()
        return OUT_OF_TIME if self.left() <= 0 else None

    def repeat(self) -> None:
        """Have a new S run what had run; what loses it then is left out for good."""
        for number, cell in enumerate(self.replay):
            try:
                self.command_run(cell)
            except LostError:
                del self.replay[number:]
                return

    # --- S: the student's cells -------------------------------------------------------

    def scan(self) -> dict[str, str]:
        """Have the student's cells read, before any of them runs.

        The answers that use something ready-made; what each cell does is noted.
        """
        command = {"do": "scan", "cells": given.to_scan(self.notebook["cells"])}
        try:
            end = self.pair.ask(STUDENT, command, min(SCAN_SECONDS, self.left()))
        except LostError as error:
            raise GraderError("the answers could not be read") from error
        if end.get("ended") != "ok":
            raise GraderError(f"the answers could not be read: {end}")
        facts = {key: Facts.from_plain(each) for key, each in end["facts"].items()}
        self.asking.waiting.own = facts
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
