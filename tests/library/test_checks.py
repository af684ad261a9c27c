"""The checks that teach: strict about a right result, exact about the mistake."""

import math
import re

import numpy as np
import pytest
import torch

from flowbook.checks import CheckFailed, Mistake, check, check_raises, check_samples

TRUTH = torch.tensor([0.5, -1.0, 2.0])
SIGN = Mistake("log-det sign", "Look at the sign.", -TRUTH)


def failure(got: object, expected: object = TRUTH, **options: object) -> CheckFailed:
    with pytest.raises(CheckFailed) as caught:
        check(got, expected, **{"idea": "the idea"} | options)
    return caught.value


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (TRUTH.clone(), TRUTH),
        (TRUTH.double(), TRUTH.double()),
        (TRUTH * (1 + 5e-5), TRUTH),
        (torch.nn.Parameter(TRUTH), TRUTH),
        (TRUTH.clone().requires_grad_(), TRUTH),
        (torch.tensor([0.0, -torch.inf]), torch.tensor([0.0, -torch.inf])),
        (torch.tensor([1, 2]), torch.tensor([1, 2])),
        (np.array([1.0, 2.0]), np.array([1.0, 2.0])),
        (1.0, 1.0),
        (1, 1.0),
        (np.float64(1.0), 1.0),
        (True, True),
    ],
)
def test_a_right_result_passes(got, expected):
    assert check(got, expected, idea="the idea") is None


class Always:
    """An object that equals everything, and that offers a tensor's attributes."""

    shape, dtype, ndim = torch.Size([3]), torch.float32, 1

    def __eq__(self, other: object) -> bool:
        return True

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        return TRUTH.cpu().numpy()


class Subclass(torch.Tensor):
    """A tensor that answers every function with success."""

    @classmethod
    def __torch_function__(cls, *_: object, **__: object) -> torch.Tensor:
        return TRUTH


def patched() -> torch.Tensor:
    """Return zeros whose own methods lie about what they hold."""
    liar = torch.zeros(3)
    for name in ("detach", "cpu", "double", "numpy", "resolve_neg", "__array__"):
        setattr(liar, name, lambda *_: TRUTH)
    return liar


class Float(float):
    """A number that equals everything."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = float.__hash__


@pytest.mark.parametrize(
    ("got", "problem"),
    [
        (None, "expected a tensor of shape (3,), got None"),
        (Always(), "got an object of type Always"),
        (torch.zeros(3).as_subclass(Subclass), "got an object of type Subclass"),
        (patched(), "expected 0.5, got 0."),
        ([0.5, -1.0, 2.0], "got a list of 3"),
        (TRUTH.cpu().numpy(), "got an array"),
        (0.5, "got a number"),
        (torch.zeros(0), "expected shape (3,), got (0,)"),
        (TRUTH[:, None], "expected shape (3,), got (3, 1)"),
        (TRUTH.double(), "expected dtype torch.float32, got torch.float64"),
        (TRUTH + 0j, "of real numbers"),
        (TRUTH.to_sparse(), "dense"),
        (torch.empty(3, device="meta"), "dense"),
        (torch.full((3,), torch.nan), "3 of 3 values differ; at [0]"),
        (torch.tensor([0.5, -1.0, torch.inf]), "at [2] expected 2, got inf"),
        (torch.tensor([0.5, -1.0, 2.001]), "1 of 3 values differ"),
    ],
)
def test_a_result_that_only_pretends_fails_and_says_why(got, problem):
    assert problem in failure(got).problem


@pytest.mark.parametrize(
    ("got", "expected"),
    [(True, 1.0), (1.0, True), (Float(2.0), 1.0), (torch.tensor(1.0), 1.0), (2, 1)],
)
def test_numbers_are_checked_as_strictly_as_tensors(got, expected):
    assert failure(got, expected).mistake is None


def test_integers_must_be_equal_whatever_the_tolerance():
    big = torch.tensor([2**60])
    assert "1 of 1 values differ" in failure(big + 1, big).problem


def test_a_known_mistake_is_named_with_its_hint():
    other = Mistake("another", "Not this.", TRUTH + 1)
    wrong = failure(-TRUTH, mistakes=[other, SIGN])
    assert (wrong.mistake, wrong.hint) == ("log-det sign", "Look at the sign.")


def test_an_unknown_mistake_is_not_named():
    wrong = failure(TRUTH * 3, mistakes=[SIGN])
    assert wrong.mistake is wrong.hint is None


@pytest.mark.parametrize(
    ("got", "value"),
    [
        (TRUTH.sum(), TRUTH.sum()),
        (TRUTH[:, None] + TRUTH, TRUTH[:, None] + TRUTH),
        (torch.tensor([torch.nan, -1.0, 2.0]), [torch.nan, -1.0, 2.0]),
        (TRUTH.log(), lambda: TRUTH.log()),
        (TRUTH.sum().item(), TRUTH.sum()),
    ],
    ids=["summed", "broadcast", "nan", "lazy nan", "number for tensor"],
)
def test_a_mistake_may_have_another_shape_and_no_finite_value(got, value):
    assert failure(got, mistakes=[Mistake("it", "Hint.", value)]).mistake == "it"


def test_the_message_has_a_line_for_each_thing_known():
    full = failure(-TRUTH, mistakes=[SIGN], idea="the  log-determinant\nof the map")
    assert str(full).splitlines() == [
        "Checked: the log-determinant of the map",
        "Problem: 3 of 3 values differ; at [0] expected 0.5, got -0.5.",
        "Looks like: log-det sign",
        "Hint: Look at the sign.",
    ]
    unknown = torch.tensor([0.1, 0.2, 7.0])
    assert len(str(failure(unknown)).splitlines()) == 2


def test_a_notebook_shows_the_message_and_no_traceback():
    # IPython shows what this method of an exception returns, if it has one.
    wrong = failure(TRUTH * 3)
    assert wrong._render_traceback_() == str(wrong).splitlines()


@pytest.mark.parametrize(
    ("expected", "mistakes", "problem"),
    [
        (torch.zeros(0), [], "empty"),
        (torch.tensor([torch.nan]), [], "NaN"),
        ("text", [], "real numbers"),
        (TRUTH, [Mistake("same", "", TRUTH + 1e-6)], "the same as the truth"),
        (TRUTH, [SIGN, SIGN], "the same as 'log-det sign'"),
        (TRUTH, [Mistake("none", "", None)], "'none' has no real numbers"),
    ],
)
def test_a_badly_designed_check_is_its_authors_error(expected, mistakes, problem):
    with pytest.raises(ValueError, match=problem):
        check(TRUTH, expected, idea="the idea", mistakes=mistakes)


def test_giving_changes_the_value_alone():
    assert SIGN.giving(3.0) == Mistake(SIGN.name, SIGN.hint, 3.0)


def uniform_cdf(x: torch.Tensor) -> torch.Tensor:
    return x.clamp(0, 1)


SQUARED = Mistake("squared", "Take the root.", lambda x: x.clamp(0, 1).sqrt())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_samples_of_the_right_law_pass(dtype):
    samples = torch.rand(67, 75, dtype=dtype)
    check_samples(
        samples, uniform_cdf, like=samples, idea="the law", mistakes=[SQUARED]
    )


def test_samples_of_a_known_wrong_law_are_named():
    with pytest.raises(CheckFailed, match="Looks like: squared"):
        check_samples(
            torch.rand(5001) ** 2,
            uniform_cdf,
            like=torch.empty(5001),
            idea="the law",
            mistakes=[SQUARED],
        )


@pytest.mark.parametrize(
    "samples",
    [
        None,
        torch.zeros(0),
        torch.zeros(5001),
        torch.rand(5000),
        torch.rand(5001) / 0,
        torch.rand(5001, dtype=torch.float64),
    ],
)
def test_samples_that_only_pretend_fail(samples):
    with pytest.raises(CheckFailed) as caught:
        check_samples(samples, uniform_cdf, like=torch.empty(5001), idea="the law")
    assert caught.value.mistake is None


def test_a_sampler_check_that_cannot_tell_is_its_authors_error():
    near = Mistake("near", "", lambda x: x.clamp(0, 1) ** 1.001)
    with pytest.raises(ValueError, match="fit the mistake 'near' too"):
        check_samples(
            torch.rand(5001),
            uniform_cdf,
            like=torch.empty(5001),
            idea="law",
            mistakes=[near],
        )
    with pytest.raises(ValueError, match="1000 samples or more"):
        check_samples(torch.rand(10), uniform_cdf, like=torch.empty(10), idea="the law")


def raising(error: Exception) -> None:
    raise error


def test_the_right_error_passes():
    check_raises(lambda: raising(ValueError("no")), ValueError, idea="refuses")


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: None, "got None"),
        (lambda: raising(KeyError("no")), "got KeyError"),
        (lambda: raising(NotImplementedError()), "got NotImplementedError"),
    ],
)
def test_no_error_or_another_fails(call, problem):
    with pytest.raises(CheckFailed, match=problem):
        check_raises(call, RuntimeError, idea="refuses")


def test_a_call_that_should_have_raised_is_compared_with_the_mistakes():
    with pytest.raises(CheckFailed, match="Looks like: log-det sign"):
        check_raises(lambda: -TRUTH, ValueError, idea="refuses", mistakes=[SIGN])


def test_an_error_that_every_stub_raises_proves_nothing():
    with pytest.raises(ValueError, match="Every unsolved answer"):
        check_raises(lambda: None, Exception, idea="refuses")


X = torch.tensor([0.5, 1.0, -2.0])
RIGHT = torch.tensor([1.5, -0.7, 3.1])
TRUE = torch.tensor([[True, False], [True, True]])


@pytest.mark.parametrize(
    ("got", "right", "said"),
    [
        (RIGHT[:2] / 3, RIGHT[:2], "Every value is 1/3 times the right one."),
        (RIGHT - math.log(2), RIGHT, "the same number, 0.693147 = log(2)."),
        (RIGHT + math.log(2 * math.pi), RIGHT, "1.83788 = log(2 pi)."),
        (RIGHT + X, RIGHT, "Every value is too large by x, and right otherwise."),
        (RIGHT - 2 * X, RIGHT, "too small by 2 x, and right otherwise."),
        (RIGHT * X, RIGHT, "Every value is x times the right one."),
        (X, RIGHT, "This is x itself."),
        (X - RIGHT, RIGHT, "This is x minus the right result."),
        (RIGHT * 1.0005, RIGHT, "is something rounded, or cut short?"),
        (TRUE | True, TRUE, "No True is missing, but there are too many."),
        (TRUE & False, TRUE, "No True is too much, but some are missing."),
        (~TRUE, TRUE, "Every value is the opposite."),
    ],
)
def test_what_is_right_about_a_wrong_result_is_said(got, right, said):
    with pytest.raises(CheckFailed) as failed:
        check(got, right, idea="numbers", given={"x": X})
    assert said in failed.value.problem


@pytest.mark.parametrize("got", [RIGHT.flip(0) * 2, RIGHT**3 + X])
def test_nothing_is_said_of_numbers_that_are_just_wrong(got):
    with pytest.raises(CheckFailed) as failed:
        check(got, RIGHT, idea="numbers", given={"x": X})
    assert re.search(r"got \S+\.$", failed.value.problem)


def test_a_plain_zero_is_told_its_type_and_not_a_mistake_that_gives_0():
    summed = Mistake("summed", "One number a row.", torch.tensor(0.0))
    with pytest.raises(CheckFailed, match="expected a tensor of shape") as failed:
        check(0.0, RIGHT, idea="numbers", mistakes=[summed])
    assert failed.value.mistake is None
