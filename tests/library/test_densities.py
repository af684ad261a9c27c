"""Densities: each has mass one, and its sampler, entropy and gradient agree with it."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from sklearn.datasets import make_moons
from torch.distributions import Normal

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
    SineRing,
    SquareOfUniform,
    StandardNormal,
    TwoMoons,
    UniformBox,
    eight_gaussians,
    midpoints,
    two_gaussians,
    two_gaussians_1d,
)

EVERY = {f"{name} 1d": density for name, density in ZOO_1D.items()} | ZOO
EVERY["standard normal 5d"] = StandardNormal(5)
EVERY["uniform 3d"] = UniformBox((0.0, -1.0, 2.0), (1.0, 3.0, 2.5))
EVERY["funnel 4d"] = Funnel(4)
EVERY["uneven mixture"] = GaussianMixture(
    [(0.0, 0.0), (3.0, 1.0), (-1.0, 4.0)], (0.5, 1.0, 0.3), (1.0, 2.0, 3.0)
)
EVERY["steep logit-normal"] = LogitNormal(0.3, 1.6)
EVERY["sharp moons"] = TwoMoons(0.05)
EVERY["blurred moons"] = TwoMoons(0.2)
EVERY["slim pinwheel"] = Pinwheel(3, 0.7, 1.0, (0.3, 0.1))

# The others are too long for a box, unbounded, or in too many dimensions for a grid.
BOXED = {
    name: density
    for name, density in EVERY.items()
    if density.dim <= 2 and not isinstance(density, Funnel | SquareOfUniform)
}

every = pytest.mark.parametrize("density", EVERY.values(), ids=EVERY)
boxed = pytest.mark.parametrize("density", BOXED.values(), ids=BOXED)


def gauss_legendre(density: Density) -> tuple[torch.Tensor, torch.Tensor]:
    """Return nodes and weights on the bounds: a rule that flowbook does not use."""
    panels = 1024 if density.dim == 1 else 64
    nodes, weights = np.polynomial.legendre.leggauss(6)
    unit = ((nodes + 1) / 2 + np.arange(panels)[:, None]).ravel() / panels
    axes = [torch.from_numpy(a + (b - a) * unit) for a, b in density.bounds]
    each = torch.from_numpy(np.tile(weights / 2 / panels, panels))
    volume = math.prod(b - a for a, b in density.bounds)
    product = torch.cartesian_prod(*[each] * density.dim).reshape(-1, density.dim)
    points = torch.cartesian_prod(*axes).reshape(-1, density.dim)
    return points, product.prod(-1) * volume


@boxed
def test_mass_is_one(density):
    x, weights = gauss_legendre(density)
    mass = (weights * density.log_prob(x).exp()).sum()
    assert abs(mass.item() - 1) < 1e-6


@boxed
def test_entropy_is_that_of_an_independent_quadrature(density):
    x, weights = gauss_legendre(density)
    log_prob = density.log_prob(x)
    entropy = -(weights * torch.xlogy(log_prob.exp(), log_prob.exp())).sum()
    assert abs(entropy.item() - density.entropy()) < 2e-6


@every
def test_monte_carlo_entropy_is_within_four_standard_errors(density):
    surprise = -density.log_prob(density.sample(20_000, seed=1, dtype=torch.float64))
    error = surprise.std().item() / math.sqrt(len(surprise))
    assert abs(surprise.mean().item() - density.entropy()) <= 4 * error + 1e-9


@boxed
def test_samples_fall_into_cells_as_the_density_says(density):
    n, cells, fine = 20_000, 16, 1024 if density.dim == 1 else 32
    low, high = torch.tensor(density.bounds, dtype=torch.float64).unbind(-1)

    def cell_of(x: torch.Tensor) -> torch.Tensor:
        place = ((x - low) / (high - low) * cells).floor().long().clamp(0, cells - 1)
        return (place * cells ** torch.arange(density.dim)).sum(-1)

    x, volume = midpoints(density.bounds, cells * fine, torch.float64)
    expected = torch.zeros(cells**density.dim, dtype=torch.float64)
    expected.index_add_(0, cell_of(x), density.log_prob(x).exp() * volume * n)
    drawn = cell_of(density.sample(n, seed=2, dtype=torch.float64))
    counts = drawn.bincount(minlength=len(expected))
    # Cells with few samples are put together, as the chi-squared limit wants it.
    rare = expected < 10
    counts = torch.cat([counts[~rare], counts[rare].sum()[None]])
    expected = torch.cat([expected[~rare], expected[rare].sum()[None]])
    keep = expected > 1
    statistic = ((counts - expected).square() / expected)[keep].sum().item()
    assert stats.chi2.sf(statistic, keep.sum().item() - 1) > 1e-3
    assert counts[~keep].sum() <= 10


@every
def test_samples_lie_in_the_support(density):
    x = density.sample(5000, seed=3)
    assert x.shape == (5000, density.dim)
    assert density.log_prob(x).isfinite().all()


@every
def test_gradient_of_log_prob_is_that_of_finite_differences(density):
    x = density.sample(20, seed=4, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(density.log_prob, x)


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_is_the_one_asked_for(density, dtype):
    x = density.sample(7, seed=5, dtype=dtype)
    assert x.dtype == dtype
    assert density.log_prob(x).dtype == dtype


@every
def test_float32_log_prob_is_close_to_that_in_float64(density):
    x = density.sample(1000, seed=6)
    torch.testing.assert_close(
        density.log_prob(x).double(), density.log_prob(x.double()), rtol=0, atol=2e-3
    )


@every
def test_a_seed_fixes_the_samples(density):
    first = density.sample(50, seed=7)
    assert torch.equal(first, density.sample(50, seed=7))
    assert not torch.equal(first, density.sample(50, seed=8))


@every
def test_a_generator_is_advanced(density):
    generator = torch.Generator(torch.get_default_device()).manual_seed(7)
    first = density.sample(50, generator)
    assert torch.equal(first, density.sample(50, seed=7))
    assert not torch.equal(first, density.sample(50, generator))


@every
def test_log_prob_keeps_leading_shapes_and_refuses_other_dimensions(density):
    x = density.sample(6, seed=9)
    log_prob = density.log_prob(x)
    leading = density.log_prob(x.reshape(2, 3, density.dim))
    torch.testing.assert_close(leading, log_prob.reshape(2, 3))
    with pytest.raises(ValueError, match=r"expects points of shape"):
        density.log_prob(torch.zeros(4, density.dim + 1))


@every
def test_view_lies_where_the_samples_are(density):
    x = density.sample(2000, seed=10)
    low, high = torch.tensor(density.view).unbind(-1)
    assert ((x > low) & (x < high)).all(-1).float().mean() > 0.8


PRINTED = {
    "normal": (StandardNormal(2), 2.837877),
    "mixture on the line": (two_gaussians_1d(), 2.051659),
    "two Gaussians": (two_gaussians(2.0, 0.5), 2.144636),
    "eight Gaussians, s .1": (eight_gaussians(2.0, 0.1), 0.312148),
    "eight Gaussians, s .2": (eight_gaussians(2.0, 0.2), 1.698061),
    "eight Gaussians, s .3": (eight_gaussians(2.0, 0.3), 2.479529),
    # Code that draws these on radius 4 divides by 1.414, which the digits show.
    "eight Gaussians, wide": (eight_gaussians(4 / 1.414, 0.5 / 1.414), 2.831880),
    "checkerboard": (Checkerboard(), 3.465736),
    "rings": (Rings((1.0, 2.0, 3.0), 0.05), 2.554152),
    "pinwheel": (Pinwheel(), 1.856462),
    "slim pinwheel": (Pinwheel(centre=1.0, spread=(0.3, 0.1)), 0.934294),
    "two moons, noise .05": (TwoMoons(0.05), 0.289233),
    "two moons, noise .1": (TwoMoons(0.1), 1.007585),
    "two moons, noise .2": (TwoMoons(0.2), 1.677476),
    "banana": (ZOO["banana"], 2.144730),
    "funnel": (Funnel(2), 3.936489),
    "sine ring": (SineRing(), 1.653851),
    "square of uniform": (SquareOfUniform(), -0.306853),
    "logit-normal": (LogitNormal(), -0.193180),
}


@pytest.mark.parametrize(("density", "entropy"), PRINTED.values(), ids=PRINTED)
def test_entropy_is_the_one_that_the_book_prints(density, entropy):
    # The last printed digit, with room for one in it: rounding may fall on a tie.
    assert abs(density.entropy() - entropy) < 1e-6


def test_entropy_does_not_change_when_a_pinwheel_is_twisted():
    by_quadrature = Density.entropy(Pinwheel(5, 1.2))
    assert abs(by_quadrature - Pinwheel(5, 0.0).entropy()) < 1e-6


def test_sine_ring_has_the_printed_normaliser():
    ring = SineRing()
    value, _ = integrate.dblquad(
        lambda t, r: r * math.exp(
            math.sin(math.pi * r * math.cos(t)) - 2 * (r * r - 2) ** 2
        ),
        0.0, 3.0, 0.0, 2 * math.pi, epsabs=1e-9,
    )  # fmt: skip
    assert abs(ring.log_normaliser - math.log(value)) < 1e-8
    assert abs(ring.log_normaliser - 1.611997) < 1e-6


@pytest.mark.parametrize("noise", [0.05, 0.1, 0.2])
@pytest.mark.usefixtures("float64")
def test_two_moons_log_prob_is_the_mean_over_the_arcs(noise):
    x = torch.cat([
        TwoMoons(noise).sample(300, seed=11),
        torch.rand(300, 2) * 6 - 2.5,  # far away too
        torch.tensor([[0.0, 0.0], [1.0, 0.5], [1.5, 0.0], [1.5, -0.0], [-1.5, 0.0]]),
    ])  # fmt: skip
    nodes, weights = np.polynomial.legendre.leggauss(10)
    unit = torch.from_numpy(((nodes + 1) / 2 + np.arange(400)[:, None]) / 400)
    turn = math.pi * unit.flatten()
    log_weights = torch.from_numpy(np.tile(weights / 4 / 400, 2 * 400)).log()
    upper = torch.stack([turn.cos(), turn.sin()], -1)
    lower = torch.stack([1 - turn.cos(), 0.5 - turn.sin()], -1)
    squares = torch.cdist(
        x, torch.cat([upper, lower]), compute_mode="donot_use_mm_for_euclid_dist"
    ).square()
    log_kernel = -squares / (2 * noise**2) - math.log(2 * math.pi * noise**2)
    expected = (log_kernel + log_weights).logsumexp(-1)
    log_prob = TwoMoons(noise).log_prob(x)
    torch.testing.assert_close(log_prob, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("noise", [0.05, 0.1, 0.2])
def test_two_moons_log_prob_is_exact_to_nine_digits(noise):
    points = [
        (0.0, 1.0),
        (1.4, 0.2),
        (0.5, 0.25),
        (-1.2, -0.1),
        (2.1, 0.6),
        (3.0, -1.0),
    ]

    def kernel(t: float, x: float, y: float) -> float:
        squares = (x - math.cos(t)) ** 2 + (y - math.sin(t)) ** 2
        lower = (x - 1 + math.cos(t)) ** 2 + (y - 0.5 + math.sin(t)) ** 2
        return sum(math.exp(-d / (2 * noise**2)) for d in (squares, lower))

    for x, y in points:
        value, _ = integrate.quad(
            kernel, 0, math.pi, (x, y), epsabs=0, epsrel=1e-12, limit=500
        )
        expected = math.log(value / (4 * math.pi**2 * noise**2))
        point = torch.tensor([x, y], dtype=torch.float64)
        assert abs(TwoMoons(noise).log_prob(point).item() - expected) < 1e-9


def test_two_moons_are_the_limit_of_those_of_scikit_learn():
    arcs, _ = make_moons(100_000, shuffle=False, noise=None)
    x = TwoMoons(0.1).sample(100, seed=12, dtype=torch.float64)
    squares = (x[:, None] - torch.from_numpy(arcs)).square().sum(-1)
    expected = (-squares / 0.02).logsumexp(-1) - math.log(2 * math.pi * 0.01 * 1e5)
    torch.testing.assert_close(TwoMoons(0.1).log_prob(x), expected, rtol=0, atol=2e-4)


def test_samples_of_scikit_learn_have_the_entropy_of_two_moons():
    x, _ = make_moons(40_000, noise=0.1, random_state=0)
    surprise = -TwoMoons(0.1).log_prob(torch.from_numpy(x))
    error = surprise.std().item() / math.sqrt(len(x))
    assert abs(surprise.mean().item() - TwoMoons(0.1).entropy()) < 4 * error


def test_two_moons_have_a_gradient_on_the_diameters():
    x = torch.tensor([[1.5, 0.0], [0.5, 0.0], [-0.5, 0.5]], dtype=torch.float64)
    assert torch.autograd.gradcheck(TwoMoons(0.2).log_prob, x.requires_grad_())


def test_funnel_is_a_normal_whose_scale_is_a_normal():
    x = Funnel(3).sample(4000, seed=13, dtype=torch.float64)
    first, rest = x[:, 0], x[:, 1:]
    scale = (first / 2).exp().unsqueeze(-1)
    expected = Normal(0.0, 3.0).log_prob(first) + Normal(0.0, scale).log_prob(rest).sum(
        -1
    )
    torch.testing.assert_close(Funnel(3).log_prob(x), expected)
    for column in (first / 3, *(rest / scale).unbind(-1)):
        assert stats.kstest(column.numpy(), "norm").pvalue > 1e-3


def test_square_of_uniform_is_the_square_of_a_uniform():
    density = SquareOfUniform()
    root, width = midpoints(((0.0, 1.0),), 1000, torch.float64)
    # ∫ p(x) dx with x = u²: the substitution takes the singularity away.
    mass = (density.log_prob(root**2).exp() * 2 * root.squeeze() * width).sum()
    assert abs(mass.item() - 1) < 1e-12
    x = density.sample(20_000, seed=14).squeeze(-1)
    assert stats.kstest(x.sqrt().numpy(), "uniform").pvalue > 1e-3
    assert density.log_prob(torch.tensor([[-0.1], [0.0], [1.1]])).eq(-torch.inf).all()


def test_logit_normal_has_two_peaks_only_above_variance_two():
    x, _ = midpoints(((0.0, 1.0),), 2000, torch.float64)
    for variance, peaks in ((1.9, 1), (2.1, 2)):
        slope = LogitNormal(0.0, math.sqrt(variance)).log_prob(x).diff()
        assert ((slope[:-1] > 0) & (slope[1:] <= 0)).sum() == peaks


def test_checkerboard_fills_eight_squares():
    x, _ = midpoints(Checkerboard().bounds, 4)
    assert Checkerboard().log_prob(x).isfinite().sum() == 8
    outside = torch.tensor([[-5.0, 1.0], [4.5, 4.5], [4.0, 0.0]])
    assert Checkerboard().log_prob(outside).eq(-torch.inf).all()


class Exponential(Density):
    """The example of Density's docstring: a new density in a few lines."""

    dim, bounds = 1, ((0.0, 40.0),)

    def log_prob(self, x):
        return torch.where(x >= 0, -x, -torch.inf).squeeze(-1)

    def _draw(self, n, generator, dtype):
        unit = torch.rand(n, 1, generator=generator, dtype=dtype)
        return -torch.log1p(-unit)


def test_a_new_density_gets_its_entropy_by_quadrature():
    assert abs(Exponential().entropy() - 1) < 1e-6


def test_entropy_refuses_a_density_whose_mass_is_not_one():
    class Double(Exponential):
        def log_prob(self, x):
            return super().log_prob(x) + math.log(2)

    with pytest.raises(ArithmeticError, match=r"mass 1 on its bounds, got 2\.0"):
        Double().entropy()


def test_entropy_by_quadrature_refuses_three_dimensions():
    with pytest.raises(NotImplementedError, match="1 and 2 dimensions, got 3"):
        GaussianMixture([(0.0, 0.0, 0.0)], 1.0).entropy()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: UniformBox((0.0, 1.0), (1.0, 1.0)), "low must be below its high"),
        (lambda: GaussianMixture([0.0, 1.0], 1.0), r"shape \(components, dim\)"),
        (lambda: GaussianMixture([[0.0]], -1.0), "1 positive scales and weights"),
        (lambda: GaussianMixture([[0.0]], 1.0, (1.0, 2.0)), "1 positive scales"),
        (
            lambda: LogitNormal(0.0, 0.0),
            "LogitNormal expects a positive scale, got 0.0",
        ),
        (lambda: TwoMoons(0.0), "TwoMoons expects a positive noise, got 0.0"),
        (lambda: Funnel(1), "integer dim >= 2, got 1"),
        (lambda: Pinwheel(0), "integer arms >= 1, got 0"),
    ],
)
def test_bad_parameters_get_a_sentence(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_sample_without_a_seed_is_refused():
    with pytest.raises(TypeError):
        StandardNormal(1).sample(3, seed=None)
