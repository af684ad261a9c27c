"""Densities whose log-density, sampler and entropy are known: the zoo of the book.

The entropy of a density is the best negative log-likelihood that any model of its
samples can reach, so every model fitted to the zoo has a known limit.
"""

from flowbook.densities.base import Box, Density, integrate, midpoints
from flowbook.densities.elementary import (
    GaussianMixture,
    LogitNormal,
    SquareOfUniform,
    StandardNormal,
    UniformBox,
    eight_gaussians,
    two_gaussians,
    two_gaussians_1d,
)
from flowbook.densities.moons import TwoMoons
from flowbook.densities.planar import (
    Banana,
    Checkerboard,
    Funnel,
    Pinwheel,
    Rings,
    SineRing,
)

__all__ = [
    "ZOO",
    "ZOO_1D",
    "Banana",
    "Box",
    "Checkerboard",
    "Density",
    "Funnel",
    "GaussianMixture",
    "LogitNormal",
    "Pinwheel",
    "Rings",
    "SineRing",
    "SquareOfUniform",
    "StandardNormal",
    "TwoMoons",
    "UniformBox",
    "eight_gaussians",
    "integrate",
    "midpoints",
    "two_gaussians",
    "two_gaussians_1d",
]

ZOO: dict[str, Density] = {
    "standard normal": StandardNormal(2),
    "two gaussians": two_gaussians(),
    "eight gaussians": eight_gaussians(),
    "checkerboard": Checkerboard(),
    "rings": Rings(),
    "pinwheel": Pinwheel(),
    "two moons": TwoMoons(0.1),
    "banana": Banana(),
    "funnel": Funnel(2),
    "sine ring": SineRing(),
}
"""The densities on the plane, by name."""

ZOO_1D: dict[str, Density] = {
    "standard normal": StandardNormal(1),
    "uniform": UniformBox((0.0,), (1.0,)),
    "two gaussians": two_gaussians_1d(),
    "square of uniform": SquareOfUniform(),
    "logit-normal": LogitNormal(),
}
"""The densities on the line, by name; their points have shape (..., 1)."""
