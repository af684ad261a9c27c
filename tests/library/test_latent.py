"""Claims of flowbook.latent: the bounds are bounds, and their gradients are right."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import (
    Categorical,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    kl_divergence,
)

from flowbook.autoregressive import InverseAffineAutoregressive
from flowbook.elementwise import SinhArcsinh
from flowbook.flow import Layer
from flowbook.latent import VAE, GaussianPosterior, standard_normal_log_prob
from flowbook.latent_mixture import LatentMixture
from flowbook.likelihoods import DiscretizedLogistic, FixedGaussian
from flowbook.linear import Permutation


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator(torch.get_default_device()).manual_seed(seed)


def linear_gaussian_vae(layers=()) -> tuple[VAE, torch.Tensor, torch.Tensor]:
    """Return a VAE with the decoder W z + b, sigma 0.8, and its exact log p(x)."""
    torch.manual_seed(3)
    model = VAE(4, 2, FixedGaussian(0.8), hidden=16, layers=layers)
    model.decoder = nn.Linear(2, 4)
    model.double()
    x = torch.randn(6, 4, dtype=torch.float64)
    weight, bias = model.decoder.weight, model.decoder.bias
    covariance = weight @ weight.T + 0.64 * torch.eye(4, dtype=torch.float64)
    return model, x, MultivariateNormal(bias, covariance).log_prob(x).detach()


def test_kl_to_the_prior_is_torch_distributions_own():
    posterior = GaussianPosterior(torch.randn(5, 3), torch.randn(5, 3))
    normal = Normal(posterior.mean, posterior.log_std.exp())
    standard = Normal(torch.zeros(5, 3), torch.ones(5, 3))
    expected = kl_divergence(normal, standard).sum(-1)
    torch.testing.assert_close(posterior.kl(), expected)


def test_analytic_and_sampled_elbo_agree_in_expectation():
    model, x, _ = linear_gaussian_vae()
    with torch.no_grad():
        sampled = model.log_weights(x, 40_000, generator())
        analytic = torch.stack([model.elbo(x, generator(s)) for s in range(2000)])
    error = (sampled.var(0) / 40_000 + analytic.var(0) / 2000).sqrt()
    assert ((sampled.mean(0) - analytic.mean(0)).abs() < 4 * error).all()


def test_log_prob_is_the_elbo_plus_the_kl_to_the_exact_posterior():
    model, x, log_prob = linear_gaussian_vae()
    weight = model.decoder.weight
    inner = weight.T @ weight + 0.64 * torch.eye(2, dtype=torch.float64)
    mean = torch.linalg.solve(inner, weight.T @ (x - model.decoder.bias).T).T
    exact = MultivariateNormal(mean, 0.64 * torch.linalg.inv(inner))
    q = model.posterior(x)
    gaussian = MultivariateNormal(q.mean, torch.diag_embed((2 * q.log_std).exp()))
    spread = ((2 * q.log_std).exp()[:, None] * weight.square()).sum((-1, -2))
    error = (x - model.decoder(q.mean)).square().sum(-1)
    constant = 4 * math.log(2 * math.pi * 0.64)
    elbo = -0.5 * ((error + spread) / 0.64 + constant) - q.kl()
    torch.testing.assert_close(elbo + kl_divergence(gaussian, exact), log_prob)


def shaken(layer: Layer) -> Layer:
    """Return the layer with small random parameters: an untrained one does nothing."""
    torch.manual_seed(5)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return layer


POSTERIORS = {
    "Gaussian": lambda: (),
    "elementwise flow": lambda: (shaken(SinhArcsinh(2)),),
    "inverse autoregressive flow": lambda: (
        shaken(InverseAffineAutoregressive(2, (16,))),
        Permutation(torch.tensor([1, 0])),
        shaken(InverseAffineAutoregressive(2, (16,))),
    ),
}


@pytest.mark.parametrize("layers", POSTERIORS.values(), ids=POSTERIORS)
def test_mean_importance_weight_is_unbiased_for_the_likelihood(layers):
    model, x, log_prob = linear_gaussian_vae(layers())
    with torch.no_grad():
        ratio = (model.log_weights(x, 400_000, generator()) - log_prob).exp()
    standard_error = ratio.std(0) / 400_000**0.5
    assert ((ratio.mean(0) - 1).abs() < 4 * standard_error).all()


def test_the_importance_weighted_bound_grows_with_the_number_of_samples():
    model, x, log_prob = linear_gaussian_vae()
    with torch.no_grad():
        weights = model.log_weights(x, 120_000, generator())
    bounds = [
        (weights.reshape(-1, k, len(x)).logsumexp(1) - math.log(k)).mean()
        for k in (1, 5, 50)
    ]
    assert bounds[0] < bounds[1] < bounds[2] < log_prob.mean()


def test_a_flow_posterior_refuses_the_analytic_kl():
    model, x, _ = linear_gaussian_vae((SinhArcsinh(2),))
    with pytest.raises(ValueError, match="elbo_sampled"):
        model.elbo(x)


def test_samples_of_a_digits_model_are_levels():
    x = VAE(64, 3, DiscretizedLogistic(), shift=8, scale=8).sample(5, generator())
    assert x.shape == (5, 64)
    assert x.unique().frac().abs().max() == 0
    assert 0 <= x.min() <= x.max() <= 16


def test_the_score_function_gradient_of_a_discrete_elbo_is_that_of_enumeration():
    torch.manual_seed(1)
    model = LatentMixture(torch.randn(3, 2, dtype=torch.float64))
    x = torch.randn(1, 2, dtype=torch.float64)
    logits = torch.randn(3, dtype=torch.float64, requires_grad=True)
    log_q, log_joint = logits.log_softmax(0), model.log_joint(x)[0].detach()
    elbo = (log_q.exp() * (log_joint - log_q)).sum()
    (exact,) = torch.autograd.grad(elbo, logits)
    z = torch.multinomial(log_q.exp().detach(), 200_000, True, generator=generator())
    score = nn.functional.one_hot(z, 3) - log_q.exp().detach()
    rows = (log_joint - log_q.detach())[z, None] * score
    assert ((rows.mean(0) - exact).abs() < 4 * rows.std(0) / 200_000**0.5).all()


def test_a_mixture_is_torch_distributions_own():
    model, x = LatentMixture(torch.randn(4, 2), std=0.6), torch.randn(9, 2)
    with torch.no_grad():
        model.logits.copy_(torch.randn(4))
        model.log_std.add_(torch.randn(4))
    weights = Categorical(logits=model.logits)
    scales = model.log_std.exp()[:, None].expand(4, 2)
    parts = Independent(Normal(model.means, scales), 1)
    expected = MixtureSameFamily(weights, parts).log_prob(x)
    torch.testing.assert_close(model.log_prob(x), expected)


def test_a_mixture_elbo_with_the_exact_posterior_is_the_likelihood():
    model, x = LatentMixture(torch.randn(4, 2)), torch.randn(9, 2)
    q = model.posterior(x)
    elbo = (q * (model.log_joint(x) - q.log())).sum(1)
    torch.testing.assert_close(elbo, model.log_prob(x))


def test_standard_normal_log_prob_is_torch_distributions_own():
    z = torch.randn(3, 4, 5)
    expected = Normal(torch.zeros(()), torch.ones(())).log_prob(z).sum(-1)
    torch.testing.assert_close(standard_normal_log_prob(z), expected)
