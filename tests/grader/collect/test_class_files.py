"""What a class hands in besides one notebook: nothing of it disappears.

Files as Moodle packs them and as editors save them, taken in, graded and told by the
real command line.
"""

import json
import os
import re

import pytest
from class_commands import Played, played_course
from downloads import Student, moodle_name, moodle_sheet, zip_of, zipped
from editors import EDITORS, added_code, jupyter, pdf, photograph
from tiny_assignment import NAME, RIGHT, cell_of, handed_in

from autograder.course.gradebook import recorded
from autograder.results.scores import read_class
from autograder.results.summary import summary

CODE = {name: RIGHT[name] for name in ("square", "cube")}
WRITES = "import pathlib\npathlib.Path('/tmp/{mark}').write_text('ran')\n"


@pytest.fixture
def played(tmp_path, monkeypatch, capsys) -> Played:
    return played_course(tmp_path, monkeypatch, capsys)


def download(played: Played, files: dict[str, dict[str, bytes]]) -> None:
    """Collect what students handed in, as Moodle packs it."""
    people = {name: student(i, name) for i, name in enumerate(files)}
    packed = {
        moodle_name(people[name], path): content
        for name, each in files.items()
        for path, content in each.items()
    }
    zipped(played.root / "in.zip", packed)
    (played.root / "list.csv").write_text(moodle_sheet(people.values()))
    status, out, err = played.run("collect", "T1", "in.zip", "--roster", "list.csv")
    assert (status in (0, 1), err) == (True, ""), err
    played.said = out


def student(number: int, name: str) -> Student:
    return Student(
        f"{name.title()} Number{number}", 500 + number, f"{name}@example.org"
    )


def grade(played: Played) -> str:
    """Grade with the real judge; return the table."""
    status, out, err = played.run("grade", "T1", "--workers", "1")
    assert status in (0, 1), err
    return out


def row(table: str, name: str) -> str:
    (line,) = (each for each in table.splitlines() if each.startswith(f"{name}@"))
    return line


def page(played: Played, name: str) -> str:
    played.run("feedback", "T1")
    return played.course.feedback(NAME, f"{name}@example.org").read_text("utf-8")


def scored(played: Played, name: str):
    found = {each.result.student: each for each in read_class(played.course, NAME)}
    return found[f"{name}@example.org"]


# --- files beside the notebook --------------------------------------------------------


@pytest.mark.grading
@pytest.mark.parametrize("editor", EDITORS)
def test_files_beside_a_notebook_are_kept_listed_and_shown_to_who_grades(
    played, editor, tmp_path
):
    mark = f"{tmp_path.name}-{os.getpid()}"
    notebook = handed_in(played.exam, CODE)
    notebook["cells"].insert(1, added_code("from my_utils import helper"))
    beside = {
        f"{NAME}.ipynb": EDITORS[editor](notebook),
        "IMG_2041.jpg": photograph(2400, 1800),
        "scan/paper.webp": photograph(form="WEBP"),
        "derivation.pdf": pdf(),
        "my_utils.py": WRITES.format(mark=mark).encode(),
        "numpy.py": WRITES.format(mark=mark).encode(),
    }
    download(played, {"ada": beside})
    assert "derivation.pdf" in played.said
    table = row(grade(played), "ada")
    for name in beside:
        assert (name in table) == (name != f"{NAME}.ipynb")
    assert "4 wait to be graded by hand" in table
    kept = played.submitted("ada@example.org") / "beside"
    assert {path.name for path in kept.iterdir()} == {
        "IMG_2041.jpg",
        "paper.webp",
        "derivation.pdf",
        "my_utils.py",
        "numpy.py",
    }
    assert (kept / "derivation.pdf").read_bytes() == pdf()
    assert not any(path.stat().st_mode & 0o111 for path in kept.iterdir())
    shown = page(played, "ada")
    assert "derivation.pdf" in shown
    assert "your notebook imports it" in shown
    text = played.course.autograded(NAME, "ada@example.org").read_text("utf-8")
    (cell,) = (c for c in json.loads(text)["cells"] if c.get("attachments"))
    assert [list(each) for each in cell["attachments"].values()] == [["image/jpeg"]] * 2
    assert "beside/derivation.pdf" in "".join(cell["source"])
    assert not os.path.exists(f"/tmp/{mark}")


@pytest.mark.grading
def test_a_photo_that_comes_later_makes_a_person_look_without_a_new_run(played):
    blank = jupyter(handed_in(played.exam, CODE))
    download(played, {"ada": {f"{NAME}.ipynb": blank}})
    grade(played)
    assert scored(played, "ada").waiting == 0
    files = {f"{NAME}.ipynb": blank, "paper.jpg": photograph()}
    download(played, {"ada": files})
    status, out, _ = played.run("export", "T1", "-o", "x.csv")
    assert (status, "handed in anew" in out) == (1, True)
    before = played.course.result(NAME, "ada@example.org").seconds
    grade(played)
    after = played.course.result(NAME, "ada@example.org")
    assert (scored(played, "ada").waiting, after.seconds) == (4, before)


@pytest.mark.grading
def test_data_and_code_beside_a_notebook_are_no_written_answer(played):
    files = {"data.csv": b"1,2", "tools.py": b"x = 1"}
    notebook = jupyter(handed_in(played.exam, CODE))
    download(played, {"ada": {f"{NAME}.ipynb": notebook} | files})
    grade(played)
    assert scored(played, "ada").waiting == 0
    assert recorded(played.course, NAME)["ada@example.org", "why"].auto == 0


NAMES = {
    "leads out": "..\\..\\x.pdf",
    "a program of the shell": "-rf.pdf",
    "markup": "<img src=x onerror=alert(1)>.jpg",
    "another's reserved name": "collected.json.pdf",
    "hidden": "a/.bashrc.pdf",
    "control characters": "a\x1b[2Jb\n.pdf",
    "169 Cyrillic letters": "ж" * 169 + ".pdf",
    "called as the folder": "beside",
    "upper and lower case": "PAPER.pdf",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_no_name_of_a_file_does_harm(played, name):
    work = jupyter(handed_in(played.exam))
    files = {f"{NAME}.ipynb": work, "paper.pdf": b"1", name: b"2"}
    download(played, {"ada": files})
    folder = played.submitted("ada@example.org")
    inside = [path for path in folder.rglob("*") if path.is_file()]
    assert all(re.fullmatch(r"[\w.@+ -]+", path.name) for path in inside)
    assert not list(played.root.glob("**/x.pdf"))
    assert "\x1b" not in played.said
    played.record_all()
    assert "<img src=x" not in page(played, "ada")


def test_two_files_with_one_name_are_both_kept(played):
    files = {f"{NAME}.ipynb": b"{}", "a/p.jpg": b"1", "b/p.jpg": b"2", "c/P.jpg": b"3"}
    download(played, {"ada": files})
    kept = (played.submitted("ada@example.org") / "beside").iterdir()
    assert sorted(path.read_bytes() for path in kept) == [b"1", b"2", b"3"]


def test_what_is_too_large_is_said_and_costs_nothing_else(played):
    files = {f"{NAME}.ipynb": jupyter(handed_in(played.exam))}
    files["lecture.mp4"] = os.urandom(40_000_001)
    download(played, {"ada": files})
    assert "'lecture.mp4' is larger than 40 MB" in played.said
    played.record_all()
    assert "lecture.mp4" in page(played, "ada")
    assert scored(played, "ada").points == 5


def test_a_photo_without_a_notebook_is_kept_and_is_no_zero(played):
    download(played, {"ada": {"page1.jpg": b"1", "page2.jpg": b"2"}})
    folder = played.submitted("ada@example.org")
    names = {path.name for path in folder.rglob("*.jpg")}
    assert names == {"page1.jpg", "page2.jpg"}


def test_text_typed_into_the_lms_is_kept_beside_the_file(played):
    ada = student(0, "ada")
    typed = f"{ada.name}_{ada.number}_assignsubmission_onlinetext/onlinetext.html"
    work = {moodle_name(ada, f"{NAME}.ipynb"): b"{}", typed: b"<p>Please note.</p>"}
    zipped(played.root / "in.zip", work)
    played.run("collect", "T1", "in.zip")
    (kept,) = (played.submitted("500") / "beside").iterdir()
    assert kept.read_bytes() == b"<p>Please note.</p>"


# --- several notebooks ----------------------------------------------------------------


@pytest.mark.grading
@pytest.mark.parametrize("editor", EDITORS)
@pytest.mark.parametrize("solved", ["{}-Copy1.ipynb", "Copy of {}.ipynb", "mine.ipynb"])
def test_the_answered_copy_is_graded_and_not_the_blank_original(played, editor, solved):
    save = EDITORS[editor]
    blank = save(json.loads(played.exam.release))
    name = solved.format(NAME)
    answered = save(handed_in(played.exam))
    download(played, {"ada": {f"{NAME}.ipynb": blank, name: answered}})
    table = row(grade(played), "ada")
    assert f"'{name}' was graded" in table
    assert f"Nothing is answered in '{NAME}.ipynb'" in table
    assert scored(played, "ada").points == 5
    assert f"&#39;{name}&#39; was graded" in page(played, "ada")


def test_of_two_answered_notebooks_the_other_is_asked_about_and_kept(played):
    one = handed_in(played.exam, RIGHT | {"cube": "def cube(x):\n    return 1"})
    other = handed_in(played.exam, RIGHT)
    files = {f"{NAME}.ipynb": jupyter(one), f"{NAME}-Copy1.ipynb": jupyter(other)}
    download(played, {"ada": files})
    said = played.said
    assert f"'{NAME}.ipynb' was graded" in said
    assert f"'{NAME}-Copy1.ipynb' has other answers" in said
    kept = played.submitted("ada@example.org") / "beside" / f"{NAME}-Copy1.ipynb"
    assert kept.read_bytes() == jupyter(other)


def test_more_answers_go_before_fewer_and_nothing_is_asked_about_a_part(played):
    part = handed_in(played.exam, {"square": RIGHT["square"]})
    files = {
        f"{NAME}.ipynb": jupyter(part),
        "final.ipynb": jupyter(handed_in(played.exam)),
    }
    download(played, {"ada": files})
    assert "'final.ipynb' was graded" in played.said
    assert "has other answers" not in played.said


def test_a_damaged_copy_does_not_go_before_a_good_one(played):
    files = {
        f"{NAME}.ipynb": b'{"cells": [',
        "b.ipynb": jupyter(handed_in(played.exam)),
    }
    download(played, {"ada": files})
    assert "'b.ipynb' was graded" in played.said


def test_a_blank_copy_beside_it_is_no_written_answer(played):
    blank = jupyter(json.loads(played.exam.release))
    work = jupyter(handed_in(played.exam, CODE))
    download(played, {"ada": {f"{NAME}.ipynb": blank, "mine.ipynb": work}})
    played.record_all(manual=None)
    assert scored(played, "ada").waiting == 0


def test_a_written_answer_in_the_other_notebook_is_not_lost(played):
    code = jupyter(handed_in(played.exam, CODE))
    prose = json.loads(played.exam.release)
    cell_of(prose, "why")["source"] = "It follows."
    download(played, {"ada": {f"{NAME}.ipynb": code, "why.ipynb": jupyter(prose)}})
    assert "'why.ipynb' has other answers" in played.said
    played.record_all(manual=None)
    assert scored(played, "ada").waiting == 4


@pytest.mark.parametrize("packed", [False, True])
def test_the_rule_holds_in_an_archive_and_in_nbgraders_own_tree(played, packed):
    blank = jupyter(json.loads(played.exam.release))
    answered = jupyter(handed_in(played.exam))
    files = {f"{NAME}.ipynb": blank, f"{NAME}-Copy1.ipynb": answered}
    if packed:
        path = zipped(played.root / "a.zip", files | {"photo.jpg": b"x"})
        download(played, {"ada": {"work.zip": path.read_bytes()}})
        kept = played.submitted("ada@example.org") / "beside"
        assert (kept / "photo.jpg").read_bytes() == b"x"
        assert "Copy1.ipynb' was graded" in played.said
        return
    folder = played.submitted("ada@example.org")
    folder.mkdir(parents=True)
    for name, content in (files | {"photo.jpg": b"x"}).items():
        (folder / name).write_bytes(content)
    assert played.judged("ada@example.org").points == 5
    played.record_all()
    assert "photo.jpg" in [file.name for file in scored(played, "ada").beside]


@pytest.mark.grading
def test_the_answers_in_an_archive_go_before_a_blank_or_broken_notebook(played):
    """A blank one beside them was graded, and the archive stayed shut."""
    blank, work = played.exam.release.encode(), jupyter(handed_in(played.exam))
    packed = zip_of({f"work/{NAME}.ipynb": work, "work/why.jpg": photograph()})
    nested = zip_of({f"{NAME}.ipynb": blank, "deep.zip": packed})
    download(
        played,
        {
            "blank": {f"{NAME}.ipynb": blank, "done.zip": packed},
            "broken": {f"{NAME}.ipynb": b"{broken", "done.zip": packed},
            "right": {f"{NAME}.ipynb": work, "old.zip": zip_of({"a.ipynb": blank})},
            "deep": {f"{NAME}.ipynb": blank, "nested.zip": nested},
        },
    )
    assert "blank@example.org: 'done.zip' was opened" in played.said
    table = grade(played)
    points = {
        name: scored(played, name).points for name in ("blank", "broken", "right")
    }
    assert points == {"blank": 5, "broken": 5, "right": 5}
    assert "nothing is answered in 't1_tiny.ipynb'" in row(table, "blank")
    assert {file.name for file in scored(played, "blank").beside} == {
        f"{NAME}.ipynb",
        "work/why.jpg",
    }
    assert "old.zip' was opened" not in row(table, "right")
    assert "Kept beside it: nested.zip" in row(table, "deep")
    assert scored(played, "deep").waiting == 4


def test_a_photo_that_comes_alone_is_added_to_the_notebook_before(played):
    work = {f"{NAME}.ipynb": jupyter(handed_in(played.exam, CODE))}
    download(played, dict.fromkeys(("ada", "bob", "carl"), work))
    played.record_all(manual=None)
    alone = {"why.jpg": photograph()}
    broken = {f"{NAME}.zip": b"PK no archive"}
    download(played, {"ada": alone, "bob": {"w.py": b"x"}, "carl": broken})
    assert "the notebook of another attempt counts" in played.said
    status, out, _ = played.run("export", "T1", "-o", "x.csv")
    assert (status, "handed in anew" in out) == (1, True)
    played.record_all(manual=None)
    students = ("ada", "bob", "carl")  # an answer may be in what cannot be opened
    assert [scored(played, n).waiting for n in students] == [4, 0, 4]
    assert [scored(played, n).points for n in students] == [5, 5, 5]
    assert "You handed in 2 times, 1 of them without a notebook." in page(played, "ada")
    path = played.course.autograded(NAME, "ada@example.org")
    cells = json.loads(path.read_text("utf-8"))["cells"]
    (shown,) = (cell for cell in cells if cell.get("attachments"))
    assert "/002/beside/why.jpg" in "".join(shown["source"])
    download(played, {"ada": work | {"why.pdf": pdf()}})
    played.record_all(manual=None)
    text = path.read_text("utf-8")
    assert "/002/beside/why.jpg" in text
    assert "why.pdf" in text


def test_a_photo_beside_an_earlier_attempt_is_no_zero_in_the_next(played):
    """Who corrects the notebook alone has not taken the photograph back."""
    work = jupyter(handed_in(played.exam, CODE))
    again = jupyter(handed_in(played.exam, CODE | {"cube": "def cube(x): return 8"}))
    first = {f"{NAME}.ipynb": work}
    ada = first | {"why.jpg": photograph()}
    download(played, {"ada": ada, "bob": first | {"w.py": b"x"}, "carl": ada})
    played.record_all(manual=None)
    both = {f"{NAME}.ipynb": again}
    download(played, {"ada": both, "bob": both, "carl": both | {"why.pdf": pdf()}})
    played.record_all(manual=None)
    assert [scored(played, n).waiting for n in ("ada", "bob", "carl")] == [4, 0, 4]
    rows = summary(played.course, NAME, set(played.course.students(NAME)))
    assert [each["before"] for each in rows] == [
        "Beside an earlier attempt: why.jpg.",
        "",
        "",
    ]
    path = played.course.autograded(NAME, "ada@example.org")
    cells = json.loads(path.read_text("utf-8"))["cells"]
    (shown,) = (cell for cell in cells if cell.get("attachments"))
    assert "/001/beside/why.jpg" in "".join(shown["source"])
