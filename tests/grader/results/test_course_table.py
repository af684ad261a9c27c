"""The course at a glance: every student counts once, and no score is invented."""

import csv
from dataclasses import asdict

import pytest

from autograder.course.folder import Course
from autograder.model import CellResult, Outcome, Result
from autograder.results.course_table import (
    course_csv,
    in_words,
    read_course,
    standings,
)

FIRST, SECOND = "a1_maps", "a2_linear"
TESTED = CellResult("maps-test", "Exercise 1", False, 2.5, 3.0)
WRITTEN = CellResult("why", "Exercise 2", True, 0.0, 4.0)


def released(course, name):
    """The least that makes an assignment a released one."""
    course.source(name).parent.mkdir(parents=True)
    source = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    course.source(name).write_text(str(source).replace("'", '"'))


@pytest.fixture
def course(tmp_path):
    course = Course(tmp_path)
    for name in (FIRST, SECOND):
        released(course, name)
    return course


def add(course, name, student, outcome=Outcome.GRADED, cells=(TESTED,)):
    course.write_result(Result(student, name, outcome, cells, reason="why"))


def test_every_student_counts_once_and_the_next_step_is_said(course):
    add(course, FIRST, "ann")
    add(course, FIRST, "ben", cells=(TESTED, WRITTEN))
    add(course, FIRST, "cem", Outcome.INVALID)
    add(course, FIRST, "dan", Outcome.FAILED)
    course.submitted(FIRST, "eve").mkdir(parents=True)  # handed in, not graded yet
    first, second = standings(course, read_course(course))
    numbers = asdict(first)
    assert numbers.pop("assignment") == FIRST
    assert numbers == {
        "handed_in": 5,
        "settled": 1,
        "ungraded": 2,
        "refused": 1,
        "waiting": 1,
        "absent": 0,
    }
    assert first.next_step == "grade: autograder grade a1"
    assert second.next_step.startswith("collect: ")
    assert in_words([first, second]).count("\n") == 2


def test_a_course_without_assignments_says_how_to_begin(tmp_path):
    assert "autograder release" in in_words(standings(Course(tmp_path), {}))


def test_the_course_csv_holds_settled_scores_and_invents_none(course, tmp_path):
    add(course, FIRST, "ann")
    add(course, SECOND, "ann", cells=(TESTED, TESTED))
    add(course, FIRST, "ben", cells=(TESTED, WRITTEN))
    add(course, FIRST, "=cem", Outcome.INVALID)
    path = tmp_path / "out" / "course.csv"
    assert course_csv(course, read_course(course), path) == path
    rows = {
        row["student"]: row for row in csv.DictReader(path.read_text().splitlines())
    }
    assert rows["ann"] == {
        "student": "ann",
        FIRST: "2.5",
        SECOND: "5",
        "settled": "2",
        "points": "7.5",
        "of": "9",
    }
    assert (rows["ben"][FIRST], rows["ben"]["settled"]) == ("", "0")
    assert "=cem" not in rows  # a formula is text
    (formula,) = rows.keys() - {"ann", "ben"}
    assert rows[formula][FIRST] == ""
