"""Piecewise layers: a simple map on each bin, the pieces joined at the knots."""

import math

import torch
from torch import Tensor, nn

from flowbook.flow import Layer
from flowbook.inputs import as_numbers, require


class LeakyReLU(Layer):
    """The leaky rectifier: two pieces that meet at 0.

        x = z for z >= 0,  slope * z for z < 0,
        log|det dx/dz| = log(slope) * (number of negative entries).

    Shapes: z and x (batch, dim); log_det (batch,).
    """

    constants = ("slope",)

    def __init__(self, slope: float = 0.1) -> None:
        super().__init__()
        if not 0 < slope < math.inf:
            raise ValueError(f"A leaky ReLU needs a positive slope; got {slope}.")
        self.slope = slope

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        x = torch.where(z < 0, self.slope * z, z)
        return x, math.log(self.slope) * (z < 0).sum(-1).to(z)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        z = torch.where(x < 0, x / self.slope, x)
        return z, -math.log(self.slope) * (x < 0).sum(-1).to(x)


class PiecewiseLinear(Layer):
    """A piecewise linear map of [0, 1] onto itself, one for each coordinate.

    K equal bins of z; on bin b = 0 ... K - 1 the map rises by phi_b:

        x = sum(phi_k for k < b) + t phi_b,    t = Kz - b,
        log|det dx/dz| = sum over coordinates of log(K phi_b).

    z = 1 belongs to the last bin, although floor(K * 1) = K. The rises are the softmax
    of the parameters, so that they stay positive and add up to 1.

    Shapes: z and x (batch, dim), in [0, 1]; rises (dim, K), where training starts;
    log_det (batch,).
    """

    def __init__(self, rises: Tensor) -> None:
        super().__init__()
        rises = as_numbers(rises, "PiecewiseLinear", "rises")
        one = torch.ones_like(rises[:, 0]) if rises.ndim == 2 else None
        if one is None or not (rises > 0).all() or not rises.sum(-1).allclose(one):
            raise ValueError(
                "The rises of the bins are positive and sum to 1 in each row (dim, K); "
                f"got {rises.tolist()}."
            )
        self.dim = len(rises)
        self.logits = nn.Parameter(rises.log())

    @property
    def rises(self) -> Tensor:
        """The rise phi of every bin, shape (dim, K)."""
        return self.logits.softmax(-1)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        _check_interval(z, 1.0, "z")
        rises, bins = self.rises, self.logits.shape[-1]
        bin_ = _equal_bin(z, bins)
        rise = _pick(rises, bin_)
        x = _pick(_knots(rises), bin_) + (bins * z - bin_) * rise
        # Rounding must not carry x out of the interval.
        return x.clamp(0, 1), (bins * rise).log().sum(-1)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        _check_interval(x, 1.0, "x")
        rises, bins = self.rises, self.logits.shape[-1]
        knots = _knots(rises)
        bin_ = _bin_between(knots, x)
        rise = _pick(rises, bin_)
        z = (bin_ + (x - _pick(knots, bin_)) / rise) / bins
        return z.clamp(0, 1), -(bins * rise).log().sum(-1)


class SquareRootBins(Layer):
    """A map of [0, 1] that is a square root on each of K equal bins.

        x = sum(sqrt(phi_k) for k < b) + sqrt(t phi_b),    t = Kz - b,
        log|det dx/dz| = sum over coordinates of log(K sqrt(phi_b / t) / 2).

    The knots are sums of *square roots*: with sums of phi the map would jump down
    there. It ends at sum(sqrt(phi)) >= 1. At the left knot of a bin (t = 0) the slope
    is infinite, and log|det| is the inf, or in the inverse the -inf, that it must be.

    Shapes: z (batch, dim), in [0, 1]; x (batch, dim), in [0, top]; phi (dim, K), where
    training starts; log_det (batch,).
    """

    def __init__(self, phi: Tensor) -> None:
        super().__init__()
        self.linear = PiecewiseLinear(phi)
        self.dim = self.linear.dim

    @property
    def roots(self) -> Tensor:
        """The rise sqrt(phi) of every bin, shape (dim, K)."""
        return self.linear.rises.sqrt()

    @property
    def top(self) -> Tensor:
        """The largest x of every coordinate, shape (dim,)."""
        return self.roots.sum(-1)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        _check_interval(z, 1.0, "z")
        roots = self.roots
        bins = roots.shape[-1]
        bin_ = _equal_bin(z, bins)
        rise, t = _pick(roots, bin_), bins * z - bin_
        slope = bins * rise / (2 * t.sqrt())
        return _pick(_knots(roots), bin_) + rise * t.sqrt(), slope.log().sum(-1)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        roots = self.roots
        knots, bins = _knots(roots), roots.shape[-1]
        _check_interval(x, knots[:, -1].detach(), "x")
        bin_ = _bin_between(knots, x)
        rise = _pick(roots, bin_)
        share = (x - _pick(knots, bin_)) / rise
        z = (bin_ + share.square()) / bins
        return z.clamp(0, 1), (2 * share / (bins * rise)).log().sum(-1)


def _knots(rises: Tensor) -> Tensor:
    # (dim, K) -> (dim, K + 1): where each bin starts, and the end of the last.
    return torch.cat((torch.zeros_like(rises[:, :1]), rises.cumsum(-1)), -1)


def _equal_bin(z: Tensor, bins: int) -> Tensor:
    return (bins * z).long().clamp(0, bins - 1)


def _bin_between(knots: Tensor, x: Tensor) -> Tensor:
    # The number of inner knots that are not above x is the bin that holds x.
    return (x[..., None] >= knots[:, 1:-1]).sum(-1)


def _pick(table: Tensor, bin_: Tensor) -> Tensor:
    # table (dim, K), bin_ (batch, dim) -> (batch, dim)
    return table.gather(1, bin_.mT).mT


def _check_interval(x: Tensor, top: float | Tensor, name: str) -> None:
    highest = torch.as_tensor(top).to(x)
    allowed = highest * (1 + 4 * torch.finfo(x.dtype).eps)
    require(
        x,
        lambda value: (value >= 0) & (value <= allowed),
        lambda: f"Expected {name} in [0, {highest.max().item():.6g}]",
    )
