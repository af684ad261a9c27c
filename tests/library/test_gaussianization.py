"""Claims about marginal Gaussianization, rotations and the iterated flow."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from flowbook.densities import ZOO, LogitNormal, StandardNormal, integrate
from flowbook.flow import Flow
from flowbook.gaussianization import (
    MarginalGaussianization,
    Rotation,
    ica_rotation,
    iterated_gaussianization,
    marginal_negentropies,
    pca_rotation,
    random_rotation,
    spacing_entropy,
)
from flowbook.normal_scores import log_normal_cdf, log_quantile, normal_score

pytestmark = pytest.mark.usefixtures("float64")


def mixture(centres, widths, weights) -> MarginalGaussianization:
    """One coordinate with these normals."""
    layer = MarginalGaussianization(1, len(centres)).requires_grad_(False)
    layer.centres.copy_(torch.tensor([centres]))
    layer.log_widths.copy_(torch.tensor([widths]).log())
    layer.logits.copy_(torch.tensor([weights]).log())
    return layer


def test_the_logarithm_of_the_normal_cdf_is_torchs_in_the_middle_and_mills_far_out():
    u = torch.linspace(-5, 5, 101)
    torch.testing.assert_close(log_normal_cdf(u), Normal(0.0, 1.0).cdf(u).log())
    far = torch.tensor([-30.0, -300.0, -3000.0])
    series = (1 - far**-2 + 3 * far**-4 - 15 * far**-6).log()
    expected = -far.square() / 2 - (-far * math.sqrt(2 * math.pi)).log() + series
    torch.testing.assert_close(log_normal_cdf(far), expected)


def test_the_quantile_by_logarithms_undoes_the_cdf_however_far():
    q = -torch.cat((torch.linspace(0, 10, 101), torch.tensor([40.0, 1e3, 1e5])))
    torch.testing.assert_close(log_quantile(log_normal_cdf(q)), q)


def test_the_score_is_odd_and_has_the_right_derivative_at_the_median():
    u = torch.tensor([-3.0, 0.0, 2.0], requires_grad=True)
    score = normal_score(log_normal_cdf(u), log_normal_cdf(-u))
    torch.testing.assert_close(score, u)
    (slope,) = torch.autograd.grad(score.sum(), u)
    torch.testing.assert_close(slope, torch.ones(3))


def test_one_component_is_an_affine_map():
    layer = mixture([1.5], [0.5], [1.0])
    x = torch.linspace(-20, 20, 21)[:, None]
    z, log_det = layer.inverse(x)
    torch.testing.assert_close(z, (x - 1.5) / 0.5)
    torch.testing.assert_close(log_det, torch.full((21,), math.log(2)))


def test_the_flow_of_a_mixture_has_the_density_of_the_mixture():
    layer = mixture([-2.0, 0.0, 3.0], [0.5, 1.0, 0.2], [0.2, 0.5, 0.3])
    flow = Flow(StandardNormal(1), [layer])
    x = torch.linspace(-6, 6, 201)[:, None]
    parts = Normal(layer.centres[0], layer.log_widths[0].exp()).log_prob(x).exp()
    expected = (parts @ torch.tensor([0.2, 0.5, 0.3])).log()
    torch.testing.assert_close(flow.log_prob(x), expected)


def test_what_expectation_maximisation_fits_is_near_the_entropy():
    # Two normals: the mixture can be them.
    target = ZOO["two gaussians"]
    data, new = target.sample(20_000, 0), target.sample(20_000, 1)
    flow = Flow(StandardNormal(2), [MarginalGaussianization.from_data(data, 4)])
    gap = (target.log_prob(new) - flow.log_prob(new)).mean()
    assert 0 < gap < 0.005
    assert 0 <= marginal_negentropies(flow.inverse(new)[0].detach()).max() < 0.02


def test_no_fit_is_less_likely_than_one_normal():
    for seed in range(5):
        data = StandardNormal(3).sample(200, seed)
        layer = MarginalGaussianization.from_data(data, 6)
        one = Normal(data.mean(0), data.std(0, correction=0))
        z, log_slope = layer.inverse(data)
        own = (StandardNormal(3).log_prob(z) + log_slope).mean()
        assert own >= one.log_prob(data).sum(-1).mean() - 1e-9


def test_constant_coordinates_and_other_matrices_are_refused():
    data = torch.stack((torch.randn(9), torch.ones(9)), -1)
    with pytest.raises(ValueError, match="coordinates that vary"):
        MarginalGaussianization.from_data(data)
    with pytest.raises(ValueError, match="orthogonal matrix"):
        Rotation(torch.tensor([[1.0, 0.1], [0.0, 1.0]]))
    with pytest.raises(ValueError, match="orthogonal matrix"):
        Rotation(torch.ones(2, 3))


@pytest.mark.parametrize("choose", [ica_rotation, pca_rotation, random_rotation])
@pytest.mark.parametrize("dim", [2, 3, 5])
def test_every_choice_of_axes_is_orthogonal_and_repeatable(choose, dim):
    data = torch.randn(200, dim) @ torch.randn(dim, dim)
    one, two = (choose(data, torch.Generator().manual_seed(3)) for _ in range(2))
    torch.testing.assert_close(one.mT @ one, torch.eye(dim))
    assert torch.equal(one, two)


def test_pca_finds_the_axes_along_which_nothing_is_correlated():
    data = torch.randn(500, 3) @ torch.randn(3, 3)
    turned = data @ pca_rotation(data, torch.Generator())
    covariance = torch.cov(turned.mT)
    off = covariance - covariance.diagonal().diag()
    torch.testing.assert_close(off, torch.zeros(3, 3))


@pytest.mark.parametrize("dim", [2, 3])
def test_the_least_normal_axes_are_those_that_were_mixed(dim):
    sources = torch.rand(4000, dim, generator=torch.Generator().manual_seed(1)) - 0.5
    mixing = random_rotation(sources, torch.Generator().manual_seed(2))
    found = ica_rotation(sources @ mixing.mT, torch.Generator())
    back = (mixing.mT @ found).abs()  # a permutation, up to signs and a grid of angles
    assert back.max(0).values.min() > 0.99


def test_random_rotations_have_no_favourite_direction():
    generator = torch.Generator().manual_seed(0)
    drawn = [random_rotation(torch.zeros(1, 3), generator) for _ in range(4000)]
    entries = torch.stack(drawn)
    assert entries.mean(0).abs().max() < 4 * math.sqrt(1 / 3 / 4000)
    assert (entries.square().mean(0) - 1 / 3).abs().max() < 0.025


def test_the_spacing_entropy_is_near_the_known_ones():
    uniform = torch.rand(20_000, 1, generator=torch.Generator().manual_seed(0))
    assert abs(spacing_entropy(3 * uniform).item() - math.log(3)) < 0.02
    logit_normal = LogitNormal().sample(20_000, 0)
    assert abs(spacing_entropy(logit_normal).item() + 0.193180) < 0.02
    normal = StandardNormal(2).sample(20_000, 0)
    assert marginal_negentropies(normal).abs().max() < 0.02
    shifted = marginal_negentropies(normal + 1)  # KL(N(1, 1) || N(0, 1)) = 1/2
    assert (shifted - 0.5).abs().max() < 0.03


def test_the_iterated_flow_is_a_density_and_each_layer_raises_the_likelihood():
    target = ZOO["pinwheel"]
    data = target.sample(4000, 0)
    flow = iterated_gaussianization(data, layers=6).requires_grad_(False)
    mass = integrate(lambda x: flow.log_prob(x).exp(), ((-9, 9), (-9, 9)), 200)
    assert abs(mass - 1) < 1e-2
    z, total, scores = data, torch.zeros(4000), []
    for layer in reversed(flow.layers):
        z, change = layer.inverse(z)
        total = total + change
        scores.append((StandardNormal(2).log_prob(z) + total).mean().item())
    assert torch.tensor(scores).diff().min() > -1e-9
    assert scores[-1] > scores[0] + 0.5
    torch.testing.assert_close(flow.log_prob(data).mean().item(), scores[-1])


def test_a_seed_gives_the_same_flow_again():
    data = ZOO["banana"].sample(500, 0)
    one, two = (
        iterated_gaussianization(data, 3, 3, random_rotation, seed=4) for _ in range(2)
    )
    assert torch.equal(one.log_prob(data), two.log_prob(data))


@pytest.mark.parametrize("data", [[[0.0, 1.0]], np.zeros((9, 2))])
def test_the_iteration_wants_a_tensor(data):
    with pytest.raises(TypeError, match=r"expects data as a torch\.Tensor, got"):
        iterated_gaussianization(data, 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("x", [3e4, 1e12, 1e19, 1e20, 1e30, -3e4, -1e12, -1e20, -1e30])
def test_far_out_the_widest_component_is_all_there_is(x, dtype):
    # There F is pi Phi((x - 0.5) / 2) but for the weight, which u forgets as 1 / u.
    layer = mixture([0.0, 0.5, 1.0], [0.5, 2.0, 0.1], [0.2, 0.3, 0.5]).to(dtype)
    there = torch.tensor([[x]], dtype=dtype, requires_grad=True)
    z, log_det = layer.inverse(there)
    torch.testing.assert_close(z[0, 0].item(), (x - 0.5) / 2, rtol=1e-6, atol=0)
    assert abs(log_det.item() + math.log(2)) < 2e-6
    (slope,) = torch.autograd.grad(z.sum(), there)
    assert abs(slope.item() - 0.5) < 1e-5
    back, log_det = layer(z.detach())
    torch.testing.assert_close(back[0, 0].item(), x, rtol=1e-6, atol=0)
    assert abs(log_det.item() - math.log(2)) < 2e-6
