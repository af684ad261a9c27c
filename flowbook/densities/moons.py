"""Two moons with their exact density: two half circles blurred by normal noise."""

import math
from functools import cache

import numpy as np
import torch
from torch import Tensor

from flowbook.densities.base import Box, Density, normal, uniform

# Beyond a drop of so many nats below its largest value, the integrand is left out.
DROP = 40.0
NODES = 32


class TwoMoons(Density):
    """Two half circles of radius 1, blurred by normal noise of the given scale.

    The upper one is (cos t, sin t), the lower one (1 - cos t, 1/2 - sin t), with t
    uniform on (0, π): scikit-learn's `make_moons` as its number of samples grows.
    At distance r and angle φ from the centre of the upper one, with κ = r / noise²,
    a half circle has the density

        N(r - 1; 0, noise²) / (noise √(2π)) · 1/π ∫_0^π exp(-2 κ sin²((t - φ)/2)) dt,

    whose integral is found by Gauss and Legendre's rule around the nearest points of
    the circle. The error of log_prob is below 1e-9 in float64.

    Shapes: log_prob maps (..., 2) to (...); sample returns (n, 2).
    """

    dim = 2

    def __init__(self, noise: float = 0.1) -> None:
        if noise <= 0:
            raise ValueError(f"noise must be positive, got {noise}")
        self.noise = noise
        self.bounds = self._box(7 * noise)

    @property
    def view(self) -> Box:
        """The box that a plot shows."""
        return self._box(3.5 * self.noise)

    def _box(self, margin: float) -> Box:
        return ((-1 - margin, 2 + margin), (-0.5 - margin, 1 + margin))

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) in nats, (..., 2) to (...)."""
        self._expect_dim(x)
        first, second = x.unbind(-1)
        upper = self._log_half_circle(first, second)
        lower = self._log_half_circle(1 - first, 0.5 - second)
        return torch.logaddexp(upper, lower) - math.log(2)

    def _log_half_circle(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the log-density of the upper half circle around the origin."""
        # Adding 0.0 turns -0.0, whose angle may be -π, into 0.0.
        radius, angle = torch.hypot(x, y), torch.atan2(y + 0.0, x)
        kappa, above = radius / self.noise**2, y >= 0
        # Above the diameter, the angles between a point and the circle are 0 to φ and
        # 0 to π - φ; below it they are |φ| to π and π - |φ| to π.
        left, right = torch.where(above, angle, -angle), math.pi - angle.abs()
        parts = [
            _arc(kappa, torch.where(above, 0, a), torch.where(above, a, math.pi))
            for a in (left, right)
        ]
        integral = _log_sum(parts)
        radial = -0.5 * ((radius - 1) / self.noise).square()
        return radial + integral - math.log(2 * math.pi**2 * self.noise**2)

    def _draw(self, n: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        noise = self.noise * normal(generator, dtype, n, 2)
        turn = math.pi * uniform(generator, dtype, n)
        upper = torch.stack([turn.cos(), turn.sin()], -1)
        lower = torch.stack([1 - turn.cos(), 0.5 - turn.sin()], -1)
        choice = uniform(generator, dtype, n, 1) < 0.5
        return torch.where(choice, upper, lower) + noise


def _arc(kappa: Tensor, start: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
    """Return ∫ exp(-2 κ sin²(θ/2)) dθ from start to end, within [0, π].

    The integrand falls from start to end, so only its first DROP nats are kept. The
    result is (exponent, value), meaning exp(exponent) · value, which cannot underflow.
    """
    largest = torch.sin(start / 2).square()
    with torch.no_grad():
        reach = (largest + DROP / (2 * kappa)).clamp(max=1).sqrt()
        stop = 2 * torch.asin(reach)
    length = torch.minimum(end, stop) - start
    nodes, weights = (torch.as_tensor(a).to(kappa) for a in _gauss_legendre())
    theta = start[..., None] + length[..., None] * nodes
    drop = torch.sin(theta / 2).square() - largest[..., None]
    inner = (weights * torch.exp(-2 * kappa[..., None] * drop)).sum(-1)
    return -2 * kappa * largest, length * inner


def _log_sum(parts: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Return log of the sum of exp(exponent) · value, where some values may be 0."""
    exponents, values = (torch.stack(column) for column in zip(*parts, strict=True))
    top = exponents.amax(0)
    return top + ((exponents - top).exp() * values).sum(0).log()


@cache
def _gauss_legendre() -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of Gauss and Legendre's rule on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return (nodes + 1) / 2, weights / 2
