"""Claims of flowbook.linear_latent: closed forms, and the numbers of the digits."""

import pytest
import torch
from torch.distributions import MultivariateNormal

from flowbook.digits import digits
from flowbook.linear_latent import LinearVAE, ProbabilisticPCA

pytestmark = pytest.mark.usefixtures("float64")


def a_model(dim: int = 5, latent: int = 2) -> ProbabilisticPCA:
    return ProbabilisticPCA(
        torch.randn(dim, latent), torch.randn(dim), torch.tensor(0.4)
    )


def test_log_prob_is_that_of_the_marginal_gaussian():
    model, x = a_model(), torch.randn(7, 5)
    covariance = model.weight @ model.weight.T + model.sigma2 * torch.eye(5)
    exact = MultivariateNormal(model.mean, covariance).log_prob(x)
    torch.testing.assert_close(model.log_prob(x), exact)


def test_posterior_satisfies_bayes_rule_at_every_point():
    model, x, z = a_model(), torch.randn(7, 5), torch.randn(7, 2)
    mean, covariance = model.posterior(x)
    posterior = MultivariateNormal(mean, covariance).log_prob(z)
    prior = MultivariateNormal(torch.zeros(2), torch.eye(2)).log_prob(z)
    noise = model.sigma2 * torch.eye(5)
    likelihood = MultivariateNormal(z @ model.weight.T + model.mean, noise).log_prob(x)
    torch.testing.assert_close(posterior, prior + likelihood - model.log_prob(x))


def test_no_direction_improves_the_maximum_likelihood_solution():
    x = torch.randn(400, 5) @ torch.randn(5, 5)
    best = ProbabilisticPCA.fit(x, 2)
    weight = best.weight.clone().requires_grad_()
    sigma2 = best.sigma2.clone().requires_grad_()
    ProbabilisticPCA(weight, best.mean, sigma2).log_prob(x).mean().backward()
    assert weight.grad.abs().max() < 1e-10
    assert sigma2.grad.abs() < 1e-10


@pytest.mark.parametrize(
    ("latent", "nats"), [(2, -177.4400), (8, -163.2359), (16, -153.5162)]
)
def test_digits_reach_their_printed_log_likelihood(latent, nats):
    x, _ = digits()
    log_prob = ProbabilisticPCA.fit(x, latent).log_prob(x).mean().item()
    assert round(log_prob, 4) == nats


@pytest.mark.parametrize(
    ("sigma2", "active"), [(0.05, 18), (0.1, 12), (0.2, 7), (0.5, 3)]
)
def test_digits_use_as_many_directions_as_eigenvalues_exceed_the_noise(sigma2, active):
    x, _ = digits()
    weight = ProbabilisticPCA.fit(x / 16, 64, sigma2).weight
    assert (weight.norm(dim=0) > 0).sum() == active


def test_as_many_latents_as_dimensions_leave_no_noise_to_estimate():
    with pytest.raises(ValueError, match="fewer latents than the 5"):
        ProbabilisticPCA.fit(torch.randn(20, 5), 5)


def test_the_linear_elbo_is_the_expectation_of_the_log_weights():
    x, model = torch.randn(3, 4), LinearVAE(torch.randn(4), 2, seed=1)
    posterior = model.posterior(x)
    z = posterior.sample(200_000, torch.Generator(x.device).manual_seed(0))
    noise = MultivariateNormal(
        torch.zeros(4), (2 * model.log_sigma).exp() * torch.eye(4)
    )
    prior = MultivariateNormal(torch.zeros(2), torch.eye(2))
    log_joint = noise.log_prob(x - model.mean - z @ model.weight.T) + prior.log_prob(z)
    weights = log_joint - posterior.log_prob(z)
    standard_error = weights.std(0) / 200_000**0.5
    assert ((weights.mean(0) - model.elbo(x)).abs() < 4 * standard_error).all()


def test_the_linear_elbo_lies_below_the_exact_log_likelihood():
    x, model = torch.randn(50, 4), LinearVAE(torch.zeros(4), 2)
    assert (model.elbo(x) <= model.as_ppca().log_prob(x)).all()


def test_the_linear_elbo_touches_the_likelihood_at_the_closed_form_optimum():
    x = torch.randn(300, 5) @ torch.randn(5, 5)
    best = ProbabilisticPCA.fit(x, 2)
    model = LinearVAE(best.mean, 2)
    inner = best.weight.T @ best.weight + best.sigma2 * torch.eye(2)
    with torch.no_grad():
        model.weight.copy_(best.weight)
        model.encoder.copy_(torch.linalg.solve(inner, best.weight.T))
        model.log_std.copy_(0.5 * (best.sigma2 / inner.diagonal()).log())
        model.log_sigma.copy_(0.5 * best.sigma2.log())
    torch.testing.assert_close(model.elbo(x), best.log_prob(x))
