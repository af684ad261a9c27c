"""The command line parses, prints and returns a status; mistakes are one line."""

import json
import sys
from dataclasses import replace

import pytest
from lms_files import MOODLE_ROSTER, make_zip
from tiny_assignment import NAME, hand_in, handed_in, tiny_course, write_source

from autograder.cli import main
from autograder.collect.read_back import read_submission
from autograder.grade.record import record
from autograder.judge.judge import no_points, refused
from autograder.model import Outcome, Result

COMMANDS = (
    "release",
    "collect",
    "grade",
    "feedback",
    "report",
    "export",
    "return",
    "demo",
    "demo-class",
    "status",
    "serve",
    "backup",
    "restore",
    "student",
    "doctor",
)


@pytest.fixture
def course(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tiny_course(tmp_path)


@pytest.fixture
def full_disk(monkeypatch):
    """What bob handed in cannot be recorded: a failure that is not his."""

    def record(course, exam, answers, *rest):
        if any(answer.result.student == "bob" for answer in answers):
            raise OSError("the disk is full")
        return whole(course, exam, answers, *rest)

    module = sys.modules["autograder.grade.recorder"]
    whole = module.record_all
    monkeypatch.setattr(module, "record_all", record)


def run(capsys, *arguments):
    status = main(arguments)
    out, err = capsys.readouterr()
    return status, out, err


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_shows_one_example(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert f"Example: autograder {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ("grade", "t9"),
        ("grade", "t1"),
        ("collect", "t1", "nowhere"),
        ("release", "t9"),
        ("report", "t9"),
        ("feedback", "t9", "--course", "elsewhere"),
        ("export", "t9"),
        ("return", "t9", "--to", "moodle"),
        ("return", "t1", "--to", "folder"),
        ("grade", "t1", "--task", "square"),
        ("restore", "nowhere.zip", "--into", "x"),
        ("backup", "--course", "elsewhere"),
        ("student", "nobody"),
        ("demo", "t9"),
        ("demo-class", "t9", "--to", "x"),
    ],
    ids=" ".join,
)
def test_a_persons_mistake_is_one_line_and_status_2(course, capsys, arguments):
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("autograder: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("unknown",),
        ("grade", "t1", "--workers", "0"),
        ("grade", "t1", "--cell-seconds", "nan"),
        ("grade", "t1", "--workers", "x"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_parsed_is_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2


def test_collect_says_how_many_and_what_is_wrong(course, capsys, tmp_path):
    (tmp_path / "in" / "eve").mkdir(parents=True)
    (tmp_path / "in" / "ada.ipynb").write_bytes(b"{}")
    status, out, _ = run(capsys, "collect", "T1", "in")
    assert status == 1
    assert "eve: the folder is empty" in out
    assert "Collected 1 of 2 submissions." in out
    assert read_submission(course[0], NAME, "ada")[0].content == b"{}"


def test_collect_of_good_files_is_status_0(course, capsys, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ada.ipynb").write_bytes(b"{}")
    assert run(capsys, "collect", "t1", "in")[0] == 0


def test_grade_prints_a_table_and_says_what_needs_a_look(course, full_disk, capsys):
    hand_in(course[0], "ada", b"{")
    hand_in(course[0], "bob", b"{")
    status, out, _ = run(capsys, "grade", "t1")
    assert status == 1
    lines = out.splitlines()
    assert lines[1].split()[:3] == ["ada", "invalid", "-/9"]
    assert lines[2].split()[:2] == ["bob", "failed"]
    assert lines[3] == "2 students: 0 graded, 1 invalid, 1 failed."
    assert str(course[0].root / "results") in lines[4]


def test_grade_of_one_student_shows_that_one(course, capsys):
    for student in ("ada", "bob"):
        hand_in(course[0], student, b"{")
    _, out, _ = run(capsys, "grade", "t1", "--student", "bob", "--json")
    (row,) = json.loads(out)
    assert (row["student"], row["outcome"], row["look"]) == ("bob", "invalid", True)


def test_an_interruption_is_one_line_and_status_2(course, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(
        sys.modules["autograder.grade.grade"], "grade_class", interrupted
    )
    status, _, err = run(capsys, "grade", "t1")
    assert (status, err.count("\n")) == (2, 1)
    assert "the same command continues" in err


@pytest.mark.parametrize("command", ["feedback", "report", "export"])
def test_the_pages_are_written_from_what_was_recorded(course, capsys, command):
    folder, exam = course
    hand_in(folder, "ada", handed_in(exam))
    submission, _ = read_submission(folder, NAME, "ada")
    with folder.gradebook() as gradebook:
        record(folder, exam, refused(submission, exam, "cut short"), gradebook)
    status, out, _ = run(capsys, command, "t1", "--json")
    written = json.loads(out)
    paths = written if isinstance(written, list) else list(written.values())
    assert status == (1 if command == "export" else 0)  # she has no score
    assert paths


def test_from_moodles_zip_to_moodles_worksheet(course, capsys, tmp_path):
    folder, exam = course
    answers = json.dumps(handed_in(exam)).encode("utf-8")
    make_zip(
        tmp_path / "moodle.zip",
        {f"Ada Lovelace_101_assignsubmission_file_/{NAME}.ipynb": answers},
    )
    (tmp_path / "grades.csv").write_text(MOODLE_ROSTER, "utf-8")
    status, out, _ = run(
        capsys, "collect", "T1", "moodle.zip", "--roster", "grades.csv"
    )
    assert status == 0
    assert out.splitlines() == [
        "Collected 1 of 1 submissions.",
        "Handed nothing in: emilie@example.org, sofia@example.org",
    ]
    submission, _ = read_submission(folder, NAME, "ada@example.org")
    cells = tuple(replace(each, manual=False, points=1.5) for each in no_points(exam))
    result = Result(
        submission.student,
        NAME,
        Outcome.GRADED,
        cells,
        key="k",
        notebook=answers.decode(),
    )
    with folder.gradebook() as gradebook:
        record(folder, exam, result, gradebook, submission.received)
    status, out, _ = run(capsys, "export", "T1", "--to", "moodle", "-o", "back.csv")
    assert status == 0
    assert "Wrote 1 scores into back.csv" in out
    assert "emilie@example.org, sofia@example.org" in out
    assert "Participant 101,Ada Lovelace,ada@example.org" in (
        tmp_path / "back.csv"
    ).read_text("utf-8-sig")
    for to in ("csv", "nbgrader"):
        assert run(capsys, "export", "T1", "--to", to)[0] == 0
    status, out, err = run(capsys, "export", "T1", "--to", "canvas")
    assert (status, out, err.count("\n")) == (2, "", 1)


def test_status_writes_the_page_on_the_course(course, capsys):
    hand_in(course[0], "ada", b"{")
    status, out, _ = run(capsys, "status", "--page", "-o", "course.csv")
    page = course[0].root / "reports" / "course.html"
    assert (status, out.splitlines()[-1]) == (0, f"Wrote {page}")
    assert "ada" in page.read_text("utf-8")
    (course[0].root / "course.toml").write_text("[total.weights]\nA9 = 1\n")
    status, _, err = run(capsys, "status", "--page")
    assert (status, err.count("\n"), "has no weight for t1_tiny" in err) == (2, 1, True)


@pytest.mark.grading
def test_from_release_to_grade(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_source(tmp_path / "solutions")
    status, _, told = run(capsys, "release", "T1")
    assert status == 0, told
    release = tmp_path / "course" / "release" / NAME / f"{NAME}.ipynb"
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ada.ipynb").write_bytes(release.read_bytes())
    assert run(capsys, "collect", "T1", "in")[0] == 0
    status, out, _ = run(capsys, "grade", "T1")
    assert (status, "0/9" in out) == (0, True)


@pytest.mark.grading
def test_the_doctor_runs_a_notebook_and_names_what_is_missing(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    status, out, _ = run(capsys, "doctor")
    assert "ok   kernel: a notebook ran" in out
    assert "ok   sandbox: " in out
    assert status == 0
    assert not (tmp_path / "course").exists()
