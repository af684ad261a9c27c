"""Monotone rational-quadratic splines: the functions, and the elementwise layer.

The functions hold the *batch in the last dimension*. A softmax over a first dimension
of 8 bins runs along contiguous memory; over a last dimension of 8 it is many times
slower on a CPU.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import elu, pad

from flowbook.flow import Layer

SMALLEST = 1e-3  # share of the interval that a bin keeps, and slope that a knot keeps


class Bin(NamedTuple):
    """The bin of each point: corner, size, mean slope, and its knots' slopes over that.

    Shapes: all (features, batch).
    """

    left: Tensor
    bottom: Tensor
    width: Tensor
    height: Tensor
    slope: Tensor
    steep_left: Tensor
    steep_right: Tensor


def spline(x: Tensor, raw: Tensor, bound: float) -> tuple[Tensor, Tensor]:
    """Return the spline's value at x and the logarithm of its slope.

    The rational-quadratic spline of Gregory & Delbourgo (1982), which Durkan et al.
    (2019) made a flow. K bins cover [-bound, bound]; outside, the map is the identity,
    and the outermost knots have slope 1, so that the map is continuously
    differentiable on the whole line. In a bin of width w, height h and mean slope
    s = h / w, whose ends have the slopes s e_0 and s e_1, the position t of x in
    [0, 1], and v = 1 - t, give

        y = bottom + h p / (p + q),    p = t (t + e_0 v),    q = v (v + e_1 t),
        dy/dx = s (v (t + e_0 v) + t (v + e_1 t)) / (p + q)^2.

    No term is negative, so that no digits cancel.

    `raw` are any real numbers: a softmax makes the first K the widths and the next K
    the heights, and the last K - 1 the slopes at the inner knots. All zeros give the
    identity.

    Shapes: x (features, batch); raw (3K - 1, features, batch); both results like x.
    """
    # Lengths count from -bound. What is left over outside is added again at the end.
    length = x.clamp(-bound, bound) + bound
    at = _bin_of(length, raw, bound, by_height=False)
    y, log_slope = _evaluate((length - at.left) / at.width, at)
    return y + (x - length), torch.where(x.abs() < bound, log_slope, 0)


def spline_inverse(y: Tensor, raw: Tensor, bound: float) -> tuple[Tensor, Tensor]:
    """Return the x that the spline maps to y, and the log-slope of this inverse.

    The share r = p / (p + q) of the height of its bin that y has climbed gives a
    quadratic equation for the odds t / v, whose positive solution is

        t / v = 2 r / (e + sqrt(e^2 + c)),    e = e_0 (1 - r) - e_1 r,
                                              c = 4 r (1 - r).

    For negative e the sum in the denominator would cancel; it is c / (sqrt - e) too.

    Shapes: as in `spline`.
    """
    length = y.clamp(-bound, bound) + bound
    at = _bin_of(length, raw, bound, by_height=True)
    r = ((length - at.bottom) / at.height).clamp(0, 1)
    e = at.steep_left * (1 - r) - at.steep_right * r
    c = 4 * r * (1 - r)
    total = e.abs() + (e.square() + c).sqrt()
    t = 2 * r / (2 * r + torch.where(e > 0, total, c / total))
    _, log_slope = _evaluate(t, at)
    x = at.left + at.width * t + (y - length)
    return x, torch.where(y.abs() < bound, -log_slope, 0)


def _evaluate(t: Tensor, at: Bin) -> tuple[Tensor, Tensor]:
    # addcmul(a, b, c) is a + b * c in one operation: on small tensors, operations are
    # what a training step pays for.
    v = 1 - t
    a = torch.addcmul(t, at.steep_left, v)
    b = torch.addcmul(v, at.steep_right, t)
    p = t * a
    whole = torch.addcmul(p, v, b)
    y = torch.addcdiv(at.bottom, at.height * p, whole)
    slope = at.slope * torch.addcmul(v * a, t, b) / (whole * whole)
    return y, slope.log()


def _bin_of(length: Tensor, raw: Tensor, bound: float, by_height: bool) -> Bin:
    bins = (len(raw) + 1) // 3
    shares = raw[: 2 * bins].view(2, bins, *raw.shape[1:]).softmax(1)
    # SMALLEST + (1 - bins * SMALLEST) * shares, times the length of the interval.
    rest = 1 - bins * SMALLEST
    sizes = (shares + SMALLEST / rest) * (2 * bound * rest)
    with torch.no_grad():
        ends = sizes[int(by_height), :-1].cumsum(0)
        index = (ends <= length).sum(0)
        k = torch.arange(bins, device=raw.device).view(-1, *[1] * index.ndim)
        # Two sums with these weights give a bin's start and its size. Sums along the
        # first dimension are cheaper than gathers of the sizes and their sums.
        weights = torch.stack((k < index, k == index)).to(raw.dtype)[:, None]
    (left, bottom), (width, height) = (sizes * weights).sum(2)
    ends_of_bin = torch.stack((index, index + 1))
    slopes = pad(raw[2 * bins :], (0, 0, 0, 0, 1, 1)).gather(0, ends_of_bin)
    # elu(r) + 1 is exp(r) below 0 and 1 + r above: positive, and 1 where r is 0.
    slopes = elu(slopes, 1 - SMALLEST) + 1
    slope = height / width
    return Bin(left, bottom, width, height, slope, *(slopes / slope))


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
