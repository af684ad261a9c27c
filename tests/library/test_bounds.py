"""Claims of flowbook.bounds: exact values, and which gradients are unbiased."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal

from flowbook.autoregressive import InverseAffineAutoregressive
from flowbook.bounds import (
    doubly_reparameterised,
    expected_log_mean,
    ratio_moments,
    reweighted_wake,
    score_free,
)
from flowbook.elementwise import SinhArcsinh
from flowbook.latent import VAE
from flowbook.likelihoods import FixedGaussian

pytestmark = pytest.mark.usefixtures("float64")

X = 1.0
LOG_P = -1.5155121234846454  # N(1; 0, 2)
PRIOR, WIDE, NARROW = (0.0, 1.0), (0.2, 0.9), (0.5, 0.45)


def law_of_weights(mean: float | Tensor, std: float | Tensor) -> tuple[Tensor, ...]:
    """z, log w and probabilities: z ~ N(0, 1), x | z ~ N(z, 1), x = 1, q = N(m, s²)."""
    noise = torch.linspace(-13, 13, 1201)
    probs = Normal(0.0, 1.0).log_prob(noise).exp() * (noise[1] - noise[0])
    z = mean + std * noise
    log_joint = Normal(0.0, 1.0).log_prob(z) + Normal(z, 1.0).log_prob(torch.tensor(X))
    return z, log_joint - Normal(mean, std).log_prob(z), probs


# -- the exact value


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_the_integral_is_the_sum_over_all_draws_of_a_weight_with_two_values(count):
    low, high, p = 0.03, 7.0, 0.3
    weights, probs = torch.tensor([low, high]), torch.tensor([1 - p, p])
    k = torch.arange(count + 1.0)
    choose = torch.special.gammaln(torch.tensor(count + 1.0))
    choose = (
        choose - torch.special.gammaln(k + 1) - torch.special.gammaln(count + 1 - k)
    )
    chance = (choose + k * math.log(p) + (count - k) * math.log(1 - p)).exp()
    total = k * high + (count - k) * low
    exact = (chance * (total / count).log()).sum()
    found = expected_log_mean(weights.log(), probs, count)
    torch.testing.assert_close(found, exact, rtol=0, atol=1e-10)
    values = torch.tensor([2.0, -1.0])
    for power in (1, 2):
        each = k * high**power * values[1] + (count - k) * low**power * values[0]
        ratio = each / total**power
        mean, variance = ratio_moments(weights.log(), probs, values, count, power)
        expected = (chance * ratio).sum()
        torch.testing.assert_close(mean, expected, rtol=0, atol=1e-10)
        spread = (chance * (ratio - expected) ** 2).sum()
        torch.testing.assert_close(variance, spread, rtol=0, atol=1e-9)


@pytest.mark.parametrize("count", [1, 3, 30])
def test_the_integral_of_exponential_weights_is_the_digamma_function(count):
    log_w = torch.linspace(-40, 6, 4601)
    probs = (log_w - log_w.exp()).exp() * (log_w[1] - log_w[0])
    exact = torch.digamma(torch.tensor(float(count))) - math.log(count)
    found = expected_log_mean(log_w, probs, count)
    torch.testing.assert_close(found, exact, rtol=0, atol=1e-9)


def test_a_common_factor_of_the_weights_is_added_to_the_bound():
    _, log_w, probs = law_of_weights(*WIDE)
    shifted = expected_log_mean(log_w - 900, probs, 5)
    torch.testing.assert_close(shifted, expected_log_mean(log_w, probs, 5) - 900)


GAPS = {  # -(L_K - log p) at K = 1, 2, 5, 25, 100
    "prior": (PRIOR, (0.40343, 0.13796, 0.04190, 0.00747, 0.00183)),
    "N(.2, .81)": (WIDE, (0.15879, 0.05702, 0.01903, 0.00352, 0.00087)),
    "N(.5, .45²)": (NARROW, (0.15443, 0.11428, 0.07238, 0.02862, 0.01180)),
}


@pytest.mark.parametrize(("q", "gaps"), GAPS.values(), ids=GAPS)
def test_the_printed_gaps(q, gaps):
    _, log_w, probs = law_of_weights(*q)
    for count, gap in zip((1, 2, 5, 25, 100), gaps, strict=True):
        found = LOG_P - expected_log_mean(log_w, probs, count).item()
        assert round(found, 5) == gap


@pytest.mark.parametrize("q", [WIDE, NARROW])
def test_the_exact_bound_is_the_mean_of_simulated_ones(q):
    _, log_w, probs = law_of_weights(*q)
    z = Normal(*q).sample((200_000, 5))
    joint = Normal(0.0, 1.0).log_prob(z) + Normal(z, 1.0).log_prob(torch.tensor(X))
    bounds = (joint - Normal(*q).log_prob(z)).logsumexp(1) - math.log(5)
    error = bounds.std() / len(bounds) ** 0.5
    assert (bounds.mean() - expected_log_mean(log_w, probs, 5)).abs() < 4 * error


SNR = {  # at K = 1, 5, 25, 125
    "plain, mean": (0.3333, 0.1108, 0.0475, 0.0211),
    "plain, log std": (0.2634, 0.0706, 0.0287, 0.0126),
    "doubly reparameterised, mean": (0.871, 1.252, 2.879, 6.463),
    "decoder's shift": (0.889, 1.671, 3.746, 8.378),
}


def slopes_at(mean: float, std: float) -> dict[str, tuple[Tensor, int]]:
    """What each gradient sums over the draws, by hand, and its power of the weights.

    With z = m + s e, log q(z) = -e²/2 - log s + const; the slope of log p(x, z) in z is
    x - 2z; that of log w in z adds (z - m) / s². The decoder is x | z ~ N(z + c, 1).
    """
    z, _, _ = law_of_weights(mean, std)
    joint, path = X - 2 * z, X - 2 * z + (z - mean) / std**2
    return {
        "plain, mean": (joint, 1),
        "plain, log std": (joint * (z - mean) + 1, 1),
        "score-free, mean": (path, 1),
        "doubly reparameterised, mean": (path, 2),
        "doubly reparameterised, log std": (path * (z - mean), 2),
        "decoder's shift": (X - z, 1),
    }


@pytest.mark.parametrize(("name", "ratios"), SNR.items(), ids=SNR)
def test_the_printed_signal_to_noise_ratios(name, ratios):
    _, log_w, probs = law_of_weights(*WIDE)
    values, power = slopes_at(*WIDE)[name]
    for count, ratio in zip((1, 5, 25, 125), ratios, strict=True):
        mean, variance = ratio_moments(log_w, probs, values, count, power)
        digits = 4 if name.startswith("plain") else 3
        assert round((mean.abs() / variance.sqrt()).item(), digits) == ratio


@pytest.mark.parametrize("count", [1, 5, 25])
def test_exact_gradients_are_autograds_and_the_score_free_one_is_not(count):
    m, log_s = torch.tensor(0.2).requires_grad_(), torch.tensor(0.9).log()
    log_s.requires_grad_()
    _, log_w, probs = law_of_weights(m, log_s.exp())
    bound = expected_log_mean(log_w, probs, count)
    of_mean, of_log_std = torch.autograd.grad(bound, (m, log_s))
    found = {
        name: ratio_moments(log_w.detach(), probs, values, count, power)[0]
        for name, (values, power) in slopes_at(*WIDE).items()
    }
    close = {"rtol": 0, "atol": 1e-9}
    torch.testing.assert_close(found["plain, mean"], of_mean, **close)
    torch.testing.assert_close(found["plain, log std"], of_log_std, **close)
    for name, exact in (("mean", of_mean), ("log std", of_log_std)):
        double = found[f"doubly reparameterised, {name}"]
        torch.testing.assert_close(double, exact, **close)
    bias = (found["score-free, mean"] - of_mean).abs()
    assert bias < 1e-9 if count == 1 else bias > 0.3


def test_the_weighted_mean_of_log_weights_passes_log_p():
    _, log_w, probs = law_of_weights(*PRIOR)
    found = [ratio_moments(log_w, probs, log_w, k)[0].item() for k in (5, 25, 1000)]
    assert [round(value, 4) for value in found] == [-1.3463, -1.3026, -1.2941]
    assert found[0] > LOG_P
    posterior = Normal(0.5, 0.5**0.5)
    z = torch.linspace(-8, 9, 4001)
    limit = Normal(z, 1.0).log_prob(torch.tensor(X)) * posterior.log_prob(z).exp()
    assert abs(torch.trapezoid(limit, z).item() + 1.2939) < 5e-5
    assert abs(found[2] - torch.trapezoid(limit, z).item()) < 1e-3


# -- the estimators


class Free(nn.Module):
    """An encoder with numbers of its own for every row: their gradient is a row's."""

    def __init__(self, rows: int, *numbers: float) -> None:
        super().__init__()
        self.numbers = nn.Parameter(torch.tensor(numbers).repeat(rows, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.numbers


class Shift(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(()))

    def forward(self, z: Tensor) -> Tensor:
        return z + self.shift


def one_number_vae(rows: int, layers=()) -> VAE:
    model = VAE(1, 1, FixedGaussian(1.0), hidden=1, layers=layers)
    model.encoder, model.decoder = Free(rows, 0.2, math.log(0.9)), Shift()
    return model.double()


def generator() -> torch.Generator:
    return torch.Generator(torch.get_default_device()).manual_seed(0)


def plain(model: VAE, x: Tensor, n: int, noise: torch.Generator) -> Tensor:
    return model.importance_weighted(x, n, noise)


ESTIMATORS = {
    "plain": (plain, "plain, mean"),
    "score-free": (score_free, "score-free, mean"),
    "doubly reparameterised": (doubly_reparameterised, "doubly reparameterised, mean"),
}


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize(("estimate", "name"), ESTIMATORS.values(), ids=ESTIMATORS)
def test_an_estimator_has_the_exact_mean_and_variance(estimate, name, count):
    rows = 200_000
    model = one_number_vae(rows)
    estimate(model, torch.full((rows, 1), X), count, generator()).sum().backward()
    found = model.encoder.numbers.grad[:, 0]
    _, log_w, probs = law_of_weights(*WIDE)
    values, power = slopes_at(*WIDE)[name]
    mean, variance = ratio_moments(log_w, probs, values, count, power)
    assert (found.mean() - mean).abs() < 4 * (variance / rows).sqrt()
    assert (found.var() / variance - 1).abs() < 0.05


def test_all_estimators_have_one_value_and_one_gradient_of_the_decoder():
    values, gradients = [], []
    for estimate in (plain, score_free, doubly_reparameterised, reweighted_wake):
        model = one_number_vae(7, layers=(shaken(SinhArcsinh(1)),))
        bound = estimate(model, torch.full((7, 1), X), 4, generator())
        bound.sum().backward()
        values.append(bound.detach())
        gradients.append(model.decoder.shift.grad)
    for value, gradient in zip(values[1:], gradients[1:], strict=True):
        torch.testing.assert_close(value, values[0])
        torch.testing.assert_close(gradient, gradients[0])


def test_the_wake_gradient_goes_to_the_posteriors_moments():
    rows, count = 20_000, 400
    model = one_number_vae(rows)
    reweighted_wake(
        model, torch.full((rows, 1), X), count, generator()
    ).sum().backward()
    of_mean, of_log_std = model.encoder.numbers.grad.T
    # -KL(N(.5, .5) ‖ N(m, s²)): (.5 - m) / s² and (.5 + (.5 - m)²) / s² - 1.
    for found, exact in (of_mean, 0.3 / 0.81), (of_log_std, 0.59 / 0.81 - 1):
        error = found.std() / rows**0.5
        assert (found.mean() - exact).abs() < 4 * error + 2 / count


def shaken(layer):
    torch.manual_seed(5)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return layer


def difference_vae(x: Tensor) -> VAE:
    """x = z1 - z2 + noise of variance 1/9, and a q that is its posterior.

    Its precision [[10, -9], [-9, 10]] is that of z1 = 9x/19 + sqrt(10/19) e1 and
    z2 = .9 (z1 - 9x/19) - 9x/19 + e2 / sqrt(10): a linear autoregressive layer.
    """
    layer = InverseAffineAutoregressive(2, ())
    model = VAE(1, 2, FixedGaussian(1 / 3), hidden=1, layers=[layer])
    model.encoder = Free(len(x), 0.0, 0.0, math.log(10 / 19) / 2, -math.log(10) / 2)
    model.decoder = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        model.decoder.weight.copy_(torch.tensor([[1.0, -1.0]]))
        model.encoder.numbers[:, :2] += x * torch.tensor([9 / 19, -9 / 10])
        # An inverse layer subtracts the shift, which is the second pair of outputs.
        find_shift(layer).copy_(torch.tensor([0.0, -0.9]))
    return model.double()


def find_shift(layer: nn.Module) -> Tensor:
    """The weights with which the first entry sets the shift of each."""
    (weight,) = [p for p in layer.parameters() if p.ndim == 2]
    return weight[2:, 0]


def test_a_linear_autoregressive_layer_is_the_posterior_that_a_diagonal_one_misses():
    x = torch.randn(9, 1)
    model = difference_vae(x)
    log_p = Normal(0.0, (2 + 1 / 9) ** 0.5).log_prob(x)[:, 0]
    for estimate in (plain, score_free, doubly_reparameterised):
        model.zero_grad()
        bound = estimate(model, x, 3, generator())
        bound.sum().backward()
        torch.testing.assert_close(bound, log_p)
        found = [*model.layers.parameters(), model.encoder.numbers]
        largest = max(parameter.grad.abs().max() for parameter in found)
        assert largest > 0.1 if estimate is plain else largest < 1e-10


def test_the_score_free_gradient_is_nothing_where_q_is_the_posterior():
    model = one_number_vae(50)
    with torch.no_grad():
        model.encoder.numbers.copy_(torch.tensor([0.5, 0.5 * math.log(0.5)]))
    for estimate in (score_free, doubly_reparameterised):
        model.zero_grad()
        bound = estimate(model, torch.full((50, 1), X), 3, generator())
        bound.sum().backward()
        torch.testing.assert_close(bound, torch.full((50,), LOG_P))
        assert model.encoder.numbers.grad.abs().max() < 1e-12


@pytest.mark.parametrize("estimate", [score_free, doubly_reparameterised])
def test_a_flow_posterior_gets_the_gradient_of_the_plain_estimator(estimate):
    rows, count = 100_000, 1 if estimate is score_free else 3
    found = []
    for each in (plain, estimate):
        model = one_number_vae(rows, layers=(shaken(SinhArcsinh(1)),))
        each(model, torch.full((rows, 1), X), count, generator()).mean().backward()
        rows_of = model.encoder.numbers.grad * rows
        layers = torch.cat([p.grad.flatten() for p in model.layers.parameters()])
        found.append((rows_of, layers))
    (first, layers), (second, others) = found
    error = ((first.var(0) + second.var(0)) / rows).sqrt()
    assert ((first.mean(0) - second.mean(0)).abs() < 4 * error).all()
    torch.testing.assert_close(layers, others, rtol=0, atol=0.02)


def test_the_parameters_are_trained_again_afterwards():
    model = one_number_vae(3, layers=(SinhArcsinh(1),))
    score_free(model, torch.ones(3, 1), 2)
    assert all(p.requires_grad for p in model.layers.parameters())


@pytest.mark.parametrize("estimate", [score_free, doubly_reparameterised])
def test_an_estimator_gives_a_bound_without_gradients(estimate):
    with torch.no_grad():
        assert estimate(one_number_vae(3), torch.ones(3, 1), 2).shape == (3,)


@pytest.mark.parametrize("estimate", [score_free, doubly_reparameterised])
def test_no_draw_gives_no_bound(estimate):
    with pytest.raises(ValueError, match="integer n >= 1, got 0"):
        estimate(one_number_vae(3), torch.ones(3, 1), 0)


def test_weights_without_their_probabilities_are_refused():
    with pytest.raises(ValueError, match="a probability for every weight"):
        expected_log_mean(torch.zeros(3), torch.ones(3, 1), 2)


def test_probabilities_that_miss_a_part_are_refused():
    with pytest.raises(ValueError, match=r"sum to 1, got 0\.75"):
        expected_log_mean(torch.zeros(2), torch.tensor([0.5, 0.25]), 2)
