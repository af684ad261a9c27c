"""Written answers go out to several graders, and their points come back whole."""

import csv
from pathlib import Path

import pytest
from class_commands import Played, played_copy
from tiny_assignment import (
    NAME,
    RIGHT,
    cell_of,
    hand_in,
    handed_in,
    tiny_course,
)

from autograder.assignment.cells import grade_id, is_manual, points
from autograder.assignment.exam import read_source
from autograder.assignment.scheme import scheme_of, schemes
from autograder.course.marks import Mark, marks, path_of, shares, write_mark

STUDENTS = ("ada", "ben", "eve", "joe", "zoe")
SOLUTIONS = Path(__file__).parents[3] / "solutions"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A graded class of five whose answers wait, and one who wrote nothing."""
    folder = tmp_path_factory.mktemp("made")
    played = Played(folder, *tiny_course(folder), None)
    for student in STUDENTS:
        answers = RIGHT | {"why": f"=It follows, says {student[0]}. ![](attachment:a)"}
        notebook = handed_in(played.exam, answers)
        picture = {"a": {"image/png": "iVBORw0KGgo="}}
        cell_of(notebook, "why")["attachments"] = picture
        hand_in(played.course, student, notebook)
    blank = {name: text for name, text in RIGHT.items() if name != "why"}
    hand_in(played.course, "ivy", handed_in(played.exam, blank))
    played.record_all(manual=None)
    return folder


@pytest.fixture
def played(made, tmp_path, monkeypatch, capsys):
    return played_copy(made, tmp_path, monkeypatch, capsys)


def written_out(played, *more, to="out"):
    """The rows that the command wrote, by the path of the table."""
    status, _, err = played.run("marking", "T1", "-o", to, *more)
    assert (status, err) == (0, "")
    with (played.root / to / "answers.csv").open(encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def read_back(played, rows, *more, delimiter=","):
    """Write the rows as a person may have saved them, and read them."""
    with (played.root / "back.csv").open("w", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    status, out, err = played.run("marking", "T1", "--read", "back.csv", *more)
    assert err == ""
    return status, out


def exported(played):
    """What the plain CSV says of the cell that a person grades."""
    played.run("export", "T1", "-o", "all.csv")
    with (played.root / "all.csv").open(encoding="utf-8") as file:
        return {row["student"]: row["why"] for row in csv.DictReader(file)}


def test_points_given_elsewhere_come_back_and_change_nothing_when_read_twice(played):
    rows = written_out(played)
    assert len(rows) == 5  # a blank answer has its zero
    assert {row["max_points"] for row in rows} == {"4"}
    texts = [(played.root / "out" / row["answer"]).read_text() for row in rows]
    assert sorted(text[18] for text in texts) == ["a", "b", "e", "j", "z"]
    assert (played.root / "out" / rows[0]["key"] / "why-1.png").is_file()
    everything = [p.name for p in (played.root / "out").rglob("*")]
    assert not [name for name in everything if name in STUDENTS]
    rows[0] |= {"points": "2,5", "comment": "-1 for the sign"}
    rows[1] |= {"points": "4"}
    status, out = read_back(played, rows, "--as", "ann", delimiter=";")
    assert (status, out.split(";")[0]) == (0, "Entered 2 answers")
    given = sorted(points for points in exported(played).values() if points)
    assert given == ["0", "2.5", "4"]  # that of the blank one too
    again = written_out(played, to="again")
    changed = {row["key"]: row for row in again}[rows[0]["key"]]
    assert (changed["points"], changed["comment"]) == ("2.5", "'-1 for the sign")
    assert read_back(played, rows)[0] == 0
    status, out = read_back(played, again)
    assert "Entered 0 answers; 2 are as they were" in out


def test_a_bad_row_is_refused_with_a_sentence_and_the_others_count(played):
    rows = written_out(played)
    bad = [
        ({"points": "4.5"}, "points from 0 to 4 were expected, not “4.5”"),
        ({"points": "much"}, "points from 0 to 4 were expected, not “much”"),
        ({"points": "nan"}, "points from 0 to 4 were expected, not “nan”"),
        ({"points": "1", "key": "nobody"}, "no submission with an answer to grade"),
        ({"points": "1", "cell": "cube-test"}, "no answer of this submission that"),
    ]
    wrong = [row | change for row, (change, _) in zip(rows, bad, strict=True)]
    right = rows[2] | {"points": "3"}
    twice = rows[2] | {"points": "1"}
    status, out = read_back(played, [*wrong, right, twice])
    assert status == 1
    for number, (_, said) in enumerate(bad, 2):
        line = next(each for each in out.split("\n") if f"row {number} " in each)
        assert said in line
    assert "row 8" in out
    assert "a row above is about the same answer" in out
    assert sorted(exported(played).values()) == ["", "", "", "", "0", "3"]


def test_what_changed_meanwhile_is_not_written_over(played):
    rows = written_out(played)
    ids = {row["key"]: row for row in written_out(played, "--names", to="named")}
    student = ids[rows[0]["key"]]["student"]
    with played.course.gradebook() as gradebook:
        grade = gradebook.find_grade("why", NAME, NAME, student)
        grade.manual_score, grade.needs_manual_grade = 2.0, False
        gradebook.db.commit()
    status, out = read_back(played, [rows[0] | {"points": "3"}])
    assert status == 1
    assert "there are 2 points now" in out
    assert exported(played)[student] == "2"
    assert read_back(played, [rows[0] | {"points": "2"}])[0] == 0  # the same


def test_a_filled_in_table_is_never_written_over(played):
    written_out(played)
    status, _, err = played.run("marking", "T1", "-o", "out")
    assert status == 2
    assert "is there already" in err


def test_a_file_that_is_no_such_table_is_refused(played):
    (played.root / "x.csv").write_text("student,points\nada,3\n")
    status, _, err = played.run("marking", "T1", "--read", "x.csv")
    assert status == 2
    assert "there is no key and no cell and no comment and no state" in err


def test_shares_are_equal_within_one_and_stay(played):
    assert played.run("marking", "T1", "--graders", "ann, ben")[0] == 0
    first = shares(played.course, NAME)
    sizes = sorted(list(first.values()).count(name) for name in ("ann", "ben"))
    assert sizes == [2, 3]
    assert "ivy" not in first  # nobody need read a blank answer
    for student in ("kim", "lea"):
        hand_in(played.course, student, handed_in(played.exam))
    played.record_all(manual=None)
    status, out, _ = played.run("marking", "T1", "--graders", "ann,ben,cem")
    later = shares(played.course, NAME)
    assert {s: g for s, g in later.items() if s in first} == first
    assert later["kim"] == later["lea"] == "cem"
    assert "autograder serve --as cem" in out
    mine = written_out(played, "--as", "cem", to="cem")
    assert {row["grader"] for row in mine} == {"cem"}
    assert len(mine) == 2
    status, _, err = played.run("serve", "--as", "bob")
    assert (status, "there are: ann, ben, cem" in err) == (2, True)


def test_a_deleted_student_leaves_no_mark(played):
    played.run("marking", "T1", "--graders", "ann,ben")
    path = path_of(played.course, NAME, "ada")
    assert path.exists()
    assert played.run("student", "ada", "--delete", "--yes")[0] == 0
    assert not path.exists()


def test_a_mark_cut_short_by_a_kill_loses_no_other(played):
    course = played.course
    write_mark(course, NAME, "ada", Mark("why", 1.0, "ann", (0,)))
    with path_of(course, NAME, "ada").open("ab") as file:
        file.write(b'\n{"cell": "why", "poi')
    write_mark(course, NAME, "ada", Mark("other", 2.0, "ann"))
    found = marks(course, NAME, "ada")
    assert (found["why"].points, found["other"].points) == (1.0, 2.0)


@pytest.mark.parametrize(
    "source", sorted(SOLUTIONS.glob("*/a*_*.md")), ids=lambda path: path.stem
)
def test_the_lines_of_each_scheme_give_the_points_of_its_answer(source):
    for cell in filter(is_manual, read_source(source).cells):
        assert scheme_of(cell.source).points == points(cell), grade_id(cell)


def test_a_scheme_is_told_from_the_answer_above_it():
    scheme = scheme_of(
        "### BEGIN SOLUTION\nBecause.\n\n- 1 point: no line of it\n"
        "**Marking scheme.**\n- 1 point: the $x$\n  of it.\n- ½ points: more\n\n"
        "Any route.\n- a note\n### END SOLUTION"
    )
    assert [(line.points, line.text) for line in scheme.lines] == [
        (1.0, "the $x$ of it."),
        (0.5, "more"),
    ]
    assert scheme.answer.startswith("Because.")
    assert scheme.notes == "Any route. - a note"
    assert scheme_of("Because.\n**Marking scheme.**\nOne point.") is None


def test_a_course_without_a_scheme_has_none(played):
    assert schemes(played.course.source(NAME)) == {}
    assert schemes(played.course.root / "nowhere.ipynb") == {}
