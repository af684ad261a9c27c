"""Claims about contractive layers and their log-determinants, beyond every layer's."""

import math

import pytest
import torch
from torch import nn
from torch.func import jacrev, vmap

from flowbook.contractive import (
    ContractiveResidual,
    SpectralNorm,
    contractive_mlp,
    iterate,
)
from flowbook.log_dets import (
    ExactLogDet,
    RouletteLogDet,
    SeriesLogDet,
    gaussian_probe,
    rademacher_probe,
)

pytestmark = pytest.mark.usefixtures("float64")


def dense(module, shape):
    """The matrix of the linear part of a module."""
    size = math.prod(shape)
    units = torch.eye(size).view(size, *shape)
    return (module(units) - module(torch.zeros_like(units))).flatten(1).mT


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (lambda: nn.Linear(5, 7), (5,)),
        (lambda: nn.Conv2d(2, 3, 3, padding=1), (2, 6, 6)),
        (lambda: nn.Conv2d(2, 2, 3, stride=2), (2, 7, 7)),
    ],
)
def test_the_norm_is_the_largest_singular_value_also_of_convolutions(module, shape):
    layer = SpectralNorm(module(), shape, bound=0.5)
    layer.refresh(600)
    exact = torch.linalg.matrix_norm(dense(layer.module, shape), 2)
    torch.testing.assert_close(layer.norm(), exact, rtol=1e-5, atol=0)
    scaled = torch.linalg.matrix_norm(dense(layer, shape), 2)
    torch.testing.assert_close(scaled, torch.tensor(0.5), rtol=1e-5, atol=0)


def test_a_map_that_is_short_enough_is_left_alone():
    linear = nn.Linear(4, 4)
    x = torch.randn(3, 4)
    torch.testing.assert_close(SpectralNorm(linear, (4,), bound=50.0)(x), linear(x))


def test_the_zero_map_has_norm_zero_and_no_nan():
    linear = nn.Linear(3, 3)
    nn.init.zeros_(linear.weight)
    layer = SpectralNorm(linear, (3,), bound=0.5)
    assert layer.norm() == 0
    assert layer(torch.randn(2, 3)).isfinite().all()


def test_no_pair_of_points_moves_apart_by_more_than_the_constant():
    net = contractive_mlp(4, hidden=32, lipschitz=0.8)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter *= 10
    layer = ContractiveResidual(net).eval()
    a, b = torch.randn(500, 4), torch.randn(500, 4)
    ratio = (layer.net(a) - layer.net(b)).norm(dim=1) / (a - b).norm(dim=1)
    assert ratio.max() < 0.8


def test_the_error_stays_under_banachs_bound_at_every_iteration():
    layer = ContractiveResidual(contractive_mlp(3, 16, lipschitz=0.7)).eval()
    x = 3 * torch.randn(5, 3)
    exact, z = layer.inverse(x)[0], x
    first = (x - layer.net(x) - x).norm(dim=1)
    for k in range(40):
        bound = 0.7**k / (1 - 0.7) * first
        assert ((z - exact).norm(dim=1) <= bound + 1e-12).all()
        z = x - layer.net(z)


def test_iteration_of_an_expansion_fails_by_name():
    with pytest.raises(ArithmeticError, match="is no contraction"):
        iterate(lambda z: 1.5 * z, torch.ones(2, 2), tolerance=1e-6, limit=50)


@pytest.mark.parametrize(("beta", "steps"), [(0.5, 21), (0.9, 153)])
def test_the_known_number_of_iterations_suffices(beta, steps):
    # Banach: beta^k / (1 - beta) <= 1e-6.
    assert beta**steps / (1 - beta) <= 1e-6 < beta ** (steps - 1) / (1 - beta)
    z = iterate(lambda z: -beta * z, torch.ones(1, 1), tolerance=1e-6, limit=steps)
    assert abs(z.item() - 1 / (1 - beta)) < 2e-6 / (1 - beta)


def linear_map(dim=4, norm=0.6):
    matrix = torch.randn(dim, dim)
    matrix = norm * matrix / torch.linalg.matrix_norm(matrix, 2)
    return matrix, lambda z: z @ matrix.mT


def test_the_bias_of_the_series_is_under_its_tail_bound():
    matrix, g = linear_map()
    exact = torch.linalg.slogdet(torch.eye(4) + matrix).logabsdet
    for terms in (1, 3, 6):
        estimate = SeriesLogDet(terms, seed=0)(g, torch.zeros(40_000, 4))
        bias = (estimate.mean() - exact).abs()
        error = estimate.std() / 200
        bound = 4 * 0.6 ** (terms + 1) / ((terms + 1) * (1 - 0.6))
        assert bias <= bound + 4 * error


@pytest.mark.parametrize("probe", [gaussian_probe, rademacher_probe])
def test_hutchinson_has_the_stated_mean_and_variance(probe):
    matrix, g = linear_map()
    symmetric = (matrix + matrix.mT) / 2
    variance = 2 * symmetric.square().sum()
    if probe is rademacher_probe:
        variance -= 2 * symmetric.diagonal().square().sum()
    traces = SeriesLogDet(1, seed=1, probe=probe)(g, torch.zeros(200_000, 4))
    torch.testing.assert_close(traces.mean(), matrix.trace(), rtol=0, atol=0.01)
    torch.testing.assert_close(traces.var(), variance, rtol=0.03, atol=0)


def test_roulette_has_no_bias():
    matrix, g = linear_map()
    exact = torch.linalg.slogdet(torch.eye(4) + matrix).logabsdet
    roulette = RouletteLogDet(seed=2, always=1)
    draws = torch.stack([roulette(g, torch.zeros(50, 4)).mean() for _ in range(2000)])
    assert (draws.mean() - exact).abs() <= 4 * draws.std() / 2000**0.5
    # Stopping at the always-computed terms is far off: this test can tell.
    assert (matrix.trace() - exact).abs() > 10 * draws.std() / 2000**0.5


@pytest.mark.parametrize("estimate", [SeriesLogDet(30, 0), RouletteLogDet(0, 20)])
def test_estimates_pass_gradients_to_the_parameters(estimate):
    net = contractive_mlp(2, 8, lipschitz=0.5)
    z = torch.randn(1, 2).expand(20_000, 2)
    gradients = []
    for log_det in (ExactLogDet(), estimate):
        mean = log_det(net, z).mean()
        gradients.append(torch.autograd.grad(mean, net[0].module.weight)[0])
    exact, estimated = gradients
    torch.testing.assert_close(estimated, exact, rtol=0, atol=0.05 * exact.abs().max())


def test_equal_seeds_draw_equal_estimates_and_rows_draw_their_own():
    _, g = linear_map()
    z = torch.zeros(5, 4)
    first, second = (SeriesLogDet(3, 4, gaussian_probe)(g, z) for _ in range(2))
    assert torch.equal(first, second)
    assert len(first.unique()) == 5


def test_the_layer_works_on_images():
    conv = SpectralNorm(nn.Conv2d(1, 1, 3, padding=1), (1, 5, 5), bound=0.8)
    layer = ContractiveResidual(conv, SeriesLogDet(60, seed=0)).eval()
    z = torch.randn(400, 1, 5, 5)
    x, log_det = layer(z)
    torch.testing.assert_close(layer.inverse(x)[0], z)
    matrix = torch.eye(25) + dense(layer.net, (1, 5, 5))
    exact = torch.linalg.slogdet(matrix).logabsdet
    assert (log_det.mean() - exact).abs() <= 4 * log_det.std() / 20


def test_the_exact_log_det_works_on_images():
    conv = SpectralNorm(nn.Conv2d(2, 2, 3, padding=1), (2, 3, 4), bound=0.8)
    z = torch.randn(5, 2, 3, 4)
    matrix = torch.eye(24) + dense(conv, (2, 3, 4))
    exact = torch.linalg.slogdet(matrix).logabsdet
    torch.testing.assert_close(ExactLogDet()(conv, z), exact.expand(5))


def test_training_keeps_the_norm_up_to_date():
    torch.manual_seed(0)
    layer = ContractiveResidual(contractive_mlp(2, 16, lipschitz=0.9))
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
    for _ in range(30):
        x, log_det = layer(torch.randn(64, 2))
        loss = (x.square().sum(-1) - log_det).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    layer.eval()
    jacobian = vmap(jacrev(lambda row: layer.net(row[None])[0]))(torch.randn(200, 2))
    assert torch.linalg.matrix_norm(jacobian, 2).max() < 0.9


@pytest.mark.parametrize(
    "build",
    [
        lambda: SeriesLogDet(0, seed=0),
        lambda: RouletteLogDet(seed=0, go_on=1.0),
        lambda: SpectralNorm(nn.Linear(2, 2), (2,), bound=0.0),
    ],
)
def test_impossible_settings_are_refused(build):
    with pytest.raises(ValueError, match="got"):
        build()
