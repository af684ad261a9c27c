"""In one process the words for side effects mean what they say."""

import random

import numpy as np
import pytest
import torch

from flowbook.checks import CheckFailed
from flowbook.side_effects import check_generators, in_place


def test_in_place_is_the_function_itself():
    x = torch.zeros(2)
    assert in_place(x.fill_, x) == x.fill_
    assert in_place(len)([1, 2]) == 2


def test_the_other_process_is_asked_when_there_is_one():
    class Remote:
        def __in_place__(self, *changed):
            return lambda *args: (args, changed)

        def __watched__(self, *args):
            return args, ["numpy"]

    assert in_place(Remote(), "b")("a") == (("a",), ("b",))
    with pytest.raises(CheckFailed, match="numpy's global generator has moved"):
        check_generators(Remote(), 1, idea="its own")


def test_a_function_that_draws_from_its_own_generator_passes():
    generator = torch.Generator().manual_seed(1)
    got = check_generators(lambda g: torch.rand(2, generator=g), generator, idea="a")
    assert torch.equal(got, torch.rand(2, generator=generator.manual_seed(1)))


@pytest.mark.parametrize(
    ("draw", "name"),
    [
        (lambda: torch.rand(1), "torch"),
        (lambda: torch.manual_seed(20_011), "torch"),
        (lambda: np.random.rand(), "numpy"),
        (lambda: random.random(), "random"),
    ],
)
def test_a_function_that_moves_a_global_generator_is_told_which(draw, name):
    with pytest.raises(CheckFailed, match=f"Problem: {name}'s global generator"):
        check_generators(draw, idea="its own")
