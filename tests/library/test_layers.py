"""Every layer keeps the contract: the dict of `every_layer` drives all these tests."""

import io
from collections.abc import Callable
from itertools import product

import pytest
import torch
from every_layer import (
    DIMS,
    FLOAT32_ERROR,
    LAYERS,
    NAMES,
    SUPPORT,
    codomain,
    domain,
    make,
)
from torch import Tensor
from torch.func import jacrev, vmap

from flowbook.flow import Flow, Inverse


def autograd_log_det(function: Callable[[Tensor], tuple], at: Tensor) -> Tensor:
    """log|det| of the Jacobian that autograd finds, row by row, shape (batch,)."""
    jacobian = vmap(jacrev(lambda row: function(row[None])[0][0]))(at)
    return torch.linalg.slogdet(jacobian).logabsdet


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("name", NAMES)
def test_inverse_undoes_forward_and_forward_undoes_inverse(name, dim):
    layer, z, x = make(name, dim), domain(name, 20, dim), codomain(name, 20, dim)
    torch.testing.assert_close(layer.inverse(layer(z)[0])[0], z, rtol=0, atol=1e-11)
    torch.testing.assert_close(layer(layer.inverse(x)[0])[0], x, rtol=0, atol=1e-11)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("name", NAMES)
def test_log_det_is_that_of_the_autograd_jacobian(name, dim):
    layer, z = make(name, dim), domain(name, 8, dim)
    expected = autograd_log_det(layer, z)
    torch.testing.assert_close(layer(z)[1], expected, rtol=0, atol=1e-11)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("name", NAMES)
def test_log_det_of_the_inverse_is_that_of_the_autograd_jacobian(name, dim):
    layer, x = make(name, dim), codomain(name, 8, dim)
    expected = autograd_log_det(layer.inverse, x)
    torch.testing.assert_close(layer.inverse(x)[1], expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("direction", ["forward", "inverse"])
@pytest.mark.parametrize("name", NAMES)
def test_a_finite_gradient_reaches_every_parameter(name, direction):
    layer = make(name, 3)
    point = domain(name, 64, 3) if direction == "forward" else codomain(name, 64, 3)
    value, log_det = getattr(layer, direction)(point.requires_grad_())
    (value.square().sum() + value.sum() + log_det.sum()).backward()
    for parameter_name, parameter in layer.named_parameters():
        assert parameter.grad is not None, f"no gradient reaches {parameter_name}"
        assert parameter.grad.isfinite().all(), f"{parameter_name} has a bad gradient"
        assert parameter.grad.any(), f"the gradient of {parameter_name} is zero"


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_finite_differences(name):
    layer, x = make(name, 2), codomain(name, 2, 2).requires_grad_()
    parameters = tuple(layer.parameters())

    def function(x, *_):
        return layer.inverse(x)

    assert torch.autograd.gradcheck(function, (x, *parameters), fast_mode=True)


@pytest.mark.parametrize("name", NAMES)
def test_extreme_inputs_stay_finite_or_raise_one_clear_error(name):
    layer = make(name, 2)
    extremes = torch.tensor([[1e3, -1e3], [-1e3, 1e3], [0.0, 1.0], [1.0, 0.0]])
    for function, point in product((layer.forward, layer.inverse), extremes):
        try:
            value, log_det = function(point[None])
        except ValueError:  # the layer says that the point is outside its domain
            continue
        assert value.isfinite().all()
        assert not log_det.isnan().any()  # a slope can be 0 or infinite: log z at 0
        if name not in SUPPORT:
            assert log_det.isfinite().all()


@pytest.mark.parametrize("batch", [1, 0])
@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_one_and_an_empty_batch_keep_their_shapes(name, batch):
    layer = make(name, 3)
    for function, points in ((layer.forward, domain), (layer.inverse, codomain)):
        value, log_det = function(points(name, batch, 3))
        assert value.shape == (batch, 3)
        assert log_det.shape == (batch,)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_one_gets_what_it_gets_in_a_larger_batch(name):
    layer, z = make(name, 3), domain(name, 5, 3)
    together, alone = layer(z), layer(z[2:3])
    torch.testing.assert_close(alone[0], together[0][2:3])
    torch.testing.assert_close(alone[1], together[1][2:3])


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_layer_loads_into_a_new_one(name):
    layer, twin, z = make(name, 3), LAYERS[name](3).eval(), domain(name, 5, 3)
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    twin.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(twin(z)[0], layer(z)[0])


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("name", NAMES)
def test_float32_round_trip_stays_within_the_stated_error(name, dim):
    layer, x = make(name, dim), codomain(name, 200, dim)
    error = (layer(layer.inverse(x)[0])[0] - x).abs().max().item()
    assert error <= FLOAT32_ERROR.get(name, 1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_values_keep_the_dtype_and_device_of_the_input(name):
    layer, z = make(name, 3), domain(name, 4, 3)
    for value in (*layer(z), *layer.inverse(layer(z)[0])):
        assert (value.dtype, value.device) == (z.dtype, z.device)


@pytest.mark.parametrize("name", NAMES)
def test_inverse_swaps_the_two_directions(name):
    layer, z = make(name, 3), domain(name, 4, 3)
    assert torch.equal(Inverse(layer).inverse(z)[0], layer(z)[0])


@pytest.mark.usefixtures("float64")
def test_a_flow_of_all_layers_of_the_whole_space_has_the_autograd_log_det():
    names = [name for name in NAMES if name not in SUPPORT]
    flow, z = Flow(None, [make(name, 3) for name in names]), torch.randn(4, 3)
    expected = autograd_log_det(flow, z)
    torch.testing.assert_close(flow(z)[1], expected, rtol=1e-8, atol=1e-8)
