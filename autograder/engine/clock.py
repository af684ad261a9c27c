"""The time that a notebook may take, and the share of it that no test can lose.

Time is what a cell had of a processor, or slept: not what it waited for one.
"""

import time

from autograder.model import CellRun, Limits

LEAST = 0.1  # seconds
BACKSTOP = 10.0  # wall time, as a multiple of a limit, is too much on any machine


def now() -> float:
    """Seconds on a clock that nobody sets."""
    return time.monotonic()


def longest(limits: Limits) -> float:
    """The seconds on the wall after which a notebook's run ends on any machine."""
    return BACKSTOP * limits.notebook


class Clock:
    """Counts what each of a notebook's `parts` uses: a test, and what leads to it.

    All together have the notebook's limit. When it is used up, a part still has what
    an equal division would have given it: so one that never ends takes nothing from
    the others, and all of it takes at most twice the limit.
    """

    def __init__(self, limits: Limits, parts: int) -> None:
        self.limits = limits
        self.started = now()
        self.share = limits.notebook / max(1, parts)
        self.used = 0.0
        self.excused = 0.0  # until what was to stop had stopped
        self.spent: dict[int, float] = {}
        self.part = 0
        self.granted = limits.cell  # the seconds that the last cell could have

    def turn(self, part: int) -> None:
        """From here on time is this part's."""
        self.part = part

    def charge(self, seconds: float) -> None:
        """Count time that was used."""
        self.used += seconds
        self.spent[self.part] = self.spent.get(self.part, 0.0) + seconds

    def passed(self) -> float:
        """The seconds since the start, by the clock on the wall."""
        return now() - self.started

    @property
    def stuck(self) -> bool:
        """Whether the machine gives this notebook too little to go on."""
        return self.passed() - self.excused > longest(self.limits)

    def unused(self) -> float:
        """What the notebook has left of its own limit, in seconds."""
        return self.limits.notebook - self.used

    def left(self) -> float:
        """The seconds that the present part has left."""
        if self.stuck:
            return 0.0
        return max(self.unused(), self.share - self.spent.get(self.part, 0.0))

    def seconds(self) -> float:
        """The seconds that the next cell may take."""
        self.granted = max(LEAST, min(self.limits.cell, self.left()))
        return self.granted

    def explained(self, run: CellRun) -> CellRun:
        """How a cell ended, with the seconds that it had if these were fewer."""
        if run.ended == "time" and self.granted < self.limits.cell:
            return CellRun("time", text=f"{self.granted:.3g}")
        return run
