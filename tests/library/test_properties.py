"""What holds for every input: hypothesis picks sizes, dtypes, weights and points.

The examples are the same in every run, and few: all of them take some seconds.
"""

import io
import math
from typing import NamedTuple

import pytest
import torch
from every_layer import LAYERS, NAMES
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from flowbook.densities import (
    Checkerboard,
    Density,
    GaussianMixture,
    LogitNormal,
    Pinwheel,
    Rings,
    StandardNormal,
    TwoMoons,
    UniformBox,
    integrate,
)
from flowbook.flow import Flow, Layer
from flowbook.likelihoods import (
    Bernoulli,
    Categorical,
    DiscretizedLogistic,
    LearnedGaussian,
)

few = settings(max_examples=6, derandomize=True, database=None, deadline=None)
fewest = settings(few, max_examples=2)

# A mask needs an entry to copy and one to move.
AT_LEAST_TWO = {
    "additive coupling",
    "affine coupling",
    "spline coupling",
    "additive pair",
    "reversible stack",
    "convolutional coupling",
    "on part",
}
ON_UNIT_INTERVAL = {
    "forward": {"logit", "power", "piecewise linear", "square-root bins"},
    "inverse": {
        "logistic",
        "power",
        "piecewise linear",
        "square-root bins",
        "scaled logistic",
    },
}
numbers = st.one_of(
    st.floats(-6, 6, width=32),
    st.sampled_from([0.0, -0.0, 0.5, 1.0, -1.0, 2.0, -2.0, 1e-6, 20.0, -20.0]),
)


class Case(NamedTuple):
    """A layer, a method of it, and points that it maps, shape (rows, dim)."""

    layer: Layer
    direction: str
    points: Tensor

    def apply(self, points: Tensor) -> tuple[Tensor, Tensor]:
        return getattr(self.layer, self.direction)(points)


def built(name: str, dim: int, seed: int, spread: float) -> Layer:
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        layer = LAYERS[name](dim)
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter += spread * torch.randn_like(parameter)
    return layer.eval()


def allowed(name: str, direction: str, points: Tensor) -> Tensor:
    """Move any real numbers into what the layer maps."""
    if name in ON_UNIT_INTERVAL[direction]:
        return 0.01 + 0.98 * points.sigmoid()
    if (name, direction) == ("exponential", "inverse"):
        return points.exp()
    return points


@st.composite
def cases(draw, name: str, dtype: torch.dtype | None = None, least: int = 0) -> Case:
    dim = draw(st.integers(2 if name in AT_LEAST_TWO else 1, 5))
    rows = draw(st.integers(least, 5))
    layer = built(name, dim, draw(st.integers(0, 99)), draw(st.floats(0, 0.5)))
    dtype = dtype or draw(st.sampled_from([torch.float32, torch.float64]))
    direction = draw(st.sampled_from(["forward", "inverse"]))
    entries = draw(st.lists(numbers, min_size=rows * dim, max_size=rows * dim))
    points = torch.tensor(entries, dtype=dtype).reshape(rows, dim)
    return Case(layer.to(dtype), direction, allowed(name, direction, points))


every_layer = pytest.mark.parametrize("name", NAMES)


@every_layer
def test_shapes_and_dtypes_are_those_of_the_points(name):
    @few
    @given(cases(name))
    def check(case):
        value, log_det = case.apply(case.points)
        assert value.shape == case.points.shape
        assert log_det.shape == case.points.shape[:1]
        assert value.dtype == log_det.dtype == case.points.dtype

    check()


@every_layer
def test_rows_do_not_see_each_other(name):
    @few
    @given(cases(name, torch.float64, least=2))
    def check(case):
        together = case.apply(case.points)
        for i in range(len(case.points)):
            alone = case.apply(case.points[i : i + 1])
            for found, expected in zip(alone, together, strict=True):
                torch.testing.assert_close(
                    found, expected[i : i + 1], rtol=1e-8, atol=1e-8
                )

    check()


@every_layer
def test_another_order_of_the_rows_gives_the_same_in_that_order(name):
    @few
    @given(cases(name, torch.float64, least=2))
    def check(case):
        flipped = case.apply(case.points.flip(0))
        for found, expected in zip(flipped, case.apply(case.points), strict=True):
            torch.testing.assert_close(found.flip(0), expected, rtol=1e-8, atol=1e-8)

    check()


@every_layer
def test_the_way_back_has_the_opposite_log_det(name):
    @few
    @given(cases(name, torch.float64, least=1))
    def check(case):
        value, log_det = case.apply(case.points)
        back = {"forward": "inverse", "inverse": "forward"}[case.direction]
        if value.abs().max() > 1e4 or log_det.abs().max() > 30:
            return  # as steep as that, digits are lost on the way
        if name == "logistic" and (value.abs() > 1 - 1e-6).any():
            return  # the same, at the end of the interval
        points, back_log_det = getattr(case.layer, back)(value)
        torch.testing.assert_close(points, case.points, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(back_log_det, -log_det, rtol=1e-4, atol=1e-4)

    check()


@every_layer
def test_gradients_are_finite(name):
    @few
    @given(cases(name, least=1))
    def check(case):
        points = case.points.requires_grad_()
        value, log_det = case.apply(points)
        wanted = [points, *case.layer.parameters()]
        loss = value.sum() + log_det.sum()
        for gradient in torch.autograd.grad(loss, wanted, allow_unused=True):
            assert gradient is None or gradient.isfinite().all()

    check()


@every_layer
def test_a_saved_layer_is_the_same_map_when_it_is_rebuilt_and_loaded(name):
    @few
    @given(cases(name), st.integers(100, 199))
    def check(case, other_seed):
        file = io.BytesIO()
        torch.save(case.layer.state_dict(), file)
        file.seek(0)
        dim, dtype = case.points.shape[1], case.points.dtype
        twin = built(name, dim, other_seed, 0.5).to(dtype)
        twin.load_state_dict(torch.load(file, weights_only=True))
        twin_case = case._replace(layer=twin)
        for found, expected in zip(
            twin_case.apply(case.points), case.apply(case.points), strict=True
        ):
            assert torch.equal(found, expected)

    check()


def base_of(name: str, dim: int) -> Density:
    if name in ON_UNIT_INTERVAL["forward"]:
        return UniformBox((0.0,) * dim, (1.0,) * dim)
    return StandardNormal(dim)


def box_of(name: str, layer: Layer, dim: int) -> tuple:
    if name == "square-root bins":
        return tuple((0.0, top) for top in layer.roots.sum(-1).tolist())
    if name in ON_UNIT_INTERVAL["inverse"]:
        return ((0.0, 1.0),) * dim
    wide = {"exponential": (0.0, 400.0), "logit": (-25.0, 25.0)}
    return (wide.get(name, (-20.0, 20.0)),) * dim


@every_layer
def test_what_a_layer_makes_of_a_density_has_mass_one(name):
    dim = 2 if name in AT_LEAST_TWO else 1

    @fewest
    @given(st.integers(0, 99), st.floats(0, 0.3))
    def check(seed, spread):
        layer = built(name, dim, seed, spread).double()
        flow = Flow(base_of(name, dim), [layer])

        @torch.no_grad()
        def density(x):
            return flow.log_prob(x).exp()

        mass = integrate(density, box_of(name, layer, dim), 400 if dim == 2 else 40_000)
        assert mass.item() == pytest.approx(1, abs=1e-2)

    check()


positive = st.floats(0.2, 2)
points = st.floats(-3, 3)
DENSITIES = {
    "uniform": st.lists(points, min_size=1, max_size=2).flatmap(
        lambda low: st.builds(
            lambda side: UniformBox(low, [a + side for a in low]), positive
        )
    ),
    "mixture": st.builds(
        lambda means, scale, tilt: GaussianMixture(means, scale, [tilt, 1.0]),
        st.lists(st.tuples(points, points), min_size=2, max_size=2),
        st.floats(0.3, 1),
        positive,
    ),
    "rings": st.builds(
        lambda radius, scale: Rings((radius, radius + 1), scale),
        positive,
        st.floats(0.15, 0.3),
    ),
    "pinwheel": st.builds(
        Pinwheel, st.integers(1, 7), st.floats(-2, 2), st.floats(0, 3)
    ),
    "two moons": st.builds(TwoMoons, st.floats(0.1, 1)),
    "logit-normal": st.builds(LogitNormal, st.floats(-1, 1), st.floats(0.3, 2)),
    "checkerboard": st.builds(Checkerboard),
}
every_density = pytest.mark.parametrize("kind", DENSITIES.values(), ids=DENSITIES)


@every_density
def test_a_density_has_mass_one_whatever_its_numbers(kind):
    @few
    @given(kind)
    def check(density):
        def mass(x):
            return density.log_prob(x).exp()

        found = integrate(mass, density.bounds, 240 if density.dim == 2 else 4000)
        assert found.item() == pytest.approx(1, abs=1e-3)

    check()


@every_density
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_density_is_finite_where_it_samples_and_rows_are_on_their_own(kind, dtype):
    @few
    @given(kind, st.integers(0, 2**31), st.integers(0, 9))
    def check(density, seed, n):
        x = density.sample(n, seed, dtype).requires_grad_()
        log_prob = density.log_prob(x)
        assert (x.shape, log_prob.shape) == ((n, density.dim), (n,))
        assert x.dtype == log_prob.dtype == dtype
        assert log_prob.isfinite().all()
        assert torch.autograd.grad(log_prob.sum(), x)[0].isfinite().all()
        alone = [density.log_prob(row) for row in x]
        torch.testing.assert_close(log_prob, torch.stack(alone) if n else log_prob)
        torch.testing.assert_close(density.log_prob(x.flip(0)).flip(0), log_prob)

    check()


LIKELIHOODS = {
    "Bernoulli": (Bernoulli, 2),
    "categorical": (lambda: Categorical(4), 4),
    "discretised logistic": (lambda: DiscretizedLogistic(6), 6),
}


@pytest.mark.parametrize(("build", "levels"), LIKELIHOODS.values(), ids=LIKELIHOODS)
def test_the_levels_of_a_likelihood_have_mass_one_and_finite_gradients(build, levels):
    likelihood = build()
    count = likelihood.numbers

    @few
    @given(st.lists(st.floats(-9, 9), min_size=count, max_size=count))
    def check(entries):
        parameters = torch.tensor([entries], dtype=torch.float64, requires_grad=True)
        x = torch.arange(levels, dtype=torch.float64)[:, None]
        log_prob = likelihood(x, parameters)
        assert log_prob.exp().sum().item() == pytest.approx(1)
        (gradient,) = torch.autograd.grad(log_prob.sum(), parameters)
        assert gradient.isfinite().all()

    check()


def test_a_gaussian_likelihood_sums_over_dimensions_and_broadcasts_over_draws():
    @few
    @given(st.integers(1, 4), st.integers(0, 4), st.integers(1, 3), positive)
    def check(dim, rows, draws, sigma):
        likelihood = LearnedGaussian(sigma)
        x, mean = torch.randn(rows, dim), torch.randn(draws, rows, dim)
        expected = torch.distributions.Normal(mean, sigma).log_prob(x).sum(-1)
        found = likelihood(x, mean)
        assert found.shape == (draws, rows)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)

    check()


def test_the_points_reach_the_border_of_the_splines():
    # Otherwise no example would tell a wrong tail from a right one.
    seen = []

    @settings(few, max_examples=60)
    @given(cases("rational-quadratic spline"))
    def look(case):
        seen.append(case.points.abs().amax().item() if case.points.numel() else 0.0)

    look()
    assert max(seen) > 2 > min(size for size in seen if size)
    assert math.isfinite(max(seen))
