"""The demonstration classes, one for each assignment, as the real autograder graded
them: nobody is missing, every typical mistake loses its points and gets its own hint,
every right answer keeps them.

Reads `_build/demo`, which `make classes` and `make test-grading` make.
"""

import json
from functools import cache
from pathlib import Path

import pytest
from quick_runner import assignment, concerned

from autograder.assignment.cells import grade_id as named
from autograder.assignment.cells import is_answer
from autograder.demo.students import HandedIn, the_class
from autograder.model import Outcome, Result
from autograder.release.variants import Variant, read_variants

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(path.parent for path in ROOT.glob("solutions/*/variants.md"))
DEMO = ROOT / "_build" / "demo"
CLASSES = {folder: the_class(folder) for folder in FOLDERS}
RIGHT = ("right", "right in another way", "a renamed file", "warnings on stderr")
RIGHT += ("extra cells", "a deleted test cell")

pytestmark = pytest.mark.grading


each_class = pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)


def course(folder: Path) -> Path:
    return DEMO / folder.name


@cache
def graded(folder: Path, student: str) -> Result:
    path = course(folder) / "results" / folder.name / f"{student}.json"
    assert path.is_file(), f"{path} is missing: run `make classes` first."
    return Result.from_json(path.read_text(encoding="utf-8"))


def mistakes(folder: Path, handed: HandedIn) -> list[Variant]:
    """Return the mutants whose source stands in a cell of this submission."""
    cells = json.loads(handed.content)["cells"]
    sources = {"".join(cell["source"]).strip() for cell in cells}
    return [variant for variant in mutants(folder) if variant.source.strip() in sources]


@cache
def mutants(folder: Path) -> list[Variant]:
    return [variant for variant in read_variants(folder) if variant.kind == "mutant"]


def lost(result: Result) -> set[str]:
    cells = [cell for cell in result.cells if not cell.manual]
    return {cell.grade_id for cell in cells if cell.points < cell.max_points}


def is_mistaken(folder: Path, story: str) -> bool:
    """Whether a story names answer cells, as those of typical mistakes do."""
    return f" ({folder.name.split('_')[0]}-" in story


def told(*stories: str) -> list:
    """The submissions with these stories, of every class."""
    return [
        pytest.param(folder, each, id=f"{folder.name[:2]} {each.story}")
        for folder, handed in CLASSES.items()
        for each in handed
        if each.story in stories
    ]


MISTAKEN = [
    pytest.param(folder, each, id=each.story)
    for folder, handed in CLASSES.items()
    for each in handed
    if is_mistaken(folder, each.story)
]


@each_class
def test_every_student_has_one_of_the_three_outcomes(folder):
    students = [each.student for each in CLASSES[folder]]
    outcomes = {student: graded(folder, student).outcome for student in students}
    results = list((course(folder) / "results" / folder.name).glob("*.json"))
    assert len(outcomes) == len(students) == len(results)
    assert Outcome.FAILED not in outcomes.values()


@each_class
def test_the_report_and_every_feedback_page_are_there(folder):
    report = (course(folder) / "reports" / f"{folder.name}.html").read_text("utf-8")
    feedback = course(folder) / "feedback"
    for each in CLASSES[folder]:
        assert each.student in report
        pages = list((feedback / each.student / folder.name).glob("*.html"))
        assert len(pages) == 1


@pytest.mark.parametrize(("folder", "handed"), told(*RIGHT))
def test_a_right_submission_gets_every_point_that_tests_give(folder, handed):
    result = graded(folder, handed.student)
    assert result.outcome == Outcome.GRADED
    assert lost(result) == set()


def left_open(folder: Path, handed: HandedIn) -> set[str]:
    """The tests of the code answers that are as they were handed out."""
    blank = json.loads(next(h for h in CLASSES[folder] if h.story == "blank").content)
    stubs = {"".join(cell["source"]) for cell in blank["cells"] if is_answer(cell)}
    cells = [c for c in json.loads(handed.content)["cells"] if c["cell_type"] == "code"]
    opened = [c for c in cells if is_answer(c) and "".join(c["source"]) in stubs]
    notebook = assignment(folder)
    return {test for cell in opened for test in concerned(notebook, named(cell))}


@pytest.mark.parametrize(("folder", "handed"), MISTAKEN)
def test_a_mistake_loses_its_points_and_no_others(folder, handed):
    expected = {cell for variant in mistakes(folder, handed) for cell in variant.loses}
    assert expected
    assert lost(graded(folder, handed.student)) == expected | left_open(folder, handed)


@pytest.mark.parametrize(("folder", "handed"), MISTAKEN)
def test_a_mistake_gets_its_own_hint(folder, handed):
    cells = {cell.grade_id: cell for cell in graded(folder, handed.student).cells}
    for variant in mistakes(folder, handed):
        for grade_id in variant.loses:
            assert cells[grade_id].mistake == variant.name
            assert cells[grade_id].hint


@each_class
def test_every_mutant_is_in_the_class(folder):
    mistaken = [each for each in CLASSES[folder] if is_mistaken(folder, each.story)]
    handed_in = {v.name for each in mistaken for v in mistakes(folder, each)}
    assert handed_in == {variant.name for variant in mutants(folder)}


@pytest.mark.parametrize(("folder", "handed"), told("blank"))
def test_the_blank_release_scores_zero(folder, handed):
    assert graded(folder, handed.student).points == 0


@pytest.mark.parametrize(("folder", "handed"), told("half finished", "an endless loop"))
def test_what_is_done_counts_where_the_rest_is_not(folder, handed):
    result = graded(folder, handed.student)
    assert result.outcome == Outcome.GRADED
    assert 0 < result.points < sum(c.max_points for c in result.cells if not c.manual)


@pytest.mark.parametrize(("folder", "handed"), told("broken JSON"))
def test_broken_json_is_invalid_and_says_why(folder, handed):
    result = graded(folder, handed.student)
    assert result.outcome == Outcome.INVALID
    assert result.reason
