"""The words in which the tests of this course ask. It lies beside each notebook.

    check(mean(x), 2.5, "the mean", (7.5, "the sum", "Divide by how many there are."))
    check(capture(greet)("Ada"), "Hello, Ada\n", "what is printed")
    in_place(sort)(numbers)      # `numbers` is what the call has made of it

In a notebook and in the autograder they mean the same.
"""

import contextlib
import io
import math
import sys

import numpy as np

RTOL, ATOL = 1e-6, 1e-9


class CheckFailed(AssertionError):  # noqa: N818 - it is what a student reads
    """A result is not what was asked for; its text is what the student reads."""

    def _render_traceback_(self):
        return str(self).splitlines()  # in a notebook: these lines alone


def check(got, expected, idea, *mistakes):
    """Raise CheckFailed unless `got` is `expected`: the same kind, the same values.

    Numbers may differ by RTOL of their size. A mistake is (what it gives, its name,
    a hint): a result that equals it is told so.
    """
    if problem := difference(got, expected):
        lines = [f"Checked: {idea}", f"Problem: {problem}"]
        for value, name, hint in mistakes:
            if not difference(got, value):
                lines += [f"Looks like: {name}", f"Hint: {hint}"]
                break
        raise CheckFailed("\n".join(lines))


def capture(function):
    """Return a function that gives, as text, what a call of `function` prints."""

    def printed(*args, **options):
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            function(*args, **options)
        return text.getvalue()

    return getattr(function, "__capture__", printed)


def in_place(function, *more):
    """Return `function`; what it writes into its arguments, and `more`, is seen."""
    asked = getattr(function, "__in_place__", None)
    return asked(*more) if asked else function


def difference(got, expected):
    """What is wrong, in a sentence; empty if nothing is."""
    if is_table(expected):
        return difference_of_tables(got, expected)
    if is_number(expected) and is_number(got):
        near = math.isclose(got, expected, rel_tol=RTOL, abs_tol=ATOL)
        both_nan = got != got and expected != expected
        return "" if near or both_nan else told(got, expected)
    if type(got) is not type(expected):
        return other_kind(got, expected)
    if isinstance(expected, np.ndarray):
        return difference_of_arrays(got, expected)
    if isinstance(expected, (list, tuple)):
        if len(got) != len(expected):
            return f"{len(expected)} items were expected, and {len(got)} came."
        found = map(difference, got, expected)
        return next((f"item {i}: {each}" for i, each in enumerate(found) if each), "")
    if isinstance(expected, dict):
        if set(got) != set(expected):
            return f"the keys {list(expected)} were expected, and {list(got)} came."
        found = ((key, difference(got[key], expected[key])) for key in expected)
        return next((f"at {key!r}: {each}" for key, each in found if each), "")
    return "" if got == expected else told(got, expected)


def other_kind(got, expected):
    """What is wrong with a value of another type."""
    stays = hasattr(type(got), "__remote__")  # what a test cannot see is named so
    came = repr(got) if stays else type(got).__name__
    return f"a value of type {type(expected).__name__} was expected, and {came} came."


def is_number(value):
    """Whether this is a real number, and no truth value."""
    return type(value) in (int, float) or isinstance(value, (np.integer, np.floating))


def is_table(value):
    """Whether this is a DataFrame, a Series or an Index of pandas."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(
        value, (pandas.DataFrame, pandas.Series, pandas.Index)
    )


def difference_of_arrays(got, expected):
    if got.shape != expected.shape:
        return f"the shape {expected.shape} was expected, and {got.shape} came."
    if got.dtype.kind != expected.dtype.kind:
        return f"the dtype {expected.dtype} was expected, and {got.dtype} came."
    if expected.dtype.kind in "fc":
        same = np.isclose(got, expected, RTOL, ATOL, equal_nan=True)
    else:
        nothing = (got != got) & (expected != expected)  # of a date: NaT
        same = (got == expected) | nothing
    if np.all(same):
        return ""
    place = tuple(map(int, np.argwhere(~same)[0]))
    return f"at {list(place)}: {told(got[place], expected[place])}"


def difference_of_tables(got, expected):
    import pandas as pd

    if type(got) is not type(expected):
        return other_kind(got, expected)
    compare = getattr(pd.testing, f"assert_{kind_of(expected)}_equal")
    try:
        compare(got, expected, rtol=RTOL, atol=ATOL)
    except AssertionError as error:
        return " ".join(str(error).split())[:300]
    return ""


def kind_of(table):
    """How pandas calls this kind of table in the names of its comparisons."""
    import pandas as pd

    kinds = {"frame": pd.DataFrame, "series": pd.Series, "index": pd.Index}
    return next(name for name, kind in kinds.items() if isinstance(table, kind))


def told(got, expected):
    return f"{plain(expected)} was expected, and {plain(got)} came."


def plain(value):
    """A value in a few characters; a number without numpy's word around it."""
    text = f"{value:.6g}" if isinstance(value, (float, np.floating)) else repr(value)
    if isinstance(value, np.generic) and not isinstance(value, np.floating):
        text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
