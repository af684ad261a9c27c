"""A release hands out nothing that it must not, and is refused when it is unsound."""

import json
from contextlib import closing

import nbformat
import pytest
from tiny_assignment import NAME, RIGHT, SOURCE, cell_of, tiny_course, write_source

from autograder.assignment.exam import (
    SECRETS,
    FilledIn,
    read_exam,
    student_version,
)
from autograder.course.folder import Course
from autograder.engine.runner import Runner
from autograder.model import CourseError
from autograder.release.release import find_source, release_assignment

TEST = "{grade: true, grade_id: cube-test, points: 3, solution: false}"
RULES = "autograder: {not_from: [flowbook], allowed: [flowbook.checks]}"
UNSOUND = {
    "two cells of one name": ("grade_id: cube,", "grade_id: square,", "two cells"),
    "no points": (TEST, TEST.replace("points: 3, ", ""), "points above 0, not None"),
    "zero points": (TEST, TEST.replace("points: 3", "points: 0"), "points above 0"),
    "negative points": (TEST, TEST.replace("points: 3", "points: -1"), "above 0"),
    "points in words": (TEST, TEST.replace("points: 3", "points: x"), "above 0"),
    "no name": (TEST, TEST.replace("grade_id: cube-test, ", ""), "no grade_id"),
    "an empty test": ('check(cube(2), 8, "the cube")', "# nothing", "tests nothing"),
    "a broken test": ('check(cube(2), 8, "the cube")', "check(", "is not Python"),
    "rules that are no table": (RULES, "autograder: flowbook", "not 'flowbook'"),
    "an unknown rule": (
        RULES,
        "autograder: {not_form: [zuko]}",
        "not_from and allowed",
    ),
    "a rule that is no list": (
        RULES,
        "autograder: {not_from: zuko}",
        "lists of module",
    ),
    "a number for a module": (RULES, "autograder: {not_from: [3]}", "lists of module"),
    "an open region": (
        "    ### END SOLUTION\n```\n\n```{code-cell} ipython3\n---\n"
        "nbgrader: {grade: true, grade_id: square",
        "```\n\n```{code-cell} ipython3\n---\nnbgrader: {grade: true, grade_id: square",
        "no end solution",
    ),
    "a solution in prose": (
        "# A tiny assignment",
        "# A tiny\n### BEGIN SOLUTION\nx\n### END SOLUTION",
        "solution",
    ),
    "hidden tests in an answer": (
        "    return x * x\n    ### END SOLUTION",
        "    return x * x\n    ### END SOLUTION\n"
        "### BEGIN HIDDEN TESTS\n### END HIDDEN TESTS",
        "[Hh]idden test",
    ),
}


@pytest.fixture
def source(tmp_path):
    return write_source(tmp_path)


def test_a_release_is_byte_identical_each_time(source):
    assert student_version(source) == student_version(source)


def test_a_release_is_the_same_from_text_and_from_a_notebook(source, tmp_path):
    course, exam = tiny_course(tmp_path)
    assert student_version(course.source(NAME)) == student_version(source)
    assert read_exam(course.source(NAME)).key == exam.key


def test_a_release_is_a_valid_notebook_with_ids_of_its_own(source):
    notebook = nbformat.reads(student_version(source).decode(), as_version=4)
    nbformat.validate(notebook)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)


def test_a_graded_cell_keeps_its_id_when_its_text_changes(source, tmp_path):
    def id_of(path):
        return cell_of(json.loads(student_version(path)), "cube-test")["id"]

    other = write_source(tmp_path / "other", SOURCE.replace("cube(2), 8", "cube(1), 1"))
    assert id_of(source) == id_of(other)


def test_a_release_holds_no_solution_no_hidden_test_and_no_version(source):
    text = student_version(source).decode()
    for secret in (*SECRETS, "x * x", "Because", "hidden_value", "language_info"):
        assert secret not in text
    assert list(json.loads(text)["metadata"]) == ["kernelspec"]


def test_the_release_is_what_nbgrader_itself_generates(tmp_path):
    from nbgrader.apps.api import NbGraderAPI

    course, _ = tiny_course(tmp_path)
    ours = json.loads(course.release(NAME).read_text())
    course.release(NAME).unlink()
    course.release(NAME).parent.rmdir()
    assert NbGraderAPI(config=course.config(NAME)).generate_assignment(NAME)["success"]
    theirs = json.loads(course.release(NAME).read_text())
    for cell in (*ours["cells"], *theirs["cells"]):
        cell.pop("id", None)
    assert ours["cells"] == theirs["cells"]


def test_the_exam_holds_full_tests_and_no_solution(source):
    exam = read_exam(source)
    assert "hidden_value" in exam.tests["square-test"]
    assert "HIDDEN TESTS" not in exam.tests["square-test"]
    assert "x * x" not in json.dumps([exam.release, dict(exam.tests)])


@pytest.mark.parametrize("case", UNSOUND.values(), ids=UNSOUND)
def test_an_unsound_source_is_refused_in_one_line(tmp_path, case):
    old, new, said = case
    assert old in SOURCE
    source = write_source(tmp_path, SOURCE.replace(old, new, 1))
    with pytest.raises(CourseError, match=said) as error:
        read_exam(source)
    assert str(source) in str(error.value)
    assert "\n" not in str(error.value)


def test_the_reference_answers_can_be_filled_in(source):
    notebook = json.loads(FilledIn(source)({"cube": "other"}))
    assert "".join(cell_of(notebook, "square")["source"]).endswith("    return x * x\n")
    assert "".join(cell_of(notebook, "cube")["source"]) == "other"
    assert "BEGIN SOLUTION" not in json.dumps(notebook)
    with pytest.raises(CourseError, match="no answer cell is called nothing"):
        FilledIn(source)({"nothing": ""})


def test_an_assignment_is_found_by_its_short_name(source, tmp_path):
    assert find_source(tmp_path, "T1") == (NAME, source)
    with pytest.raises(CourseError, match="no such assignment"):
        find_source(tmp_path, "t2")


def test_publishing_fills_the_gradebook(tmp_path):
    course, _ = tiny_course(tmp_path)
    with course.gradebook() as gradebook:
        notebook = gradebook.find_notebook(NAME, NAME)
        points = {cell.name: cell.max_score for cell in notebook.grade_cells}
    assert points == {"square-test": 2, "cube-test": 3, "why": 4}


def test_a_cell_cannot_go_while_there_are_submissions(tmp_path):
    course, _ = tiny_course(tmp_path)
    with course.gradebook() as gradebook:
        gradebook.add_student("ada")
        with gradebook.db().no_autoflush:
            gradebook.add_submission(NAME, "ada")
    before = course.source(NAME).read_bytes()
    with pytest.raises(CourseError, match="added, removed or renamed"):
        tiny_course(tmp_path, SOURCE.replace("grade_id: cube", "grade_id: kube"))
    assert course.source(NAME).read_bytes() == before


def test_formgrader_is_told_to_run_no_script(tmp_path):
    course, _ = tiny_course(tmp_path)
    text = (course.root / "nbgrader_config.py").read_text()
    assert "sanitize_html = True" in text


@pytest.fixture(scope="module")
def runner():
    with closing(Runner()) as runner:
        yield runner


@pytest.mark.grading
def test_a_sound_assignment_is_released(tmp_path, runner):
    write_source(tmp_path / "solutions")
    course = Course(tmp_path / "course")
    path = release_assignment(course, "t1", tmp_path / "solutions", runner=runner)
    assert path == course.release(NAME)
    assert path.read_bytes() == student_version(course.source(NAME))


@pytest.mark.grading
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    return x * x * x\n", "    return x\n", "solution fails cube-test"),
        (
            'check(cube(2), 8, "the cube")',
            "True",
            "unsolved notebook passes cube-test",
        ),
    ],
    ids=["its solution fails", "an empty answer passes"],
)
def test_an_unsound_assignment_changes_nothing(tmp_path, runner, old, new, said):
    write_source(tmp_path / "solutions", SOURCE.replace(old, new))
    course = Course(tmp_path / "course")
    with pytest.raises(CourseError, match=said):
        release_assignment(course, "t1", tmp_path / "solutions", runner=runner)
    assert not course.root.exists()


def test_right_answers_are_right_for_these_tests():
    names = {}
    exec("\n".join([RIGHT["square"], RIGHT["cube"]]), names)
    assert (names["square"](-5), names["cube"](2)) == (25, 8)


def test_the_rules_at_the_head_hold_for_each_answer_that_says_nothing_else(tmp_path):
    own = "{grade: false, grade_id: cube, solution: true}"
    text = SOURCE.replace(own, f"{own}\nautograder: {{not_from: [math]}}")
    cells = {
        cell["metadata"].get("nbgrader", {}).get("grade_id"): cell["metadata"]
        for cell in json.loads(student_version(write_source(tmp_path, text)))["cells"]
    }
    rules = {"not_from": ["flowbook"], "allowed": ["flowbook.checks"]}
    assert cells["square"]["autograder"] == rules
    assert cells["cube"]["autograder"] == rules | {"not_from": ["math"]}
    assert "autograder" not in cells["square-test"]
