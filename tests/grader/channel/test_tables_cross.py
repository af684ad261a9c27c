"""Dates, texts and tables cross as plain values; a wrong one stays wrong.

The oracle of a table is pandas' own comparison, in the test's process.
"""

import pytest
from channel_pair import judged

from autograder.channel import CellRun

pytest.importorskip(
    "pandas", reason="tables need pandas, which a course may do without"
)
OK = CellRun("ok")
IMPORTS = """
import contextlib, io
import pandas as pd
from datetime import date, datetime, time, timedelta, timezone
from pandas.testing import assert_frame_equal, assert_index_equal, assert_series_equal
"""
ECHO = f"{IMPORTS}\ndef same(x):\n    return x.copy() if hasattr(x, 'copy') else x"
LONG = "pd.DataFrame({'k': ['a', 'a', 'b'], 'l': [1, 2, 1], 'v': [1.0, 2.0, 3.0]})"
FRAMES = {
    "numbers and texts": "pd.DataFrame({'a': [1, 2], 'b': ['x', None], 'c': [1, 2.5]})",
    "nothing": "pd.DataFrame()",
    "an index alone": "pd.DataFrame(index=[3, 4])",
    "names twice": "pd.DataFrame([[1, 2], [3, 4]], columns=['x', 'x'], index=[1, 1])",
    "mixed cells": "pd.DataFrame({'o': [1, 'a', None, date(2026, 1, 1), 2.5]})",
    "names in levels": f"{LONG}.groupby('k').agg({{'v': ['sum', 'mean']}})",
}
SERIES = {
    "a name": "pd.Series([1, 2, 3], name='n', index=['r', 's', 't'])",
    "categories": "pd.Series(['b', 'a', None], dtype='category')",
    "an order": "pd.Series(pd.Categorical(['b'], ['b', 'a'], ordered=True))",
    "pandas' texts": "pd.Series(['a', pd.NA], dtype='string')",
    "whole numbers, one missing": "pd.Series([1, None], dtype='Int64')",
    "truths, one missing": "pd.Series([True, None], dtype='boolean')",
    "numbers, one missing": "pd.Series([1.5, None], dtype='Float64')",
    "moments": "pd.Series(pd.date_range('2026-01-01', periods=3))",
    "moments of a zone": "pd.Series(pd.date_range('2026-01-01', periods=3, tz='UTC'))",
    "numpy's texts": "pd.Series(list(np.array(['a', 'b'])))",
    "numpy's texts as objects": "pd.Series(list(np.array(['a', 'b'])), dtype=object)",
    "a Monday": "pd.Series(1, pd.date_range('2026', periods=1, freq='WOM-1MON'))",
    "months": "pd.Series([1, 2], index=pd.date_range('2026', periods=2, freq='MS'))",
    "spans": "pd.Series(pd.to_timedelta([1, 2], unit='h'))",
    "an index of levels": f"{LONG}.groupby(['k', 'l'])['v'].sum()",
    "cells of moments": "pd.Series([pd.NaT, pd.Timestamp('2026-01-01')], dtype=object)",
}
VALUES = [
    "date(2026, 1, 2)",
    "datetime(2026, 1, 2, 3, 4, 5, 6, fold=1)",
    "datetime(2026, 1, 2, tzinfo=timezone.utc)",
    "time(3, 4, tzinfo=timezone(timedelta(hours=-3)))",
    "timedelta(days=-1, seconds=3)",
    "[date(2026, 1, 1), {'a': timedelta(1)}]",
    "np.datetime64('2026-01-01')",
    "pd.Timestamp('2026-01-01 10:00')",
    "pd.Timestamp('2026-01-01', tz='UTC')",
    "pd.Timedelta('2h')",
    "pd.NaT",
    "pd.NA",
]
ARRAYS = [
    "np.array(['2026-01-01', 'NaT'], dtype='datetime64[D]')",
    "np.array([[1], [2]], dtype='timedelta64[ms]')",
    "np.array([['ab', 'c'], ['', 'ü']])",
    "np.array([], dtype='<U3')",
]


def crosses(value, compare):
    """Whether a value comes back as it was, and was so in the student's process."""
    test = f"{IMPORTS}\nvalue = {value}\ngot = same(value)\nassert got is not value\n"
    test += f"assert type(got) is type(value)\n{compare}(got, value)\n"
    made = f"{ECHO}\ndef make():\n    return {value}"
    again = f"{IMPORTS}\n{compare}(make(), {value})"
    return [judged(ECHO, test), judged(made, again)] == [OK, OK]


@pytest.mark.parametrize("value", FRAMES.values(), ids=FRAMES)
def test_a_frame_crosses_as_it_is(value):
    assert crosses(value, "assert_frame_equal")


@pytest.mark.parametrize("value", SERIES.values(), ids=SERIES)
def test_a_series_crosses_with_its_dtype_its_index_and_its_name(value):
    assert crosses(value, "assert_series_equal")


@pytest.mark.parametrize("value", VALUES)
def test_dates_and_spans_cross(value):
    test = f"{IMPORTS}\nvalue = {value}\ngot = same(value)\n"
    test += "assert type(got) is type(value)\nassert repr(got) == repr(value)"
    assert judged(ECHO, test) == OK


@pytest.mark.parametrize("value", ARRAYS)
def test_arrays_of_dates_and_texts_cross(value):
    assert crosses(value, "np.testing.assert_array_equal")


RIGHT = "pd.DataFrame({'a': [1, 2], 'b': ['x', 'y']})"
WRONG = {
    "another number": "pd.DataFrame({'a': [1, 3], 'b': ['x', 'y']})",
    "a row too many": "pd.DataFrame({'a': [1, 2, 2], 'b': ['x', 'y', 'y']})",
    "another index": f"{RIGHT}.set_index(pd.Index([1, 0]))",
    "another type of number": f"{RIGHT}.astype({{'a': float}})",
    "a subclass": f"type('DataFrame', (pd.DataFrame,), {{'equals': hug}})({RIGHT})",
    "a wrong subclass": "type('DataFrame', (pd.DataFrame,), {})({'a': [1]})",
    "an object in a column": "pd.DataFrame({'a': [1, Hug()], 'b': ['x', 'y']})",
    "an object for a name": "pd.DataFrame({'a': [1, 2], Hug(): ['x', 'y']})",
    "an object for a table": "Hug()",
    "a list of columns": "[[1, 2], ['x', 'y']]",
}
HUG = """
def hug(*args):
    return True
class Hug:
    __eq__ = hug
    __hash__ = object.__hash__
    dtype = shape = columns = index = property(lambda self: self)
"""


@pytest.mark.parametrize("answer", WRONG.values(), ids=WRONG)
def test_a_wrong_table_is_wrong(answer):
    patched = "pd.testing.assert_frame_equal = pd.DataFrame.equals = hug"
    answer = f"{IMPORTS}{HUG}\n{patched}\ndef make():\n    return {answer}"
    test = f"{IMPORTS}\nassert_frame_equal(make(), {RIGHT})"
    run = judged(answer, test)
    assert (run.ended, run.name in ("AssertionError", "TypeError")) == ("error", True)
    assert judged(answer, f"{IMPORTS}\nassert {RIGHT}.equals(make())") != OK


def test_what_a_function_writes_into_a_table_stays_with_it():
    answer = "def spoil(x):\n    x['a'] = 0\n    return x"
    test = f"{IMPORTS}\nx = {RIGHT}\ngot = spoil(x)\nassert list(got['a']) == [0, 0]\n"
    assert judged(answer, f"{test}assert_frame_equal(x, {RIGHT})") == OK
    run = judged(answer, f"{IMPORTS}\nspoil.__in_place__()({RIGHT})")
    assert (run.name, run.text[:22]) == ("TypeError", "in_place does not see ")


def test_a_table_of_other_things_stays_with_its_student():
    answer = f"{IMPORTS}\ndef make():\n    return pd.Series([pd.Interval(0, 1)])"
    run = judged(answer, "assert make() is None or make() == 1")
    assert run.text == "<a student's object of type Series> cannot be compared"


def test_a_text_of_numpy_crosses_as_a_text():
    answer = "def make():\n    return [*np.array(['a', 'b']), *np.array([b'c'])]"
    assert judged(answer, "assert make() == ['a', 'b', b'c']") == OK


@pytest.mark.parametrize("answer", ["Hug()", "Frame({'a': [7]})"])
@pytest.mark.parametrize("how", [f"equals({RIGHT})", "all()", f"eq({RIGHT}).all()"])
def test_a_students_object_is_not_asked_whether_it_is_right(answer, how):
    agree = "Hug.equals = Hug.all = Hug.eq = hug\nclass Frame(pd.DataFrame):\n"
    agree += "    equals = all = eq = hug"
    answer = f"{IMPORTS}{HUG}\n{agree}\ndef make():\n    return {answer}"
    run = judged(answer, f"{IMPORTS}\nassert make().{how}")
    assert (run.ended, run.name) == ("error", "TypeError")


PRINTS = "def greet(name):\n    print('Hello,', name)\n    return 3"


def test_a_test_sees_what_a_call_prints():
    test = (
        "assert greet.__capture__('Ada') == 'Hello, Ada\\n'\nassert greet('Ada') == 3"
    )
    assert judged(PRINTS, test) == OK


FALSE_PRINTS = {
    "another text": "def greet(name):\n    print('Hello')",
    "the text, returned": "def greet(name):\n    return 'Hello, Ada\\n'",
    "an error after it": f"{PRINTS[:-8]}    1 / 0",
    "an object": (
        "import autograder.channel.server as s\n"
        "s.PERFORM['capture'] = lambda *a: object()\ndef greet(name):\n    pass"
    ),
    "no end": "def greet(name):\n    while True: print('Hello, Ada' * 1000)",
}


@pytest.mark.parametrize("answer", FALSE_PRINTS.values(), ids=FALSE_PRINTS)
def test_what_is_not_printed_is_not_seen(answer):
    test = "assert greet.__capture__('Ada') == 'Hello, Ada\\n'"
    assert judged(answer, test).ended == "error"
