"""A monotone map with many bends: the distribution function of a mixture."""

import torch
from torch import Tensor, nn
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
    is found by bisection, and its gradient by implicit differentiation.

    Shapes: z and x (batch, dim); log_det (batch,).
    """

    def __init__(self, dim: int, components: int = 4) -> None:
        super().__init__()
        if components < 1:
            raise ValueError(f"A mixture has one component or more; got {components}.")
        self.logits = nn.Parameter(torch.zeros(dim, components))
        self.centres = nn.Parameter(torch.linspace(-2, 2, components).repeat(dim, 1))
        self.log_widths = nn.Parameter(torch.zeros(dim, components))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        x, log_slope = self._logit_and_log_slope(z)
        return x, log_slope.sum(-1)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        with torch.no_grad():
            root = self._bisect(x)
        # Implicit differentiation of f(z) = x: dz = (dx - df) / f'(z), where df is the
        # change of f at a fixed z. One step of Newton's method whose slope counts as a
        # constant has exactly this gradient, and its value is the root itself.
        value, log_slope = self._logit_and_log_slope(root)
        z = root + (x - value) * (-log_slope.detach()).exp()
        return z, -self._logit_and_log_slope(z)[1].sum(-1)

    def _logit_and_log_slope(self, z: Tensor) -> tuple[Tensor, Tensor]:
        weights = self.logits.log_softmax(-1)
        u = (z[..., None] - self.centres) * (-self.log_widths).exp()
        below, above = logsigmoid(u), logsigmoid(-u)
        log_cdf = (weights + below).logsumexp(-1)
        log_rest = (weights + above).logsumexp(-1)
        log_pdf = (weights + below + above - self.log_widths).logsumexp(-1)
        return log_cdf - log_rest, log_pdf - log_cdf - log_rest

    def _bisect(self, x: Tensor) -> Tensor:
        # Component k reaches logit x at mu_k + w_k x; the mixture in between them all.
        quantiles = self.centres + self.log_widths.exp() * x[..., None]
        low, high = quantiles.amin(-1), quantiles.amax(-1)
        for _ in range(torch.finfo(x.dtype).bits):
            middle = (low + high) / 2
            too_low = self._logit_and_log_slope(middle)[0] < x
            low = torch.where(too_low, middle, low)
            high = torch.where(too_low, high, middle)
        return (low + high) / 2
