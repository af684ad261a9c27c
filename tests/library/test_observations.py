"""What a check says of wrong numbers that no known mistake explains."""

import pytest
import torch

from flowbook.checks import CheckFailed, Mistake, check

TRUTH = torch.tensor([[0.5, -1.0, 2.0], [3.0, 4.0, -5.0], [0.7, 0.2, 1.5]])


def problem(got, truth=TRUTH, **more) -> str:
    with pytest.raises(CheckFailed) as caught:
        check(got, truth, idea="an idea", **more)
    return caught.value.problem


def one_wrong(at) -> torch.Tensor:
    wrong = TRUTH.clone()
    wrong[at] += torch.arange(1.0, 1.0 + wrong[at].numel()).reshape(wrong[at].shape)
    return wrong


@pytest.mark.parametrize(
    ("got", "said"),
    [
        (-TRUTH, "wrong sign, and is right otherwise"),
        (TRUTH / 2, "Every value is 1/2 times the right one."),
        (TRUTH + 0.919, "too large by the same number, 0.919 = log(2 pi) / 2."),
        (TRUTH - 0.25, "too small by the same number, 0.25."),
        (TRUTH.abs(), "Only signs are wrong."),
        (TRUTH.exp(), "the exponential of the right result"),
        (1 / TRUTH, "one over the right result"),
        (TRUTH**2, "the square of the right result"),
        (TRUTH.T, "the right matrix, transposed"),
        (TRUTH.flip(1), "The columns are right, and in the opposite order."),
        (TRUTH.flip(0), "The rows are right, and in the opposite order."),
        (TRUTH.flatten().roll(2).reshape(3, 3), "right numbers, in the wrong places"),
        (one_wrong((slice(None), 1)), "Right are the columns 0, 2."),
        (one_wrong((2, slice(None))), "Right are the rows 0, 1."),
        (one_wrong((slice(1, 3), slice(None))), "Right is the row 0."),
    ],
)
def test_what_is_right_about_a_wrong_result_is_said(got, said):
    assert said in problem(got)


@pytest.mark.parametrize(
    "got", [torch.full((3, 3), torch.nan), torch.zeros(3, 3), torch.randn(3, 3) * 9]
)
def test_nothing_is_said_where_nothing_is_right(got):
    assert problem(got).endswith(".")
    for word in ("Every", "Only", "Right", "This is"):
        assert word not in problem(got)


def test_a_known_mistake_says_it_better():
    known = [Mistake("log-det sign", "Turn it.", -TRUTH)]
    assert "wrong sign" not in problem(-TRUTH, mistakes=known)


def test_equal_numbers_allow_no_conclusion():
    ones = torch.ones(4)
    assert "times" not in problem(3 * ones, ones)
