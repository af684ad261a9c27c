"""The test cells in T, asked of copies of S: which copy, when, and once more.

What a test changes in the student's process is undone, because a copy answers it. Tests
wait for later cells while these cannot change what the tests see: so one copy answers
the tests of several exercises.
"""

import contextlib
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autograder.engine.cell_run import Run, run_of
from autograder.engine.prepare import Cell
from autograder.engine.processes import GRACE, STUDENT, TESTER, LostError
from autograder.engine.schedule import Waiting
from autograder.processes import GraderError

if TYPE_CHECKING:
    from autograder.engine.notebook import Notebook


class Asking:
    """What T does for one notebook."""

    def __init__(self, notebook: "Notebook") -> None:
        self.notebook, self.pair = notebook, notebook.pair
        self.waiting = Waiting()
        self.due: list[Cell] = []  # what T is to run next
        self.asked: list[Cell] = []  # what T has run
        self.fatal: set[str] = set()  # the tests that ended a T
        self.doubted: set[str] = set()  # those to be asked again
        self.judged: dict[str, Run] = {}

    def before(self, cell: Cell) -> None:
        """Judge what is due if this cell could change what the tests see.

        Also when time may become short, and after a loss: what is lost again later has
        to be run again before anything can be asked.
        """
        limits = self.notebook.limits
        short = self.notebook.left() - limits["cell"] < limits["notebook"] / 2
        lost = self.pair.starts[STUDENT] > 1 or STUDENT in self.pair.missing()
        if self.waiting.ends_before(cell, risky=short or lost):
            self.judge()

    def after(self, cell: Cell, run: Run) -> None:
        """Take note of a cell that S has run."""
        self.waiting.note(cell, whole=run.ended == "ok")
        if cell.full is not None and run.ended == "time":
            self.judged[cell.id] = run  # it is not given as much time again
        elif cell.full is not None or cell.trusted:
            self.due.append(cell)

    def judge(self) -> None:
        """Have T run what is due: given cells, and test cells in full.

        Raises GraderError when a given cell fails in T.
        """
        self.waiting.over()
        while self.due:
            skipped = self.notebook.ready()
            if self.due[0].full is not None and not skipped:
                self.ask(self.due)
                continue
            cell = self.due.pop(0)
            if skipped and cell.full is not None:
                self.judged[cell.id] = skipped
            elif not skipped:
                self.give(cell)

    def give(self, cell: Cell) -> None:
        """Run a given cell in T; GraderError if it fails: it is the release's."""
        try:
            run = self.run_given(cell)
        except LostError as lost:
            run = Run(lost.ended)
        if run.ended != "ok":
            said = f"{run.name}: {run.text}" if run.name else run.ended
            raise GraderError(
                f"the given cell '{cell.name}' stopped in the judge's process: {said}"
            )

    def run_given(self, cell: Cell) -> Run:
        """Run a given cell in T; LostError if T is lost thereby."""
        command = {"do": "given", "source": cell.source}
        end = self.pair.ask(TESTER, command, self.notebook.limits["cell"])
        self.asked.append(cell)
        return run_of(end)

    def repeat(self) -> None:
        """Have a new T run what the last one had run: later tests may use its names."""
        before, self.asked = self.asked, []
        judged = dict(self.judged)
        for cell in before:
            try:
                if cell.full is None:
                    self.run_given(cell)
                else:
                    self.ask([cell])
            except LostError:
                break
            if cell.id in self.fatal:
                break
        self.judged |= judged

    def ask(self, due: list[Cell]) -> None:
        """Have T run what is due against one copy of S, until a test spoils the copy.

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
                run, spoiled = self.ask_one(cell, cell is tests[-1], fds)
                if spoiled and run.ended != "time" and served - {cell.exercise}:
                    self.doubted.add(cell.id)
                    break
                due.remove(cell)
                self.judged[cell.id] = run
                if cell.id not in self.fatal:
                    self.asked.append(cell)
                served.add(cell.exercise)
                fds = []
                if spoiled or cell is tests[-1] or self.notebook.left() <= 0:
                    break
        self.take_back()

    def ask_one(self, cell: Cell, last: bool, fds: list[int]) -> tuple[Run, bool]:
        """Have T run one test; how it ended, and whether the copy is spoiled."""
        again = cell.id in self.doubted - self.fatal  # a new T has not begun it
        self.doubted.discard(cell.id)
        self.fatal.discard(cell.id)
        command = {"do": "test", "source": cell.full, "last": last, "again": again}
        try:
            end = self.pair.ask(TESTER, command, self.notebook.seconds(), fds=fds)
        except LostError as lost:
            self.fatal.add(cell.id)
            return Run(lost.ended), True
        return run_of(end), bool(end.get("spoiled"))

    def lend(self, sock: socket.socket, rules: Sequence[Any]) -> None:
        """Have S answer as many tests, with these rules, at this socket.

        If it is lost, T will notice.
        """
        seconds = len(rules) * (self.notebook.seconds() + GRACE)  # if it lends no copy
        command = {"do": "lend", "forbidden": list(rules)}
        with contextlib.suppress(LostError):
            self.pair.tell(STUDENT, command, seconds, [sock.fileno()])
        sock.close()

    def take_back(self) -> None:
        """Have S end its part of the tests; it is killed if it does not."""
        with contextlib.suppress(LostError):
            self.pair.ask(STUDENT, {"do": "take back"}, GRACE)
