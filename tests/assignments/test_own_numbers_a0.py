"""Data of a student's own, through the real grader: assignment 0.

Everybody here hands in Ada's notebook. What counts is the number of the one who hands
it in, which is worked out again.
"""

import json
import math
from pathlib import Path

import pytest
import torch
from tiny_assignment import cell_of

from autograder.assignment.cells import is_seed_cell
from autograder.assignment.exam import read_exam, reference_answers
from autograder.assignment.per_student import number_of, release_to_each
from autograder.course.folder import Course
from autograder.grade.grade import grade_class
from autograder.release.release import publish
from flowbook.exercises import a0_warm_up as a0

NAME = "a0_warm_up"
SOURCE = Path(__file__).parents[2] / "solutions" / NAME / f"{NAME}.md"
OWN = "a0-own-test"


def right_number(student_seed: int) -> float:
    """The log-density of the mixture at a student's picture."""
    parts = a0.own_log_parts(student_seed).double()
    return parts.logsumexp(0).item() - math.log(5)


def hand_in(course: Course, student: str, notebook: dict) -> None:
    path = course.submitted(NAME, student) / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook), "utf-8")


@pytest.mark.grading
def test_the_line_is_right_for_everybody_and_a_copied_number_for_its_owner(tmp_path):
    exam, course = read_exam(SOURCE, NAME), Course(tmp_path / "course")
    publish(course, NAME, SOURCE)
    (path,) = release_to_each(course, exam, ["ada"])
    number = right_number(number_of(course, exam, "ada"))
    line = reference_answers(SOURCE)["a0-own"]
    told = {"ada": number, "eve": number, "zoe": None, "bob": None}
    for student, copied in told.items():
        notebook = json.loads(path.read_text("utf-8"))
        written = line if copied is None else f"own_log_prob = {copied}"
        cell_of(notebook, "a0-own")["source"] = written
        if student == "bob":  # who has the common notebook
            cell_of(notebook, "a0-number")["source"] = "student_seed = 0  # your number"
        hand_in(course, student, notebook)
    results = {
        each.student: each
        for each in grade_class(NAME, course, progress=False, workers=1)
    }
    own = {
        student: cell
        for student, result in results.items()
        for cell in result.cells
        if cell.grade_id == OWN
    }
    points = {student: cell.points for student, cell in own.items()}
    assert points == {"ada": 2, "eve": 0, "zoe": 2, "bob": 2}
    assert own["eve"].idea == a0.Own.idea
    assert {result.repairs for result in results.values()} == {()}


def test_the_notebook_says_what_is_personal():
    exam = read_exam(SOURCE, NAME)
    (place,) = [i for i, cell in enumerate(exam.cells) if is_seed_cell(cell)]
    text = exam.cells[place - 1]["source"]
    assert "your number" in text
    assert exam.cells[place - 1]["cell_type"] == "markdown"


def test_every_students_numbers_make_a_question_that_can_be_judged():
    """No known mistake is near the truth, or near another one, whatever the number."""
    for student_seed in range(200):
        parts = a0.own_log_parts(student_seed).double()
        truth = right_number(student_seed)
        known = [truth, truth + math.log(5), parts.max().item(), parts.mean().item()]
        assert torch.tensor(known).sort().values.diff().min() > 0.01
        assert parts.exp().sum() == 0  # so that the exponentials underflow
        a0.check_own(truth, student_seed)
