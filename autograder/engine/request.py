"""What the engine is asked, and what it answers: both stay inside one process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from autograder.model import CellRun, Limits


class UnreadableError(Exception):
    """The student's cells cannot be read before they run: no grade can be given."""


@dataclass(frozen=True)
class Request:
    """A notebook to run and judge.

    `notebook` is the rebuilt notebook as JSON has it; `tests` are the full test cells,
    by grade_id. `files` lie beside it in both processes: path → content in base64.
    None of them is changed.
    """

    notebook: Mapping[str, Any]
    tests: Mapping[str, str]
    limits: Limits = field(default_factory=Limits)
    seed: int = 0
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """How a notebook ran and was judged.

    `notebook` is the run notebook as JSON text, without hidden tests. `runs` and
    `judged` say by cell id how each cell ended in the student process and each test
    cell in the test process. `ready_made` holds the answers that use something
    ready-made: cell id → module; `binds` the names that a cell of the student's binds,
    where that could be read. `seconds` is wall time, `cpu` is processor time. `share`
    is the part of a cell's limit that the longest cell took. `starved` says that
    something was stopped to which the machine had given too little: alone, it might
    have ended otherwise.
    """

    notebook: str
    runs: Mapping[str, CellRun]
    judged: Mapping[str, CellRun]
    ready_made: Mapping[str, str]
    seconds: float
    tier: str
    mode: str
    cpu: float
    share: float = 0.0
    starved: bool = False
    binds: Mapping[str, frozenset[str]] = field(default_factory=dict)
