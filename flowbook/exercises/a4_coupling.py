"""What the checks of assignment 4, coupling flows, ask and know."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from flowbook.densities import GaussianMixture
from flowbook.exercises.assignment import Assignment, Section
from flowbook.exercises.known import (
    Mistake,
    check,
    default_dtype,
    part,
    parts,
)
from flowbook.exercises.mistakes.a4_coupling import (
    Forward,
    LogProb,
    Mask,
    Mirror,
    MirrorLogDet,
    Rational,
    RationalBound,
    RationalInverse,
    RationalLogDet,
    Train,
)

IDEA = Section("06_coupling", "The idea")
FAMILIES = Section("06_coupling", "Three families")
MASKS = Section("06_coupling", "Masks and permutations")
STACK = Section("03_many_dimensions", "What a layer must offer")
TRAINING = Section("03_many_dimensions", "Training")

A4 = Assignment("Assignment 4: coupling flows", by_hand=3)
run, summary = A4.run, A4.summary

PAIR = "value, log_det"


# --- Exercise 4.1: a layer that mirrors -----------------------------------------------


def waves(a: Tensor) -> Tensor:
    """A conditioner of three features, which reads them all."""
    weights = [[0.9, -0.4, 0.7], [0.5, 1.1, -0.8], [-0.6, 0.2, 1.3]]
    return torch.sin(a @ a.new_tensor(weights) + 0.3)


def still(*numbers: float) -> Callable[[Tensor], Tensor]:
    """A conditioner that reads nothing, and always returns these numbers."""
    return lambda a: a.new_tensor([numbers]).expand(len(a), len(numbers))


@A4.check(
    "4.1 mirror",
    points=2,
    passes="the moved features are mirrored, the copied ones stay",
    read=IDEA,
)
def check_mirror(mirror: Callable) -> None:
    """Mirrors that stand still, mirrors that move, and both in another dtype."""
    z, mask = torch.tensor([[0.5, -1.0, 2.0], [-1.5, 0.3, 0.8]]), torch.eye(3)[0]
    names = "x, log_det"
    x = part(mirror(z[:1], mask, still(0.7, -0.2, 0.4)), 0, names, Mirror)
    Mirror.compare(
        x,
        ", when the mirrors stand still",
        cases={"t = 0": lambda: mirror(z[:1], mask, still(0, 0, 0))[0]},
    )
    Mirror.compare(
        part(mirror(z, mask, waves), 0, names, Mirror),
        given={"z": z},
        cases={"mirrors that stand still": lambda: mirror(z, mask, still(3, 4, 5))[0]},
    )
    x = part(mirror(z.double(), mask.double(), waves), 0, names, Mirror)
    Mirror.compare(x, ", in float64", dtype=torch.float64)


@A4.check(
    "4.1 log-determinant",
    points=1,
    passes="mirrors keep every volume, however many there are",
    read=IDEA,
)
def check_mirror_log_det(mirror: Callable) -> None:
    """A look at the map, then its log-determinant, in two dtypes."""
    z = torch.tensor([[0.5, -1.0, 0.7, 2.0], [-1.5, 0.3, 1.1, 0.1]])
    mask, names = torch.tensor([0.0, 1.0, 0.0, 0.0]), "x, log_det"  # three mirrors
    x = part(mirror(z, mask, torch.zeros_like), 0, names, MirrorLogDet)
    MirrorLogDet.compare(
        x[:, 0].abs(), idea="the size of a moved feature whose mirror stands at 0"
    )
    log_det = part(mirror(z, mask, torch.cos), 1, names, MirrorLogDet)
    none, one = torch.ones(4), 1 - torch.eye(4)[0]
    MirrorLogDet.compare(
        log_det,
        cases={
            "no mirror at all": lambda: mirror(z, none, torch.cos)[1],
            "a single mirror": lambda: mirror(z, one, torch.cos)[1],
        },
    )
    log_det = part(mirror(z.double(), mask.double(), torch.cos), 1, names, MirrorLogDet)
    MirrorLogDet.compare(log_det, ", in float64", dtype=torch.float64)


# --- Exercise 4.2: a scale that stays in bounds ---------------------------------------


def two_waves(a: Tensor) -> Tensor:
    """A conditioner of three features that returns two numbers for each."""
    weights = [
        [0.9, -0.4, 0.7, 1.2, -0.3, 0.5],
        [0.5, 1.1, -0.8, 0.4, 0.9, -0.7],
        [-0.6, 0.2, 1.3, -1.0, 0.6, 0.8],
    ]
    return 2 * torch.sin(a @ a.new_tensor(weights) + 0.3)


def rows_and_mask() -> tuple[Tensor, Tensor]:
    """Two rows of three features, of which the last is copied."""
    z = torch.tensor([[0.5, -1.0, 2.0], [-1.5, 0.3, 0.8]])
    return z, torch.tensor([0.0, 0.0, 1.0])


@A4.check(
    "4.2 forward",
    points=1,
    passes="shifted first, then scaled, and the copied features stay",
    read=FAMILIES,
)
def check_rational(rational_forward: Callable) -> None:
    """The shift alone, the scale alone, and both."""
    z, mask = rows_and_mask()

    def x(z: Tensor, conditioner: Callable) -> Tensor:
        return part(rational_forward(z, mask.to(z), conditioner), 0, PAIR, Rational)

    Rational.compare(
        x(z[:1], still(0, 0, 0, 0.6, -1.5, 0.9)),
        ": the shift alone (s = 1)",
        cases={"t = 0": lambda: x(z[:1], still(0, 0, 0, 0, 0, 0))},
    )
    Rational.compare(
        x(z[:1], still(0.8, -0.5, 1.2, 0, 0, 0)),
        ": the scale alone (t = 0)",
        cases={
            "r = 1": lambda: x(z[:1], still(1, 1, 1, 0, 0, 0)),
            "r >= 0": lambda: x(z[:1], still(0.8, 0.5, 1.2, 0, 0, 0)),
            "r = 0.01": lambda: x(z[:1], still(*3 * [0.01], 0, 0, 0)),
        },
    )
    Rational.compare(
        x(z, two_waves),
        given={"z": z},
        cases={
            "a conditioner that reads nothing": lambda: x(z, still(1, 2, 3, 4, 5, 6)),
            "r = 0": lambda: x(z, still(0, 0, 0, 4, 5, 6)),
            "t = 0": lambda: x(z, still(1, -2, 3, 0, 0, 0)),
        },
    )
    Rational.compare(x(z.double(), two_waves), ", in float64", dtype=torch.float64)


@A4.check(
    "4.2 log-determinants",
    points=2,
    passes="both directions know how they stretch",
    read=FAMILIES,
)
def check_rational_log_det(
    rational_forward: Callable, rational_inverse: Callable
) -> None:
    """Forward, inverse, and forward in another dtype."""
    z, mask = rows_and_mask()

    def cases(layer: Callable) -> dict[str, Callable]:
        def ask(conditioner: Callable, mask: Tensor) -> Callable:
            return lambda: layer(z, mask, conditioner)[1]

        return {
            "r = 0": ask(still(*6 * [0]), mask),
            "a single moved feature": ask(two_waves, torch.tensor([0.0, 1.0, 1.0])),
            "no copied feature": ask(still(1, 2, -3, 0, 0, 0), 0 * mask),
        }

    log_det = part(rational_forward(z, mask, two_waves), 1, PAIR, RationalLogDet)
    RationalLogDet.compare(log_det, ", forward", cases=cases(rational_forward))
    log_det = part(rational_inverse(z, mask, two_waves), 1, PAIR, RationalLogDet)
    RationalLogDet.compare(log_det, ", inverse", cases=cases(rational_inverse))
    double = rational_forward(z.double(), mask.double(), two_waves)
    log_det = part(double, 1, PAIR, RationalLogDet)
    RationalLogDet.compare(log_det, ", in float64", dtype=torch.float64)


@A4.check(
    "4.2 inverse",
    points=2,
    passes="the inverse finds the way back",
    read=IDEA,
)
def check_rational_inverse(rational_inverse: Callable) -> None:
    """Back from two rows, in two dtypes."""
    x, mask = rows_and_mask()
    z = part(rational_inverse(x, mask, two_waves), 0, PAIR, RationalInverse)
    RationalInverse.compare(
        z,
        given={"x": x},
        cases={
            "s = 1": lambda: rational_inverse(x, mask, still(0, 0, 0, 4, 5, 6))[0],
            "t = 0": lambda: rational_inverse(x, mask, still(1, 2, -3, 0, 0, 0))[0],
        },
    )
    double = rational_inverse(x.double(), mask.double(), two_waves)
    z = part(double, 0, PAIR, RationalInverse)
    RationalInverse.compare(z, ", in float64", dtype=torch.float64)


def loud(a: Tensor) -> Tensor:
    """A conditioner of three features that is not shy."""
    raw = 1000 * torch.sin(3 * a[:, :1])
    return torch.cat([raw, raw, raw, 0 * raw, 0 * raw, 0 * raw], -1)


@A4.check(
    "4.2 bound",
    points=1,
    passes="no r is too large for this scale",
    read=FAMILIES,
)
def check_rational_bound(rational_forward: Callable) -> None:
    """Three rows, with r in the hundreds."""
    z = torch.tensor([[0.5, -1.0, 0.7], [-1.5, 0.3, 1.2], [1.1, 2.0, -0.4]])
    mask = torch.eye(3)[0]
    x = part(rational_forward(z, mask, loud), 0, PAIR, RationalBound)
    RationalBound.compare(x[:, 1:])


# --- Exercise 4.3: whose turn is it? --------------------------------------------------


@A4.check("4.3 masks", points=1, passes="every part has its turn", read=MASKS)
def check_mask(turning_mask: Callable) -> None:
    """Five features in three parts, for five layers."""
    Mask.compare(
        torch.stack([turning_mask(5, k, parts=3) for k in range(5)]),
        cases={
            "two parts": lambda: torch.stack([turning_mask(5, k, 2) for k in (0, 1)]),
            "k < parts": lambda: torch.stack([turning_mask(5, k, 3) for k in range(3)]),
        },
    )
    with default_dtype(torch.float64):
        Mask.compare(turning_mask(4, 1, parts=2), ", when float64 is the default")


# --- Exercise 4.4: a stack ------------------------------------------------------------


Layer = tuple[Callable, Callable]


def stretch(factors: list[float]) -> Layer:
    """A layer that stretches every coordinate by a factor."""

    def scaled(z: Tensor, f: Tensor) -> tuple[Tensor, Tensor]:
        return z * f, f.abs().log().sum().expand(len(z))

    def forward(z: Tensor) -> tuple[Tensor, Tensor]:
        return scaled(z, z.new_tensor(factors))

    def inverse(x: Tensor) -> tuple[Tensor, Tensor]:
        return scaled(x, 1 / x.new_tensor(factors))

    return forward, inverse


def parabola(size: float) -> Layer:
    """A layer that shifts the first coordinate by a multiple of the second, squared."""

    def forward(z: Tensor) -> tuple[Tensor, Tensor]:
        first = z.new_tensor([1, 0])
        return z + size * z.flip(-1) ** 2 * first, z.new_zeros(len(z))

    def inverse(x: Tensor) -> tuple[Tensor, Tensor]:
        first = x.new_tensor([1, 0])
        return x - size * x.flip(-1) ** 2 * first, x.new_zeros(len(x))

    return forward, inverse


def swell(size: float) -> Layer:
    """A layer that applies sinh to every coordinate."""

    def forward(z: Tensor) -> tuple[Tensor, Tensor]:
        return torch.sinh(size * z), (size * torch.cosh(size * z)).log().sum(-1)

    def inverse(x: Tensor) -> tuple[Tensor, Tensor]:
        return torch.asinh(x) / size, -(size * (1 + x**2).sqrt()).log().sum(-1)

    return forward, inverse


@A4.check(
    "4.4 density",
    points=3,
    passes="the stack knows the density of its data",
    read=STACK,
)
def check_log_prob(stack_log_prob: Callable) -> None:
    """A single layer, three, and three in another dtype."""
    x = torch.tensor([[0.4, 1.0], [-0.6, 0.9], [0.8, -1.2]])
    layers = [stretch([0.5, 3.0]), parabola(0.3), swell(0.8)]
    single = stack_log_prob(torch.tensor([[0.9, -1.1], [1.6, 0.7]]), [swell(0.8)])
    LogProb.compare(
        single,
        ", here of a single one",
        cases={
            "a single coordinate": lambda: stack_log_prob(x[:, :1], [swell(0.8)]),
            "a layer that stretches nothing": lambda: stack_log_prob(
                x, [parabola(0.3)]
            ),
        },
    )
    LogProb.compare(
        stack_log_prob(x, layers),
        cases={
            "a single layer": lambda: stack_log_prob(x, layers[:1]),
            "two layers": lambda: stack_log_prob(x, layers[::2]),
            "layers that stretch nothing": lambda: stack_log_prob(
                x, [parabola(0.3), parabola(-0.5)]
            ),
        },
    )
    double = stack_log_prob(x.double(), layers)
    LogProb.compare(double, ", in float64", dtype=torch.float64)


def turn_after(angle: float, shift: float) -> Layer:
    """A layer that shifts the plane, and then turns it."""

    def matrix(like: Tensor) -> Tensor:
        c, s = math.cos(angle), math.sin(angle)
        return like.new_tensor([[c, s], [-s, c]])

    def forward(z: Tensor) -> tuple[Tensor, Tensor]:
        return (z + shift) @ matrix(z), z.new_zeros(len(z))

    def inverse(x: Tensor) -> tuple[Tensor, Tensor]:
        return x @ matrix(x).T - shift, x.new_zeros(len(x))

    return forward, inverse


@A4.check(
    "4.4 way to the data",
    points=2,
    passes="base points arrive where the data are",
    read=STACK,
)
def check_forward(stack_forward: Callable) -> None:
    """Two points through three layers that do not commute."""
    z = torch.tensor([[0.4, 1.0], [-0.6, 0.9]])
    layers = [turn_after(0.5, 1.0), turn_after(1.1, -0.5), turn_after(0.2, 2.0)]
    Forward.compare(
        stack_forward(z, layers),
        given={"z": z},
        cases={
            "a single layer": lambda: stack_forward(z, layers[:1]),
            "two layers": lambda: stack_forward(z, layers[:2]),
        },
    )


# --- Exercise 4.6: eight hills --------------------------------------------------------


def hills(count: int, radius: float, scale: float) -> GaussianMixture:
    """Equal round hills on a circle."""
    angles = [2 * math.pi * (k + 0.5) / count for k in range(count)]
    means = [[radius * math.cos(a), radius * math.sin(a)] for a in angles]
    return GaussianMixture(means, scale)


@A4.check(
    "4.6 training",
    points=2,
    passes="your training reaches the eight hills",
    read=TRAINING,
)
def check_trained(trained: object) -> None:
    """The gap and the mass of the density that was learned from the eight hills."""
    log_prob, _ = parts(trained, "log_prob, flow", idea="what train returns")
    check_gap(log_prob, hills(8, 2.0, 0.2), 0.10)


def check_gap(log_prob: Callable, target: GaussianMixture, limit: float) -> None:
    """Raise CheckFailed unless a density is one, and close to the target.

    It is asked once for everything in one mixed order: samples of the target cannot be
    told from the points of the grid that sees how much mass the density has.
    """
    dtype = torch.get_default_dtype()
    x = target.sample(5000, 1, dtype=dtype)
    line = (torch.arange(160) + 0.5) / 20 - 4  # squares with sides of 0.05
    points = torch.cat([x, torch.cartesian_prod(line, line).to(x)])
    order = torch.randperm(len(points))
    mixed = log_prob(points[order])
    check(torch.ones_like(mixed), torch.ones(len(points)), idea="one log-density a row")
    got = torch.empty_like(mixed)
    got[order] = mixed
    got, grid = got[:5000], got[5000:]
    start = GaussianMixture([[a, b] for a in (-1.4, 1.4) for b in (-1.4, 1.4)], 0.3)
    known = start.log_prob(x)
    gap = (target.log_prob(x) - got).mean().item()
    if gap > (target.log_prob(x) - known).mean().item():
        some = (got > known + 1).double().mean().item() > 0.1  # are known better
        fail_gap(gap, limit, Train.memorised if some else Train.worse)
    elif not gap <= limit:
        fail_gap(gap, limit, Train.too_little)
    else:  # less than no gap is no density
        mass = grid.exp().sum().item() / 400
        check(mass, 1.0, idea="the mass of the learned density", rtol=0.02)


def fail_gap(gap: float, limit: float, mistake: Mistake) -> None:
    """Raise CheckFailed: this gap is larger than the limit."""
    check(gap, limit, idea=Train.idea, mistakes=[mistake.giving(gap)])
