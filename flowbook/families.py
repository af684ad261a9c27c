"""Every exact family of the book, at equal numbers of parameters, for one comparison.

`FAMILIES` says how each is built on the plane and what one of its layers is in any
dimension. `fit_family` trains one on a member of the zoo, and `gap` says how far from
the best it ended. What takes too long for a page is read by `recorded_gaps`, which
`bench/families.py` writes with these same functions.
"""

import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from flowbook.autoregressive import (
    AffineAutoregressive,
    InverseAffineAutoregressive,
    MaskedLinear,
    SplineAutoregressive,
)
from flowbook.continuous import Continuous, VelocityField
from flowbook.contractive import ContractiveResidual, contractive_mlp
from flowbook.copula import gaussian_copula
from flowbook.coupling import (
    AdditiveCoupling,
    AffineCoupling,
    SplineCoupling,
    alternating_mask,
)
from flowbook.densities import Density, StandardNormal
from flowbook.elementwise import ElementwiseAffine
from flowbook.flow import Flow, Inverse, Layer
from flowbook.gaussianization import MarginalGaussianization, iterated_gaussianization
from flowbook.linear import Triangular
from flowbook.planar_radial import Planar, Radial
from flowbook.splines import RationalQuadraticSpline
from flowbook.training import fit

BUDGET = 500
"""The most parameters that a family gets on the plane."""

STEPS, BATCH, FITTED, TEST = 600, 256, 30_000, 20_000
ORDERS = (torch.tensor([0, 1]), torch.tensor([1, 0]))
RECORDED = Path(__file__).with_name("families.json")


class Family(NamedTuple):
    """One family: a single layer in any dimension, and a whole flow on the plane.

    Either `layers` gives new layers to train, or `fitted` a flow of the data (n, 2).
    """

    layer: Callable[[int], Layer]
    layers: Callable[[], list[Layer]] | None = None
    fitted: Callable[[Tensor], Flow] | None = None


def gaussian(data: Tensor) -> Flow:
    """Return the most likely linear flow: a normal with the moments of the data."""
    centred = data - data.mean(0)
    factor = torch.linalg.cholesky(centred.mT @ centred / len(data))
    shift = ElementwiseAffine(data.mean(0), torch.ones_like(data[0]))
    return Flow(StandardNormal(data.shape[1]), [Triangular(factor), shift])


def _alternating(make: Callable[[Tensor], Layer], count: int) -> list[Layer]:
    return [make(alternating_mask(2, k)) for k in range(count)]


def _residual(dim: int, hidden: int = 64) -> Layer:
    return Inverse(ContractiveResidual(contractive_mlp(dim, hidden)))


def _continuous(dim: int, hidden: int = 64) -> Layer:
    return Continuous(dim, VelocityField(dim, hidden), steps=4)


def _ordered(make: Callable[..., Layer], count: int, hidden: int) -> list[Layer]:
    return [make(2, (hidden, hidden), ORDERS[k % 2]) for k in range(count)]


_SPLINE_AR = partial(SplineAutoregressive, bins=5)

FAMILIES: dict[str, Family] = {
    "linear": Family(lambda dim: Triangular(torch.eye(dim)), fitted=gaussian),
    "elementwise spline": Family(
        RationalQuadraticSpline, lambda: [RationalQuadraticSpline(2, bins=80)]
    ),
    "Gaussian copula": Family(
        lambda dim: MarginalGaussianization(dim, 8),
        fitted=lambda data: gaussian_copula(data, components=64),
    ),
    "additive coupling": Family(
        lambda dim: AdditiveCoupling(alternating_mask(dim)),
        lambda: _alternating(lambda mask: AdditiveCoupling(mask, 7), 6),
    ),
    "affine coupling": Family(
        lambda dim: AffineCoupling(alternating_mask(dim)),
        lambda: _alternating(lambda mask: AffineCoupling(mask, 6), 6),
    ),
    "spline coupling": Family(
        lambda dim: SplineCoupling(alternating_mask(dim), bins=5),
        lambda: _alternating(lambda mask: SplineCoupling(mask, 5, bins=5), 4),
    ),
    "MAF": Family(
        AffineAutoregressive, lambda: _ordered(AffineAutoregressive, 6, hidden=6)
    ),
    "IAF": Family(
        InverseAffineAutoregressive,
        lambda: _ordered(InverseAffineAutoregressive, 6, hidden=6),
    ),
    "spline autoregressive": Family(
        _SPLINE_AR, lambda: _ordered(_SPLINE_AR, 3, hidden=5)
    ),
    "planar": Family(
        lambda dim: Inverse(Planar(dim)),
        lambda: [Inverse(Planar(2)) for _ in range(99)],
    ),
    "radial": Family(
        lambda dim: Inverse(Radial(dim)),
        lambda: [Inverse(Radial(2)) for _ in range(124)],
    ),
    "residual": Family(_residual, lambda: [_residual(2, 10) for _ in range(3)]),
    "continuous": Family(_continuous, lambda: [_continuous(2, 19)]),
    "RBIG": Family(
        lambda dim: MarginalGaussianization(dim, 8),
        fitted=lambda data: iterated_gaussianization(data[:10_000], layers=10),
    ),
}
"""The exact families of chapters 4 to 12, by name, in the order of the chapters."""


def parameter_count(model: nn.Module) -> int:
    """Return how many numbers training can change: a masked weight is none of them."""
    count = sum(p.numel() for p in model.parameters() if p.requires_grad)
    for module in model.modules():
        if isinstance(module, MaskedLinear):
            count -= int((module.mask == 0).sum())
    return count


def fit_family(
    name: str, target: Density, seed: int = 0, steps: int = STEPS, batch: int = BATCH
) -> Flow:
    """Return a flow of the family, fitted to samples of the target, in float64.

    One recipe for all that are trained: layers that start small, ended by a scale and
    a shift, `flowbook.training.fit` on steps * batch fresh points, learning rate 5e-3.
    Those without gradients get the first 30,000 of the same points, RBIG 10,000.

    Raises:
        KeyError: no family has this name.
    """
    family, data = FAMILIES[name], target.sample(steps * batch, seed)
    torch.manual_seed(seed)
    if family.fitted is not None:
        return family.fitted(data[:FITTED]).double().eval()
    data = data.to(torch.float32)
    assert family.layers is not None
    # Splines reach from -5 to 5: data of deviation 2 fill that.
    last = ElementwiseAffine(data.mean(0), data.std(0) / 2)
    flow = Flow(StandardNormal(2), [*family.layers(), last])
    fit(flow, data, steps=steps, batch=batch, lr=5e-3, seed=seed, progress=False)
    for layer in flow.layers:
        if isinstance(layer, Continuous):
            layer.steps = 16  # so that the number is the flow's, not the solver's
    return flow.double()


@torch.no_grad()
def gap(target: Density, flow: Flow, points: int = TEST) -> tuple[float, float]:
    """Return KL(target || flow) in nats on fresh points, and its standard error."""
    x = target.sample(points, seed=10**6, dtype=torch.float64)
    parts = [target.log_prob(part) - flow.log_prob(part) for part in x.split(10_000)]
    excess = torch.cat(parts)
    return excess.mean().item(), excess.std().item() / math.sqrt(points)


def recorded_gaps() -> dict[str, Any]:
    """Return what `bench/families.py` found: date, machine, versions, and "gaps".

    "gaps" maps family and member of the zoo to a list of [gap, standard error], one
    for each seed, "parameters" and "seconds" the family to one number.
    """
    return json.loads(RECORDED.read_text("utf8"))
