"""Each student's folder becomes one private copy; nothing stops the others."""

import os
from pathlib import PurePosixPath

import pytest
from tiny_assignment import NAME

from autograder.archives import Found
from autograder.collect.choose_file import ranked
from autograder.collect.collect import collect_class
from autograder.collect.read_back import read_submission
from autograder.course.folder import Course, write_whole
from autograder.course.submitted import NOTE
from autograder.judge.read_file import MAX_BYTES
from autograder.model import CourseError


@pytest.fixture
def course(tmp_path):
    course = Course(tmp_path / "course")
    write_whole(course.source(NAME), b"{}")  # all that the collector asks for
    return course


@pytest.fixture
def downloads(tmp_path):
    """A folder with one honest student, who must be collected in any case."""
    put(tmp_path / "in" / "honest" / f"{NAME}.ipynb", b"{}")
    return tmp_path / "in"


def put(path, content=b"{}"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def collected(course, downloads):
    """What became of each student but the honest one, who is well."""
    items = {item.student: item for item in collect_class(course, "t1", downloads)}
    assert items.pop("honest").problem is None
    submission, note = read_submission(course, NAME, "honest")
    assert (submission.content, submission.filename, note) == (
        b"{}",
        f"{NAME}.ipynb",
        None,
    )
    return items


def test_a_subfolder_for_each_student(course, downloads):
    put(downloads / "Ada L." / "t1 (1).ipynb", b"x")
    assert collected(course, downloads)["Ada L."].filename == "t1 (1).ipynb"
    submission, _ = read_submission(course, NAME, "Ada L.")
    assert submission.content == b"x"


def test_a_flat_folder_of_files(course, downloads):
    put(downloads / "ada.ipynb", b"x")
    assert collected(course, downloads)["ada"].filename == f"{NAME}.ipynb"


def test_a_file_in_a_folder_of_the_assignment_is_found(course, downloads):
    put(downloads / "ada" / NAME / f"{NAME}.ipynb", b"x")
    assert collected(course, downloads)["ada"].filename == f"{NAME}.ipynb"


def test_hidden_files_are_left_out(course, downloads):
    put(downloads / ".DS_Store")
    put(downloads / "__MACOSX" / "a.ipynb")
    put(downloads / "ada" / ".ipynb_checkpoints" / f"{NAME}.ipynb", b"old")
    put(downloads / "ada" / "._t1_tiny.ipynb", b"fork")
    put(downloads / "ada" / "mine.ipynb", b"new")
    items = collected(course, downloads)
    assert (list(items), items["ada"].filename) == (["ada"], "mine.ipynb")


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["t1_tiny.ipynb", "t1_tiny (1).ipynb"], "t1_tiny.ipynb"),
        (["aaa.ipynb", "t1-final.ipynb"], "t1-final.ipynb"),
        (["a.ipynb", "b.ipynb"], "a.ipynb"),
    ],
)
def test_of_several_notebooks_one_is_taken_and_named(course, downloads, names, chosen):
    for name in names:
        put(downloads / "ada" / name)
    item = collected(course, downloads)["ada"]
    assert item.filename == chosen
    assert f"2 notebooks were handed in; '{chosen}' was graded." == item.problem


def test_of_a_link_and_a_notebook_the_notebook_is_taken(course, downloads):
    put(downloads / "ada" / "t1_tiny (1).ipynb", b"x")
    make_link(downloads / "ada")
    item = collected(course, downloads)["ada"]
    assert item.filename == "t1_tiny (1).ipynb"
    assert "is a link" in item.problem


def test_a_notebook_wins_over_other_files(course, downloads):
    for name in ("numpy.py", "torch.py", "conftest.py", "mine.ipynb", "a.pdf"):
        put(downloads / "ada" / name)
    assert collected(course, downloads)["ada"].filename == "mine.ipynb"
    kept = {path.name for path in course.submitted(NAME, "ada").iterdir()}
    assert kept == {"mine.ipynb", NOTE, "beside"}
    beside = {path.name for path in course.submitted(NAME, "ada").glob("beside/*")}
    assert beside == {"numpy.py", "torch.py", "conftest.py", "a.pdf"}


def test_a_file_of_another_kind_is_kept_for_the_reason(course, downloads):
    put(downloads / "ada" / "answers.pdf", b"%PDF")
    item = collected(course, downloads)["ada"]
    assert item.problem == "a notebook was expected, and 'answers.pdf' was handed in"
    assert [file.path for file in item.beside] == ["beside/answers.pdf"]


def make_link(folder):
    secret = put(folder.parent.parent / "secret.ipynb", b"secret")
    (folder / f"{NAME}.ipynb").symlink_to(secret)


def make_hard_to_read(folder):
    (folder / f"{NAME}.ipynb").symlink_to(folder / "nowhere")


HOSTILE = {
    "a link": (make_link, "is a link"),
    "a dangling link": (make_hard_to_read, "is a link"),
    "a pipe": (lambda f: os.mkfifo(f / f"{NAME}.ipynb"), "is not a file"),
    "a folder": (lambda f: (f / f"{NAME}.ipynb").mkdir(), "is not a file"),
    "nothing": (lambda f: None, "no file was handed in"),
    "only folders": (lambda f: (f / "a" / "b").mkdir(parents=True), "no file was"),
    "too large": (
        lambda f: put(f / "a.ipynb", b" " * (MAX_BYTES + 1)),
        "more than 40 MB without its outputs",
    ),
    "too many files": (
        lambda f: [put(f / f"{i}.ipynb") for i in range(201)],
        "more than 200 files",
    ),
}


@pytest.mark.parametrize("case", HOSTILE.values(), ids=HOSTILE)
def test_a_bad_item_is_its_own_error_and_is_not_lost(course, downloads, case):
    make, reason = case
    (downloads / "ada").mkdir()
    make(downloads / "ada")
    item = collected(course, downloads)["ada"]
    assert item.filename is None
    assert reason in item.problem
    submission, note = read_submission(course, NAME, "ada")
    assert (submission.content, submission.filename) == (b"", "")
    assert reason in note
    assert "ada" in course.students(NAME)


def test_a_linked_folder_of_a_student_is_not_followed(course, downloads, tmp_path):
    put(tmp_path / "private" / f"{NAME}.ipynb", b"secret")
    (downloads / "ada").symlink_to(tmp_path / "private")
    assert "is a link" in collected(course, downloads)["ada"].problem


def test_a_linked_folder_inside_is_not_followed(course, downloads, tmp_path):
    put(tmp_path / "private" / f"{NAME}.ipynb", b"secret")
    (downloads / "ada").mkdir()
    (downloads / "ada" / "sub").symlink_to(tmp_path / "private")
    assert "no file was handed in" in collected(course, downloads)["ada"].problem


@pytest.mark.parametrize("name", ["-rf", "a\nb", "a:b", "\udce9\udcff", "~", "x" * 129])
def test_a_name_that_is_no_id_is_reported(course, downloads, name):
    put(downloads / name / f"{NAME}.ipynb")
    (item,) = collected(course, downloads).values()
    assert "not usable" in item.problem
    assert course.students(NAME) == ["honest"]


def test_a_student_who_is_there_twice_is_reported(course, downloads):
    put(downloads / "ada" / f"{NAME}.ipynb", b"folder")
    put(downloads / "ada.ipynb", b"file")
    items = collect_class(course, "t1", downloads)
    assert "twice" in next(i for i in items if i.problem).problem
    assert read_submission(course, NAME, "ada")[0].content == b"folder"


@pytest.mark.parametrize("name", ["timestamp.txt", NOTE])
def test_a_student_cannot_forge_what_the_collector_writes(course, downloads, name):
    put(downloads / "ada" / name, b'{"filename": "x", "problem": null}')
    put(downloads / "ada" / "a.ipynb", b"x")
    collected(course, downloads)
    submission, note = read_submission(course, NAME, "ada")
    assert (submission.filename, submission.received, note) == ("a.ipynb", None, None)


def test_collecting_again_replaces_what_was_there(course, downloads):
    put(downloads / "ada" / "old.ipynb", b"old")
    collected(course, downloads)
    (downloads / "ada" / "old.ipynb").rename(downloads / "ada" / "new.ipynb")
    assert collected(course, downloads)["ada"].filename == "new.ipynb"
    kept = {path.name for path in course.submitted(NAME, "ada").iterdir()}
    assert kept == {"new.ipynb", NOTE}
    assert len(list(course.submitted(NAME, "ada").parent.iterdir())) == 1


def test_a_folder_that_nbgrader_filled_is_read(course):
    folder = course.submitted(NAME, "ada")
    put(folder / f"{NAME}.ipynb", b"{}")
    (folder / "timestamp.txt").write_text("2026-11-20 10:00:00 UTC\n")
    submission, note = read_submission(course, NAME, "ada")
    assert (submission.received, note) == ("2026-11-20T10:00:00+00:00", None)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "a folder of submissions was expected"),
        (lambda path: path.write_text("x"), "a folder of submissions was expected"),
        (lambda path: path.mkdir(), "no student's folder"),
    ],
    ids=["missing", "a file", "empty"],
)
def test_what_is_no_folder_of_submissions_is_refused(course, tmp_path, make, said):
    make(tmp_path / "x")
    with pytest.raises(CourseError, match=said):
        collect_class(course, "t1", tmp_path / "x")


def test_an_assignments_short_name_is_no_part_of_a_longer_one():
    names = ["a10_bounds.ipynb", "A1-mine.ipynb", "x.ipynb"]
    files = [Found(PurePosixPath(name), lambda most: b"") for name in names]
    first = ranked(files, "a1_change_of_variables")[0]
    assert first.name == "A1-mine.ipynb"
    assert ranked(files, "a10_bounds_codes_critics")[0].name == "a10_bounds.ipynb"
