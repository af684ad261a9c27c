"""The CSV file: nobody is missing, nothing is a formula, no score is invented."""

import csv

import pytest

from autograder.course.folder import Course
from autograder.model import CellResult, Outcome, Result
from autograder.results.csv_export import export_csv, safe

NAME = "a1_maps"
CELLS = (
    CellResult("maps-test", "Exercise 1", False, 2.5, 3.0),
    CellResult("why", "Exercise 2", True, 0.0, 4.0),
)


@pytest.fixture
def course(tmp_path):
    return Course(tmp_path)


def read(path):
    text = path.read_bytes().decode("utf-8")
    return {row["student"]: row for row in csv.DictReader(text.splitlines())}


def test_every_outcome_has_a_row_and_only_a_grade_has_a_score(course):
    for student, outcome in zip("abc", Outcome, strict=True):
        course.write_result(
            Result(student, NAME, outcome, CELLS, reason=f"why {student}")
        )
    course.submitted(NAME, "d").mkdir(parents=True)  # handed in, not graded yet
    rows = read(export_csv(course, NAME))
    assert [row["outcome"] for row in rows.values()] == [
        "graded",
        "invalid",
        "failed",
        "failed",
    ]
    assert [row["score"] for row in rows.values()] == ["2.5", "", "", ""]
    assert {row["max_score"] for row in rows.values()} == {"7"}
    assert [row["maps-test"] for row in rows.values()] == ["2.5", "", "", ""]
    assert rows["b"]["reason"] == "why b"
    assert "not been graded" in rows["d"]["reason"]


def test_points_that_wait_for_a_person_are_told_apart_from_zero(course):
    course.write_result(Result("a", NAME, Outcome.GRADED, CELLS))
    row = read(export_csv(course, NAME))["a"]
    assert (row["waiting"], row["why"]) == ("4", "")


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
def test_a_student_of_the_gradebook_who_handed_nothing_in_has_a_row(course):
    course.write_result(Result("a", NAME, Outcome.GRADED, CELLS))
    with course.gradebook() as gradebook:
        gradebook.add_student("a")
        gradebook.add_student("z")
    rows = read(export_csv(course, NAME))
    assert list(rows) == ["a", "z"]
    assert (rows["z"]["outcome"], rows["z"]["score"]) == ("none", "")


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r\n=1",
        " =1",
        "\N{FULLWIDTH EQUALS SIGN}1",
    ],
)
def test_a_formula_is_text(course, text):
    assert safe(text).startswith("'")
    course.write_result(Result("a", NAME, Outcome.INVALID, reason=f"{text}\nnext"))
    reason = read(export_csv(course, NAME))["a"]["reason"]
    assert reason == safe(f"{text}\nnext")
    assert "\n" not in reason


def test_no_field_can_break_out_of_its_cell(course):
    reason = 'a",b\n"=cmd()",\r\n"c'
    course.write_result(Result("a", NAME, Outcome.INVALID, reason=reason))
    rows = read(export_csv(course, NAME))
    assert list(rows) == ["a"]
    assert rows["a"]["reason"] == 'a",b "=cmd()", "c'


def test_a_name_in_any_script_is_kept_and_a_half_character_does_not_stop_it(course):
    course.write_result(Result("李-zoë", NAME, Outcome.GRADED, CELLS, reason="\ud800"))
    assert read(export_csv(course, NAME))["李-zoë"]["score"] == "2.5"


def test_the_path_can_be_chosen_and_has_a_default(course, tmp_path):
    assert export_csv(course, NAME) == course.root / "reports" / f"{NAME}.csv"
    chosen = tmp_path / "mine" / "grades.csv"
    assert export_csv(course, NAME, chosen) == chosen
    assert chosen.is_file()
