"""What the checks of assignment 2, linear flows, ask and know."""

from collections.abc import Callable

import torch
from torch import Tensor

from flowbook.exercises.assignment import Assignment, Section
from flowbook.exercises.known import check as check  # hidden tests use it
from flowbook.exercises.known import part
from flowbook.exercises.known import parts as parts
from flowbook.exercises.mistakes.a2_linear import (
    Chain,
    ChainInverse,
    ChainLogDet,
    ChainRange,
    JointCovariance,
    JointMean,
    Packed,
    PackedInverse,
    PackedLogDet,
    Symmetric,
    Table,
    TableInverse,
    TableLogDet,
)

TRIANGULAR = Section("04_linear", "Triangular, and problem 4, second part")
SCALES = Section("04_linear", "Diagonal, and problem 4, first part")
PLU = Section("04_linear", "Every matrix: PLU")
PIXELS = Section("04_linear", "The 1×1 convolution")
MOMENTS = Section("04_linear", "Problem 5: the mean and the covariance")
BEST = Section("04_linear", "The best linear flow is the Gaussian fit")

A2 = Assignment("Assignment 2: linear flows", by_hand=3)
run, summary = A2.run, A2.summary

PAIR = "value, log_det"
DOUBLE = torch.float64

Layer = Callable[..., tuple[Tensor, Tensor]]


def in_double(given: tuple[Tensor, ...]) -> list[Tensor]:
    """The same in float64; integers stay as they are."""
    return [each.double() if each.is_floating_point() else each for each in given]


# --- Exercise 2.1: a chain ------------------------------------------------------------


def links() -> tuple[Tensor, Tensor, Tensor]:
    """Two points of three coordinates, and the two diagonals of a chain."""
    points = torch.tensor([[0.5, -1.0, 2.0], [-1.5, 0.3, 0.8]])
    return points, torch.tensor([2.0, -0.5, 1.5]), torch.tensor([0.7, -1.2])


@A2.check(
    "2.1 chain",
    points=1,
    passes="every coordinate meets its neighbour",
    read=TRIANGULAR,
)
def check_chain(chain_forward: Layer) -> None:
    """Three coordinates, and five in another dtype."""
    z, d, e = links()

    def x(z: Tensor, d: Tensor, e: Tensor) -> Tensor:
        return part(chain_forward(z, d, e), 0, PAIR, Chain)

    Chain.compare(
        x(z, d, e),
        given={"z": z},
        cases={
            "e = 0": lambda: x(z, d, 0 * e),
            "d = 1": lambda: x(z, 0 * d + 1, e),
            "two coordinates": lambda: x(z[:, :2], d[:2], e[:1]),
        },
    )
    more = torch.tensor([[0.4, -0.3, 1.1, 0.9, -0.7]], dtype=DOUBLE)
    scales = torch.tensor([1.2, 0.6, -2.0, 0.4, 1.7], dtype=DOUBLE)
    Chain.compare(x(more, scales, more[0, 1:]), ", in float64", dtype=DOUBLE)


@A2.check(
    "2.1 inverse",
    points=2,
    passes="the chain is undone from its end",
    read=TRIANGULAR,
)
def check_chain_inverse(chain_inverse: Layer) -> None:
    """Three coordinates, and five in another dtype."""
    x, d, e = links()

    def z(x: Tensor, d: Tensor, e: Tensor) -> Tensor:
        return part(chain_inverse(x, d, e), 0, PAIR, ChainInverse)

    ChainInverse.compare(
        z(x, d, e),
        given={"x": x},
        cases={
            "e = 0": lambda: z(x, d, 0 * e),
            "d = 1": lambda: z(x, 0 * d + 1, e),
            "two coordinates": lambda: z(x[:, :2], d[:2], e[:1]),
        },
    )
    more = torch.tensor([[0.4, -0.3, 1.1, 0.9, -0.7]], dtype=DOUBLE)
    scales = torch.tensor([1.2, 0.6, -2.0, 0.4, 1.7], dtype=DOUBLE)
    ChainInverse.compare(z(more, scales, more[0, 1:]), ", in float64", dtype=DOUBLE)


@A2.check(
    "2.1 log-determinants",
    points=1,
    passes="only the diagonal stretches, whatever its signs",
    read=SCALES,
)
def check_chain_log_det(chain_forward: Layer, chain_inverse: Layer) -> None:
    """Both directions, with a negative scale, and in another dtype."""
    z, d, e = links()
    z = torch.cat([z, z])  # four points: twice the number is no sum over them

    def cases(layer: Layer) -> dict[str, Callable[[], Tensor]]:
        return {
            "scales of 1": lambda: layer(z, 0 * d + 1, e)[1],
            "positive scales": lambda: layer(z, d.abs(), e)[1],
            "neighbours' numbers of 1": lambda: layer(z, d, 0 * e + 1)[1],
        }

    log_det = part(chain_forward(z, d, e), 1, PAIR, ChainLogDet)
    ChainLogDet.compare(log_det, ", forward", cases=cases(chain_forward))
    log_det = part(chain_inverse(z, d, e), 1, PAIR, ChainLogDet)
    ChainLogDet.compare(log_det, ", inverse", cases=cases(chain_inverse))
    for layer, way in [(chain_forward, "forward"), (chain_inverse, "inverse")]:
        log_det = part(layer(*in_double((z, d, e))), 1, PAIR, ChainLogDet)
        ChainLogDet.compare(log_det, f", {way}, in float64", dtype=DOUBLE)


@A2.check(
    "2.1 range",
    points=1,
    passes="no chain is too long",
    read=PLU,
)
def check_chain_range(chain_forward: Layer) -> None:
    """Four hundred scales near 10, and as many near 0.01, in both dtypes."""
    large = far_log_det(chain_forward, 10.0, 400, torch.get_default_dtype())
    ChainRange.compare(large, " (large)")
    small = far_log_det(chain_forward, 0.01, 400, DOUBLE)
    ChainRange.compare(small, " (small)")


def far_log_det(layer: Layer, size: float, dim: int, dtype: torch.dtype) -> Tensor:
    """Whether a chain's log-determinant is finite, and another for twice the scales.

    The scales are positive, between `size` and twice as much. Its sign and its shape
    do not matter here.
    """
    z = torch.zeros(2, dim, dtype=dtype)
    d = size * torch.linspace(1.0, 2.0, dim, dtype=dtype)
    # Neighbours that weigh little, so that elimination exchanges no rows.
    log_det = part(layer(z, d, d[1:] / 10), 1, PAIR, ChainRange)
    twice = part(layer(z, 2 * d, d[1:] / 10), 1, PAIR, ChainRange)
    # A product that is cut off is finite, too, but it is the same for both.
    changed = (twice - log_det).abs().sum() > 0.01
    return torch.stack([log_det.isfinite().all(), changed])


# --- Exercise 2.2: two factors in one square ------------------------------------------


def square() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Two points of three coordinates, packed factors, an order and a shift.

    The order is a cycle, which is not its own inverse.
    """
    points = torch.tensor([[0.5, -1.0, 2.0], [-1.5, 0.3, 0.8]])
    packed = torch.tensor([[2.0, 0.5, -0.4], [0.6, -1.5, 0.9], [-0.8, 0.3, 0.5]])
    return points, packed, torch.tensor([2, 0, 1]), torch.tensor([1.0, -2.0, 0.5])


def larger_square() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The same for four coordinates; the order is odd."""
    points = torch.tensor([[0.4, -0.3, 1.1, 0.9], [1.2, 0.8, -0.6, -0.2]])
    packed = torch.tensor(
        [
            [1.5, 0.7, -0.2, 0.4],
            [0.3, 0.8, 0.6, -0.5],
            [-0.6, 0.2, 2.0, 0.9],
            [0.5, -0.7, 0.1, 1.2],
        ]
    )
    order, shift = torch.tensor([1, 2, 3, 0]), torch.tensor([0.2, -0.6, 1.4, -1.0])
    return points, packed, order, shift


def simpler_squares(layer: Layer, known: type) -> dict[str, Callable[[], Tensor]]:
    """Squares in which one thing or another does not matter."""
    z, packed, order, shift = square()
    still, ones = torch.arange(3), packed.tril(-1) + packed.triu(1) + torch.eye(3)

    def ask(packed: Tensor, order: Tensor, shift: Tensor) -> Callable[[], Tensor]:
        return lambda: part(layer(z, packed, order, shift), 0, PAIR, known)

    return {
        "b = 0": ask(packed, order, 0 * shift),
        "an order that keeps every entry": ask(packed, still, shift),
        "a diagonal of 1": ask(ones, order, shift),
        "a diagonal square": ask(packed.diagonal().diag(), order, shift),
    }


@A2.check(
    "2.2 forward",
    points=1,
    passes="reordered, then U, then L, then shifted",
    read=PLU,
)
def check_packed(packed_forward: Layer) -> None:
    """Three coordinates, and four in float64."""
    given = square()
    Packed.compare(
        part(packed_forward(*given), 0, PAIR, Packed),
        given={"z": given[0]},
        cases=simpler_squares(packed_forward, Packed),
    )
    x = part(packed_forward(*in_double(larger_square())), 0, PAIR, Packed)
    Packed.compare(x, ", in float64", dtype=DOUBLE)


@A2.check(
    "2.2 inverse",
    points=2,
    passes="every factor is undone, the last one first",
    read=PLU,
)
def check_packed_inverse(packed_inverse: Layer) -> None:
    """Three coordinates, and four in float64."""
    given = square()
    PackedInverse.compare(
        part(packed_inverse(*given), 0, PAIR, PackedInverse),
        given={"x": given[0]},
        cases=simpler_squares(packed_inverse, PackedInverse),
    )
    z = part(packed_inverse(*in_double(larger_square())), 0, PAIR, PackedInverse)
    PackedInverse.compare(z, ", in float64", dtype=DOUBLE)


@A2.check(
    "2.2 log-determinants",
    points=1,
    passes="one diagonal, and nothing else, says it",
    read=PLU,
)
def check_packed_log_det(packed_forward: Layer, packed_inverse: Layer) -> None:
    """An odd order with positive scales, then an even one with a negative scale."""
    z, packed, order, shift = square()
    for layer, way in [(packed_forward, "forward"), (packed_inverse, "inverse")]:

        def ask(packed: Tensor, layer: Layer = layer) -> Callable:
            return lambda: part(layer(z, packed, order, shift), 1, PAIR, PackedLogDet)

        cases = {
            "a diagonal of 1": ask(packed.tril(-1) + packed.triu(1) + torch.eye(3)),
            "positive entries": ask(packed.abs()),
            "a diagonal square": ask(packed.diagonal().diag()),
        }
        log_det = part(layer(*larger_square()), 1, PAIR, PackedLogDet)
        odd, negative = ", with an odd order", ", with a negative scale"
        PackedLogDet.compare(log_det, f", {way}{odd}", cases=cases)
        PackedLogDet.compare(ask(packed)(), f", {way}{negative}", cases=cases)
        double = part(layer(*in_double(square())), 1, PAIR, PackedLogDet)
        PackedLogDet.compare(double, f", {way}, in float64", dtype=DOUBLE)


# --- Exercise 2.3: rows and columns ---------------------------------------------------


def tables() -> tuple[Tensor, Tensor, Tensor]:
    """Two tables of two rows and three columns, and their matrices."""
    z = torch.tensor(
        [[[0.5, -1.0, 2.0], [0.7, 0.1, -0.4]], [[-1.5, 0.3, 0.8], [1.1, -0.6, 0.2]]]
    )
    left = torch.tensor([[1.5, -0.5], [2.0, 0.4]])
    right = torch.tensor([[0.8, 0.6, -0.3], [-0.2, 1.1, 0.5], [0.4, -0.7, 1.6]])
    return z, left, right


def simpler_tables(layer: Layer, known: type) -> dict[str, Callable[[], Tensor]]:
    """Tables of which only the rows, or only the columns, are mixed."""
    z, left, right = tables()

    def ask(left: Tensor, right: Tensor) -> Callable[[], Tensor]:
        return lambda: part(layer(z, left, right), 0, PAIR, known)

    return {
        "A = I": ask(torch.eye(2), right),
        "B = I": ask(left, torch.eye(3)),
        "symmetric matrices": ask(left + left.T, right + right.T),
    }


@A2.check("2.3 forward", points=1, passes="rows and columns are mixed", read=PIXELS)
def check_table(table_forward: Layer) -> None:
    """Two tables that are not square, in two dtypes."""
    given = tables()
    Table.compare(
        part(table_forward(*given), 0, PAIR, Table),
        cases=simpler_tables(table_forward, Table),
    )
    x = part(table_forward(*in_double(given)), 0, PAIR, Table)
    Table.compare(x, ", in float64", dtype=DOUBLE)


@A2.check("2.3 inverse", points=1, passes="the tables come back", read=PIXELS)
def check_table_inverse(table_inverse: Layer) -> None:
    """Two tables that are not square, in two dtypes."""
    given = tables()
    TableInverse.compare(
        part(table_inverse(*given), 0, PAIR, TableInverse),
        cases=simpler_tables(table_inverse, TableInverse),
    )
    z = part(table_inverse(*in_double(given)), 0, PAIR, TableInverse)
    TableInverse.compare(z, ", in float64", dtype=DOUBLE)


@A2.check(
    "2.3 log-determinants",
    points=1,
    passes="each matrix counts as often as it acts",
    read=PIXELS,
)
def check_table_log_det(table_forward: Layer, table_inverse: Layer) -> None:
    """Both directions, a negative determinant, and a table of 200 columns."""
    z, left, right = tables()
    for layer, way in [(table_forward, "forward"), (table_inverse, "inverse")]:

        def ask(left: Tensor, right: Tensor, layer: Layer = layer) -> Callable:
            return lambda: part(layer(z, left, right), 1, PAIR, TableLogDet)

        one, other = torch.eye(2), torch.eye(3)
        cases = {
            "A = I": ask(one, right),
            "B = I": ask(left, other),
            "A = I, B = I": ask(one, other),
        }
        TableLogDet.compare(ask(left, right)(), f", {way}", cases=cases)
        swapped = left.flip(0).double()  # a negative determinant
        long = torch.linspace(-1.0, 1.0, 2 * 3 * 3).reshape(3, 2, 3).double()
        log_det = part(layer(long, swapped, right.double()), 1, PAIR, TableLogDet)
        TableLogDet.compare(log_det, f", {way}, with a negative det A", dtype=DOUBLE)
    wide = torch.ones(2, 2, 200)
    log_det = part(
        table_forward(wide, 10 * left, 1.1 * torch.eye(200)), 1, PAIR, TableLogDet
    )
    TableLogDet.compare(log_det, ", forward, for 200 columns")


# --- Exercise 2.4: a point and its image ----------------------------------------------

JOINT = "mean, covariance"


def laws() -> dict[str, tuple[Tensor, ...]]:
    """Means, covariances, matrices and shifts: square, wide, tall and in float64."""
    mean, spread = torch.tensor([0.3, -1.0]), torch.tensor([[1.0, 0.6], [0.6, 2.0]])
    three = torch.tensor([[2.0, 0.5, -0.3], [0.5, 1.0, 0.4], [-0.3, 0.4, 1.5]])
    matrix = torch.tensor([[1.5, -1.0], [0.5, 0.8]])
    wide = torch.tensor([[0.7, -1.2, 0.4]])
    tall = torch.cat([matrix, matrix[:1] + 1])
    given = {
        "": (mean, spread, matrix, torch.tensor([1.0, -2.0])),
        ", for a wide A": (three[0], three, wide, torch.tensor([0.5])),
        ", for a tall A": (mean, spread, tall, torch.tensor([1.0, -2.0, 0.7])),
    }
    double = tuple(in_double(given[", for a tall A"]))
    return given | {", in float64": double}


@A2.check(
    "2.4 mean", points=1, passes="the mean goes where the points go", read=MOMENTS
)
def check_joint_mean(joint_moments: Callable) -> None:
    """A square matrix, in two dtypes."""
    given = laws()[""]
    mean, spread, matrix, shift = given

    def ask(*given: Tensor) -> Callable[[], Tensor]:
        return lambda: part(joint_moments(*given), 0, JOINT, JointMean)

    simpler = {
        "b = 0": ask(mean, spread, matrix, 0 * shift),
        "a mean of 0": ask(0 * mean, spread, matrix, shift),
        "A = I": ask(mean, spread, torch.eye(2), shift),
    }
    JointMean.compare(ask(*given)(), cases=simpler)
    double = ask(*in_double(given))()
    JointMean.compare(double, ", in float64", dtype=DOUBLE)


@A2.check(
    "2.4 covariance",
    points=2,
    passes="all four blocks are right",
    read=MOMENTS,
)
def check_joint_covariance(joint_moments: Callable) -> None:
    """A square matrix, a wide and a tall one, and one in float64."""
    mean, spread, matrix, shift = laws()[""]

    def ask(*given: Tensor) -> Callable[[], Tensor]:
        return lambda: part(joint_moments(*given), 1, JOINT, JointCovariance)

    simpler = {
        "the covariance I": ask(mean, torch.eye(2), matrix, shift),
        "means and shifts of 0": ask(0 * mean, spread, matrix, 0 * shift),
        "a symmetric A": ask(mean, spread, matrix + matrix.T, shift),
    }
    for where, given in laws().items():
        JointCovariance.compare(
            ask(*given)(),
            where,
            dtype=DOUBLE if "float64" in where else None,
            cases={} if where else simpler,
        )


# --- Exercise 2.5: the best symmetric matrix ------------------------------------------


@A2.check(
    "2.5 symmetric fit",
    points=2,
    passes="the best flow of these data, and a symmetric one",
    read=BEST,
)
def check_symmetric(symmetric_fit: Callable) -> None:
    """Six points of the plane, and seven of space in float64."""
    names = "matrix, shift"
    data = torch.tensor(
        [[2.0, 1.5], [0.5, -0.4], [3.0, 2.9], [1.0, 0.2], [-0.5, 0.3], [2.5, 0.1]]
    )
    apart = torch.tensor([[1.0, 0.5], [1.0, -1.5], [-3.0, 0.5], [-3.0, -1.5]])
    simpler = {
        "data whose mean is 0": lambda: symmetric_fit(data - data.mean(0)),
        "coordinates without correlation": lambda: symmetric_fit(apart),
        "white data": lambda: symmetric_fit(apart / torch.tensor([2.0, 1.0])),
    }
    for at, where in enumerate([": the matrix", ": the shift"]):
        Symmetric.compare(
            part(symmetric_fit(data), at, names, Symmetric),
            where,
            cases={
                case: lambda ask=ask, at=at: ask()[at] for case, ask in simpler.items()
            },
        )
    waves = torch.linspace(0.0, 9.0, 21, dtype=DOUBLE).reshape(7, 3)
    fit = symmetric_fit(torch.sin(waves**2) + waves / 4)
    for at, where in enumerate([": the matrix, in float64", ": the shift, in float64"]):
        Symmetric.compare(part(fit, at, names, Symmetric), where, dtype=DOUBLE)
