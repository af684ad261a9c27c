"""What goes back to the LMS when points are given, lowered, or not all given yet."""

import csv

import pytest
from class_commands import Played, played_course, work
from downloads import (
    ADA,
    BORIS,
    CLASS,
    canvas_sheet,
    moodle_files,
    moodle_sheet,
    zipped,
)
from tiny_assignment import NAME, SOURCE, tiny_course

FILE = f"{NAME}.ipynb"


@pytest.fixture
def graded(tmp_path, monkeypatch, capsys) -> Played:
    """A class from Moodle, graded: the tests gave 5, a person 3 of 4."""
    played = played_course(tmp_path, monkeypatch, capsys)
    zipped(tmp_path / "in.zip", moodle_files({s: work(played, s) for s in CLASS}, FILE))
    (tmp_path / "list.csv").write_text(moodle_sheet(CLASS))
    assert played.run("collect", "T1", "in.zip", "--roster", "list.csv")[0] == 0
    played.record_all(manual=3.0)
    return played


def by_hand(played: Played, student: str, cell: str, **values: object) -> None:
    """What formgrader enters for one student."""
    with played.course.gradebook() as gradebook:
        grade = gradebook.find_grade(cell, NAME, NAME, student)
        for name, value in values.items():
            setattr(grade, name, value)
        gradebook.db.commit()


def grades(played: Played) -> dict[str, str]:
    with (played.root / "out.csv").open(encoding="utf-8-sig") as file:
        return {row["Email address"]: row["Grade"] for row in csv.DictReader(file)}


def send(played: Played, *more: str) -> tuple[int, str, str]:
    return played.run("export", "T1", "--to", "moodle", "-o", "out.csv", *more)


def test_extra_credit_above_moodles_maximum_is_told_and_not_lost(graded):
    by_hand(graded, ADA.email, "why", extra_credit=2.0)
    status, out, _ = send(graded)
    assert status == 1
    assert f"{ADA.email}: 10 is more than the maximum of 9" in out
    assert "not written: the LMS refuses it" in out
    assert grades(graded) == {s.email: "" if s == ADA else "8" for s in CLASS}


def test_extra_credit_goes_to_canvas_which_takes_it(graded):
    by_hand(graded, ADA.email, "why", extra_credit=2.0)
    (graded.root / "canvas.csv").write_text(canvas_sheet(CLASS, NAME))
    sheet = (graded.root / "canvas.csv").read_text()
    for person in CLASS:  # Canvas's login is the id here
        sheet = sheet.replace(
            f",{person.email.partition('@')[0]},", f",{person.email},"
        )
    (graded.root / "canvas.csv").write_text(sheet)
    to = ("--to", "canvas", "--roster", "canvas.csv", "-o", "out.csv")
    status, out, _ = graded.run("export", "T1", *to)
    assert (status, "10 is more than the maximum of 9" in out) == (1, True)
    with (graded.root / "out.csv").open() as file:
        scores = [row[f"{NAME} (777)"] for row in csv.DictReader(file)][2:]
    assert scores == ["10", "8", "8"]


LOWERED = SOURCE.replace('"points": 4', '"points": 2')


def test_lowered_points_are_a_sentence_until_moodle_and_people_follow(graded):
    tiny_course(graded.root, LOWERED)
    graded.exam = tiny_course(graded.root, LOWERED)[1]
    status, out, _ = send(graded)
    assert status in (1, 2)
    graded.record_all(manual=None)
    status, _, err = send(graded)
    assert (status, "the LMS gives 9 points and the assignment has 7" in err) == (
        2,
        True,
    )
    status, out, _ = send(graded, "--scale")
    assert (status, out.count("3 points were given by hand, and now it has 2")) == (
        1,
        3,
    )
    assert set(grades(graded).values()) == {""}
    for person in CLASS:
        by_hand(graded, person.email, "why", manual_score=2.0)
    (graded.root / "list7.csv").write_text(moodle_sheet(CLASS, "7.00"))
    status, _, _ = send(graded, "--roster", "list7.csv")
    assert (status, set(grades(graded).values())) == (0, {"7"})


def test_partial_sends_what_is_final_so_far_and_names_who_waits(graded):
    waits = {"manual_score": None, "needs_manual_grade": True}
    by_hand(graded, BORIS.email, "why", **waits)
    status, out, _ = send(graded)
    assert (status, f"{BORIS.email}: left blank: 4 points wait" in out) == (1, True)
    assert grades(graded)[BORIS.email] == ""
    status, out, _ = send(graded, "--partial")
    assert (status, f"{BORIS.email}: not final: 4 points wait" in out) == (1, True)
    assert grades(graded) == {s.email: "5" if s == BORIS else "8" for s in CLASS}
    by_hand(graded, BORIS.email, "why", manual_score=4.0, needs_manual_grade=False)
    status, out, _ = send(graded, "--partial")
    assert (status, "not final" in out) == (0, False)
    assert grades(graded)[BORIS.email] == "9"


def comment(played: Played, student: str, cell: str, text: str) -> None:
    """What a person writes under a cell in formgrader."""
    with played.course.gradebook() as gradebook:
        found = gradebook.find_comment(cell, NAME, NAME, student)
        found.manual_comment = text
        gradebook.db.commit()


def words(played: Played) -> dict[str, str]:
    """The comment column of the exported worksheet."""
    with (played.root / "out.csv").open(encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        return {row["Email address"]: row["Feedback comments"] for row in rows}


def test_the_comments_hold_a_persons_words_of_the_gradebook(graded):
    comment(graded, ADA.email, "why", "Short,\nand <clear>.")
    comment(graded, ADA.email, "square", "A nice square.")
    assert send(graded)[0] == 0
    lines = words(graded)[ADA.email].split("<br>")
    assert "Exercise 3: why: Short, and &lt;clear&gt;." in lines
    assert "From your instructor: A nice square." in lines
    assert "From your instructor" not in words(graded)[BORIS.email]
    sheet = (graded.root / "out.csv").read_text("utf-8-sig")
    (graded.root / "list2.csv").write_text(sheet, "utf-8")
    comment(graded, ADA.email, "why", "Shorter.")
    send(graded, "--roster", "list2.csv")
    assert words(graded)[ADA.email].count("Exercise 3: why:") == 2  # points, words
    assert "Short," not in words(graded)[ADA.email]
    assert words(graded)[ADA.email].count("From your instructor") == 1


def test_the_comment_of_a_refused_submission_is_the_reason(
    tmp_path, monkeypatch, capsys
):
    played = played_course(tmp_path, monkeypatch, capsys)
    photo = {"Ada Abel_501_assignsubmission_file/answer.jpg": b"no notebook"}
    zipped(tmp_path / "in.zip", photo)
    (tmp_path / "list.csv").write_text(moodle_sheet([ADA]))
    played.run("collect", "T1", "in.zip", "--roster", "list.csv")
    played.record_all(manual=3.0)
    status, out, _ = send(played)
    assert (status, f"{ADA.email}: left blank: refused" in out) == (1, True)
    assert words(played)[ADA.email] == (
        "This submission could not be graded: a notebook was expected, and "
        "&#x27;answer.jpg&#x27; was handed in"
    )
    assert grades(played)[ADA.email] == ""
    (tmp_path / "list2.csv").write_bytes((tmp_path / "out.csv").read_bytes())
    zipped(tmp_path / "in.zip", moodle_files({ADA: work(played, ADA)}, FILE))
    played.run("collect", "T1", "in.zip", "--roster", "list2.csv")
    played.record_all(manual=3.0)
    assert send(played, "--roster", "list2.csv")[0] == 0
    assert "could not be graded" not in words(played)[ADA.email]
    assert "Exercise 3: why: 3 of 4" in words(played)[ADA.email]


def test_a_summary_of_what_was_partial_is_renewed(graded):
    waits = {"manual_score": None, "needs_manual_grade": True}
    by_hand(graded, BORIS.email, "why", **waits)
    send(graded, "--partial")
    sheet = (graded.root / "out.csv").read_text("utf-8-sig")
    assert sheet.count("0 of 4, not all read by a person yet") == 1
    (graded.root / "list2.csv").write_text(sheet, "utf-8")
    by_hand(graded, BORIS.email, "why", manual_score=4.0, needs_manual_grade=False)
    send(graded, "--roster", "list2.csv")
    sheet = (graded.root / "out.csv").read_text("utf-8-sig")
    assert "not all read" not in sheet
    assert "why: 4 of 4" in sheet
