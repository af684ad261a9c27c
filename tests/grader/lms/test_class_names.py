"""Whose work is it, and back to whom: an ordinary class by the real command line."""

import contextlib
import csv
import fcntl
import io
import json
import shutil
from dataclasses import replace

import pytest
from class_commands import Played, played_course, work
from downloads import (
    ADA,
    BORIS,
    CARLA,
    CLASS,
    DRAFT,
    Student,
    around,
    canvas_name,
    canvas_sheet,
    groups_sheet,
    moodle_files,
    moodle_name,
    moodle_sheet,
    moodle_team,
    on_disk,
    zip_of,
    zipped,
)
from tiny_assignment import NAME, SOURCE, write_source

from autograder.release.release import publish

FILE = f"{NAME}.ipynb"
MAILS = sorted(student.email for student in CLASS)
LOGINS = ["ada", "boris", "carla"]
LIST = ("--roster", "list.csv")


@pytest.fixture
def played(tmp_path, monkeypatch, capsys) -> Played:
    return played_course(tmp_path, monkeypatch, capsys)


def write(played, text, name="list.csv"):
    (played.root / name).write_text(text, "utf-8")
    return name


def table_of(path):
    text = path.read_text("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def all_work(played, students=CLASS):
    return {student: work(played, student) for student in students}


def canvas_files(played, students=CLASS):
    return {
        canvas_name(s, FILE): each for s, each in all_work(played, students).items()
    }


# --- a download that people passed on -------------------------------------------------

SHAPES = {
    "folders": lambda files: files,
    "zipped again in a folder": lambda files: around(files, "Kurs-T1-123456"),
    "in two folders": lambda files: around(files, "Downloads", "Kurs-T1-123456"),
    "a class list beside": lambda files: files | {"grades.csv": b"student\nx\n"},
    "a class list outside": lambda files: around(files, "T1") | {"grades.csv": b"x"},
    "a Mac's leavings": lambda files: (
        around(files, "T1") | {f"__MACOSX/T1/._{name}": b"Mac" for name in files}
    ),
    "notes and a picture": lambda files: (
        files | {"readme.txt": b"hello", "seats.jpg": b"\xff\xd8"}
    ),
}


@pytest.mark.parametrize("unpacked", [False, True], ids=["zip", "unpacked"])
@pytest.mark.parametrize("system", ["moodle", "moodle, no folders", "canvas"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_download_is_the_class_however_it_was_packed(played, shape, system, unpacked):
    if system == "canvas":
        files, sheet, ids = canvas_files(played), canvas_sheet(CLASS, NAME), LOGINS
    else:
        files = moodle_files(all_work(played), FILE, folders=system == "moodle")
        sheet, ids = moodle_sheet(CLASS), MAILS
    write(played, sheet)
    if unpacked:
        source = on_disk(played.root / "in", shape(files))
    else:
        source = zipped(played.root / "in.zip", shape(files))
    _, out, _ = played.run("collect", "T1", str(source), *LIST)
    assert played.course.students(NAME) == ids
    assert "Collected 3 of" in out
    for student, mine in zip(ids, all_work(played).values(), strict=True):
        assert (played.submitted(student) / FILE).read_bytes() == mine


def test_a_stray_file_is_named_and_is_no_student(played):
    files = moodle_files(all_work(played), FILE, folders=False)
    write(played, moodle_sheet(CLASS))
    zipped(played.root / "in.zip", files | {"grades.csv": b"x"})
    status, out, _ = played.run("collect", "T1", "in.zip", *LIST)
    assert (status, "grades.csv: its name is not one that Moodle" in out) == (1, True)
    assert played.course.students(NAME) == MAILS


def test_late_marks_survive_a_folder_around_canvass_download(played):
    played.rules("[due]\nT1 = 2026-11-27\n[late]\nper_day = 0.1\n")
    files = {canvas_name(ADA, FILE, "LATE_"): work(played, ADA)}
    zipped(played.root / "in.zip", around(files, "submissions") | {"a.csv": b"x"})
    write(played, canvas_sheet(CLASS, NAME))
    _, out, _ = played.run("collect", "T1", "in.zip", *LIST)
    assert "1 are marked as late." in out


def test_names_of_digits_are_no_reason_to_warn(played):
    dora = Student("20241177", 504, "dora@example.org")
    students = [*CLASS, dora]
    write(played, canvas_sheet(students, NAME))
    zipped(played.root / "in.zip", canvas_files(played, students))
    status, out, _ = played.run("collect", "T1", "in.zip", *LIST)
    assert (status, out) == (0, "Collected 4 of 4 submissions.\n")


def test_a_folder_around_ones_own_folders_is_no_student(played):
    files = {f"{name}/{FILE}": work(played, ADA) for name in ("ada", "boris")}
    on_disk(played.root / "in" / "week 1", files)
    played.run("collect", "T1", "in")
    assert played.course.students(NAME) == ["ada", "boris"]


def test_one_students_folder_alone_stays_a_student(played):
    on_disk(played.root / "in", {f"ada/{FILE}": b"{}", "ada/figure.csv": b"1"})
    played.run("collect", "T1", "in")
    assert played.course.students(NAME) == ["ada"]


# --- teams, drafts, names -------------------------------------------------------------


def team_of_two(played):
    content = work(played, ADA)
    files = moodle_team("Group_A", 501, FILE, content)  # Ada's own number, by chance
    return content, files | moodle_files({CARLA: work(played, CARLA)}, FILE)


def test_a_teams_number_is_not_taken_for_a_participants(played):
    _, files = team_of_two(played)
    write(played, moodle_sheet(CLASS))
    zipped(played.root / "in.zip", files)
    status, out, _ = played.run("collect", "T1", "in.zip", *LIST)
    assert status == 1
    assert "“Group A” has the number 501, which is that of Ada Abel" in out
    assert "--groups FILE" in out
    assert played.course.students(NAME) == [CARLA.email]


def test_a_teams_work_counts_for_all_its_members(played):
    content, files = team_of_two(played)
    write(played, moodle_sheet(CLASS))
    write(played, groups_sheet({"Group_A": [ADA, BORIS]}), "groups.csv")
    zipped(played.root / "in.zip", files)
    status, _, _ = played.run(
        "collect", "T1", "in.zip", *LIST, "--groups", "groups.csv"
    )
    assert status == 0
    assert played.course.students(NAME) == MAILS
    for student in (ADA, BORIS):
        assert (played.submitted(student.email) / FILE).read_bytes() == content


def test_moodles_own_list_of_a_team_assignment_names_the_teams(played):
    content, files = team_of_two(played)
    teams = [replace(ADA, group="Group_A"), replace(BORIS, group="Group_A"), CARLA]
    write(played, moodle_sheet(teams, teams=True))
    files |= {f"Default group_assignsubmission_file/{FILE}": work(played, CARLA)}
    del files[next(name for name in files if name.startswith("Carla"))]
    zipped(played.root / "in.zip", files)
    assert played.run("collect", "T1", "in.zip", *LIST)[0] == 0
    assert played.course.students(NAME) == MAILS
    assert (played.submitted(BORIS.email) / FILE).read_bytes() == content
    assert (played.submitted(CARLA.email) / FILE).read_bytes() == work(played, CARLA)


def test_canvass_groups_credit_all_members_and_each_gets_the_score(played):
    write(played, canvas_sheet(CLASS, NAME))
    rows = ["name,canvas_user_id,login_id,group_name", "Ada Abel,4001,ada,Team 1"]
    rows += ["Boris Orlov,4002,boris,Team 1", "Carla Diaz,4003,carla,"]
    write(played, "\n".join([*rows, ""]), "groups.csv")
    zipped(played.root / "in.zip", canvas_files(played, [ADA, CARLA]))
    status, _, _ = played.run(
        "collect", "T1", "in.zip", *LIST, "--groups", "groups.csv"
    )
    assert (status, played.course.students(NAME)) == (0, LOGINS)
    played.record_all()
    assert played.run("export", "T1", "--to", "canvas", "-o", "out.csv")[0] == 0
    scores = [row[f"{NAME} (777)"] for row in table_of(played.root / "out.csv")]
    assert scores[2:] == ["5", "5", "5"]


def test_who_may_be_in_a_group_of_canvas_is_not_passed_over_in_silence(played):
    write(played, canvas_sheet(CLASS, NAME))
    zipped(played.root / "in.zip", canvas_files(played, [ADA]))
    _, out, _ = played.run("collect", "T1", "in.zip", *LIST)
    assert "Handed nothing in: boris, carla" in out
    assert "Of a group Canvas gives one member's file" in out
    zipped(played.root / "in.zip", canvas_files(played, CLASS))
    _, out, _ = played.run("collect", "T1", "in.zip", *LIST)
    assert "Of a group" not in out


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ("student,group\nnobody@example.org,A\n", "nobody@example.org is not in the"),
        ("name;points\nx;1\n", "the columns “student” and “group” were expected"),
    ],
)
def test_a_list_of_teams_with_a_slip_is_refused_before_anything_is_taken(
    played, groups, said
):
    _, files = team_of_two(played)
    write(played, moodle_sheet(CLASS))
    write(played, groups, "groups.csv")
    zipped(played.root / "in.zip", files)
    status, _, err = played.run(
        "collect", "T1", "in.zip", *LIST, "--groups", "groups.csv"
    )
    assert (status, said in err) == (2, True)
    assert played.course.students(NAME) == []


def test_a_draft_is_no_submission_and_takes_nothing_away(played):
    files = moodle_files(all_work(played), FILE)
    write(played, moodle_sheet(CLASS))
    zipped(played.root / "in.zip", files)
    played.run("collect", "T1", "in.zip", *LIST)
    before = (played.submitted(ADA.email) / FILE).read_bytes()
    draft = replace(ADA, status=DRAFT)
    write(played, moodle_sheet([draft, BORIS, CARLA]))
    unfinished = {ADA: work(played, ADA, square="# later")}
    zipped(played.root / "in.zip", files | moodle_files(unfinished, FILE))
    status, out, _ = played.run("collect", "T1", "in.zip", *LIST)
    assert (status, f"{ADA.email}: a draft" in out) == (1, True)
    assert (played.submitted(ADA.email) / FILE).read_bytes() == before


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("Ada Abel", "Abel, Ada"),
        ("Émilie du Châtelet", "Emilie du Chatelet"),
        ("aabel Ada Abel", "Ada Abel"),  # with Moodle's user name before it
        ("Ada  Abel", "ada abel"),
        ("O'Neil Zoë", "Zoe O’Neil"),
    ],
)
def test_one_name_in_two_spellings_is_one_person(played, name, listed):
    write(played, moodle_sheet([replace(ADA, name=listed.replace(",", ""))]))
    zipped(played.root / "in.zip", moodle_files({replace(ADA, name=name): b"{}"}, FILE))
    assert played.run("collect", "T1", "in.zip", *LIST)[0] == 0
    assert played.course.students(NAME) == [ADA.email]


def test_ids_are_compared_without_case_and_spaces(played):
    folder = {f"ADA@Example.org/{FILE}": work(played, ADA)}
    write(played, "student\n ada@example.org \n")
    on_disk(played.root / "in", folder)
    assert played.run("collect", "T1", "in", *LIST)[0] == 0
    assert played.course.students(NAME) == [ADA.email]


# --- two sections, who is missing, who left -------------------------------------------

DORA = Student("Dora Ek", 611, "dora@example.org")


def two_sections(played):
    write(played, moodle_sheet([ADA, BORIS]), "A.csv")
    write(played, moodle_sheet([DORA]), "B.csv")
    for name, students in (("A", [ADA, BORIS]), ("B", [DORA])):
        files = moodle_files(all_work(played, students), FILE)
        zipped(played.root / f"{name}.zip", files)
        status, _, _ = played.run(
            "collect", "T1", f"{name}.zip", "--roster", f"{name}.csv"
        )
        assert status == 0


def test_two_sections_come_back_as_two_files_and_nobody_is_missed(played):
    two_sections(played)
    played.record_all()
    status, out, _ = played.run("export", "T1", "--to", "moodle", "-o", "out.csv")
    assert status == 0, out
    assert [row["Grade"] for row in table_of(played.root / "out.csv")] == ["5", "5"]
    assert [row["Grade"] for row in table_of(played.root / "out-B.csv")] == ["5"]
    status, out, _ = played.run(
        "export", "T1", "--to", "moodle", "--roster", "B.csv", "-o", "b.csv"
    )
    assert (status, [row["Grade"] for row in table_of(played.root / "b.csv")]) == (
        0,
        ["5"],
    )


def test_who_is_in_two_sections_and_handed_in_is_absent_in_neither(played):
    emil = Student("Emil Fox", 612, "emil@example.org")
    write(played, moodle_sheet(CLASS), "A.csv")
    write(played, moodle_sheet([DORA, emil, BORIS]), "B.csv")
    for name, students in (("A", CLASS), ("B", [DORA, emil])):
        zipped(
            played.root / f"{name}.zip", moodle_files(all_work(played, students), FILE)
        )
        played.run("collect", "T1", f"{name}.zip", "--roster", f"{name}.csv")
    played.record_all()
    status, out, _ = played.run("export", "T1", "--to", "moodle", "-o", "out.csv")
    assert (status, "Handed nothing in" in out) == (0, False), out


def test_a_late_zip_without_a_list_makes_no_new_student(played):
    two_sections(played)
    late = moodle_files({BORIS: work(played, BORIS, cube="# none")}, FILE)
    zipped(played.root / "late.zip", late)
    status, out, _ = played.run("collect", "T1", "late.zip")
    assert (status, f"{BORIS.email}: handed in anew" in out) == (1, True)
    assert played.course.students(NAME) == [ADA.email, BORIS.email, DORA.email]


def test_who_handed_nothing_in_is_named_and_has_a_row(played):
    write(played, moodle_sheet(CLASS))
    zipped(played.root / "in.zip", moodle_files(all_work(played, [ADA]), FILE))
    _, out, _ = played.run("collect", "T1", "in.zip", *LIST)
    assert f"Handed nothing in: {BORIS.email}, {CARLA.email}" in out
    played.record_all()
    played.run("export", "T1", "-o", "out.csv")
    rows = {row["student"]: row["outcome"] for row in table_of(played.root / "out.csv")}
    assert rows == {ADA.email: "graded", BORIS.email: "none", CARLA.email: "none"}


def test_who_dropped_is_left_out_once_the_course_file_says_so(played):
    write(played, moodle_sheet(CLASS))
    zipped(played.root / "in.zip", moodle_files(all_work(played), FILE))
    played.run("collect", "T1", "in.zip", *LIST)
    played.record_all()
    write(played, moodle_sheet([ADA, BORIS]), "new.csv")
    export = ("export", "T1", "--to", "moodle", "--roster", "new.csv", "-o", "out.csv")
    status, out, _ = played.run(*export)
    assert status == 1
    assert f"{CARLA.email}: has no row in the class list" in out
    assert "goes into course.toml under dropped" in out
    played.rules(f'dropped = ["{CARLA.email.upper()}"]\n')
    assert played.run(*export)[0] == 0
    played.run("export", "T1", "-o", "plain.csv")
    students = [row["student"] for row in table_of(played.root / "plain.csv")]
    assert students == [ADA.email, BORIS.email]


def test_a_dropped_student_whom_nobody_knows_is_an_error(played):
    write(played, moodle_sheet(CLASS))
    zipped(played.root / "in.zip", moodle_files(all_work(played), FILE))
    played.run("collect", "T1", "in.zip", *LIST)
    played.rules('dropped = ["carl@example.org"]\n')
    status, _, err = played.run("export", "T1")
    assert (status, "carl@example.org: course.toml has it under dropped" in err) == (
        2,
        True,
    )


# --- what goes back -------------------------------------------------------------------


def given_points(played, students=CLASS, **sheet):
    write(played, moodle_sheet(students, **sheet))
    zipped(played.root / "in.zip", moodle_files(all_work(played), FILE))
    played.run("collect", "T1", "in.zip", *LIST)
    played.record_all()


def exported(played, roster="list.csv"):
    status, out, _ = played.run(
        "export", "T1", "--to", "moodle", "--roster", roster, "-o", "out.csv"
    )
    assert status == 0, out
    return {row["Email address"]: row for row in table_of(played.root / "out.csv")}


def test_our_own_comment_is_renewed_and_a_persons_is_kept(played):
    given_points(played)
    first = exported(played)[ADA.email]["Feedback comments"]
    assert "Exercise 1: the square: 2 of 2" in first
    older = first.replace("2 of 2", "0 of 2").replace("<br>", "<br />")
    idea = "Exercise 1: the square: the square of a negative number A square has none."
    second = [
        replace(ADA, comment=f"<p>{older}<br>{idea}<br>2 days late: −1 points</p>"),
        replace(BORIS, comment=f"{older}<br>Come and see me."),
        replace(CARLA, comment="Exercise 1: the square: see my mail"),
    ]
    write(played, moodle_sheet(second), "second.csv")
    rows = exported(played, "second.csv")
    assert rows[ADA.email]["Feedback comments"] == first
    assert rows[BORIS.email]["Feedback comments"] == f"{first}<br>Come and see me."
    assert (
        rows[CARLA.email]["Feedback comments"] == "Exercise 1: the square: see my mail"
    )


def test_a_worksheet_with_semicolons_goes_back_with_commas(played):
    given_points(played, most="9,00", delimiter=";")
    rows = exported(played)
    assert [row["Grade"] for row in rows.values()] == ["5", "5", "5"]
    assert b";" not in (played.root / "out.csv").read_bytes().splitlines()[0]
    assert next(iter(rows[ADA.email])) == "Identifier"


def test_a_german_spreadsheets_times_are_read(played):
    played.rules('timezone = "Europe/Berlin"\n[due]\nT1 = 2026-11-27T23:59:00\n')
    students = [
        replace(ADA, received="27.11.2026 23:00"),
        replace(BORIS, received="29.11.2026 22:30:00"),
        CARLA,
    ]
    given_points(played, students, delimiter=";", most="9,00")
    played.run("export", "T1", "-o", "plain.csv")
    late = {r["student"]: r["late_days"] for r in table_of(played.root / "plain.csv")}
    assert late == {ADA.email: "", BORIS.email: "2", CARLA.email: ""}


def test_a_spreadsheet_that_is_only_called_csv_is_one_sentence(played):
    zipped(played.root / "list.csv", {"xl/workbook.xml": b"<x/>" * 99})
    zipped(played.root / "in.zip", moodle_files(all_work(played), FILE))
    status, _, err = played.run("collect", "T1", "in.zip", *LIST)
    assert (status, err.count("\n"), "CSV" in err) == (2, 1, True)
    assert played.course.students(NAME) == []


def test_empty_lines_in_a_class_list_mean_nobody(played):
    text = moodle_sheet(CLASS).replace("\r\n", "\r\n,,,\r\n\r\n", 2)
    write(played, text)
    zipped(played.root / "in.zip", moodle_files(all_work(played), FILE))
    assert played.run("collect", "T1", "in.zip", *LIST)[0] == 0
    played.record_all()
    assert len(exported(played)) >= 3


def test_a_teams_list_that_lost_a_zero_credits_nobody_in_silence(played):
    files = moodle_team("007", 77, FILE, work(played, ADA))
    write(played, moodle_sheet(CLASS))
    write(played, groups_sheet({"7": [ADA, BORIS]}), "groups.csv")
    zipped(played.root / "in.zip", files)
    status, out, _ = played.run(
        "collect", "T1", "in.zip", *LIST, "--groups", "groups.csv"
    )
    assert (status, "007 (77) is not in the class list" in out) == (1, True)
    assert f"Handed nothing in: {', '.join(s.email for s in CLASS)}" in out


def test_canvas_gets_the_identity_and_the_changed_column_alone(played):
    write(played, canvas_sheet(CLASS, NAME).replace(",", ";"))
    zipped(played.root / "in.zip", canvas_files(played))
    played.run("collect", "T1", "in.zip", *LIST)
    played.record_all()
    # Names with commas were quoted; the semicolons are the columns'.
    status, out, _ = played.run("export", "T1", "--to", "canvas", "-o", "out.csv")
    assert status == 0, out
    rows = table_of(played.root / "out.csv")
    assert list(rows[0]) == [
        "Student",
        "ID",
        "SIS User ID",
        "SIS Login ID",
        "Section",
        f"{NAME} (777)",
    ]


# --- the wrong file, a busy course, a kill --------------------------------------------


@pytest.fixture
def two_assignments(played):
    source = write_source(played.root / "solutions", SOURCE, "t2_other")
    publish(played.course, "t2_other", source)
    write(played, moodle_sheet(CLASS))
    zipped(played.root / "in.zip", moodle_files(all_work(played), FILE))
    played.run("collect", "T1", "in.zip", *LIST)
    return played


def snapshot(root):
    return {
        path.relative_to(root): path.read_bytes()
        for kind in ("submitted", "rosters", "attempts")
        for path in sorted((root / kind).rglob("*"))
        if path.is_file()
    }


def test_another_assignments_download_changes_nothing(two_assignments):
    played, file = two_assignments, "t2_other.ipynb"
    zipped(played.root / "other.zip", moodle_files(all_work(played), file))
    write(played, moodle_sheet([ADA]), "other.csv")
    before = snapshot(played.course.root)
    other = ("collect", "T1", "other.zip", "--roster", "other.csv")
    status, out, err = played.run(*other)
    assert (status, out) == (2, "")
    assert "3 of its 3 notebooks are called as t2_other; t1_tiny was expected" in err
    assert snapshot(played.course.root) == before
    assert played.run(*other, "--anyway")[0] in (0, 1)
    assert snapshot(played.course.root) != before


@pytest.mark.parametrize("name", ["homework.ipynb", "T1 (2).ipynb", "final.ipynb"])
def test_a_renamed_notebook_is_no_other_assignments(two_assignments, name):
    played = two_assignments
    zipped(played.root / "renamed.zip", moodle_files(all_work(played), name))
    assert played.run("collect", "T1", "renamed.zip")[0] == 0


def test_nothing_is_collected_while_grades_are_made(played):
    write(played, moodle_sheet(CLASS))
    zipped(played.root / "in.zip", moodle_files(all_work(played), FILE))
    with (played.course.root / ".grading").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        status, _, err = played.run("collect", "T1", "in.zip", *LIST)
    assert (status, "another `autograder` command is at work" in err) == (2, True)
    assert played.course.students(NAME) == []


@pytest.mark.parametrize("moment", range(12))
def test_a_kill_between_any_two_renames_loses_no_students_work(
    two_assignments, monkeypatch, moment
):
    """Every rename is tried as the last thing that the process did."""
    played, done = two_assignments, 0
    old = {s.email: (played.submitted(s.email) / FILE).read_bytes() for s in CLASS}
    new = {s: work(played, s, cube="# changed") for s in CLASS}
    photo = {moodle_name(ADA, "why.jpg"): b"photo"}
    zipped(played.root / "in.zip", moodle_files(new, FILE) | photo)
    path_type = type(played.root)
    whole = path_type.rename

    class Killed(BaseException):
        """What `kill -9` is: nothing that runs may clean up after it."""

    def rename(self, target):
        nonlocal done
        if done == moment:
            raise Killed
        done += 1
        return whole(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(path_type, "rename", rename)
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)
        with contextlib.suppress(Killed):
            played.run("collect", "T1", "in.zip")
    played.run(
        "grade", "T1", "--student", "nobody"
    )  # it cannot, and mends all the same
    for student in CLASS:
        now = (played.submitted(student.email) / FILE).read_bytes()
        assert now in (old[student.email], new[student])
    status, out, _ = played.run("collect", "T1", "in.zip")
    assert (status, out.count("handed in anew")) == (1, 3)  # the list is older
    for student in CLASS:
        assert (played.submitted(student.email) / FILE).read_bytes() == new[student]
        kept = (played.course.root / "attempts" / student.email / NAME).glob("*")
        contents = [(path / FILE).read_bytes() for path in sorted(kept)]
        assert old[student.email] in contents
        assert contents.count(new[student]) == 1
    assert not list(played.course.root.rglob(".collect-*"))
    assert not list(played.course.root.glob("*/*/beside"))  # half a folder's own
    assert (played.submitted(ADA.email) / "beside" / "why.jpg").read_bytes() == b"photo"


def test_grade_puts_back_what_a_killed_collector_had_moved(two_assignments):
    played = two_assignments
    home = played.submitted(ADA.email)
    left = home.parent / ".collect-abc"
    left.mkdir()
    home.rename(left / NAME)
    assert ADA.email not in played.course.students(NAME)
    played.run(
        "grade", "T1", "--student", "nobody"
    )  # it cannot, and mends all the same
    assert json.loads((home / "collected.json").read_text())["filename"] == FILE
    assert not list(played.course.root.rglob(".collect-*"))


def test_a_zip_inside_the_zip_is_not_taken_for_a_class(played):
    inner = zip_of(moodle_files(all_work(played), FILE))
    zipped(played.root / "in.zip", {"submissions.zip": inner})
    status, out, _ = played.run("collect", "T1", "in.zip")
    assert status == 1
    assert "submissions" in out
