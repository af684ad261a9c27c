"""Claims of flowbook.estimators and importance: unbiased, with the stated variance."""

import pytest
import torch

from flowbook.estimators import optimal_baseline, reparameterised, score_function
from flowbook.importance import (
    effective_sample_size,
    log_mean_weight,
    self_normalised,
)

N = 400_000
TARGET = torch.tensor([5.0, 5.0], dtype=torch.float64)


def quadratic(z: torch.Tensor) -> torch.Tensor:
    return (z - TARGET.to(z)).square().sum(-1)


@pytest.fixture
def drawn() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator(torch.get_default_device()).manual_seed(0)
    noise = torch.randn(N, 2, generator=generator, dtype=torch.float64)
    return torch.zeros(2, dtype=torch.float64), noise


def closed_form_variance(baseline: float | None) -> float:
    """Var of (f - b) noise_j for f = ‖z - t‖², z ~ N(0, I), from Gaussian moments.

    f = a - 2 t·e + ‖e‖² with a = ‖t‖². E[(f - b)² e_j²] by Isserlis' theorem, less the
    squared mean (-2 t_j)². With b = 0 this is a² + 2a(d+4) + (d+2)(d+4) + 4 t_j².
    """
    a, d, t = 50.0, 2, 5.0
    shifted = a - (baseline or 0.0)
    second = shifted**2 + 2 * shifted * (d + 2) + (d + 2) * (d + 4) + 4 * (a + 2 * t**2)
    return second - (2 * t) ** 2


ESTIMATORS = {
    "score function": (0.0, 3224.0),
    "with the mean as baseline": (52.0, 312.0),
    "with the optimal baseline": (54.0, 308.0),
}


@pytest.mark.parametrize(("baseline", "variance"), ESTIMATORS.values(), ids=ESTIMATORS)
def test_the_printed_variance_is_that_of_gaussian_moments(baseline, variance):
    assert closed_form_variance(baseline) == variance


@pytest.mark.parametrize(("baseline", "variance"), ESTIMATORS.values(), ids=ESTIMATORS)
def test_score_function_is_unbiased_and_has_the_closed_form_variance(
    drawn, baseline, variance
):
    rows = score_function(quadratic, *drawn, baseline)
    standard_error = (variance / N) ** 0.5
    assert ((rows.mean(0) + 10).abs() < 4 * standard_error).all()
    assert (rows.var(0) / variance - 1).abs().max() < 0.05


def test_reparameterised_gradient_is_unbiased_with_variance_four(drawn):
    rows = reparameterised(quadratic, *drawn)
    assert ((rows.mean(0) + 10).abs() < 4 * (4 / N) ** 0.5).all()
    assert (rows.var(0) / 4 - 1).abs().max() < 0.02


def test_the_optimal_baseline_is_54_from_0_to_5_5(drawn):
    assert (optimal_baseline(quadratic, *drawn) - 54).abs().max() < 0.5


def test_a_baseline_may_differ_from_coordinate_to_coordinate(drawn):
    mean, noise = drawn
    each = torch.tensor([10.0, 54.0], dtype=torch.float64)
    rows = score_function(quadratic, mean, noise, each)
    for j, baseline in enumerate(each.tolist()):
        alone = score_function(quadratic, mean, noise, baseline)
        torch.testing.assert_close(rows[:, j], alone[:, j])


def test_self_normalised_weights_follow_the_larger_weight():
    log_weights, values = torch.tensor([0.0, 3.0]).log(), torch.tensor([5.0, 1.0])
    assert self_normalised(log_weights, values) == 1.0


def test_equal_weights_are_worth_every_sample():
    torch.testing.assert_close(
        effective_sample_size(torch.full((9,), -3.0)), torch.tensor(9.0)
    )


def test_one_heavy_weight_is_worth_one_sample():
    log_weights = torch.tensor([0.0, -200.0, -300.0])
    torch.testing.assert_close(effective_sample_size(log_weights), torch.tensor(1.0))


def test_log_mean_weight_does_not_underflow():
    log_weights = torch.tensor([-1e4, -1e4])
    torch.testing.assert_close(log_mean_weight(log_weights), torch.tensor(-1e4))


def test_self_normalised_weights_ignore_the_unknown_constant():
    log_weights, values = torch.randn(8), torch.randn(8)
    torch.testing.assert_close(
        self_normalised(log_weights, values), self_normalised(log_weights + 7, values)
    )
