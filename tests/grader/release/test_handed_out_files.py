"""Data and modules beside an assignment are handed out, and are there in grading."""

import csv
import json
import subprocess
import sys

import pytest
import written
from tiny_assignment import cell_of

from autograder.assignment.exam import read_exam
from autograder.assignment.files import MAX_FILE, beside
from autograder.model import CourseError

NAME = "d1_data"
SOURCE = written.assignment(
    "Data",
    written.given(
        "d1-load",
        "import units\n\nheights = [float(line) for line in open('data/heights.csv')]",
    ),
    "## Exercise 1: the mean (2 points)",
    written.answer("mean", "def mean(values):", "return sum(values) / len(values)"),
    written.check("mean-test", 2, "assert units.cm(mean(heights)) == 200"),
    "## Exercise 2: the number of rows (3 points)",
    written.answer(
        "rows", "def rows():", "return len(open('data/heights.csv').readlines())"
    ),
    written.check(
        "rows-test",
        3,
        "assert rows() == len(heights)",
        "assert rows() == len(open('data/heights.csv').readlines()) == 3",
    ),
)
FILES = {
    "data/heights.csv": b"1.0\n2.0\n3.0\n",
    "units.py": b"def cm(metres):\n    return 100 * metres\n",
}
MEAN = "def mean(values):\n    return sum(values) / len(values)"
ROWS = "def rows():\n    return len(open('data/heights.csv').readlines())"


def assignment(folder):
    """A folder of solutions with this assignment, its files, and what is no file."""
    home = folder / "solutions" / NAME
    for name, content in FILES.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (home / f"{NAME}.md").write_text(SOURCE)
    (home / "notes.md").write_text("The solution is the mean.")
    (home / ".hidden").write_text("secret")
    (home / "__pycache__").mkdir()
    (home / "__pycache__" / "units.pyc").write_bytes(b"0")
    return home / f"{NAME}.md"


def test_what_lies_beside_a_source_is_handed_out_but_sources(tmp_path):
    assert beside(assignment(tmp_path)) == FILES


def test_another_file_makes_another_exam(tmp_path):
    source = assignment(tmp_path)
    before = read_exam(source).key
    (source.parent / "data" / "heights.csv").write_bytes(b"4.0\n")
    assert read_exam(source).key != before


def test_a_link_and_a_large_file_are_refused_in_a_sentence(tmp_path):
    source = assignment(tmp_path)
    (source.parent / "more.csv").write_bytes(b"0" * (MAX_FILE + 1))
    with pytest.raises(CourseError, match=r"more\.csv: 10\.0 MB; a file of at most 10"):
        beside(source)
    (source.parent / "more.csv").unlink()
    (source.parent / "link.csv").symlink_to("/etc/passwd")
    with pytest.raises(CourseError, match=r"link\.csv: a link"):
        beside(source)


def run(*arguments):
    """Run the real command."""
    command = [sys.executable, "-m", "autograder", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_a_file_that_holds_a_solution_is_not_handed_out(tmp_path):
    source = assignment(tmp_path)
    (source.parent / "draft.py").write_text("### BEGIN SOLUTION\nreturn 1\n")
    with pytest.raises(CourseError, match=r"draft\.py: 'BEGIN SOLUTION' is in it"):
        read_exam(source)


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A class of three: one honest, one with other data, one who writes into them."""
    folder = tmp_path_factory.mktemp("data")
    assignment(folder)
    course = ["--course", str(folder / "course")]
    solutions = ["--solutions", str(folder / "solutions")]
    done = run("release", NAME, *course, *solutions)
    assert "With it: data/heights.csv, units.py" in done.stdout
    release = folder / "course" / "release" / NAME
    blank = json.loads((release / f"{NAME}.ipynb").read_text())
    spoils = "open('data/heights.csv', 'w').write('9\\n')\n\n\n" + ROWS
    answers = {
        "ann": (MEAN, ROWS),
        "bob": (MEAN, "def rows():\n    return 4"),
        "cem": (MEAN, spoils),
    }
    for student, (mean, rows) in answers.items():
        home = folder / "class" / student
        (home / "data").mkdir(parents=True)
        cell_of(blank, "mean")["source"] = mean
        cell_of(blank, "rows")["source"] = rows
        (home / f"{NAME}.ipynb").write_text(json.dumps(blank))
        for name, content in FILES.items():
            (home / name).write_bytes(content if student == "ann" else b"5.0\n" * 4)
    run("collect", NAME, str(folder / "class"), *course)
    run("grade", NAME, *course, "--workers", "1")
    run("export", NAME, *course, "-o", str(folder / "out.csv"))
    return folder


@pytest.mark.grading
def test_the_files_are_there_in_both_processes_and_are_the_instructors(graded):
    lines = csv.DictReader((graded / "out.csv").read_text().splitlines())
    scores = {line["student"]: float(line["score"]) for line in lines}
    # What cem writes changes his own copy: rows() is then 1, and no test is fooled.
    assert scores == {"ann": 5, "bob": 2, "cem": 2}


@pytest.mark.grading
def test_students_receive_the_files_and_no_source(graded):
    release = graded / "course" / "release" / NAME
    found = [path for path in release.rglob("*") if path.is_file()]
    names = {path.relative_to(release).as_posix() for path in found}
    assert names == {f"{NAME}.ipynb", *FILES}


@pytest.mark.grading
def test_a_file_that_the_next_release_lacks_is_handed_out_no_more(graded):
    (graded / "solutions" / NAME / "old.csv").write_text("1\n")
    course = ["--course", str(graded / "course")]
    solutions = ["--solutions", str(graded / "solutions")]
    run("release", NAME, *course, *solutions)
    assert (graded / "course" / "release" / NAME / "old.csv").is_file()
    (graded / "solutions" / NAME / "old.csv").unlink()
    run("release", NAME, *course, *solutions)
    assert not (graded / "course" / "release" / NAME / "old.csv").exists()
    assert (graded / "course" / "release" / NAME / "units.py").is_file()


@pytest.mark.grading
def test_a_file_that_is_as_it_was_handed_out_is_nothing_that_was_handed_in(graded):
    kept = graded / "course" / "submitted"
    beside_ann = list((kept / "ann" / NAME).glob("beside/*"))
    beside_bob = list((kept / "bob" / NAME).glob("beside/*"))
    assert beside_ann == []
    assert len(beside_bob) == 2
