"""Reverse KL: its value, its gradients, its constant, and what is no target."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from flowbook.densities import SineRing, StandardNormal
from flowbook.elementwise import ElementwiseAffine
from flowbook.flow import Flow
from flowbook.linear import Triangular
from flowbook.planar_radial import Planar
from flowbook.reverse_kl import ReverseKL
from flowbook.training import fit

pytestmark = pytest.mark.usefixtures("float64")

TARGET = MultivariateNormal(
    torch.tensor([0.5, -1.0], dtype=torch.float64),
    torch.tensor([[2.0, 0.6], [0.6, 0.5]], dtype=torch.float64),
)


def gaussian_flow() -> Flow:
    """A flow whose density is a normal with a full covariance."""
    lower = Triangular(torch.tensor([[1.3, 0.0], [-0.4, 0.7]]))
    shift = ElementwiseAffine(torch.tensor([0.2, -0.3]), torch.ones(2))
    return Flow(StandardNormal(2), [lower, shift])


def density_of(flow: Flow) -> MultivariateNormal:
    """The normal density of that flow, by its images of 0 and of the unit vectors."""
    points = flow(torch.cat((torch.zeros(1, 2), torch.eye(2))))[0]
    factor = (points[1:] - points[0]).mT
    return MultivariateNormal(points[0], factor @ factor.mT)


def grid() -> tuple[Tensor, Tensor]:
    """Nodes and weights in two dimensions, exact for polynomials up to degree 5."""
    root = math.sqrt(3)
    nodes = torch.cartesian_prod(*[torch.tensor([-root, 0.0, root])] * 2)
    weights = torch.cartesian_prod(*[torch.tensor([1 / 6, 2 / 3, 1 / 6])] * 2).prod(-1)
    return nodes, weights


def test_its_mean_is_the_kl_of_two_normals_and_so_are_its_gradients():
    flow, (nodes, weights) = gaussian_flow(), grid()
    found = weights @ ReverseKL(TARGET.log_prob).each(flow, nodes)
    exact = kl_divergence(density_of(flow), TARGET)
    torch.testing.assert_close(found, exact)
    parameters = [p for p in flow.parameters() if p.requires_grad]
    torch.testing.assert_close(
        torch.autograd.grad(found, parameters), torch.autograd.grad(exact, parameters)
    )


def test_a_constant_factor_of_the_target_shifts_the_loss_and_no_gradient():
    flow, z = gaussian_flow(), torch.randn(100, 2)
    parameters = [p for p in flow.parameters() if p.requires_grad]
    plain = ReverseKL(TARGET.log_prob)(flow, z)
    scaled = ReverseKL(lambda x: TARGET.log_prob(x) + 7.0)(flow, z)
    torch.testing.assert_close(plain - scaled, torch.tensor(7.0))
    torch.testing.assert_close(
        torch.autograd.grad(plain, parameters), torch.autograd.grad(scaled, parameters)
    )


def test_each_value_is_that_of_the_flows_own_density():
    flow, z = gaussian_flow(), torch.randn(100, 2)
    x, _ = flow(z)
    expected = flow.log_prob(x) - TARGET.log_prob(x)
    torch.testing.assert_close(ReverseKL(TARGET.log_prob).each(flow, z), expected)


def test_the_loop_of_the_book_finds_the_target_without_a_sample_of_it():
    flow, z = gaussian_flow(), StandardNormal(2).sample(50_000, seed=0)
    fit(flow, z, steps=1000, lr=0.02, loss=ReverseKL(TARGET.log_prob), progress=False)
    assert kl_divergence(density_of(flow), TARGET) < 1e-3


def test_the_negative_loss_stays_below_log_z():
    ring = SineRing()
    flow, z = Flow(StandardNormal(2), [Planar(2)]), torch.randn(20_000, 2)
    loss = ReverseKL(ring.unnormalised_log_prob).each(flow, z)
    assert -loss.mean() < ring.log_normaliser - 4 * loss.std() / math.sqrt(len(z))


def test_a_column_as_target_is_refused_with_both_shapes():
    loss = ReverseKL(lambda x: x.sum(-1, keepdim=True))
    with pytest.raises(ValueError, match=r"\(7, 2\) to \(7,\), got \(7, 1\)"):
        loss(gaussian_flow(), torch.randn(7, 2))
