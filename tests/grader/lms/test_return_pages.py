"""Feedback goes back to whom it belongs, as Moodle and Canvas read it, or nowhere."""

import re
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from class_commands import Played, played_course, work
from downloads import (
    ADA,
    BORIS,
    CARLA,
    CLASS,
    Student,
    canvas_name,
    canvas_sheet,
    groups_sheet,
    moodle_files,
    moodle_sheet,
    moodle_team,
    zipped,
)
from tiny_assignment import NAME

FILE = f"{NAME}.ipynb"
TWIN = Student("Ada Abel", 504, "ada.abel@example.org")  # another of this name


@pytest.fixture
def played(tmp_path, monkeypatch, capsys) -> Played:
    return played_course(tmp_path, monkeypatch, capsys)


def from_moodle(played: Played, people=CLASS, **options: object) -> None:
    """Collect from Moodle, grade, and write the pages."""
    files = moodle_files({s: work(played, s) for s in people}, FILE, **options)
    zipped(played.root / "in.zip", files)
    (played.root / "list.csv").write_text(moodle_sheet(people))
    assert played.run("collect", "T1", "in.zip", "--roster", "list.csv")[0] == 0
    graded(played)


def from_canvas(played: Played, files: Mapping[str, bytes]) -> None:
    """The same from Canvas, without a class list."""
    zipped(played.root / "in.zip", files)
    assert played.run("collect", "T1", "in.zip")[0] == 0
    graded(played)


def graded(played: Played) -> None:
    played.record_all(manual=3.0)
    assert played.run("feedback", "T1")[0] == 0


def returned(played: Played, to: str, *more: str) -> tuple[int, str, str]:
    return played.run("return", "T1", "--to", to, "-o", "back.zip", *more)


def entries(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        return {n: archive.read(n).decode() for n in archive.namelist()}


def as_moodle_reads(name: str) -> tuple[int, str] | None:
    """Participant and file, by the rules of Moodle's importziplib.php before 4.1."""
    parts = name.split("/")
    if parts[-1].startswith((".", "~")):
        return None
    while parts:
        info = parts.pop(0).split("_", 4)
        if len(info) == 5 and info[1].isdigit() and info[2:4] == PLUGIN:
            return int(info[1]), "/".join([info[4], *parts]).lstrip("/")
    return None


PLUGIN = ["assignsubmission", "file"]


def as_canvas_reads(name: str) -> tuple[str, str] | None:
    """User and file, by the rules of Canvas's abstract_assignment.rb."""
    parts = [part for part in name.split("_") if part != "LATE"]
    if parts[-1].startswith("link"):
        return None
    if parts[0] == "anon":
        return parts[1], parts[2]
    user, file = [part for part in parts if re.fullmatch(r"\d+", part)][:2]
    return user, file


def whose(page: str) -> str:
    return re.search(r"Feedback for ([^<]*)<", page)[1]


@pytest.mark.parametrize("folders", [True, False], ids=["folders", "files"])
def test_moodle_finds_each_page_by_its_participant(played, folders):
    people = (*CLASS, TWIN)
    from_moodle(played, people, folders=folders)
    assert returned(played, "moodle")[0] == 0
    found = {
        as_moodle_reads(n): p for n, p in entries(played.root / "back.zip").items()
    }
    assert set(found) == {(s.number, f"{NAME}.html") for s in people}
    for student in people:
        page = found[student.number, f"{NAME}.html"]
        assert whose(page) == student.email
        assert page.encode() == played.course.feedback(NAME, student.email).read_bytes()
    names = entries(played.root / "back.zip").keys()
    assert f"Ada Abel_501_assignsubmission_file_/{NAME}.html" in names


def test_a_name_that_looks_like_another_participant_leads_to_nobody_else(played):
    eve = Student("Eve_501_assignsubmission_file_", 505, "eve@example.org")
    (played.root / "in" / eve.email).mkdir(parents=True)
    (played.root / "in" / eve.email / FILE).write_bytes(work(played, eve))
    (played.root / "list.csv").write_text(moodle_sheet([ADA, eve]))
    assert played.run("collect", "T1", "in")[0] == 0
    graded(played)
    status, _, err = returned(played, "moodle")
    assert (status, "number in Moodle is not known" in err) == (2, True)
    assert returned(played, "moodle", "--roster", "list.csv")[0] == 0
    (name,) = entries(played.root / "back.zip")
    assert as_moodle_reads(name) == (505, f"{NAME}.html")


def test_a_number_of_canvas_is_no_participant_of_moodle(played):
    from_canvas(played, {canvas_name(ADA, FILE): work(played, ADA)})
    other = replace(BORIS, number=4000 + ADA.number % 100)
    (played.root / "list.csv").write_text(moodle_sheet([other]))
    status, _, err = returned(played, "moodle", "--roster", "list.csv")
    assert (status, "its number in Moodle is not known" in err) == (2, True)


def test_of_a_team_each_member_gets_the_own_page(played):
    team = [replace(s, group="Team 1") for s in (ADA, BORIS)]
    files = moodle_team("Team 1", 77, FILE, work(played, ADA))
    zipped(played.root / "in.zip", files)
    (played.root / "list.csv").write_text(moodle_sheet(team, teams=True))
    assert played.run("collect", "T1", "in.zip", "--roster", "list.csv")[0] == 0
    graded(played)
    assert returned(played, "moodle")[0] == 0
    found = {
        as_moodle_reads(n): p for n, p in entries(played.root / "back.zip").items()
    }
    assert {number: whose(page) for (number, _), page in found.items()} == {
        s.number: s.email for s in team
    }


def test_canvas_finds_each_page_by_the_name_of_the_file_that_was_handed_in(played):
    link = Student("Link Long", 504, "link@example.org")
    files = {
        canvas_name(s, FILE, "LATE_" * (s == BORIS)): work(played, s) for s in CLASS
    }
    files |= {canvas_name(link, "my_link.ipynb"): work(played, link)}
    files |= {"anon_ab1c2_906_mine.ipynb": work(played, TWIN)}
    from_canvas(played, files)
    assert returned(played, "canvas")[0] == 0
    back = entries(played.root / "back.zip")
    assert f"orlovboris_LATE_4002_90502_{NAME}_feedback.html" in back
    found = {as_canvas_reads(name): whose(page) for name, page in back.items()}
    wanted = {(f"{4000 + s.number % 100}", f"90{s.number}") for s in (*CLASS, link)}
    assert found == {key: key[0] for key in wanted} | {("ab1c2", "906"): "anon_ab1c2"}


def test_canvas_has_the_newest_attempt_whichever_counts(played):
    played.rules('attempts = "first"\n')
    from_canvas(played, {canvas_name(ADA, FILE): work(played, ADA)})
    again = canvas_name(ADA, FILE).replace("_90501_", "_777_")
    from_canvas(
        played, {again: work(played, ADA, square="def square(x):\n    return 0")}
    )
    assert returned(played, "canvas")[0] == 0
    assert [as_canvas_reads(n) for n in entries(played.root / "back.zip")] == [
        ("4001", "777")
    ]


def test_a_name_in_which_canvas_reads_another_is_told_and_not_sent(played):
    roster = "Student,ID,SIS User ID,SIS Login ID,Section\n"
    roster += "X_999,4009,S9,eve,One\nAbel,4001,S1,ada,One\n"
    (played.root / "list.csv").write_text(roster)
    files = {f"x_999_4009_909_{FILE}": work(played, CARLA)}
    files |= {f"abel_4001_901_{FILE}": work(played, ADA)}
    zipped(played.root / "in.zip", files)
    assert played.run("collect", "T1", "in.zip", "--roster", "list.csv")[0] == 0
    graded(played)
    status, out, _ = returned(played, "canvas")
    assert (status, "eve: the name of its file in Canvas's" in out) == (1, True)
    back = entries(played.root / "back.zip")
    assert {as_canvas_reads(n)[0]: whose(p) for n, p in back.items()} == {"4001": "ada"}


def test_canvas_would_show_a_members_page_to_the_whole_team(played):
    (played.root / "list.csv").write_text(canvas_sheet(CLASS, NAME))
    people = [replace(s, email=s.email.partition("@")[0]) for s in (ADA, BORIS)]
    (played.root / "teams.csv").write_text(groups_sheet({"Team 1": people}))
    zipped(played.root / "in.zip", {canvas_name(ADA, FILE): work(played, ADA)})
    lists = ("--roster", "list.csv", "--groups", "teams.csv")
    assert played.run("collect", "T1", "in.zip", *lists)[0] == 0
    graded(played)
    status, out, err = returned(played, "canvas")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert not (played.root / "back.zip").exists()


def test_who_has_no_page_of_today_is_told_by_name(played):
    from_moodle(played)
    played.course.feedback(NAME, ADA.email).unlink()
    with played.course.gradebook() as gradebook:  # a person says something more
        notebook = gradebook.find_submission_notebook(NAME, NAME, BORIS.email)
        gradebook.find_comment("why", NAME, NAME, BORIS.email).manual_comment = "Good."
        assert notebook
        gradebook.db.commit()
    status, out, _ = returned(played, "moodle")
    assert status == 1
    assert f"{ADA.email}: has no feedback page" in out
    assert f"{BORIS.email}: its feedback page is not of today's scores" in out
    assert "Wrote 1 page into back.zip" in out
    (page,) = entries(played.root / "back.zip").values()
    assert whose(page) == CARLA.email
    assert played.run("feedback", "T1")[0] == 0
    assert returned(played, "moodle")[0] == 0
    assert any("Good." in page for page in entries(played.root / "back.zip").values())


def test_what_was_handed_in_anew_waits_for_its_own_page(played):
    from_moodle(played)
    files = moodle_files({ADA: work(played, ADA, why="Anew.")}, FILE)
    zipped(played.root / "in.zip", files)
    played.run("collect", "T1", "in.zip", "--roster", "list.csv")
    status, out, _ = returned(played, "moodle")
    assert (status, f"{ADA.email}: handed in anew after it was graded" in out) == (
        1,
        True,
    )


@pytest.mark.parametrize("to", ["moodle", "folder"])
def test_a_page_in_anothers_folder_goes_to_nobody(played, to):
    from_moodle(played, (ADA, TWIN))
    pages = [played.course.feedback(NAME, s.email) for s in (ADA, TWIN)]
    pages[1].write_bytes(pages[0].read_bytes())
    status, out, _ = played.run("return", "T1", "--to", to, "-o", "back")
    assert (status, f"{TWIN.email}: its feedback page is not" in out) == (1, True)
    assert "Wrote 1 page into" in out


def test_two_with_one_number_get_nothing(played):
    from_moodle(played, (ADA, BORIS))
    zipped(played.root / "in.zip", moodle_files({ADA: work(played, ADA)}, FILE))
    (played.course.root / "rosters" / f"{NAME}.csv").unlink()
    played.run("collect", "T1", "in.zip")  # once more, under the number alone
    graded(played)
    status, out, _ = returned(played, "moodle")
    assert status == 1
    assert f"{ADA.email}: its page would come to {ADA.number}, with the same" in out
    assert [whose(p) for p in entries(played.root / "back.zip").values()] == [
        BORIS.email
    ]


def test_the_folder_holds_a_page_a_student_and_none_of_before(played):
    from_moodle(played)
    (played.root / "back").mkdir()
    (played.root / "back" / "mine.txt").write_text("kept")
    assert played.run("return", "T1", "--to", "folder", "-o", "back")[0] == 0
    files = {f"{s.email}.html" for s in CLASS} | {"mine.txt"}
    assert {path.name for path in (played.root / "back").iterdir()} == files
    played.course.feedback(NAME, ADA.email).unlink()
    status, _, _ = played.run("return", "T1", "--to", "folder", "-o", "back")
    left = {path.name for path in (played.root / "back").iterdir()}
    assert (status, left) == (1, files - {f"{ADA.email}.html"})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--to", "moodle", "-o", "."), "a zip file was expected"),
        (("--to", "folder", "-o", "list.csv"), "a folder was expected"),
        (("--to", "folder", "--roster", "list.csv"), "need no class list"),
        (("--to", "moodle", "--roster", "c.csv"), "moodle's class list was expected"),
        (("--to", "moodle", "--roster", "nowhere.csv"), "cannot be read"),
        (("--to", "canvas"), "there is no page to give back"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_one_line_and_status_2(played, arguments, said):
    from_moodle(played)
    (played.root / "c.csv").write_text(canvas_sheet(CLASS, NAME))
    status, out, err = played.run("return", "T1", *arguments)
    assert (status, out, err.count("\n"), said in err) == (2, "", 1, True)


def test_the_zip_lies_beside_the_reports_when_nobody_says_where(played):
    from_moodle(played)
    status, out, _ = played.run("return", "T1", "--to", "moodle")
    assert (status, out.count("\n")) == (0, 1)
    assert (played.course.root / "reports" / f"{NAME}-feedback-moodle.zip").is_file()
