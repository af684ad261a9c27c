"""Densities on the plane that are hard in one way each: edges, holes, bends, scales."""

import math
from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from flowbook.densities.base import (
    Box,
    Density,
    integrate,
    normal,
    supported,
    uniform,
)
from flowbook.densities.elementary import LOG_2PI, REACH, SIGHT, GaussianMixture
from flowbook.inputs import (
    expect_count,
    expect_finite,
    expect_points,
    expect_positive,
)


class Checkerboard(Density):
    """Uniform on the eight squares of side 2 that a checkerboard of [-4, 4]² fills.

    The square that holds x is filled if floor(x₁/2) + floor(x₂/2) is even. The filled
    area is 32, so the entropy is log 32.

    Shapes: log_prob maps (..., 2) to (...); sample returns (n, 2).
    """

    dim = 2
    bounds = ((-4.0, 4.0), (-4.0, 4.0))

    @property
    def view(self) -> Box:
        """The box that a plot shows."""
        return ((-4.8, 4.8), (-4.8, 4.8))

    def log_prob(self, x: Tensor) -> Tensor:
        """Return -log 32 on the filled squares, -inf elsewhere, (..., 2) to (...)."""
        filled = (x / 2).floor().sum(-1).remainder(2) == 0
        inside = ((x >= -4) & (x < 4)).all(-1)
        return supported(filled & inside, -math.log(32), x)

    def _draw(self, n: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        column = torch.floor(4 * uniform(generator, dtype, n))
        row = 2 * torch.floor(2 * uniform(generator, dtype, n)) + column % 2
        corner = 2 * torch.stack([column, row], -1) - 4
        return corner + 2 * uniform(generator, dtype, n, 2)

    def entropy(self) -> float:
        """Return log 32."""
        return math.log(32)


class Rings(Density):
    """Concentric rings: log r is a mixture of normals, and the angle is uniform.

        p(x) = 1/(2π r²) · mean_k N(log r; log R_k, scale²),    r = |x|

    Shapes: log_prob maps (..., 2) to (...); sample returns (n, 2).
    """

    dim = 2

    def __init__(
        self, radii: Sequence[float] = (1.0, 2.0, 3.0), scale: float = 0.05
    ) -> None:
        radii = [expect_positive(r, "Rings", "radius") for r in radii]
        self.log_radius = GaussianMixture([[math.log(r)] for r in radii], scale)
        self._largest, self._scale = max(radii), scale
        self.bounds = self._box(REACH)

    @property
    def view(self) -> Box:
        """The box that a plot shows."""
        return self._box(SIGHT)

    def _box(self, reach: float) -> Box:
        edge = self._largest * math.exp(reach * self._scale)
        return ((-edge, edge), (-edge, edge))

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) in nats, (..., 2) to (...)."""
        # The density vanishes at the centre; the clamp keeps its log from being NaN.
        log_radius = 0.5 * x.square().sum(-1).clamp(min=1e-30).log()
        radial = self.log_radius.log_prob(log_radius.unsqueeze(-1))
        return radial - LOG_2PI - 2 * log_radius

    def _draw(self, n: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        radius = self.log_radius._draw(n, generator, dtype).exp()
        turn = 2 * math.pi * uniform(generator, dtype, n, 1)
        return radius * torch.cat([turn.cos(), turn.sin()], -1)

    def entropy(self) -> float:
        """Return the entropy of log r plus E[log 2π r²]; the first is a quadrature."""
        mean = (self.log_radius.weights * self.log_radius.means[:, 0]).sum().item()
        return self.log_radius.entropy() + LOG_2PI + 2 * mean


class Pinwheel(Density):
    """Bent arms around a centre, made by turning a normal by an angle set by radius.

    A point u ~ N((centre, 0), diag(spread²)) is turned by 2πk/arms, for a random arm
    k, and then by twist · (|u| - centre). A turn by an angle that depends on the radius
    alone moves every circle onto itself and preserves area: its Jacobian has
    determinant 1. The entropy is therefore that of the straight arms.

    Shapes: log_prob maps (..., 2) to (...); sample returns (n, 2).
    """

    dim = 2

    def __init__(
        self,
        arms: int = 5,
        twist: float = 1.2,
        centre: float = 2.0,
        spread: tuple[float, float] = (0.5, 0.15),
    ) -> None:
        self.arms = expect_count(arms, "Pinwheel", 1, "arms")
        self.twist = expect_finite(twist, "Pinwheel", "twist")
        self.centre = expect_finite(centre, "Pinwheel", "centre")
        first, second = (expect_positive(s, "Pinwheel", "spread") for s in spread)
        self.spread = (first, second)
        self.bounds = self._box(REACH)

    @property
    def view(self) -> Box:
        """The box that a plot shows."""
        return self._box(SIGHT)

    def _box(self, reach: float) -> Box:
        edge = math.hypot(self.centre + reach * self.spread[0], reach * self.spread[1])
        return ((-edge, edge), (-edge, edge))

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) in nats, (..., 2) to (...)."""
        straight = turn(x, -self.twist * (_norm(x) - self.centre))
        arms = 2 * math.pi / self.arms * torch.arange(self.arms, device=x.device)
        u = turn(straight.unsqueeze(-2), -arms.to(x))
        z = (u - u.new_tensor([self.centre, 0.0])) / u.new_tensor(self.spread)
        log_parts = -0.5 * z.square().sum(-1) - math.log(math.prod(self.spread))
        return log_parts.logsumexp(-1) - LOG_2PI - math.log(self.arms)

    def _draw(self, n: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        z = normal(generator, dtype, n, 2)
        u = z.new_tensor([self.centre, 0.0]) + z.new_tensor(self.spread) * z
        arm = torch.floor(self.arms * uniform(generator, dtype, n))
        return turn(
            u, 2 * math.pi / self.arms * arm + self.twist * (_norm(u) - self.centre)
        )

    def entropy(self) -> float:
        """Return the entropy of the straight arms, by quadrature, to 1e-8."""
        if self.twist == 0:
            return super().entropy()
        return Pinwheel(self.arms, 0.0, self.centre, self.spread).entropy()


def turn(x: Tensor, angle: Tensor) -> Tensor:
    """Turn points of the plane anticlockwise around the origin.

    Shapes: x (..., 2); angle (...), in radians; they broadcast.
    """
    (first, second), cos, sin = x.unbind(-1), angle.cos(), angle.sin()
    return torch.stack([cos * first - sin * second, sin * first + cos * second], -1)


def _norm(x: Tensor) -> Tensor:
    # At the origin hypot has the gradient NaN. Here it is 0 there, as a turn by an
    # angle that depends on the norm needs: what is turned is 0 itself.
    square = x.square().sum(-1)
    origin = square == 0
    return torch.where(origin, 0, torch.where(origin, 1, square).sqrt())


class Banana(Density):
    """A normal bent along a parabola: x₁ ~ N(0, 1), x₂ = x₁²/2 + e/2, e ~ N(0, 1).

    The map from (x₁, e) has determinant 1/2, so the entropy is log 2πe - log 2.

    Shapes: log_prob maps (..., 2) to (...); sample returns (n, 2).
    """

    dim = 2
    bounds = ((-6.0, 6.0), (-3.0, 21.0))

    @property
    def view(self) -> Box:
        """The box that a plot shows."""
        return ((-3.6, 3.6), (-2.0, 6.0))

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) in nats, (..., 2) to (...)."""
        first, second = x.unbind(-1)
        noise = 2 * (second - first.square() / 2)
        return -0.5 * (first.square() + noise.square()) - LOG_2PI + math.log(2)

    def _draw(self, n: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        first, noise = normal(generator, dtype, n, 2).unbind(-1)
        return torch.stack([first, first.square() / 2 + noise / 2], -1)

    def entropy(self) -> float:
        """Return log 2πe - log 2."""
        return LOG_2PI + 1 - math.log(2)


class Funnel(Density):
    """Neal's funnel: x₁ ~ N(0, 3²) sets the scale exp(x₁/2) of all other coordinates.

    Its tails are too long for a box: `bounds` holds about 98 % of the mass, so that no
    quadrature on it serves. The entropy is dim/2 log 2πe + log 3.

    Shapes: log_prob maps (..., dim) to (...); sample returns (n, dim).
    Source: Neal, Slice sampling, Annals of Statistics 31 (2003), section 8.
    """

    def __init__(self, dim: int = 2) -> None:
        self.dim = expect_count(dim, "Funnel", 2, "dim")
        self.bounds = ((-9.0, 9.0),) + ((-20.0, 20.0),) * (self.dim - 1)

    @property
    def view(self) -> Box:
        """The box that a plot shows."""
        return ((-7.0, 7.0),) * self.dim

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) in nats, (..., dim) to (...)."""
        first, rest = x[..., 0], x[..., 1:]
        # Where the scale is 0 in this dtype, all but a rest of 0 is infinitely far.
        top = math.log(torch.finfo(x.dtype).max) - 1
        z = rest * (-first / 2).clamp(max=top).exp()[..., None]
        squares = (first / 3).square() + z.square().sum(-1)
        log_scales = math.log(3) + (self.dim - 1) * first / 2
        return -0.5 * (squares + self.dim * LOG_2PI) - log_scales

    def _draw(self, n: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        z = normal(generator, dtype, n, self.dim)
        first = 3 * z[:, :1]
        return torch.cat([first, (first / 2).exp() * z[:, 1:]], -1)

    def entropy(self) -> float:
        """Return dim/2 log 2πe + log 3."""
        return 0.5 * self.dim * (LOG_2PI + 1) + math.log(3)


class SineRing(Density):
    """A ring that a sine makes uneven, known by its unnormalised log-density

        log p(x) = sin(π x₁) - 2 (|x|² - 2)² - log Z.

    Samples are exact, by rejection: without the sine, u = |x|² is N(2, 1/4) cut to
    u > 0 and the angle is uniform, as dx₁ dx₂ = 1/2 du dθ; such a proposal is kept
    with probability exp(sin(π x₁) - 1), which is 0.47 of them.

    Shapes: log_prob maps (..., 2) to (...); sample returns (n, 2).
    """

    dim = 2
    bounds = ((-2.5, 2.5), (-2.5, 2.5))

    @property
    def view(self) -> Box:
        """The box that a plot shows."""
        return ((-2.1, 2.1), (-2.1, 2.1))

    def unnormalised_log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) + log Z, (..., 2) to (...)."""
        expect_points(x, self.dim, "SineRing")
        off_ring = x.square().sum(-1) - 2
        return torch.sin(math.pi * x[..., 0]) - 2 * off_ring.square()

    @cached_property
    def log_normaliser(self) -> float:
        """log Z, about 1.611997, by quadrature, to 1e-10."""
        mass = integrate(
            lambda x: self.unnormalised_log_prob(x).exp(), self.bounds, 512
        )
        return mass.log().item()

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) in nats, (..., 2) to (...)."""
        return self.unnormalised_log_prob(x) - self.log_normaliser

    def _draw(self, n: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        kept = [torch.empty(0, 2, dtype=dtype, device=generator.device)]
        while sum(map(len, kept)) < n:
            square = 2 + normal(generator, dtype, 2 * n + 64) / 2
            angle = 2 * math.pi * uniform(generator, dtype, 2 * n + 64)
            radius = square.clamp(min=0).sqrt()
            x = torch.stack([radius * angle.cos(), radius * angle.sin()], -1)
            log_odds = torch.sin(math.pi * x[:, 0]) - 1
            keep = uniform(generator, dtype, len(x)).log() < log_odds
            kept.append(x[keep & (square > 0)])
        return torch.cat(kept)[:n]
