"""Claims about the mixture map that the tests of every layer do not make."""

import pytest
import torch
from torch.func import grad

from flowbook.mixture import LogisticMixture

pytestmark = pytest.mark.usefixtures("float64")


def bent(dim: int = 1) -> LogisticMixture:
    layer = LogisticMixture(dim, components=3)
    with torch.no_grad():
        layer.logits.normal_()
        layer.log_widths.normal_(-1.0)
    return layer


def test_one_component_is_an_affine_map():
    layer = LogisticMixture(1, components=1)
    with torch.no_grad():
        layer.log_widths.fill_(0.7)
        layer.centres.fill_(0.3)
    z = torch.linspace(-3, 3, 7)[:, None]
    torch.testing.assert_close(layer(z)[0], (z - 0.3) * torch.tensor(-0.7).exp())


def test_the_logistic_of_it_is_the_distribution_function_of_the_mixture():
    layer, z = bent(), torch.linspace(-6, 6, 50)[:, None]
    parts = ((z - layer.centres[0]) / layer.log_widths[0].exp()).sigmoid()
    expected = (layer.logits[0].softmax(-1) * parts).sum(-1)
    torch.testing.assert_close(layer(z)[0].sigmoid()[:, 0], expected)


def test_gradients_of_the_inverse_are_those_of_the_implicit_function_theorem():
    layer, x = bent(), torch.tensor([[0.4]])
    z, _ = layer.inverse(x)
    z.sum().backward()
    at = z.detach()
    slope = grad(lambda z: layer(z)[0].sum())(at)
    for parameter in layer.parameters():
        (change,) = torch.autograd.grad(layer(at)[0].sum(), parameter)
        torch.testing.assert_close(parameter.grad, -change / slope)


def test_the_inverse_is_right_far_in_the_tails():
    layer, x = bent(), torch.tensor([[-1e4], [-700.0], [40.0], [1e4]])
    torch.testing.assert_close(layer(layer.inverse(x)[0])[0], x, rtol=1e-13, atol=0)


def test_a_mixture_of_nothing_is_refused():
    with pytest.raises(ValueError, match="got 0"):
        LogisticMixture(2, components=0)
