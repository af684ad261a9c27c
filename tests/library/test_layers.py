"""Every layer keeps the contract: one dict of layers drives all of these tests.

`LAYERS` holds, for each family, a function dim -> layer. `SUPPORT` names the layers
that live on less than the whole line, with a sampler of points in their domain.
"""

import io
from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor
from torch.func import jacrev, vmap

from flowbook.autoregressive import (
    AffineAutoregressive,
    InverseAffineAutoregressive,
    SplineAutoregressive,
)
from flowbook.contractive import ContractiveResidual, contractive_mlp
from flowbook.coupling import (
    AdditiveCoupling,
    AffineCoupling,
    SplineCoupling,
    alternating_mask,
    half_mask,
)
from flowbook.elementwise import (
    ElementwiseAffine,
    Exp,
    Logistic,
    Logit,
    Power,
    SinhArcsinh,
)
from flowbook.flow import Flow, Inverse, Layer
from flowbook.linear import PLU, ActNorm, Diagonal, Householder, Permutation, Triangular
from flowbook.mixture import LogisticMixture
from flowbook.nets import mlp
from flowbook.piecewise import LeakyReLU, PiecewiseLinear, SquareRootBins
from flowbook.residual import AdditivePair, ReversibleStack
from flowbook.splines import RationalQuadraticSpline


def additive_pair(dim: int) -> AdditivePair:
    half = (dim + 1) // 2
    first, second = mlp(dim - half, 8, half), mlp(half, 8, dim - half)
    return AdditivePair(half_mask(dim), first, second)


LAYERS: dict[str, Callable[[int], Layer]] = {
    "diagonal": lambda dim: Diagonal((-1.5) ** torch.arange(1, dim + 1)),
    "permutation": lambda dim: Permutation(torch.arange(dim).roll(1)),
    "Householder": lambda dim: Householder(torch.randn(dim, dim)),
    "triangular": lambda dim: Triangular(torch.eye(dim)),
    "PLU": lambda dim: PLU(torch.randn(dim, dim)),
    "activation normalisation": lambda dim: ActNorm(dim),
    "leaky ReLU": lambda dim: LeakyReLU(),
    "piecewise linear": lambda dim: PiecewiseLinear(torch.full((dim, 5), 0.2)),
    "square-root bins": lambda dim: SquareRootBins(torch.full((dim, 5), 0.2)),
    "rational-quadratic spline": lambda dim: RationalQuadraticSpline(dim, bound=2),
    "mixture of logistics": LogisticMixture,
    "additive coupling": lambda dim: AdditiveCoupling(half_mask(dim), hidden=16),
    "affine coupling": lambda dim: AffineCoupling(torch.arange(dim) % 2, hidden=16),
    "spline coupling": lambda dim: SplineCoupling(
        alternating_mask(dim), hidden=16, bins=5, bound=2
    ),
    "additive pair": additive_pair,
    "reversible stack": lambda dim: ReversibleStack(
        [additive_pair(dim), additive_pair(dim)]
    ),
    "contractive residual": lambda dim: ContractiveResidual(contractive_mlp(dim, 8)),
    "affine autoregressive": lambda dim: AffineAutoregressive(dim, (12, 16)),
    "inverse affine autoregressive": lambda dim: InverseAffineAutoregressive(
        dim, (16, 12), order=torch.arange(dim).flip(0)
    ),
    "spline autoregressive": lambda dim: SplineAutoregressive(
        dim, (16,), order=torch.arange(dim).roll(1), bins=5, bound=2
    ),
    "elementwise affine": lambda dim: ElementwiseAffine(
        torch.randn(dim), (-1.5) ** torch.arange(dim)
    ),
    "exponential": lambda dim: Exp(),
    "logistic": lambda dim: Logistic(),
    "logit": lambda dim: Logit(),
    "power": lambda dim: Power(2.5),
    "sinh-arcsinh": SinhArcsinh,
}


def on_unit_interval(batch: int, dim: int) -> Tensor:
    return 0.02 + 0.96 * torch.rand(batch, dim)


# Name -> (z in the domain, x in the range), each a function of (batch, dim).
# A layer that is not listed maps the whole space onto itself.
SUPPORT: dict[str, tuple[Callable[..., Tensor], Callable[..., Tensor]]] = {
    "exponential": (torch.randn, lambda batch, dim: torch.randn(batch, dim).exp()),
    "logistic": (torch.randn, on_unit_interval),
    "logit": (on_unit_interval, torch.randn),
    "power": (on_unit_interval, on_unit_interval),
    "piecewise linear": (on_unit_interval, on_unit_interval),
    "square-root bins": (on_unit_interval, on_unit_interval),
}

# The largest error of a round trip in float32, where it is not the default 1e-5.
FLOAT32_ERROR: dict[str, float] = {
    "square-root bins": 1e-3,  # close to a left knot, where the slope is infinite
    "spline autoregressive": 1e-3,  # as for spline coupling
    "spline coupling": 1e-3,  # where its slope is near 1e-3, 1e-7 becomes 1e-4
}

# Two dimensions hide wrong splits, and even numbers hide uneven ones.
DIMS = [2, 3, 6]
NAMES = list(LAYERS)


def make(name: str, dim: int) -> Layer:
    """Build the layer with parameters away from their start, which is often trivial."""
    layer = LAYERS[name](dim)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return layer.eval()


def domain(name: str, batch: int, dim: int) -> Tensor:
    return SUPPORT.get(name, (torch.randn, torch.randn))[0](batch, dim)


def codomain(name: str, batch: int, dim: int) -> Tensor:
    return SUPPORT.get(name, (torch.randn, torch.randn))[1](batch, dim)


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
