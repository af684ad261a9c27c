"""Estimates of a log-determinant have the right gradient on average: without luck.

The mean over random probes is taken over all sign vectors, or over nodes at which a
normal has the same moments; that over the length of a roulette, over all lengths.
"""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.func import jacrev, vmap

from flowbook.log_dets import ExactLogDet, RouletteLogDet, SeriesLogDet

pytestmark = pytest.mark.usefixtures("float64")
DIM = 3


def contraction() -> nn.Module:
    """A smooth map of R³ with Lipschitz constant 0.5."""
    linear = nn.Linear(DIM, DIM)
    with torch.no_grad():
        linear.weight.mul_(0.5 / torch.linalg.matrix_norm(linear.weight, 2))
    return nn.Sequential(linear, nn.Tanh())


def nodes(values: list[float], weights: list[float]) -> tuple[Tensor, Tensor]:
    """All vectors with these entries, and the product of the weights of the entries."""
    grid = torch.cartesian_prod(*[torch.tensor(values)] * DIM)
    return grid, torch.cartesian_prod(*[torch.tensor(weights)] * DIM).prod(-1)


PROBES = {
    "signs": ([-1.0, 1.0], [1 / 2, 1 / 2]),
    "normal": ([-math.sqrt(3), 0.0, math.sqrt(3)], [1 / 6, 2 / 3, 1 / 6]),
}


def value_and_gradients(mean: Tensor, g: nn.Module) -> list[Tensor]:
    """A number, and its gradients in all parameters of g."""
    return [mean.detach(), *torch.autograd.grad(mean, list(g.parameters()))]


def truncated(g: nn.Module, z: Tensor, terms: int) -> Tensor:
    """The first terms of the series, by matrix powers."""
    jacobian = vmap(jacrev(lambda row: g(row[None])[0]))(z)
    series = sum(
        (-1) ** (k + 1) / k * torch.linalg.matrix_power(jacobian, k)
        for k in range(1, terms + 1)
    )
    return series.diagonal(dim1=1, dim2=2).sum(-1)


@pytest.mark.parametrize("terms", [1, 2, 5])
@pytest.mark.parametrize("name", PROBES)
def test_a_series_has_the_gradient_of_the_terms_that_it_keeps(name, terms):
    g, (grid, weights) = contraction(), nodes(*PROBES[name])
    z = torch.randn(1, DIM).expand(len(grid), DIM)
    estimate = SeriesLogDet(terms, seed=0, probe=lambda like, generator: grid)
    found = value_and_gradients(weights @ estimate(g, z), g)
    expected = value_and_gradients(truncated(g, z[:1], terms).sum(), g)
    torch.testing.assert_close(found, expected)


def test_a_long_series_has_the_exact_gradient():
    g, (grid, weights) = contraction(), nodes(*PROBES["signs"])
    z = torch.randn(1, DIM).expand(len(grid), DIM)
    estimate = SeriesLogDet(50, seed=0, probe=lambda like, generator: grid)
    found = value_and_gradients(weights @ estimate(g, z), g)
    expected = value_and_gradients(ExactLogDet()(g, z[:1]).sum(), g)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


class FixedLength(RouletteLogDet):
    """A roulette that goes on `more` times, whatever the odds."""

    def __init__(self, more: int, **options) -> None:
        super().__init__(seed=0, **options)
        self.more = more

    def _uniform(self) -> float:
        self.more -= 1
        return 0.0 if self.more >= 0 else 1.0


@pytest.mark.parametrize("always", [0, 2])
def test_a_roulette_has_the_exact_gradient_on_average_over_its_length(always):
    g, (grid, weights) = contraction(), nodes(*PROBES["signs"])
    z = torch.randn(1, DIM).expand(len(grid), DIM)
    mean = 0.0
    for more in range(40):
        estimate = FixedLength(
            more, always=always, go_on=0.5, probe=lambda like, generator: grid
        )
        mean = mean + 0.5 * 0.5**more * (weights @ estimate(g, z))
    found = value_and_gradients(mean, g)
    expected = value_and_gradients(ExactLogDet()(g, z[:1]).sum(), g)
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-8)
