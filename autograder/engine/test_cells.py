"""The test cells, asked of copies of the student process: which copy, and when.

What a test changes in the student's process is undone, because a copy answers it. Tests
wait for later cells while these cannot change what the tests see: so one copy answers
the tests of several exercises.
"""

import contextlib
import socket
from collections.abc import Sequence
from typing import Any

from autograder.engine.cell_run import run_of
from autograder.engine.clock import BACKSTOP, Clock
from autograder.engine.pair import GRACE, STUDENT, TESTER, LostError, Pair
from autograder.engine.prepare import Cell
from autograder.engine.schedule import Waiting, needed_by
from autograder.model import CellRun
from autograder.processes import GraderError

GIVEN_UP = CellRun("skipped", text="exercise")


class Asking:
    """What the test process does for one notebook.

    `own` are the names that some test cell binds: a student is never asked for them.
    """

    def __init__(self, clock: Clock, pair: Pair, own: list[str]) -> None:
        self.clock, self.pair, self.own = clock, pair, own
        self.waiting = Waiting()
        self.due: list[Cell] = []  # what the test process is to run next
        self.asked: list[Cell] = []  # what it has run
        self.fatal: set[str] = set()  # the tests that ended one
        self.to_repeat: set[str] = set()  # those to be asked again
        self.judged: dict[str, CellRun] = {}
        self.given_up: list[tuple[int, frozenset[str]]] = []  # exercises, and names

    def before(self, cell: Cell) -> None:
        """Judge what is due if this cell could change what the tests see.

        Also when time may become short, and after a loss: what is lost again later has
        to be run again before anything can be asked.
        """
        limits = self.clock.limits
        short = self.clock.unused() - limits.cell < limits.notebook / 2
        lost = self.pair.starts[STUDENT] > 1 or STUDENT in self.pair.missing()
        if self.waiting.ends_before(cell, risky=short or lost):
            self.judge()

    def after(self, cell: Cell, run: CellRun) -> None:
        """Take note of a cell that the student process has run."""
        self.waiting.note(cell, whole=run.ended == "ok")
        if cell.full is not None and (run.ended == "time" or run is GIVEN_UP):
            self.judge_as(cell, run)  # it is not given as much time again
        elif cell.full is not None or cell.trusted:
            self.due.append(cell)

    def judge_as(self, cell: Cell, run: CellRun) -> None:
        """Note how a test ended; one that was lost is the last of its exercise."""
        self.judged[cell.id] = run
        if run.ended in ("time", "died"):
            self.given_up.append((cell.exercise, self.names(cell)))

    def is_given_up(self, cell: Cell) -> bool:
        """Whether a test of the same exercise, on the same names, was lost before."""
        return cell.full is not None and any(
            exercise == cell.exercise and names & self.names(cell)
            for exercise, names in self.given_up
        )

    def names(self, cell: Cell) -> frozenset[str]:
        """What a test asks for that the student's own cells bind."""
        own = (facts.bound for facts in self.waiting.own.values() if facts)
        return needed_by(cell.full) & frozenset().union(*own)

    def judge(self) -> None:
        """Have what is due run: given cells, and test cells in full.

        Raises GraderError when a given cell fails in the test process.
        """
        self.waiting.over()
        while self.due:
            self.clock.turn(self.due[0].part)
            if self.is_given_up(self.due[0]):
                cell = self.due.pop(0)
                self.judged[cell.id] = GIVEN_UP
                continue
            skipped = self.pair.ready(keep=TESTER)
            if self.due[0].full is not None and not skipped:
                self.ask(self.due)
                continue
            cell = self.due.pop(0)
            if skipped and cell.full is not None:
                self.judged[cell.id] = skipped
            elif not skipped:
                self.give(cell)

    def give(self, cell: Cell) -> None:
        """Run a given cell beside the tests; GraderError if it fails."""
        try:
            run = self.run_given(cell)
        except LostError as lost:
            run = CellRun(lost.ended)
        if run.ended != "ok":
            how = f"{run.name}: {run.text}" if run.name else run.ended
            raise GraderError(
                f"the given cell '{cell.name}' stopped in the judge's process: {how}"
            )

    def run_given(self, cell: Cell) -> CellRun:
        """Run a given cell beside the tests; LostError if it ends the process."""
        command = {"do": "given", "source": cell.source}
        end = self.pair.ask(TESTER, command, self.clock.limits.cell)
        self.asked.append(cell)
        return run_of(end)

    def repeat(self) -> None:
        """Have a new test process run what the last one had: later tests may use it."""
        before, self.asked = self.asked, []
        judged = dict(self.judged)
        for cell in before:
            try:
                if cell.full is None:
                    self.run_given(cell)
                elif judged[cell.id].ended in ("ok", "error"):
                    self.ask([cell])
            except LostError:
                break
            if cell.id in self.fatal:
                break
        self.judged |= judged

    def ask(self, due: list[Cell]) -> None:
        """Have what is due run against one copy, until a test spoils the copy.

        A test that breaks the copy after those of another exercise is not judged yet:
        what they have left behind may be to blame. It is the next copy's first one.
        What has run is no longer due.
        """
        tests = [cell for cell in due if cell.full is not None]
        served: set[int] = set()  # the exercises of which the copy knows
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self.lend(theirs, [cell.forbidden for cell in tests])
            fds = [ours.fileno()]
            for cell in list(due):
                if cell.full is None:
                    if TESTER in self.pair.missing():
                        break
                    self.give(cell)
                    due.remove(cell)
                    continue
                if self.is_given_up(cell):
                    break
                last = cell is tests[-1] or self.pair.starts[TESTER] > 1
                run, spoiled = self.ask_one(cell, last, fds)
                if spoiled and run.ended != "time" and served - {cell.exercise}:
                    self.to_repeat.add(cell.id)
                    break
                due.remove(cell)
                self.judge_as(cell, run)
                if cell.id not in self.fatal:
                    self.asked.append(cell)
                served.add(cell.exercise)
                fds = []
                if spoiled or last or self.clock.left() <= 0:
                    break
        self.take_back()

    def ask_one(self, cell: Cell, last: bool, fds: list[int]) -> tuple[CellRun, bool]:
        """Have one test run; how it ended, and whether the copy is spoiled."""
        again = cell.id in self.to_repeat - self.fatal  # a new process has not begun it
        self.to_repeat.discard(cell.id)
        self.fatal.discard(cell.id)
        self.clock.turn(cell.part)
        seconds = self.clock.seconds()
        command = {"do": "test", "source": cell.full, "last": last, "again": again}
        command["patience"] = BACKSTOP * (seconds + GRACE)
        command["own"] = self.own
        try:
            end = self.pair.ask(TESTER, command, seconds, fds=fds)
        except LostError as lost:
            self.fatal.add(cell.id)
            return self.clock.explained(CellRun(lost.ended)), True
        return self.clock.explained(run_of(end)), end.get("spoiled") is not False

    def lend(self, sock: socket.socket, rules: Sequence[Any]) -> None:
        """Have the student process answer as many tests, with these rules.

        If it is lost, the test process will notice.
        """
        command = {"do": "lend", "forbidden": list(rules)}
        with contextlib.suppress(LostError):
            self.pair.tell(STUDENT, command, [sock.fileno()])
        sock.close()

    def take_back(self) -> None:
        """Have the student process end the copy; it is killed if it does not."""
        with contextlib.suppress(LostError):
            self.pair.ask(STUDENT, {"do": "take back"}, GRACE)
