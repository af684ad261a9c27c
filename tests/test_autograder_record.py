"""The gradebook, through nbgrader's own API, holds what was judged, and is safe."""

import json
import sqlite3
from dataclasses import replace

import nbformat
import pytest
from tiny_assignment import NAME, RIGHT, handed_in, submission, tiny_course

from autograder.intake import intake
from autograder.judge import no_points, refused
from autograder.model import Outcome, Result
from autograder.record import CHANGED, NO_RESPONSE, record


@pytest.fixture
def made(tmp_path):
    return tiny_course(tmp_path)


def graded(exam, answers=RIGHT, student="ada", square=2.0, cube=3.0):
    """A result as the judge makes it, without a kernel."""
    given = {"square-test": square, "cube-test": cube, "why": 0.0}
    notebook = intake(submission(handed_in(exam, dict(answers))), exam).notebook
    cells = tuple(replace(c, points=given[c.grade_id]) for c in no_points(exam))
    key = json.dumps(sorted(answers.items()))
    return Result(student, NAME, Outcome.GRADED, cells, notebook=notebook, key=key)


def enter(course, exam, result, received=None):
    with course.gradebook() as gradebook:
        record(course, exam, result, gradebook, received)


def book(course, student="ada"):
    """What nbgrader's API says of a student: score, look, and each cell."""
    with course.gradebook() as gradebook:
        found = gradebook.find_submission(NAME, student)
        (notebook,) = found.notebooks
        cells = {
            grade.name: (grade.auto_score, grade.manual_score, grade.needs_manual_grade)
            for grade in notebook.grades
        }
        comments = {each.name: each.auto_comment for each in notebook.comments}
        return found.score, found.needs_manual_grade, cells, comments


def grade_by_hand(course, name, score):
    """What formgrader does when a person enters a score."""
    with course.gradebook() as gradebook:
        grade = gradebook.find_grade(name, NAME, NAME, "ada")
        grade.manual_score, grade.needs_manual_grade = score, False
        gradebook.db.commit()


def dump(course):
    """The gradebook's content, less its random ids."""
    with sqlite3.connect(course.root / "gradebook.db") as database:
        return [line for line in database.iterdump() if line.startswith("INSERT")]


def test_the_gradebook_holds_the_scores(made):
    course, exam = made
    enter(course, exam, graded(exam, cube=0.0))
    score, look, cells, comments = book(course)
    assert (score, look) == (2, True)
    assert cells == {
        "square-test": (2, None, False),
        "cube-test": (0, None, False),
        "why": (None, None, True),
    }
    assert set(comments.values()) == {None}


def test_recording_twice_changes_nothing(made):
    course, exam = made
    enter(course, exam, graded(exam))
    before = dump(course)
    enter(course, exam, graded(exam))
    assert dump(course) == before


def test_an_answer_left_blank_needs_no_grader(made):
    course, exam = made
    enter(course, exam, graded(exam, {"square": RIGHT["square"]}))
    _, look, cells, comments = book(course)
    assert (look, cells["why"]) == (False, (0, None, False))
    assert comments == {"square": None, "cube": NO_RESPONSE, "why": NO_RESPONSE}


def test_a_score_given_by_hand_survives_regrading(made):
    course, exam = made
    enter(course, exam, graded(exam))
    grade_by_hand(course, "why", 3.5)
    enter(course, exam, graded(exam))
    score, look, cells, _ = book(course)
    assert (score, look, cells["why"]) == (8.5, False, (None, 3.5, False))


def test_a_score_given_by_hand_is_flagged_when_its_answer_changed(made):
    course, exam = made
    enter(course, exam, graded(exam))
    grade_by_hand(course, "why", 3.5)
    enter(course, exam, graded(exam, RIGHT | {"why": "Otherwise."}))
    score, look, cells, comments = book(course)
    assert (score, look, cells["why"]) == (8.5, True, (None, 3.5, True))
    assert comments["why"] == CHANGED


def test_the_flag_stays_until_a_person_has_looked(made):
    course, exam = made
    changed = graded(exam, RIGHT | {"why": "Otherwise."})
    enter(course, exam, graded(exam))
    grade_by_hand(course, "why", 3.5)
    enter(course, exam, changed)
    enter(course, exam, changed)
    assert book(course)[2]["why"] == (None, 3.5, True)
    grade_by_hand(course, "why", 1.0)
    enter(course, exam, changed)
    assert book(course)[2]["why"] == (None, 1.0, False)
    assert book(course)[3]["why"] is None


def test_another_answer_does_not_flag_this_one(made):
    course, exam = made
    enter(course, exam, graded(exam))
    grade_by_hand(course, "why", 3.5)
    enter(course, exam, graded(exam, RIGHT | {"cube": "other"}, cube=0.0))
    assert book(course)[2]["why"] == (None, 3.5, False)


def test_an_overruled_test_keeps_its_score_and_is_flagged_when_it_ends_otherwise(made):
    course, exam = made
    enter(course, exam, graded(exam, cube=0.0))
    grade_by_hand(course, "cube-test", 2.0)
    enter(course, exam, graded(exam, cube=0.0))
    assert book(course)[2]["cube-test"] == (0, 2.0, False)
    enter(course, exam, graded(exam, cube=3.0))
    assert book(course)[2]["cube-test"] == (3, 2.0, True)


def test_an_invalid_submission_scores_zero_and_waits_for_nobody(made):
    course, exam = made
    enter(course, exam, refused(submission(b"{"), exam, "cut short"))
    score, look, cells, _ = book(course)
    assert (score, look) == (0, False)
    assert {each[0] for each in cells.values()} == {0}


def test_a_failure_of_the_grader_gives_no_score(made):
    course, exam = made
    cells = no_points(exam)
    enter(course, exam, Result("ada", NAME, Outcome.FAILED, cells, reason="no kernel"))
    _, look, cells, comments = book(course)
    assert look
    assert {each[0] for each in cells.values()} == {None}
    assert set(comments.values()) == {None}


def test_a_failure_of_the_grader_keeps_what_a_person_gave(made):
    course, exam = made
    enter(course, exam, graded(exam))
    grade_by_hand(course, "why", 3.5)
    failed = Result("ada", NAME, Outcome.FAILED, no_points(exam), reason="x")
    enter(course, exam, failed)
    assert book(course)[2]["why"] == (None, 3.5, True)


@pytest.mark.parametrize("step", ["for_formgrader", "write_whole"])
def test_a_kill_between_the_steps_is_repaired_by_the_next_run(
    made, monkeypatch, step, tmp_path
):
    course, exam = made
    enter(course, exam, graded(exam))
    grade_by_hand(course, "why", 3.5)
    changed = graded(exam, RIGHT | {"why": "Otherwise."}, cube=0.0)
    with monkeypatch.context() as patch:
        patch.setattr(f"autograder.record.{step}", interrupt)
        with pytest.raises(KeyboardInterrupt):
            enter(course, exam, changed)
    assert course.result(NAME, "ada").key != changed.key  # so it is graded again
    enter(course, exam, changed)
    score, look, cells, comments = book(course)
    assert (score, look, cells["why"]) == (5.5, True, (None, 3.5, True))
    assert comments["why"] == CHANGED
    assert course.result(NAME, "ada") == changed


def interrupt(*_):
    raise KeyboardInterrupt


def test_the_notebook_for_formgrader_is_valid_and_named(made):
    course, exam = made
    enter(course, exam, graded(exam))
    notebook = nbformat.read(course.autograded(NAME, "ada"), as_version=4)
    nbformat.validate(notebook)
    names = [
        c.metadata.nbgrader.grade_id for c in notebook.cells if "nbgrader" in c.metadata
    ]
    assert names == ["square", "square-test", "cube", "cube-test", "why"]


def test_formgrader_gets_a_page_for_an_invalid_submission_too(made):
    course, exam = made
    enter(course, exam, refused(submission(b"{"), exam, "cut short \ud800"))
    notebook = nbformat.read(course.autograded(NAME, "ada"), as_version=4)
    assert "cut short" in notebook.cells[0].source


def test_formgrader_gets_no_script(made):
    course, exam = made
    result = graded(exam)
    notebook = json.loads(result.notebook)
    data = {"text/plain": "x", "application/javascript": "evil", "image/svg+xml": "s"}
    output = {"output_type": "display_data", "metadata": {}, "data": data}
    notebook["cells"][1]["outputs"] = [output]
    enter(course, exam, replace(result, notebook=json.dumps(notebook)))
    text = course.autograded(NAME, "ada").read_text()
    assert ("evil" in text, "svg" in text) == (False, False)


def test_formgrader_lists_the_submission_as_graded(made):
    from nbgrader.apps.api import NbGraderAPI

    course, exam = made
    received = "2026-11-20 10:00:00 UTC"
    folder = course.submitted(NAME, "ada")
    folder.mkdir(parents=True)
    (folder / "timestamp.txt").write_text(received)
    enter(course, exam, graded(exam), received)
    api = NbGraderAPI(config=course.config(NAME))
    assert api.get_autograded_students(NAME) == {"ada"}
    (found,) = api.get_submissions(NAME)
    assert (found["score"], found["max_score"], found["autograded"]) == (5, 9, True)
