"""What others report of files and answers, played through the real command line.

The sources are in tests/grader/REPORTS.md.
"""

import hashlib
import json
import unicodedata

import pytest
from class_commands import Played, played_course
from downloads import ADA, BORIS, CLASS, canvas_name, canvas_sheet, moodle_name, zipped
from editors import added_code, jupyter, photograph
from tiny_assignment import NAME, RIGHT, SOURCE, cell_of, handed_in, tiny_exam

from autograder.results.scores import read_class

FILE = f"{NAME}.ipynb"
CODE = {name: RIGHT[name] for name in ("square", "cube")}


@pytest.fixture
def played(tmp_path, monkeypatch, capsys) -> Played:
    return played_course(tmp_path, monkeypatch, capsys)


def collect(played: Played, files: dict[str, bytes], *more: str) -> str:
    """Take in a zip file; return what the command says."""
    zipped(played.root / "in.zip", files)
    status, out, err = played.run("collect", "T1", "in.zip", *more)
    assert status in (0, 1), err
    return out


def of(student, files: dict[str, bytes]) -> dict[str, bytes]:
    return {moodle_name(student, name): content for name, content in files.items()}


def scored(played: Played, student: str):
    played.record_all(manual=None)
    found = {each.result.student: each for each in read_class(played.course, NAME)}
    return found[student]


def shown_to_who_grades(played: Played, student: str) -> list[dict]:
    text = played.course.autograded(NAME, student).read_text("utf-8")
    return json.loads(text)["cells"]


def test_a_renamed_notebook_beside_a_picture_is_graded(played):
    work = jupyter(handed_in(played.exam))
    collect(played, of(ADA, {"WMS q3.ipynb": work, "jupyter.png": b"x"}))
    assert scored(played, "501").points == 5


def test_an_empty_folder_stops_nobody(played):
    work = jupyter(handed_in(played.exam))
    out = collect(played, {"ada/": b"", "ada/.keep": b"", f"bob/{FILE}": work})
    assert "Collected 1 of 1" in out
    assert scored(played, "bob").points == 5


def test_a_picture_that_the_text_only_names_reaches_who_grades(played):
    notebook = handed_in(played.exam, CODE)
    cell_of(notebook, "why")["source"] = "See ![my sketch](sketch.png)."
    files = {FILE: jupyter(notebook), "sketch.png": photograph(form="PNG")}
    collect(played, of(ADA, files))
    scored(played, "501")
    cells = shown_to_who_grades(played, "501")
    assert [list(c["attachments"]) for c in cells if c.get("attachments")]


def test_an_empty_file_is_said_and_is_no_silent_zero(played):
    files = {FILE: jupyter(handed_in(played.exam, CODE)), "photo.jpg": b""}
    assert "'photo.jpg' is empty" in collect(played, of(ADA, files))
    assert scored(played, "501").waiting == 4


LONG = "Класифiкацiя, особливості методiв окисно-вiдновного титрування " * 3


@pytest.mark.parametrize("name", ["ж" * 169, LONG, "x" * 300])
def test_a_notebooks_name_beyond_255_bytes_is_shortened(played, name):
    work = jupyter(handed_in(played.exam))
    files = of(ADA, {f"{name}.ipynb": work}) | of(BORIS, {FILE: work})
    collect(played, files)
    assert [scored(played, each).points for each in ("501", "502")] == [5, 5]


@pytest.mark.parametrize("name", ["ж" * 128, "ж" * 200, "x" * 300])
def test_a_students_name_beyond_255_bytes_is_that_students_error(played, name):
    work = jupyter(handed_in(played.exam))
    out = collect(played, {f"{name}/{FILE}": work, f"bob/{FILE}": work})
    assert "not usable as a student's id" in out
    assert played.course.students(NAME) == ["bob"]


def test_names_in_both_forms_of_unicode_are_two_kept_files(played):
    forms = [unicodedata.normalize(form, "Übung é.jpg") for form in ("NFC", "NFD")]
    files = {f"{i}/{name}": bytes([i]) for i, name in enumerate(forms)}
    files[FILE] = jupyter(handed_in(played.exam, RIGHT | {"why": "Потому что так."}))
    collect(played, of(ADA, files))
    kept = (played.submitted("501") / "beside").iterdir()
    assert sorted(path.read_bytes() for path in kept) == [b"\0", b"\1"]
    assert scored(played, "501").waiting == 4


def test_canvass_zip_beside_a_screenshot(played):
    inside = zipped(
        played.root / "w.zip", {f"work/{FILE}": jupyter(handed_in(played.exam))}
    )
    files = {
        canvas_name(ADA, "BobsWork.zip"): inside.read_bytes(),
        canvas_name(ADA, "Screenshot.png").replace("90501", "90601"): b"png",
    }
    (played.root / "list.csv").write_text(canvas_sheet(CLASS, NAME))
    collect(played, files, "--roster", "list.csv")
    (kept,) = (played.submitted("ada") / "beside").iterdir()
    assert (kept.name, kept.read_bytes()) == ("Screenshot.png", b"png")
    assert scored(played, "ada").points == 5


def test_each_attempt_keeps_its_own_files(played):
    played.rules('attempts = "first"\n')
    first = {FILE: jupyter(handed_in(played.exam)), "one.jpg": b"1"}
    collect(played, of(ADA, first))
    again = {FILE: jupyter(handed_in(played.exam)), "two.jpg": b"2"}
    collect(played, of(ADA, again))
    kept = (played.submitted("501") / "beside").iterdir()
    assert [path.name for path in kept] == ["one.jpg"]
    played.rules('attempts = "last"\n')
    collect(played, of(ADA, again))
    kept = (played.submitted("501") / "beside").iterdir()
    assert [path.name for path in kept] == ["two.jpg"]
    attempts = played.course.root / "attempts" / "501" / NAME
    assert sorted(path.name for path in attempts.iterdir()) == ["001", "002"]


def test_a_phones_picture_that_no_browser_shows_waits_for_a_person(played):
    heic = b"\0\0\0\x18ftypheic" + b"\0" * 200
    files = {FILE: jupyter(handed_in(played.exam, CODE)), "IMG_1.HEIC": heic}
    collect(played, of(ADA, files))
    assert scored(played, "501").waiting == 4
    texts = ["".join(cell["source"]) for cell in shown_to_who_grades(played, "501")]
    assert any("beside/IMG_1.HEIC" in text for text in texts)


def test_the_bytes_that_were_handed_in_are_kept(played):
    work = jupyter(handed_in(played.exam)).replace(b"\n", b"\r\n")
    collect(played, of(ADA, {FILE: work}))
    kept = (played.submitted("501") / FILE).read_bytes()
    assert hashlib.sha256(kept).digest() == hashlib.sha256(work).digest()


def test_a_pdf_alone_can_be_given_points_by_a_person(played):
    collect(played, of(ADA, {"solution.pdf": b"%PDF-1.4"}))
    assert not scored(played, "501").graded
    with played.course.gradebook() as gradebook:
        grade = gradebook.find_grade("why", NAME, NAME, "501")
        grade.manual_score, grade.needs_manual_grade = 3.0, False
        gradebook.db.commit()
    found = {each.result.student: each for each in read_class(played.course, NAME)}
    assert found["501"].points == 3


def test_a_page_exported_beside_the_notebook_acts_nowhere(played):
    page = b"<script>window.pwned = 1</script>"
    name = "<script>alert(1)</script>.html"
    files = {FILE: jupyter(handed_in(played.exam, CODE)), name: page}
    collect(played, of(ADA, files))
    scored(played, "501")
    played.run("feedback", "T1")
    shown = played.course.feedback(NAME, "501").read_text("utf-8")
    assert "<script" not in shown
    for cell in shown_to_who_grades(played, "501"):
        assert "<script" not in "".join(cell["source"])


def test_another_assignments_notebook_beside_it_is_not_graded(played, tmp_path):
    other = SOURCE.replace("grade_id: ", "grade_id: z-").replace(
        '"grade_id": "', '"grade_id": "z-'
    )
    made = json.loads(tiny_exam(tmp_path / "other", other).release)
    made["cells"].append(added_code("x = 1"))
    files = {"A7.ipynb": jupyter(made), "mine.ipynb": jupyter(handed_in(played.exam))}
    out = collect(played, of(ADA, files))
    assert "'mine.ipynb' was graded" in out
    assert scored(played, "501").points == 5
