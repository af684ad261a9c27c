"""The demonstration class, as the real autograder graded it: nobody is missing, every
typical mistake loses its points and gets its own hint, every right answer keeps them.

Reads `_build/demo`, which `make demo` and `make test-grading` make.
"""

import json
from functools import cache
from pathlib import Path

import pytest

from autograder.demo import HandedIn, Variant, read_variants, the_class
from autograder.model import Outcome, Result

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "solutions" / "a1_change_of_variables"
COURSE = ROOT / "_build" / "demo"
RESULTS = COURSE / "results" / FOLDER.name
CLASS = the_class(FOLDER)
RIGHT = ("right", "right in another way", "a renamed file", "warnings on stderr")
RIGHT += ("extra cells", "a deleted test cell")

pytestmark = pytest.mark.grading


@cache
def graded(student: str) -> Result:
    path = RESULTS / f"{student}.json"
    assert path.is_file(), f"{path} is missing: run `make demo` first."
    return Result.from_json(path.read_text(encoding="utf-8"))


def mistakes(handed: HandedIn) -> list[Variant]:
    """Return the mutants whose source stands in a cell of this submission."""
    cells = json.loads(handed.content)["cells"]
    sources = {"".join(cell["source"]).strip() for cell in cells}
    wrong = [v for v in read_variants(FOLDER) if v.kind == "mutant"]
    return [variant for variant in wrong if variant.source.strip() in sources]


def lost(result: Result) -> set[str]:
    cells = [cell for cell in result.cells if not cell.manual]
    return {cell.grade_id for cell in cells if cell.points < cell.max_points}


def told(*stories: str) -> list:
    chosen = [each for each in CLASS if each.story in stories]
    return [pytest.param(each, id=each.story) for each in chosen]


MISTAKEN = [
    pytest.param(each, id=each.story) for each in CLASS if " (a1-" in each.story
]


def test_every_student_has_one_of_the_three_outcomes():
    outcomes = {each.student: graded(each.student).outcome for each in CLASS}
    assert len(outcomes) == len(CLASS) == len(list(RESULTS.glob("*.json")))
    assert Outcome.FAILED not in outcomes.values()


def test_the_report_and_every_feedback_page_are_there():
    report = (COURSE / "reports" / f"{FOLDER.name}.html").read_text(encoding="utf-8")
    for each in CLASS:
        assert each.student in report
        pages = list((COURSE / "feedback" / each.student).glob("*/*.html"))
        assert len(pages) == 1


@pytest.mark.parametrize("handed", told(*RIGHT))
def test_a_right_submission_gets_every_point_that_tests_give(handed):
    result = graded(handed.student)
    assert result.outcome == Outcome.GRADED
    assert lost(result) == set()


@pytest.mark.parametrize("handed", MISTAKEN)
def test_a_mistake_loses_its_points_and_no_others(handed):
    expected = {cell for variant in mistakes(handed) for cell in variant.loses}
    assert expected
    assert lost(graded(handed.student)) == expected


@pytest.mark.parametrize("handed", MISTAKEN)
def test_a_mistake_gets_its_own_hint(handed):
    cells = {cell.grade_id: cell for cell in graded(handed.student).cells}
    for variant in mistakes(handed):
        for grade_id in variant.loses:
            assert cells[grade_id].mistake == variant.name
            assert cells[grade_id].hint


def test_every_mutant_is_in_the_class():
    handed_in = {
        v.name for each in CLASS if " (a1-" in each.story for v in mistakes(each)
    }
    assert handed_in == {v.name for v in read_variants(FOLDER) if v.kind == "mutant"}


def test_the_blank_release_scores_zero():
    (blank,) = (each for each in CLASS if each.story == "blank")
    assert graded(blank.student).points == 0


@pytest.mark.parametrize("handed", told("half finished", "an endless loop"))
def test_what_is_done_counts_where_the_rest_is_not(handed):
    result = graded(handed.student)
    assert result.outcome == Outcome.GRADED
    assert 0 < result.points < sum(c.max_points for c in result.cells if not c.manual)


def test_broken_json_is_invalid_and_says_why():
    (broken,) = (each for each in CLASS if each.story == "broken JSON")
    result = graded(broken.student)
    assert result.outcome == Outcome.INVALID
    assert result.reason
