"""What the checks of assignment 7, contraction mappings, ask and know."""

from collections.abc import Callable

import torch
from torch import Tensor

from flowbook.exercises.assignment import Assignment, Section
from flowbook.exercises.known import check, part
from flowbook.exercises.mistakes.a7_contraction_mappings import (
    Back,
    Contract,
    Estimate,
    EstimateGradient,
    Norm,
    Probes,
    Series,
    Stop,
    Turns,
    Undo,
)

TURNS = Section("09_contraction_mappings", "Two halves that take turns")
LAYER = Section("09_contraction_mappings", "The contractive residual layer")
STOP = Section("09_contraction_mappings", "When to stop")
NORMS = Section("09_contraction_mappings", "Spectral normalisation")
SERIES = Section("10_log_dets_and_time", "The log-determinant as a power series")
TRACES = Section("10_log_dets_and_time", "Hutchinson's trace estimator")

A7 = Assignment("Assignment 7: contraction mappings", by_hand=3)
summary = A7.summary


LOG_DET_OF_TURNS = "the log-determinant of three turns"


def moves_of_three() -> tuple[Callable, Callable, Callable]:
    """Three moves of parts of widths 1, 2 and 1."""
    return (
        lambda second, third: second.sum(1, keepdim=True) * third,
        lambda first, third: torch.cat([first + 2 * third, first * third], 1),
        lambda first, second: first**2 - second[:, :1],
    )


def five_rows() -> Tensor:
    """Five rows, which need different numbers of steps."""
    return torch.tensor(
        [[-1.1, -2.4], [1.9, -3.5], [-0.3, 1.2], [-2.0, -0.2], [2.7, 0.9]]
    )


def bending(z: Tensor) -> Tensor:
    """A map with the Lipschitz constant 0.72."""
    return 0.72 * torch.sin(z.flip(1))


def three_weights() -> list[Tensor]:
    """W, b and V of a small network."""
    return [
        torch.tensor([[0.9, -0.6], [0.2, 0.8], [-0.5, 0.4]]),
        torch.tensor([0.1, -0.3, 0.5]),
        torch.tensor([[0.6, -0.4, 0.3], [0.5, 0.7, -0.2]]),
    ]


def simpler_turns(turns: Callable, z: Tensor, index: int) -> dict[str, Callable]:
    """Ask for one part of the pair where only one function moves anything."""

    def rests(*others: Tensor) -> Tensor:
        return torch.zeros(())

    def only(k: int) -> Callable:
        moves = [each if i == k else rests for i, each in enumerate(moves_of_three())]
        return lambda: turns(z, tuple(moves), (1, 2, 1))[index]

    return {f"the move f{k + 1} alone": only(k) for k in range(3)} | {
        "moves that are all 0": only(3)
    }


@A7.check(
    "7.1 turns", points=1, passes="who moves later sees what has moved", read=TURNS
)
def check_turns(three_turns: Callable) -> None:
    """Two rows of four features, in two dtypes."""
    z = torch.tensor([[0.5, 1.0, -1.0, 2.0], [-1.0, 0.3, 0.8, 0.4]])
    got = three_turns(z, moves_of_three(), (1, 2, 1))
    Turns.compare(
        part(got, 0, "x, log_det", Turns),
        given={"z": z},
        cases=simpler_turns(three_turns, z, 0),
    )
    Turns.compare(
        part(got, 1, "x, log_det", Turns),
        idea=LOG_DET_OF_TURNS,
        cases=simpler_turns(three_turns, z, 1),
    )
    got = three_turns(z.double(), moves_of_three(), (1, 2, 1))
    for k, idea in enumerate([Turns.idea, LOG_DET_OF_TURNS]):
        value = part(got, k, "x, log_det", Turns)
        Turns.compare(value, ", in float64", idea=idea, dtype=torch.float64)


@A7.check(
    "7.1 and back",
    points=2,
    passes="the turns are undone, the last one first",
    read=TURNS,
)
def check_back(three_turns_back: Callable) -> None:
    """Two rows of four features, in two dtypes."""
    x = torch.tensor([[1.0, -1.0, 0.5, 2.0], [0.5, 2.0, -0.4, -1.5]])
    got = three_turns_back(x, moves_of_three(), (1, 2, 1))
    Back.compare(
        part(got, 0, "z, log_det", Back),
        given={"x": x},
        cases=simpler_turns(three_turns_back, x, 0),
    )
    Back.compare(
        part(got, 1, "z, log_det", Back),
        idea=LOG_DET_OF_TURNS,
        cases=simpler_turns(three_turns_back, x, 1),
    )
    got = three_turns_back(x.double(), moves_of_three(), (1, 2, 1))
    for k, idea in enumerate([Back.idea, LOG_DET_OF_TURNS]):
        value = part(got, k, "z, log_det", Back)
        Back.compare(value, ", in float64", idea=idea, dtype=torch.float64)


def simpler_layers(undo: Callable, x: Tensor, index: int) -> dict[str, Callable]:
    """Ask for one part of the pair where something of the exercise is left out."""

    def ask(x: Tensor, first: float, second: float, g: Callable) -> Callable:
        scale = x.new_tensor([first, second])
        return lambda: undo(x, g, scale, 0.72, 0.01 if index else 1e-5)[index]

    return {
        "s = (1, 1)": ask(x, 1.0, 1.0, bending),
        "positive s": ask(x, 2.0, 0.8, bending),
        "a single row": ask(x[:1], 2.0, -0.8, bending),
        "g = 0": ask(x, 2.0, -0.8, torch.zeros_like),
    }


@A7.check("7.2 undo", points=2, passes="the iteration finds z", read=LAYER)
def check_undo(undo: Callable) -> None:
    """Five rows, in two dtypes."""
    x = five_rows()
    for dtype in (torch.get_default_dtype(), torch.float64):
        got = undo(
            x.to(dtype),
            bending,
            scale=torch.tensor([2.0, -0.8], dtype=dtype),
            lipschitz=0.72,
            tolerance=1e-5,
        )
        where = ", in float64" if dtype == torch.float64 else ""
        Undo.compare(
            part(got, 0, "z, steps", Undo),
            where,
            dtype=dtype,
            given={"x": x},
            cases=simpler_layers(undo, x.to(dtype), 0),
        )


@A7.check("7.2 stop", points=2, passes="each row stops when it is sure", read=STOP)
def check_stop(undo: Callable) -> None:
    """The steps of five rows."""
    scale = torch.tensor([2.0, -0.8])

    def steps(tolerance: float) -> Tensor:
        got = undo(five_rows(), bending, scale, lipschitz=0.72, tolerance=tolerance)
        return part(got, 1, "z, steps", Stop)

    first = steps(0.01)
    shape = torch.tensor(first.shape)
    Stop.compare(shape, idea="the shape of the steps, (batch,)")
    # Counts are small numbers: only many of them tell one mistake from another.
    counts = torch.stack([first, steps(0.015), steps(1e-4)])
    cases = simpler_layers(undo, five_rows(), 1)
    Stop.compare(counts, ", for three tolerances (rows)", cases=cases)


@A7.check("7.3 norm", points=2, passes="a bound from above", read=NORMS)
def check_norm(norm_from_above: Callable) -> None:
    """A matrix after three squarings, in two dtypes."""
    matrix = torch.tensor([[2.0, 1.0, 0.0], [-1.0, 1.5, 1.0]])
    Norm.compare(
        norm_from_above(matrix, squarings=3),
        cases={
            "t = 0": lambda: norm_from_above(matrix, 0),
            "t = 1": lambda: norm_from_above(matrix, 1),
            "a matrix of a single number": lambda: norm_from_above(matrix[:1, :1], 3),
        },
    )
    square = torch.tensor([[1.0, 2.0], [0.0, 1.0]])
    Norm.compare(norm_from_above(square, squarings=2), ", of a square matrix")
    double = norm_from_above(matrix.double(), squarings=3)
    Norm.compare(double, ", in float64", dtype=torch.float64)


def entries(result: list[Tensor], count: int) -> Tensor:
    """All entries of some matrices, one after the other."""
    return torch.cat([result[i].flatten() for i in range(count)])


def spectral_norm(matrix: Tensor) -> Tensor:
    """The largest singular value."""
    return torch.linalg.matrix_norm(matrix, 2)


@A7.check("7.4 chain", points=2, passes="one factor for the whole chain", read=NORMS)
def check_contract(contract: Callable) -> None:
    """Three matrices that are short enough, and then too long."""
    matrices = [
        torch.tensor([[0.3, 0.1], [0.0, 0.2]]),
        torch.tensor([[2.0, 0.0], [1.0, 1.0]]),
        torch.tensor([[1.0, -1.0], [0.5, 0.5]]),
    ]
    Contract.compare(entries(contract(matrices, 2.0, spectral_norm), 3), " (they do)")
    Contract.compare(
        entries(contract(matrices, 0.5, spectral_norm), 3),
        cases={
            "a single matrix": lambda: contract(matrices[:1], 0.5, spectral_norm)[0],
            "two matrices": lambda: entries(
                contract(matrices[1:], 0.5, spectral_norm), 2
            ),
            "the bound 1": lambda: entries(contract(matrices, 1.0, spectral_norm), 3),
        },
    )


def simpler_series(
    series: Callable, jacobian: Tensor, scale: Tensor, terms: int
) -> dict[str, Callable]:
    """Ask for a series where something of the exercise is left out."""
    return {
        "s = 1": lambda: series(jacobian, torch.ones(2), terms),
        "J = 0": lambda: series(0 * jacobian, scale, terms),
        "a diagonal J": lambda: series(jacobian * torch.eye(2), scale, terms),
        "a single dimension": lambda: series(jacobian[:, :1, :1], scale[:1], terms),
        "two terms": lambda: series(jacobian, scale, 2),
    }


@A7.check("7.5 series", points=2, passes="the first terms of the series", read=SERIES)
def check_series(log_det_series: Callable) -> None:
    """One term, and three, in two dtypes."""
    jacobian = torch.tensor([[[0.4, -0.9], [0.6, 0.3]], [[0.5, 0.2], [0.7, 0.1]]])
    scale = torch.tensor([2.0, -1.25])
    Series.compare(
        log_det_series(jacobian, scale, terms=1),
        idea="one term of the power series, log|det S| + tr(A)",
        cases=simpler_series(log_det_series, jacobian, scale, 1),
    )
    Series.compare(
        log_det_series(jacobian, scale, terms=3),
        cases=simpler_series(log_det_series, jacobian, scale, 3),
    )
    double = log_det_series(jacobian.double(), scale.double(), terms=3)
    Series.compare(double, ", in float64", dtype=torch.float64)


def properties(drawn: Tensor, z: Tensor, count: int) -> Tensor:
    """What is true of probes, as truth values; see the idea of `Probes`."""
    drawn = drawn.broadcast_to(count, *z.shape)
    probes, likeness = drawn.double(), (1 + 1 / z.shape[1]) / 2
    rows = (probes[:, 1:] * probes[:, :-1]).mean(-1).square().mean()
    copies = (probes[1:] * probes[:-1]).mean(-1).square().mean()
    pairs = (probes[..., 1:] * probes[..., :-1]).mean()
    return torch.tensor(
        [
            drawn.dtype == z.dtype,
            bool((probes.abs() == 1).all()),
            bool((probes.abs() <= 1).all()),
            bool(probes.mean().abs() < 0.4),
            bool(rows < likeness),
            bool(copies < likeness),
            bool(pairs < 0.4),
            bool(pairs > -0.4),
        ]
    )


DEALT = "whether small draws always have as many +1 as -1 (no)"


def is_dealt(draw_probes: Callable, z: Tensor) -> bool:
    """Whether there are as many +1 as -1 in every draw, be it of two, four, six, ..."""
    return all(draw_probes(z[:k, :2], 1).sum() == 0 for k in range(1, 21))


@A7.check(
    "7.6 probes", points=1, passes="fair signs, each drawn by itself", read=TRACES
)
def check_probes(draw_probes: Callable) -> None:
    """What is true of 25 probes of 40 rows, in two dtypes."""
    torch.manual_seed(5)
    for dtype in (torch.float32, torch.float64):
        z = torch.randn(40, 3, dtype=dtype)
        where = f", z in {dtype}".replace("torch.", "")
        probes = draw_probes(z, 25)
        Probes.compare(
            torch.tensor(probes.shape), where, idea="the shape, (count, batch, dim)"
        )
        Probes.compare(properties(probes, z, 25), where)
        check(
            is_dealt(draw_probes, z),
            False,
            idea=DEALT,
            mistakes=[Probes.dealt.giving(True)],
        )
        balanced = bool(probes.double().mean().abs() < 5 / probes.numel() ** 0.5)
        check(balanced, True, idea="whether there are as many +1 as -1")


def simpler_estimates(
    estimate: Callable, z: Tensor, scale: Tensor, probes: Tensor, terms: int
) -> dict[str, Callable]:
    """Ask for an estimate where something of the exercise is left out."""
    weights = three_weights()
    narrow = [weights[0][:, :1], weights[1], weights[2][:1]]
    return {
        "s = 1": lambda: estimate(z, weights, torch.ones(2), probes, terms),
        "V = 0": lambda: estimate(
            z, [*weights[:2], 0 * weights[2]], scale, probes, terms
        ),
        "a single probe": lambda: estimate(z, weights, scale, probes[1:2], terms),
        "probes of ones": lambda: estimate(z, weights, scale, probes.abs(), terms),
        "a single dimension": lambda: estimate(
            z[:, :1], narrow, scale[:1], probes[..., :1], terms
        ),
    }


@A7.check("7.6 estimate", points=2, passes="the series by probes", read=TRACES)
def check_estimate(estimated_log_det: Callable) -> None:
    """One term, and three, in two dtypes."""
    signs = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    z, scale = torch.tensor([[0.5, -1.0], [1.2, 0.3]]), torch.tensor([1.5, -2.0])
    probes = torch.stack([signs, signs.roll(1, 0)], 1)
    Estimate.compare(
        estimated_log_det(z, three_weights(), scale, probes, terms=1),
        idea="one term of the series, log|det S| + the mean of v^T A v",
        cases=simpler_estimates(estimated_log_det, z, scale, probes, 1),
    )
    Estimate.compare(
        estimated_log_det(z, three_weights(), scale, probes, terms=3),
        cases=simpler_estimates(estimated_log_det, z, scale, probes, 3),
    )
    weights = [weight.double() for weight in three_weights()]
    double = estimated_log_det(
        z.double(), weights, scale.double(), probes.double(), terms=3
    )
    Estimate.compare(double, ", in float64", dtype=torch.float64)


def reached_by_gradient(
    estimated_log_det: Callable,
    z: Tensor,
    weights: list[Tensor],
    scale: Tensor,
    probes: Tensor,
) -> Tensor:
    """Whether a gradient reaches z, each of the weights, and the probes."""
    inputs = [one.clone().requires_grad_() for one in (z, *weights, probes)]
    got = estimated_log_det(inputs[0], inputs[1:4], scale, inputs[4], 3)
    loss = torch.as_tensor(got).sum()
    if loss.requires_grad:
        loss.backward()
    grads = [torch.zeros(1) if one.grad is None else one.grad for one in inputs]
    return torch.tensor([bool((g.isfinite() & (g != 0)).any()) for g in grads])


@A7.check(
    "7.6 gradients", points=1, passes="gradients reach what must learn", read=TRACES
)
def check_estimate_gradient(estimated_log_det: Callable) -> None:
    """What gradients reach."""
    signs = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    z, scale = torch.tensor([[0.5, -1.0], [1.2, 0.3]]), torch.tensor([1.5, -2.0])
    probes = torch.stack([signs, signs], 1)
    EstimateGradient.compare(
        reached_by_gradient(estimated_log_det, z, three_weights(), scale, probes)
    )
