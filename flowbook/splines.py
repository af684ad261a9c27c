"""Monotone rational-quadratic splines: the functions, and the elementwise layer.

The functions hold the *batch in the last dimension*. A softmax over a first dimension
of 8 bins runs along contiguous memory; over a last dimension of 8 it is many times
slower on a CPU.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, softplus

from flowbook.flow import Layer

SMALLEST = 1e-3  # share of the interval that a bin keeps, and slope that a knot keeps
# Raw slopes of 0 give softplus(SLOPE_ONE) + SMALLEST = 1.
SLOPE_ONE = math.log(math.expm1(1 - SMALLEST))


class Bin(NamedTuple):
    """Corners and knot slopes of the bin of each point, all (features, batch)."""

    left: Tensor
    bottom: Tensor
    width: Tensor
    height: Tensor
    slope_left: Tensor
    slope_right: Tensor


def spline(x: Tensor, raw: Tensor, bound: float) -> tuple[Tensor, Tensor]:
    """Return the spline's value at x and the logarithm of its slope.

    The rational-quadratic spline of Gregory & Delbourgo (1982), as Durkan et al.
    (2019, equations 4 and 5) made it a flow. K bins cover [-bound, bound]; outside,
    the map is the identity, and the outermost knots have slope 1, so that the spline
    is once continuously differentiable on the whole line. In a bin of width w, height
    h and mean slope s = h / w, whose ends have slopes d_0 and d_1, let t in [0, 1] be
    the position of x. Then

        y = bottom + h (s t^2 + d_0 t (1 - t)) / q,
        dy/dx = s^2 (d_1 t^2 + 2 s t (1 - t) + d_0 (1 - t)^2) / q^2,
        q = s + (d_0 + d_1 - 2 s) t (1 - t).

    `raw` are any real numbers: a softmax makes the first K the widths and the next K
    the heights, a softplus the last K - 1 the slopes at the inner knots. All zeros
    give the identity.

    Shapes: x (features, batch); raw (3K - 1, features, batch); both results like x.
    """
    inside = x.abs() < bound
    at = _bin_of(x, raw, bound, by_height=False)
    t = torch.where(inside, (x - at.left) / at.width, 0.0)
    y, log_slope = _evaluate(t, at)
    return torch.where(inside, y, x), torch.where(inside, log_slope, 0.0)


def spline_inverse(y: Tensor, raw: Tensor, bound: float) -> tuple[Tensor, Tensor]:
    """Return the x that the spline maps to y, and the log-slope of this inverse.

    With r in [0, 1] the height of y in its bin, t solves a quadratic equation. Its
    textbook solution subtracts nearly equal numbers where slopes are steep; this form
    of it, in which every sum has terms of one sign, does not:

        t = 2 s r / (2 s r + e + sqrt(e^2 + c)),
        e = d_0 (1 - r) - d_1 r,    c = 4 s^2 r (1 - r),

    where e + sqrt(e^2 + c) is taken as c / (|e| + sqrt(e^2 + c)) for negative e.

    Shapes: as in `spline`.
    """
    inside = y.abs() < bound
    at = _bin_of(y, raw, bound, by_height=True)
    r = torch.where(inside, (y - at.bottom) / at.height, 0.0).clamp(0, 1)
    s = at.height / at.width
    e = at.slope_left * (1 - r) - at.slope_right * r
    c = 4 * s.square() * r * (1 - r)
    total = e.abs() + (e.square() + c).sqrt()
    t = 2 * s * r / (2 * s * r + torch.where(e > 0, total, c / total))
    _, log_slope = _evaluate(t, at)
    x = at.left + at.width * t
    return torch.where(inside, x, y), torch.where(inside, -log_slope, 0.0)


def _bin_of(point: Tensor, raw: Tensor, bound: float, by_height: bool) -> Bin:
    bins = (len(raw) + 1) // 3
    sizes = raw[: 2 * bins].view(2, bins, *raw.shape[1:]).softmax(1)
    sizes = 2 * bound * (SMALLEST + (1 - bins * SMALLEST) * sizes)
    ends = sizes.cumsum(1) - bound
    # The number of inner knots that are not above the point is the index of its bin.
    index = (ends[int(by_height), :-1] <= point).sum(0)
    both = index.expand(2, 1, *index.shape)
    size = sizes.gather(1, both)[:, 0]
    start = ends.gather(1, both)[:, 0] - size
    slopes = pad(raw[2 * bins :], (0, 0, 0, 0, 1, 1))
    slopes = slopes.gather(0, torch.stack((index, index + 1)))
    return Bin(*start, *size, *(softplus(slopes + SLOPE_ONE) + SMALLEST))


def _evaluate(t: Tensor, at: Bin) -> tuple[Tensor, Tensor]:
    s = at.height / at.width
    between = t * (1 - t)
    squared = t - between  # t^2
    q = s + (at.slope_left + at.slope_right - 2 * s) * between
    y = at.bottom + at.height * (s * squared + at.slope_left * between) / q
    # (1 - t)^2 = 1 - t - t (1 - t)
    rise = at.slope_left * (1 - t - between) + at.slope_right * squared
    return y, (rise + 2 * s * between).log() + 2 * (s / q).log()


class RationalQuadraticSpline(Layer):
    """A trainable spline for each coordinate, the identity outside [-bound, bound].

    See `spline` for the formula. The same for every point of the batch, so it creates
    no dependence between coordinates; `SplineCoupling` lets a network choose it.

    Shapes: z and x (batch, dim); log_det (batch,).
    """

    def __init__(self, dim: int, bins: int = 8, bound: float = 5.0) -> None:
        super().__init__()
        check_bins(bins, bound)
        self.bound = bound
        self.raw = nn.Parameter(torch.zeros(3 * bins - 1, dim))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        raw = self.raw[..., None].expand(-1, -1, len(z))
        x, log_slope = spline(z.mT, raw, self.bound)
        return x.mT, log_slope.sum(0)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        raw = self.raw[..., None].expand(-1, -1, len(x))
        z, log_slope = spline_inverse(x.mT, raw, self.bound)
        return z.mT, log_slope.sum(0)


def check_bins(bins: int, bound: float) -> None:
    """Raise ValueError unless a spline with these bins on [-bound, bound] exists."""
    if not 2 <= bins < 0.5 / SMALLEST or not 0 < bound < math.inf:
        raise ValueError(
            "A spline has 2 to 499 bins on an interval [-bound, bound] of positive "
            f"length; got bins={bins}, bound={bound}."
        )
