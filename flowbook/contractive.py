"""Contractive residual layers: x = z + g(z) where g brings points closer together."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import debug_unwrap, functional_call, vjp

from flowbook.flow import Layer
from flowbook.log_dets import ExactLogDet

LogDet = Callable[[Callable[[Tensor], Tensor], Tensor], Tensor]
"""(g, z) -> log|det(I + dg/dz)|, exact or estimated; see flowbook.log_dets."""


class SpectralNorm(nn.Module):
    """An affine module scaled down so that it stretches no vector by more than `bound`.

    The largest stretch is the largest singular value of the module's linear part A,
    found by power iteration v <- A^T A v / |A^T A v| (Miyato et al., 2018). A and A^T
    are applied as the module and its derivative apply them, so this holds for
    convolutions too; the reshaped kernel's norm, often taken for it, is another number
    (Gouk et al., 2021).

    The estimate |A v| is a lower bound. `refresh` improves v, warm-started from the
    last time; between two calls the module is one fixed function.

    Shapes: those of the module; `shape` is that of one input, without the batch.
    """

    def __init__(self, module: nn.Module, shape: tuple[int, ...], bound: float) -> None:
        super().__init__()
        if not 0 < bound < math.inf:
            raise ValueError(f"The bound of a norm is positive; got {bound}.")
        self.module = module
        self.bound = bound
        self.register_buffer("direction", torch.randn(1, *shape))
        self.refresh(100)

    def forward(self, x: Tensor) -> Tensor:
        """Return c A x + b with c = min(1, bound / |A|)."""
        constant = self.module(torch.zeros_like(self.direction))
        # bound / max(|A|, bound) never divides by zero.
        scale = self.bound / self.norm().clamp(min=self.bound)
        return constant + scale * (self.module(x) - constant)

    def norm(self) -> Tensor:
        """The estimate of |A|, a scalar tensor that the weights get gradients from."""
        return self._linear(self.direction).norm()

    @torch.no_grad()
    def refresh(self, iterations: int) -> None:
        """Take steps of the power iteration."""
        for _ in range(iterations):
            image, transpose = vjp(self._linear, self.direction)
            (direction,) = transpose(image)
            norm = direction.norm()
            if norm > 0:  # A = 0 has no direction, and needs none
                self.direction = direction / norm

    def _linear(self, x: Tensor) -> Tensor:
        return self.module(x) - self.module(torch.zeros_like(x))


def contractive_mlp(
    dim: int, hidden: int = 64, depth: int = 2, lipschitz: float = 0.9
) -> nn.Sequential:
    """Return a perceptron with Lipschitz constant at most `lipschitz`.

    Each of the depth + 1 linear maps gets the same share of it; the activation, ELU,
    has slopes in (0, 1], and a second derivative, which the gradient of a log|det|
    takes.

    Shapes: (batch, dim) -> (batch, dim).
    """
    share = lipschitz ** (1 / (depth + 1))
    widths = [dim, *[hidden] * depth, dim]
    modules: list[nn.Module] = []
    for before, after in pairwise(widths):
        linear = nn.Linear(before, after)
        modules += [SpectralNorm(linear, (before,), share), nn.ELU()]
    return nn.Sequential(*modules[:-1])


class ContractiveResidual(Layer):
    """Invertible residual layer, i-ResNet (Behrmann et al., 2019).

        x = z + g(z),    log|det dx/dz| = log det(I + dg/dz),

    where g has a Lipschitz constant beta < 1. By Banach's theorem z <- x - g(z) then
    has one fixed point, which is the inverse, and

        |z_k - z| <= |z_{k+1} - z_k| / (1 - beta).

    The step is the residual x - z_k - g(z_k), so its size bounds the error. The
    iteration stops where it is below `tolerance` times the size of x, and fails by
    name after `limit` steps. Gradients of the inverse come from the same iteration
    on the transposed Jacobian, and no iterate is stored.

    Fitting data takes `inverse` in every step: `Inverse(layer)` makes it the fast one.

    Shapes: z and x (batch, ...), the same as g maps; log_det (batch,).
    """

    def __init__(
        self,
        net: nn.Module,
        log_det: LogDet | None = None,
        tolerance: float | None = None,
        limit: int = 2000,
    ) -> None:
        super().__init__()
        self.net = net
        self.log_det = ExactLogDet() if log_det is None else log_det
        self.tolerance = tolerance
        self.limit = limit

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        self._refresh_in_training()
        return z + self.net(z), self.log_det(self.net, z)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        self._refresh_in_training()
        tolerance = self.tolerance or 16 * torch.finfo(x.dtype).eps
        names = [name for name, _ in self.net.named_parameters()]
        z = _FixedPoint.apply(
            self.net, names, tolerance, self.limit, x, *self.net.parameters()
        )
        return z, -self.log_det(self.net, z)

    def train(self, mode: bool = True) -> "ContractiveResidual":
        """Switch the mode; before evaluation, let the norms converge."""
        if self.training and not mode:
            self._refresh(200)
        return super().train(mode)

    def _refresh_in_training(self) -> None:
        if self.training:
            self._refresh(2)

    def _refresh(self, iterations: int) -> None:
        for module in self.net.modules():
            if isinstance(module, SpectralNorm):
                module.refresh(iterations)


class _FixedPoint(torch.autograd.Function):
    # The z with z + g(z) = x, and the gradients of the implicit function theorem.
    generate_vmap_rule = True

    @staticmethod
    def forward(
        net: nn.Module,
        names: list[str],
        tolerance: float,
        limit: int,
        x: Tensor,
        *parameters: Tensor,
    ) -> Tensor:
        return iterate(net, x, tolerance, limit)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        ctx.net, ctx.names, ctx.tolerance, ctx.limit, _, *parameters = inputs
        ctx.save_for_backward(output, *parameters)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple:
        z, *parameters = ctx.saved_tensors

        def g(z: Tensor, *parameters: Tensor) -> Tensor:
            named = dict(zip(ctx.names, parameters, strict=True))
            return functional_call(ctx.net, named, (z,))

        _, transpose = vjp(g, z, *parameters)
        # dz + J dz + dg = dx, so the gradient of x is the u with u + J^T u = gradient.
        u = iterate(lambda u: transpose(u)[0], gradient, ctx.tolerance, ctx.limit)
        return None, None, None, None, u, *(-p for p in transpose(u)[1:])


def iterate(
    g: Callable[[Tensor], Tensor], x: Tensor, tolerance: float, limit: int = 2000
) -> Tensor:
    """Return the z with z + g(z) = x up to a residual of tolerance * (1 + max|x|).

    Raises:
        ArithmeticError: the residual is still larger after `limit` steps.

    Shapes: x and z (batch, ...).
    """
    # Under vmap and jacrev the numbers are inside a wrapper that `if` cannot read.
    size = 1 + debug_unwrap(x).abs().amax() if x.numel() else 1.0
    z = x
    for _ in range(limit):
        residual = x - z - g(z)
        z = z + residual
        left = debug_unwrap(residual).abs()
        if not left.numel() or left.amax() <= tolerance * size:
            return z
    raise ArithmeticError(
        f"The fixed-point iteration left a residual of {left.amax():.1e} after {limit} "
        f"steps where {tolerance * size:.1e} was asked for: g is no contraction, or "
        "its Lipschitz constant is too close to 1."
    )
