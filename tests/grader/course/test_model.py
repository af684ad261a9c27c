"""The data at the seams survive the journal, and names find their assignment."""

import pytest

from autograder.course.folder import Course, resolve
from autograder.model import CellResult, CourseError, Outcome, Result, Submission

CELL = CellResult("a", "Exercise 1", False, 1.0, 2.0, "idea", "mistake", None, None)
RESULT = Result(
    "ada",
    "a1_x",
    Outcome.GRADED,
    (CELL, CellResult("b", "Exercise 2", True, 0.0, 3.0)),
    ("renamed",),
    "slow",
    1.5,
    '{"cells": []}',
    "key",
    "a1 \u00e9 \udce9.ipynb",
)
KNOWN = ["a1_change_of_variables", "a10_codes", "a2_linear"]


def test_a_result_survives_json():
    assert Result.from_json(RESULT.to_json()) == RESULT


def test_a_result_survives_the_journal(tmp_path):
    course = Course(tmp_path)
    course.write_result(RESULT)
    assert course.results("a1_x") == [RESULT] == [course.result("a1_x", "ada")]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"outcome": "wrong"}', "null"])
def test_what_is_no_result_is_refused(text):
    with pytest.raises(ValueError, match="not the JSON of a Result"):
        Result.from_json(text)


def test_a_damaged_entry_counts_as_not_graded(tmp_path):
    course = Course(tmp_path)
    course.write_result(RESULT).write_text(RESULT.to_json()[:50])
    assert course.result("a1_x", "ada") is None


def test_points_are_the_sum_over_cells():
    assert (RESULT.points, RESULT.max_points) == (1.0, 5.0)


def test_the_key_of_a_submission_is_that_of_its_content():
    one, same, other = (Submission("s", "a", "f", c) for c in (b"1", b"1", b"2"))
    assert one.key == same.key != other.key


@pytest.mark.parametrize("name", ["A1", "a1", "a1_change_of_variables", " A1 "])
def test_each_way_of_naming_an_assignment_finds_it(name):
    assert resolve(name, KNOWN, "here") == "a1_change_of_variables"


@pytest.mark.parametrize("name", ["a", "a3", "", "change", "a1_"])
def test_an_unknown_name_says_which_there_are(name):
    with pytest.raises(CourseError, match="there are: a10_codes, a1_change"):
        resolve(name, KNOWN, "here")


def test_an_interrupted_write_leaves_the_old_content(tmp_path, monkeypatch):
    course = Course(tmp_path)
    path = course.write_result(RESULT)
    monkeypatch.setattr("os.replace", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        course.write_result(Result("ada", "a1_x", Outcome.FAILED))
    assert course.result("a1_x", "ada") == RESULT
    assert list(path.parent.iterdir()) == [path]
