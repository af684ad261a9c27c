"""Exceptions cross as a name and a text, and only some names.

A name that a test could take for a verdict (AssertionError, StopIteration, what ends
Python) becomes RuntimeError on the way.
"""

import builtins
from typing import Any

from autograder.channel.frames import ProtocolError

LONGEST = 2000  # characters
NAMES = (
    *("ArithmeticError", "AttributeError", "BufferError", "EOFError"),
    *("FileNotFoundError", "FloatingPointError", "ImportError", "IndexError"),
    *("KeyError", "LookupError", "MemoryError", "ModuleNotFoundError", "NameError"),
    *("NotImplementedError", "OSError", "OverflowError", "PermissionError"),
    *("RecursionError", "RuntimeError", "SyntaxError", "TimeoutError", "TypeError"),
    *("UnboundLocalError", "UnicodeError", "ValueError", "ZeroDivisionError"),
)
CROSSING = {name: getattr(builtins, name) for name in NAMES}


def describe(error: BaseException) -> list[str]:
    """Return the name under which an exception crosses, and its text."""
    own = type(error).__name__
    for kind in type(error).__mro__:
        if CROSSING.get(kind.__name__) is kind:
            text = text_of(error)
            return [kind.__name__, text if kind is type(error) else f"{own}: {text}"]
    return ["RuntimeError", f"{own}: {text_of(error)}".rstrip(": ")]


def text_of(error: BaseException) -> str:
    """Return an exception's text, as much of it as a person reads."""
    try:
        only = len(error.args) == 1 and type(error) is KeyError
        text = str(error.args[0] if only else error)
    except Exception:
        text = ""
    return text[:LONGEST].encode("utf-8", "replace").decode("utf-8")


def rebuild(described: Any) -> Exception:
    """Return the exception that was described; ProtocolError if it may not cross."""
    if (
        type(described) is not list
        or len(described) != 2
        or not all(type(part) is str for part in described)
    ):
        raise ProtocolError("an exception is malformed")
    name, text = described
    if name not in CROSSING:
        raise ProtocolError("an exception has a name that may not cross")
    return CROSSING[name](text[:LONGEST])
