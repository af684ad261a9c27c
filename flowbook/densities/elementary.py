"""Normal, uniform and mixture densities, and two that a map of the line makes."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from flowbook.densities.base import (
    Box,
    Density,
    integrate,
    normal,
    pick,
    supported,
    uniform,
)
from flowbook.inputs import expect_count, expect_finite, expect_positive, require

LOG_2PI = math.log(2 * math.pi)
REACH = 7.0  # a normal holds all but 3e-12 of its mass within so many deviations
SIGHT = 3.5  # and what is further out than this can hardly be seen in a plot


class StandardNormal(Density):
    """The normal density with mean zero and identity covariance on R^dim.

        log p(x) = -|x|² / 2 - dim / 2 log 2π,    entropy dim / 2 log 2πe.

    Shapes: log_prob maps (..., dim) to (...); sample returns (n, dim).
    """

    def __init__(self, dim: int) -> None:
        self.dim = expect_count(dim, "StandardNormal", 1, "dim")
        self.bounds = ((-REACH, REACH),) * self.dim

    @property
    def view(self) -> Box:
        """The box that a plot shows."""
        return ((-SIGHT, SIGHT),) * self.dim

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) in nats, (..., dim) to (...)."""
        return -0.5 * (x.square().sum(-1) + self.dim * LOG_2PI)

    def _draw(self, n: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        return normal(generator, dtype, n, self.dim)

    def entropy(self) -> float:
        """Return dim / 2 log 2πe."""
        return 0.5 * self.dim * (LOG_2PI + 1)


class UniformBox(Density):
    """The uniform density on the box between the corners `low` and `high`.

    Its density is one over the volume, so that its entropy is the log of the volume.

    Shapes: log_prob maps (..., dim) to (...); sample returns (n, dim).
    """

    def __init__(self, low: Sequence[float], high: Sequence[float]) -> None:
        sides = [b - a for a, b in zip(low, high, strict=True)]
        if not sides or not all(0 < side < math.inf for side in sides):
            raise ValueError(f"each low must be below its high, got {low} and {high}")
        self.dim = len(sides)
        self.bounds = tuple(
            (float(a), float(b)) for a, b in zip(low, high, strict=True)
        )
        self.log_volume = sum(math.log(side) for side in sides)

    @property
    def view(self) -> Box:
        """The box that a plot shows: its edges are the point, so leave a margin."""
        return tuple((a - 0.25 * (b - a), b + 0.25 * (b - a)) for a, b in self.bounds)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return -log volume in the box, -inf outside, (..., dim) to (...)."""
        low, high = x.new_tensor(self.bounds).unbind(-1)
        inside = ((x >= low) & (x <= high)).all(-1)
        return supported(inside, -self.log_volume, x)

    def _draw(self, n: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        unit = uniform(generator, dtype, n, self.dim)
        low, high = unit.new_tensor(self.bounds).unbind(-1)
        return low + (high - low) * unit

    def entropy(self) -> float:
        """Return the log of the box's volume."""
        return self.log_volume


class GaussianMixture(Density):
    """A mixture of normal densities, each with one scale in every direction.

        p(x) = sum_k w_k N(x; m_k, s_k² I)

    `means` holds one point a component; `scale` is one number, or one a component;
    `weights` are positive and need not be normalised, equal if none are given.

    Shapes: log_prob maps (..., dim) to (...); sample returns (n, dim).
    """

    def __init__(
        self,
        means: Sequence[Sequence[float]],
        scale: float | Sequence[float],
        weights: Sequence[float] | None = None,
    ) -> None:
        self.means = torch.as_tensor(means, dtype=torch.float64)
        require(self.means, torch.isfinite, "GaussianMixture expects finite means")
        if self.means.ndim != 2:
            shape = tuple(self.means.shape)
            raise ValueError(f"means must have shape (components, dim), got {shape}")
        count, self.dim = self.means.shape
        scales = torch.as_tensor(scale, dtype=torch.float64)
        weights = [1.0] * count if weights is None else weights
        weights = torch.as_tensor(weights, dtype=torch.float64)
        for each, shapes in ((scales, [(), (count,)]), (weights, [(count,)])):
            positive = (each > 0) & each.isfinite()
            if each.shape not in shapes or not positive.all():
                raise ValueError(
                    f"expected {count} positive scales and weights, got "
                    f"{scales.tolist()} and {weights.tolist()}"
                )
        scales = scales.expand(count)
        self.scales, self.weights = scales, weights / weights.sum()
        self.bounds = self._box(REACH)

    @property
    def view(self) -> Box:
        """The box that a plot shows."""
        return self._box(SIGHT)

    def _box(self, reach: float) -> Box:
        spread = reach * self.scales[:, None]
        low, high = (self.means - spread).amin(0), (self.means + spread).amax(0)
        return tuple(zip(low.tolist(), high.tolist(), strict=True))

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) in nats, (..., dim) to (...)."""
        means, scales = self.means.to(x), self.scales.to(x)
        log_weights = self.weights.to(x).log() - self.dim * scales.log()
        z = (x.unsqueeze(-2) - means) / scales[:, None]
        log_parts = log_weights - 0.5 * (z.square().sum(-1) + self.dim * LOG_2PI)
        return log_parts.logsumexp(-1)

    def _draw(self, n: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        z = normal(generator, dtype, n, self.dim)
        weights = self.weights.to(z)
        part = pick(weights, n, generator)
        return self.means.to(z)[part] + self.scales.to(z)[part, None] * z


def two_gaussians_1d(distance: float = 4.0, scale: float = 1.0) -> GaussianMixture:
    """Return two equal normals on the line, their means `distance` apart around 0."""
    return GaussianMixture([[-distance / 2], [distance / 2]], scale)


def two_gaussians(radius: float = 2.0, scale: float = 0.5) -> GaussianMixture:
    """Return two equal normals on the plane, at (-radius, 0) and (radius, 0)."""
    return GaussianMixture([[-radius, 0.0], [radius, 0.0]], scale)


def eight_gaussians(radius: float = 2.0, scale: float = 0.2) -> GaussianMixture:
    """Return eight equal normals on the plane, evenly on a circle."""
    turns = [2 * math.pi * k / 8 for k in range(8)]
    return GaussianMixture(
        [[radius * math.cos(t), radius * math.sin(t)] for t in turns], scale
    )


class SquareOfUniform(Density):
    """The density of x = z² for z uniform on (0, 1).

        p(x) = 1 / (2 √x) on (0, 1],    mean 1/3,    entropy log 2 - 1.

    It grows without bound at 0, and yet its mass is one.

    Shapes: log_prob maps (..., 1) to (...); sample returns (n, 1).
    """

    dim = 1
    bounds = ((0.0, 1.0),)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) in nats, (..., 1) to (...)."""
        inside = ((x > 0) & (x <= 1)).squeeze(-1)
        # The value that `where` drops still has a gradient: keep it finite.
        log_x = torch.where(inside, x.squeeze(-1), 1.0).log()
        return supported(inside, -math.log(2) - 0.5 * log_x, x)

    def _draw(self, n: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        return (1 - uniform(generator, dtype, n, 1)).square()

    def entropy(self) -> float:
        """Return log 2 - 1, about -0.306853."""
        return math.log(2) - 1


class LogitNormal(Density):
    """The density of x = 1 / (1 + exp(-z)) for z normal with a mean and a scale.

        log p(x) = log N(logit x; mean, scale²) - log x - log(1 - x) on (0, 1)

    It has two peaks if and only if scale² > 2, for mean 0.

    Shapes: log_prob maps (..., 1) to (...); sample returns (n, 1).
    """

    dim = 1
    bounds = ((0.0, 1.0),)

    def __init__(self, mean: float = 0.0, scale: float = 1.0) -> None:
        self.mean = expect_finite(mean, "LogitNormal", "mean")
        self.scale = expect_positive(scale, "LogitNormal", "scale")

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) in nats, (..., 1) to (...)."""
        inside = ((x > 0) & (x < 1)).squeeze(-1)
        within = torch.where(inside, x.squeeze(-1), 0.5)
        log_x, log_rest = within.log(), torch.log1p(-within)
        z = (log_x - log_rest - self.mean) / self.scale
        log_prob = -0.5 * (z.square() + LOG_2PI) - math.log(self.scale)
        return supported(inside, log_prob - log_x - log_rest, x)

    def _draw(self, n: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        return torch.sigmoid(self.mean + self.scale * normal(generator, dtype, n, 1))

    def entropy(self) -> float:
        """Return the normal's entropy plus E[log dx/dz], a quadrature over z to 1e-8.

        With mean 0 and scale 1 it is about -0.193180.
        """

        def stretch(z: Tensor) -> Tensor:
            y = self.mean + self.scale * z.squeeze(-1)
            log_slope = torch.nn.functional.logsigmoid(torch.stack([y, -y])).sum(0)
            return StandardNormal(1).log_prob(z).exp() * log_slope

        gain = integrate(stretch, ((-8.0, 8.0),), 2000).item()
        return 0.5 * (LOG_2PI + 1) + math.log(self.scale) + gain
