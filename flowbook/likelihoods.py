"""What a decoder says about the data: likelihoods with all their constants."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from flowbook.constants import Constants
from flowbook.inputs import (
    as_generator,
    expect_count,
    expect_floating,
    expect_positive,
    require,
)

HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


def normal_log_prob(x: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """Return the elementwise log-density of N(mean, exp(log_std)²) at x, in nats."""
    scaled = (x - mean) * (-log_std).exp()
    return -0.5 * scaled.square() - log_std - HALF_LOG_TWO_PI


def expect_levels(x: Tensor, levels: int, owner: str, name: str = "levels") -> Tensor:
    """Return x, or raise ValueError unless it holds whole numbers 0 to levels - 1.

    Integers and booleans come back as int64. What is no tensor of real numbers is a
    TypeError.
    """
    if not isinstance(x, Tensor) or x.is_complex():
        kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(
            f"{owner} expects x as a torch.Tensor of real numbers, got {kind}."
        )
    x = x if x.is_floating_point() else x.long()
    require(
        x,
        lambda value: value == value.round().clamp(0, levels - 1),
        f"{owner} expects {name}, the whole numbers 0 to {levels - 1}",
    )
    return x


class Likelihood(Constants, ABC):
    """p(x | z): a product over dimensions whose parameters a decoder computes.

    A decoder gives `numbers` numbers a dimension, in one last axis of numbers * dim,
    all dimensions of the first number first.

    Shapes: x (..., dim); parameters (..., numbers * dim); log_prob (...).
    Leading axes broadcast, so that K latent samples of one x need no copies of x.

    Raises:
        ValueError: x is outside the support, or the last axis of the parameters is not
            `numbers` times that of x.
    """

    numbers: int

    def forward(self, x: Tensor, parameters: Tensor) -> Tensor:
        """Return log p(x | parameters) in nats, summed over dimensions."""
        numbers = self._numbers(parameters)
        if not isinstance(x, Tensor):
            raise TypeError(
                f"{type(self).__name__} expects x as a torch.Tensor, got "
                f"{type(x).__name__}."
            )
        if x.ndim == 0 or parameters.shape[-1:] != (self.numbers * x.shape[-1],):
            raise ValueError(
                f"{type(self).__name__} expects x of shape (..., dim) and parameters "
                f"of shape (..., {self.numbers} * dim), got {tuple(x.shape)} and "
                f"{tuple(parameters.shape)}."
            )
        return self.log_prob(x, *numbers).sum(-1)

    def _numbers(self, parameters: Tensor) -> tuple[Tensor, ...]:
        """Return each number of the dimensions, (..., dim), out of the last axis."""
        owner = type(self).__name__
        expect_floating(parameters, owner, "parameters")
        if parameters.ndim == 0 or parameters.shape[-1] % self.numbers:
            raise ValueError(
                f"{owner} expects parameters of shape (..., {self.numbers} * dim), got "
                f"{tuple(parameters.shape)}."
            )
        return parameters.chunk(self.numbers, dim=-1)

    @abstractmethod
    def log_prob(self, x: Tensor, *numbers: Tensor) -> Tensor:
        """Return the log-probability of every dimension, shape (..., dim)."""

    @abstractmethod
    def mean(self, parameters: Tensor) -> Tensor:
        """Return E[x | parameters], shape (..., dim)."""

    @torch.no_grad()
    def sample(self, parameters: Tensor, seed: int | torch.Generator) -> Tensor:
        """Draw x given the parameters, shape (..., dim).

        An int seeds a new generator on the parameters' device; a generator is advanced.
        """
        return self._draw(parameters, as_generator(seed, parameters.device))

    @abstractmethod
    def _draw(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        """Draw x given the parameters with this generator."""


class Gaussian(Likelihood):
    """N(x; mean, sigma²) with one sigma for all dimensions.

    That is the squared error over 2 sigma², *plus* dim log(sigma sqrt(2 pi)), which a
    mean squared error leaves out.
    """

    numbers = 1
    log_sigma: Tensor

    def log_prob(self, x: Tensor, mean: Tensor) -> Tensor:
        """Return the log-density of every dimension, shape (..., dim)."""
        return normal_log_prob(x, mean, self.log_sigma)

    def mean(self, parameters: Tensor) -> Tensor:
        """Return E[x | parameters], shape (..., dim)."""
        return parameters

    def _draw(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.empty_like(parameters).normal_(generator=generator)
        return parameters + self.log_sigma.exp() * noise


class FixedGaussian(Gaussian):
    """A Gaussian likelihood whose sigma is known."""

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.register_buffer("log_sigma", _log_of_positive(sigma))


class LearnedGaussian(Gaussian):
    """A Gaussian likelihood whose sigma is learned with the decoder."""

    def __init__(self, sigma: float = 1.0) -> None:
        super().__init__()
        self.log_sigma = nn.Parameter(_log_of_positive(sigma))


def _log_of_positive(sigma: float) -> Tensor:
    return torch.tensor(math.log(expect_positive(sigma, "A Gaussian", "sigma")))


class Bernoulli(Likelihood):
    """x in {0, 1}, from logits. It is no likelihood of grey values between."""

    numbers = 1

    def log_prob(self, x: Tensor, logits: Tensor) -> Tensor:
        """Return the log-probability of every dimension, shape (..., dim)."""
        x = expect_levels(x, 2, "Bernoulli")
        return -functional.softplus(torch.where(x > 0.5, -logits, logits))

    def mean(self, parameters: Tensor) -> Tensor:
        """Return E[x | parameters], shape (..., dim)."""
        return parameters.sigmoid()

    def _draw(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        return torch.bernoulli(parameters.sigmoid(), generator=generator)


class Categorical(Likelihood):
    """x in {0, ..., levels - 1}, one free probability a level."""

    def __init__(self, levels: int = 17) -> None:
        super().__init__()
        self.numbers = expect_count(levels, "Categorical", 2, "levels")

    def log_prob(self, x: Tensor, *logits: Tensor) -> Tensor:
        """Return the log-probability of every dimension, shape (..., dim)."""
        x = expect_levels(x, self.numbers, "Categorical")
        if len(logits) != self.numbers:
            raise ValueError(
                f"Categorical expects {self.numbers} logits, got {len(logits)}."
            )
        log_probs = torch.stack(logits, dim=-1).log_softmax(-1)
        shape = torch.broadcast_shapes(x.shape, log_probs.shape[:-1])
        index = x.long().expand(shape)[..., None]
        return log_probs.expand(*shape, -1).gather(-1, index)[..., 0]

    def probs(self, parameters: Tensor) -> Tensor:
        """Return the probability of every level, shape (..., dim, levels)."""
        return torch.stack(self._numbers(parameters), -1).softmax(-1)

    def mean(self, parameters: Tensor) -> Tensor:
        """Return E[x | parameters], shape (..., dim)."""
        levels = torch.arange(self.numbers, device=parameters.device)
        return self.probs(parameters) @ levels.to(parameters)

    def _draw(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        probs = self.probs(parameters)
        rows = probs.flatten(0, -2)
        if not len(rows):  # which torch.multinomial refuses
            return parameters.new_empty(probs.shape[:-1])
        drawn = torch.multinomial(rows, 1, generator=generator)
        return drawn.reshape(probs.shape[:-1]).to(parameters)


class DiscretizedLogistic(Likelihood):
    """x in {0, ..., levels - 1}: the mass that a logistic density puts around x.

        P(x) = F((x + 1/2 - mean) / s) - F((x - 1/2 - mean) / s),   F = sigmoid,

    where the outermost levels keep the tails, so that the levels sum to one
    (Kingma et al., 2016; Salimans et al., 2017). `mean` is in levels.
    The decoder's first number is the mean on a scale where [-1, 1] spans the levels,
    its second the logarithm of s in levels.
    """

    numbers = 2
    constants = ("levels",)

    def __init__(self, levels: int = 17) -> None:
        super().__init__()
        self.levels = expect_count(levels, "DiscretizedLogistic", 2, "levels")

    def location(self, raw: Tensor) -> Tensor:
        """Return the logistic's centre, in levels."""
        return (raw + 1) * (self.levels - 1) / 2

    def log_prob(self, x: Tensor, raw: Tensor, log_scale: Tensor) -> Tensor:
        """Return the log-probability of every dimension, shape (..., dim)."""
        x = expect_levels(x, self.levels, "DiscretizedLogistic")
        inverse_scale = (-log_scale).exp()
        centred = x - self.location(raw)
        upper = (centred + 0.5) * inverse_scale
        lower = (centred - 0.5) * inverse_scale
        # F(u) - F(l) = (1 - exp(l - u)) F(u) F(-l), without cancellation.
        inside = torch.log(-torch.expm1(-inverse_scale))
        upper_tail = functional.logsigmoid(upper).masked_fill(x >= self.levels - 1, 0.0)
        lower_tail = functional.logsigmoid(-lower).masked_fill(x <= 0, 0.0)
        edge = (x <= 0) | (x >= self.levels - 1)
        return upper_tail + lower_tail + torch.where(edge, 0.0, inside)

    def mean(self, parameters: Tensor) -> Tensor:
        """Return E[x | parameters], shape (..., dim)."""
        raw, log_scale = self._numbers(parameters)
        levels = torch.arange(self.levels, device=raw.device).to(raw)
        shape = (self.levels, *(1,) * raw.dim())
        probs = self.log_prob(
            levels.reshape(shape).expand(-1, *raw.shape), raw, log_scale
        )
        return (probs.exp() * levels.reshape(shape)).sum(0)

    def _draw(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        raw, log_scale = self._numbers(parameters)
        uniform = torch.empty_like(raw).uniform_(1e-6, 1 - 1e-6, generator=generator)
        value = self.location(raw) + log_scale.exp() * uniform.logit()
        return value.round().clamp(0, self.levels - 1)
