"""How one cell ended, in S or in T."""

from dataclasses import dataclass

from autograder.engine.control import Message

ENDINGS = ("ok", "error", "time", "died")


@dataclass(frozen=True)
class Run:
    """How one cell ended: ok, error, time (ran too long), died, or skipped."""

    ended: str
    name: str = ""  # of the exception
    text: str = ""  # of the exception, plain
    line: int = 0  # of a test cell, where it stopped; 0 is unknown
    value: float | None = None  # of a test cell, the number in its last line


def run_of(end: Message) -> Run:
    """A child's word on how it ended, as far as it has the right form."""
    ended, name, text = (end.get(key, "") for key in ("ended", "name", "text"))
    line = end.get("line", 0)
    fine = ended in ENDINGS and isinstance(name, str) and isinstance(text, str)
    if not fine or type(line) is not int:
        return Run("error", "Error", "")
    value = end.get("value")
    return Run(ended, name, text, line, value if type(value) is float else None)
