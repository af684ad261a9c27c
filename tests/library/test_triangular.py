"""The triangular map by quadrature keeps the contract of a layer, and its density's."""

import math

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.autograd.functional import hessian

from flowbook.densities import (
    ZOO,
    GaussianMixture,
    StandardNormal,
    UniformBox,
)
from flowbook.densities.elementary import two_gaussians_1d
from flowbook.flow import Flow
from flowbook.triangular import TriangularMap

pytestmark = pytest.mark.usefixtures("float64")
MIXTURE = GaussianMixture([[-1.0, 0.5], [1.0, -0.5], [0.0, 1.5]], [0.5, 0.7, 0.4])
SMOOTH = {
    "mixture": MIXTURE,
    "banana": ZOO["banana"],
    "sine ring": ZOO["sine ring"],
    "checkerboard": ZOO["checkerboard"],
}


@pytest.fixture(params=SMOOTH, name="pair")
def _pair(request):
    density = SMOOTH[request.param]
    return density, TriangularMap(density), density.sample(200, 0)


def test_the_flow_of_the_map_has_the_density(pair):
    density, layer, x = pair
    flow = Flow(StandardNormal(2), [layer])
    torch.testing.assert_close(flow.log_prob(x), density.log_prob(x), rtol=0, atol=1e-6)


def test_there_and_back_is_the_identity_with_the_opposite_log_det(pair):
    _, layer, x = pair
    z, log_det = layer.inverse(x)
    back, other = layer(z)
    torch.testing.assert_close(back, x, rtol=0, atol=1e-10)
    torch.testing.assert_close(other, -log_det, rtol=0, atol=1e-8)


def test_log_det_is_that_of_the_autograd_jacobian_which_is_triangular(pair):
    _, layer, x = pair
    for apply, points in ((layer.inverse, x[:6]), (layer, layer.inverse(x[:6])[0])):
        rows = [
            torch.autograd.functional.jacobian(
                lambda row, apply=apply: apply(row[None])[0][0], row
            )
            for row in points
        ]
        jacobians = torch.stack(rows)
        assert (jacobians[:, 0, 1] == 0).all()
        assert (jacobians.diagonal(dim1=1, dim2=2) > 0).all()
        expected = torch.linalg.slogdet(jacobians).logabsdet
        torch.testing.assert_close(apply(points)[1], expected, rtol=0, atol=1e-8)


def test_derivatives_of_both_orders_are_those_of_finite_differences():
    layer = TriangularMap(MIXTURE)
    x = MIXTURE.sample(2, 1).requires_grad_()
    z = layer.inverse(x)[0].detach().requires_grad_()
    for apply, point in ((layer.inverse, x), (layer, z)):
        assert gradcheck(apply, point, atol=1e-5)
        assert gradgradcheck(apply, point, atol=1e-4)


def test_a_product_is_mapped_entry_by_entry():
    line = two_gaussians_1d(3.0, 0.5)
    weights = [1.0] * 4
    corners = [[a, b] for a in (-1.5, 1.5) for b in (-1.5, 1.5)]
    layer = TriangularMap(GaussianMixture(corners, 0.5, weights))
    x = torch.linspace(-3, 3, 13)
    z, _ = layer.inverse(torch.stack((x, x.flip(0)), -1))
    cdf = torch.distributions.Normal(line.means[:, 0], line.scales).cdf(x[:, None])
    expected = torch.distributions.Normal(0.0, 1.0).icdf(cdf @ line.weights)
    torch.testing.assert_close(z[:, 0], expected, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(z[:, 1], expected.flip(0), rtol=1e-6, atol=1e-7)


def test_samples_become_standard_normal():
    layer = TriangularMap(ZOO["sine ring"])
    z, _ = layer.inverse(ZOO["sine ring"].sample(20_000, 0))
    error = 4 / math.sqrt(20_000)
    assert z.mean(0).abs().max() < error
    assert (torch.cov(z.mT) - torch.eye(2)).abs().max() < 2 * error
    uniform = torch.distributions.Normal(0.0, 1.0).cdf(z).sort(0).values
    steps = torch.arange(1, 20_001) / 20_000
    assert (uniform - steps[:, None]).abs().max() < 0.015


def test_what_it_cannot_map_is_refused():
    with pytest.raises(ValueError, match="for the plane, got dim 1"):
        TriangularMap(two_gaussians_1d())
    layer = TriangularMap(UniformBox((0.0, 0.0), (1.0, 2.0)), panels=2, nodes=3)
    with pytest.raises(ValueError, match="x in the box"):
        layer.inverse(torch.tensor([[0.5, 2.5]]))
    with pytest.raises(ValueError, match=r"between -8.0 and 8.0, got 9"):
        layer(torch.tensor([[0.5, 9.0]]))


def test_of_a_uniform_box_the_map_is_the_normal_quantile():
    layer = TriangularMap(UniformBox((0.0, 0.0), (1.0, 2.0)), panels=2, nodes=3)
    x = torch.rand(20, 2) * torch.tensor([1.0, 2.0])
    expected = torch.distributions.Normal(0.0, 1.0).icdf(x / torch.tensor([1.0, 2.0]))
    torch.testing.assert_close(layer.inverse(x)[0], expected)


def test_the_dtype_is_that_of_the_points():
    layer = TriangularMap(MIXTURE)
    x = MIXTURE.sample(50, 0)
    z, log_det = layer.inverse(x.float())
    assert z.dtype == log_det.dtype == torch.float32
    torch.testing.assert_close(z.double(), layer.inverse(x)[0], rtol=1e-3, atol=1e-3)
    assert layer(z)[0].dtype == torch.float32


@pytest.mark.parametrize("x", [[0.0, 0.0], [0.75, 0.75], [0.0, 3.0]])
def test_the_curvature_on_the_edge_of_a_panel_is_that_of_the_banana(x):
    # Its map is z_1 = x_1 and z_2 = 2 x_2 - x_1². Panels of 3/16 by 3/8 meet there.
    layer = TriangularMap(ZOO["banana"])
    found = hessian(lambda x: layer.inverse(x[None])[0].sum(), torch.tensor(x))
    expected = torch.tensor([[-2.0, 0.0], [0.0, 0.0]])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-2)
