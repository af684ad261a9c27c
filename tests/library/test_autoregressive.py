"""Claims about autoregressive layers that the tests of every layer do not make."""

import pytest
import torch
from torch.func import jacrev, vmap

from flowbook.autoregressive import (
    MADE,
    AffineAutoregressive,
    InverseAffineAutoregressive,
    SplineAutoregressive,
)
from flowbook.splines import plain_spline

ORDERS = [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]]
WIDTHS = [(8,), (4, 7), (64, 5, 33)]


def shaken(module):
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += torch.rand_like(parameter)
    return module


def allowed(order):
    """[i, j] is true where entry j comes before entry i."""
    position = torch.tensor(order).argsort()
    return position[:, None] > position


@pytest.mark.parametrize("hidden", WIDTHS)
@pytest.mark.parametrize("order", ORDERS)
def test_outputs_depend_on_all_earlier_entries_and_on_no_other(order, hidden):
    made = shaken(MADE(5, hidden, 3, torch.tensor(order)))
    # Positive inputs and weights keep every ReLU open: no dependence is hidden.
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.abs_()
    jacobian = jacrev(lambda row: made(row[None])[0])(torch.rand(5))
    for output in jacobian:
        assert torch.equal(output != 0, allowed(order))


@pytest.mark.parametrize("hidden", [(1,), (2, 3)])
def test_narrow_layers_lose_dependences_and_never_gain_a_forbidden_one(hidden):
    made = shaken(MADE(5, hidden, 2))
    jacobian = jacrev(lambda row: made(row[None])[0])(torch.rand(5))
    assert not (jacobian != 0)[:, ~allowed(range(5))].any()


def test_one_entry_gets_constants():
    made = shaken(MADE(1, (8,), 2))
    torch.testing.assert_close(made(torch.zeros(1, 1)), made(torch.ones(1, 1)))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("layer", [AffineAutoregressive, SplineAutoregressive])
def test_the_jacobian_is_triangular_in_the_order(layer, order):
    layer = shaken(layer(5, (16,), torch.tensor(order)))
    jacobians = vmap(jacrev(lambda row: layer(row[None])[0][0]))(torch.rand(4, 5))
    forbidden = ~allowed(order) & ~torch.eye(5).bool()
    assert not jacobians[:, forbidden].any()


@pytest.mark.parametrize(
    ("layer", "forward", "inverse"),
    [
        (AffineAutoregressive, 5, 1),
        (SplineAutoregressive, 5, 1),
        (InverseAffineAutoregressive, 1, 5),
    ],
)
def test_one_direction_takes_one_pass_and_the_other_dim_passes(layer, forward, inverse):
    layer, passes = layer(5), []
    for module in layer.modules():
        if isinstance(module, MADE):
            module.register_forward_hook(lambda *_: passes.append(1))
    layer(torch.randn(3, 5))
    assert len(passes) == forward
    layer.inverse(torch.randn(3, 5))
    assert len(passes) == forward + inverse


def test_a_gaussian_autoregressive_model_is_this_flow():
    layer, x = shaken(AffineAutoregressive(3)), torch.randn(10, 3)
    z, log_det = layer.inverse(x)
    normal = torch.distributions.Normal(0.0, 1.0)
    log_scale, shift = layer._log_scale_and_shift(layer.conditioner(x))
    expected = torch.distributions.Normal(shift, log_scale.exp()).log_prob(x).sum(-1)
    log_prob = normal.log_prob(z).sum(-1) + log_det
    torch.testing.assert_close(log_prob, expected, rtol=1e-4, atol=1e-4)


def test_the_spline_is_the_normalising_direction():
    layer, x = shaken(SplineAutoregressive(3)), torch.randn(10, 3)
    raw = layer.conditioner(x).permute(1, 2, 0)
    expected, _ = plain_spline(x.mT, raw, layer.bound)
    torch.testing.assert_close(layer.inverse(x)[0], expected.mT, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("order", [[0, 0, 1], [1, 2, 3], [0, 1]])
def test_an_order_that_is_no_permutation_is_refused(order):
    with pytest.raises(ValueError, match="once each"):
        AffineAutoregressive(3, order=torch.tensor(order))


def test_vectors_of_another_dimension_are_refused():
    with pytest.raises(
        ValueError, match=r"expects x of shape \(batch, 3\), got \(5, 4\)"
    ):
        AffineAutoregressive(3).inverse(torch.randn(5, 4))
