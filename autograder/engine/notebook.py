"""The run of one notebook: its cells in the student process, its tests in the other.

A cell that fails, never ends or ends its process is noted, and the cells after it
still run; a new process first repeats what had run before, without that cell.
"""

import copy
import json

from autograder.engine import prepare
from autograder.engine.cell_run import run_of
from autograder.engine.clock import Clock
from autograder.engine.pair import STUDENT, TESTER, TOTAL, LostError, Pair
from autograder.engine.receive_outputs import Collector
from autograder.engine.request import Answer, Request, UnreadableError
from autograder.engine.spawn import Launcher
from autograder.engine.test_cells import GIVEN_UP, Asking
from autograder.model import CellRun
from autograder.static_analysis.effects import Facts

SCAN_SECONDS = 20.0


class Notebook:
    """One notebook's run; its processes may be lost and replaced."""

    def __init__(self, request: Request, launcher: Launcher) -> None:
        self.notebook = copy.deepcopy(dict(request.notebook))
        self.launcher = launcher
        cells = self.notebook["cells"]
        self.cells = prepare.prepare(cells, request.tests, request.seed)
        self.clock = Clock(request.limits, sum(c.full is not None for c in self.cells))
        self.pair = Pair(launcher, self.clock, request.seed, request.files)
        self.replay: list[prepare.Cell] = []  # what the student process has run
        names = prepare.names_of(tuple(request.tests.values()))
        self.asking = Asking(self.clock, self.pair, names)
        self.pair.repeat = {STUDENT: self.repeat, TESTER: self.asking.repeat}
        self.printed = 0

    def run(self) -> Answer:
        """Run all code cells; the notebook, how each cell ended, and the judgement.

        Raises GraderError when the grader's own processes fail.
        """
        runs: dict[str, CellRun] = {}
        try:
            self.pair.ready()
            ready_made = self.scan()
            for cell in self.cells:
                self.asking.before(cell)
                self.clock.turn(cell.part)
                runs[cell.id] = self.run_cell(cell)
                self.asking.after(cell, runs[cell.id])
            self.asking.judge()
            judged = self.asking.judged
        finally:
            self.pair.close()
        return Answer(
            notebook=json.dumps(self.notebook),
            runs=runs,
            judged=judged,
            ready_made=ready_made,
            binds=self.binds(),
            seconds=self.clock.passed(),
            tier=self.launcher.tier.name,
            mode=self.launcher.mode,
            cpu=self.pair.cpu,
            share=self.pair.largest,
            starved=self.pair.starved,
        )

    def binds(self) -> dict[str, frozenset[str]]:
        """What each of the student's cells binds, as far as that could be read."""
        own = self.asking.waiting.own
        return {name: facts.bound for name, facts in own.items() if facts}

    def repeat(self) -> None:
        """Have a new student process run what had run.

        What loses it then is left out for good.
        """
        for cell in tuple(self.replay):
            try:
                self.command_run(cell)
            except LostError:
                self.replay.remove(cell)
                return

    def scan(self) -> dict[str, str]:
        """Have the student's cells read, before any of them runs.

        The answers that use something ready-made; what each cell does is noted.
        Raises UnreadableError when the reader is lost: it runs where they run, and a
        source can be made for that. Then nothing is known, which is not that nothing
        was found.
        """
        command = {"do": "scan", "cells": prepare.to_scan(self.notebook["cells"])}
        try:
            end = self.pair.ask(STUDENT, command, min(SCAN_SECONDS, self.clock.left()))
        except LostError as error:
            raise UnreadableError(error.ended) from error
        if end.get("ended") != "ok":
            raise UnreadableError(end.get("ended"))
        facts = {key: Facts.from_plain(each) for key, each in end["facts"].items()}
        self.asking.waiting.own = facts
        return dict(end["found"])

    def run_cell(self, cell: prepare.Cell) -> CellRun:
        """Run a cell, in a new process if the last one was lost."""
        if self.asking.is_given_up(cell):
            return GIVEN_UP
        if skipped := self.pair.ready(keep=STUDENT):
            return skipped
        collector = Collector(self.room())
        before = collector.left
        try:
            run = self.command_run(cell, collector)
        except LostError as lost:
            run = self.clock.explained(CellRun(lost.ended))
        else:
            if cell.full is None or run.ended != "time":
                self.replay.append(cell)
        self.printed += before - collector.left
        cell.data["outputs"] = collector.result()
        cell.data["execution_count"] = cell.number
        return run

    def command_run(
        self, cell: prepare.Cell, collector: Collector | None = None
    ) -> CellRun:
        """Have the student process run a cell; LostError if it is lost thereby."""
        command = {
            "do": "run",
            "source": cell.source,
            "forbidden": cell.forbidden,
            "quiet": collector is None,
            "limit": self.room(),
        }
        seconds = self.clock.seconds()
        end = self.pair.ask(STUDENT, command, seconds, collector=collector)
        return self.clock.explained(run_of(end))

    def room(self) -> int:
        """The bytes that the next cell may print."""
        limit = self.clock.limits.output
        return min(limit, max(0, TOTAL * limit - self.printed))
