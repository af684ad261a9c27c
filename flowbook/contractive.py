"""Contractive residual layers: x = z + g(z) where g brings points closer together."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import debug_unwrap, functional_call, vjp

from flowbook.constants import Constants
from flowbook.flow import Layer
from flowbook.inputs import expect_count, expect_positive
from flowbook.log_dets import ExactLogDet

LogDet = Callable[[Callable[[Tensor], Tensor], Tensor], Tensor]
"""(g, z) -> log|det(I + dg/dz)|, exact or estimated; see flowbook.log_dets."""


class SpectralNorm(Constants):
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

    constants = ("bound",)

    def __init__(self, module: nn.Module, shape: tuple[int, ...], bound: float) -> None:
        super().__init__()
        self.module = module
        self.bound = expect_positive(bound, "SpectralNorm", "bound")
        self.register_buffer("direction", torch.randn(1, *shape))
        image, other = self._linear(self.direction), self._linear(-2 * self.direction)
        if not torch.allclose(other, -2 * image, rtol=1e-3, atol=1e-3):
            raise ValueError(
                f"SpectralNorm expects an affine module, got one that is not: {module}."
            )
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

    The step is the residual x - z_k - g(z_k), so its size bounds the error. Each row
    stops by itself, where this bound is below `tolerance` times 1 + max|x| + max|z|;
    without a tolerance, where the step is down to rounding. A row that is not there
    after `limit` steps fails by name. Gradients of the inverse come from the same
    iteration on the transposed Jacobian, and no iterate is stored.

    beta is `lipschitz`; if that is not given, the product of the bounds of all
    `SpectralNorm` in g; and never less than the rate at which steps were seen to
    shrink, which alone is known of another g.

    Fitting data takes `inverse` in every step: `Inverse(layer)` makes it the fast one.

    Shapes: z and x (batch, ...), the same as g maps; log_det (batch,).
    """

    def __init__(
        self,
        net: nn.Module,
        log_det: LogDet | None = None,
        tolerance: float | None = None,
        limit: int = 2000,
        lipschitz: float | None = None,
    ) -> None:
        super().__init__()
        self.net = net
        self.log_det = ExactLogDet() if log_det is None else log_det
        if tolerance is not None:
            expect_positive(tolerance, "ContractiveResidual", "tolerance")
        self.tolerance = tolerance
        self.limit = expect_count(limit, "ContractiveResidual", 1, "limit")
        norms = [m.bound for m in net.modules() if isinstance(m, SpectralNorm)]
        if lipschitz is None:
            lipschitz = math.prod(norms) if norms else 0.0
        if not 0 <= lipschitz < 1:
            raise ValueError(
                f"A contraction has a Lipschitz constant below 1, got {lipschitz:g}."
            )
        self.lipschitz = lipschitz

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        self._refresh_in_training()
        return z + self.net(z), self.log_det(self.net, z)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        self._refresh_in_training()
        parameters = dict(self.net.named_parameters())

        def bind(*values: Tensor) -> Callable[[Tensor], Tensor]:
            named = dict(zip(parameters, values, strict=True))
            return lambda z: functional_call(self.net, named, (z,))

        rule = Stopping(self.tolerance, self.limit, self.lipschitz)
        z = _FixedPoint.apply(bind, rule, x, *parameters.values())
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


Bind = Callable[..., Callable[[Tensor], Tensor]]
"""theta -> g(.; theta), for tensors theta that want gradients."""


class Stopping(NamedTuple):
    """When a fixed-point iteration ends; see `iterate`."""

    tolerance: float | None
    limit: int
    lipschitz: float
    smallest: float = 1.0


class _FixedPoint(torch.autograd.Function):
    # The z with z + g(z; theta) = x, and the gradients of the implicit function
    # theorem. Those solve an equation of the same kind, here as well: an iteration
    # that autograd went through would have no derivative where it had nothing to do,
    # as for a gradient of 0.
    generate_vmap_rule = True

    @staticmethod
    def forward(bind: Bind, rule: Stopping, x: Tensor, *theta: Tensor) -> Tensor:
        return iterate(bind(*theta), x, *rule)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        ctx.bind, ctx.rule, _, *theta = inputs
        ctx.save_for_backward(output, *theta)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple:
        z, *theta = ctx.saved_tensors

        def transposed(z: Tensor, *theta: Tensor) -> Callable[[Tensor], Tensor]:
            _, transpose = vjp(ctx.bind(*theta), z)
            return lambda u: transpose(u)[0]

        # dz + J dz + dg = dx, so the gradient of x is the u with u + J^T u = gradient.
        rule = ctx.rule._replace(smallest=0.0)
        u = _FixedPoint.apply(transposed, rule, gradient, z, *theta)
        _, transpose = vjp(lambda *theta: ctx.bind(*theta)(z), *theta)
        return None, None, u, *transpose(-u)


def iterate(
    g: Callable[[Tensor], Tensor],
    x: Tensor,
    tolerance: float | None,
    limit: int = 2000,
    lipschitz: float = 0.0,
    smallest: float = 1.0,
) -> Tensor:
    """Return the z with z + g(z) = x, row by row.

    A row ends where Banach's bound |step| / (1 - beta) on its error is at most

        tolerance * (smallest + max|x| + max|z|),

    for beta the larger one of `lipschitz` and the rate at which its steps shrank;
    without a tolerance or a beta, where |step| is at most 16 roundings of that size.
    It then stays as it is: no row depends on another. One that holds NaN ends at once.

    Raises:
        ArithmeticError: a row is not there after `limit` steps.

    Shapes: x and z (batch, ...).
    """
    expect_count(limit, "iterate", 1, "limit")
    if tolerance is not None:
        expect_positive(tolerance, "iterate", "tolerance")
    rounding = torch.finfo(x.dtype).eps
    z, size_of_x = x, smallest + norms(x, math.inf)
    before = torch.zeros_like(size_of_x)
    done, beta = before > 0, before + lipschitz
    for _ in range(limit):
        step = x - z - g(z)
        length, size = norms(step), size_of_x + norms(z, math.inf)
        if tolerance is None:
            allowed = 16 * rounding * size
        else:
            # A step near rounding tells no rate any more.
            clear = (before > 1e4 * rounding * size) & ~done
            beta = torch.where(clear, torch.maximum(beta, length / before), beta)
            # The tolerance says nothing while no rate is known.
            share = torch.where(beta > 0, (1 - beta) * tolerance, 16 * rounding)
            allowed, before = share * size, length
        z = torch.where(rowwise(done, z), z, z + step)
        # NaN is not above anything, so a row that holds one is done.
        done = done | ~(length > allowed)
        # Under vmap and jacrev the numbers are inside a wrapper that `if` cannot read.
        if debug_unwrap(done).all():
            return z
    left = debug_unwrap(torch.where(done, 0, length / size)).amax().item()
    raise ArithmeticError(
        f"The fixed-point iteration left a step of {left:.1e} times the size of its "
        f"row after {limit} steps: g is no contraction, or its Lipschitz constant is "
        "too close to 1 for the tolerance."
    )


@torch.no_grad()
def norms(x: Tensor, order: float = 2) -> Tensor:
    """Return the norm of each row, (batch, ...) to (batch,), without a gradient."""
    rows = x.reshape(len(x), math.prod(x.shape[1:]))
    return torch.linalg.vector_norm(rows, order, dim=1)


def rowwise(rows: Tensor, like: Tensor) -> Tensor:
    """Return (batch,) shaped to broadcast with `like` (batch, ...)."""
    return rows.reshape(-1, *[1] * (like.ndim - 1))
