"""The two processes of a notebook: waited for with limits, and replaced."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from autograder.engine.clock import Clock, now
from autograder.engine.control import Message, WireError
from autograder.engine.handle import Child
from autograder.engine.receive_outputs import Collector
from autograder.engine.spawn import Launcher, await_any
from autograder.engine.timer import Timer
from autograder.model import CellRun
from autograder.processes import GraderError
from autograder.sandbox import Box

GRACE = 2.0  # seconds to stop by itself, after the alarm
RESTART = 1.0  # seconds at most that a new process counts: not what a machine takes
TICK = 0.1  # seconds before the first look at what a command uses
LOOK = 0.5  # seconds between two looks
AGAIN = 1.0  # seconds until the alarm rings once more: one may be swallowed
THREADS = 4  # at work side by side, in a notebook whose whole time is just enough
SPOKEN = 40_000_000  # bytes that are read of one process besides outputs
TOTAL = 10  # the whole notebook may print this many times what one cell may
STUDENT, TESTER = "student", "tester"
OUT_OF_TIME = CellRun("skipped", text="notebook")


class LostError(Exception):
    """A process is no more as it was: it took too long (time), or ended (died)."""

    def __init__(self, ended: str) -> None:
        super().__init__(ended)
        self.ended = ended


class Pair:
    """The student process and the test process, which may be lost and replaced.

    `repeat` holds for each what makes a new one repeat what the last one had run.
    Where one was lost, it is kept as it is before each further cell: a second loss
    repeats nothing. `files` are written into the home folder of each new one.
    """

    def __init__(
        self,
        launcher: Launcher,
        clock: Clock,
        seed: int,
        files: Mapping[str, str] | None = None,
    ) -> None:
        self.launcher, self.clock, self.seed = launcher, clock, seed
        self.files = files or {}
        self.limits = clock.limits
        self.repeat: dict[str, Callable[[], None]] = {}
        self.children: dict[str, Child] = {}
        self.starts = {STUDENT: 0, TESTER: 0}
        self.cpu = 0.0
        self.largest = 0.0  # the largest command's time, as a share of a cell's limit
        self.starved = False  # something was stopped that the machine gave too little

    def __getitem__(self, role: str) -> Child:
        """The process in this role; LostError if there is none."""
        if role not in self.children:
            raise LostError("died")
        return self.children[role]

    def missing(self) -> list[str]:
        """The roles in which nobody is any more."""
        there = self.children
        return [
            role
            for role in self.starts
            if role not in there or (there[role].gone and not there[role].go_back())
        ]

    def ready(self, keep: str = "") -> CellRun | None:
        """See that both are there and have repeated what they had run.

        One that was lost before is also kept as it is now, if it is the one to `keep`.
        None when all is ready; else how the next cell ends without being run.
        """
        while self.clock.left() > 0:
            if missing := self.missing():
                self.replace(missing)
                if STUDENT in missing:
                    self.repeat[STUDENT]()
                if TESTER in missing and STUDENT not in self.missing():
                    self.repeat[TESTER]()
                continue
            try:
                self.keep(keep)
            except LostError:
                continue
            return None
        self.starved = self.starved or self.clock.stuck
        return OUT_OF_TIME

    def replace(self, roles: Sequence[str]) -> None:
        """Start new processes in these roles."""
        started = now()
        for role in roles:
            self.end(role)
            self.starts[role] += 1
        most = SPOKEN + 4 * TOTAL * self.limits.output
        boxes = dict.fromkeys(roles, self.box())
        self.children |= self.launcher.children(boxes, self.seed, most)
        for role in roles:
            self.write_files(role)
        if any(self.starts[role] > 1 for role in roles):
            self.clock.charge(min(RESTART, now() - started))

    def write_files(self, role: str) -> None:
        """Put the assignment's files where a new process is; GraderError if not."""
        for path, content in self.files.items():
            command = {"do": "write", "path": path, "content": content}
            try:
                end = self.ask(role, command, self.limits.cell)
            except LostError as error:
                raise GraderError(f"'{path}' could not be written: {error}") from error
            if end.get("ended") != "ok":
                raise GraderError(f"'{path}' could not be written: {end.get('text')}")

    def keep(self, role: str) -> None:
        """Keep a process that was lost before as it is now; LostError if it is lost."""
        if self.starts.get(role, 0) > 1:
            end = self.ask(role, {"do": "copy"}, GRACE)
            if end.get("copied") is True:
                self[role].keep()

    def box(self) -> Box:
        """What each of them may use."""
        gpu = sorted(map(str, Path("/dev").glob("nvidia*")))
        return Box(
            memory=self.limits.memory,
            disk=self.limits.disk,
            cpu=THREADS * self.limits.notebook,
            devices=tuple(gpu) if self.limits.gpu else (),
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
        """Have a process do something; its own report of how that ended.

        It is interrupted after so many seconds, and killed if it does not stop.
        Raises LostError then, and when it ends.
        """
        self.tell(role, command, fds)
        watches = [child.watch for child in self.children.values()]
        timer = Timer(watches if role == TESTER else [self[role].watch], seconds)
        try:
            return self.await_end(role, timer, collector)
        finally:
            self.clock.charge(timer.counted)
            self.largest = max(self.largest, timer.counted / self.limits.cell)

    def tell(self, role: str, command: Message, fds: Sequence[int] = ()) -> None:
        """Have a process begin something; LostError if it does not take the command."""
        try:
            self[role].command(command, fds)
        except WireError:
            raise self.lost(role, "died") from None

    def await_end(
        self, role: str, timer: Timer, collector: Collector | None = None
    ) -> Message:
        """Wait for the end of what was begun, with an eye on time and memory."""
        child, due = self[role], now() + TICK
        rung: Timer | None = None  # since it was interrupted
        while True:
            gone = child.gone
            end = self.listen(role, collector)
            if end is not None:
                return end
            if gone:
                raise self.lost(role, "died")
            if now() > due:
                due = now() + LOOK
                self.look(timer)
            if timer.over:
                rung = rung or self.interrupt(child, timer)
                if rung.wall > GRACE:
                    rung.look()
                if rung.over:
                    self.clock.excused += rung.wall
                    raise self.lost(role, "time")
                if rung.wall > AGAIN:
                    child.interrupt()
            await_any([child], TICK)

    def interrupt(self, child: Child, timer: Timer) -> Timer:
        """Tell a process that its time is up; what counts the time that it then has."""
        self.starved = self.starved or timer.starved
        child.interrupt()
        rest = Timer(timer.watches, GRACE)
        rest.look()
        return rest

    def look(self, timer: Timer) -> None:
        """See what is used, and let it be neither too much memory nor other's time."""
        timer.look()
        for child in self.children.values():
            child.take_one_share()
            over = not child.gone and child.watch.over(self.limits.memory)
            if over and not child.go_back():
                child.kill()  # its end is noticed later

    def listen(self, role: str, collector: Collector | None) -> Message | None:
        """Take a process's messages; its last one, when it has come."""
        try:
            for message in self[role].messages():
                if collector is not None and "outputs" in message:
                    collector.add(message["outputs"])
                if isinstance(message.get("end"), dict):
                    return message["end"]
        except WireError:
            raise self.lost(role, "died") from None
        return None

    def lost(self, role: str, ended: str) -> LostError:
        """Set a process back to what was kept, or kill it; the error that says so."""
        if not self[role].go_back():
            self[role].kill()
        return LostError(ended)
