"""Derivatives of every order and by every road: the value, or always an error."""

import pytest
import torch
from every_layer import DIMS, NAMES, codomain, domain, make
from torch import Tensor
from torch.autograd import forward_ad, gradgradcheck
from torch.autograd.functional import hessian, hvp, jvp, vhp
from torch.func import functional_call, jacfwd, jacrev, linearize

from flowbook.contractive import ContractiveResidual, contractive_mlp
from flowbook.flow import Layer
from flowbook.splines import plain_spline, spline, spline_inverse

pytestmark = pytest.mark.usefixtures("float64")

# Where the backward pass is written by hand, forward mode has no rule and raises.
REVERSE_ONLY = {
    ("reversible stack", "forward"),
    ("reversible stack", "inverse"),
    ("contractive residual", "inverse"),
    ("mixture of logistics", "inverse"),
    ("planar", "inverse"),
    ("marginal Gaussianization", "forward"),
    ("marginal Gaussianization", "inverse"),
}


def scalar(layer: Layer, direction: str, x: Tensor) -> Tensor:
    """A function whose Hessian sees the value and the log|det|."""
    value, log_det = getattr(layer, direction)(x[None])
    return value.sin().sum() + log_det.sum()


def point(name: str, direction: str, dim: int) -> Tensor:
    return (domain if direction == "forward" else codomain)(name, 1, dim)[0]


def second_differences(function, x: Tensor, step: float = 1e-4) -> Tensor:
    """The Hessian by central differences of the gradient, which other tests check."""
    gradients = []
    for shift in step * torch.eye(len(x)):
        ends = []
        for at in (x + shift, x - shift):
            at = at.detach().requires_grad_()
            ends.append(torch.autograd.grad(function(at), at)[0])
        gradients.append((ends[0] - ends[1]) / (2 * step))
    return torch.stack(gradients)


@pytest.mark.parametrize("direction", ["forward", "inverse"])
@pytest.mark.parametrize("name", NAMES)
def test_second_derivatives_are_those_of_finite_differences(name, direction):
    layer, x = make(name, 2), point(name, direction, 2)[None].requires_grad_()
    parameters = [p for p in layer.parameters() if p.requires_grad]

    def function(x, *_):
        value, log_det = getattr(layer, direction)(x)
        # A constant log|det| has no graph; this gives it one.
        return value.sin(), log_det + 0 * x.sum()

    assert gradgradcheck(function, (x, *parameters), fast_mode=True, atol=1e-4)


@pytest.mark.parametrize("direction", ["forward", "inverse"])
@pytest.mark.parametrize("name", NAMES)
def test_every_way_to_a_hessian_gives_the_same(name, direction):
    layer, x = make(name, 3), point(name, direction, 3)

    def function(x):
        return scalar(layer, direction, x)

    expected = second_differences(function, x)
    ways = {
        "autograd.functional": lambda: hessian(function, x),
        "reverse over reverse": lambda: jacrev(jacrev(function))(x),
    }
    if name != "contractive residual":  # that one raises: it looks at its numbers
        ways["vectorised"] = lambda: hessian(function, x, vectorize=True)
    if (name, direction) not in REVERSE_ONLY:
        ways["reverse over forward"] = lambda: jacrev(jacfwd(function))(x)
        ways["forward over reverse"] = lambda: jacfwd(jacrev(function))(x)
        ways["forward over forward"] = lambda: jacfwd(jacfwd(function))(x)
    for way, compute in ways.items():
        torch.testing.assert_close(
            compute(), expected, rtol=1e-3, atol=1e-5, msg=lambda text, w=way: w + text
        )


@pytest.mark.parametrize("direction", ["forward", "inverse"])
@pytest.mark.parametrize("name", NAMES)
def test_a_tangent_is_carried_or_refused(name, direction):
    layer, x = make(name, 3), point(name, direction, 3)
    tangent = torch.randn(3)
    expected = jacrev(lambda x: getattr(layer, direction)(x[None])[0][0])(x) @ tangent
    try:
        with forward_ad.dual_level():
            dual = forward_ad.make_dual(x[None], tangent[None])
            value, _ = getattr(layer, direction)(dual)
            found = forward_ad.unpack_dual(value).tangent[0]
    except (RuntimeError, NotImplementedError):
        assert (name, direction) in REVERSE_ONLY
        return
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("direction", ["forward", "inverse"])
@pytest.mark.parametrize("name", NAMES)
def test_products_by_the_jacobian_and_the_hessian_are_those_of_the_matrices(
    name, direction
):
    # Reverse mode gives J v and H v by differentiating a gradient of zeros.
    layer, x, v = make(name, 3), point(name, direction, 3), torch.randn(3)

    def value(x):
        return getattr(layer, direction)(x[None])[0][0]

    def function(x):
        return scalar(layer, direction, x)

    matrix = second_differences(function, x, step=1e-6)
    size = matrix.abs().max().item() + 1
    torch.testing.assert_close(jvp(value, x, v)[1], jacrev(value)(x) @ v)
    for product in (hvp, vhp):
        found = product(function, x, v)[1]
        torch.testing.assert_close(found, matrix @ v, rtol=1e-5, atol=1e-6 * size)


@pytest.mark.parametrize("name", NAMES)
def test_the_hessian_is_right_where_the_gradient_is_zero(name):
    # At a mode say: there is nothing to iterate, and all the curvature to find.
    layer, x = make(name, 3), point(name, "inverse", 3)
    centre = layer.inverse(x[None])[0].detach()

    def function(x):
        return 0.5 * (layer.inverse(x[None])[0] - centre).square().sum()

    jacobian = jacrev(lambda x: layer.inverse(x[None])[0][0])(x)
    torch.testing.assert_close(hessian(function, x), jacobian.mT @ jacobian)


@pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node")
# Tracing is slow: a plain layer, one with a solver, one with a rule of its own, and the
# one that differentiates on its way.
@pytest.mark.parametrize("direction", ["forward", "inverse"])
@pytest.mark.parametrize(
    "name", ["sinh-arcsinh", "PLU", "rational-quadratic spline", "contractive residual"]
)
def test_a_linearised_layer_is_right_or_refused(name, direction):
    layer, x, v = make(name, 3), point(name, direction, 3), torch.randn(3)
    for part in (0, 1):

        def function(x, part=part):
            return getattr(layer, direction)(x[None])[part][0] + 0 * x.sum()

        try:
            found = linearize(function, x)[1](v)
        except (RuntimeError, NotImplementedError):
            return
        torch.testing.assert_close(found, jacrev(function)(x) @ v)


def test_the_implicit_gradients_of_a_network_without_parameters():
    class Bend(torch.nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            return 0.5 * z.sin()

    layer, x = ContractiveResidual(Bend()), torch.tensor([[0.3, -2.0]])
    z = layer.inverse(x)[0]
    found = jacrev(lambda x: layer.inverse(x[None])[0][0])(x[0])
    torch.testing.assert_close(found, (1 / (1 + 0.5 * z.cos()))[0].diag())


def test_the_hessian_of_a_contractive_inverse_at_the_centre_of_symmetry():
    # Without biases g(0) = 0, so that z is 0 to the last bit, and its gradient too.
    net = contractive_mlp(2, 8)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
    layer, x = ContractiveResidual(net).eval(), torch.zeros(2)

    def function(x):
        return 0.5 * layer.inverse(x[None])[0].square().sum()

    inverse = torch.linalg.inv(torch.eye(2) + jacrev(lambda z: net(z[None])[0])(x))
    torch.testing.assert_close(hessian(function, x), inverse.mT @ inverse)


@pytest.mark.parametrize("name", NAMES)
def test_the_hessian_of_the_parameters_is_the_one_of_finite_differences(name):
    layer, x = make(name, 2), codomain(name, 3, 2)
    if not list(layer.parameters()):
        return
    key, start = next(iter(layer.named_parameters()))
    shape, start = start.shape, start.detach().flatten()
    direction = torch.randn_like(start)

    def function(t: Tensor) -> Tensor:
        moved = {key: (start + t[0] * direction).view(shape)}
        z, log_det = functional_call(Inverted(layer), {f"layer.{key}": moved[key]}, x)
        return z.sin().sum() + log_det.sum()

    t = torch.zeros(1)
    expected = second_differences(function, t)
    torch.testing.assert_close(hessian(function, t), expected, rtol=1e-4, atol=1e-5)


class Inverted(torch.nn.Module):
    """The inverse as a call, which `functional_call` wants."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.layer.inverse(x)


def test_third_derivatives_of_an_implicit_inverse_are_those_of_differences():
    layer, x = make("mixture of logistics", 1), torch.tensor([0.4])

    def second(x):
        return hessian(lambda x: layer.inverse(x[None])[0].sum(), x)[0]

    third = torch.autograd.functional.jacobian(
        lambda x: hessian(
            lambda y: layer.inverse(y[None])[0].sum(), x, create_graph=True
        )[0],
        x,
    )
    difference = (second(x + 1e-5) - second(x - 1e-5)) / 2e-5
    torch.testing.assert_close(third[0], difference, rtol=1e-6, atol=1e-8)


def test_the_inverse_spline_has_its_derivative_where_its_branches_meet():
    # Zeros give the identity; the middle of a bin is where e_0 (1 - r) = e_1 r.
    raw = torch.zeros(3 * 4 - 1, 1, 3).requires_grad_()
    y = torch.tensor([[-3.0, 0.5, 1.5]]).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda y, raw: spline_inverse(y, raw, 4.0), (y, raw), atol=1e-6
    )


@pytest.mark.parametrize("dim", DIMS)
def test_the_gradient_by_hand_is_that_of_the_plain_spline(dim):
    x, raw = 2 * torch.randn(dim, 9), torch.randn(14, dim, 9)
    weights = torch.randn(2, dim, 9)
    gradients = []
    for function in (spline, plain_spline):
        at = x.clone().requires_grad_(), raw.clone().requires_grad_()
        value, log_slope = function(*at, 2.0)
        loss = (weights[0] * value + weights[1] * log_slope).sum()
        gradients.append(torch.autograd.grad(loss, at))
    for by_hand, by_autograd in zip(*gradients, strict=True):
        torch.testing.assert_close(by_hand, by_autograd)
