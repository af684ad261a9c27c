"""Gaussianization: make each coordinate normal, rotate, repeat; without gradients."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from flowbook.densities import StandardNormal
from flowbook.flow import Flow, Layer
from flowbook.inputs import as_generator, as_numbers, expect_count, expect_rows
from flowbook.mixture import ImplicitRoot
from flowbook.normal_scores import (
    log_mills,
    log_normal_cdf,
    log_normal_density,
    normal_score,
)

RotationChoice = Callable[[Tensor, torch.Generator], Tensor]
"""(data (n, dim), generator) -> a matrix (dim, dim), the new axes as its columns."""


class MarginalGaussianization(Layer):
    """Each coordinate to a normal one, by the distribution function of a mixture.

    With a mixture of K normals for each coordinate, of weights pi, centres mu and
    widths w, `inverse` is the integral transform and the normal's quantile function,

        z = Phi^{-1}(F(x)),    F(x) = sum over k of pi_k Phi((x - mu_k) / w_k),
        log dz/dx = log F'(x) - log phi(z).

    F and 1 - F are kept as logarithms, so that tails stay exact: far out, z grows in
    proportion to x. `forward` has no formula and bisects. Derivatives, of every order,
    are those of implicit differentiation in reverse mode; forward mode raises.

    `from_data` fits the mixtures without gradients. Source: Chen and Gopinath, 2000.

    Shapes: z and x (batch, dim); the parameters (dim, K); log_det (batch,).
    """

    def __init__(self, dim: int, components: int = 8) -> None:
        super().__init__()
        expect_count(components, "MarginalGaussianization", 1, "components")
        self.dim = dim
        self.logits = nn.Parameter(torch.zeros(dim, components))
        centres = (
            torch.linspace(-1, 1, components) if components > 1 else torch.zeros(1)
        )
        self.centres = nn.Parameter(centres.repeat(dim, 1))
        self.log_widths = nn.Parameter(torch.zeros(dim, components))

    @classmethod
    def from_data(
        cls, data: Tensor, components: int = 8, steps: int = 30
    ) -> "MarginalGaussianization":
        """Return the layer whose mixtures `steps` of expectation-maximisation fit.

        They start at equal shares of the sorted data. No width falls below a
        hundredth of the coordinate's standard deviation. Where one normal is likelier
        than what is found, it is taken, so that no step makes the data less normal.

        Shapes: data (n, dim).

        Raises:
            ValueError: the data are no rows of finite numbers, or a coordinate is
                constant.
        """
        expect_rows(data, None, "MarginalGaussianization.from_data", "data")
        data = as_numbers(data, "MarginalGaussianization.from_data", "data")
        spread = data.std(0, correction=0)
        if not (spread > 0).all():
            raise ValueError(
                "MarginalGaussianization.from_data expects coordinates that vary, got "
                f"standard deviations {spread.tolist()}."
            )
        layer = cls(data.shape[1], components).to(data.device, data.dtype)
        fitted = _expectation_maximisation(data, components, steps, spread / 100)
        with torch.no_grad():
            for parameter, value in zip(layer._parameters_each(), fitted, strict=True):
                parameter.copy_(value)
        return layer

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        x = ImplicitRoot.apply(score_and_log_slope, bisect, z, *self._parameters_each())
        return x, -score_and_log_slope(x, *self._parameters_each())[1].sum(-1)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        z, log_slope = score_and_log_slope(x, *self._parameters_each())
        return z, log_slope.sum(-1)

    def _parameters_each(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.logits, self.centres, self.log_widths


def score_and_log_slope(
    x: Tensor, logits: Tensor, centres: Tensor, log_widths: Tensor
) -> tuple[Tensor, Tensor]:
    """Return Phi^{-1}(F(x)) of a mixture of normals, and the logarithm of its slope.

    Shapes: x (..., dim); the parameters (dim, K); both results like x.
    """
    weights = logits.log_softmax(-1)
    u = (x[..., None] - centres) * (-log_widths).exp()
    # Beyond the bound, where squares overflow, the nearest component is all there is.
    bound = _bound(x.dtype)
    nearest = u.abs().argmin(-1, keepdim=True)
    alone = u.gather(-1, nearest)[..., 0]
    u = u.clamp(-bound, bound)
    negative, density = u < 0, log_normal_density(u)
    mills = log_mills(torch.where(negative, u, -u))
    small = mills + density
    large = torch.log1p(-small.exp())
    below = weights + torch.where(negative, small, large)
    above = weights + torch.where(negative, large, small)
    log_cdf, log_rest = below.logsumexp(-1), above.logsumexp(-1)
    z = normal_score(log_cdf, log_rest)
    # log F' - log phi(z) as one difference has no digits far out: both are squares.
    # Divided by the smaller tail, which F and Phi have in common, both are small.
    left = log_cdf < log_rest
    side = left[..., None]
    shares = torch.where(side, below, above).log_softmax(-1)
    inverse_hazard = torch.where(side == negative, mills, large - density)
    hazards = shares - inverse_hazard - log_widths
    log_slope = hazards.logsumexp(-1) + log_mills(torch.where(left, z, -z))
    far = alone.abs() >= bound
    slope_alone = -log_widths.expand_as(u).gather(-1, nearest)[..., 0]
    return torch.where(far, alone, z), torch.where(far, slope_alone, log_slope)


def _bound(dtype: torch.dtype) -> float:
    return math.sqrt(torch.finfo(dtype).max) / 4


@torch.no_grad()
def bisect(z: Tensor, logits: Tensor, centres: Tensor, log_widths: Tensor) -> Tensor:
    """Return the x whose normal score is z, to the last digits of the dtype.

    Shapes: z (..., dim); the parameters (dim, K); x like z.
    """
    # Component k alone has the score z at mu_k + w_k z; the mixture in between.
    quantiles = centres + log_widths.exp() * z[..., None]
    low, high = quantiles.amin(-1), quantiles.amax(-1)
    far = z.abs() >= _bound(z.dtype)  # where the widest component is all there is
    low, high = (
        torch.where(far & (z > 0), high, low),
        torch.where(far & (z < 0), low, high),
    )
    weights, left = logits.log_softmax(-1), z < 0
    side = torch.where(left, 1.0, -1.0).to(z)  # the smaller tail has the digits
    wanted = log_normal_cdf(side * z)
    for _ in range(torch.finfo(z.dtype).bits):
        middle = (low + high) / 2
        u = (middle[..., None] - centres) * (-log_widths).exp() * side[..., None]
        tail = (weights + log_normal_cdf(u)).logsumexp(-1)
        too_low = torch.where(left, tail < wanted, tail > wanted)
        low = torch.where(too_low, middle, low)
        high = torch.where(too_low, high, middle)
    return (low + high) / 2


@torch.no_grad()
def _expectation_maximisation(
    data: Tensor, components: int, steps: int, floor: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    # Logits, centres and log-widths, each (dim, K).
    ends = torch.linspace(0, 1, components + 1, dtype=data.dtype, device=data.device)
    # Not torch.quantile, which takes few rows.
    rows = (ends * (len(data) - 1)).round().long()
    knots = data.sort(0).values[rows].mT
    centres = (knots[:, 1:] + knots[:, :-1]) / 2
    widths = ((knots[:, 1:] - knots[:, :-1]) / 2).clamp(min=floor[:, None])
    logits = torch.zeros_like(centres)
    for _ in range(steps):
        u = (data[..., None] - centres) / widths
        log_parts = logits + log_normal_density(u) - widths.log()
        shares = log_parts.softmax(-1)
        total = shares.sum(0) + torch.finfo(data.dtype).tiny
        centres = (shares * data[..., None]).sum(0) / total
        squares = (shares * (data[..., None] - centres).square()).sum(0) / total
        widths = (squares + floor[:, None].square()).sqrt()
        logits = (total / len(data)).log()
    fitted = logits, centres, widths.log()
    # Never less likely than one normal: then it is that one, in all components.
    mean, spread = data.mean(0), data.std(0, correction=0).clamp(min=floor)
    u = (data[..., None] - fitted[1]) / widths
    likelihood = (logits + log_normal_density(u) - widths.log()).logsumexp(-1).mean(0)
    of_one = (log_normal_density((data - mean) / spread) - spread.log()).mean(0)
    worse = (likelihood < of_one)[:, None]
    single = torch.zeros_like(logits), mean[:, None], spread[:, None].log()
    return tuple(torch.where(worse, s, f) for s, f in zip(single, fitted, strict=True))


class Rotation(Layer):
    """An orthogonal matrix that stays as it is: x = Qz, log|det| = 0.

    `inverse` gives the coordinates along the columns of Q. `Householder` is trained.

    Shapes: z and x (batch, dim); matrix (dim, dim); log_det (batch,).

    Raises:
        ValueError: the matrix is not orthogonal.
    """

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        matrix = as_numbers(matrix, "Rotation", "matrix")
        rounding = 100 * torch.finfo(matrix.dtype).eps * len(matrix)
        if (
            matrix.ndim != 2
            or matrix.shape[0] != matrix.shape[1]
            or (
                (matrix.mT @ matrix - torch.eye(len(matrix)).to(matrix)).abs().max()
                > rounding
            )
        ):
            raise ValueError(
                "Rotation expects an orthogonal matrix, got "
                f"{matrix.tolist() if matrix.numel() < 10 else tuple(matrix.shape)}."
            )
        self.dim = len(matrix)
        self.register_buffer("matrix", matrix)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz| = 0."""
        return z @ self.matrix.mT, z.new_zeros(len(z))

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx| = 0."""
        return x @ self.matrix, x.new_zeros(len(x))


def random_rotation(data: Tensor, generator: torch.Generator) -> Tensor:
    """Return a rotation that is uniform among all, whatever the data."""
    dim = data.shape[1]
    noise = torch.randn(dim, dim, generator=generator, device=generator.device)
    matrix, upper = torch.linalg.qr(noise.to(data))
    return matrix * upper.diagonal().sign()  # without the signs it is not uniform


def pca_rotation(data: Tensor, generator: torch.Generator) -> Tensor:
    """Return the principal axes of the data; none is random."""
    centred = data - data.mean(0)
    return torch.linalg.eigh(centred.mT @ centred / len(data)).eigenvectors


def ica_rotation(data: Tensor, generator: torch.Generator, angles: int = 45) -> Tensor:
    """Return the axes along which the data are least normal, pair by pair.

    A rotation keeps the joint entropy, so that the next marginal step takes away most
    where the entropies of the marginals have the least sum. Each pair of coordinates
    in turn is turned by the best of some angles in a quarter turn, twice around; the
    entropies are those of `spacing_entropy`. Source: Learned-Miller and Fisher, 2003
    (RADICAL), here without whitening. None of it is random.
    """
    dim = data.shape[1]
    axes, turned = torch.eye(dim).to(data), data
    turns = math.pi / 2 * torch.arange(angles).to(data) / angles
    cos, sin = turns.cos(), turns.sin()
    pairs = [(i, j) for i in range(dim) for j in range(i + 1, dim)]
    for i, j in pairs * min(len(pairs), 2):  # a single pair needs no second turn
        one, two = turned[:, i, None], turned[:, j, None]
        ways = spacing_entropy(cos * one + sin * two)
        best = (ways + spacing_entropy(cos * two - sin * one)).argmin()
        plane = torch.eye(dim).to(data)
        plane[i, i] = plane[j, j] = cos[best]
        plane[j, i], plane[i, j] = sin[best], -sin[best]
        axes, turned = axes @ plane, turned @ plane
    return axes


def spacing_entropy(data: Tensor) -> Tensor:
    """Estimate the entropy of each coordinate from its sorted values (Vasicek, 1976).

        H = log(n + 1) - digamma(m) + mean over i of log(x_(i + m) - x_(i)),

    with m the cube root of n, for distinct values. On uniform data that is right on
    average; elsewhere it errs by a small amount that falls with n.

    Shapes: data (n, dim) to (dim,), in nats.
    """
    n = len(data)
    m = max(1, round(n ** (1 / 3)))
    sorted_ = data.sort(0).values
    gaps = (sorted_[m:] - sorted_[:-m]).clamp(min=torch.finfo(data.dtype).tiny)
    scale = torch.tensor(float(m), dtype=torch.float64).digamma().item()
    return gaps.log().mean(0) + math.log(n + 1) - scale


def marginal_negentropies(data: Tensor) -> Tensor:
    """Estimate KL(coordinate || standard normal) of each coordinate.

    That is -E[log phi(z)] less the entropy, by `spacing_entropy`.

    Shapes: data (n, dim) to (dim,), in nats.
    """
    return -log_normal_density(data).mean(0) - spacing_entropy(data)


@torch.no_grad()
def iterated_gaussianization(
    data: Tensor,
    layers: int,
    components: int = 8,
    rotation: RotationChoice = ica_rotation,
    seed: int = 0,
) -> Flow:
    """Fit a flow by turns of marginal Gaussianization and rotation (RBIG).

    Each step is fitted once, to what the steps before made of the data, and never
    changed again (Laparra et al., 2011):

        z_k = R_k^T Psi_k(z_{k-1}),    log p(x) = log N(z_K; 0, I) + sum log|det Psi_k'|

    for the marginal maps Psi_k; rotations have the log-determinant 0. The last layer
    next to the base is a marginal one. The parameters can be trained further.

    Shapes: data (n, dim).
    """
    layers = expect_count(layers, "iterated_gaussianization", 1, "layers")
    expect_rows(data, None, "iterated_gaussianization", "data")
    generator, z, found = as_generator(seed), data.detach(), []
    for k in range(layers):
        if k:
            found.append(Rotation(rotation(z, generator)))
            z, _ = found[-1].inverse(z)
        found.append(MarginalGaussianization.from_data(z, components))
        z, _ = found[-1].inverse(z)
    return Flow(StandardNormal(data.shape[1]), reversed(found))
