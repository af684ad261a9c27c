"""What the checks of assignment 6, reverse KL, planar flows and distillation, ask."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import linear, pad

from flowbook.exercises.assignment import Assignment, Section
from flowbook.exercises.known import Known, Mistake, part, parts
from flowbook.exercises.known import check as check  # hidden tests use it
from flowbook.exercises.mistakes.a6_reverse_kl import (
    Allowed,
    Bump,
    Distil,
    DistilGradient,
    FreeEnergy,
    FreeEnergyGradient,
    Imitate,
    LogZ,
    LogZError,
    Train,
)

DIVERGENCE = Section("08_reverse_kl", "Turn the divergence round")
ENTROPY = Section("08_reverse_kl", "The entropy term")
CONSTANT = Section("08_reverse_kl", "The unknown constant")
PLANAR = Section("08_reverse_kl", "Planar")
STUDENT = Section("08_reverse_kl", "A fast student for a slow teacher")

A6 = Assignment("Assignment 6: reverse KL, planar flows, distillation", by_hand=3)
summary, run = A6.summary, A6.run


# --- Exercise 6.1: the free energy ----------------------------------------------------


def wells(x: Tensor) -> Tensor:
    """An energy with many wells."""
    return x.square().sum(-1) + torch.sin(3 * x[..., 0])


def flat(x: Tensor) -> Tensor:
    """The energy 0."""
    return 0 * x[..., 0]


def two_layers(scales: Tensor, bend: Tensor) -> list[Callable]:
    """A layer that stretches each entry, and one that bends each row."""

    def stretches(z: Tensor) -> tuple[Tensor, Tensor]:
        return scales * z, scales.log().sum().expand(len(z))

    def bends(z: Tensor) -> tuple[Tensor, Tensor]:
        slopes = torch.addcmul(torch.ones_like(z), bend, z.cos())
        return torch.addcmul(z, bend, z.sin()), slopes.log().sum(-1)

    return [stretches, bends]


def three_draws(dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Two rows of three entries, and the numbers of the layers."""
    return (
        torch.tensor([[0.5, -1.2, 0.3], [-0.8, 0.4, 2.1]], dtype=dtype),
        torch.tensor([1.5, 0.7, 2.2], dtype=dtype),
        torch.tensor(0.6, dtype=dtype),
    )


@A6.check(
    "6.1 free energy", points=2, passes="energy and entropy, both", read=DIVERGENCE
)
def check_free_energy(free_energy: Callable) -> None:
    """Two rows and two layers at a temperature, in two dtypes."""
    for dtype in (torch.get_default_dtype(), torch.float64):
        where = ", in float64" if dtype == torch.float64 else ""
        z, scales, bend = three_draws(dtype)
        layers = two_layers(scales, bend)
        cases = simpler_energies(free_energy, z, layers)
        got = free_energy(z, layers, wells, 2.5)
        FreeEnergy.compare(got, where, dtype=dtype, cases={} if where else cases)


def simpler_energies(
    free_energy: Callable, z: Tensor, layers: list[Callable]
) -> dict[str, Callable]:
    """Ask where something of the exercise is left out."""

    return {
        "T = 1": lambda: free_energy(z, layers, wells, 1.0),
        "no layer": lambda: free_energy(z, [], wells, 2.5),
        "one layer": lambda: free_energy(z, layers[:1], wells, 2.5),
        "E = 0": lambda: free_energy(z, layers, flat, 2.5),
        "a single row": lambda: free_energy(z[:1], layers, wells, 2.5),
        "a single entry": lambda: free_energy(z[:, :1], layers[1:], wells, 2.5),
    }


@A6.check("6.1 gradient", points=2, passes="the gradient takes both ways", read=ENTROPY)
def check_free_energy_gradient(free_energy: Callable) -> None:
    """How the loss changes with z and with the numbers of both layers."""
    for dtype in (torch.get_default_dtype(), torch.float64):
        where = ", in float64" if dtype == torch.float64 else ""
        cases = {"E = 0": lambda: changes(free_energy, flat, torch.get_default_dtype())}
        FreeEnergyGradient.compare(
            changes(free_energy, wells, dtype),
            where,
            dtype=dtype,
            cases={} if where else cases,
        )


def changes(free_energy: Callable, energy: Callable, dtype: torch.dtype) -> Tensor:
    """A free energy's change by a step of the numbers, and its gradient.

    The step tells who lost a term from who lost its gradient alone.
    """
    z, *numbers = three_draws(dtype)

    def loss(z: Tensor, *of: Tensor) -> Tensor:
        return free_energy(z, two_layers(*of), energy, 2.5)

    further = [each.sqrt() for each in numbers]
    step = torch.as_tensor(loss(z, *further) - loss(z, *numbers))
    return torch.cat([step.detach().reshape(-1), gradient_of(loss, [z, *numbers])])


def gradient_of(loss: Callable[..., Tensor], numbers: list[Tensor]) -> Tensor:
    """All partial derivatives of a loss, one after the other; 0 where none flows."""
    numbers = [each.clone().requires_grad_() for each in numbers]
    value = loss(*numbers)
    if type(value) is not Tensor:
        check(value, torch.zeros(()), idea="the loss")
    if not value.requires_grad:
        return torch.cat([torch.zeros_like(each).reshape(-1) for each in numbers])
    found = torch.autograd.grad(value.sum(), numbers, allow_unused=True)
    filled = [
        torch.zeros_like(each) if slope is None else slope
        for each, slope in zip(numbers, found, strict=True)
    ]
    return torch.cat([each.reshape(-1) for each in filled])


# --- Exercise 6.2: a bump along one direction -----------------------------------------

DETERMINANT = "the log-determinant of the bump layer"


def three_points(dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Four points in three dimensions, w, u and b."""
    return (
        torch.tensor(
            [[0.5, -1.0, 2.0], [1.2, 0.3, -0.4], [-2.0, 0.6, 0.1], [0.2, 0.8, -1.5]],
            dtype=dtype,
        ),
        torch.tensor([0.8, -0.5, 1.1], dtype=dtype),
        torch.tensor([0.9, 0.4, 0.7], dtype=dtype),
        torch.tensor(-0.6, dtype=dtype),
    )


@A6.check("6.2 bump", points=2, passes="the bump and its determinant", read=PLANAR)
def check_bump(bump: Callable) -> None:
    """Four rows of three entries, in two dtypes."""
    for dtype in (torch.get_default_dtype(), torch.float64):
        where = ", in float64" if dtype == torch.float64 else ""
        given = three_points(dtype)
        got = bump(*given)
        for k, idea in enumerate([Bump.idea, DETERMINANT]):
            cases = simpler_bumps(bump, given, k)
            Bump.compare(
                part(got, k, "x, log_det", Bump),
                where,
                idea=idea,
                dtype=dtype,
                cases={} if where else cases,
            )


def simpler_bumps(
    bump: Callable, given: tuple[Tensor, ...], index: int
) -> dict[str, Callable]:
    """Ask for one part of the pair where something is left out."""
    z, w, u, b = given
    return {
        "b = 0": lambda: bump(z, w, u, 0 * b)[index],
        "u = 0": lambda: bump(z, w, 0 * u, b)[index],
        "w = 0": lambda: bump(z, 0 * w, u, b)[index],
        "a single dimension": lambda: bump(z[:, :1], w[:1], u[:1], b)[index],
    }


@A6.check("6.2 condition", points=2, passes="no fold at either end", read=PLANAR)
def check_allowed(allowed: Callable) -> None:
    """Four products w·u: far below the range, within it, and far above."""
    w, unit = torch.tensor([[1.0, -2.0, 0.5], [0.0, -1.0, 0.0]])
    steps = {"-4.2": -0.8, "-0.42": -0.08, "0.63": 0.12, "8.4": 1.6}
    for dtype in (torch.get_default_dtype(), torch.float64):
        where = ", in float64" if dtype == torch.float64 else ""
        rows = {
            of: allowed(w.to(dtype), aslant(w, step, dtype))
            for of, step in steps.items()
        }
        shape = torch.ones(3, dtype=dtype)
        for row in rows.values():
            if type(row) is not Tensor or row.shape != (3,):
                check(row, shape, idea=Allowed.idea)
        cases = {
            f"w·u = {of}": lambda step=step: allowed(w, aslant(w, step, w.dtype))
            for of, step in steps.items()
        }
        cases["w·u = 0"] = lambda: allowed(w, aslant(w, 0.0, w.dtype))
        cases["w of length 1"] = lambda: allowed(unit, aslant(unit, 1.6, w.dtype))
        Allowed.compare(
            torch.stack(list(rows.values())),
            f", for w·u = {', '.join(steps)} (rows){where}",
            dtype=dtype,
            cases={} if where else cases,
        )


def aslant(w: Tensor, step: float, dtype: torch.dtype) -> Tensor:
    """A vector with some length along w, and some at a right angle to it."""
    across = torch.tensor([0.4, 0.2, 0.0])
    return torch.add(across, w, alpha=step).to(dtype)


# --- Exercise 6.3: a student's sequence, and its loss ---------------------------------

TIMES = "how often the student is called for one batch"
OF_STUDENT = "the log-determinant of z -> x"


class Asked:
    """A network that counts how often it is asked."""

    def __init__(self, network: Callable[[Tensor], Tensor]) -> None:
        self.network, self.count = network, 0

    def ask(self, given: Tensor) -> Tensor:
        """Return what the network does."""
        self.count += 1
        return self.network(given)


def small_student(numbers: Tensor) -> Callable[[Tensor], Tensor]:
    """A network whose outputs for entry i see the entries before it."""

    def student(z: Tensor) -> Tensor:
        before = z.cumsum(-1) - z
        shift = numbers[0] * torch.sin(1 + before)
        return torch.stack([shift, numbers[1] * torch.cos(numbers[2] * before)], -1)

    return student


def small_teacher(x: Tensor) -> Tensor:
    """A network of the same kind."""
    before = x.cumsum(-1) - x
    return torch.stack([1.3 * torch.tanh(before), 0.5 * torch.cos(before)], -1)


def sequences(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Two rows of noise, and the numbers of the student."""
    return (
        torch.tensor([[0.7, -1.1, 0.4], [-0.2, 1.6, 0.9]], dtype=dtype),
        torch.tensor([1.4, -0.6, 1.7], dtype=dtype),
    )


@A6.check("6.3 student", points=1, passes="all entries at once", read=STUDENT)
def check_imitate(imitate: Callable) -> None:
    """Two rows of three entries, in two dtypes; how often the student is asked."""
    for dtype in (torch.get_default_dtype(), torch.float64):
        where = ", in float64" if dtype == torch.float64 else ""
        z, numbers = sequences(dtype)
        student = Asked(small_student(numbers))
        got = imitate(z, student.ask)
        for k, idea in enumerate([Imitate.idea, OF_STUDENT]):
            value = part(got, k, "x, log_det", Imitate)
            cases = {
                "a log-scale of 0": lambda k=k, z=z, n=numbers: imitate(
                    z, small_student(n * n.new_tensor([1, 0, 1]))
                )[k],
                "z = 0": lambda k=k, z=z, n=numbers: imitate(0 * z, small_student(n))[
                    k
                ],
            }
            cases["a shift of 0"] = lambda k=k, z=z, n=numbers: imitate(
                z, small_student(n * n.new_tensor([0, 1, 1]))
            )[k]
            cases = {} if where else cases
            Imitate.compare(value, where, idea=idea, dtype=dtype, cases=cases)
        if not where:
            Imitate.compare(student.count, idea=TIMES)


@A6.check("6.3 distillation", points=2, passes="who learns from whom", read=STUDENT)
def check_distil(distillation_loss: Callable) -> None:
    """Two rows of three entries, in two dtypes."""
    for dtype in (torch.get_default_dtype(), torch.float64):
        where = ", in float64" if dtype == torch.float64 else ""
        z, numbers = sequences(dtype)
        student = small_student(numbers)

        def equal(x: Tensor) -> Tensor:
            return torch.stack([torch.zeros_like(x), torch.zeros_like(x)], -1)

        cases = {
            "a standard normal teacher": lambda z=z, student=student: distillation_loss(
                z, student, equal
            ),
            "a standard normal student": lambda z=z: distillation_loss(
                z, equal, small_teacher
            ),
            "z = 0": lambda z=z, student=student: distillation_loss(
                0 * z, student, small_teacher
            ),
            "two that are equal": lambda z=z: distillation_loss(z, equal, equal),
            "a single entry": lambda z=z, student=student: distillation_loss(
                z[:, :1], student, small_teacher
            ),
        }
        got = distillation_loss(z, student, small_teacher)
        Distil.compare(got, where, dtype=dtype, cases={} if where else cases)


@A6.check(
    "6.3 gradient", points=1, passes="through the student and the teacher", read=ENTROPY
)
def check_distil_gradient(distillation_loss: Callable) -> None:
    """The gradient in the student's three numbers, in two dtypes."""
    for dtype in (torch.get_default_dtype(), torch.float64):
        where = ", in float64" if dtype == torch.float64 else ""
        z, numbers = sequences(dtype)
        got = gradient_of(
            lambda of, z=z: distillation_loss(z, small_student(of), small_teacher),
            [numbers],
        )
        cases = {
            "a teacher that is the same everywhere": lambda z=z, n=numbers: gradient_of(
                lambda of: distillation_loss(z, small_student(of), everywhere), [n]
            ),
        }
        DistilGradient.compare(got, where, dtype=dtype, cases={} if where else cases)


def everywhere(x: Tensor) -> Tensor:
    """A teacher whose conditionals are all N(0.3, exp(0.4))."""
    same = torch.ones_like(x)
    return torch.stack([0.3 * same, 0.2 * same], -1)


# --- Exercise 6.4: train the student --------------------------------------------------

NUMBERS = (1.0, -0.7, -0.5, 0.4)
"""Of the teacher as it is handed out."""


def original(x: Tensor) -> Tensor:
    """What the teacher of the notebook returns before anybody trains."""
    before = pad(x, (2, 0))
    last, older = before[:, 1:-1], before[:, :-2]
    mean = 1.5 * torch.tanh(NUMBERS[0] * last + NUMBERS[1] * older)
    return torch.stack([mean, NUMBERS[2] + NUMBERS[3] * torch.tanh(last)], -1)


@A6.check("6.4 training", points=2, passes="the student has learned", read=STUDENT)
def check_student(trained: object) -> None:
    """The divergence from the student to the teacher as it was handed out."""
    check_learned(trained, 5, 0.15)


def check_learned(trained: object, dim: int, limit: float) -> None:
    """Raise CheckFailed unless a student is near the teacher, which has not moved."""
    student, teacher = parts(
        trained, "student, teacher", idea="what train_student returns"
    )
    parameters = parameters_of(student, dim)
    with torch.no_grad():
        z = torch.randn(2000, dim)
        points = 2 * torch.randn(50, dim)
        there = original(points)
        moved = (teacher(points) - there).abs().max().item()
        if not moved < 1e-4:
            fail_training(moved, 0.0, Train.not_frozen, "how far the teacher has moved")
        numbers = conditioned(parameters, z)
        kl = divergence(numbers, made(z, numbers))
        if not kl <= limit:
            fail_training(
                kl,
                limit,
                diagnosed(parameters, z, numbers),
                f"{Train.idea}, which must be at most {limit}",
            )


def parameters_of(student: object, dim: int) -> list[Tensor]:
    """The four parameters of a `Conditioner`; raise CheckFailed for anything else."""
    own = dict(student.named_parameters()) if isinstance(student, nn.Module) else {}
    hidden = len(own.get("inward.bias", [0]))
    shapes = {
        "inward.weight": (hidden, dim),
        "inward.bias": (hidden,),
        "outward.weight": (2 * dim, hidden),
        "outward.bias": (2 * dim,),
    }
    fit = {name: tuple(each.shape) for name, each in own.items()} == shapes
    check(
        fit,
        True,
        idea=f"whether the student, the first of the pair, is a Conditioner({dim})",
        mistakes=[Train.another.giving(False)],
    )
    return [Tensor.detach(own[name]) for name in shapes]


def conditioned(parameters: list[Tensor], z: Tensor) -> Tensor:
    """What the network of the notebook returns for z with these parameters.

    The student itself is not asked: in its place anything could draw slowly, entry by
    entry, as the teacher does.
    """
    inward, bias, outward, constant = parameters
    dim = z.shape[1]
    entries = torch.arange(dim, device=z.device)
    degrees = torch.arange(len(bias), device=z.device) % max(dim - 1, 1)
    hidden = linear(z, inward * (degrees[:, None] >= entries), bias).tanh()
    seen = entries.repeat(2)[:, None] > degrees
    return torch.stack(linear(hidden, outward * seen, constant).chunk(2, -1), -1)


def made(z: Tensor, numbers: Tensor) -> Tensor:
    """What a student with these numbers makes of z."""
    return torch.addcmul(numbers[..., 0], z, numbers[..., 1].exp())


def divergence(numbers: Tensor, x: Tensor) -> float:
    """The mean over rows of the sum of the conditionals' divergences, in nats."""
    q, p = (
        Normal(each[..., 0], each[..., 1].exp(), validate_args=False)
        for each in (numbers, original(x))
    )
    return kl_divergence(q, p).sum(-1).mean().item()


def diagnosed(parameters: list[Tensor], z: Tensor, numbers: Tensor) -> Mistake:
    """Return the mistake that a badly trained student looks like."""
    if numbers.abs().max() < 1e-6:  # as it is before the first step
        return Train.nothing
    wider = (numbers[..., 1] - original(made(z, numbers))[..., 1]).mean()
    if wider < -2:
        return Train.collapsed
    x = torch.zeros_like(z)
    for _ in range(z.shape[1]):  # as the teacher draws: one entry after the other
        x = made(z, original(x))
    again = conditioned(parameters, x)
    return Train.autoregressive if divergence(again, x) < 0.5 else Train.little


def fail_training(got: float, limit: float, mistake: Mistake, what: str) -> None:
    """Raise CheckFailed: this number of a trained student is wrong."""
    shown = round(got, 3)
    check(shown, limit, idea=what, mistakes=[mistake.giving(shown)])


# --- Exercise 6.5: an estimate of -log Z ----------------------------------------------


def five_weights(dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """The log-densities and energies of five samples, and three temperatures."""
    return (
        torch.tensor([-1.2, -0.4, -2.5, -0.9, -3.1], dtype=dtype),
        torch.tensor([0.8, -0.5, 2.2, 0.1, 1.7], dtype=dtype),
        torch.tensor([0.5, 1.0, 3.0], dtype=dtype),
    )


FAR = ", for energies in thousands"


@A6.check("6.5 -log Z", points=2, passes="Z at every temperature", read=CONSTANT)
def check_log_z(minus_log_z: Callable) -> None:
    """Five samples and three temperatures, in two dtypes; energies in thousands."""
    for got, asked in questions(minus_log_z, 0, LogZ):
        LogZ.compare(got, **asked)


@A6.check("6.5 error", points=1, passes="and how far it can be trusted", read=CONSTANT)
def check_log_z_error(minus_log_z: Callable) -> None:
    """The same, for the errors."""
    for got, asked in questions(minus_log_z, 1, LogZError):
        LogZError.compare(got, **asked)


def questions(
    minus_log_z: Callable, index: int, known: type[Known]
) -> Iterator[tuple[Tensor, dict[str, Any]]]:
    """One part of each pair, and how it is compared."""
    names = "estimate, error"
    for dtype in (torch.get_default_dtype(), torch.float64):
        where = ", in float64" if dtype == torch.float64 else ""
        log_q, energy, at = five_weights(dtype)
        cases = simpler_weights(minus_log_z, log_q, energy, at, index)
        got = part(minus_log_z(log_q, energy, at), index, names, known)
        yield got, {"where": where, "dtype": dtype, "cases": {} if where else cases}
    log_q, energy, at = five_weights(torch.float64)
    got = minus_log_z(log_q, torch.add(energy, 3000), at)
    yield part(got, index, names, known), {"where": FAR, "dtype": torch.float64}


def simpler_weights(
    minus_log_z: Callable, log_q: Tensor, energy: Tensor, at: Tensor, index: int
) -> dict[str, Callable]:
    """Ask where something is left out."""
    return {
        "T = 1": lambda: minus_log_z(log_q, energy, at[1:2])[index],
        "E = 0": lambda: minus_log_z(log_q, 0 * energy, at)[index],
        "a uniform q": lambda: minus_log_z(0 * log_q, energy, at)[index],
        "two samples": lambda: minus_log_z(log_q[:2], energy[:2], at)[index],
        "samples that are all alike": lambda: minus_log_z(
            log_q[:1].expand(5), energy[:1].expand(5), at
        )[index],
    }
