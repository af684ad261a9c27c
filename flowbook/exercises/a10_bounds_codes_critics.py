"""What the checks of assignment 10, bounds, codes and critics, ask and know."""

import math
import random
from collections.abc import Callable

import torch
from torch import Tensor

from flowbook.exercises.assignment import Assignment, Section
from flowbook.exercises.known import check, part
from flowbook.exercises.mistakes.a10_bounds_codes_critics import (
    Bounds,
    BoundsRange,
    Codes,
    CriticStep,
    Divergence,
    Earth,
    Encoder,
    GeneratorStep,
    Judge,
    Own,
    Pair,
    Penalty,
    Pull,
    Through,
)
from flowbook.information import water_filling

BOUND = Section("16_tighter_bounds", "The bound")
REPAIRS = Section("16_tighter_bounds", "Two repairs, and only one of them right")
PRICE = Section("17_hierarchies_and_codes", "A code, and what it costs")
ROUNDING = Section("17_hierarchies_and_codes", "Through the rounding")
ONE = Section("18_information", "One direction")
WATER = Section("18_information", "All directions: water")
GAME = Section("19_autoencoders_and_gans", "A game")
EARTH = Section("19_autoencoders_and_gans", "Moving earth")
CRITIC = Section("19_autoencoders_and_gans", "A critic instead of a judge")

A10 = Assignment("Assignment 10: bounds, codes and critics", by_hand=3)
run, summary = A10.run, A10.summary


def dtypes() -> list[tuple[torch.dtype, str]]:
    """The dtypes that a check asks in, each with the words that tell it."""
    return [(torch.get_default_dtype(), ""), (torch.float64, ", in float64")]


# --- Exercise 10.1: every bound at once -----------------------------------------------


@A10.check("10.1 bounds", points=2, passes="every bound at once", read=BOUND)
def check_bounds(bounds: Callable) -> None:
    """Three draws for two rows, in two dtypes."""
    log_joint = torch.tensor([[-1.0, -2.0], [-3.0, 0.5], [0.2, -1.5]])
    log_q = torch.tensor([[-0.5, -1.0], [-0.2, -0.7], [-1.1, 0.3]])
    cases = {
        "one draw": lambda: bounds(log_joint[:1], log_q[:1]),
        "weights of 1": lambda: bounds(log_q, log_q),
        "log q = 0": lambda: bounds(log_joint, 0 * log_q),
    }
    for dtype, where in dtypes():
        got = bounds(log_joint.to(dtype), log_q.to(dtype))
        Bounds.compare(got, where, dtype=dtype, cases={} if where else cases)


@A10.check(
    "10.1 range", points=1, passes="no weight is too small or too large", read=BOUND
)
def check_bounds_range(bounds: Callable) -> None:
    """Weights that are no floating-point numbers, both kinds in one column, too."""
    log_joint = torch.tensor(
        [[-2000.0, 500.0, -2000.0, 500.0], [500.0, -2000.0, -2000.0, 500.0]]
    )
    got = bounds(log_joint, torch.zeros(2, 4))
    BoundsRange.compare(10 * torch.round(part_of(got) / 10))


def part_of(got: object) -> Tensor:
    """The same tensor; CheckFailed for what is none."""
    if type(got) is not Tensor:
        check(got, torch.zeros(2, 4), idea=BoundsRange.idea)
    return got


# --- Exercise 10.2: the encoder's gradient --------------------------------------------


@A10.check(
    "10.2 encoder",
    points=2,
    passes="the gradient that does not drown",
    read=REPAIRS,
)
def check_encoder(encoder_gradient: Callable) -> None:
    """Three draws for two rows, in two dtypes."""
    mean, log_scale = torch.tensor([0.3, -0.8]), torch.tensor([-0.5, 0.4])
    noise = torch.tensor([[0.4, -1.3], [-0.9, 0.6], [1.7, 0.2]])

    def log_joint(z: Tensor) -> Tensor:
        return -((z - 1) ** 2) / 5 - torch.cos(2 * z) / 4

    def flat(z: Tensor) -> Tensor:
        return 0 * z - 1

    cases = {
        "one draw": lambda: encoder_gradient(log_joint, mean, log_scale, noise[:1]),
        "b = 1": lambda: encoder_gradient(log_joint, mean, 0 * log_scale, noise),
        "a constant p(x, z)": lambda: encoder_gradient(flat, mean, log_scale, noise),
        "draws at m, noise 0": lambda: encoder_gradient(
            log_joint, mean, log_scale, 0 * noise
        ),
    }
    for dtype, where in dtypes():
        given = [each.to(dtype) for each in (mean, log_scale, noise)]
        got = encoder_gradient(log_joint, *given)
        Encoder.compare(got, where, dtype=dtype, cases={} if where else cases)


# --- Exercise 10.3: codes of what is left ---------------------------------------------


def codebooks() -> Tensor:
    """Two stages of four vectors of three numbers."""
    coarse = [
        [2.0, -3.0, 2.0],
        [2.0, -2.0, -2.0],
        [-1.0, 3.0, -3.0],
        [-2.0, -3.0, -1.0],
    ]
    fine = [[0.5, -0.5, 0.5], [0.5, 0.0, 0.0], [1.5, 0.5, 1.5], [-1.0, -0.5, -0.5]]
    return torch.tensor([coarse, fine])


@A10.check("10.3 codes", points=1, passes="each stage codes what is left", read=PRICE)
def check_codes(residual_codes: Callable) -> None:
    """Five rows, of which one has two nearest codes, in two dtypes."""
    z = torch.tensor(
        [
            [3.0, 2.5, 2.0],
            [-2.0, -1.0, 0.5],
            [0.5, -0.5, 0.5],
            [-2.0, 2.0, 3.0],
            [1.5, -0.5, 2.0],
        ]
    )
    cases = {
        "one stage": lambda: residual_codes(z, codebooks()[:1]),
        "one code in each stage": lambda: residual_codes(z, codebooks()[:, :1]),
    }
    for dtype, where in dtypes():
        got = residual_codes(z.to(dtype), codebooks().to(dtype))
        Codes.compare(got, where, cases={} if where else cases)


def quantised_by(
    quantise: Callable, dtype: torch.dtype
) -> tuple[object, Tensor, Tensor]:
    """What an answer gives for four rows, and the two inputs, with gradients."""
    z = torch.tensor(
        [[4.5, 0.5, 0.0], [-0.5, 3.0, 0.5], [-2.0, -1.5, 1.0], [0.5, -1.0, -1.5]]
    )
    z = z.to(dtype).requires_grad_()
    books = codebooks().to(dtype).requires_grad_()
    codes = torch.tensor([[1, 0], [2, 1], [3, 3], [0, 2]])
    return quantise(z, books, codes, 0.25), z, books


def one_stage(quantise: Callable) -> object:
    """What an answer gives where there is one stage."""
    z = torch.tensor([[4.5, 0.5, 0.0], [-0.5, 3.0, 0.5]])
    return quantise(z, codebooks()[:1], torch.tensor([[1], [2]]), 0.25)


def gradients(value: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
    """The gradients of a sum, 0 for an input that it does not reach."""
    total = (value * weights_like(value)).sum() + sum(0 * each.sum() for each in inputs)
    return torch.autograd.grad(total, inputs, retain_graph=True)


GRADIENTS = ", gradients of z and of the codebooks"


def reached(value: Tensor, z: Tensor, books: Tensor) -> Tensor:
    """The gradients of z, and below them those of the codebooks, in rows."""
    of_z, of_books = gradients(value, z, books)
    return torch.cat((of_z, of_books.flatten(0, 1)))


def weights_like(value: Tensor) -> Tensor:
    """Different numbers of the shape of a tensor."""
    return torch.arange(1.0, value.numel() + 1).to(value).reshape(value.shape)


@A10.check(
    "10.3 straight through",
    points=1,
    passes="the decoder's gradient passes through the rounding",
    read=ROUNDING,
)
def check_through(quantise: Callable) -> None:
    """The value, and the gradients of a weighted sum, in two dtypes."""
    names = "quantised, terms"
    for dtype, where in dtypes():
        got, z, books = quantised_by(quantise, dtype)
        quantised = part(got, 0, names, Through)
        simple = {"one stage": lambda: part(one_stage(quantise), 0, names, Through)}
        Through.compare(
            quantised,
            f", its value{where}",
            dtype=dtype,
            given={"z": z},
            cases={} if where else simple,
        )
        Through.compare(
            reached(quantised, z, books), f"{GRADIENTS}{where}", dtype=dtype
        )


@A10.check(
    "10.3 pull", points=1, passes="each term moves what it should", read=ROUNDING
)
def check_pull(quantise: Callable) -> None:
    """The value, and the gradients of a weighted sum, in two dtypes."""
    for dtype, where in dtypes():
        got, z, books = quantised_by(quantise, dtype)
        terms = part(got, 1, "quantised, terms", Pull)
        Pull.compare(terms, f", their value{where}", dtype=dtype)
        Pull.compare(reached(terms, z, books), f"{GRADIENTS}{where}", dtype=dtype)


# --- Exercise 10.4: spend your nats ---------------------------------------------------

SIGMA = 0.4


def own_water(seed: int) -> tuple[Tensor, float, float]:
    """The variances of six features, sigma, and the nats of a student's number."""
    drawn = random.Random(seed)
    ratio = drawn.uniform(0.5, 0.7)
    sizes = [drawn.uniform(6, 10)]
    for _ in range(5):
        sizes.append(sizes[-1] * ratio * drawn.uniform(0.98, 1.02))
    variances = torch.tensor([float(f"{size:.3g}") for size in sizes])
    active = drawn.choice([3, 4])
    level = sizes[active - 1] * ratio ** drawn.uniform(0.4, 0.6)
    rates, _ = water_filling(variances, level)
    return variances, SIGMA, round(rates.sum().item(), 2)


def plain_number(got: object) -> object:
    """A tensor of one number as a plain one; everything else as it is."""
    if type(got) is Tensor and got.numel() == 1:
        return float(got.detach())
    return float(got) if type(got) is int else got


@A10.check("10.4 your nats", points=1, passes="all of your nats are spent", read=WATER)
def check_own(my_beta: object, seed: int) -> None:
    """What the best linear VAE with this beta spends of the student's own nats."""
    got = plain_number(my_beta)
    if type(got) is not float:
        check(got, 1.0, idea="beta, a number")
    check(0 < got < math.inf, True, idea="whether beta is positive and finite")
    variances, sigma, nats = own_water(seed)
    level = got * sigma**2
    spent = spends(variances, level)
    close = 4e-4 * int((variances > level).sum().clamp(min=1))
    if abs(spent - nats) > close:
        mistake = reading(got, variances, sigma, nats).giving(round(spent, 4))
        check(round(spent, 4), nats, idea=Own.idea, mistakes=[mistake])


def spends(variances: Tensor, level: float) -> float:
    """The nats of the best linear VAE at a level."""
    return water_filling(variances, level)[0].sum().item()


def reading(beta: float, variances: Tensor, sigma: float, nats: float) -> object:
    """The mistake with which this beta would be right."""
    level = beta * sigma**2
    logs = (variances / level).log() / 2
    above = int((logs > 0).sum())
    spent = {
        Own.level: spends(variances, beta),
        Own.sigma: spends(variances, beta * sigma),
        Own.turned: spends(variances, sigma**2 / beta),
        Own.bits: spends(variances, level) / math.log(2),
        Own.half: 2 * spends(variances, level),
        Own.drowned: logs.sum().item(),
        Own.few: logs[: max(above - 1, 1)].sum().item(),
        Own.deviations: spends(variances**2, level),
    }
    fits = {known: abs(each - nats) for known, each in spent.items()}
    best = min(fits, key=fits.__getitem__)
    if fits[best] < 0.004:
        return best
    return Own.digits if abs(spends(variances, level) - nats) < 0.02 else Own.other


# --- Exercise 10.5: noise of its own --------------------------------------------------


@A10.check(
    "10.5 noise of its own",
    points=2,
    passes="each feature has its own level",
    read=ONE,
)
def check_pair(best_pair: Callable) -> None:
    """Four features: two above their level, one below, one just at it."""
    variances = torch.tensor([2.6, 0.3, 1.5, 0.5])
    noise = torch.tensor([0.4, 0.5, 0.1, 0.25])
    cases = {
        "beta = 1": lambda: best_pair(variances, noise, 1.0),
        "equal noise variances": lambda: best_pair(variances, 0 * noise + 0.2, 2.0),
        "noise variances of 1": lambda: best_pair(8 * variances, 0 * noise + 1, 2.0),
        "beta that is too large for all": lambda: best_pair(variances, noise, 100.0),
    }
    names = "w, v, s2"
    for dtype, where in dtypes():
        got = best_pair(variances.to(dtype), noise.to(dtype), 2.0)
        for index, name in enumerate(("the decoder w", "the encoder v", "s^2 of q")):
            Pair.compare(
                part(got, index, names, Pair),
                f", {name}{where}",
                dtype=dtype,
                cases=each_part(cases, index, names) if not where else {},
            )


def each_part(
    cases: dict[str, Callable], index: int, names: str
) -> dict[str, Callable]:
    """The same simpler questions, of one part of the answer."""
    return {
        name: lambda ask=ask: part(ask(), index, names, Pair)
        for name, ask in cases.items()
    }


# --- Exercise 10.6: a judge with other shares -----------------------------------------


@A10.check("10.6 judge", points=1, passes="the best judge, also far away", read=GAME)
def check_judge(log_judge: Callable) -> None:
    """Five places, two of them far from one of the densities, in two dtypes."""
    log_p = torch.tensor([-1.0, -2.5, -0.3, -2000.0, -1.0])
    log_q = torch.tensor([-2.0, -0.5, -0.3, -1.0, -2000.0])
    near = slice(3)
    cases = {
        "shares of one half": lambda: log_judge(log_p, log_q, 0.5),
        "places that are near both": lambda: log_judge(log_p[near], log_q[near], 0.2),
        "p = q": lambda: log_judge(log_q, log_q, 0.2),
    }
    for dtype, where in dtypes():
        got = log_judge(log_p.to(dtype), log_q.to(dtype), 0.2)
        Judge.compare(got, where, dtype=dtype, cases={} if where else cases)


@A10.check("10.6 divergence", points=1, passes="what the shares make of JS", read=GAME)
def check_divergence(divergence: Callable) -> None:
    """Five places, of which p, q and both leave one out, in two dtypes."""
    p = torch.tensor([0.6, 0.4, 0.5, 0.0, 0.0])
    q = torch.tensor([0.3, 0.8, 0.0, 0.1, 0.0])
    widths = torch.tensor([0.5, 0.75, 0.8, 2.5, 1.0])
    cases = {
        "shares of one half": lambda: divergence(p.log(), q.log(), widths, 0.5),
        "p = q": lambda: divergence(q.log(), q.log(), widths, 0.2),
        "densities without zeros": lambda: divergence(
            p[:2].log(), q[:2].log(), widths[:2], 0.2
        ),
    }
    for dtype, where in dtypes():
        given = [each.to(dtype) for each in (p.log(), q.log(), widths)]
        got = divergence(*given, 0.2)
        Divergence.compare(got, where, dtype=dtype, cases={} if where else cases)


# --- Exercise 10.7: earth of two samples ----------------------------------------------


@A10.check("10.7 earth", points=1, passes="samples of any two sizes", read=EARTH)
def check_earth(earth_moved: Callable) -> None:
    """Three points and four, not sorted, one of them in both, in two dtypes."""
    x, y = torch.tensor([-1.6, 3.9, 3.7]), torch.tensor([3.7, -0.2, 1.1, 0.5])
    cases = {
        "equal sizes": lambda: earth_moved(x, y[:3]),
        "one point each": lambda: earth_moved(x[:1], y[:1]),
        "a shifted sample": lambda: earth_moved(x, x + 2),
        "two equal samples": lambda: earth_moved(x, x.flip(0)),
        "the points 0 and 1": lambda: earth_moved(0 * x[:1], 0 * x[:1] + 1),
    }
    for dtype, where in dtypes():
        got = earth_moved(x.to(dtype), y.to(dtype))
        Earth.compare(got, where, dtype=dtype, cases={} if where else cases)


# --- Exercise 10.8: a critic and a generator ------------------------------------------


def scores(weights: Tensor, x: Tensor) -> Tensor:
    """A critic with three weights for two features."""
    return torch.sin(x[:, 0] * weights[0]) + x[:, 1] * weights[1] + weights[2] * x[:, 0]


@A10.check(
    "10.8 penalty",
    points=1,
    passes="steep places cost, and the critic can learn it",
    read=CRITIC,
)
def check_penalty(penalty: Callable) -> None:
    """Three places, of which one is flat, and the gradient for the weights."""
    x = torch.tensor([[0.2, 1.0], [1.5, -0.4], [-0.9, 0.3]])
    for dtype, where in dtypes():
        steep = torch.tensor([2.0, 0.6, 0.5], dtype=dtype, requires_grad=True)

        def critic(x: Tensor, weights: Tensor = steep) -> Tensor:
            return scores(weights, x)

        got = penalty(critic, x.to(dtype))
        cases = {
            "a critic that is nowhere steep": lambda c=critic: penalty(
                lambda x: 0.1 * c(x), x
            ),
            "one point": lambda c=critic: penalty(c, x[:1]),
            "the critic 2 x of one feature": lambda: penalty(
                lambda x: 2 * x[:, 0], x[:, :1]
            ),
        }
        Penalty.compare(
            got, f", its value{where}", dtype=dtype, cases={} if where else cases
        )
        (reached,) = gradients(got, steep)
        Penalty.compare(
            reached, f", its gradient for the critic's weights{where}", dtype=dtype
        )


@A10.check("10.8 critic", points=1, passes="a step, and then the clipping", read=CRITIC)
def check_critic(critic_step: Callable) -> None:
    """Three weights, two rows of data and three of samples, in two dtypes."""
    weights = torch.tensor([0.2, -0.38, 0.5])
    real = torch.tensor([[1.0, 0.4], [0.6, -0.2]])
    fake = torch.tensor([[-0.5, 0.9], [0.1, 0.7], [-1.2, 1.1]])
    cases = {
        "a bound that is never reached": lambda: critic_step(
            scores, weights, real, fake, 0.05, 9.0
        ),
        "a rate of 0": lambda: critic_step(scores, weights, real, fake, 0.0, 0.4),
    }
    for dtype, where in dtypes():
        given = [each.to(dtype) for each in (weights, real, fake)]
        got = critic_step(scores, *given, 0.05, 0.4)
        CriticStep.compare(
            got,
            where,
            dtype=dtype,
            given={"weights": given[0]},
            cases={} if where else cases,
        )


@A10.check(
    "10.8 generator",
    points=1,
    passes="the samples go where scores are high",
    read=CRITIC,
)
def check_generator(generator_step: Callable) -> None:
    """Three rows of noise and a shift of two features, in two dtypes."""
    weights, shift = torch.tensor([1.3, -0.6, 0.4]), torch.tensor([0.7, -0.2])
    z = torch.tensor([[-0.5, 0.9], [0.1, 0.7], [-1.2, 1.1]])
    cases = {
        "one row": lambda: generator_step(scores, weights, shift, z[:1], 0.3),
        "a rate of 1": lambda: generator_step(scores, weights, shift, z, 1.0),
    }
    for dtype, where in dtypes():
        given = [each.to(dtype) for each in (weights, shift, z)]
        got = generator_step(scores, *given, 0.3)
        GeneratorStep.compare(
            got,
            where,
            dtype=dtype,
            given={"shift": given[1], "the mean of z": given[2].mean(0)},
            cases={} if where else cases,
        )
