"""The data that the passes hand to each other: plain, frozen, kept as JSON."""

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

PORT = 8899  # of formgrader, unless `autograder serve` is told another


class CourseError(Exception):
    """A person's mistake: one sentence that says what was expected and what came."""


class GradebookAwayError(CourseError):
    """The gradebook's database does not open: it may be back in a moment."""


class Outcome(StrEnum):
    """How the grading of one submission ended; the three are never mixed."""

    GRADED = "graded"  # judged: a wrong answer, an endless loop and a crash are here
    INVALID = "invalid"  # refused, with a reason that the student can act on
    FAILED = "failed"  # the grader failed, not the student


@dataclass(frozen=True)
class Limits:
    """What one submission may use; wall times in seconds, sizes in bytes."""

    cell: float = 60.0
    notebook: float = 300.0
    output: int = 1_000_000  # kept of one cell's output
    memory: int = 2 * 1024**3  # of all its processes together
    disk: int = 256 * 1024**2  # of all that it writes, which is in memory
    gpu: bool = False  # a fresh process that sees the GPU, on a worker that has one


@dataclass(frozen=True)
class Submission:
    """What one student handed in for one assignment, byte for byte."""

    student: str
    assignment: str
    filename: str
    content: bytes
    received: str | None = None  # ISO time, from the LMS or the collector

    @property
    def key(self) -> str:
        """The sha256 of the content, in hex."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class CellRun:
    """How one cell ended: ok, error, time (ran too long), died, or skipped."""

    ended: str
    name: str = ""  # of the exception
    text: str = ""  # of the exception, plain
    line: int = 0  # of a test cell, where it stopped, from 1; 0 is unknown
    value: float | None = None  # of a test cell, the number in its last line


@dataclass(frozen=True)
class CellResult:
    """The points of one graded cell, and what the student may know about them.

    `points` of a manual cell is 0 here: a person's score lives in the gradebook.
    `idea`, `mistake`, `hint` and `read` (the section that explains it) come from the
    check that failed. `error` is one line, and only ever from visible tests or the
    student's own cells. `alike` is for the instructor: the same for answers that a
    test, its hidden part included, refused in the same words; a hash, in hex.
    """

    grade_id: str
    title: str
    manual: bool
    points: float
    max_points: float
    idea: str | None = None
    mistake: str | None = None
    hint: str | None = None
    error: str | None = None
    read: str | None = None
    alike: str | None = None


@dataclass(frozen=True)
class Result:
    """The grade of one submission, as the journal, the feedback and the report read it.

    `reason` says why the outcome is not GRADED, or what went wrong on the way (a cell
    that ran out of time). `notebook` is the executed notebook as JSON text without
    hidden tests; None when nothing ran. `key` is the hash of the content, the tests
    and the seed: the same key need not be graded again.
    """

    student: str
    assignment: str
    outcome: Outcome
    cells: tuple[CellResult, ...] = ()
    repairs: tuple[str, ...] = ()
    reason: str | None = None
    seconds: float = 0.0
    notebook: str | None = None
    key: str = ""
    filename: str = ""
    tier: str = ""  # of the sandbox in which it ran
    mode: str = ""  # "warm" or "fresh" processes
    cpu: float = 0.0  # seconds of processor time
    note: str | None = None  # the collector's word
    exam: str = ""  # the exam's key
    content: str = ""  # the submission's key
    ran_out: dict[str, float] | None = None  # the limits, if one of them was met
    share: float = 0.0  # of a cell's limit, what its longest cell took
    beside: str = ""  # the key of what was handed in beside the notebook

    @property
    def points(self) -> float:
        """The points that the tests gave; manual cells count nothing here."""
        return sum(cell.points for cell in self.cells)

    @property
    def max_points(self) -> float:
        """The points of all cells, manual ones included."""
        return sum(cell.max_points for cell in self.cells)

    def to_json(self) -> str:
        """Write as JSON text; `from_json` gives back an equal Result."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; ValueError says what is not a Result."""
        try:
            fields = json.loads(text)
        except ValueError as error:
            raise ValueError(f"not the JSON of a Result: {error}") from error
        return cls.from_plain(fields)

    @classmethod
    def from_plain(cls, fields: dict[str, Any]) -> Self:
        """Make one of its fields as JSON holds them; ValueError for other ones."""
        try:
            fields["outcome"] = Outcome(fields["outcome"])
            fields["cells"] = tuple(CellResult(**cell) for cell in fields["cells"])
            fields["repairs"] = tuple(fields["repairs"])
            return cls(**fields)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not the JSON of a Result: {error}") from error
