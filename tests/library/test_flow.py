"""The contract of a flow: layers compose, log-dets add, densities stay densities."""

import pytest
import torch
from torch import nn
from torch.func import jacrev, vmap

from flowbook.densities import StandardNormal
from flowbook.elementwise import ElementwiseAffine, Exp, Logistic, SinhArcsinh
from flowbook.flow import Flow, Inverse, Layer


class Shear(Layer):
    """x1 = z1, x2 = z2 exp(z1 / 2) + z1**2: a map that mixes coordinates."""

    def forward(self, z):
        first, second = z.unbind(-1)
        moved = second * (first / 2).exp() + first**2
        return torch.stack((first, moved), -1), first / 2

    def inverse(self, x):
        first, second = x.unbind(-1)
        moved = (second - first**2) * (-first / 2).exp()
        return torch.stack((first, moved), -1), -first / 2


def sinh_arcsinh(dim: int, skew: float, log_tail: float = 0.2) -> SinhArcsinh:
    layer = SinhArcsinh(dim)
    nn.init.constant_(layer.skew, skew)
    nn.init.constant_(layer.log_tail, log_tail)
    return layer


def planar_flow() -> Flow:
    affine = ElementwiseAffine(torch.tensor([0.3, -1.0]), torch.tensor([0.5, -0.8]))
    return Flow(StandardNormal(2), [Shear(), affine, sinh_arcsinh(2, 0.3)])


@pytest.mark.usefixtures("float64")
def test_the_log_dets_of_the_layers_add_up_along_the_way():
    flow, z = planar_flow(), torch.randn(9, 2)
    steps = flow.trace(z)
    parts = [layer(at)[1] for layer, at in zip(flow.layers, steps, strict=False)]
    x, log_det = flow(z)
    torch.testing.assert_close(log_det, sum(parts))
    torch.testing.assert_close(steps[-1], x)


@pytest.mark.usefixtures("float64")
def test_the_log_det_of_the_composition_is_that_of_the_autograd_jacobian():
    flow, z = planar_flow(), torch.randn(9, 2)
    jacobian = vmap(jacrev(lambda row: flow(row[None])[0][0]))(z)
    expected = torch.linalg.slogdet(jacobian).logabsdet
    torch.testing.assert_close(flow(z)[1], expected)


@pytest.mark.usefixtures("float64")
def test_inverse_runs_the_layers_backwards_with_the_opposite_log_det():
    flow, z = planar_flow(), torch.randn(9, 2)
    x, log_det = flow(z)
    back, back_log_det = flow.inverse(x)
    torch.testing.assert_close(back, z)
    torch.testing.assert_close(back_log_det, -log_det)


@pytest.mark.usefixtures("float64")
def test_trace_and_trace_inverse_visit_the_same_points_in_opposite_order():
    flow, z = planar_flow(), torch.randn(9, 2)
    steps = flow.trace(z)
    assert len(steps) == len(flow.layers) + 1
    assert torch.equal(steps[0], z)
    for there, back in zip(steps, flow.trace_inverse(steps[-1])[::-1], strict=True):
        torch.testing.assert_close(there, back)


@pytest.mark.usefixtures("float64")
def test_inverse_of_a_layer_swaps_its_directions():
    layer, turned, z = Shear(), Inverse(Shear()), torch.randn(9, 2)
    for one, other in ((layer, turned.inverse), (layer.inverse, turned)):
        for left, right in zip(one(z), other(z), strict=True):
            assert torch.equal(left, right)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("dim", [1, 2])
def test_the_density_integrates_to_one(dim):
    layers = [sinh_arcsinh(dim, 0.3, log_tail=-0.2), ElementwiseAffine(0.5, -0.7)]
    flow = Flow(StandardNormal(dim), layers if dim == 1 else [Shear(), *layers])
    line = torch.linspace(-30.0, 30.0, 1201)
    if dim == 1:
        mass = torch.trapezoid(flow.log_prob(line[:, None]).exp(), line)
    else:
        grid = torch.cartesian_prod(line, line)
        density = flow.log_prob(grid).exp().reshape(len(line), len(line))
        mass = torch.trapezoid(torch.trapezoid(density, line), line)
    assert mass.item() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.usefixtures("float64")
def test_the_density_is_the_derivative_of_the_probability_of_the_preimage():
    # An oracle without a Jacobian: P(x <= t) is the base's own at the preimage of t.
    flow = Flow(StandardNormal(1), [sinh_arcsinh(1, 0.5), Exp()])
    t = torch.linspace(0.2, 5.0, 20).requires_grad_()
    z = flow.inverse(t[:, None])[0][:, 0]
    (density,) = torch.autograd.grad(torch.special.ndtr(z).sum(), t)
    torch.testing.assert_close(flow.log_prob(t[:, None]).exp(), density)


def test_samples_follow_the_density():
    flow = Flow(StandardNormal(1), [sinh_arcsinh(1, 0.5), Logistic()])
    x = flow.sample(4000, seed=3)
    z = flow.inverse(x)[0][:, 0].sort().values
    steps = torch.arange(1, 4001) / 4000
    distance = (torch.special.ndtr(z) - steps).abs().max().item()
    assert distance < 1.63 / 4000**0.5  # Kolmogorov and Smirnov at one per cent


def test_sample_repeats_with_the_seed_and_changes_with_it():
    flow = planar_flow()
    assert torch.equal(flow.sample(5, seed=1), flow.sample(5, seed=1))
    assert not torch.equal(flow.sample(5, seed=1), flow.sample(5, seed=2))


def test_sample_continues_a_generator_and_has_no_gradient():
    flow = planar_flow()
    generator = torch.Generator(torch.get_default_device()).manual_seed(1)
    first, second = flow.sample(5, generator), flow.sample(5, generator)
    assert torch.equal(first, flow.sample(5, seed=1))
    assert not torch.equal(first, second)
    assert not first.requires_grad


def test_sample_has_the_dtype_of_the_flow():
    assert planar_flow().double().sample(3, seed=0).dtype == torch.float64
    assert Flow(StandardNormal(2), [Exp()]).sample(3, seed=0).dtype == torch.float32


def test_a_flow_without_layers_is_its_base():
    flow, x = Flow(StandardNormal(3), []), torch.randn(4, 3)
    torch.testing.assert_close(flow.log_prob(x), StandardNormal(3).log_prob(x))
    assert torch.equal(flow(x)[1], torch.zeros(4))


def test_a_flow_is_a_layer_of_another_flow():
    inner, x = planar_flow(), torch.randn(6, 2)
    outer = Flow(StandardNormal(2), [inner, ElementwiseAffine(0.0, 2.0)])
    flat = Flow(StandardNormal(2), [*inner.layers, outer.layers[1]])
    torch.testing.assert_close(outer.log_prob(x), flat.log_prob(x))


@pytest.mark.parametrize("shape", [(5,), (5, 3)])
def test_log_prob_says_which_shape_it_expected(shape):
    flow = Flow(StandardNormal(2), [ElementwiseAffine(0.0, 2.0)])
    with pytest.raises(ValueError, match=r"expects x of shape \(batch, 2\), got \("):
        flow.log_prob(torch.zeros(shape))
