"""The triangular map of a density on the plane, by quadrature (Knothe, Rosenblatt)."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import vjp

from flowbook.densities import Density
from flowbook.flow import Layer, numbers_of
from flowbook.inputs import expect_count, require
from flowbook.normal_scores import log_normal_cdf, log_normal_density, normal_score

REACH = 8.0  # beyond so many deviations a box of float64 has no digits left


class TriangularMap(Layer):
    """The increasing triangular map between a planar density and the normal one.

    It needs no training: `inverse` is two distribution functions, each followed by the
    normal's quantile function (Rosenblatt, 1952; Knothe, 1957),

        z_1 = Phi^{-1}(F_1(x_1)),    z_2 = Phi^{-1}(F_{2|1}(x_2 | x_1)),
        log|det dz/dx| = log p_1(x_1) + log p(x_2 | x_1) - log phi(z_1) - log phi(z_2).

    The density is replaced, on panels of its box, by polynomials through the nodes of
    Gauss and Legendre's rule; they are integrated exactly, so that log|det| is that of
    the map as it is computed. It comes closer to log p the finer the panels are, with
    jumps of the density on their edges. `forward` bisects; its derivatives are those
    of implicit differentiation, in reverse mode.

    The map is one of the box of the density, which should be positive there; where it
    is 0, log|det| of the inverse is very low.

    Shapes: z and x (batch, 2); log_det (batch,).

    Raises:
        ValueError: the density is not one of the plane, x is outside its box, or an
            entry of z is beyond 8.
    """

    dim = 2

    def __init__(self, density: Density, panels: int = 64, nodes: int = 8) -> None:
        super().__init__()
        if density.dim != 2:
            raise ValueError(f"TriangularMap is for the plane, got dim {density.dim}.")
        panels = expect_count(panels, "TriangularMap", 1, "panels")
        nodes = expect_count(nodes, "TriangularMap", 2, "nodes")
        self.density = density
        at, weights, integral = _rule(nodes)
        unit = (torch.arange(panels, dtype=torch.float64)[:, None] + at) / panels
        box = torch.tensor(density.bounds, dtype=torch.float64)
        for name, value in (("at", unit), ("weights", weights), ("box", box)):
            self.register_buffer(name, value)
        self.register_buffer("integral", integral)
        first = box[0, 0] + (box[0, 1] - box[0, 0]) * unit
        marginal = (self._slice(first.flatten()) @ weights).sum(-1) / panels
        self.register_buffer("marginal", marginal.reshape(panels, nodes))

    def constant_tensors(self) -> dict[str, Tensor]:
        """Return the numbers of the density, so that no other one takes its tables."""
        return super().constant_tensors() | dict(numbers_of(self.density, "density"))

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        low, high = self.box.to(x).unbind(-1)
        require(
            x,
            lambda value: (value >= low) & (value <= high),
            f"TriangularMap.inverse expects x in the box {self.density.bounds}",
        )
        return self._scores(x)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        require(
            z,
            lambda value: value.abs() < REACH,
            f"TriangularMap.forward expects entries of z between {-REACH} and {REACH}",
        )
        x = _Root.apply(self, z)
        return x, -self._scores(x)[1]

    def _scores(self, x: Tensor) -> tuple[Tensor, Tensor]:
        low, high = self.box.to(x).unbind(-1)
        share = (x - low) / (high - low)
        one = self._score(self.marginal.to(x)[None], share[:, 0])
        two = self._score(self._slice(x[:, 0]), share[:, 1])
        z = torch.stack((one[0], two[0]), -1)
        return z, one[1] + two[1] - (high - low).log().sum()

    def _slice(self, first: Tensor) -> Tensor:
        """Return p(x_1, .) at every node of every panel, (batch, panels, nodes)."""
        box, unit = self.box.to(first), self.at.to(first)
        second = box[1, 0] + (box[1, 1] - box[1, 0]) * unit
        where = torch.broadcast_tensors(first[:, None, None], second)
        return self.density.log_prob(torch.stack(where, -1)).exp()

    def _score(self, values: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
        """Return the normal score at a share of the interval, and its log-slope.

        Shapes: values (batch or 1, panels, nodes); share (batch,), from 0 to 1.
        """
        masses = values @ self.weights.to(values)
        below, above, density, total = self._parts(values, masses, share)
        z = normal_score((below / total).log(), (above / total).log())
        panels = values.shape[1]
        return z, (density * panels / total).log() - log_normal_density(z)

    def _parts(
        self, values: Tensor, masses: Tensor, share: Tensor
    ) -> tuple[Tensor, ...]:
        # Masses below and above the point and the density there, in units in which a
        # panel has length 1, and the total mass.
        panels = values.shape[1]
        panel = (share.detach() * panels).long().clamp(0, panels - 1)
        inside = (share * panels - panel)[:, None]
        rows = torch.arange(len(share), device=share.device) % len(values)
        heights = values[rows, panel]  # (batch, nodes)
        # Antiderivatives of the polynomials that are 1 at one node. Their powers are
        # products: 0 ** 0 has derivatives, but not of every order.
        coefficients = self.integral.to(values).mT
        powers = [torch.ones_like(inside)]
        for _ in coefficients[1:]:
            powers.append(powers[-1] * inside)
        degrees = torch.arange(1, len(powers), device=share.device)
        up = torch.cat(powers, 1) @ coefficients
        slope = (torch.cat(powers[:-1], 1) * degrees) @ coefficients[1:]
        part = (up * heights).sum(-1)
        order = torch.arange(panels, device=share.device)
        each = masses.expand(len(share), -1)
        before = (each * (order < panel[:, None])).sum(-1)
        after = (each * (order > panel[:, None])).sum(-1)
        tiny = torch.finfo(values.dtype).tiny
        rest = each.gather(1, panel[:, None])[:, 0] - part
        density = (slope * heights).sum(-1)
        return (
            (before + part).clamp(min=tiny),
            (after + rest).clamp(min=tiny),
            density.clamp(min=tiny),
            each.sum(-1),
        )

    @torch.no_grad()
    def _solve(self, z: Tensor) -> Tensor:
        low, high = self.box.to(z).unbind(-1)
        first = self._quantile(self.marginal.to(z)[None], z[:, 0])
        first = low[0] + (high - low)[0] * first
        second = self._quantile(self._slice(first), z[:, 1])
        return torch.stack((first, low[1] + (high - low)[1] * second), -1)

    def _quantile(self, values: Tensor, z: Tensor) -> Tensor:
        """Return the share of the interval whose normal score is z, by bisection."""
        low, high, left = torch.zeros_like(z), torch.ones_like(z), z < 0
        wanted = log_normal_cdf(-z.abs()).exp()
        masses = values @ self.weights.to(values)
        for _ in range(torch.finfo(z.dtype).bits):
            middle = (low + high) / 2
            below, above, _, total = self._parts(values, masses, middle)
            too_low = torch.where(left, below < wanted * total, above > wanted * total)
            low = torch.where(too_low, middle, low)
            high = torch.where(too_low, high, middle)
        return (low + high) / 2


class _Root(torch.autograd.Function):
    # The x whose scores are z. J = dz/dx is triangular, and the gradient of z is the u
    # with J^T u = gradient; x is the output, so every order is right.

    @staticmethod
    def forward(layer: TriangularMap, z: Tensor) -> Tensor:
        return layer._solve(z)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        ctx.layer = inputs[0]
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor]:
        (x,) = ctx.saved_tensors
        _, transpose = vjp(lambda x: ctx.layer._scores(x)[0], x)
        rows = [transpose(u.expand_as(x))[0] for u in torch.eye(2).to(x)]
        second = gradient[:, 1] / rows[1][:, 1]
        first = (gradient[:, 0] - rows[1][:, 0] * second) / rows[0][:, 0]
        return None, torch.stack((first, second), -1)


def _rule(nodes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return nodes and weights on (0, 1), and antiderivatives, (nodes, nodes + 1).

    Row i holds the coefficients, from the constant on, of the integral from 0 of the
    polynomial that is 1 at node i and 0 at the others.
    """
    at, weights = np.polynomial.legendre.leggauss(nodes)
    at = (at + 1) / 2
    powers = np.linalg.inv(np.vander(at, increasing=True)).T
    integral = np.pad(powers / np.arange(1, nodes + 1), ((0, 0), (1, 0)))
    return torch.tensor(at), torch.tensor(weights / 2), torch.tensor(integral)
