"""Gradients where formulas are singular and functions are not; rows on their own."""

import math

import pytest
import torch
from every_layer import LAYERS, NAMES, SUPPORT, codomain, domain, make
from torch import Tensor, nn
from torch.autograd import gradcheck

from flowbook.contractive import ContractiveResidual, contractive_mlp, iterate
from flowbook.densities import ZOO, ZOO_1D, Density, Pinwheel, TwoMoons
from flowbook.flow import Flow

pytestmark = pytest.mark.usefixtures("float64")
DENSITIES = {**{f"{n} (1d)": d for n, d in ZOO_1D.items()}, **ZOO}


def special_points(density: Density) -> Tensor:
    """The origin, corners and middles of the box, axes, diagonals, and both zeros."""
    sides = [
        [0.0, -0.0, low, high, (low + high) / 2, 1.0, -1.0, 0.5, 2.0]
        for low, high in density.bounds
    ]
    return torch.cartesian_prod(*map(torch.tensor, sides)).reshape(-1, density.dim)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("density", DENSITIES.values(), ids=DENSITIES)
def test_gradients_are_finite_at_special_points(density, dtype):
    x = special_points(density).to(dtype).requires_grad_()
    (gradient,) = torch.autograd.grad(density.log_prob(x).sum(), x)
    assert gradient.isfinite().all()


# Where these are differentiable, at points of the plane that their formulas dislike.
SMOOTH = [name for name in ZOO if name != "checkerboard"]


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients_at_special_points_are_those_of_finite_differences(name):
    density, step = ZOO[name], 1e-5
    x = torch.tensor([[0.0, 0], [1, 0.5], [1, 0], [-1, 0], [0, 1], [2, 0.5], [1, 1]])
    if name == "rings":
        x = x[1:]  # its logarithm has a pole at the origin
    x.requires_grad_()
    (found,) = torch.autograd.grad(density.log_prob(x).sum(), x)
    columns = [
        (density.log_prob(x + shift) - density.log_prob(x - shift)) / (2 * step)
        for shift in step * torch.eye(2)
    ]
    expected = torch.stack(columns, -1).detach()
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("noise", [0.05, 0.1, 0.5])
def test_the_gradient_of_the_moons_is_that_of_the_mean_of_the_blur(noise):
    # By Tweedie's formula: (E[c | x] - x) / noise^2, c the point of the circle.
    x = torch.tensor([[0.0, 0.0], [1.0, 0.5], [0.3, -0.2], [1.0, 0.0], [0.5, 0.25]])
    turn = math.pi * (torch.arange(200_000) + 0.5) / 200_000
    upper = torch.stack((turn.cos(), turn.sin()), -1)
    circle = torch.cat((upper, torch.tensor([1.0, 0.5]) - upper))
    weights = (-torch.cdist(x, circle).square() / (2 * noise**2)).softmax(-1)
    expected = (weights @ circle - x) / noise**2
    x.requires_grad_()
    (found,) = torch.autograd.grad(TwoMoons(noise).log_prob(x).sum(), x)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_a_pinwheel_of_one_arm_has_the_gradient_of_the_arm_at_the_origin():
    # Near 0 the map is a turn by -twist * (0 - centre), up to the second order.
    centre, spread, twist = 2.0, (0.5, 0.15), 1.2
    x = torch.zeros(1, 2, requires_grad=True)
    density = Pinwheel(1, twist, centre, spread)
    (found,) = torch.autograd.grad(density.log_prob(x).sum(), x)
    angle = twist * centre
    of_arm = torch.tensor([centre / spread[0] ** 2, 0.0])
    turned = torch.tensor(
        [
            [math.cos(angle), math.sin(angle)],
            [-math.sin(angle), math.cos(angle)],
        ]
    )
    torch.testing.assert_close(found[0], turned @ of_arm)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in SUPPORT])
def test_layers_have_finite_gradients_at_zero_and_at_equal_entries(name):
    layer = make(name, 2)
    x = torch.tensor([[0.0, -0.0], [1, 1], [-1, -1], [2, -2], [5, 5]]).requires_grad_()
    for apply in (layer, layer.inverse):
        value, log_det = apply(x)
        loss = value.sum() + log_det.sum()
        wanted = [x, *layer.parameters()]
        for gradient in torch.autograd.grad(loss, wanted, allow_unused=True):
            assert gradient is None or gradient.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_outlier_moves_no_other_row_of_a_contractive_inverse(dtype):
    layer = ContractiveResidual(contractive_mlp(1, 16, lipschitz=0.95)).eval().to(dtype)
    x = torch.tensor([[0.5], [-1.0], [2.0]], dtype=dtype)
    for outlier in (1e6, -1e12, 1e30, math.inf, math.nan):
        odd = torch.tensor([[outlier]], dtype=dtype)
        together = layer.inverse(torch.cat((x, odd)))[0][:3]
        torch.testing.assert_close(together, layer.inverse(x)[0])


def test_gradients_of_a_contractive_inverse_ignore_the_scale_of_other_rows():
    layer = ContractiveResidual(contractive_mlp(2, 16)).eval()
    x = torch.randn(2, 2, requires_grad=True)
    z = layer.inverse(x)[0].sum(-1)
    weights = torch.tensor([1e-9, 1e9])
    (scaled,) = torch.autograd.grad(z @ weights, x, retain_graph=True)
    (plain,) = torch.autograd.grad(z.sum(), x)
    torch.testing.assert_close(scaled, weights[:, None] * plain, rtol=1e-10, atol=0)


@pytest.mark.parametrize("beta", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-9])
@pytest.mark.parametrize("known", [True, False])
def test_the_error_is_below_the_tolerance_however_slow_the_steps(
    beta, tolerance, known
):
    # z - beta z = x has every step of Banach's bound an equality: the solution is
    # x / (1 - beta), and a stop at a small step would be 1 / (1 - beta) too early.
    x = torch.tensor([[1.0], [-30.0], [1e-4]])
    rate = beta if known else 0.0
    z = iterate(lambda z: -beta * z, x, tolerance, limit=5000, lipschitz=rate)
    exact = x / (1 - beta)
    assert ((z - exact).abs() <= tolerance * (1 + x.abs() + exact.abs())).all()


def test_a_layer_knows_the_constant_of_its_spectral_norms():
    layer = ContractiveResidual(contractive_mlp(3, 8, depth=3, lipschitz=0.7))
    assert layer.lipschitz == pytest.approx(0.7)
    with pytest.raises(ValueError, match="constant below 1, got 1"):
        ContractiveResidual(nn.Tanh(), lipschitz=1.0)


def test_a_row_that_holds_nan_ends_at_once():
    calls = []

    def g(z: Tensor) -> Tensor:
        calls.append(None)
        return 0.5 * z

    z = iterate(g, torch.full((2, 3), math.nan), tolerance=1e-9)
    assert z.isnan().all()
    assert len(calls) == 1


def test_one_row_that_does_not_settle_is_named_with_what_is_left():
    x = torch.tensor([[1.0], [0.0]])
    with pytest.raises(ArithmeticError, match=r"of \d\.\de\+00 .* after 9 steps"):
        iterate(lambda z: 2 * z, x, tolerance=1e-6, limit=9)


def test_a_uniform_base_has_the_gradient_of_a_constant():
    flow = Flow(ZOO_1D["uniform"], [])
    x = torch.tensor([[0.5], [7.0]], requires_grad=True)
    (gradient,) = torch.autograd.grad(flow.log_prob(x).sum(), x)
    assert torch.equal(gradient, torch.zeros(2, 1))


@pytest.mark.parametrize("name", NAMES)
def test_one_row_with_nan_or_infinity_leaves_the_others_alone(name):
    if name in SUPPORT:
        return  # such a row is refused, with the batch
    layer, x = make(name, 3), codomain(name, 4, 3)
    for bad in (math.nan, math.inf):
        odd = torch.cat((x, torch.full((1, 3), bad)))
        for apply in (layer, layer.inverse):
            for found, alone in zip(apply(odd), apply(x), strict=True):
                torch.testing.assert_close(found[:4], alone)


@pytest.mark.parametrize("direction", ["forward", "inverse"])
@pytest.mark.parametrize("name", NAMES)
def test_a_new_layer_has_the_gradients_of_finite_differences(name, direction):
    # Where training starts, many parameters are 0, which some formulas dislike.
    layer = LAYERS[name](2).eval()
    x = (domain if direction == "forward" else codomain)(name, 3, 2).requires_grad_()
    parameters = [p for p in layer.parameters() if p.requires_grad]

    def function(x, *_):
        value, log_det = getattr(layer, direction)(x)
        return value, log_det + 0 * x.sum()

    assert gradcheck(function, (x, *parameters), fast_mode=True)
