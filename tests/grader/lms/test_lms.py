"""From what Canvas and Moodle give to a student's folder: names, times, class lists."""

import random

import pytest
from lms_files import (
    CANVAS_ROSTER,
    MOODLE_ROSTER,
    canvas_zip,
    link_entry,
    make_zip,
    zip_bytes,
)
from tiny_assignment import NAME

from autograder.collect.collect import collect_class
from autograder.collect.read_back import read_submission
from autograder.course.folder import Course, write_whole
from autograder.course.submitted import NOTE, read_note
from autograder.lms.registry import read_roster
from autograder.model import CourseError
from autograder.tables import read_table

FILE = f"{NAME}.ipynb"


@pytest.fixture
def course(tmp_path):
    course = Course(tmp_path / "course")
    write_whole(course.source(NAME), b"{}")  # all that the collector asks for
    return course


@pytest.fixture
def write(tmp_path):
    def write(text, name="roster.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        return path

    return write


def by_student(items):
    return {item.student: item for item in items}


def content(course, student):
    return read_submission(course, NAME, student)[0].content


@pytest.mark.parametrize("end", ["_", ""], ids=["Moodle 3", "Moodle 4.3"])
def test_moodles_folders(course, tmp_path, write, end):
    source = make_zip(
        tmp_path / "moodle.zip",
        {
            f"Ada Lovelace_101_assignsubmission_file{end}/{FILE}": b"ada",
            f"Émilie du Châtelet_102_assignsubmission_file{end}/sub/{FILE}": b"emilie",
            f"Ada Lovelace_101_assignsubmission_onlinetext{end}/onlinetext.html": b"hi",
        },
    )
    items = by_student(collect_class(course, "t1", source, write(MOODLE_ROSTER)))
    assert set(items) == {"ada@example.org", "emilie@example.org"}
    assert {item.problem for item in items.values()} == {None}
    assert content(course, "ada@example.org") == b"ada"
    assert content(course, "emilie@example.org") == b"emilie"
    assert items["ada@example.org"].received == "Friday, 27 November 2026, 11:00 PM"


def test_moodles_files_without_folders(course, tmp_path):
    source = make_zip(
        tmp_path / "moodle.zip",
        {
            f"Ada Lovelace_101_assignsubmission_file_{FILE}": b"ada",
            "Participant_102_assignsubmission_file_x_9_assignsubmission_file_y": b"{}",
        },
    )
    items = by_student(collect_class(course, "t1", source))
    assert {name: item.problem for name, item in items.items()} == {
        "101": None,
        "102": None,
    }
    assert content(course, "101") == b"ada"
    assert read_note(course, NAME, "101").lms_id == "101"


def test_a_download_of_moodle_that_was_unpacked_is_read_alike(course, tmp_path):
    folder = tmp_path / "in" / "Ada Lovelace_101_assignsubmission_file_"
    folder.mkdir(parents=True)
    (folder / FILE).write_bytes(b"ada")
    assert list(by_student(collect_class(course, "t1", tmp_path / "in"))) == ["101"]


def test_typed_text_alone_is_reported_and_the_student_not_lost(course, tmp_path):
    typed = "Ada Lovelace_101_assignsubmission_onlinetext_/onlinetext.html"
    source = make_zip(tmp_path / "moodle.zip", {typed: b"<p>x = 1</p>"})
    (item,) = collect_class(course, "t1", source)
    assert (item.student, item.filename) == ("101", None)
    assert "no file was handed in" in item.problem
    assert course.students(NAME) == ["101"]


def test_canvass_files(course, tmp_path, write):
    source = canvas_zip(
        tmp_path / "submissions.zip",
        {
            f"lovelaceada_4001_900_{NAME}-1.ipynb": b"ada",
            f"duchâteletémilie_LATE_4002_901_{FILE}": b"emilie",
        },
    )
    items = by_student(collect_class(course, "t1", source, write(CANVAS_ROSTER)))
    assert {name: (i.problem, i.late) for name, i in items.items()} == {
        "ada": (None, False),
        "emilie": (None, True),
    }
    assert items["ada"].filename == FILE  # the -1 is Canvas's
    assert content(course, "emilie") == b"emilie"
    assert read_note(course, NAME, "emilie").late is True


def test_canvass_anonymous_typed_and_several_files(course, tmp_path):
    source = make_zip(
        tmp_path / "submissions.zip",
        {
            f"anon_aB3dE_900_{FILE}": b"one",
            f"LATE_anon_Zx9Yw_901_{FILE}": b"two",
            "lovelaceada_late_4001_text.html": b"<p></p>",
            f"curiemarie_4002_902_{FILE}": b"three",
            "curiemarie_4002_903_data.csv": b"1,2",
            "noetheremmy_4003_904_2026_1_x.ipynb": b"four",
        },
    )
    items = by_student(collect_class(course, "t1", source))
    assert set(items) == {"anon_aB3dE", "anon_Zx9Yw", "4001", "4002", "4003"}
    assert [items[name].late for name in ("anon_aB3dE", "anon_Zx9Yw")] == [False, True]
    assert items["4001"].late
    assert "no file was handed in" in items["4001"].problem
    assert content(course, "4002") == b"three"
    assert items["4003"].filename == "2026_1_x.ipynb"


def test_nobody_becomes_another_student_by_his_name(course, tmp_path, write):
    """Canvas lets some users choose their names; one looks like Ada's number."""
    source = make_zip(
        tmp_path / "submissions.zip",
        {
            f"eve_4001_4009_901_{FILE}": b"forged",
            f"lovelaceada_4001_900_{FILE}": b"ada",
        },
    )
    eve = '"eve_4001",4009,S9,eve,Section 1,,,,\r\n'
    collect_class(course, "t1", source, write(CANVAS_ROSTER + eve))
    assert (content(course, "ada"), content(course, "eve")) == (b"ada", b"forged")


def test_without_a_class_list_one_number_under_two_names_is_nobodys(course, tmp_path):
    source = make_zip(
        tmp_path / "submissions.zip",
        {
            f"eve_4001_4009_901_{FILE}": b"forged",
            f"lovelaceada_4001_900_{FILE}": b"ada",
        },
    )
    (item,) = collect_class(course, "t1", source)
    assert "two names (eve, lovelaceada) have the number 4001" in item.problem
    assert content(course, "4001") == b""


def test_who_is_not_in_the_class_list_is_collected_and_reported(
    course, tmp_path, write
):
    path = f"Guest_999_assignsubmission_file_/{FILE}"
    source = make_zip(tmp_path / "moodle.zip", {path: b"guest"})
    (item,) = collect_class(course, "t1", source, write(MOODLE_ROSTER))
    assert "Guest (999) is not in the class list roster.csv" in item.problem
    assert content(course, "999") == b"guest"


def test_the_class_list_is_kept_for_the_next_time(course, tmp_path, write):
    path = f"Ada Lovelace_101_assignsubmission_file_/{FILE}"
    source = make_zip(tmp_path / "moodle.zip", {path: b"1"})
    collect_class(course, "t1", source, write(MOODLE_ROSTER))
    assert [i.student for i in collect_class(course, "t1", source)] == [
        "ada@example.org"
    ]


def test_a_student_who_was_collected_under_a_number_is_not_two(course, tmp_path, write):
    path = f"Ada Lovelace_101_assignsubmission_file_/{FILE}"
    source = make_zip(tmp_path / "moodle.zip", {path: b"1"})
    collect_class(course, "t1", source)
    (item,) = collect_class(course, "t1", source, write(MOODLE_ROSTER))
    assert "collected as 101 before: remove" in item.problem


def test_a_student_cannot_set_the_time_or_the_late_mark(course, tmp_path, write):
    folder = "Émilie du Châtelet_102_assignsubmission_file_"
    forged = b'{"filename": "x", "received": "2026-01-01T00:00:00", "late": false}'
    source = make_zip(
        tmp_path / "moodle.zip",
        {
            f"{folder}/{FILE}": b"{}",
            f"{folder}/timestamp.txt": b"2026-01-01 00:00:00 UTC",
            f"{folder}/{NOTE}": forged,
        },
    )
    collect_class(course, "t1", source, write(MOODLE_ROSTER))
    place = course.submitted(NAME, "emilie@example.org")
    assert {path.name for path in place.iterdir()} == {FILE, NOTE, "timestamp.txt"}
    assert (place / "timestamp.txt").read_text() == "2026-11-29T22:30:00+00:00\n"
    submission, _ = read_submission(course, NAME, "emilie@example.org")
    assert submission.received == "2026-11-29T22:30:00+00:00"


def test_times_can_come_from_a_list_of_ones_own(course, tmp_path, write):
    (course.root / "course.toml").write_text('timezone = "Europe/Berlin"\n')
    names = {
        f"lovelaceada_4001_900_{FILE}": b"a",
        f"duchâteletémilie_4002_901_{FILE}": b"b",
    }
    source = make_zip(tmp_path / "submissions.zip", names)
    times = "student,received\nada,2026-11-27T23:30\nemilie,yesterday\n"
    items = by_student(
        collect_class(
            course, "t1", source, write(CANVAS_ROSTER), write(times, "times.csv")
        )
    )
    ada, _ = read_submission(course, NAME, "ada")
    assert ada.received == "2026-11-27T23:30:00+01:00"
    assert read_submission(course, NAME, "emilie")[0].received is None
    assert "the time “yesterday” is not understood" in items["emilie"].problem


def test_bad_entries_of_a_class_are_errors_of_their_own(course, tmp_path):
    noise = random.Random(0).randbytes(40_000_001)
    path = tmp_path / "submissions.zip"
    path.write_bytes(link_entry(f"link_1_11_{FILE}", "/etc/passwd"))
    make = {
        f"honest_2_12_{FILE}": b"{}",
        f"large_3_13_{FILE}": noise,
        f"bomb_4_14_{FILE}": bytes(15_000_000),
        "packed_5_15_work.zip": zip_bytes({f"a/{FILE}": b"inside"}),
        "twice_6_16_work.zip": zip_bytes({"again.zip": zip_bytes({FILE: b"x"})}),
        "rar_7_17_work.rar": b"Rar!",
        "broken_8_18_work.zip": b"PK\x03\x04 and no more",
    }
    from zipfile import ZIP_DEFLATED, ZipFile

    with ZipFile(path, "a", ZIP_DEFLATED) as archive:
        for name, data in make.items():
            archive.writestr(name, data)
    items = by_student(collect_class(course, "t1", path))
    expected = {
        "1": "is a link",
        "3": "more than 40 MB without its outputs",
        "4": "200 times itself",
        "6": "no notebook is in 'work.zip'",
        "7": "a .rar archive, which is not opened",
        "8": "not a readable zip file",
    }
    for student, reason in expected.items():
        assert reason in items[student].problem
        assert items[student].filename is None
    assert (items["2"].problem, items["5"].filename) == (None, FILE)
    assert content(course, "5") == b"inside"
    assert "'work.zip' was opened" in items["5"].problem
    assert course.students(NAME) == sorted("12345678")


def test_a_path_that_leads_out_is_an_error_and_writes_nothing(course, tmp_path):
    source = make_zip(
        tmp_path / "x.zip", {"../../evil/a.ipynb": b"x", f"ada/{FILE}": b"{}"}
    )
    items = by_student(collect_class(course, "t1", source))
    assert items["ada"].problem is None
    assert "leads out of the archive" in items["../../evil/a.ipynb"].problem
    assert not list(tmp_path.rglob("evil"))


def test_a_download_that_was_cut_short_is_one_sentence(course, tmp_path):
    whole = make_zip(tmp_path / "x.zip", {f"ada/{FILE}": b"{}"}).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[:-10])
    with pytest.raises(CourseError, match="download it again"):
        collect_class(course, "t1", tmp_path / "cut.zip")
    (tmp_path / "x.rar").write_bytes(b"Rar!")
    with pytest.raises(CourseError, match="or the zip file that the LMS gives"):
        collect_class(course, "t1", tmp_path / "x.rar")


def test_a_plain_zip_with_a_folder_around_it(course, tmp_path):
    names = {f"class/ada/{FILE}": b"1", f"class/Bob/{FILE}": b"2"}
    items = by_student(collect_class(course, "t1", make_zip(tmp_path / "x.zip", names)))
    assert set(items) == {"ada", "Bob"}
    one = make_zip(tmp_path / "y.zip", {f"ada/{NAME}/{FILE}": b"1"})
    assert [item.student for item in collect_class(course, "t1", one)] == ["ada"]


def test_names_that_differ_by_case_or_form_are_one_student(course, tmp_path):
    names = ("Zoë", "zoe\N{COMBINING DIAERESIS}", "ZOË")
    source = make_zip(tmp_path / "x.zip", {f"{n}/{FILE}": b"x" for n in names})
    items = collect_class(course, "t1", source)
    assert sum(item.problem is None for item in items) == 1
    assert len(course.students(NAME)) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "a line of column names was expected"),
        ("a,b\n1,2\n", "not a class list"),
        ("student\n", "no student in it"),
        ("student\nada\nADA\n", "rows 2 and 3 are both"),
        (b"student\n\xff\xff\n", "not UTF-8"),
        ('student\n"a\n', "not a readable CSV file"),
        ("student\n\0\n", "not UTF-8"),
    ],
)
def test_a_bad_class_list_is_one_sentence(write, text, said):
    with pytest.raises(CourseError, match=said) as error:
        read_roster(write(text))
    assert "\n" not in str(error.value)


def test_a_class_list_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(CourseError, match="No such file"):
        read_roster(tmp_path / "none.csv")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_goes_back_as_it_came(write, encoding, delimiter):
    rows = [["student", "Übung", "x"], ["ada", 'a "b"', "1\n2"], ["李", "", "-"]]
    path = write("x")
    first = read_table(path)
    assert first.rows == [["x"]]
    table = type(first)(path, rows, encoding, delimiter, "\r\n")
    path.write_bytes(table.to_bytes())
    again = read_table(path)
    assert (again.rows, again.delimiter) == (rows, delimiter)
    assert again.to_bytes() == table.to_bytes()
    assert read_roster(path).find(None, "ADA").row == 1


def test_the_rows_of_canvas_that_are_no_student_are_none(write):
    people = read_roster(write(CANVAS_ROSTER)).people
    assert [person.lms_id for person in people] == ["4001", "4002", "4003"]
