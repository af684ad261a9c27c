"""What to write instead where a test asks for what stays in the student's process.

A test sees plain values. The reference solution fails a test that asks for more, and
the instructor is told what it was, and another way to ask.
"""

import re

from autograder.judge.read_file import one_line
from autograder.model import CellRun

STAYS = re.compile(r"<a student's object of type (\w+)>")
TOO_LARGE = "to be passed on"
UNNAMED = re.compile(r"^name '(\w+)' is not defined")
CROSSES = (
    "A test sees numbers, texts, dates, lists, dictionaries, arrays, and tables whose "
    "columns hold these."
)
TABLE = "A table crosses if it is a plain DataFrame or Series with such columns."
PICTURE = "Let one function return what is drawn, test that, and let another draw it."
ITEMS = "Write `list(f(x))` in the test."
CALL = "Call it in the test, and check what it returns."
OTHER = (
    "Ask for a part of it in the test, `f(x).name`, `f(x)[0]`, `len(f(x))`, "
    "`list(f(x))`, or let the function return such a value."
)
INSTEAD = {
    **dict.fromkeys(("DataFrame", "Series", "Index", "MultiIndex"), TABLE),
    **dict.fromkeys(("Figure", "Axes", "AxesImage", "Line2D"), PICTURE),
    **dict.fromkeys(("generator", "map", "filter", "zip", "enumerate"), ITEMS),
    **dict.fromkeys(("reversed", "dict_keys", "dict_values", "dict_items"), ITEMS),
    **dict.fromkeys(("function", "method", "builtin_function_or_method"), CALL),
}


def in_full(run: CellRun) -> str:
    """How a test of the instructor's own ended, with what to write instead."""
    said = f"{run.name}: {one_line(run.text)}".rstrip(":. ")
    return " ".join([f"({said}).", *instead(run)])


def instead(run: CellRun) -> list[str]:
    """What to write instead, as sentences; none if all that was asked for crosses."""
    if found := STAYS.search(run.text):
        kind = found[1]
        stays = f"An object of type {kind} stays in the student's process."
        return [stays, CROSSES, INSTEAD.get(kind, OTHER)]
    if TOO_LARGE in run.text:
        return ["Ask for a part: a slice, a shape, a sum."]
    if run.name == "NameError" and (found := UNNAMED.match(run.text)):
        return [
            f"If the answer defines '{found[1]}', it is a module, or too large to "
            "cross: let a function return a part of it."
        ]
    return []
