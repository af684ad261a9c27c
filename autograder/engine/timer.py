"""The time that one command has had, on a machine that others use, too."""

from collections.abc import Sequence

from autograder.engine.clock import BACKSTOP, now
from autograder.sandbox import Use, Watch


class Timer:
    """Counts what the watched families had of a processor, or slept.

    What they waited for a processor is not counted: a busy machine takes no points. The
    first `look` comes a moment after the start, and what went before counts in full.
    """

    def __init__(self, watches: Sequence[Watch], seconds: float) -> None:
        self.watches, self.seconds = watches, seconds
        self.started = now()
        self.begun = 0.0  # wall time of the first look
        self.first: Use | None = None
        self.latest: Use | None = None

    def look(self) -> None:
        """Take note of what they have used."""
        use = sum((watch.used() for watch in self.watches), Use())
        if self.first is None:
            self.first, self.begun = use, now() - self.started
        self.latest = use

    @property
    def wall(self) -> float:
        """The seconds since the start."""
        return now() - self.started

    @property
    def counted(self) -> float:
        """The seconds that count; never more than there were."""
        wall = self.wall
        if self.first is None:
            return wall
        late = wall - self.begun
        processor = self.latest.processor - self.first.processor
        if self.latest.waited is None or self.first.waited is None:
            return self.begun + min(late, processor)
        waited = self.latest.waited - self.first.waited
        return self.begun + min(late, max(processor, late - waited))

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self.wall > self.seconds and (
            self.counted > self.seconds or self.starved
        )

    @property
    def starved(self) -> bool:
        """Whether the machine gave too little for too long."""
        return self.wall > BACKSTOP * self.seconds and self.counted <= self.seconds
