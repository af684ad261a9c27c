"""Planar and radial layers: they stretch along one direction, or around one point."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import elu

from flowbook.flow import Layer


class Planar(Layer):
    """Planar layer (Rezende and Mohamed, 2015).

        x = z + v tanh(a),    a = w·z + b,
        log|det dx/dz| = log(1 + w·v (1 - tanh(a)²)),

    by the matrix determinant lemma. The slope 1 - tanh² goes from 0 to 1, so the layer
    is one-to-one for w·v > -1 and folds the space for less. So v is the parameter u
    where w·u >= 0; where it is negative, u is moved along w until

        w·v = exp(w·u) - 1 > -1.

    (The paper takes softplus(w·u) - 1 everywhere. Here u = 0 is the identity, with
    which the layer starts.)

    `forward` is the fast direction. `inverse` solves a + w·v tanh(a) = w·x + b for the
    number a, by bisection, because no formula does; its derivatives, of every order,
    are those of implicit differentiation in reverse mode; forward mode raises.

    Shapes: z and x (batch, dim); log_det (batch,).
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.w = nn.Parameter(torch.randn(dim))
        self.u = nn.Parameter(torch.zeros(dim))
        self.b = nn.Parameter(torch.zeros(()))

    def direction_and_slope(self) -> tuple[Tensor, Tensor]:
        """Return v, shape (dim,), and the largest or smallest stretch 1 + w·v > 0."""
        along = self.w @ self.u
        reached = elu(along)
        # Where w = 0 there is nothing to correct, and 0 / 0 to avoid.
        tiny = torch.finfo(self.w.dtype).tiny
        v = self.u + (reached - along) * self.w / (self.w @ self.w + tiny)
        # 1 + elu, without the difference of two numbers that are nearly equal. A sum of
        # two clamps would add up both their slopes at 0, where u starts.
        return v, torch.where(along < 0, along.clamp(max=0).exp(), 1 + along)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        v, slope = self.direction_and_slope()
        bend = torch.tanh(z @ self.w + self.b)
        return z + bend[:, None] * v, _stretch(bend, slope).log()

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        v, slope = self.direction_and_slope()
        bend = torch.tanh(_Root.apply(x @ self.w + self.b, slope))
        return x - bend[:, None] * v, -_stretch(bend, slope).log()


class Radial(Layer):
    """Radial layer (Rezende and Mohamed, 2015).

    Everything moves along the rays from a centre c. With r = |z - c|, a radius A > 0
    and q = A / (A + r), which falls from 1 at the centre to 0 far away,

        x = c + t (z - c),    t = 1 + (exp(s) - 1) q,
        log|det dx/dz| = (dim - 1) log t + log(1 + (exp(s) - 1) q²).

    Across the rays all is stretched by t, along them by the last bracket, and at the
    centre by exp(s) in each direction. The paper writes beta for A (exp(s) - 1), under
    the condition beta >= -A, which this form always meets. The layer starts as the
    identity, s = 0.

    The inverse has a formula: |x - c| = t r is a quadratic equation for r.

    Shapes: z and x (batch, dim); log_det (batch,).
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.centre = nn.Parameter(torch.randn(dim))
        self.log_radius = nn.Parameter(torch.zeros(()))
        self.log_stretch = nn.Parameter(torch.zeros(()))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        away = z - self.centre
        across, along = self._stretches(torch.linalg.vector_norm(away, dim=-1))
        log_det = (self.dim - 1) * across.log() + along.log()
        return self.centre + across[:, None] * away, log_det

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        away = x - self.centre
        across, along = self._stretches(
            self._radius_before(torch.linalg.vector_norm(away, dim=-1))
        )
        log_det = (self.dim - 1) * across.log() + along.log()
        return self.centre + away / across[:, None], -log_det

    def _stretches(self, r: Tensor) -> tuple[Tensor, Tensor]:
        # Across and along the rays, as means of 1 and exp(s): no cancellation.
        far = r / (self.log_radius.exp() + r)
        near, most = 1 - far, self.log_stretch.exp()
        return far + near * most, far * (1 + near) + near.square() * most

    def _radius_before(self, y: Tensor) -> Tensor:
        # The positive root of r² - 2 h r - A y = 0, of two forms the exact one.
        radius = self.log_radius.exp()
        h = (y - radius * self.log_stretch.exp()) / 2
        root = (h.square() + radius * y).sqrt()
        # Not h.abs(), whose derivative at 0 is that of neither branch.
        size = torch.where(h > 0, h, -h)
        return torch.where(h > 0, root + size, radius * y / (root + size))


def _stretch(bend: Tensor, slope: Tensor) -> Tensor:
    """Return 1 + (slope - 1)(1 - bend²), a mean of 1 and the slope: never negative."""
    steep = bend.square()
    return steep + (1 - steep) * slope


class _Root(torch.autograd.Function):
    # The a with a + (slope - 1) tanh(a) = y. By implicit differentiation
    # da = (dy - tanh(a) dslope) / stretch; a is the output, so every order is right.
    generate_vmap_rule = True

    @staticmethod
    def forward(y: Tensor, slope: Tensor) -> Tensor:
        return solve(y, slope)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(output, inputs[1])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        a, slope = ctx.saved_tensors
        bend = torch.tanh(a)
        of_y = gradient / _stretch(bend, slope)
        return of_y, (-of_y * bend).sum()


@torch.no_grad()
def solve(y: Tensor, slope: Tensor) -> Tensor:
    """Return the a with a + (slope - 1) tanh(a) = y, by bisection to the last digits.

    The left side rises if the slope is positive. Shapes: y and a (batch,); slope ().
    """
    reach = (slope - 1).abs()  # as tanh is between -1 and 1
    low, high = y - reach, y + reach
    for _ in range(torch.finfo(y.dtype).bits):
        middle = (low + high) / 2
        too_low = middle + (slope - 1) * torch.tanh(middle) < y
        low = torch.where(too_low, middle, low)
        high = torch.where(too_low, high, middle)
    return (low + high) / 2
