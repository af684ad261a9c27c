"""Assignment 10 through the real grader: in 10.4 everybody has numbers of their own."""

import json
from pathlib import Path

import pytest
from tiny_assignment import empty_gradebook

from autograder.assignment.cells import grade_id, is_answer, is_seed_cell
from autograder.assignment.exam import read_exam, reference_answers
from autograder.assignment.per_student import number_of, release_to_each
from autograder.course.folder import Course, write_whole
from autograder.grade.grade import grade_class
from autograder.release.release import publish
from flowbook.exercises.a10_bounds_codes_critics import own_water

NAME = "a10_bounds_codes_critics"
SOURCE = Path(__file__).parents[2] / "solutions" / NAME / f"{NAME}.md"
OWN = "a10-own"


@pytest.fixture
def course(tmp_path):
    made = Course(tmp_path / "course")
    write_whole(made.root / "gradebook.db", empty_gradebook())
    publish(made, NAME, SOURCE)
    return made


def number_in(notebook: dict) -> int:
    (cell,) = (c for c in notebook["cells"] if is_seed_cell(c))
    return int("".join(cell["source"]).split()[2])


def right_beta(seed: int) -> float:
    names: dict = dict(
        zip(("variances", "sigma", "nats"), own_water(seed), strict=True)
    )
    exec(f"import torch\n{reference_answers(SOURCE)[OWN]}", names)
    return names["my_beta"]


def answered_by_hand(notebook: dict) -> dict:
    """The notebook with the answer to 10.4 alone: the right number for its own seed."""
    beta = right_beta(number_in(notebook))
    for cell in notebook["cells"]:
        if is_answer(cell) and grade_id(cell) == OWN:
            cell["source"] = f"my_beta = {beta:.4f}"
    return notebook


@pytest.mark.grading
def test_a_number_counts_for_the_student_who_was_given_it_alone(course):
    """Ada and Bo answer by hand; one more hands in Ada's notebook, number and all."""
    exam, students = read_exam(SOURCE, NAME), ("ada", "bo")
    beta = {
        who: right_beta(number_of(course, exam, who))
        for who in (*students, "eve", "eva", "evi", "evo")
    }
    # The secret is new in every run: take someone whose answer is not Ada's by chance.
    copier = next(
        who for who in list(beta)[2:] if abs(beta[who] / beta["ada"] - 1) > 0.02
    )
    paths = release_to_each(course, exam, students)
    handed = [answered_by_hand(json.loads(path.read_text("utf-8"))) for path in paths]
    assert number_in(handed[0]) != number_in(handed[1])
    for student, notebook in zip(
        (*students, copier), (*handed, handed[0]), strict=True
    ):
        path = course.submitted(NAME, student) / f"{NAME}.ipynb"
        write_whole(path, json.dumps(notebook).encode("utf-8"))
    results = grade_class(NAME, course, progress=False, workers=1)
    cells = {
        result.student: {cell.grade_id: cell for cell in result.cells}
        for result in results
    }
    points = {who: found[f"{OWN}-test"].points for who, found in cells.items()}
    assert points == {"ada": 1, "bo": 1, copier: 0}
    assert cells[copier][f"{OWN}-test"].hint
