"""Excused is neither zero nor missing, a zero is only given on request, days add up."""

import csv
from dataclasses import asdict

import pytest
from class_commands import Played, played_copy, work
from downloads import (
    ADA,
    BORIS,
    CARLA,
    Student,
    canvas_name,
    canvas_sheet,
    moodle_files,
    moodle_sheet,
    zipped,
)
from tiny_assignment import NAME, tiny_course

from autograder.course.gradebook import numbers
from autograder.course.late import lateness
from autograder.course.submitted import Note, store
from autograder.grade.grading import Grading
from autograder.model import Limits

FILE = f"{NAME}.ipynb"
DORA = Student("Dora Dent", 504, "dora@example.org", received="")
ELI = Student("Eli East", 505, "eli@example.org", received="")
EXCUSED = '[excused]\n"BORIS@example.org" = ["T1"]\n"dora@example.org" = ["t1_tiny"]\n'


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A course; Ada, Boris and Carla hand in, Dora and Eli do not."""
    root = tmp_path_factory.mktemp("made")
    tiny_course(root)
    return root


@pytest.fixture
def played(made, tmp_path, monkeypatch, capsys):
    return played_copy(made, tmp_path, monkeypatch, capsys)


def collect(played: Played, sheet: str, *, canvas: bool = False) -> None:
    (played.root / "list.csv").write_text(sheet)
    works = {s: work(played, s) for s in (ADA, BORIS, CARLA)}
    files = moodle_files(works, FILE)
    if canvas:
        files = {canvas_name(s, FILE): each for s, each in works.items()}
    zipped(played.root / "in.zip", files)
    played.run("collect", "T1", "in.zip", "--roster", "list.csv")
    played.record_all()


def table(path, key):
    text = path.read_text("utf-8-sig")
    return {row[key]: row for row in csv.DictReader(text.splitlines())}


def test_moodle_gets_nothing_for_the_excused_and_a_zero_on_request(played):
    played.rules(EXCUSED)
    everybody = (ADA, BORIS, CARLA, DORA, ELI)
    collect(played, moodle_sheet(everybody))
    status, out, _ = played.run("export", "T1", "--to", "moodle", "-o", "out.csv")
    assert status == 0
    assert "Handed nothing in, left as they were: eli@example.org" in out
    assert "Excused: boris@example.org, dora@example.org" in out
    found = table(played.root / "out.csv", "Email address")
    grades = [found[each.email]["Grade"] for each in everybody]
    assert grades == ["5", "", "5", "", ""]
    status, out, _ = played.run(
        "export", "T1", "--to", "moodle", "-o", "out.csv", "--zeros"
    )
    assert (status, "Handed nothing in, got 0: eli@example.org" in out) == (0, True)
    found = table(played.root / "out.csv", "Email address")
    grades = [found[each.email]["Grade"] for each in everybody]
    assert grades == ["5", "", "5", "", "0"]


def test_the_report_names_the_excused_and_leads_to_who_waits(played):
    played.rules(EXCUSED)
    collect(played, moodle_sheet((ADA, BORIS, CARLA, DORA, ELI)))
    with played.course.gradebook() as gradebook:
        for submission in gradebook.find_notebook(NAME, NAME).submissions:
            for grade in submission.grades:
                grade.manual_score, grade.needs_manual_grade = None, True
        gradebook.db.commit()
    assert played.run("report", "T1")[0] == 0
    page = (played.course.root / "reports" / f"{NAME}.html").read_text("utf-8")
    at = page.index("<h3>Excused</h3>")
    assert "boris@example.org, dora@example.org" in " ".join(page[at:].split())
    submissions = numbers(played.course, NAME)
    linked = {student for student, number in submissions.items() if number in page}
    assert linked == {"ada@example.org", "carla@example.org"}


def test_canvas_has_a_word_for_it(played):
    played.rules('[excused]\nboris = ["T1"]\nS4004 = ["T1"]\n')
    sheet = canvas_sheet((ADA, BORIS, CARLA, DORA, ELI), NAME)
    collect(played, sheet, canvas=True)
    status, out, err = played.run("export", "T1", "--to", "canvas", "-o", "out.csv")
    assert status == 0, out + err
    found = table(played.root / "out.csv", "SIS User ID")
    column = f"{NAME} (777)"
    assert (found["S4002"][column], found["S4004"][column]) == ("EX", "EX")
    assert (found["S4001"][column], found["S4005"][column]) == ("5", "")


def test_the_plain_file_says_excused_and_gives_a_zero_on_request(played):
    played.rules(EXCUSED)
    collect(played, moodle_sheet((ADA, BORIS, CARLA, DORA, ELI)))
    said = {"ada": "graded", "boris": "excused", "dora": "excused", "eli": "none"}
    for options, eli in (((), ""), (("--zeros",), "0")):
        status, out, _ = played.run("export", "T1", "-o", "out.csv", *options)
        found = table(played.root / "out.csv", "student")
        for name, outcome in said.items():
            assert found[f"{name}@example.org"]["outcome"] == outcome
        scores = [found[f"{name}@example.org"]["score"] for name in said]
        assert scores == ["5", "", "", eli]
        assert (status, "got 0: eli@example.org" in out) == (0, bool(eli))


def test_nobody_gets_a_zero_before_it_is_due(played):
    collect(played, moodle_sheet((ADA, BORIS, CARLA, DORA, ELI)))
    played.rules(
        '[due]\nT1 = 2026-01-01\n[extensions.T1]\n"eli@example.org" = 366\n'
        '[accommodations]\n"eli@example.org" = {days = 366}\n'
    )
    for to in ("csv", "moodle"):
        options = ("--to", to, "-o", "out.csv", "--zeros")
        _, out, _ = played.run("export", "T1", *options)
        assert "got 0: dora@example.org\n" in out


def test_a_slip_in_the_tables_is_told_where_grades_leave_and_in_the_overview(played):
    collect(played, moodle_sheet((ADA, BORIS, CARLA)))
    played.rules(
        '[excused]\n"nobody@x" = ["T1"]\n"ada@example.org" = ["T7"]\n'
        '[accommodations]\n"noone@x" = {days = 1}\n'
    )
    status, out, _ = played.run("status")
    assert status == 1
    assert "nobody@x: course.toml has it under [excused], and nobody" in out
    assert "noone@x: course.toml has it under [accommodations], and nobody" in out
    assert "T7: course.toml has it under [excused], and no assignment" in out
    status, _, err = played.run("export", "T1", "-o", "out.csv")
    assert (status, err.count("\n")) == (2, 1)


def test_days_of_an_accommodation_and_of_an_extension_add_up(played):
    played.rules(
        "[due]\nT1 = 2026-11-20T12:00:00Z\n[late]\nper_day = 0.1\nfree_days = 1\n"
        "[extensions.T1]\nada = 1\n[accommodations]\nADA = {days = 2}\n"
        "ben = {days = 2}\n[excused]\ncem = ['T1']\n"
    )
    for student in ("ada", "ben", "cem", "dan"):
        note = Note("x", None, "2026-11-23T11:00:00Z")
        store(played.course, NAME, student, note, b"")
    found = lateness(played.course, NAME, ["ada", "ben", "cem", "dan"])
    assert {name: (each.days, each.free) for name, each in found.items()} == {
        "ben": (1, 1),
        "dan": (3, 1),
    }


def test_a_time_factor_stretches_the_limits_of_one_student(played):
    played.rules("[accommodations]\n'ADA' = {time_factor = 1.5}\n")
    for student in ("ada", "ben"):
        store(played.course, NAME, student, Note("x"), b"{}")
    grading = Grading(played.course, played.exam, Limits(cell=10, notebook=40), 0)
    ada, ben = (asdict(grading.task(each).limits) for each in ("ada", "ben"))
    assert ben == asdict(grading.limits)
    assert ada == ben | {"cell": 15.0, "notebook": 60.0}
