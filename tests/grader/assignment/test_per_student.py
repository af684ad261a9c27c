"""Each student's number: his own, always the same, nobody else's to guess."""

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from tiny_assignment import (
    NAME,
    SOURCE,
    SQUARE,
    cell_of,
    hand_in,
    handed_in,
    submission,
    tiny_course,
    tiny_exam,
    write_source,
)

from autograder.assignment.cells import is_seed_cell
from autograder.assignment.per_student import (
    SECRET,
    course_secret,
    number_of,
    release_to_each,
    seed_cell,
    seed_for,
)
from autograder.cli import main
from autograder.course.folder import Course
from autograder.grade.grade import grade_class
from autograder.judge.rebuild import intake
from autograder.model import CourseError

CELL = """```{code-cell} ipython3
---
nbgrader: {grade: false, grade_id: my-number, solution: false, locked: true}
autograder: {per_student: true}
---
student_seed = 0  # your number
```

## Exercise 1"""
PERSONAL = SOURCE.replace("## Exercise 1", CELL, 1)


@pytest.fixture
def course(tmp_path):
    return tiny_course(tmp_path, PERSONAL)


def number_in(notebook):
    (cell,) = (c for c in notebook["cells"] if is_seed_cell(c))
    source = "".join(cell["source"])
    assert source.endswith("  # your number")
    return int(source.split()[2])


def test_everybody_gets_a_notebook_with_the_number_that_grading_works_out(course):
    folder, exam = course
    students = ["ada", "bob", "李明", "ada@example.org"]
    paths = release_to_each(folder, exam, students)
    numbers = [number_in(json.loads(path.read_text("utf-8"))) for path in paths]
    assert numbers == [seed_for(folder, exam, each, 7) for each in students]
    assert len(set(numbers)) == len(students)
    assert all(0 < number < 2**31 for number in numbers)


def test_the_notebooks_differ_in_the_number_alone_and_hold_no_secret(course):
    folder, exam = course
    (path,) = release_to_each(folder, exam, ["ada"])
    released = json.loads(folder.release(NAME).read_text("utf-8"))
    personal = json.loads(path.read_text("utf-8"))
    assert number_in(released) == 0
    secret = course_secret(folder).hex()
    for mine, common in zip(personal["cells"], released["cells"], strict=True):
        if not is_seed_cell(common):
            assert "".join(mine["source"]) == "".join(common["source"])
        assert secret not in json.dumps(mine)


def test_another_assignment_another_course_another_number(course, tmp_path):
    folder, exam = course
    other = type(exam)("a2", exam.release, exam.tests)
    number = number_of(folder, exam, "ada")
    assert number == number_of(folder, exam, "ada")
    assert number != number_of(folder, other, "ada")
    assert number != number_of(Course(tmp_path / "other"), exam, "ada")


def test_an_ordinary_assignment_keeps_the_seed_and_makes_no_secret(tmp_path):
    folder, exam = tiny_course(tmp_path)
    assert seed_cell(exam) is None
    assert seed_for(folder, exam, "ada", 5) == 5
    assert not (folder.root / SECRET).exists()
    with pytest.raises(CourseError, match="the same for everybody"):
        release_to_each(folder, exam, ["ada"])


def test_another_students_notebook_is_no_damage_and_its_number_is_not_used(course):
    _, exam = course
    notebook = handed_in(exam)
    (cell,) = (c for c in notebook["cells"] if is_seed_cell(c))
    cell["source"] = "student_seed = 12345  # your number"
    rebuilt = intake(submission(notebook), exam)
    assert rebuilt.repairs == ()
    assert "12345" not in rebuilt.notebook


def test_a_seed_cell_that_was_written_in_is_reported_and_never_runs(course):
    _, exam = course
    notebook = handed_in(exam)
    (cell,) = (c for c in notebook["cells"] if is_seed_cell(c))
    cell["source"] = "student_seed = 12345\nprint('easy')"
    rebuilt = intake(submission(notebook), exam)
    assert any("was edited; the original was used" in each for each in rebuilt.repairs)
    assert "easy" not in rebuilt.notebook


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("student_seed = 0", "seed = 0", "needs the line"),
        ("student_seed = 0", "student_seed = 0 + 1", "needs the line"),
        ("locked: true", "locked: false", "must be a given code cell"),
        (
            "solution: false, locked: true",
            "solution: true",
            "must be a given code cell",
        ),
        (CELL, CELL.replace("## Exercise 1", "") + CELL.replace("my-", "our-"), "two"),
    ],
)
def test_a_seed_cell_that_cannot_work_is_refused(tmp_path, old, new, said):
    exam = tiny_exam(tmp_path, PERSONAL.replace(old, new, 1))
    with pytest.raises(CourseError, match=said):
        seed_cell(exam)


def test_the_secret_is_its_owners_alone_and_made_once(tmp_path):
    course = Course(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        secrets = set(pool.map(lambda _: course_secret(course), range(32)))
    assert len(secrets) == 1
    assert len(secrets.pop()) == 32
    assert stat.S_IMODE((tmp_path / SECRET).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [SECRET]


def test_a_secret_that_others_can_read_or_that_is_damaged_is_refused(tmp_path):
    course = Course(tmp_path)
    course_secret(course)
    os.chmod(tmp_path / SECRET, 0o640)
    with pytest.raises(CourseError, match="chmod 600"):
        course_secret(course)
    os.chmod(tmp_path / SECRET, 0o600)
    (tmp_path / SECRET).write_text("")
    with pytest.raises(CourseError, match="not the secret"):
        course_secret(course)


MINE = """mine = None
### BEGIN SOLUTION
mine = student_seed + 1
### END SOLUTION
"""


@pytest.mark.grading
def test_everybody_is_judged_with_his_own_number_whosever_notebook_it_is(
    tmp_path, monkeypatch
):
    """Eve and Zoe hand in Ada's notebook; Eve's answer holds Ada's number itself."""
    monkeypatch.chdir(tmp_path)
    text = PERSONAL.replace("check(cube(2), 8,", "check(mine, student_seed + 1,")
    cube = text[text.index("def cube(x):") :].partition("```")[0]
    write_source(tmp_path / "solutions", text.replace(cube, MINE))
    (tmp_path / "class.csv").write_text("student\nada\neve\nzoe\n")
    assert main(["release", "t1", "--roster", "class.csv"]) == 0
    course = Course(tmp_path / "course")
    personal = course.root / "personal" / NAME / "ada" / f"{NAME}.ipynb"
    for student in ("ada", "eve", "zoe"):
        found = json.loads(personal.read_text("utf-8"))
        number = "student_seed" if student == "zoe" else number_in(found)
        cell_of(found, "cube")["source"] = f"mine = {number} + 1"
        cell_of(found, "square")["source"] = SQUARE
        hand_in(course, student, found)
    results = grade_class("t1", course, progress=False, workers=1)
    points = {each.student: [cell.points for cell in each.cells] for each in results}
    assert points == {"ada": [2, 3, 0], "eve": [2, 0, 0], "zoe": [2, 3, 0]}
    assert {each.repairs for each in results} == {()}
