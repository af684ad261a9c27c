"""Times, extensions and attempts of an ordinary class, by the real command line."""

import csv
import json
from dataclasses import replace

import pytest
from class_commands import Played, played_course, work
from downloads import ADA, BORIS, CARLA, CLASS, moodle_files, moodle_sheet, zipped
from downloads import nbgrader_tree as tree
from tiny_assignment import (
    NAME,
    SOURCE,
    hand_in,
    handed_in,
    tiny_course,
    write_source,
)

from autograder.cli import main
from autograder.release.release import publish

FILE = f"{NAME}.ipynb"
DUE = """timezone = "Europe/Berlin"
[due]
T1 = 2026-11-27T23:59:00
[late]
per_day = 0.1
"""


@pytest.fixture
def played(tmp_path, monkeypatch, capsys) -> Played:
    return played_course(tmp_path, monkeypatch, capsys)


def collect_moodle(played, students=CLASS, answer=work, *more):
    source = moodle_files({s: answer(played, s) for s in students}, FILE)
    zipped(played.root / "in.zip", source)
    (played.root / "list.csv").write_text(moodle_sheet(students), "utf-8")
    return played.run("collect", "T1", "in.zip", "--roster", "list.csv", *more)


def days(played, assignment="T1"):
    """By the exported CSV, who was late and by how many days."""
    played.run("export", assignment, "-o", "out.csv")
    with (played.root / "out.csv").open(encoding="utf-8") as file:
        return {row["student"]: row["late_days"] for row in csv.DictReader(file)}


def test_nbgraders_own_times_are_read_with_fractions_and_zones(played):
    played.rules(DUE)
    notebook = work(played, ADA)
    tree(
        played.root / "course" / "submitted",
        NAME,
        {
            "ada": (notebook, "2026-11-27 20:00:00.012345 UTC"),
            "boris": (notebook, "2026-11-29 22:30:00.123456 UTC"),
            "carla": (notebook, "2026-11-29 22:30:00.123456 CET"),
            "dora": (notebook, "2026-11-28 00:30:00.5 Europe/Berlin"),
            "emil": (notebook, "2026-11-27 23:30:00 +0100\n"),
        },
    )
    played.record_all()
    assert days(played) == {
        "ada": "",
        "boris": "2",
        "carla": "2",
        "dora": "1",
        "emil": "",
    }


def test_a_time_that_cannot_be_read_is_an_error_of_that_student_alone(played):
    played.rules(DUE)
    notebook = work(played, ADA)
    times = {"ada": "2026-11-27 20:00:00 UTC", "boris": "last Friday"}
    tree(
        played.root / "course" / "submitted",
        NAME,
        {student: (notebook, time) for student, time in times.items()},
    )
    played.record_all()
    status, out, _ = played.run("export", "T1", "-o", "out.csv")
    assert status == 1
    assert "boris: no score: the time “last Friday” is not understood" in out
    assert "ada" not in out
    played.run("feedback", "T1")
    page = (played.root / "course/feedback/boris" / NAME / f"{NAME}.html").read_text()
    assert "cannot be told when you handed in" in page


def test_nbgraders_tree_is_collected_with_its_times(played):
    played.rules(DUE)
    notebook = work(played, ADA)
    tree(
        played.root / "theirs",
        NAME,
        {
            "ada": (notebook, "2026-11-27 20:00:00.012345 UTC"),
            "boris": (notebook, "2026-11-29 22:30:00.123456 UTC"),
        },
    )
    (played.root / "theirs" / "carla" / "other").mkdir(parents=True)
    (played.root / "theirs" / "carla" / "other" / "other.ipynb").write_bytes(b"{}")
    status, out, _ = played.run("collect", "T1", "theirs")
    assert (status, "carla: nothing for this assignment" in out) == (1, True)
    played.record_all()
    assert days(played) == {"ada": "", "boris": "2"}


def test_a_student_cannot_forge_a_time_where_others_have_none(played):
    played.rules(DUE)
    notebook = work(played, ADA)
    tree(
        played.root / "theirs",
        NAME,
        {"ada": (notebook, "2026-11-01 20:00:00 UTC"), "boris": (notebook, None)},
    )
    played.run("collect", "T1", "theirs")
    note = json.loads((played.submitted("ada") / "collected.json").read_text())
    assert note["received"] is None


def test_a_time_zone_that_is_written_after_collecting_counts(played):
    late = replace(ADA, received="Friday, 27 November 2026, 11:00 PM")
    collect_moodle(played, [late, BORIS, CARLA])
    played.record_all()
    played.rules(
        DUE.replace('timezone = "Europe/Berlin"', 'timezone = "America/New_York"')
    )
    assert days(played)[ADA.email] == ""
    played.rules(
        'timezone = "UTC"\n' + DUE.partition("\n")[2].replace("23:59:00", "22:30:00")
    )
    assert days(played)[ADA.email] == "1"
    played.rules(
        'timezone = "UTC"\n[due]\nT1 = 2026-11-27T22:30:00Z\n[late]\nper_day = 0.1\n'
    )
    assert days(played)[ADA.email] == "1"
    played.rules('timezone = "Europe/Berlin"\n[due]\nT1 = 2026-11-27T22:30:00Z\n')
    assert days(played)[ADA.email] == ""  # 23:00 in Berlin is 22:00 of the clock in UTC


def test_an_extension_is_matched_as_the_lms_compares_ids(played):
    late = replace(BORIS, received="Sunday, 29 November 2026, 10:30 PM")
    collect_moodle(played, [ADA, late, CARLA])
    played.record_all()
    played.rules(DUE)
    assert days(played)[BORIS.email] == "2"
    for name in ("Boris@Example.ORG", " boris@example.org ", "502"):
        played.rules(DUE + f'[extensions.T1]\n"{name}" = 5\n')
        assert days(played)[BORIS.email] == "", name


COSTS = "[late]\nper_day = 0.1\n"
SLIPS = {
    "due": "[due]\nT_1 = 2026-11-27T22:30:00Z\n",
    "extensions": '[extensions.TT1]\n"boris@example.org" = 5\n',
}


@pytest.mark.parametrize("rules", SLIPS.values(), ids=SLIPS)
def test_an_entry_that_no_assignment_has_is_told(played, rules):
    collect_moodle(played)
    played.record_all()
    played.rules(rules)
    status, _, err = played.run("export", "T1", "-o", "out.csv")
    assert status == 2
    assert "no assignment is called so; t1_tiny has no entry there" in err


LATER = {
    "this one has its entry": "[due]\nT1 = 2026-11-27\nT2 = 2026-12-04\n" + COSTS,
    "a later week's": "[due]\nweek2 = 2026-12-04\n",
}


@pytest.mark.parametrize("rules", LATER.values(), ids=LATER)
def test_an_entry_for_a_later_assignment_is_none_of_them(played, rules):
    collect_moodle(played)
    played.record_all()
    played.rules(rules)
    assert played.run("export", "T1", "-o", "out.csv")[0] != 2


def test_grade_says_when_no_due_date_makes_anything_late(tmp_path, capsys):
    course, exam = tiny_course(tmp_path)
    hand_in(course, "ada", handed_in(exam))
    command = ["grade", "t1", "--course", str(course.root), "--workers", "1"]
    (course.root / "course.toml").write_text("[due]\nweek2 = 2026-11-27\n" + COSTS)
    assert main(command) == 0
    assert "has no due date in course.toml" in capsys.readouterr().out
    (course.root / "course.toml").write_text("[due]\nT1 = 2026-11-27\n" + COSTS)
    main(command)
    assert "no due date" not in capsys.readouterr().out


def test_an_extension_for_nobody_is_an_error(played):
    collect_moodle(played)
    played.record_all()
    played.rules(DUE + '[extensions.T1]\n"bors@example.org" = 5\n')
    status, out, err = played.run("export", "T1", "-o", "out.csv")
    assert (status, out) == (2, "")
    assert "bors@example.org: course.toml has it under [extensions]" in err
    assert not (played.root / "out.csv").exists()
    status, out, _ = collect_moodle(played)
    assert (status, "bors@example.org" in out) == (1, True)


def test_two_extensions_of_one_student_are_refused(played):
    collect_moodle(played)
    played.rules(DUE + '[extensions.T1]\n"a@b.org" = 5\n"A@b.org" = 2\n')
    status, _, err = played.run("export", "T1")
    assert (status, "that is one student" in err) == (2, True)


def test_moodles_own_extension_is_not_overlooked(played):
    played.rules(DUE)
    status = "Submitted for grading - Extension granted until: Friday, 4 December 2026"
    longer = replace(BORIS, status=status)
    code, out, _ = collect_moodle(played, [ADA, longer, CARLA])
    assert code == 1
    assert "boris@example.org: the LMS says “Extension granted until: Friday" in out


def test_work_that_is_newer_than_the_class_list_is_told(played):
    played.rules(DUE)
    later = replace(BORIS, received="", status="No submission - ")
    status, out, _ = collect_moodle(played, [ADA, later, CARLA])
    assert status == 1
    assert "boris@example.org: the class list tells no time for it" in out


@pytest.mark.parametrize("rule", ["last", "best", "first"])
def test_an_attempt_that_is_newer_than_the_class_list_is_told(played, rule):
    """The zip is new and the list is not: what it tells is the first attempt's time."""
    played.rules(f'attempts = "{rule}"\n{DUE}')
    assert collect_moodle(played, [ADA, BORIS], wrong)[0] == 0
    zipped(played.root / "new.zip", moodle_files({ADA: right(played, ADA)}, FILE))
    for _ in range(2):  # it stays in doubt
        status, out, _ = played.run("collect", "T1", "new.zip")
        assert (status, f"{ADA.email}: handed in anew" in out) == (1, True)
        assert BORIS.email not in out
    # The list of today mends it: no attempt in time is left behind.
    late = replace(ADA, received="Sunday, 29 November 2026, 9:00 PM")
    status, out, _ = collect_moodle(played, [late, BORIS], right_of_ada)
    assert (status, "handed in anew" in out) == (0, False), out
    attempts = played.course.root / "attempts" / ADA.email / NAME
    told = [
        json.loads(p.read_text()) for p in sorted(attempts.glob("*/collected.json"))
    ]
    assert [each["received"] for each in told] == [ADA.received, late.received]
    played.record_all()
    assert days(played)[ADA.email] == ("2" if rule == "last" else "")


def right_of_ada(played, student):
    return (right if student.name == ADA.name else wrong)(played, student)


@pytest.mark.parametrize("table", ["due", "extensions"])
def test_two_names_of_one_assignment_are_refused(played, table):
    """One of the two lines would be passed over."""
    collect_moodle(played)
    played.record_all()
    lines = {
        "due": "[due]\nT1 = 2026-11-27\nt1_tiny = 2026-11-30\n",
        "extensions": '[extensions.T1]\n"ada@example.org" = 3\n'
        '[extensions.t1_tiny]\n"boris@example.org" = 2\n',
    }
    played.rules(lines[table])
    status, _, err = played.run("export", "T1")
    assert status == 2
    assert f"[{table}] has “T1” and “t1_tiny”: that is one assignment" in err


def test_a_name_that_may_mean_two_assignments_is_no_lost_due_date(played):
    played.rules(DUE)
    late = replace(ADA, received="Sunday, 29 November 2026, 9:00 PM")
    collect_moodle(played, [late])
    played.record_all()
    publish(played.course, "t1_more", write_source(played.root, SOURCE, "t1_more"))
    status, _, err = played.run("export", NAME, "-o", "out.csv")
    assert status == 2
    assert "[due] has “T1”, which may mean t1_more or t1_tiny" in err
    played.rules(DUE.replace("T1 =", f"{NAME} ="))
    assert days(played, NAME) == {ADA.email: "2"}


def test_a_minute_that_the_lms_rounds_is_in_time(played):
    played.rules(DUE)
    last = replace(ADA, received="Friday, 27 November 2026, 11:59 PM")
    next_one = replace(BORIS, received="Saturday, 28 November 2026, 12:00 AM")
    collect_moodle(played, [last, next_one])
    played.record_all()
    assert days(played) == {ADA.email: "", BORIS.email: "1"}


def test_a_list_of_times_that_means_nobody_is_told(played):
    """A spreadsheet turned the id 00123 into 123: the row would be for nobody."""
    played.rules(DUE)
    folder = played.root / "in" / "00123"
    folder.mkdir(parents=True)
    (folder / FILE).write_bytes(work(played, ADA))
    (played.root / "list.csv").write_text("student\n00123\n")
    (played.root / "times.csv").write_text("student,received\n123,2026-11-29T22:30\n")
    status, out, _ = played.run(
        *("collect", "T1", "in", "--roster", "list.csv", "--times", "times.csv")
    )
    assert status == 1
    assert "123: the list of times has a row for it, and nobody is called so" in out
    assert "00123: the class list tells no time for it" in out


def right(played, student):
    return work(played, student)


def wrong(played, student):
    return work(played, student, square="def square(x):\n    return 2 * x")


@pytest.mark.parametrize(
    ("rule", "score", "words"),
    [
        ("last", "3", "Attempt 2 counts: the last one"),
        ("first", "5", "Attempt 1 counts: the first one"),
    ],
)
def test_every_attempt_is_kept_and_the_rule_says_which_counts(
    played, rule, score, words
):
    played.rules(f'attempts = "{rule}"\n')
    collect_moodle(played, answer=right)
    again = replace(ADA, received="Sunday, 29 November 2026, 9:00 PM")
    collect_moodle(played, [again], wrong)
    collect_moodle(played, [again], wrong)  # the same download: no third attempt
    kept = sorted((played.root / "course/attempts" / ADA.email / NAME).iterdir())
    assert [path.name for path in kept] == ["001", "002"]
    played.record_all()
    assert played.score(ADA.email) == score
    played.run("feedback", "T1")
    page = (
        played.root / "course/feedback" / ADA.email / NAME / f"{NAME}.html"
    ).read_text()
    assert f"You handed in 2 times. {words}" in page


def test_an_older_download_that_is_collected_again_changes_nothing(played):
    collect_moodle(played, answer=wrong)
    again = replace(ADA, received="Sunday, 29 November 2026, 9:00 PM")
    collect_moodle(played, [again, BORIS, CARLA], right)
    newest = (played.submitted(ADA.email) / FILE).read_bytes()
    collect_moodle(played, answer=wrong)
    assert (played.submitted(ADA.email) / FILE).read_bytes() == newest


def test_an_unknown_rule_for_attempts_is_one_sentence(played):
    collect_moodle(played)
    played.rules('attempts = "highest"\n')
    status, _, err = played.run("export", "T1")
    assert status == 2
    assert "attempts: one of “last”, “best”, “first” was expected" in err


def test_a_rule_that_changes_after_grading_asks_to_grade_again(played):
    collect_moodle(played, answer=right)
    again = replace(ADA, received="Sunday, 29 November 2026, 9:00 PM")
    collect_moodle(played, [again], wrong)
    played.record_all()
    played.rules('attempts = "first"\n')
    status, out, _ = played.run("export", "T1")
    assert status == 1
    assert f"{ADA.email}: no score: by course.toml another attempt counts" in out
    assert (played.score(ADA.email), played.score(BORIS.email)) == ("", "5")


@pytest.mark.grading
def test_the_best_attempt_is_that_after_the_tests_less_lateness(played):
    """15.3 and then 10: the late, better one costs more than it brings for Boris."""
    played.rules('attempts = "best"\n' + DUE.replace("0.1", "0.9"))
    collect_moodle(played, [ADA, BORIS], right)
    again = [
        replace(ADA, received="Friday, 27 November 2026, 10:00 PM"),
        replace(BORIS, received="Sunday, 29 November 2026, 9:00 PM"),
    ]
    collect_moodle(played, again, wrong)
    assert played.run("grade", "T1", "--workers", "1")[0] == 0
    assert played.score(ADA.email) == "5"
    assert played.score(BORIS.email) == "5"
    # A first attempt that is worse gives way.
    late = replace(CARLA, received="Friday, 27 November 2026, 11:30 PM")
    collect_moodle(played, [CARLA], wrong)
    collect_moodle(played, [late], right)
    assert played.run("grade", "T1", "--workers", "1")[0] == 0
    assert played.score(CARLA.email) == "5"
