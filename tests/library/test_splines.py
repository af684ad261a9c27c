"""Claims about splines that the tests of every layer do not make."""

import pytest
import torch
from torch.func import grad

from flowbook.splines import (
    RationalQuadraticSpline,
    plain_spline,
    spline,
    spline_inverse,
)

pytestmark = pytest.mark.usefixtures("float64")

BOUND, BINS = 3.0, 5


def steep(features: int = 1, batch: int = 1, spread: float = 3.0) -> torch.Tensor:
    return (spread * torch.randn(3 * BINS - 1, features, 1)).expand(-1, -1, batch)


def test_zeros_give_the_identity():
    x = torch.linspace(-5, 5, 101)[None]
    y, log_slope = spline(x, torch.zeros(3 * BINS - 1, 1, 101), BOUND)
    torch.testing.assert_close(y, x)
    torch.testing.assert_close(log_slope, torch.zeros(1, 101), rtol=0, atol=1e-12)


def test_the_layer_generates_by_the_spline_itself():
    layer = RationalQuadraticSpline(2, BINS, BOUND)
    layer.raw.data.normal_(std=2)
    z = 4 * torch.rand(50, 2) - 2
    expected, _ = plain_spline(z.mT, layer.raw[..., None].expand(-1, -1, 50), BOUND)
    torch.testing.assert_close(layer(z)[0], expected.mT)


def test_the_spline_is_increasing():
    y, _ = spline(torch.linspace(-4, 4, 10_001)[None], steep(1, 10_001), BOUND)
    assert (y.diff() > 0).all()


def test_it_stays_the_identity_outside_its_interval():
    x = torch.tensor([[-1e3, -3.0, 3.0, 1e3]])
    y, log_slope = spline(x, steep(1, 4), BOUND)
    torch.testing.assert_close(y, x)
    assert not log_slope.any()


def test_value_and_slope_do_not_jump_at_the_knots():
    raw = steep(spread=1.0)
    widths = raw[:BINS, 0, 0].softmax(0) * (1 - BINS * 1e-3) + 1e-3
    knots = (2 * BOUND * torch.cat((torch.zeros(1), widths)).cumsum(0) - BOUND)[None]
    step = 1e-9
    raw = raw.expand(-1, -1, BINS + 1)
    before, after = spline(knots - step, raw, BOUND), spline(knots + step, raw, BOUND)
    torch.testing.assert_close(before[0], after[0], rtol=0, atol=1e-5)
    torch.testing.assert_close(before[1], after[1], rtol=0, atol=1e-4)


def test_slopes_at_knots_are_those_that_the_parameters_ask_for():
    raw = torch.zeros(3 * BINS - 1, 1, 1)
    raw[2 * BINS : 2 * BINS + 2, 0, 0] = torch.tensor([2.0, -1.0])
    # The first two inner knots.
    _, log_slope = spline(torch.tensor([[-1.8, -0.6]]), raw.expand(-1, -1, 2), BOUND)
    exponential = 1e-3 + (1 - 1e-3) * torch.tensor(-1.0).exp()
    expected = torch.tensor([[1 + (1 - 1e-3) * 2.0, exponential]])
    torch.testing.assert_close(log_slope.exp(), expected)


@pytest.mark.parametrize("spread", [1.0, 5.0, 20.0])
def test_the_inverse_keeps_its_digits_on_steep_splines(spread):
    x = torch.linspace(-3, 3, 1001)[None]
    raw = steep(1, 1001, spread)
    y, log_slope = spline(x, raw, BOUND)
    back, minus = spline_inverse(y, raw, BOUND)
    # A y that is rounded by eps moves x by eps / slope: no inverse can do better.
    allowed = 1e-14 * (1 + (-log_slope).exp())
    assert ((back - x).abs() <= allowed).all()
    assert spread > 5 or torch.allclose(minus, -log_slope, rtol=0, atol=1e-9)


def test_points_on_knots_have_a_finite_gradient():
    raw = torch.zeros(3 * BINS - 1, 1, 1)

    def total(raw, x):
        y, log_slope = spline(x, raw, BOUND)
        back, minus = spline_inverse(x, raw, BOUND)
        return (y + log_slope + back + minus).sum()

    for knot in (-1e3, -3.0, -1.8, 0.0, 1.8, 3.0, 1e3):
        for gradient in grad(total, (0, 1))(raw, torch.tensor([[knot]])):
            assert gradient.isfinite().all()


@pytest.mark.parametrize("spread", [0.0, 1.0, 5.0])
def test_the_gradient_written_by_hand_is_that_of_autograd(spread):
    x = torch.linspace(-4, 4, 201)[None].repeat(2, 1).requires_grad_()
    raw = (spread * torch.randn(3 * BINS - 1, 2, 201)).requires_grad_()
    results = []
    for function in (spline, plain_spline):
        y, log_slope = function(x, raw, BOUND)
        total = (y.sin() + log_slope.cos()).sum()
        results.append((y, log_slope, *torch.autograd.grad(total, (x, raw))))
    for by_hand, plain in zip(*results, strict=True):
        torch.testing.assert_close(by_hand, plain, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("bins", "bound"), [(1, 3.0), (500, 3.0), (8, 0.0)])
def test_splines_that_cannot_exist_are_refused(bins, bound):
    with pytest.raises(ValueError, match="got bins="):
        RationalQuadraticSpline(2, bins, bound)
