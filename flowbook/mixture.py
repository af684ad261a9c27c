"""A monotone map with many bends: the distribution function of a mixture."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import vjp
from torch.nn.functional import logsigmoid

from flowbook.flow import Layer


class LogisticMixture(Layer):
    """The logit of the distribution function of a mixture (Ho et al., 2019).

    One mixture of K logistics for each coordinate, as in Flow++. With the weights
    pi (positive, sum 1), the centres mu and the widths w > 0,

        x = logit(F(z)),    F(z) = sum over k of pi_k logistic((z - mu_k) / w_k),
        log dx/dz = log F'(z) - log F(z) - log(1 - F(z)).

    F alone maps onto (0, 1); its logit maps onto the line, and all logarithms are
    taken by logsumexp, so that F may round to 0 or 1. The inverse has no formula: it
    is found by bisection, and its derivatives, of every order, by implicit
    differentiation in reverse mode; forward mode raises.

    Shapes: z and x (batch, dim); log_det (batch,).
    """

    def __init__(self, dim: int, components: int = 4) -> None:
        super().__init__()
        if components < 1:
            raise ValueError(f"A mixture has one component or more; got {components}.")
        self.dim = dim
        self.logits = nn.Parameter(torch.zeros(dim, components))
        self.centres = nn.Parameter(torch.linspace(-2, 2, components).repeat(dim, 1))
        self.log_widths = nn.Parameter(torch.zeros(dim, components))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        x, log_slope = logit_and_log_slope(z, *self._parameters_each())
        return x, log_slope.sum(-1)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        z = ImplicitRoot.apply(logit_and_log_slope, bisect, x, *self._parameters_each())
        return z, -logit_and_log_slope(z, *self._parameters_each())[1].sum(-1)

    def _parameters_each(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.logits, self.centres, self.log_widths


def logit_and_log_slope(
    z: Tensor, logits: Tensor, centres: Tensor, log_widths: Tensor
) -> tuple[Tensor, Tensor]:
    """Return logit F(z) of a mixture of logistics, and the logarithm of its slope.

    Shapes: z (..., dim); the parameters (dim, K); both results like z.
    """
    weights = logits.log_softmax(-1)
    u = (z[..., None] - centres) * (-log_widths).exp()
    below, above = logsigmoid(u), logsigmoid(-u)
    log_cdf = (weights + below).logsumexp(-1)
    log_rest = (weights + above).logsumexp(-1)
    log_pdf = (weights + below + above - log_widths).logsumexp(-1)
    return log_cdf - log_rest, log_pdf - log_cdf - log_rest


class ImplicitRoot(torch.autograd.Function):
    """The point where a rising function of a mixture's parameters has a given value.

    `value_and_log_slope(point, *parameters)` is that function with the logarithm of its
    slope; `solve(value, *parameters)` finds the point.
    """

    # By implicit differentiation d(point) = (d(value) - df) / f'(point), with df the
    # change of f at this point. The point there is the output itself, whose derivatives
    # are these again: so every order is right.
    generate_vmap_rule = True

    @staticmethod
    def forward(
        value_and_log_slope: Callable,
        solve: Callable,
        value: Tensor,
        *parameters: Tensor,
    ) -> Tensor:
        return solve(value, *parameters)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        ctx.value_and_log_slope, _, _, *parameters = inputs
        ctx.save_for_backward(output, *parameters)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        point, *parameters = ctx.saved_tensors
        log_slope = ctx.value_and_log_slope(point, *parameters)[1]
        of_value = gradient * (-log_slope).exp()
        _, transpose = vjp(
            lambda *p: ctx.value_and_log_slope(point, *p)[0], *parameters
        )
        return None, None, of_value, *transpose(-of_value)


@torch.no_grad()
def bisect(x: Tensor, logits: Tensor, centres: Tensor, log_widths: Tensor) -> Tensor:
    """Return the z whose logit F(z) is x, to the last digits of the dtype.

    Shapes: x (..., dim); the parameters (dim, K); z like x.
    """
    # Component k reaches logit x at mu_k + w_k x; the mixture in between them all.
    quantiles = centres + log_widths.exp() * x[..., None]
    low, high = quantiles.amin(-1), quantiles.amax(-1)
    for _ in range(torch.finfo(x.dtype).bits):
        middle = (low + high) / 2
        too_low = logit_and_log_slope(middle, logits, centres, log_widths)[0] < x
        low = torch.where(too_low, middle, low)
        high = torch.where(too_low, high, middle)
    return (low + high) / 2
