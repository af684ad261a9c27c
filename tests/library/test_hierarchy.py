"""Claims of flowbook.hierarchy: the residual normal, two levels, and mixtures."""

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

from flowbook.hierarchy import (
    MixturePrior,
    TwoLevelVAE,
    residual_kl,
    residual_normal,
)
from flowbook.latent import GaussianPosterior, standard_normal_log_prob
from flowbook.likelihoods import DiscretizedLogistic, FixedGaussian

pytestmark = pytest.mark.usefixtures("float64")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator(torch.get_default_device()).manual_seed(seed)


def gaussian(*shape: int) -> GaussianPosterior:
    return GaussianPosterior(torch.randn(*shape), 0.5 * torch.randn(*shape))


def test_residual_kl_is_that_of_the_two_normals():
    prior, change = gaussian(5, 3), gaussian(5, 3)
    q = residual_normal(prior, change)
    normals = [Normal(each.mean, each.log_std.exp()) for each in (q, prior)]
    exact = kl_divergence(*normals).sum(-1)
    torch.testing.assert_close(residual_kl(prior, change), exact)


def test_on_a_standard_normal_it_is_the_plain_vae():
    standard = GaussianPosterior(torch.zeros(5, 3), torch.zeros(5, 3))
    change = gaussian(5, 3)
    torch.testing.assert_close(residual_kl(standard, change), change.kl())
    torch.testing.assert_close(residual_normal(standard, change).mean, change.mean)


def test_no_change_costs_nothing_wherever_the_prior_is():
    prior = gaussian(5, 3)
    nothing = GaussianPosterior(torch.zeros(5, 3), torch.zeros(5, 3))
    torch.testing.assert_close(residual_kl(prior, nothing), torch.zeros(5))


def linear_model() -> tuple[TwoLevelVAE, torch.Tensor, torch.Tensor]:
    """A two-level VAE whose x is Gaussian, and its exact log p(x).

    z = A top + a + s e and x = B (top, z) + b + .8 e' are all linear.
    """
    torch.manual_seed(2)
    model = TwoLevelVAE(3, 2, 2, FixedGaussian(0.8), hidden=8)
    model.prior_net, model.decoder = nn.Linear(2, 4), nn.Linear(4, 3)
    model.to_change = nn.Linear(10, 4)
    with torch.no_grad():
        model.prior_net.weight[2:] = 0.0
    model.double()
    a, std = model.prior_net.bias[:2], model.prior_net.bias[2:].exp()
    matrix = model.prior_net.weight[:2]
    latent = torch.zeros(4, 4)  # (top, z) = latent noise + offset
    latent[:2, :2], latent[2:, :2], latent[2:, 2:] = torch.eye(2), matrix, std.diag()
    offset = torch.cat((torch.zeros(2), a))
    total = model.decoder.weight @ latent
    covariance = total @ total.T + 0.64 * torch.eye(3)
    x = torch.randn(4, 3)
    mean = model.decoder(offset)
    return model, x, MultivariateNormal(mean, covariance).log_prob(x).detach()


def test_the_mean_weight_of_two_levels_is_unbiased_for_the_likelihood():
    model, x, log_p = linear_model()
    with torch.no_grad():
        ratio = (model.log_weights(x, 200_000, generator()) - log_p).exp()
    error = ratio.std(0) / 200_000**0.5
    assert ((ratio.mean(0) - 1).abs() < 4 * error).all()


def test_the_elbo_of_two_levels_is_the_mean_log_weight_and_a_bound():
    model, x, log_p = linear_model()
    with torch.no_grad():
        log_w = model.log_weights(x, 100_000, generator())
        elbo = model.elbo(x, 100_000, generator(1))
        many = model.importance_weighted(x, 50, generator(2))
    error = log_w.std(0) / 100_000**0.5
    assert ((elbo - log_w.mean(0)).abs() < 6 * error).all()
    assert (elbo < log_p).all()
    assert many.mean() > elbo.mean()


def test_a_new_two_level_vae_has_no_second_level_to_pay_for():
    model = TwoLevelVAE(64, 3, 2, DiscretizedLogistic(), hidden=8, shift=8, scale=8)
    x = model.double().sample(5, 0)
    assert x.shape == (5, 64)
    _, _, kl = model.terms(x)
    torch.testing.assert_close(kl, torch.zeros(5))


def test_a_mixture_prior_is_torch_distributions_own():
    means, log_std, logits = torch.randn(4, 2), torch.randn(4, 2), torch.randn(4)
    parts = Independent(Normal(means, log_std.exp()), 1)
    exact = MixtureSameFamily(Categorical(logits=logits), parts)
    model, z = MixturePrior(means, log_std, logits), torch.randn(3, 5, 2)
    torch.testing.assert_close(model.log_prob(z), exact.log_prob(z))
    drawn = model.sample(200_000, 0)
    error = exact.variance.sqrt() / 200_000**0.5
    assert ((drawn.mean(0) - exact.mean).abs() < 4 * error).all()


def test_the_aggregate_posterior_saves_what_the_prior_differs_from_it():
    # mean KL(q ‖ p) - mean KL(q ‖ aggregate) = KL(aggregate ‖ p) >= 0, for every p.
    posterior = GaussianPosterior(3 * torch.randn(30, 1), torch.randn(30, 1) - 1)
    prior = MixturePrior.aggregate(posterior)
    z = torch.linspace(-25, 25, 40_001)[:, None]
    step = (z[1] - z[0]).item()
    each = Normal(posterior.mean, posterior.log_std.exp()).log_prob(z[:, 0])
    log_agg = prior.log_prob(z)
    saved = (each.exp() * (log_agg - standard_normal_log_prob(z))).sum(1).mean() * step
    kl = (log_agg.exp() * (log_agg - standard_normal_log_prob(z))).sum() * step
    torch.testing.assert_close(saved, kl)
    assert kl > 0.1


def test_shapes_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match=r"got \(3, 2\), \(3, 1\) and \(3,\)"):
        MixturePrior(torch.zeros(3, 2), torch.zeros(3, 1), torch.zeros(3))
    with pytest.raises(ValueError, match="divides by its scale"):
        TwoLevelVAE(4, 2, 2, FixedGaussian(1.0), scale=0)


def test_a_seed_draws_other_noise_for_each_level():
    # All weights 0: both levels are their noise, and x = 0 sees the difference, of
    # variance 2: the mean of log N(0; top - z, 1) is -(log 2 pi + 2) / 2.
    model = TwoLevelVAE(1, 1, 1, FixedGaussian(1.0), hidden=2).requires_grad_(False)
    for parameter in model.parameters():
        parameter.zero_()
    model.decoder = nn.Linear(2, 1, bias=False)
    model.decoder.weight = nn.Parameter(torch.tensor([[1.0, -1.0]]))
    found = model.elbo(torch.zeros(40_000, 1), 1, 7).mean()
    assert abs(found + (math.log(2 * math.pi) + 2) / 2) < 0.03
