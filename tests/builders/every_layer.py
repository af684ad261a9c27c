"""All layers, by name: the dict that drives the tests of the contract.

`LAYERS` holds, for each family, a function dim -> layer. `SUPPORT` names the layers
that live on less than the whole line, with a sampler of points in their domain.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from flowbook.autoregressive import (
    AffineAutoregressive,
    InverseAffineAutoregressive,
    SplineAutoregressive,
)
from flowbook.continuous import Continuous, VelocityField
from flowbook.contractive import ContractiveResidual, contractive_mlp
from flowbook.copula import Correlation
from flowbook.coupling import (
    AdditiveCoupling,
    AffineCoupling,
    SplineCoupling,
    alternating_mask,
    half_mask,
)
from flowbook.dequantization import ScaledLogistic
from flowbook.elementwise import (
    ElementwiseAffine,
    Exp,
    Logistic,
    Logit,
    Power,
    SinhArcsinh,
)
from flowbook.flow import Inverse, Layer
from flowbook.gaussianization import MarginalGaussianization, Rotation
from flowbook.images import ConvCoupling, OnPart, PerPixel, Shape, Squeeze
from flowbook.linear import (
    PLU,
    ActNorm,
    Dense,
    Diagonal,
    Householder,
    Permutation,
    Triangular,
)
from flowbook.masked_convolution import MaskedConvolution
from flowbook.mixture import LogisticMixture
from flowbook.nets import mlp
from flowbook.piecewise import LeakyReLU, PiecewiseLinear, SquareRootBins
from flowbook.planar_radial import Planar, Radial
from flowbook.residual import AdditivePair, ReversibleStack
from flowbook.splines import RationalQuadraticSpline


def additive_pair(dim: int) -> AdditivePair:
    half = (dim + 1) // 2
    first, second = mlp(dim - half, 8, half), mlp(half, 8, dim - half)
    return AdditivePair(half_mask(dim), first, second)


def image_shape(dim: int) -> Shape:
    """Channels, height and width that make up the width `dim`."""
    return {2: (2, 1, 1), 3: (3, 1, 1), 4: (2, 1, 2), 6: (2, 1, 3)}.get(
        dim, (1, 1, dim)
    )


def conv_coupling(dim: int) -> ConvCoupling:
    return ConvCoupling(alternating_mask(dim), image_shape(dim), hidden=8)


def per_pixel(kind: Callable[[Tensor], Layer], dim: int) -> PerPixel:
    channels = image_shape(dim)[0]
    matrix = torch.eye(channels) + 0.3 * torch.randn(channels, channels)
    return PerPixel(kind(matrix), image_shape(dim))


LAYERS: dict[str, Callable[[int], Layer]] = {
    "diagonal": lambda dim: Diagonal((-1.5) ** torch.arange(1, dim + 1)),
    "permutation": lambda dim: Permutation(torch.arange(dim).roll(1)),
    "Householder": lambda dim: Householder(torch.randn(dim, dim)),
    "triangular": lambda dim: Triangular(torch.eye(dim)),
    "PLU": lambda dim: PLU(torch.randn(dim, dim)),
    "dense": lambda dim: Dense(torch.randn(dim, dim)),
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
    # So few and short steps that their error is that of rounding.
    "continuous": lambda dim: Continuous(dim, VelocityField(dim, 8), time=0.1, steps=8),
    "planar": Planar,
    "radial": Radial,
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
    "marginal Gaussianization": lambda dim: MarginalGaussianization(dim, 4),
    "rotation": lambda dim: Rotation(torch.linalg.qr(torch.randn(dim, dim)).Q),
    "correlation": lambda dim: Correlation(torch.eye(dim)),
    "squeeze": lambda dim: Squeeze(image_shape(dim), (1, image_shape(dim)[2])),
    "1x1 convolution": lambda dim: per_pixel(Dense, dim),
    "1x1 convolution by PLU": lambda dim: Inverse(per_pixel(PLU, dim)),
    "convolutional coupling": conv_coupling,
    "masked convolution": lambda dim: MaskedConvolution(image_shape(dim)),
    "masked convolution backwards": lambda dim: MaskedConvolution(
        image_shape(dim), backwards=True
    ),
    "on part": lambda dim: OnPart(SinhArcsinh(dim - 1), dim),
    "scaled logistic": lambda dim: ScaledLogistic(levels=1, alpha=0.05),
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
    "scaled logistic": (torch.randn, on_unit_interval),
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
