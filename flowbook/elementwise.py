"""Elementwise layers: one invertible function of one variable for each coordinate.

Their Jacobian is diagonal, so log|det| is the sum of the log-slopes. No layer here
mixes coordinates: independent inputs stay independent.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from flowbook.flow import Inverse, Layer
from flowbook.inputs import as_numbers, require


class ElementwiseAffine(Layer):
    """Shift and scale of each coordinate, both trainable.

        x = z * scale + shift,    log|det dx/dz| = sum(log|scale|).

    A scale may be negative, never zero; training keeps its sign, because the
    parameter is log|scale|. A scalar shift or scale serves every coordinate.

    Shapes: z and x (batch, dim); shift and scale () or (dim,); log_det (batch,).

    Raises:
        ValueError: a scale is zero, or shift or scale is not finite.
    """

    def __init__(self, shift: Tensor | float, scale: Tensor | float) -> None:
        super().__init__()
        shift = as_numbers(shift, "ElementwiseAffine", "shift")
        scale = as_numbers(scale, "ElementwiseAffine", "scale")
        require(
            scale,
            lambda value: value != 0,
            "ElementwiseAffine expects a finite scale other than zero",
        )
        shape = torch.broadcast_shapes(shift.shape, scale.shape)
        if len(shape) > 1:
            raise ValueError(
                "ElementwiseAffine expects a shift and a scale of shape () or (dim,), "
                f"got {tuple(shift.shape)} and {tuple(scale.shape)}."
            )
        self.dim = shape[0] if shape else None
        self.shift = nn.Parameter(shift)
        self.log_scale = nn.Parameter(scale.abs().log())
        self.register_buffer("sign", scale.sign())

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        scale = self.sign * self.log_scale.exp()
        return z * scale + self.shift, self.log_scale.expand_as(z).sum(-1)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        scale = self.sign * self.log_scale.exp()
        return (x - self.shift) / scale, -self.log_scale.expand_as(x).sum(-1)


class Exp(Layer):
    """The exponential, from the line to the positive half-line.

        x = exp(z),    log|det dx/dz| = sum(z).

    Shapes: z and x (batch, dim); log_det (batch,).

    Raises:
        ValueError: `inverse` met an x that is not positive, or `forward` a z whose
            exponential is beyond the largest number of its dtype.
    """

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        top = math.log(torch.finfo(z.dtype).max)
        require(z, lambda value: value < top, f"Exp.forward expects z < {top:.2f}")
        return z.exp(), z.sum(-1)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        require(x, lambda value: value > 0, "Exp.inverse expects x > 0")
        z = x.log()
        return z, -z.sum(-1)


class Logistic(Layer):
    """The logistic sigmoid, from the line to the open unit interval.

        x = 1 / (1 + exp(-z)),    log|det dx/dz| = sum(log x + log(1 - x)).

    `forward` takes both logarithms from z, so that they stay finite where x rounds
    to 0 or to 1. Such an x has no inverse any more: beyond z = 17 in float32 and
    z = 37 in float64 there is no number left between x and 1.

    Shapes: z and x (batch, dim); log_det (batch,).

    Raises:
        ValueError: `inverse` met an x outside the open unit interval.
    """

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        return z.sigmoid(), (logsigmoid(z) + logsigmoid(-z)).sum(-1)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        require(
            x,
            lambda value: (value > 0) & (value < 1),
            "Logistic.inverse (Logit.forward) expects 0 < x < 1",
        )
        log_x, log_rest = x.log(), torch.log1p(-x)
        return log_x - log_rest, -(log_x + log_rest).sum(-1)


class Logit(Inverse):
    """The logit, from the open unit interval to the line: `Logistic` turned round.

        x = log(z / (1 - z)),    log|det dx/dz| = -sum(log z + log(1 - z)).

    Shapes: z and x (batch, dim); log_det (batch,).

    Raises:
        ValueError: `forward` met a z outside the open unit interval.
    """

    def __init__(self) -> None:
        super().__init__(Logistic())


class Power(Layer):
    """A power, of the half-line z >= 0 onto itself; (0, 1) stays (0, 1).

        x = z ** exponent,
        log|det dx/dz| = sum(log(exponent) + (exponent - 1) log z).

    At the end point 0 the slope is 0 or infinite, and log|det| is the -inf or inf
    that it has to be.

    Shapes: z and x (batch, dim); log_det (batch,).

    Raises:
        ValueError: the exponent is not positive, or z or x is negative.
    """

    constants = ("exponent",)

    def __init__(self, exponent: float) -> None:
        super().__init__()
        if not 0 < exponent < float("inf"):
            raise ValueError(f"Power expects a positive exponent, got {exponent}.")
        self.exponent = float(exponent)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        require(z, lambda value: value >= 0, "Power.forward expects z >= 0")
        return z**self.exponent, _log_slope(z, self.exponent).sum(-1)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        require(x, lambda value: value >= 0, "Power.inverse expects x >= 0")
        return x ** (1 / self.exponent), _log_slope(x, 1 / self.exponent).sum(-1)


class SinhArcsinh(Layer):
    """The sinh-arcsinh map, which gives a coordinate skewness and tails.

    From Jones and Pewsey (2009), "Sinh-arcsinh distributions", with both parameters
    of each coordinate trainable:

        x = sinh(u),    u = tail * arcsinh(z) + skew,
        log|det dx/dz| = sum(log(tail) + log cosh(u) - log cosh(arcsinh(z))).

    A tail above 1 makes tails heavier, skew above 0 leans to the right; a new layer
    is the identity. The inverse has the same form.

    Shapes: z and x (batch, dim); skew and log_tail (dim,); log_det (batch,).
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.skew = nn.Parameter(torch.zeros(dim))
        self.log_tail = nn.Parameter(torch.zeros(dim))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        before = z.asinh()
        after = self.log_tail.exp() * before + self.skew
        log_slope = self.log_tail + _log_cosh(after) - _log_cosh(before)
        return after.sinh(), log_slope.sum(-1)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        after = x.asinh()
        before = (after - self.skew) * (-self.log_tail).exp()
        log_slope = _log_cosh(before) - _log_cosh(after) - self.log_tail
        return before.sinh(), log_slope.sum(-1)


def _log_cosh(u: Tensor) -> Tensor:
    # cosh overflows at 89 in float32; its logarithm need not.
    return torch.logaddexp(u, -u) - math.log(2)


def _log_slope(z: Tensor, exponent: float) -> Tensor:
    # xlogy gives 0 * log(0) = 0, which is right for the exponent 1.
    return math.log(exponent) + torch.special.xlogy(exponent - 1, z)
