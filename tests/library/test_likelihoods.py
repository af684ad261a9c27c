"""Claims of flowbook.likelihoods: each is a normalised density, sampled as it says."""

import pytest
import torch

from flowbook.likelihoods import (
    Bernoulli,
    Categorical,
    DiscretizedLogistic,
    FixedGaussian,
    LearnedGaussian,
    Likelihood,
)

DIM = 3
DISCRETE = {
    "Bernoulli": (Bernoulli(), 2),
    "categorical": (Categorical(5), 5),
    "discretised logistic": (DiscretizedLogistic(5), 5),
}
GAUSSIAN = {"fixed": FixedGaussian(0.7), "learned": LearnedGaussian(1.3)}
EVERY = {**{name: pair[0] for name, pair in DISCRETE.items()}, **GAUSSIAN}


def draw_parameters(likelihood: Likelihood, rows: int) -> torch.Tensor:
    return 2 * torch.randn(rows, likelihood.numbers * DIM)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("likelihood", "levels"), DISCRETE.values(), ids=DISCRETE)
def test_a_discrete_likelihood_sums_to_one_over_its_levels(likelihood, levels):
    parameters = draw_parameters(likelihood, 200)
    numbers = parameters.chunk(likelihood.numbers, dim=-1)
    each = [
        likelihood.log_prob(torch.full((200, DIM), float(level)), *numbers).exp()
        for level in range(levels)
    ]
    torch.testing.assert_close(sum(each), torch.ones(200, DIM))


@pytest.mark.parametrize("likelihood", GAUSSIAN.values(), ids=GAUSSIAN)
def test_a_gaussian_likelihood_integrates_to_one(likelihood):
    likelihood = likelihood.double()
    grid = torch.linspace(-30, 30, 60_001, dtype=torch.float64)[:, None]
    mass = likelihood(grid, torch.zeros_like(grid)).exp().sum() * 1e-3
    torch.testing.assert_close(mass.detach(), torch.ones_like(mass))


@pytest.mark.parametrize("likelihood", EVERY.values(), ids=EVERY)
def test_samples_have_the_mean_that_the_likelihood_states(likelihood):
    n = 40_000
    parameters = draw_parameters(likelihood, 1).to(torch.float32).expand(n, -1)
    generator = torch.Generator(torch.get_default_device()).manual_seed(1)
    x = likelihood.float().sample(parameters, generator).detach()
    standard_error = x.std(0) / n**0.5 + 1e-6
    assert (
        (x.mean(0) - likelihood.mean(parameters[0])).abs() < 4 * standard_error
    ).all()


@pytest.mark.parametrize("likelihood", EVERY.values(), ids=EVERY)
def test_latent_samples_share_one_x_by_broadcasting(likelihood):
    x = torch.randint(2, (4, DIM)).float()
    parameters = torch.randn(6, 4, likelihood.numbers * DIM)
    together = likelihood(x, parameters)
    one_by_one = torch.stack([likelihood(x, each) for each in parameters])
    assert together.shape == (6, 4)
    torch.testing.assert_close(together, one_by_one)


@pytest.mark.parametrize("likelihood", EVERY.values(), ids=EVERY)
def test_many_x_share_one_set_of_parameters_by_broadcasting(likelihood):
    x = torch.randint(2, (6, 4, DIM)).float()
    parameters = torch.randn(4, likelihood.numbers * DIM)
    together = likelihood(x, parameters)
    torch.testing.assert_close(
        together, torch.stack([likelihood(a, parameters) for a in x])
    )


def test_a_bernoulli_log_prob_is_finite_at_extreme_logits():
    x = torch.tensor([[0.0, 1.0, 1.0]])
    log_prob = Bernoulli()(x, torch.tensor([[1e4, 1e4, -1e4]]))
    torch.testing.assert_close(log_prob, torch.tensor([-2e4]))


@pytest.mark.usefixtures("float64")
def test_a_discretised_logistic_equals_the_difference_of_its_distribution_function():
    likelihood, x = DiscretizedLogistic(17), torch.tensor([[3.0, 9.0, 15.0]])
    raw, log_scale = torch.tensor([[-0.3, 0.1, 0.8]]), torch.tensor([[0.2, -0.5, 1.0]])
    centre, scale = (raw + 1) * 8, log_scale.exp()
    upper = ((x + 0.5 - centre) / scale).sigmoid()
    lower = ((x - 0.5 - centre) / scale).sigmoid()
    expected = (upper - lower).log()
    torch.testing.assert_close(likelihood.log_prob(x, raw, log_scale), expected)


def test_a_discretised_logistic_stays_finite_far_from_its_centre():
    likelihood = DiscretizedLogistic(17)
    x = torch.tensor([[0.0, 8.0, 16.0]])
    raw = torch.tensor([[50.0, 50.0, -50.0]], requires_grad=True)
    log_scale = torch.full((1, 3), -3.0, requires_grad=True)
    log_prob = likelihood.log_prob(x, raw, log_scale)
    log_prob.sum().backward()
    assert log_prob.isfinite().all()
    assert raw.grad.isfinite().all()
    assert log_scale.grad.isfinite().all()
