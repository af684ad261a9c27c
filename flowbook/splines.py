"""Monotone rational-quadratic splines: the functions, and the elementwise layer.

The functions hold the *batch in the last dimension*. A softmax over a first dimension
of 8 bins runs along contiguous memory; over a last dimension of 8 it is many times
slower on a CPU.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.forward_ad import unpack_dual
from torch.func import debug_unwrap
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


class Place(NamedTuple):
    """Where the bins of the points are among all bins.

    Shapes: shares (2, K, features, batch), the bins' shares of width and of height;
    weights (2, 1, K, features, batch), which sum sizes to a bin's start and its size;
    knots (2, features, batch), the numbers of its two knots.
    """

    shares: Tensor
    weights: Tensor
    knots: Tensor


class Curve(NamedTuple):
    """The terms of the curve in the bin of each point, named as in `spline`.

    Shapes: all (features, batch).
    """

    t: Tensor
    v: Tensor
    a: Tensor
    b: Tensor
    p: Tensor
    whole: Tensor
    rise: Tensor


def spline(x: Tensor, raw: Tensor, bound: float) -> tuple[Tensor, Tensor]:
    """Return the spline's value at x and the logarithm of its slope.

    The rational-quadratic spline of Gregory & Delbourgo (1982), which Durkan et al.
    (2019) made a flow. K bins cover [-bound, bound]; outside, the map is the identity,
    and the outermost knots have slope 1, so that the map is continuously
    differentiable on the whole line. In a bin of width w, height h and mean slope
    s = h / w, whose ends have the slopes s e_0 and s e_1, the position t of x in
    [0, 1], and v = 1 - t, give with a = t + e_0 v and b = v + e_1 t

        y = bottom + h p / whole,    p = t a,    whole = t a + v b,
        dy/dx = s rise / whole^2,    rise = v a + t b.

    No term is negative, so that no digits cancel.

    `raw` are any real numbers: a softmax makes the first K the widths and the next K
    the heights, and the last K - 1 the slopes at the inner knots. All zeros give the
    identity.

    The first gradient is written out by hand, which saves a tenth of a training step.
    Second derivatives, forward-mode ones, vmap, jacrev and the like take the same
    function as `plain_spline` writes it, and leave the rest to autograd.

    Shapes: x (features, batch); raw (3K - 1, features, batch); both results like x.
    """
    if _is_plain(x) and _is_plain(raw):
        return _Spline.apply(x, raw, bound)
    return plain_spline(x, raw, bound)


def _is_plain(x: Tensor) -> bool:
    # Not inside a transform of torch.func, and without a tangent.
    return debug_unwrap(x) is x and unpack_dual(x).tangent is None


def plain_spline(x: Tensor, raw: Tensor, bound: float) -> tuple[Tensor, Tensor]:
    """Return what `spline` does, with gradients of every order left to autograd."""
    # Lengths count from -bound. What is left over outside is added again at the end.
    length = x.clamp(-bound, bound) + bound
    at, _ = _bin_of(length, raw, bound, by_height=False)
    curve = _curve((length - at.left) / at.width, at)
    y = torch.addcdiv(at.bottom, at.height * curve.p, curve.whole)
    log_slope = torch.where(x.abs() < bound, _log_slope(curve, at), 0)
    return y + (x - length), log_slope


def spline_inverse(y: Tensor, raw: Tensor, bound: float) -> tuple[Tensor, Tensor]:
    """Return the x that the spline maps to y, and the log-slope of this inverse.

    The share r = p / whole of the height of its bin that y has climbed gives a
    quadratic equation for the odds t / v, whose positive solution is

        t / v = 2 r / (e + sqrt(e^2 + c)),    e = e_0 (1 - r) - e_1 r,
                                              c = 4 r (1 - r).

    For negative e the sum in the denominator would cancel; it is c / (sqrt - e) too.

    Shapes: as in `spline`.
    """
    length = y.clamp(-bound, bound) + bound
    at, _ = _bin_of(length, raw, bound, by_height=True)
    r = ((length - at.bottom) / at.height).clamp(0, 1)
    e = at.steep_left * (1 - r) - at.steep_right * r
    c = 4 * r * (1 - r)
    # Not e.abs(), whose derivative at 0 is that of neither branch.
    total = torch.where(e > 0, e, -e) + (e.square() + c).sqrt()
    t = 2 * r / (2 * r + torch.where(e > 0, total, c / total))
    x = at.left + at.width * t + (y - length)
    log_slope = -_log_slope(_curve(t, at), at)
    return x, torch.where(y.abs() < bound, log_slope, 0)


def _bin_of(
    length: Tensor, raw: Tensor, bound: float, by_height: bool
) -> tuple[Bin, Place]:
    bins = (len(raw) + 1) // 3
    shares = raw[: 2 * bins].view(2, bins, *raw.shape[1:]).softmax(1)
    # SMALLEST + (1 - bins * SMALLEST) * shares, times the length of the interval.
    rest = 1 - bins * SMALLEST
    sizes = (shares + SMALLEST / rest) * (2 * bound * rest)
    with torch.no_grad():
        ends = sizes[int(by_height), :-1].cumsum(0)
        index = (ends <= length).sum(0)
        knots = torch.stack((index, index + 1))
        k = torch.arange(bins, device=raw.device).view(-1, *[1] * index.ndim)
        # Sums along the first dimension are cheaper than to gather sizes and starts.
        weights = torch.stack((k < index, k == index)).to(raw.dtype)[:, None]
    (left, bottom), (width, height) = (sizes * weights).sum(2)
    slopes = pad(raw[2 * bins :], (0, 0, 0, 0, 1, 1)).gather(0, knots)
    # elu(r) + 1 is exp(r) below 0 and 1 + r above: positive, and 1 where r is 0.
    slope = height / width
    steep = ((1 - SMALLEST) * elu(slopes) + 1) / slope
    at = Bin(left, bottom, width, height, slope, *steep)
    return at, Place(shares, weights, knots)


def _curve(t: Tensor, at: Bin) -> Curve:
    # addcmul(a, b, c) is a + b * c in one operation: on small tensors, operations are
    # what a training step pays for.
    v = 1 - t
    a = torch.addcmul(t, at.steep_left, v)
    b = torch.addcmul(v, at.steep_right, t)
    p = t * a
    return Curve(t, v, a, b, p, torch.addcmul(p, v, b), torch.addcmul(v * a, t, b))


def _log_slope(curve: Curve, at: Bin) -> Tensor:
    return (at.slope * curve.rise / (curve.whole * curve.whole)).log()


class _Spline(torch.autograd.Function):
    # plain_spline with its derivative: reverse mode, line by line.

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, raw: Tensor, bound: float
    ) -> tuple[Tensor, Tensor]:
        length = x.clamp(-bound, bound) + bound
        at, place = _bin_of(length, raw, bound, by_height=False)
        curve = _curve((length - at.left) / at.width, at)
        share, inside = curve.p / curve.whole, x.abs() < bound
        ctx.save_for_backward(x, raw, share, inside, *curve, *at, *place)
        ctx.bound = bound
        y = torch.addcmul(at.bottom, at.height, share)
        return y + (x - length), torch.where(inside, _log_slope(curve, at), 0)

    @staticmethod
    def backward(ctx: Any, grad_y: Tensor, grad_log: Tensor) -> tuple:
        x, raw, share, inside, *rest = ctx.saved_tensors
        if torch.is_grad_enabled():  # this gradient will be differentiated again
            return *_plain_gradients(x, raw, ctx.bound, (grad_y, grad_log)), None
        curve, at, place = Curve(*rest[:7]), Bin(*rest[7:14]), Place(*rest[14:])
        grad_log = grad_log * inside
        grad_x, grad_bin = _curve_backward(curve, at, share, grad_y, grad_log)
        grad_raw = _bin_backward(at, place, ctx.bound, *grad_bin)
        return torch.where(inside, grad_x, grad_y), grad_raw, None


def _curve_backward(
    curve: Curve, at: Bin, share: Tensor, grad_y: Tensor, grad_log: Tensor
) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    # The gradients of x, and of the start, the size and the knot slopes of the bin,
    # each of these (2, features, batch).
    t, v, a, b, _, whole, rise = curve
    # y = bottom + h share, share = p / whole, log = log s + log rise - 2 log whole
    grad_share = grad_y * at.height
    grad_rise = grad_log / rise
    grad_whole = -torch.add(grad_share * share, grad_log, alpha=2) / whole
    grad_p = torch.addcdiv(grad_whole, grad_share, whole)
    # p = t a,    whole = p + v b,    rise = v a + t b
    grad_a = torch.addcmul(grad_p * t, grad_rise, v)
    grad_b = torch.addcmul(grad_whole * v, grad_rise, t)
    grad_t = torch.addcmul(grad_p * a, grad_rise, b)
    grad_v = torch.addcmul(grad_whole * b, grad_rise, a)
    # a = t + e_0 v,    b = v + e_1 t,    v = 1 - t
    grad_t = torch.addcmul(grad_t + grad_a, grad_b, at.steep_right)
    grad_v = torch.addcmul(grad_v + grad_b, grad_a, at.steep_left)
    grad_0, grad_1 = grad_a * v, grad_b * t
    # t = (x - left) / w,    e = slopes / s,    s = h / w
    grad_x = (grad_t - grad_v) / at.width
    grad_log_s = grad_log - grad_0 * at.steep_left - grad_1 * at.steep_right
    grad_height = torch.addcmul(grad_log_s / at.height, grad_y, share)
    grad_width = torch.addcmul(grad_log_s / at.width, grad_x, t)
    start = torch.stack((-grad_x, grad_y))
    size = torch.stack((-grad_width, grad_height))
    return grad_x, (start, size, torch.stack((grad_0, grad_1)) / at.slope)


def _bin_backward(
    at: Bin, place: Place, bound: float, start: Tensor, size: Tensor, slopes: Tensor
) -> Tensor:
    shares, weights, knots = place
    bins = shares.shape[1]
    # The gradient of a softmax, after that of the sums.
    grads = torch.stack((start, size))[:, :, None] * weights
    grads = grads.sum(0) * shares * (2 * bound * (1 - bins * SMALLEST))
    grads = torch.addcmul(grads, shares, grads.sum(1, keepdim=True), value=-1)
    # The slope of elu is its value + 1 below 0, and 1 above.
    values = torch.stack((at.steep_left, at.steep_right)) * at.slope
    slopes = slopes * (values - SMALLEST).clamp(max=1 - SMALLEST)
    of_knots = slopes.new_zeros(bins + 1, *slopes.shape[1:]).scatter(0, knots, slopes)
    return torch.cat((grads.reshape(2 * bins, *slopes.shape[1:]), of_knots[1:-1]))


def _plain_gradients(
    x: Tensor, raw: Tensor, bound: float, grads: tuple[Tensor, Tensor]
) -> list[Tensor | None]:
    # Views are new to the graph: should raw depend on x, that path is not this one's.
    x, raw = x.view_as(x), raw.view_as(raw)
    wanted = [tensor for tensor in (x, raw) if tensor.requires_grad]
    values = plain_spline(x, raw, bound)
    found = iter(torch.autograd.grad(values, wanted, grads, create_graph=True))
    return [next(found) if tensor.requires_grad else None for tensor in (x, raw)]


class RationalQuadraticSpline(Layer):
    """A trainable spline for each coordinate, the identity outside [-bound, bound].

    See `spline` for the formula. The same for every point of the batch, so it creates
    no dependence between coordinates; `SplineCoupling` lets a network choose it.

    Shapes: z and x (batch, dim); log_det (batch,).
    """

    constants = ("bound",)

    def __init__(self, dim: int, bins: int = 8, bound: float = 5.0) -> None:
        super().__init__()
        check_bins(bins, bound)
        self.dim = dim
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
