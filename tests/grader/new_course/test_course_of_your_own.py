"""A course away from this repository, by its chapter's commands, without torch."""

import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.model import CourseError
from autograder.new_course.write import new_assignment, new_course

CHAPTER = Path(__file__).parents[3] / "book" / "course_of_your_own.md"
REFUSES = """
import sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
sys.meta_path.insert(0, NoTorch())
"""
FEW = ("right", "the sum (mean)")  # the stories of the two students of this class
PICK = f"""
import sys
from autograder.demo import students
told = students.Stories.tell
students.Stories.tell = lambda self: (s for s in told(self) if s[0] in {FEW!r})
from autograder.cli import main
sys.exit(main(sys.argv[1:]))
"""


def commands():
    """The chapter's commands of the autograder, in their order."""
    blocks = re.findall(r"```sh\n(.*?)```", CHAPTER.read_text("utf-8"), re.DOTALL)
    lines = [shlex.split(line) for block in blocks for line in block.splitlines()]
    return [words[1:] for words in lines if words[0] == "autograder"]


def after_all_commands(here):
    """The chapter's course, made in processes that refuse torch; what was said."""
    (here / "sitecustomize.py").write_text(REFUSES)
    environment = os.environ | {"PYTHONPATH": str(here)}
    folder, said = here, {}
    for words in commands():
        done = subprocess.run(
            [sys.executable, "-P", "-c", PICK, *words],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        said[" ".join(words)] = done
        if words[0] == "new-course":
            folder = here / words[1]
    return folder, said


# One test, because each process of pytest would make the course anew.
@pytest.mark.grading
def test_the_chapters_commands_grade_a_class_without_torch(tmp_path):
    folder, said = after_all_commands(tmp_path)
    allowed = {"doctor": (0, 1)}  # a machine may lack a sandbox of the second rank
    for words, done in said.items():
        assert done.returncode in allowed.get(words, (0,)), (words, done.stderr)
        assert "Traceback" not in done.stderr
    assert (folder / "course/release/a1_heights/heights.csv").is_file()
    assert (folder / "course/reports/a1_heights.html").is_file()
    with (folder / "scores.csv").open() as file:
        rows = [(float(row["score"]), row["mean-test"]) for row in csv.DictReader(file)]
    assert sorted(rows) == [(4.0, "0"), (6.0, "2")]
    pages = [p.read_text() for p in folder.glob("course/feedback/*/*/*.html")]
    assert len(pages) == len(FEW)
    assert sum("Divide by how many there are." in page for page in pages) == 1
    assert not any("the mean of two" in page and "150.0" in page for page in pages)


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("all of it")
    with pytest.raises(CourseError, match="a new or an empty folder was expected"):
        new_course(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("name", ["loops", "A3 loops", "a3/../b", "a1_again", ""])
def test_a_name_that_would_mean_nothing_or_another_is_refused(tmp_path, name):
    new_course(tmp_path / "c")
    before = sorted((tmp_path / "c").rglob("*"))
    with pytest.raises(CourseError):
        new_assignment(name, tmp_path / "c" / "solutions")
    assert sorted((tmp_path / "c").rglob("*")) == before


def test_a_new_assignment_takes_the_courses_own_words(tmp_path):
    new_course(tmp_path / "c")
    shutil.rmtree(tmp_path / "c/solutions/a2_tables", ignore_errors=True)
    words = tmp_path / "c/solutions/a1_heights/checks.py"
    words.write_text(words.read_text() + "\nOWN = 1\n")
    source = new_assignment("a3_loops", tmp_path / "c/solutions")
    assert (source.parent / "checks.py").read_text() == words.read_text()
