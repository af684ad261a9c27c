"""The course at a glance: every student counts once, and no score is invented."""

import csv
from dataclasses import asdict, replace
from datetime import UTC, datetime

import pytest

from autograder.course.folder import Course
from autograder.model import CellResult, CourseError, Outcome, Result
from autograder.results.course_table import course_csv, course_rows
from autograder.results.standings import in_words, read_course, standings

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
        "excused": 0,
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
        "name": "",
        FIRST: "2.5",
        SECOND: "5",
        "settled": "2",
        "points": "7.5",
        "of": "9",
        "missing": "0",
        "dropped": "",
        "total": "83.3333",
        "late_days": "0",
        "free_days_left": "",
    }
    assert (rows["ben"][FIRST], rows["ben"]["settled"]) == ("", "0")
    assert "=cem" not in rows  # a formula is text
    (formula,) = rows.keys() - {"ann", "ben"}
    assert rows[formula][FIRST] == ""


def rows_of(course, now=None):
    return {row.student: row for row in course_rows(course, read_course(course), now)}


def rules(course, text):
    (course.root / "course.toml").write_text(text)


def scoring(course, student, first, second):
    """The points of a student, of 3 and of 4 points."""
    for name, points, most in ((FIRST, first, 3.0), (SECOND, second, 4.0)):
        if points is not None:
            add(
                course,
                name,
                student,
                cells=(replace(TESTED, points=points, max_points=most),),
            )


def test_without_weights_a_total_is_the_share_of_all_settled_points(course):
    scoring(course, "ann", 1.5, 4.0)
    scoring(course, "ben", 1.5, None)
    add(course, SECOND, "ben", cells=(WRITTEN,))  # waits for a person
    add(course, FIRST, "cem", Outcome.INVALID)
    found = rows_of(course)
    assert found["ann"].total == pytest.approx(100 * 5.5 / 7)
    assert found["ben"].total == pytest.approx(50)
    assert found["cem"].total is None


def test_weights_weigh_the_shares(course):
    rules(course, "[total.weights]\nA1 = 1\na2_linear = 3\n")
    scoring(course, "ann", 1.5, 4.0)
    assert rows_of(course)["ann"].total == pytest.approx(100 * (0.5 + 3) / 4)
    rules(course, "[total.weights]\nA1 = 1\nA2 = 0\n")
    assert rows_of(course)["ann"].total == pytest.approx(50)


def test_the_lowest_share_is_dropped_and_never_the_last_result(course):
    rules(course, "[total]\ndrop_lowest = 1\n")
    scoring(course, "ann", 2.7, 2.0)
    scoring(course, "ben", 0.3, None)
    found = rows_of(course)
    assert (found["ann"].dropped, found["ben"].dropped) == ([SECOND], [])
    assert found["ann"].total == pytest.approx(90)
    assert found["ben"].total == pytest.approx(10)


def test_what_is_missing_is_zero_only_where_the_course_says_so_and_when_it_is_due(
    course,
):
    scoring(course, "ann", 3.0, 4.0)
    scoring(course, "ben", 3.0, None)
    (course.root / "rosters").mkdir()
    for name in (FIRST, SECOND):
        list_ = "student,name\nann,Ann Abel\nben,Ben Bo\ncem,Cem Can\n"
        (course.root / "rosters" / f"{name}.csv").write_text(list_)
    found = rows_of(course)
    assert [found[s].missing for s in ("ann", "ben", "cem")] == [
        [],
        [SECOND],
        [FIRST, SECOND],
    ]
    assert (found["ben"].total, found["cem"].total) == (100, None)
    assert found["cem"].name == "Cem Can"
    due = '[due]\nA2 = 2026-11-27T12:00:00Z\n[extensions.A2]\n"Ben" = 2\n'
    rules(course, f'{due}[total]\nmissing = "zero"\n')
    early, late = datetime(2026, 11, 28, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    assert rows_of(course, early)["ben"].total == 100  # an extension
    assert rows_of(course, early)["cem"].missing == [FIRST, SECOND]
    assert rows_of(course, late)["ben"].total == pytest.approx(300 / 7)
    assert rows_of(course, late)["cem"].total == 0


def test_nobody_misses_what_nobody_handed_in(course):
    scoring(course, "ann", 3.0, None)
    assert rows_of(course)["ann"].missing == []


def test_one_student_in_two_cases_is_one_row(course):
    scoring(course, "Ann", 3.0, None)
    scoring(course, "ann", None, 2.0)
    (row,) = rows_of(course).values()
    assert (len(row.settled), row.total) == (2, pytest.approx(100 * 5 / 7))


def test_what_is_excused_leaves_its_weight_out_also_of_who_never_handed_in(course):
    rules(
        course,
        '[total]\nmissing = "zero"\n[total.weights]\nA1 = 1\nA2 = 3\n'
        '[excused]\nben = ["A2"]\n"CEM " = ["A1", "a2_linear"]\nann = ["a1"]\n',
    )
    scoring(course, "ann", 0.0, 2.0)
    scoring(course, "ben", 1.5, None)
    (course.root / "rosters").mkdir()
    for name in (FIRST, SECOND):
        list_ = "student,name\nann,A\nben,B\ncem,C\n"
        (course.root / "rosters" / f"{name}.csv").write_text(list_)
    found = rows_of(course)
    assert found["ann"].total == pytest.approx(50)
    assert found["ben"].total == pytest.approx(50)
    assert (found["ben"].missing, found["cem"].missing) == ([], [])
    assert found["cem"].total is None
    first, second = standings(course, read_course(course))
    assert (first.handed_in, first.settled, first.excused) == (1, 1, 2)
    assert (second.handed_in, second.excused, second.absent) == (1, 2, 0)
    assert "excused" in in_words([first, second])


def test_a_trend_is_the_last_share_less_those_before(course):
    scoring(course, "ann", 3.0, 2.0)
    scoring(course, "ben", 3.0, None)
    found = rows_of(course)
    assert found["ann"].change == pytest.approx(-0.5)
    assert found["ben"].change is None


def test_assignments_come_by_their_numbers_or_by_their_due_dates(tmp_path):
    course = Course(tmp_path)
    for name in ("a10_last", "a2_next", "a1_first"):
        released(course, name)
    assert list(read_course(course)) == ["a1_first", "a2_next", "a10_last"]
    rules(course, "[due]\nA10 = 2026-11-01\nA2 = 2026-11-03\nA1 = 2026-11-02\n")
    assert list(read_course(course)) == ["a10_last", "a1_first", "a2_next"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[excused]\nann = "A1"\n', "excused.ann: a list of assignments was expected"),
        ('[excused]\nann = ["A1"]\n"Ann " = []\n', "excused has “ann” and “Ann ”"),
        ('[excused]\nann = ["A1", "a1"]\n', "that is one assignment"),
        ("[accommodations]\nann = 2\n", "[accommodations.ann] must be a table"),
        (
            "[accommodations]\nann = {time_factor = 0.5}\n",
            "accommodations.ann.time_factor: 1 or more was expected, not 0.5",
        ),
        ("[accommodations]\nann = {hours = 1}\n", "known are days, time_factor"),
        ("[total.weights]\nA1 = 1\n", "has no weight for a2_linear; write `A2 = 0`"),
        ("[total.weights]\nA1 = -1\nA2 = 1\n", "total.weights.A1: a number from 0"),
        ("[total.weights]\nA1 = 0\nA2 = 0\n", "a weight above 0 was expected"),
        ("[total.weights]\nA1 = 1\na1 = 1\n", "that is one assignment"),
        ("[total]\nweights = 3\n", "must be a table"),
        ("[total]\ndrop_lowest = 0.5\n", "total.drop_lowest: a whole number"),
        ("[total]\ndrop_lowest = true\n", "total.drop_lowest: a number from 0"),
        ('[total]\nmissing = "none"\n', "one of “nothing”, “zero” was expected"),
        ("[total]\ndrop = 1\n", "[total] has “drop”; known are drop_lowest"),
    ],
)
def test_a_rule_that_is_amiss_is_one_sentence(course, text, said):
    rules(course, text)
    scoring(course, "ann", 3.0, 4.0)
    with pytest.raises(CourseError) as refused:
        course_rows(course, read_course(course))
    assert said in str(refused.value)
    assert str(refused.value).count("\n") == 0
