"""Layers and densities map what they can map right, and refuse the rest by name."""

import math

import numpy as np
import pytest
import torch
from every_layer import NAMES, codomain, domain, make
from torch import Tensor, nn

from flowbook.autoregressive import AffineAutoregressive
from flowbook.contractive import ContractiveResidual, SpectralNorm, iterate
from flowbook.densities import (
    ZOO,
    ZOO_1D,
    Checkerboard,
    Density,
    Funnel,
    GaussianMixture,
    LogitNormal,
    Pinwheel,
    Rings,
    StandardNormal,
    TwoMoons,
    UniformBox,
)
from flowbook.elementwise import ElementwiseAffine, Logistic
from flowbook.flow import Flow, Inverse, Layer
from flowbook.linear import PLU, Diagonal, Householder, Permutation, Triangular
from flowbook.nets import mlp
from flowbook.piecewise import PiecewiseLinear
from flowbook.residual import AdditivePair, ReversibleStack

DENSITIES = {**{f"{n} (1d)": d for n, d in ZOO_1D.items()}, **ZOO}
# Their width is that of the point: they map every coordinate alike.
ANY_WIDTH = {
    "leaky ReLU",
    "exponential",
    "logistic",
    "logit",
    "power",
    "scaled logistic",
}
# Their matrix products need one dtype.
UNMIXED = {
    "Householder",
    "triangular",
    "PLU",
    "rotation",
    "correlation",
    "dense",
    "1x1 convolution",
    "1x1 convolution by PLU",
    "convolutional coupling",
    "masked convolution",
    "masked convolution backwards",
    "additive coupling",
    "affine coupling",
    "spline coupling",
    "additive pair",
    "reversible stack",
    "continuous",
    "planar",
    "contractive residual",
    "affine autoregressive",
    "inverse affine autoregressive",
    "spline autoregressive",
}
SOLVED = {
    ("triangular", "inverse"),
    ("PLU", "inverse"),
    ("correlation", "inverse"),
    ("1x1 convolution by PLU", "forward"),
}
FIXED_WIDTH = [name for name in NAMES if name not in ANY_WIDTH]


def point(name: str, direction: str, *shape: int) -> Tensor:
    return (domain if direction == "forward" else codomain)(name, *shape)


@pytest.mark.parametrize("width", [1, 2, 4])
@pytest.mark.parametrize("direction", ["forward", "inverse"])
@pytest.mark.parametrize("name", FIXED_WIDTH)
def test_a_layer_names_the_width_it_maps_and_the_one_that_came(name, direction, width):
    letter = "z" if direction == "forward" else "x"
    layer = make(name, 3)
    if name == "contractive residual":  # its width is that of its network alone
        with pytest.raises((ValueError, RuntimeError)):
            getattr(layer, direction)(point(name, direction, 5, width))
        return
    message = rf"expects {letter} of shape \(batch, 3\), got \(5, {width}\)"
    with pytest.raises(ValueError, match=message):
        getattr(layer, direction)(point(name, direction, 5, width))


@pytest.mark.parametrize("direction", ["forward", "inverse"])
@pytest.mark.parametrize("name", NAMES)
def test_a_layer_refuses_one_point_without_a_batch(name, direction):
    with pytest.raises(ValueError, match=r"of shape \(batch, .*\), got \(3,\)"):
        getattr(make(name, 3), direction)(point(name, direction, 1, 3)[0])


@pytest.mark.parametrize("direction", ["forward", "inverse"])
@pytest.mark.parametrize("name", NAMES)
def test_a_layer_refuses_integers_and_what_is_no_tensor(name, direction):
    apply = getattr(make(name, 3), direction)
    with pytest.raises(ValueError, match=r"floating-point numbers, got torch\.int64"):
        apply(torch.ones(2, 3, dtype=torch.long))
    for other in ([[0.5, 0.5, 0.5]], np.full((1, 3), 0.5)):
        with pytest.raises(TypeError, match=r"as a torch\.Tensor, got (list|ndarray)"):
            apply(other)


@pytest.mark.parametrize("direction", ["forward", "inverse"])
@pytest.mark.parametrize("name", NAMES)
def test_a_point_of_another_precision_gets_the_right_value_or_a_sentence(
    name, direction
):
    layer, x = make(name, 3), point(name, direction, 6, 3)
    # The solver of triangular systems takes both.
    if name in UNMIXED and (name, direction) not in SOLVED:
        with pytest.raises(ValueError, match=r"of torch\.float32 and got .*float64"):
            getattr(layer, direction)(x.double())
        return
    value, log_det = getattr(layer, direction)(x.double())
    exact, exact_log_det = getattr(layer.double(), direction)(x.double())
    torch.testing.assert_close(value.double(), exact, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(log_det.double(), exact_log_det, rtol=1e-4, atol=1e-4)


class Doubling(Layer):
    """A layer of a reader, without a check of its own."""

    dim = 2

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return 2 * z, z.new_full((len(z),), 2 * math.log(2))

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x / 2, x.new_full((len(x),), -2 * math.log(2))


@pytest.mark.parametrize("wrap", [lambda x: x, Inverse, lambda x: Flow(None, [x])])
def test_a_layer_of_the_readers_own_is_checked_too(wrap):
    with pytest.raises(ValueError, match=r"z of shape \(batch, 2\), got \(4, 3\)"):
        wrap(Doubling())(torch.zeros(4, 3))


def test_a_flow_without_layers_checks_the_width_of_its_base():
    with pytest.raises(ValueError, match=r"x of shape \(batch, 3\), got \(4, 1\)"):
        Flow(StandardNormal(3), []).log_prob(torch.zeros(4, 1))


def test_the_shift_and_scale_of_a_layer_are_vectors():
    with pytest.raises(ValueError, match=r"shape \(\) or \(dim,\), got \(2, 3\)"):
        ElementwiseAffine(torch.zeros(2, 3), 1.0)
    layer = ElementwiseAffine(torch.tensor([1, 2]), 3)
    assert layer(torch.ones(1, 2))[0].tolist() == [[4.0, 5.0]]


@pytest.mark.parametrize("density", DENSITIES.values(), ids=DENSITIES)
def test_a_density_refuses_integers_lists_arrays_and_other_widths(density):
    with pytest.raises(ValueError, match=r"floating-point numbers, got torch\.int64"):
        density.log_prob(torch.zeros(1, density.dim, dtype=torch.long))
    for other in ([[0.0] * density.dim], np.zeros((1, density.dim))):
        with pytest.raises(TypeError, match=r"as a torch\.Tensor, got (list|ndarray)"):
            density.log_prob(other)
    with pytest.raises(ValueError, match=rf"\(\.\.\., {density.dim}\), got x of shape"):
        density.log_prob(torch.zeros(5, density.dim + 1))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_the_numbers_of_a_density_are_not_cut_off(dtype):
    at = torch.zeros(1, 2, dtype=dtype)
    expected = torch.full((1,), -math.log(32), dtype=dtype)
    assert torch.equal(Checkerboard().log_prob(at), expected)
    assert UniformBox((0.5,), (3.5,)).log_prob(at[:, :1]).item() == -math.inf


class Triangle(Density):
    """A density of a reader, without a check of its own."""

    dim, bounds = 1, ((-1.0, 1.0),)

    def log_prob(self, x: Tensor) -> Tensor:
        return torch.log1p(-x.abs()).squeeze(-1)

    def _draw(self, n, generator, dtype):
        raise NotImplementedError


def test_a_density_of_the_readers_own_is_checked_too():
    with pytest.raises(ValueError, match=r"Triangle\.log_prob expects points of shape"):
        Triangle().log_prob(torch.zeros(2, 3))


@pytest.mark.parametrize("density", DENSITIES.values(), ids=DENSITIES)
def test_nan_stays_nan_and_is_never_outside_the_support(density):
    assert density.log_prob(torch.full((2, density.dim), math.nan)).isnan().all()


@pytest.mark.parametrize("density", DENSITIES.values(), ids=DENSITIES)
def test_a_density_draws_no_samples_and_refuses_fewer(density):
    assert density.sample(0, 0).shape == (0, density.dim)
    assert density.log_prob(density.sample(0, 0)).shape == (0,)
    with pytest.raises(ValueError, match=r"integer n >= 0, got -1"):
        density.sample(-1, 0)
    with pytest.raises(TypeError, match=r"integer n >= 0, got 2\.5"):
        density.sample(2.5, 0)


def test_an_error_of_torch_keeps_its_own_sentence():
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        ContractiveResidual(Broken())(torch.zeros(1, 2))


class Column(Layer):
    """A layer of a reader whose log|det| is a column."""

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return z, z.new_zeros(len(z), 1)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x.new_zeros(len(x), 1)


class Parabola(Density):
    """A density of a reader whose log-density is a column."""

    dim, bounds = 1, ((-9.0, 9.0),)

    def log_prob(self, x: Tensor) -> Tensor:
        return -0.5 * x.square()

    def _draw(self, n, generator, dtype):
        raise NotImplementedError


def test_a_column_adds_up_to_no_pairs_of_rows():
    x = torch.zeros(4, 2)
    with pytest.raises(ValueError, match=r"log\|det\| of shape \(4, 1\)"):
        Flow(StandardNormal(2), [Column()]).log_prob(x)
    with pytest.raises(ValueError, match=r"gives shape \(4, 1\) for x of shape"):
        Flow(Parabola(), []).log_prob(x[:, :1])
    with pytest.raises(ValueError, match=r"log\|det\| of shape \(4, 2\)"):
        Logistic()(torch.zeros(4, 2, 3))


class Stretch(nn.Module):
    """A network for three entries that takes one too, and makes three of it."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((3,), 0.5))

    def forward(self, z: Tensor) -> Tensor:
        return self.scale * z


@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_a_network_that_broadcasts_makes_no_layer(direction):
    layer = ContractiveResidual(Stretch())
    with pytest.raises((ValueError, RuntimeError), match="shape"):
        getattr(layer, direction)(torch.zeros(4, 1))
    mask = torch.tensor([1, 0, 0])
    stack = ReversibleStack([AdditivePair(mask, mlp(2, 4, 2), mlp(2, 4, 2))])
    with pytest.raises((ValueError, RuntimeError), match="shape"):
        getattr(stack, direction)(torch.zeros(4, 3))


NAN, INF = math.nan, math.inf
REFUSED = {
    "diagonal, nan": lambda: Diagonal(torch.tensor([NAN, 1.0])),
    "diagonal, infinite": lambda: Diagonal([INF, 1.0]),
    "Householder, nan": lambda: Householder(torch.full((1, 2), NAN)),
    "Householder, squares to 0": lambda: Householder(torch.full((1, 2), 1e-30)),
    "Householder, squares to inf": lambda: Householder(torch.full((1, 2), 1e30)),
    "triangular, wide": lambda: Triangular(torch.ones(2, 3)),
    "triangular, tall": lambda: Triangular(torch.ones(3, 2)),
    "triangular, nan": lambda: Triangular([[1.0, 0.0], [NAN, 1.0]]),
    "PLU, wide": lambda: PLU(torch.randn(2, 3)),
    "PLU, tall": lambda: PLU(torch.randn(3, 2)),
    "PLU, nan": lambda: PLU(torch.full((2, 2), NAN)),
    "permutation, floats": lambda: Permutation(torch.tensor([1.0, 0.0])),
    "order, floats": lambda: AffineAutoregressive(2, order=torch.tensor([1.0, 0.0])),
    "affine, complex": lambda: ElementwiseAffine(1j, 1.0),
    "rises, a vector": lambda: PiecewiseLinear([0.5, 0.5]),
    "box, nan": lambda: UniformBox((NAN,), (1.0,)),
    "box, infinite": lambda: UniformBox((0.0,), (INF,)),
    "mixture, nan mean": lambda: GaussianMixture([[NAN]], 1.0),
    "mixture, nan scale": lambda: GaussianMixture([[0.0]], NAN),
    "mixture, infinite weight": lambda: GaussianMixture([[0.0]], 1.0, [INF]),
    "mixture, weights in a column": lambda: GaussianMixture(
        [[0.0], [1.0]], 1.0, [[1.0], [2.0]]
    ),
    "normal, -1": lambda: StandardNormal(-1),
    "rings, 0": lambda: Rings((0.0,)),
    "pinwheel, two negative spreads": lambda: Pinwheel(spread=(-1.0, -1.0)),
    "pinwheel, three spreads": lambda: Pinwheel(spread=(1.0, 1.0, 1.0)),
    "pinwheel, nan": lambda: Pinwheel(twist=NAN),
    "moons, nan": lambda: TwoMoons(NAN),
    "logit-normal, nan": lambda: LogitNormal(NAN),
    "tolerance, nan": lambda: ContractiveResidual(Stretch(), tolerance=NAN),
    "tolerance, negative": lambda: ContractiveResidual(Stretch(), tolerance=-1.0),
    "iteration, nan": lambda: iterate(torch.sin, torch.zeros(1, 1), NAN),
    "norm of a curve": lambda: SpectralNorm(nn.Tanh(), (2,), 0.5),
    "norm of a bend": lambda: SpectralNorm(nn.LeakyReLU(0.5), (2,), 0.5),
}


@pytest.mark.parametrize("build", REFUSED.values(), ids=REFUSED)
def test_nothing_is_built_of_numbers_that_have_no_meaning(build):
    with pytest.raises(ValueError, match=r"expect|got"):
        build()


def test_lists_arrays_and_integers_build_what_tensors_do():
    for scale in ([2, 3], np.array([2, 3]), torch.tensor([2, 3])):
        assert Diagonal(scale)(torch.ones(1, 2))[0].tolist() == [[2.0, 3.0]]
    matrix = [[2, 0], [1, 3]]
    assert Triangular(matrix)(torch.ones(1, 2))[0].tolist() == [[2.0, 4.0]]
    assert PLU(matrix)(torch.ones(1, 2))[0].tolist() == [[2.0, 4.0]]
    assert Householder([[1, 0]])(torch.ones(1, 2))[0].tolist() == [[-1.0, 1.0]]
    order = torch.tensor([1, 0], dtype=torch.uint8)
    z = torch.tensor([[1.0, 2.0]])
    assert Permutation(order)(z)[0].tolist() == [[2.0, 1.0]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_axis_of_the_funnel_has_a_density_where_its_scale_is_zero(dtype):
    # There the quadratic term of x_2 = 0 is 0; the rest is a normal and the scale.
    first = torch.tensor([-100.0, -200.0, -2000.0], dtype=dtype)
    x = torch.stack((first, torch.zeros(3, dtype=dtype)), -1).requires_grad_()
    found = Funnel(2).log_prob(x)
    expected = -(first / 3).square() / 2 - math.log(2 * math.pi * 3) - first / 2
    torch.testing.assert_close(found, expected)
    assert torch.autograd.grad(found.sum(), x)[0].isfinite().all()
