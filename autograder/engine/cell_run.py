"""How one cell ended, in the student process or in the test process."""

from autograder.engine.control import Message
from autograder.model import CellRun

ENDINGS = ("ok", "error", "time", "died")


def run_of(end: Message) -> CellRun:
    """A child's report of how it ended, as far as it has the right form."""
    ended, name, text = (end.get(key, "") for key in ("ended", "name", "text"))
    line = end.get("line", 0)
    fine = ended in ENDINGS and isinstance(name, str) and isinstance(text, str)
    if not fine or type(line) is not int:
        return CellRun("error", "Error", "")
    value = end.get("value")
    return CellRun(ended, name, text, line, value if type(value) is float else None)
