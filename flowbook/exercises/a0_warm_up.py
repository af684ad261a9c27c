"""What the checks of assignment 0, the warm-up, ask and know."""

import math
import random
from collections.abc import Callable

import torch
from torch import Tensor

from flowbook.densities import GaussianMixture
from flowbook.exercises.assignment import Assignment, Section
from flowbook.exercises.known import CheckFailed, check, default_dtype
from flowbook.exercises.mistakes.a0_warm_up import (
    Chain,
    Empty,
    Entropy,
    Extreme,
    Jacobian,
    Mixture,
    Own,
)

JACOBIAN = Section("00_how_to_use", "The Jacobian")
ZOO = Section("01_densities", "The zoo")
ENTROPY = Section("01_densities", "Entropy: how surprising is a sample?")

A0 = Assignment("Assignment 0: warm-up", by_hand=0)
run, summary = A0.run, A0.summary


# --- Exercise 0.1: which way round? ---------------------------------------------------


@A0.check(
    "0.1 Jacobian",
    points=2,
    passes="a row for each output, a column for each input",
    read=JACOBIAN,
)
def check_jacobian(picture_jacobian: Callable) -> None:
    """Four points, and the same in another dtype."""
    points = [[1.0, 2.0, 4.0], [-0.5, 1.0, 2.0], [3.0, -1.0, 5.0], [0.7, 0.4, 0.8]]
    points = torch.tensor(points)
    ahead = points * torch.tensor([0.0, 0.0, 1.0])
    near = torch.cat([points[:, :2], torch.ones(4, 1)], 1)
    Jacobian.compare(
        picture_jacobian(points),
        cases={
            "points straight ahead": lambda: picture_jacobian(ahead),
            "points at the depth 1": lambda: picture_jacobian(near),
            "a single point": lambda: picture_jacobian(points[:1]),
        },
    )
    double = picture_jacobian(points.double())
    Jacobian.compare(double, ", in float64", dtype=torch.float64)


@A0.check(
    "0.1 chain", points=1, passes="the last map stands on the left", read=JACOBIAN
)
def check_chain(chain: Callable) -> None:
    """Three maps of the plane, then two of which the second goes from 3 to 2."""
    first = [[[1.0, 2.0], [0.5, -1.0]], [[2.0, 0.3], [1.5, 1.0]]]
    second = [[[0.4, 1.0], [-2.0, 3.0]], [[1.0, -1.0], [0.2, 0.7]]]
    third = [[[1.2, 0.0], [0.6, -0.5]], [[0.3, 2.0], [1.1, 0.9]]]
    maps = [torch.tensor(each) for each in (first, second, third)]
    Chain.compare(
        chain(list(maps)),
        cases={
            "a single map": lambda: chain(maps[:1]),
            "two maps": lambda: chain(maps[:2]),
            "two maps that only scale": lambda: chain(
                [torch.eye(2).expand(2, 2, 2) * s for s in (2.0, 3.0)]
            ),
        },
    )
    turn = torch.arange(18.0).reshape(2, 3, 3) % 7 - 2
    view = torch.arange(12.0).reshape(2, 2, 3) % 5 - 1
    flat = chain([turn.double(), view.double()])
    Chain.compare(flat, ", here from 3 numbers to 2, in float64", dtype=torch.float64)


# --- Exercise 0.2: large and small numbers --------------------------------------------


def some_parts() -> Tensor:
    """The log-densities of three parts at four points."""
    rows = [
        [-1.0, -2.5, -0.3],
        [-3.0, -0.7, -1.9],
        [0.4, -1.2, -2.2],
        [-0.6, 0.2, -4.0],
    ]
    return torch.tensor(rows)


@A0.check("0.2 mixture", points=1, passes="a mixture adds densities", read=ZOO)
def check_mixture(mixture_log_prob: Callable) -> None:
    """Three parts, four points, in two dtypes."""
    scores, parts = torch.tensor([0.5, 1.2, 2.0]), some_parts()
    Mixture.compare(
        mixture_log_prob(scores, parts),
        cases={
            "equal scores": lambda: mixture_log_prob(0 * scores + 2, parts),
            "parts of density 1": lambda: mixture_log_prob(scores, 0 * parts),
            "a single part": lambda: mixture_log_prob(0 * scores[:1], parts[:, :1]),
            "scores that are log-weights": lambda: mixture_log_prob(
                torch.tensor([0.2, 0.3, 0.5]).log(), parts
            ),
        },
    )
    double = mixture_log_prob(scores.double(), parts.double())
    Mixture.compare(double, ", in float64", dtype=torch.float64)


@A0.check("0.2 extremes", points=1, passes="no number is too large", read=ZOO)
def check_extreme(mixture_log_prob: Callable) -> None:
    """Large scores, then log-densities far below zero and far above it."""
    large = torch.tensor([1001.0, 1000.0, 1002.5])
    Extreme.compare(
        mixture_log_prob(large, some_parts()),
        " with scores of about 1000",
        cases={
            "scores of about 1": lambda: mixture_log_prob(large - 1000, some_parts())
        },
    )
    steps = torch.tensor([[0.0, -1.5, 0.8], [0.3, 0.1, -2.0]])
    far = torch.tensor([[-1000.0], [800.0]]) + steps
    Extreme.compare(
        mixture_log_prob(large - 1000, far),
        " with log-densities of -1000 and 800",
        cases={"those of about 0": lambda: mixture_log_prob(large - 1000, steps)},
    )


# --- Exercise 0.3: your own numbers ---------------------------------------------------

PARTS = 5


def own_log_parts(student_seed: int) -> Tensor:
    """The log-densities of five parts at one student's picture, shape (5,).

    The same number gives the same values on every machine: Python promises so for
    `Random.random`. They have two decimals, so that what is printed is what they are.
    """
    draw = random.Random(student_seed).random
    level = -1400 + 600 * draw()
    below = [0.0] + [0.3 + 2.2 * draw() for _ in range(PARTS - 1)]
    order = sorted(range(PARTS), key=lambda _: draw())
    return torch.tensor([round(level - below[k], 2) for k in order])


def plain_number(value: object) -> float:
    """A number, or a tensor of one number, as a float; what is neither raises."""
    return value.item() if type(value) is Tensor else float(value)


@A0.check(
    "0.3 your own",
    points=2,
    passes="with your number the shares of your five parts add up to 1",
    read=ZOO,
)
def check_own(own_log_prob: object, student_seed: int) -> None:
    """The five shares that follow from a log-density: the right one is not needed."""
    parts = own_log_parts(student_seed).double()

    def shares(log_prob: object) -> float:
        """The sum of e**(log_part - log_prob) / 5; the limit keeps it finite."""
        exponents = parts - log_prob
        if log_prob != -math.inf:
            exponents = exponents.clamp(max=20.0)
        return (exponents.exp().sum() / PARTS).item()

    got = plain_number(own_log_prob)
    try:
        check(
            shares(got),
            1.0,
            idea=Own.idea,
            mistakes=[
                Own.no_weights.giving(1 / PARTS),
                Own.underflow.giving(math.inf),
                Own.largest.giving(lambda: shares(parts.max().item())),
                Own.logs_averaged.giving(lambda: shares(parts.mean().item())),
            ],
            rtol=2e-3,
        )
    except CheckFailed as failed:
        if failed.mistake is None and not math.isnan(got):
            size = "small" if shares(got) > 1 else "large"
            failed.problem = f"{failed.problem} Your number is too {size}."
        raise


# --- Exercise 0.4: an entropy by quadrature -------------------------------------------


def three_hills() -> GaussianMixture:
    """Three round hills of unequal weight, none of them at the centre."""
    return GaussianMixture(
        [[1.5, 0.5], [-1.0, 1.2], [0.2, -1.8]], 0.5, weights=[0.5, 0.3, 0.2]
    )


def level_disk(radius: float) -> Callable[[Tensor], Tensor]:
    """The log-density that is uniform on a disk around 0, and zero outside."""

    def log_prob(x: Tensor) -> Tensor:
        inside = x.square().sum(-1) < radius**2
        level = x.new_tensor(-math.log(math.pi * radius**2))
        return torch.where(inside, level, -torch.inf)

    return log_prob


def asked_at(disk_entropy: Callable) -> Tensor:
    """At how many points it asks for a density, and how far these are from 0.

    The smallest, the largest and the mean distance, after the number: shape (4,).
    """
    seen = []

    def watched(x: Tensor) -> Tensor:
        seen.append(x.norm(dim=-1))
        return -x.square().sum(-1)

    disk_entropy(watched, 3.0, 6, 5)
    distance = torch.cat(seen)
    count = torch.tensor(float(len(distance)))
    return torch.stack([count, distance.min(), distance.max(), distance.mean()])


@A0.check(
    "0.4 entropy",
    points=2,
    passes="every cell counts with its area",
    read=ENTROPY,
)
def check_entropy(disk_entropy: Callable) -> None:
    """Three hills, on two grids and in two dtypes."""
    hills, hill = three_hills().log_prob, GaussianMixture([[0.0, 0.0]], 0.5).log_prob
    Entropy.compare(
        disk_entropy(hills, 5.0, 60, 50),
        ", here of three hills",
        cases={
            "a single hill in the middle": lambda: disk_entropy(hill, 5.0, 60, 50),
            "the distances from the centre at which it asks": lambda: asked_at(
                disk_entropy
            ),
        },
    )
    with default_dtype(torch.float64):
        Entropy.compare(
            disk_entropy(hills, 6.0, 90, 64), ", when float64 is the default"
        )


@A0.check(
    "0.4 empty places",
    points=1,
    passes="where nothing is, nothing is added",
    read=ENTROPY,
)
def check_empty(disk_entropy: Callable) -> None:
    """A density that is zero outside of a small disk."""
    Empty.compare(
        disk_entropy(level_disk(1.5), 4.0, 40, 12),
        cases={
            "a disk that it fills": lambda: disk_entropy(level_disk(5.0), 4.0, 40, 9),
            "the distances from the centre at which it asks": lambda: asked_at(
                disk_entropy
            ),
        },
    )
