"""The training loop: it finds the optimum, it repeats itself, and it hides no NaN."""

import math
from itertools import chain

import pytest
import torch
from torch import nn

from flowbook.nets import mlp
from flowbook.training import fit, learning_rate, negative_log_likelihood


class Gaussian(nn.Module):
    """A normal density with a free mean and log-deviation: the optimum is known."""

    def __init__(self, dim: int = 2) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(dim))
        self.log_deviation = nn.Parameter(torch.zeros(dim))

    def log_prob(self, x: torch.Tensor) -> torch.Tensor:
        normal = torch.distributions.Normal(self.mean, self.log_deviation.exp())
        return normal.log_prob(x).sum(-1)


def gaussian_data() -> torch.Tensor:
    return torch.randn(1000, 2) * torch.tensor([0.5, 2.0]) + torch.tensor([1.0, -1.0])


def quick(model: nn.Module, data: torch.Tensor, **options) -> object:
    return fit(model, data, **{"steps": 20, "batch": 64, "progress": False, **options})


def test_maximum_likelihood_of_a_gaussian_finds_the_sample_moments():
    model, data = Gaussian(), gaussian_data()
    quick(model, data, steps=400, batch=1000, lr=0.05)
    expected = data.std(0, correction=0)
    torch.testing.assert_close(model.mean, data.mean(0), atol=1e-3, rtol=0)
    torch.testing.assert_close(model.log_deviation.exp(), expected, atol=1e-3, rtol=0)


def test_the_history_has_the_loss_of_every_step():
    model, data = Gaussian(), gaussian_data()
    first = negative_log_likelihood(model, data).item()
    history = quick(model, data, batch=1000)
    assert history.steps == 20
    assert history.loss.shape == (20,)
    assert history.loss[0].item() == pytest.approx(first, rel=1e-6)
    assert history.loss[-1] < history.loss[0]
    assert history.seconds > 0
    assert "20 steps" in repr(history)


def noisy(model: nn.Module, rows: torch.Tensor) -> torch.Tensor:
    return negative_log_likelihood(model, rows + 0.1 * torch.randn_like(rows))


def test_the_same_call_trains_the_same_model_also_when_the_loss_draws_noise():
    data = gaussian_data()
    first = quick(Gaussian(), data, loss=noisy).loss
    torch.manual_seed(99)
    assert torch.equal(quick(Gaussian(), data, loss=noisy).loss, first)
    assert not torch.equal(quick(Gaussian(), data, loss=noisy, seed=1).loss, first)


def test_training_leaves_the_state_of_the_global_generator_as_it_was():
    data, before = gaussian_data(), torch.get_rng_state()
    quick(Gaussian(), data, loss=noisy)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_epoch_visits_every_row_once_and_in_an_order_of_its_own():
    seen, data = [], torch.arange(12.0)[:, None]

    def record(model: nn.Module, rows: torch.Tensor) -> torch.Tensor:
        seen.append(rows[:, 0].tolist())
        return model.weight.sum() * rows.mean()

    quick(nn.Linear(1, 1), data, steps=6, batch=4, loss=record)
    first, second = [*chain(*seen[:3])], [*chain(*seen[3:])]
    assert sorted(first) == sorted(second) == data[:, 0].tolist()
    assert first != second


def test_a_batch_larger_than_the_data_is_all_of_the_data():
    sizes = []

    def record(model: nn.Module, rows: torch.Tensor) -> torch.Tensor:
        sizes.append(len(rows))
        return negative_log_likelihood(model, rows)

    quick(Gaussian(), gaussian_data()[:10], batch=64, loss=record)
    assert set(sizes) == {10}


def test_the_model_follows_the_dtype_of_the_data():
    model = Gaussian()
    quick(model, gaussian_data().double())
    assert model.mean.dtype == torch.float64


def test_dropout_is_on_while_fitting_and_off_afterwards():
    model, modes = nn.Sequential(nn.Linear(2, 1), nn.Dropout()), []

    def record(model: nn.Module, rows: torch.Tensor) -> torch.Tensor:
        modes.append(model.training)
        return model(rows).square().mean()

    quick(model.eval(), gaussian_data(), loss=record)
    assert all(modes)
    assert not model.training


def test_a_non_finite_loss_names_the_step_and_leaves_the_parameters_of_that_step():
    model, calls = Gaussian(), []

    def breaks(model: nn.Module, rows: torch.Tensor) -> torch.Tensor:
        calls.append(model.mean.detach().clone())
        value = negative_log_likelihood(model, rows)
        return value if len(calls) < 8 else value * math.nan

    with pytest.raises(FloatingPointError, match=r"The loss is nan at step 7\."):
        quick(model, gaussian_data(), loss=breaks)
    assert torch.equal(model.mean, calls[-1])


def test_a_non_finite_gradient_behind_a_finite_loss_names_the_step():
    def breaks(model: nn.Module, rows: torch.Tensor) -> torch.Tensor:
        return (model.mean * 0).sum().sqrt()  # 0, whose gradient is 0 times infinity

    with pytest.raises(FloatingPointError, match=r"gradient's norm is nan at step 0\."):
        quick(Gaussian(), gaussian_data(), loss=breaks)


def test_the_learning_rate_rises_to_its_peak_and_falls_to_zero():
    rates = [learning_rate(step, 2000, 0.01) for step in range(2000)]
    assert max(rates) == rates[99] == 0.01
    assert rates[:100] == sorted(rates[:100])
    assert rates[99:] == sorted(rates[99:], reverse=True)
    assert 0 < rates[-1] < 1e-6


@pytest.mark.parametrize("steps", [1, 2, 3, 10])
def test_a_short_run_has_a_positive_learning_rate_at_every_step(steps):
    assert all(learning_rate(step, steps, 1.0) > 0 for step in range(steps))


def test_weight_decay_is_decoupled_from_the_gradient():
    model = Gaussian()
    nn.init.ones_(model.mean)

    def ignores_the_mean(model: nn.Module, rows: torch.Tensor) -> torch.Tensor:
        return (0 * model.mean).sum() + model.log_deviation.square().sum()

    quick(model, gaussian_data(), loss=ignores_the_mean, weight_decay=0.5, lr=0.1)
    kept = math.prod(1 - 0.5 * learning_rate(step, 20, 0.1) for step in range(20))
    torch.testing.assert_close(model.mean, torch.full((2,), kept))


@pytest.mark.parametrize(
    ("model", "data", "options", "message"),
    [
        (nn.Identity(), torch.zeros(3, 2), {}, "parameters to train, got none"),
        (Gaussian(), torch.zeros(0, 2), {}, "rows of data, got none: shape"),
        (
            Gaussian(),
            torch.zeros(3, 2).int(),
            {},
            "floating-point numbers, got torch.int",
        ),
        (Gaussian(), torch.tensor([[0.0], [math.inf]]), {}, "finite data, but row 1"),
        (Gaussian(), torch.zeros(3, 2), {"steps": 0}, "integer steps >= 1, got 0"),
    ],
)
def test_bad_input_gets_one_clear_sentence(model, data, options, message):
    with pytest.raises(ValueError, match=message):
        quick(model, data, **options)


def test_mlp_has_the_sizes_it_was_asked_for_and_can_start_at_zero():
    net = mlp(3, 16, 5, depth=3, activation=nn.SiLU, zero_output=True)
    assert torch.equal(net(torch.randn(7, 3)), torch.zeros(7, 5))
    assert [m.out_features for m in net if isinstance(m, nn.Linear)] == [16, 16, 16, 5]


def test_mlp_refuses_a_size_below_one():
    with pytest.raises(ValueError, match="hidden of at least 1, got 0"):
        mlp(2, 0, 2)
