"""What the checks of assignment 1, change of variables, ask and know."""

from collections.abc import Callable

import torch
from torch import Tensor

from flowbook.checks import CheckFailed, check_samples
from flowbook.exercises.assignment import Assignment, Section
from flowbook.exercises.known import check as check  # hidden tests use it
from flowbook.exercises.known import part, tells
from flowbook.exercises.mistakes.a1_change_of_variables import (
    Loudness,
    Nll,
    NllGradient,
    PoolFold,
    PoolLogDet,
    PoolMap,
    Sampler,
    Softplus,
    SoftplusSupport,
    Speed,
    SpeedSupport,
)

RULE = Section("02_one_dimension", "Equal mass")
FALLING = Section("02_one_dimension", "Why the absolute value")
SAMPLING = Section("02_one_dimension", "Sampling, and a test that has teeth")
LEARNING = Section("02_one_dimension", "Learning the map")
FOLDS = Section("02_one_dimension", "A map that folds")
PLANE = Section("03_many_dimensions", "The change of variables")

A1 = Assignment("Assignment 1: change of variables", by_hand=3)
summary = A1.summary


@A1.check(
    "1.1 density",
    points=2,
    passes="the density has the right values where it is not zero",
    read=RULE,
)
def check_softplus(softplus_log_prob: Callable) -> None:
    """Three values, in two dtypes."""
    x = torch.tensor([0.3, 1.0, 2.5])
    Softplus.compare(
        softplus_log_prob(x),
        given={"x": x},
        cases={
            "x = 12, where x is nearly z": lambda: softplus_log_prob(
                torch.tensor([12.0])
            )
        },
    )
    double = softplus_log_prob(x.double())
    Softplus.compare(double, ", in float64", dtype=torch.float64)


@A1.check(
    "1.1 support", points=1, passes="zero where no z is sent, and only there", read=RULE
)
def check_softplus_support(softplus_log_prob: Callable) -> None:
    """Five places on both sides of zero, and zero itself."""
    x = torch.tensor([-4.0, -0.5, 0.5, 3.0, 0.0])
    SoftplusSupport.compare(softplus_log_prob(x) != -torch.inf)


@A1.check(
    "1.2 density", points=2, passes="the density under a falling map", read=FALLING
)
def check_speed(speed_density: Callable) -> None:
    """Three values, in two dtypes."""
    x = torch.tensor([2.0, 5.0, 15.0])
    Speed.compare(
        speed_density(x, distance=12.0, rate=0.5),
        given={"x": x},
        cases={
            "rate 1": lambda: speed_density(x, 12.0, 1.0),
            "distance 1": lambda: speed_density(x, 1.0, 0.5),
            "x = 1, distance 1": lambda: speed_density(torch.ones(1), 1.0, 0.5),
        },
    )
    double = speed_density(x.double(), distance=12.0, rate=0.5)
    Speed.compare(double, ", in float64", dtype=torch.float64)


@A1.check(
    "1.2 support",
    points=1,
    passes="zero where no z is sent, and only there",
    read=FALLING,
)
def check_speed_support(speed_density: Callable) -> None:
    """Five places on both sides of zero, and zero itself."""
    x = torch.tensor([-9.0, -1.5, 2.0, 8.0, 0.0])
    SpeedSupport.compare(speed_density(x, 12.0, 0.5) != 0)


def true_share(x: Tensor, a: float, b: float) -> Tensor:
    """The distribution function F of the exercise."""
    return 1 - (1 - x.clamp(0, 1) ** a) ** b


def share_below(samples: Tensor) -> Callable[[Tensor], Tensor]:
    """The distribution function of samples."""
    ordered = samples.double().flatten().sort().values
    return lambda x: torch.searchsorted(ordered, x, right=True) / len(ordered)


@A1.check(
    "1.3 sampler",
    points=2,
    passes="the samples have the distribution function F",
    read=SAMPLING,
)
def check_sampler(reservoir_samples: Callable) -> None:
    """The distribution of 5001 samples."""
    torch.manual_seed(30)
    u = torch.rand(5001)
    simpler = {"a = 1": (1.0, 5.0), "b = 1": (2.0, 1.0)}
    try:
        check_samples(
            reservoir_samples(u, a=2.0, b=5.0),
            lambda x: true_share(x, 2.0, 5.0),
            like=u,
            idea=Sampler.idea,
            mistakes=[
                Sampler.backwards.giving(share_below(true_share(u, 2.0, 5.0))),
                Sampler.swapped.giving(lambda x: true_share(x, 5.0, 2.0)),
                Sampler.reciprocal.giving(lambda x: true_share(x, 1 / 2.0, 1 / 5.0)),
            ],
        )
    except CheckFailed as failed:
        right = [words for words, (a, b) in simpler.items()
                 if samples_well(reservoir_samples, u, a, b)]  # fmt: skip
        raise tells(failed, right) from None


def samples_well(reservoir_samples: Callable, u: Tensor, a: float, b: float) -> bool:
    """Whether samples for these exponents have the right distribution."""

    def share(x: Tensor) -> Tensor:
        return true_share(x, a, b)

    try:
        check_samples(reservoir_samples(u, a, b), share, like=u, idea=Sampler.idea)
    except Exception:  # a student's code, on numbers that it has not seen
        return False
    return True


@A1.check(
    "1.4 likelihood", points=2, passes="the mean negative log-likelihood", read=LEARNING
)
def check_nll(flood_nll: Callable) -> None:
    """Three floods, in two dtypes."""
    x = torch.tensor([2.0, 3.0, 5.5])
    location, log_scale = torch.tensor(2.5), torch.tensor(0.3)
    zero = torch.tensor(0.0)
    Nll.compare(
        flood_nll(x, location, log_scale),
        cases={
            "m = 0": lambda: flood_nll(x, zero, log_scale),
            "s = 1": lambda: flood_nll(x, location, zero),
            "x = m": lambda: flood_nll(location + 0 * x, location, log_scale),
            "a single x": lambda: flood_nll(x[:1], location, log_scale),
        },
    )
    double = flood_nll(x.double(), location.double(), log_scale.double())
    Nll.compare(double, ", in float64", dtype=torch.float64)


def reached_by_gradient(
    flood_nll: Callable, x: Tensor, location: Tensor, log_scale: Tensor
) -> Tensor:
    """Whether a gradient reaches the location, and the scale."""
    parameters = [location.clone().requires_grad_(), log_scale.clone().requires_grad_()]
    loss = torch.as_tensor(flood_nll(x, *parameters)).sum()
    if loss.requires_grad:
        loss.backward()
    grads = [torch.zeros(()) if p.grad is None else p.grad for p in parameters]
    return torch.tensor([bool(g.isfinite() and g != 0) for g in grads])


@A1.check(
    "1.4 gradients", points=1, passes="gradients reach both parameters", read=LEARNING
)
def check_nll_gradient(flood_nll: Callable) -> None:
    """Whether a gradient arrives."""
    NllGradient.compare(
        reached_by_gradient(
            flood_nll,
            torch.tensor([2.0, 3.0, 5.5]),
            torch.tensor(2.5),
            torch.tensor(0.3),
        )
    )


@A1.check(
    "1.5 two branches",
    points=2,
    passes="the masses of both branches add up",
    read=FOLDS,
)
def check_loudness(loudness_log_prob: Callable) -> None:
    """Three values, in two dtypes."""
    x = torch.tensor([-1.0, 0.2, 1.0])
    Loudness.compare(
        loudness_log_prob(x, location=0.8, scale=0.7),
        given={"x": x},
        cases={
            "x = 0": lambda: loudness_log_prob(torch.zeros(1), 0.8, 0.7),
            "m = 0": lambda: loudness_log_prob(x, 0.0, 0.7),
            "s = 1": lambda: loudness_log_prob(x, 0.8, 1.0),
        },
    )
    double = loudness_log_prob(x.double(), location=0.8, scale=0.7)
    Loudness.compare(double, ", in float64", dtype=torch.float64)


def simpler_pools(
    pool_floor: Callable,
    z: Tensor,
    waves: Tensor,
    heights: Tensor,
    phases: Tensor,
    *,
    depth: float,
    index: int,
) -> dict[str, Callable]:
    """Ask for one part of the pair where something of the exercise is left out."""

    def ask(*given: Tensor) -> Callable:
        return lambda: pool_floor(*given, depth)[index]

    axes, ones = torch.eye(2), torch.ones_like(heights)
    return {
        "a single wave": ask(z, waves[1:], heights[1:], phases[1:]),
        "waves along the axes": ask(z, axes, heights, phases),
        "phases 0": ask(z, waves, heights, 0 * phases),
        "heights 1": ask(z, waves, ones, phases),
        "depth 1": lambda: pool_floor(z, waves, heights, phases, 1.0)[index],
    }


@A1.check("1.7 map", points=1, passes="the rays land where they should", read=PLANE)
def check_pool_map(pool_floor: Callable) -> None:
    """Three rays."""
    z = torch.tensor([[0.5, 0.0], [1.0, 2.0], [-1.0, 1.0]])
    waves = torch.tensor([[1.0, 0.0], [1.0, 2.0]])
    heights, phases = torch.tensor([0.3, 0.1]), torch.tensor([0.0, 1.0])
    given = z, waves, heights, phases
    got = pool_floor(*given, depth=1.5)
    PoolMap.compare(
        part(got, 0, "x, log_det", PoolMap),
        given={"z": z},
        cases=simpler_pools(pool_floor, *given, depth=1.5, index=0),
    )


@A1.check("1.7 log-determinant", points=2, passes="areas grow as you say", read=PLANE)
def check_pool_log_det(pool_floor: Callable) -> None:
    """Three rays in shallow water, in two dtypes."""
    z = torch.tensor([[0.5, 0.0], [1.0, 2.0], [-1.0, 1.0]])
    waves = torch.tensor([[1.0, 0.0], [1.0, 2.0]])
    heights, phases = torch.tensor([0.3, 0.1]), torch.tensor([0.0, 1.0])
    given = z, waves, heights, phases
    got = pool_floor(*given, depth=0.9)
    PoolLogDet.compare(
        part(got, 1, "x, log_det", PoolLogDet),
        cases=simpler_pools(pool_floor, *given, depth=0.9, index=1),
    )
    got = pool_floor(*(each.double() for each in given), depth=0.9)
    log_det = part(got, 1, "x, log_det", PoolLogDet)
    PoolLogDet.compare(log_det, ", in float64", dtype=torch.float64)


@A1.check(
    "1.7 folds", points=1, passes="also where the light is turned over", read=PLANE
)
def check_pool_fold(pool_floor: Callable) -> None:
    """Three rays in deep water."""
    z = torch.tensor([[0.5, 0.0], [1.0, 2.0], [-1.0, 1.0]])
    waves = torch.tensor([[1.0, 0.0], [1.0, 2.0]])
    heights, phases = torch.tensor([0.3, 0.1]), torch.tensor([0.0, 1.0])
    got = pool_floor(z, waves, heights, phases, depth=6.0)
    PoolFold.compare(part(got, 1, "x, log_det", PoolFold))
