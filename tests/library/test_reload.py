"""Saved, rebuilt and loaded: the same numbers, or a refusal."""

import copy
import io
import pickle

import numpy as np
import pytest
import torch
from every_layer import LAYERS, NAMES, domain, make
from torch import Tensor, nn

from flowbook.autoregressive import (
    MADE,
    AffineAutoregressive,
    InverseAffineAutoregressive,
    SplineAutoregressive,
)
from flowbook.contractive import ContractiveResidual, contractive_mlp
from flowbook.coupling import AdditiveCoupling, AffineCoupling, SplineCoupling
from flowbook.densities import (
    Banana,
    Density,
    GaussianMixture,
    LogitNormal,
    Rings,
    SineRing,
    StandardNormal,
    UniformBox,
)
from flowbook.elementwise import Exp, Logistic, Power
from flowbook.flow import Flow, Inverse, Layer
from flowbook.hierarchy import TwoLevelVAE
from flowbook.latent import VAE
from flowbook.likelihoods import Categorical, DiscretizedLogistic, FixedGaussian
from flowbook.nets import mlp
from flowbook.piecewise import LeakyReLU
from flowbook.residual import AdditivePair, ReversibleStack
from flowbook.splines import RationalQuadraticSpline
from flowbook.triangular import TriangularMap


def through_a_file(module: nn.Module) -> dict[str, Tensor]:
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def some(layer: Layer) -> Layer:
    """Move the parameters away from their start, which is often the identity."""
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return layer.eval()


def pair(mask: Tensor) -> AdditivePair:
    return AdditivePair(mask, mlp(2, 8, 3), mlp(3, 8, 2))


ORDERS = torch.tensor([2, 0, 4, 1, 3]), torch.tensor([4, 3, 0, 2, 1])
MASKS = torch.tensor([1, 0, 1, 1, 0]), torch.tensor([0, 1, 1, 0, 1])
ARRANGED = {
    "additive coupling": lambda i: AdditiveCoupling(MASKS[i], 16),
    "affine coupling": lambda i: AffineCoupling(MASKS[i], 16),
    "spline coupling": lambda i: SplineCoupling(MASKS[i], 16),
    "additive pair": lambda i: pair(MASKS[i]),
    "reversible stack": lambda i: ReversibleStack([pair(MASKS[i]), pair(MASKS[i])]),
    "affine autoregressive": lambda i: AffineAutoregressive(5, (16,), ORDERS[i]),
    "inverse autoregressive": lambda i: InverseAffineAutoregressive(
        5, (16, 8), ORDERS[i]
    ),
    "spline autoregressive": lambda i: SplineAutoregressive(5, (16,), ORDERS[i]),
}


@pytest.mark.parametrize("build", ARRANGED.values(), ids=ARRANGED)
def test_an_order_or_a_mask_comes_back_with_the_weights(build):
    saved, rebuilt, z = some(build(0)), build(1).eval(), torch.randn(7, 5)
    assert not torch.equal(rebuilt(z)[0], saved(z)[0])
    rebuilt.load_state_dict(through_a_file(saved))
    for found, expected in zip(rebuilt(z), saved(z), strict=True):
        assert torch.equal(found, expected)
    x = saved(z)[0]
    for found, expected in zip(rebuilt.inverse(x), saved.inverse(x), strict=True):
        assert torch.equal(found, expected)


def test_the_order_of_a_lone_network_comes_back_with_its_weights():
    saved, rebuilt = some(MADE(5, (16,), 2, ORDERS[0])), MADE(5, (16,), 2, ORDERS[1])
    rebuilt.load_state_dict(through_a_file(saved))
    x = torch.randn(7, 5)
    assert torch.equal(rebuilt(x), saved(x))


@pytest.mark.parametrize("build", ARRANGED.values(), ids=ARRANGED)
def test_a_copy_follows_what_it_loads_and_the_original_does_not(build):
    original, other, z = some(build(0)), some(build(1)), torch.randn(7, 5)
    before, twin = original(z)[0], copy.deepcopy(original)
    twin.load_state_dict(other.state_dict())
    assert torch.equal(twin(z)[0], other(z)[0])
    assert torch.equal(original(z)[0], before)


@pytest.mark.parametrize("name", NAMES)
def test_a_whole_layer_survives_pickling(name):
    layer, z = make(name, 3), domain(name, 5, 3)
    assert torch.equal(pickle.loads(pickle.dumps(layer))(z)[0], layer(z)[0])


class Holding(Density):
    """A density of a reader that keeps its numbers in something else."""

    dim, bounds = 1, ((0.0, 1.0),)

    def __init__(self, held: object) -> None:
        self.held = held

    def log_prob(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def _draw(self, n, generator, dtype):
        raise NotImplementedError


# What is no weight, and changes the map: (saved, rebuilt differently).
OTHER_CONSTANTS = {
    "slope": (lambda: LeakyReLU(0.1), lambda: LeakyReLU(0.2)),
    "exponent": (lambda: Power(2), lambda: Power(3)),
    "bound of a spline": (
        lambda: RationalQuadraticSpline(3, bound=5),
        lambda: RationalQuadraticSpline(3, bound=4),
    ),
    "bound of a spline coupling": (
        lambda: SplineCoupling(torch.tensor([1, 0]), bound=5),
        lambda: SplineCoupling(torch.tensor([1, 0]), bound=3),
    ),
    "bound of an autoregressive spline": (
        lambda: SplineAutoregressive(2, bound=5.0),
        lambda: SplineAutoregressive(2, bound=3.0),
    ),
    "Lipschitz constant": (
        lambda: ContractiveResidual(contractive_mlp(2, 8, lipschitz=0.9)),
        lambda: ContractiveResidual(contractive_mlp(2, 8, lipschitz=0.5)),
    ),
    "levels": (lambda: DiscretizedLogistic(17), lambda: DiscretizedLogistic(16)),
    "scale of a VAE": (
        lambda: VAE(4, 2, Categorical(3), 8, shift=8, scale=8),
        lambda: VAE(4, 2, Categorical(3), 8, shift=8, scale=4),
    ),
    "scale of a VAE with two levels": (
        lambda: TwoLevelVAE(4, 2, 2, Categorical(3), 8, shift=8, scale=8),
        lambda: TwoLevelVAE(4, 2, 2, Categorical(3), 8, shift=8, scale=4),
    ),
    "kind of a base": (
        lambda: Flow(StandardNormal(2), []),
        lambda: Flow(UniformBox((0.0, 0.0), (1.0, 1.0)), []),
    ),
    "kind of a base without numbers": (
        lambda: Flow(SineRing(), []),
        lambda: Flow(Banana(), []),
    ),
    "means of a base": (
        lambda: Flow(GaussianMixture([[0.0, 1.0]], 0.5), []),
        lambda: Flow(GaussianMixture([[0.0, 2.0]], 0.5), []),
    ),
    "radii of a base": (
        lambda: Flow(Rings((1.0, 2.0)), []),
        lambda: Flow(Rings((1.0, 3.0)), []),
    ),
    "kind of a layer": (
        lambda: Flow(StandardNormal(1), [Exp()]),
        lambda: Flow(StandardNormal(1), [Logistic()]),
    ),
    # Their boxes are one, and so are the first coordinates.
    "density of a triangular map": (
        lambda: TriangularMap(GaussianMixture([[0.0, 0.0], [1.0, 1.0]], 0.5), 2),
        lambda: TriangularMap(GaussianMixture([[0.0, 1.0], [1.0, 0.0]], 0.5), 2),
    ),
    "number of layers": (
        lambda: Flow(StandardNormal(1), [Exp(), Exp()]),
        lambda: Flow(StandardNormal(1), [Exp()]),
    ),
    "direction of a layer": (
        lambda: Flow(StandardNormal(1), [Inverse(Exp())]),
        lambda: Flow(StandardNormal(1), [Inverse(Inverse(Exp()))]),
    ),
    # Both conditioners have 542 weights.
    "sizes that add up to the same": (
        lambda: SplineCoupling(torch.tensor([1, 0]), hidden=16, bins=5),
        lambda: SplineCoupling(torch.tensor([1, 0]), hidden=15, bins=6),
    ),
    "activation of a pair": (
        lambda: AdditivePair(torch.tensor([1, 0]), mlp(1, 4, 1), mlp(1, 4, 1)),
        lambda: AdditivePair(
            torch.tensor([1, 0]), mlp(1, 4, 1, activation=nn.SiLU), mlp(1, 4, 1)
        ),
    ),
    "activation of a contraction": (
        lambda: ContractiveResidual(nn.Sequential(nn.Linear(2, 2), nn.ELU(0.5))),
        lambda: ContractiveResidual(nn.Sequential(nn.Linear(2, 2), nn.ELU(0.6))),
    ),
    **{
        f"{type(a).__name__} in a base": (
            lambda a=a: Flow(Holding(a), []),
            lambda b=b: Flow(Holding(b), []),
        )
        for a, b in [
            ([LogitNormal(0.0)], [LogitNormal(1.0)]),
            (np.array([1.0, 2.0]), np.array([1.0, 3.0])),
            (np.float32(1), np.float32(2)),
            ({"a": 1.0}, {"a": 2.0}),
            ("box", "ball"),
        ]
    },
    "flow within a flow": (
        lambda: Flow(StandardNormal(2), [Flow(StandardNormal(2), [LeakyReLU(0.3)])]),
        lambda: Flow(StandardNormal(2), [Flow(StandardNormal(2), [LeakyReLU(0.4)])]),
    ),
}


@pytest.mark.parametrize(
    ("build", "other"), OTHER_CONSTANTS.values(), ids=OTHER_CONSTANTS
)
def test_loading_refuses_weights_of_another_map(build, other):
    state = through_a_file(build())
    build().load_state_dict(state)
    with pytest.raises(RuntimeError, match=r"was saved as|Missing|Unexpected|size"):
        other().load_state_dict(state)


def test_a_fixed_sigma_comes_back_with_the_weights():
    twin = FixedGaussian(2.0)
    twin.load_state_dict(through_a_file(FixedGaussian(0.5)))
    x, mean = torch.randn(3, 2), torch.zeros(3, 2)
    assert torch.equal(twin(x, mean), FixedGaussian(0.5)(x, mean))


def test_what_a_density_works_out_when_used_is_not_compared():
    used, fresh = Flow(SineRing(), []), Flow(SineRing(), [])
    used.log_prob(torch.zeros(1, 2))
    fresh.load_state_dict(through_a_file(used))
    used.load_state_dict(through_a_file(fresh))


def test_a_state_holds_tensors_only():
    flow = Flow(Rings(), [LAYERS[name](2) for name in NAMES])
    assert all(isinstance(value, Tensor) for value in flow.state_dict().values())


class Moved(Density):
    """A density of a reader: its number is compared like those of the book's."""

    dim, bounds = 1, ((-9.0, 9.0),)

    def __init__(self, by: float) -> None:
        self.by = by

    def log_prob(self, x: Tensor) -> Tensor:
        return StandardNormal(1).log_prob(x - self.by)

    def _draw(self, n, generator, dtype):
        return StandardNormal(1).sample(n, generator, dtype) + self.by


def test_a_density_of_the_readers_own_is_compared_too():
    state = Flow(Moved(1.0), []).state_dict()
    Flow(Moved(1.0), []).load_state_dict(state)
    with pytest.raises(RuntimeError, match=r"Moved\.by .* was saved as 1\.0"):
        Flow(Moved(2.0), []).load_state_dict(state)
