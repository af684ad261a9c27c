"""Layers and densities map what they can map right, and refuse the rest by name."""

import math

import numpy as np
import pytest
import torch
from every_layer import NAMES, codomain, domain, make
from torch import Tensor, nn

from flowbook.contractive import ContractiveResidual
from flowbook.densities import (
    ZOO,
    ZOO_1D,
    Checkerboard,
    Density,
    StandardNormal,
    UniformBox,
)
from flowbook.elementwise import ElementwiseAffine
from flowbook.flow import Flow, Inverse, Layer

DENSITIES = {**{f"{n} (1d)": d for n, d in ZOO_1D.items()}, **ZOO}
# Their width is that of the point: they map every coordinate alike.
ANY_WIDTH = {"leaky ReLU", "exponential", "logistic", "logit", "power"}
# Their matrix products need one dtype.
UNMIXED = {
    "Householder",
    "triangular",
    "PLU",
    "additive coupling",
    "affine coupling",
    "spline coupling",
    "additive pair",
    "reversible stack",
    "contractive residual",
    "affine autoregressive",
    "inverse affine autoregressive",
    "spline autoregressive",
}
SOLVED = {("triangular", "inverse"), ("PLU", "inverse")}
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
