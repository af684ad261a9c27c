"""The LMS's own file comes back with the scores in it, and nothing else changed."""

import csv
import json
import shutil
from dataclasses import replace

import pytest
from lms_files import CANVAS_ROSTER, MOODLE_ROSTER, make_zip
from tiny_assignment import NAME, handed_in, tiny_course

from autograder.collect.collect import collect_class
from autograder.course.folder import Course
from autograder.grade.record import record
from autograder.judge.judge import no_points
from autograder.model import CourseError, Outcome, Result
from autograder.results.csv_export import export_with_nbgrader
from autograder.results.send_back import send_back, unsettled
from autograder.tables import read_table

FILE = f"{NAME}.ipynb"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A course that is made once: nbgrader takes its time."""
    return tiny_course(tmp_path_factory.mktemp("made"))


@pytest.fixture
def course(made, tmp_path):
    shutil.copytree(made[0].root, tmp_path / "course")
    return Course(tmp_path / "course"), made[1]


def write(course, text, name="list.csv"):
    path = course[0].root / name
    path.write_bytes(text.encode("utf-8"))
    return path


def take_in(course, files, roster):
    folder = course[0]
    source = make_zip(folder.root / "in.zip", dict.fromkeys(files, b"{}"))
    return collect_class(folder, "t1", source, write(course, roster))


def give(course, student, outcome=Outcome.GRADED, by_hand=3.0, **points):
    """A result in the journal and the gradebook, as grading leaves it."""
    folder, exam = course
    cells = [
        replace(cell, points=points.get(cell.grade_id.split("-")[0], 0.0))
        for cell in no_points(exam)
    ]
    found = Result(student, NAME, outcome, tuple(cells), reason="cut short", key="k")
    if outcome is Outcome.GRADED:
        found = replace(found, notebook=json.dumps(handed_in(exam)))
    with folder.gradebook() as gradebook:
        record(folder, exam, found, gradebook)
        if outcome is Outcome.GRADED and by_hand is not None:
            grade = gradebook.find_grade("why", NAME, NAME, student)
            grade.manual_score, grade.needs_manual_grade = by_hand, False
            gradebook.db.commit()


MOODLE_FILES = [
    f"Ada Lovelace_101_assignsubmission_file_/{FILE}",
    f"Émilie du Châtelet_102_assignsubmission_file_/{FILE}",
]
CANVAS_FILES = [
    f"lovelaceada_4001_900_{FILE}",
    f"duchâteletémilie_LATE_4002_901_{FILE}",
]


def changed(before, after):
    """The cells (row, column name) in which two tables differ, with the new texts."""
    assert [len(row) for row in after.rows] == [len(row) for row in before.rows]
    return {
        (number, before.header[column]): new
        for number, rows in enumerate(zip(before.rows, after.rows, strict=True))
        for column, (old, new) in enumerate(zip(*rows, strict=True))
        if old != new
    }


def test_moodles_worksheet_comes_back_with_grades_and_words(course, tmp_path):
    take_in(course, MOODLE_FILES, MOODLE_ROSTER)
    (course[0].root / "course.toml").write_text(
        "[due]\nt1 = 2026-11-27T23:59:00Z\n[late]\nper_day = 0.1\n"
    )
    give(course, "ada@example.org", square=2.0, cube=3.0)
    give(course, "emilie@example.org", square=2.0)
    sent = send_back(course[0], NAME, tmp_path / "out.csv", "moodle")
    assert (sent.written, sent.problems, sent.absent) == (2, [], ["sofia@example.org"])
    before = read_table(course[0].root / "list.csv")
    after = read_table(sent.path)
    new = changed(before, after)
    assert set(new) == {(r, c) for r in (1, 2) for c in ("Grade", "Feedback comments")}
    assert (new[1, "Grade"], new[2, "Grade"]) == ("8", "4")  # 5, less two days
    assert "2 days late: −1 points" in new[2, "Feedback comments"]
    assert sent.path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert (after.delimiter, after.line_end) == (",", "\r\n")


def test_canvass_gradebook_comes_back_with_one_column_changed(course, tmp_path):
    take_in(course, CANVAS_FILES, CANVAS_ROSTER)
    give(course, "ada", square=2.0)
    give(course, "emilie", square=2.0, cube=3.0)
    sent = send_back(course[0], NAME, tmp_path / "out.csv", "canvas")
    after = read_table(sent.path)
    identity = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    assert after.header == [*identity, f"{NAME} (778)"]  # an import sets no other back
    before = read_table(course[0].root / "list.csv")
    new = changed(before.for_importer([0, 1, 2, 3, 4, 7]), after)
    assert new == {(3, f"{NAME} (778)"): "5", (4, f"{NAME} (778)"): "8"}
    assert sent.absent == ["f00d"]
    assert "tells no time: counted as 1 day" in sent.problems[0]


def test_who_has_no_score_is_blank_and_told_and_never_zero(course, tmp_path):
    roster = CANVAS_ROSTER.replace("Section 1,,,,\r\n", "Section 1,,,6.00,\r\n")
    files = [*CANVAS_FILES, f"studenttest_4003_902_{FILE}"]
    take_in(course, files, roster)
    give(course, "ada", Outcome.FAILED)
    give(course, "emilie", square=2.0, by_hand=None)
    give(course, "f00d", Outcome.INVALID)
    sent = send_back(course[0], NAME, tmp_path / "out.csv", "canvas")
    table = read_table(sent.path)
    column = table.column(f"{NAME} (778)")
    assert [table.cell(row, column) for row in (3, 4, 5)] == ["", "", ""]
    said = [
        "ada: left blank: the grader failed: cut short",
        "emilie: left blank: 4 points wait to be graded by hand",
        "f00d: left blank: refused: cut short",
    ]
    assert sent.problems == said
    assert len(unsettled(course[0], NAME)) == 3


def test_a_student_without_a_row_is_told_with_the_score(course, tmp_path):
    files = [*MOODLE_FILES, f"Guest_999_assignsubmission_file_/{FILE}"]
    take_in(course, files, MOODLE_ROSTER)
    for student in course[0].students(NAME):
        give(course, student, square=2.0)
    sent = send_back(course[0], NAME, tmp_path / "out.csv", "moodle")
    assert len(sent.problems) == 1
    assert "999: has no row in the class list (score 5)" in sent.problems[0]
    assert sent.written == 2


def test_a_class_that_was_collected_without_a_list_is_matched_by_number(
    course, tmp_path
):
    source = make_zip(tmp_path / "in.zip", dict.fromkeys(MOODLE_FILES, b"{}"))
    collect_class(course[0], "t1", source)
    give(course, "101", square=2.0)
    give(course, "102", cube=3.0)
    roster = write(course, MOODLE_ROSTER)
    sent = send_back(course[0], NAME, tmp_path / "out.csv", "moodle", roster)
    table = read_table(sent.path)
    assert [table.cell(row, table.column("Grade")) for row in (1, 2)] == ["5", "6"]


def test_folders_of_ones_own_are_matched_by_login_or_name(course, tmp_path):
    folder = tmp_path / "in"
    for student in ("Ada Lovelace", "emilie@example.org"):
        (folder / student).mkdir(parents=True)
        (folder / student / FILE).write_bytes(b"{}")
    collect_class(course[0], "t1", folder)
    give(course, "Ada Lovelace", square=2.0)
    give(course, "emilie@example.org", cube=3.0)
    roster = write(course, MOODLE_ROSTER)
    sent = send_back(course[0], NAME, tmp_path / "out.csv", "moodle", roster)
    assert (sent.written, sent.problems) == (2, [])


def test_two_students_never_share_a_row(course, tmp_path):
    folder = tmp_path / "in"
    for student in ("Ada Lovelace", "ada@example.org"):
        (folder / student).mkdir(parents=True)
        (folder / student / FILE).write_bytes(b"{}")
    collect_class(course[0], "t1", folder)
    for student, points in (("Ada Lovelace", 2.0), ("ada@example.org", 0.0)):
        give(course, student, square=points)
    roster = write(course, MOODLE_ROSTER)
    sent = send_back(course[0], NAME, tmp_path / "out.csv", "moodle", roster)
    assert sent.written == 1
    assert "has the same row as" in sent.problems[0]


def test_what_the_lms_locks_or_excuses_is_left_as_it_was(course, tmp_path):
    canvas = CANVAS_ROSTER.replace('commas",7.00,,', 'commas",7.00,EX,')
    take_in(course, CANVAS_FILES, canvas)
    give(course, "ada", square=2.0)
    give(course, "emilie", square=2.0)
    sent = send_back(course[0], NAME, tmp_path / "out.csv", "canvas")
    table = read_table(sent.path)
    assert table.cell(3, table.column(f"{NAME} (778)")) == "EX"
    assert "ada: is excused in Canvas; not written (score 5)" in sent.problems


def test_a_locked_grade_of_moodle_is_left_as_it_was(course, tmp_path):
    take_in(course, MOODLE_FILES, MOODLE_ROSTER.replace(",,9.00,Yes", ",1,9.00,No", 1))
    give(course, "ada@example.org", square=2.0)
    give(course, "emilie@example.org", square=2.0)
    sent = send_back(course[0], NAME, tmp_path / "out.csv", "moodle")
    table = read_table(sent.path)
    assert table.cell(1, table.column("Grade")) == "1"
    assert "locked in Moodle; not written (score 5)" in sent.problems[0]


def test_a_persons_comment_stays(course, tmp_path):
    roster = MOODLE_ROSTER.replace("-,\r\n", "-,Well done\r\n", 1)
    take_in(course, MOODLE_FILES, roster)
    give(course, "ada@example.org", square=2.0)
    give(course, "emilie@example.org", square=2.0)
    sent = send_back(course[0], NAME, tmp_path / "out.csv", "moodle")
    table = read_table(sent.path)
    assert table.cell(1, table.column("Feedback comments")) == "Well done"
    assert table.cell(2, table.column("Feedback comments")) != ""


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+cmd()", "'+cmd()"),
        ("-x", "'-x"),
        ("-", "-"),
        ("-3.5", "-3.5"),
        ("+49 170", "+49 170"),
    ],
)
def test_a_formula_that_came_with_the_list_is_quoted(course, tmp_path, name, kept):
    roster = CANVAS_ROSTER.replace("ada,Section 1", f'ada,"{name}"')
    take_in(course, CANVAS_FILES, roster)
    give(course, "ada", square=2.0)
    give(course, "emilie", square=2.0)
    sent = send_back(course[0], NAME, tmp_path / "out.csv", "canvas")
    table = read_table(sent.path)
    assert table.cell(3, table.column("Section")) == kept


def test_another_maximum_is_refused_or_scaled(course, tmp_path):
    take_in(course, MOODLE_FILES, MOODLE_ROSTER.replace("9.00", "100.00"))
    give(course, "ada@example.org", square=2.0, cube=3.0, by_hand=4.0)
    give(course, "emilie@example.org", square=2.0, by_hand=4.0)
    out = tmp_path / "out.csv"
    with pytest.raises(CourseError, match="gives 100 points and the assignment has 9"):
        send_back(course[0], NAME, out, "moodle")
    assert not out.exists()
    send_back(course[0], NAME, out, "moodle", scale=True)
    table = read_table(out)
    assert [table.cell(row, table.column("Grade")) for row in (1, 2)] == [
        "100",
        "66.67",
    ]


@pytest.mark.parametrize(
    ("column", "found"),
    [
        (None, None),
        ("777", "A1: tiny (777)"),
        ("A1: tiny", "A1: tiny (777)"),
        ("t1_tiny (778)", "t1_tiny (778)"),
        ("nothing", None),
    ],
)
def test_the_column_is_found_or_asked_for(course, tmp_path, column, found):
    roster = CANVAS_ROSTER.replace("t1_tiny (778)", "Quiz (778)").replace(
        "10.00,9.00", "9.00,9.00"
    )
    if found and found == column:
        roster = CANVAS_ROSTER
    take_in(course, CANVAS_FILES, roster)
    give(course, "ada", square=2.0)
    give(course, "emilie", square=2.0)
    out = tmp_path / "out.csv"
    if found is None:
        with pytest.raises(CourseError, match="Say --column TITLE"):
            send_back(course[0], NAME, out, "canvas", column=column)
        return
    send_back(course[0], NAME, out, "canvas", column=column)
    table = read_table(out)
    assert table.cell(3, table.column(found)) == "5"


def test_a_column_that_canvas_locks_is_refused(course, tmp_path):
    take_in(course, CANVAS_FILES, CANVAS_ROSTER.replace("9.00,(r", "(read only),(r"))
    give(course, "ada", square=2.0)
    with pytest.raises(CourseError, match="lets nobody write"):
        send_back(course[0], NAME, tmp_path / "out.csv", "canvas")


def test_the_wrong_list_or_none_is_one_sentence(course, tmp_path):
    out = tmp_path / "out.csv"
    with pytest.raises(CourseError, match="--roster FILE"):
        send_back(course[0], NAME, out, "moodle")
    roster = write(course, MOODLE_ROSTER)
    with pytest.raises(CourseError, match="canvas's class list was expected"):
        send_back(course[0], NAME, out, "canvas", roster)
    roster = write(course, "student\nada\n")
    with pytest.raises(CourseError, match="Moodle's grading worksheet was expected"):
        send_back(course[0], NAME, out, "moodle", roster)


def test_nbgraders_own_exporter_writes_scores_and_penalties(course, tmp_path):
    take_in(course, MOODLE_FILES, MOODLE_ROSTER)
    (course[0].root / "course.toml").write_text(
        "[due]\nt1 = 2026-11-27T23:59:00Z\n[late]\nper_day = 0.1\n"
    )
    give(course, "emilie@example.org", square=2.0)
    path = export_with_nbgrader(course[0], NAME, tmp_path / "new" / "grades.csv")
    (row,) = csv.DictReader(path.read_text("utf-8").splitlines())
    assert (row["raw_score"], row["late_submission_penalty"], row["score"]) == (
        "5.0",
        "1.0",
        "4.0",
    )
    for plugin in ("nothing.Here", "os.path", "collections.OrderedDict"):
        with pytest.raises(CourseError, match=plugin):
            export_with_nbgrader(course[0], NAME, path, plugin)
