"""Elementwise layers: closed forms, stability far out, and the ends of their domains.

The contract of a layer (round trip, log-det against autograd) is in test_layers.py.
"""

import math

import pytest
import torch

from flowbook.densities import StandardNormal
from flowbook.elementwise import (
    ElementwiseAffine,
    Exp,
    Logistic,
    Logit,
    Power,
    SinhArcsinh,
)
from flowbook.flow import Flow


@pytest.mark.usefixtures("float64")
def test_exp_of_a_normal_is_log_normal():
    x = torch.linspace(0.05, 8.0, 60)[:, None]
    expected = torch.distributions.LogNormal(0.0, 1.0).log_prob(x[:, 0])
    torch.testing.assert_close(Flow(StandardNormal(1), [Exp()]).log_prob(x), expected)


@pytest.mark.usefixtures("float64")
def test_a_negative_scale_gives_the_mirrored_normal():
    x = torch.linspace(-5.0, 8.0, 60)[:, None]
    flow = Flow(StandardNormal(1), [ElementwiseAffine(1.0, -2.0)])
    expected = torch.distributions.Normal(1.0, 2.0).log_prob(x[:, 0])
    torch.testing.assert_close(flow.log_prob(x), expected)


@pytest.mark.usefixtures("float64")
def test_a_scalar_shift_and_scale_serve_every_coordinate():
    z = torch.randn(5, 3)
    x, log_det = ElementwiseAffine(0.5, 2.0)(z)
    torch.testing.assert_close(x, 2 * z + 0.5)
    torch.testing.assert_close(log_det, torch.full((5,), 3 * math.log(2)))


@pytest.mark.usefixtures("float64")
def test_the_square_of_a_uniform_has_density_one_over_two_roots():
    x = torch.linspace(0.01, 1.0, 30)[:, None]
    torch.testing.assert_close(Power(2.0).inverse(x)[1].exp(), 1 / (2 * x[:, 0].sqrt()))


@pytest.mark.usefixtures("float64")
def test_the_power_one_is_the_identity_even_at_zero():
    z = torch.tensor([[0.0, 0.3, 2.0]])
    x, log_det = Power(1.0)(z)
    assert torch.equal(x, z)
    assert log_det.item() == 0.0


@pytest.mark.usefixtures("float64")
def test_sinh_arcsinh_of_a_normal_has_the_density_of_jones_and_pewsey():
    layer = SinhArcsinh(1)
    with torch.no_grad():
        layer.skew += 0.7
        layer.log_tail += math.log(1.3)
    # Their epsilon and delta transform x to z: z = sinh(delta arcsinh(x) - epsilon).
    delta, epsilon = 1 / 1.3, 0.7 / 1.3
    x = torch.linspace(-6.0, 12.0, 50)
    inner = delta * x.asinh() - epsilon
    normal = torch.distributions.Normal(0.0, 1.0).log_prob(inner.sinh()).exp()
    expected = normal * delta * inner.cosh() / (1 + x**2).sqrt()
    got = Flow(StandardNormal(1), [layer]).log_prob(x[:, None]).exp()
    torch.testing.assert_close(got, expected)


@pytest.mark.usefixtures("float64")
def test_a_new_sinh_arcsinh_is_the_identity():
    z = torch.randn(20, 3)
    x, log_det = SinhArcsinh(3)(z)
    torch.testing.assert_close(x, z)
    torch.testing.assert_close(log_det, torch.zeros(20))


@pytest.mark.parametrize("z", [50.0, -50.0, 500.0])
def test_the_log_slope_of_the_logistic_is_right_where_the_slope_underflows(z):
    log_det = Logistic()(torch.tensor([[z]]))[1]
    torch.testing.assert_close(log_det, torch.tensor([-abs(z)]))


def test_the_log_slope_of_sinh_arcsinh_is_right_where_cosh_overflows():
    layer = SinhArcsinh(1).requires_grad_(False)
    layer.log_tail.fill_(-1.0)
    x, log_det = layer.inverse(torch.tensor([[1e12]]))
    assert x.isfinite().all()
    expected = 1 + (math.exp(1) - 1) * math.log(2e12)  # log of the slope's asymptote
    torch.testing.assert_close(log_det, torch.tensor([expected]))


@pytest.mark.parametrize(
    ("function", "point", "message"),
    [
        (Exp().inverse, 0.0, r"Exp.inverse expects x > 0, got 0\."),
        (Exp(), 100.0, r"Exp.forward expects z < 88.72, got 100\."),
        (Logistic().inverse, 1.0, r"Logistic.inverse .* expects 0 < x < 1, got 1\."),
        (Logit(), -0.25, r"Logit.forward.* expects 0 < x < 1, got -0.25\."),
        (Power(2.0), -1.0, r"Power.forward expects z >= 0, got -1\."),
        (Power(2.0).inverse, -1.0, r"Power.inverse expects x >= 0, got -1\."),
        (Exp().inverse, math.nan, r"Exp.inverse expects x > 0, got nan\."),
    ],
)
def test_a_point_outside_the_domain_is_named(function, point, message):
    with pytest.raises(ValueError, match=message):
        function(torch.tensor([[0.5], [point]]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Power(0.0), "positive exponent, got 0.0"),
        (lambda: ElementwiseAffine(0.0, 0.0), "scale other than zero, got 0"),
        (lambda: ElementwiseAffine(math.inf, 1.0), "finite shift, got inf"),
    ],
)
def test_a_map_that_is_not_invertible_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
