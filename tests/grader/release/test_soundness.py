"""The gate lets no release through whose tests cannot tell right from wrong."""

from contextlib import closing

import pytest
from tiny_assignment import NAME, SOURCE, write_source

from autograder.assignment.exam import read_exam
from autograder.engine.child.spoiled import KINDS, Equal, spoil
from autograder.engine.runner import Runner
from autograder.model import CourseError
from autograder.release.soundness import (
    groups,
    refuse_open_names,
    refuse_unsound,
    returning_functions,
    without_pictures,
)
from autograder.release.variants import Variant
from autograder.static_analysis.names import statements

LOCKED = "---\nnbgrader: {grade: false, grade_id: checks, solution: false}\n---\n"
CUBE_TEST = 'check(cube(2), 8, "the cube")'
HEAD = "---\nkernelspec: {name: python3, display_name: Python 3}\n---\n"
VARIANT = """
```{{code-cell}} ipython3
---
replaces: {replaces}
kind: {kind}
name: {name}
loses: [{loses}]
---
{source}
```
"""


@pytest.fixture(scope="module")
def runner():
    with closing(Runner()) as runner:
        yield runner


def refused(tmp_path, text, said, variants="", runner=None):
    source = write_source(tmp_path, text)
    if variants:
        (source.parent / "variants.md").write_text(HEAD + variants)
    with pytest.raises(CourseError, match=said):
        refuse_unsound(read_exam(source, NAME), source, runner=runner)


# --- without running ------------------------------------------------------------------


def test_a_helper_that_the_student_could_replace_is_refused(tmp_path):
    source = write_source(tmp_path, SOURCE.replace(LOCKED, ""))
    with pytest.raises(CourseError, match="square-test' uses 'check' of a given cell"):
        refuse_open_names(read_exam(source), source)


def test_an_answer_that_a_locked_cell_hides_is_refused(tmp_path):
    hidden = "def cube(x):\n    return 8\n\n\nclass CheckFailed"
    source = write_source(tmp_path, SOURCE.replace("class CheckFailed", hidden, 1))
    with pytest.raises(CourseError, match="'cube' is defined by an answer and by a"):
        refuse_open_names(read_exam(source), source)


def test_the_tiny_assignment_has_no_open_names(tmp_path):
    source = write_source(tmp_path)
    refuse_open_names(read_exam(source), source)


def test_cells_without_a_name_are_pictures(tmp_path):
    exam = read_exam(write_source(tmp_path, SOURCE + "\n```{code-cell}\n1\n```\n"))
    assert len(exam.cells) > len(read_exam(write_source(tmp_path / "b")).cells)
    lean = without_pictures(exam.release)
    assert lean.count('"code"') == exam.release.count('"code"') - 1


def test_variants_share_a_notebook_unless_they_meet():
    def variant(replaces, *loses):
        return Variant(replaces, "mutant", "n", loses, "")

    one, two, again = variant("a", "t"), variant("b", "u"), variant("a", "t")
    meets = variant("c", "u")
    assert groups([one, two, again, meets]) == [[one, two], [again, meets]]


def test_functions_that_return_nothing_are_known():
    source = """
def one():
    def inner():
        return 1
def two():
    if True:
        return 2
class A:
    def three(self): yield 1
    def four(self): return
five = lambda: 5
"""
    found = set(returning_functions(statements(source)))
    assert found == {"two", "A.three", "five"}


# --- stand-ins ------------------------------------------------------------------------


def spoiled(kind, **names):
    returning = {name for name in names if name != "change"} | {"Layer.forward"}
    spoil(names, list(names), kind, returning)
    return names


def test_a_result_keeps_its_form_and_loses_its_values():
    import torch

    made = spoiled("zero", f=lambda x: (x * 2, {"n": 3}, [True]))
    x = torch.ones(3, requires_grad=True)
    value, count, truth = made["f"](x)
    assert value.shape == (3,)
    assert value.requires_grad
    assert not value.any()
    assert (count, truth) == ({"n": 0}, [False])
    assert spoiled("NaN", f=lambda x: x)["f"](x).isnan().all()
    assert spoiled("empty", f=lambda x: x)["f"](x).shape == (0,)
    assert spoiled("None", f=lambda x: x)["f"](x) is None
    assert type(spoiled("always equal", f=lambda x: x)["f"](x)) is Equal


def test_an_obliging_object_answers_as_the_right_value_and_is_none():
    import torch

    made = spoiled("obliging", f=lambda x: [x * 2])
    (y,) = made["f"](torch.ones(3))
    assert not isinstance(y, torch.Tensor)
    assert y.allclose(torch.full((3,), 2.0))
    assert y.eq(2.0).all()
    assert y.sub(2.0).abs().max() == 0
    assert y.tolist() == [2.0, 2.0, 2.0]
    assert made["f"](y)[0].sum().item() == 12  # it can be handed back
    with pytest.raises(TypeError):
        torch.allclose(y, torch.ones(3))


def test_infinities_are_zeroed_too():
    import torch

    log_prob = spoiled("zero", f=lambda: torch.tensor([-torch.inf, torch.nan, 1.0]))
    assert log_prob["f"]().tolist() == [0, 0, 0]


def test_methods_are_spoiled_from_outside_only():
    class Layer:
        def forward(self, x):
            return x + self.change(x)

        def change(self, x):
            return x

    made = spoiled("zero", Layer=Layer)["Layer"]()
    assert made.forward(2) == 0
    assert made.change(2) is None  # it works by what it changes, so it does nothing


@pytest.mark.parametrize("kind", KINDS)
def test_a_function_that_changes_its_argument_does_nothing(kind):
    made = spoiled(kind, change=lambda x: x.append(1))
    data = []
    made["change"](data)
    assert data == []


# --- judged ---------------------------------------------------------------------------


@pytest.mark.grading
@pytest.mark.parametrize(
    ("test", "said"),
    [
        ("assert cube(2) != 9", "result is None passes cube-test"),
        ("assert not cube(2) > 9", "result is NaN passes cube-test"),
        ("assert cube(2) in (8, None)", "result is None passes cube-test"),
        ("assert sum(cube(2) for _ in []) == 0", "unsolved notebook passes cube-test"),
    ],
)
def test_a_test_of_nothing_is_refused_by_name(tmp_path, runner, test, said):
    refused(tmp_path, SOURCE.replace(CUBE_TEST, test), said, runner=runner)


@pytest.mark.grading
def test_variants_lose_what_they_declare_and_are_told_their_names(tmp_path, runner):
    twice = {"replaces": "square", "kind": "mutant", "loses": "square-test"}
    twice |= {"name": '"twice, not squared"', "source": "def square(x): return 2 * x"}
    loop = {"replaces": "cube", "kind": "alternative", "loses": "", "name": "power"}
    loop |= {"source": "def cube(x): return x**3"}
    source = write_source(tmp_path)
    good = VARIANT.format(**twice) + VARIANT.format(**loop)
    (source.parent / "variants.md").write_text(HEAD + good)
    refuse_unsound(read_exam(source, NAME), source, runner=runner)
    unlike = VARIANT.format(**twice | {"name": "other"})
    refused(
        tmp_path,
        SOURCE,
        "told 'twice, not squared' by square-test",
        unlike,
        runner,
    )
    more = VARIANT.format(**twice | {"loses": "square-test, cube-test"})
    refused(tmp_path, SOURCE, "passes cube-test", more, runner)
    wrong = VARIANT.format(**loop | {"source": "def cube(x): return x"})
    refused(tmp_path, SOURCE, "alternative 'power' for cube fails", wrong, runner)


@pytest.mark.grading
@pytest.mark.parametrize(
    ("returns", "test", "said"),
    [
        ("(x for x in [x])", "assert cube(2) == [8]", "Write `list.f.x..` in the test"),
        ("type('Box', (), {'n': x})()", "assert cube(2) == 8", "type Box stays .*Ask "),
        ("list(range(200_000))", "assert cube(2)[0] == 0", "Ask for a part: a slice"),
    ],
)
def test_what_cannot_cross_is_named_with_another_way(
    tmp_path, runner, returns, test, said
):
    text = SOURCE.replace(CUBE_TEST, test).replace("x * x * x", returns)
    refused(tmp_path, text, said, runner=runner)


@pytest.mark.grading
@pytest.mark.parametrize(
    ("last", "said"),
    [
        ("score", "reference solution fails cube-test"),  # 1 of 3 points
        ("30 * score", "passes cube-test"),  # what no wrong answer may get
    ],
)
def test_a_number_at_the_end_gives_its_points_or_is_refused(
    tmp_path, runner, last, said
):
    counted = f"score = 1 - 0 * (cube(2) == 8)\n{last}"
    refused(tmp_path, SOURCE.replace(CUBE_TEST, counted), said, runner=runner)


@pytest.mark.grading
def test_a_number_that_is_all_points_of_the_solution_is_released(tmp_path, runner):
    counted = "score = 0\nif cube(2) == 8:\n    score += 3\nscore"
    source = write_source(tmp_path, SOURCE.replace(CUBE_TEST, counted))
    refuse_unsound(read_exam(source, NAME), source, runner=runner)
