"""What the checks of assignment 3, elementwise flows, ask and know."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from flowbook.exercises.assignment import Assignment, Section
from flowbook.exercises.known import CheckFailed, Known, Mistake, part
from flowbook.exercises.known import check as check  # hidden tests use it
from flowbook.exercises.mistakes.a3_elementwise import (
    Arc,
    ArcInverse,
    ArcLogSlope,
    Bend,
    BendInverse,
    BendLogDet,
    Nll,
    Rises,
    Steps,
    StepsInverse,
    StepsLogDet,
)

LEAKY = Section("05_elementwise", "Two pieces: the leaky ReLU")
LINES = Section("05_elementwise", "K pieces: the piecewise linear map")
JACOBIAN = Section("05_elementwise", "Problem 8: the Jacobian in D dimensions")
LIKELIHOOD = Section("05_elementwise", "Maximum likelihood is the histogram")
SPLINE = Section("05_elementwise", "Smooth pieces: rational-quadratic splines")
WAY_BACK = Section("05_elementwise", "The inverse of a bin")

A3 = Assignment("Assignment 3: elementwise flows", by_hand=3, copies=True)
run, summary = A3.run, A3.summary

PAIR = "value, log_det"
ARC_PAIR = "value, log_slope"


# --- Exercise 3.1: a bend that may fall -----------------------------------------------


def bends() -> tuple[Tensor, Tensor, Tensor]:
    """Corners, left and right slopes of three features, of which the last falls."""
    corner = torch.tensor([1.0, -0.5, 0.4])
    left, right = torch.tensor([0.5, 3.0, -2.0]), torch.tensor([2.0, 0.25, -0.8])
    return corner, left, right


def simpler_bends(
    answer: Callable, at: Tensor, index: int, on_the_right: Tensor
) -> dict[str, Callable]:
    """Ask for one part of the pair where something of the exercise is left out.

    `on_the_right` are points of which every z is right of its corner.
    """
    corner, left, right = bends()

    def ask(*numbers: Tensor) -> Callable:
        return lambda: answer(at, *numbers)[index]

    return {
        "z right of its corner": lambda: answer(on_the_right, *bends())[index],
        "corners at 0": ask(0 * corner, left, right),
        "rising pieces": ask(corner, left.abs(), right.abs()),
        "equal slopes": ask(corner, left, left),
        "rising pieces with corners at 0": ask(0 * corner, left.abs(), right.abs()),
        "a single feature": lambda: answer(at[:, :1], corner[:1], left[:1], right[:1])[
            index
        ],
    }


@A3.check("3.1 map", points=1, passes="every feature bends at its corner", read=LEAKY)
def check_bend(bend_forward: Callable) -> None:
    """Three rows, one of them at the corners, and another dtype."""
    numbers = bends()
    z = torch.tensor([[-1.0, 0.5, 2.0], [3.0, -2.0, 0.4], [0.3, -0.2, -1.1]])
    got = part(bend_forward(z, *numbers), 0, PAIR, Bend)
    cases = simpler_bends(bend_forward, z, 0, numbers[0] + torch.eye(3) + 1)
    Bend.compare(got, given={"z": z}, cases=cases)
    double = bend_forward(z.double(), *(each.double() for each in numbers))
    Bend.compare(part(double, 0, PAIR, Bend), ", in float64", dtype=torch.float64)


@A3.check(
    "3.1 inverse",
    points=1,
    passes="the way back finds the piece it came from",
    read=LEAKY,
)
def check_bend_inverse(bend_inverse: Callable) -> None:
    """Three rows, one of them at the corners, and another dtype."""
    numbers = bends()
    x = torch.tensor([[-1.0, 0.5, 2.0], [3.0, -2.0, 0.4], [0.3, -0.2, -1.1]])
    got = part(bend_inverse(x, *numbers), 0, PAIR, BendInverse)
    right = numbers[0] + numbers[2] * (torch.eye(3) + 1)
    cases = simpler_bends(bend_inverse, x, 0, right)
    BendInverse.compare(got, given={"x": x}, cases=cases)
    double = bend_inverse(x.double(), *(each.double() for each in numbers))
    got = part(double, 0, PAIR, BendInverse)
    BendInverse.compare(got, ", in float64", dtype=torch.float64)


@A3.check(
    "3.1 log-determinants",
    points=2,
    passes="both directions know how they stretch, also where they fall",
    read=LEAKY,
)
def check_bend_log_det(bend_forward: Callable, bend_inverse: Callable) -> None:
    """Forward, inverse, and forward in another dtype; no row is at a corner."""
    numbers = bends()
    at = torch.tensor(
        [[-1.0, 0.5, 2.0], [3.0, -2.0, 1.4], [0.3, -0.2, -1.1], [1.7, -0.8, 0.1]]
    )
    there = numbers[0] + 1 + torch.eye(3)
    back = numbers[0] + numbers[2] * (torch.eye(3) + 1)
    directions = [
        (bend_forward, ", forward", there),
        (bend_inverse, ", inverse", back),
    ]
    for answer, where, right in directions:
        log_det = part(answer(at, *numbers), 1, PAIR, BendLogDet)
        cases = simpler_bends(answer, at, 1, right)
        BendLogDet.compare(log_det, where, cases=cases)
    double = bend_forward(at.double(), *(each.double() for each in numbers))
    log_det = part(double, 1, PAIR, BendLogDet)
    BendLogDet.compare(log_det, ", in float64", dtype=torch.float64)


# --- Exercise 3.2: steps on any interval ----------------------------------------------


def steps() -> tuple[Tensor, float]:
    """The weights of two features on five bins, and the bound."""
    weights = torch.tensor([[1.0, 2.0, 5.0, 1.0, 1.0], [3.0, 1.0, 1.0, 2.0, 1.0]])
    return weights, 3.0


def simpler_steps(answer: Callable, at: Tensor, index: int) -> dict[str, Callable]:
    """Ask for one part of the pair where something of the exercise is left out."""
    weights, bound = steps()
    shares = weights / weights.sum(-1, keepdim=True)
    bins = weights.shape[-1]

    def ask(weights: Tensor, bound: float, at: Tensor) -> Callable:
        return lambda: answer(at, weights, bound)[index]

    return {
        "weights that sum to 1": ask(shares, bound, at),
        "2B = 1": ask(weights, 0.5, at / (2 * bound)),
        "weights that sum to 1, with 2B = 1": ask(shares, 0.5, at / (2 * bound)),
        "weights that sum to K": ask(bins * shares, bound, at),
        "equal weights": ask(torch.ones_like(weights), bound, at),
        "a single feature": ask(weights[:1], bound, at[:, :1]),
        "a single bin": ask(weights[:, :1], bound, at),
        "as many bins as features": ask(weights[:, :2], bound, at),
    }


def at_the_end(known: type[Known], end: Mistake, answer: Callable[[], Any]) -> Any:
    """Ask for what lies at the ends; an index that is too large is a known mistake."""
    try:
        return answer()
    except (IndexError, RuntimeError) as error:
        said = " ".join(str(error).split())
        if "index" not in said or "out of" not in said:
            raise
        problem = f"your code stopped with {type(error).__name__} there."
        idea = f"{known.idea}, at the ends of the interval"
        raise CheckFailed(idea, problem, end.name, end.hint) from None


@A3.check(
    "3.2 map",
    points=2,
    passes="bins rise in proportion to their weights, and nothing moves outside",
    read=LINES,
)
def check_steps(steps_forward: Callable) -> None:
    """Inside, at the ends, and outside in another dtype."""
    weights, bound = steps()
    z = torch.tensor([[-2.6, 0.3], [1.9, -1.1], [0.4, 2.7], [-1.4, 1.6]])

    def x(z: Tensor) -> Tensor:
        return part(steps_forward(z, weights.to(z), bound), 0, PAIR, Steps)

    cases = simpler_steps(steps_forward, z, 0)
    Steps.compare(x(z), ", inside", given={"z": z}, cases=cases)
    ends = torch.tensor([[-3.0, 3.0], [3.0, -3.0]])
    got = at_the_end(Steps, Steps.end, lambda: x(ends))
    Steps.compare(got, ", at the ends of the interval")
    got = x(1.7 * z.double())
    Steps.compare(got, ", also outside, in float64", dtype=torch.float64)


@A3.check(
    "3.2 inverse",
    points=2,
    passes="the way back finds the bin, and the place in it",
    read=LINES,
)
def check_steps_inverse(steps_inverse: Callable) -> None:
    """Inside, at the ends, and outside in another dtype."""
    weights, bound = steps()
    x = torch.tensor([[-2.6, 0.3], [1.9, -1.1], [0.4, 2.7], [-1.4, 1.6]])

    def z(x: Tensor) -> Tensor:
        return part(steps_inverse(x, weights.to(x), bound), 0, PAIR, StepsInverse)

    cases = simpler_steps(steps_inverse, x, 0)
    StepsInverse.compare(z(x), ", inside", given={"x": x}, cases=cases)
    ends = torch.tensor([[-3.0, 3.0], [3.0, -3.0]])
    got = at_the_end(StepsInverse, StepsInverse.end, lambda: z(ends))
    StepsInverse.compare(got, ", at the ends of the interval")
    got = z(1.7 * x.double())
    StepsInverse.compare(got, ", also outside, in float64", dtype=torch.float64)


@A3.check(
    "3.2 log-determinants",
    points=2,
    passes="both directions know their slopes, also at the ends and outside",
    read=JACOBIAN,
)
def check_steps_log_det(steps_forward: Callable, steps_inverse: Callable) -> None:
    """Inside, at the ends, and outside in another dtype, forward and inverse."""
    weights, bound = steps()
    at = torch.tensor([[-2.6, 0.3], [1.9, -1.1], [0.4, 2.7], [-1.4, 1.6]])
    ends = torch.tensor([[-3.0, 3.0], [3.0, -3.0]])
    directions = [
        (steps_forward, ", forward", StepsLogDet.end),
        (steps_inverse, ", inverse", StepsLogDet.end_of_inverse),
    ]
    for answer, where, end in directions:

        def log_det(at: Tensor, answer: Callable = answer) -> Tensor:
            return part(answer(at, weights.to(at), bound), 1, PAIR, StepsLogDet)

        cases = simpler_steps(answer, at, 1)
        StepsLogDet.compare(log_det(at), f", inside{where}", cases=cases)
        got = at_the_end(StepsLogDet, end, lambda ask=log_det: ask(ends))
        StepsLogDet.compare(got, f", at the ends{where}")
        got, beyond = log_det(1.7 * at.double()), f", also outside, in float64{where}"
        StepsLogDet.compare(got, beyond, dtype=torch.float64)


# --- Exercise 3.3: a density that treats left and right alike -------------------------


def errors_and_edges() -> tuple[Tensor, Tensor]:
    """Twelve errors, of which one is on the last edge, and five bins for them."""
    x = [-2.5, -0.9, -0.7, -0.65, -0.1, 0.2, 0.4, 0.8, 1.2, 1.4, 2.2, 3.0]
    return torch.tensor(x), torch.tensor([-3.0, -1.0, -0.25, 0.25, 1.0, 3.0])


@A3.check(
    "3.3 rises",
    points=2,
    passes="no symmetric rises are more likely than yours",
    read=LIKELIHOOD,
)
def check_rises(most_likely: Callable) -> None:
    """Five bins, and six in another dtype, of which one pair is empty."""
    x, edges = errors_and_edges()
    even = torch.linspace(-3, 3, 6)
    wider = torch.tensor([-4.0, -3.2, -1.0, 0.0, 1.0, 3.2, 4.0])
    Rises.compare(
        most_likely(x, edges),
        cases={
            "symmetric data": lambda: most_likely(torch.cat([x[1:], -x[1:]]), edges),
            "bins of equal width": lambda: most_likely(x, even),
            "data without an edge": lambda: most_likely(x[:-1], edges),
            "an even number of bins": lambda: most_likely(x, wider),
            "symmetric data without an edge in bins of equal width": (
                lambda: most_likely(torch.cat([x[1:-1], -x[1:-1]]), even)
            ),
        },
    )
    got = most_likely(x.double(), wider.double())
    Rises.compare(got, ", in float64", dtype=torch.float64)


@A3.check("3.3 likelihood", points=1, passes="the mean of -log p(x)", read=LIKELIHOOD)
def check_nll(mean_nll: Callable) -> None:
    """Five bins with other rises, and a bin without data in another dtype."""
    x, edges = errors_and_edges()
    rises = torch.tensor([0.15, 0.35, 0.1, 0.25, 0.15])
    even = torch.linspace(-3, 3, 6)
    equal = torch.full((5,), 0.2)
    Nll.compare(
        mean_nll(x, rises, edges),
        cases={
            "equal rises": lambda: mean_nll(x, equal, edges),
            "bins of the width 1": lambda: mean_nll(x[2:8], rises, even / 1.2),
            "bins of the width 1 / K": lambda: mean_nll(x / 6, rises, even / 6),
            "a single point": lambda: mean_nll(x[4:5], rises, edges),
        },
    )
    wider = torch.tensor([-4.0, -3.2, -1.0, 0.0, 1.0, 3.2, 4.0])
    empty = torch.tensor([0.0, 0.3, 0.2, 0.15, 0.35, 0.0])
    Nll.compare(
        mean_nll(x.double(), empty.double(), wider.double()),
        ", with empty bins, in float64",
        dtype=torch.float64,
    )


# --- Exercise 3.4: a bin whose slope is a line ----------------------------------------


def arcs() -> tuple[Tensor, Tensor, Tensor]:
    """Widths, and slopes at the start and the end, of five arcs."""
    width = torch.tensor([2.0, 0.5, 1.5, 3.0, 0.8])
    start = torch.tensor([0.5, 2.0, 1.2, 0.3, 2.5])
    return width, start, torch.tensor([3.0, 0.4, 0.7, 1.1, 1.6])


def simpler_arcs(answer: Callable, at: Tensor, index: int) -> dict[str, Callable]:
    """Ask for one part of the pair where something of the exercise is left out."""
    width, start, end = arcs()

    def ask(*numbers: Tensor) -> Callable:
        return lambda: answer(*numbers)[index]

    one = torch.ones_like(width)
    return {
        "w = 1": ask(at / width, one, start, end),
        "s = e": ask(at, width, start, start),
        "s = e = 1": ask(at, width, one, one),
        "the start of the bin": ask(0 * at, width, start, end),
    }


@A3.check("3.4 map", points=1, passes="x is the integral of the slope", read=SPLINE)
def check_arc(arc_forward: Callable) -> None:
    """Five arcs, and another dtype."""
    numbers, z = arcs(), torch.tensor([0.7, 0.4, 1.2, 0.5, 0.3])
    got = part(arc_forward(z, *numbers), 0, ARC_PAIR, Arc)
    Arc.compare(got, given={"z": z}, cases=simpler_arcs(arc_forward, z, 0))
    double = arc_forward(z.double(), *(each.double() for each in numbers))
    Arc.compare(part(double, 0, ARC_PAIR, Arc), ", in float64", dtype=torch.float64)


@A3.check(
    "3.4 inverse",
    points=2,
    passes="the way back, also where the arc is straight",
    read=WAY_BACK,
)
def check_arc_inverse(arc_inverse: Callable) -> None:
    """Five arcs, straight ones among others, and another dtype."""
    numbers, x = arcs(), torch.tensor([0.7, 0.4, 1.2, 0.5, 0.3])
    got = part(arc_inverse(x, *numbers), 0, ARC_PAIR, ArcInverse)
    cases = simpler_arcs(arc_inverse, x, 0)
    ArcInverse.compare(got, given={"x": x}, cases=cases)
    width, start, end = numbers
    end = torch.where(torch.arange(5) % 2 == 0, start, end)
    got = part(arc_inverse(x, width, start, end), 0, ARC_PAIR, ArcInverse)
    ArcInverse.compare(got, ", on arcs of which some are straight")
    double = arc_inverse(x.double(), *(each.double() for each in numbers))
    got = part(double, 0, ARC_PAIR, ArcInverse)
    ArcInverse.compare(got, ", in float64", dtype=torch.float64)


@A3.check(
    "3.4 log-slopes", points=1, passes="both directions know their slope", read=SPLINE
)
def check_arc_log_slope(arc_forward: Callable, arc_inverse: Callable) -> None:
    """Five arcs, forward and inverse, and forward in another dtype."""
    numbers, at = arcs(), torch.tensor([0.7, 0.4, 1.2, 0.5, 0.3])
    for answer, where in (arc_forward, ", forward"), (arc_inverse, ", inverse"):
        log_slope = part(answer(at, *numbers), 1, ARC_PAIR, ArcLogSlope)
        cases = simpler_arcs(answer, at, 1)
        ArcLogSlope.compare(log_slope, where, cases=cases)
    double = arc_forward(at.double(), *(each.double() for each in numbers))
    log_slope = part(double, 1, ARC_PAIR, ArcLogSlope)
    ArcLogSlope.compare(log_slope, ", in float64", dtype=torch.float64)
