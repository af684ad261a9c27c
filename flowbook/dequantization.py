"""From levels to densities: noise, the bound that it gives, and maps of the pixels."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from flowbook.constants import Constants
from flowbook.elementwise import ElementwiseAffine, Logistic
from flowbook.flow import Flow, Inverse, Layer
from flowbook.inputs import (
    as_generator,
    expect_count,
    expect_rows,
    one_dtype,
    require,
)
from flowbook.likelihoods import expect_levels
from flowbook.nets import mlp
from flowbook.piecewise import PiecewiseLinear

# Noise keeps this far from the ends of [0, 1], where rounding would make a level of it.
EDGE = 2.0**-17


class UniformNoise(nn.Module):
    """Uniform noise on (0, 1), whatever the level.

    Shapes: levels (batch, dim); noise (batch, dim) and its log-density (batch,).
    """

    def forward(
        self, levels: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return noise and log q(noise | levels)."""
        expect_rows(levels, None, "UniformNoise", "levels")
        uniform = torch.empty_like(levels).uniform_(generator=generator)
        return _inside(uniform, levels.new_zeros(len(levels)))


class LearnedNoise(Constants):
    """Noise of a density that is trained with the flow (Ho et al., 2019, section 3.1).

    A network of the levels gives each entry a shift t and a log-scale s, and

        u = logistic(exp(s) e + t),    e with the logistic density,
        log q(u | x) = sum(log p(e) - s - log logistic'(exp(s) e + t)).

    A new one is uniform noise. Flow++ has coupling layers where this has one scale and
    one shift; like these they are conditional on x.

    Shapes: levels (batch, dim); noise (batch, dim) and its log-density (batch,).
    """

    constants = ("levels",)

    def __init__(self, dim: int, levels: int = 17, hidden: int = 64) -> None:
        super().__init__()
        self.dim = dim
        self.levels = expect_count(levels, "LearnedNoise", 2, "levels")
        self.network = mlp(dim, hidden, 2 * dim, zero_output=True)

    def forward(
        self, levels: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return noise and log q(noise | levels)."""
        expect_rows(levels, self.dim, "LearnedNoise", "levels")
        with one_dtype(self, levels, "levels"):
            numbers = self.network(2 * levels / (self.levels - 1) - 1)
        raw, shift = numbers.chunk(2, -1)
        log_scale = 2 * torch.tanh(raw / 2)
        uniform = torch.empty_like(levels).uniform_(generator=generator)
        noise = uniform.clamp(EDGE, 1 - EDGE).logit()
        v = noise * log_scale.exp() + shift
        log_q = _log_logistic(noise) - log_scale - _log_logistic(v)
        return _inside(v.sigmoid(), log_q.sum(-1))


class Dequantized(nn.Module):
    """Levels that a flow on noisy levels makes: p(x) is its mass on x + [0, 1)^dim.

    That integral has no formula. Noise u of any density q bounds it from below, since
    the logarithm is concave:

        log p(x) >= E[log flow(x + u) - log q(u | x)].

    Shapes: levels (batch, dim); bounds (batch,).

    Raises:
        ValueError: what came is no floating-point tensor of whole numbers from 0 on.
    """

    def __init__(self, flow: Flow, noise: nn.Module | None = None) -> None:
        super().__init__()
        self.flow = flow
        self.noise = UniformNoise() if noise is None else noise

    def bound(
        self, levels: Tensor, seed: int | torch.Generator | None = None
    ) -> Tensor:
        """Return the bound of log p(x) in nats for one draw of the noise a row.

        Without a seed the noise is from torch's own generator, which `fit` seeds.
        """
        expect_rows(levels, self.flow.dim, "Dequantized", "levels")
        require(
            levels,
            lambda value: (value >= 0) & (value == value.round()),
            "Dequantized expects levels, the whole numbers from 0 on",
        )
        generator = None if seed is None else as_generator(seed, levels.device)
        noise, log_q = self.noise(levels, generator)
        return self.flow.log_prob(levels + noise) - log_q

    @torch.no_grad()
    def importance_weighted(
        self, levels: Tensor, draws: int, seed: int | torch.Generator
    ) -> Tensor:
        """Return the logarithm of the mean of exp(bound): tighter on average."""
        generator = as_generator(seed, levels.device)
        draws = expect_count(draws, "importance_weighted", 1, "draws")
        bounds = torch.stack([self.bound(levels, generator) for _ in range(draws)])
        return bounds.logsumexp(0) - math.log(draws)

    @torch.no_grad()
    def sample(self, n: int, seed: int | torch.Generator) -> Tensor:
        """Draw n samples of the flow without what is behind the point: (n, dim)."""
        return self.flow.sample(n, seed).floor()


def negative_bound(model: Dequantized, levels: Tensor) -> Tensor:
    """Return the mean of -bound over the batch, in nats: a loss for `fit`."""
    return -model.bound(levels).mean()


class ScaledLogistic(Layer):
    """From the line to pixels: a logistic whose ends are cut off (Dinh et al., 2017).

    The normalising map is the logit with its alpha, which keeps 0 and the top finite:

        z = logit(alpha + (1 - 2 alpha) x / levels),
        log|det dz/dx| = sum(log(1 - 2 alpha) - log(levels) - log u - log(1 - u)),

    with u what the logit gets. For alpha > 0 samples reach a little beyond the ends.

    Shapes: z and x (batch, dim); log_det (batch,).

    Raises:
        ValueError: alpha is not in [0, 1/2), or x is so far outside [0, levels] that
            u leaves (0, 1).
    """

    constants = ("levels", "alpha")

    def __init__(self, levels: int = 17, alpha: float = 0.05) -> None:
        super().__init__()
        if not 0 <= alpha < 0.5:
            raise ValueError(f"ScaledLogistic expects 0 <= alpha < 1/2, got {alpha}.")
        self.levels = expect_count(levels, "ScaledLogistic", 1, "levels")
        self.alpha = float(alpha)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        slope = self.levels / (1 - 2 * self.alpha)
        log_slope = _log_logistic(z) + math.log(slope)
        return (z.sigmoid() - self.alpha) * slope, log_slope.sum(-1)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        slope = (1 - 2 * self.alpha) / self.levels
        u = self.alpha + slope * x
        require(
            u,
            lambda value: (value > 0) & (value < 1),
            "ScaledLogistic.inverse expects pixels inside its range: 0 < u < 1",
        )
        log_u, log_rest = u.log(), torch.log1p(-u)
        log_slope = math.log(slope) - log_u - log_rest
        return log_u - log_rest, log_slope.sum(-1)


def pixel_histograms(
    train: Tensor, levels: int = 17, pseudo_count: float = 0.5
) -> Flow:
    """Return the fixed map from the line to pixels by their distribution functions.

    Its normalising way takes each pixel through its distribution function in the
    training images, and then through a logit.

    It has no base, so that it is a layer of other flows and no density. With a logistic
    base alone the density is that of independent pixels. Counts are smoothed by the
    pseudo-count.

    Shapes: train (n, dim), levels 0 ... levels - 1.

    Raises:
        ValueError: the images are no floating-point tensor of such levels.
    """
    expect_rows(train, None, "pixel_histograms", "train")
    train = expect_levels(train, levels, "pixel_histograms")
    each = torch.arange(levels, device=train.device)
    counts = (train.long()[..., None] == each).sum(0) + pseudo_count
    shares = counts / counts.sum(-1, keepdim=True)
    rises = PiecewiseLinear(shares.to(train.dtype))
    layers = [Logistic(), Inverse(rises), ElementwiseAffine(0.0, float(levels))]
    return Flow(None, layers).requires_grad_(False).to(train)


def _inside(noise: Tensor, log_q: Tensor) -> tuple[Tensor, Tensor]:
    # Shrunk away from the ends; the density grows by what the length loses.
    length = 1 - 2 * EDGE
    return EDGE + length * noise, log_q - noise.shape[-1] * math.log(length)


def _log_logistic(v: Tensor) -> Tensor:
    # The logarithm of the logistic density, which is the slope of the logistic.
    return logsigmoid(v) + logsigmoid(-v)
