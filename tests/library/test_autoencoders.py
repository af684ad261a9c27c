"""Claims of flowbook.autoencoders: principal components, and what denoising learns."""

import math

import pytest
import torch
from torch.distributions import Normal

from flowbook.autoencoders import (
    Autoencoder,
    DenoisingError,
    best_linear_denoiser,
    posterior_mean,
    squared_error,
)
from flowbook.digits import digits

pytestmark = pytest.mark.usefixtures("float64")


@pytest.fixture(scope="module")
def images() -> tuple[torch.Tensor, torch.Tensor]:
    x, labels = digits(torch.float64)
    return x / 16, labels


@pytest.mark.parametrize(
    ("latent", "known"), [(2, 3.35525), (8, 1.53045), (16, 0.70680)]
)
def test_the_best_linear_error_is_the_sum_of_the_discarded_eigenvalues(
    images, latent, known
):
    x, _ = images
    error = squared_error(Autoencoder.principal(x, latent), x)
    variances = torch.linalg.svdvals(x - x.mean(0)).square() / len(x)
    torch.testing.assert_close(error, variances[latent:].sum())
    assert abs(error - known) < 6e-6


def test_no_other_linear_autoencoder_is_better():
    noise = torch.Generator().manual_seed(0)
    mix = torch.randn(4, 4, generator=noise)
    x = torch.randn(50, 4, generator=noise) @ mix + 3
    best = squared_error(Autoencoder.principal(x, 2), x).item()
    for seed in range(4):
        torch.manual_seed(seed)
        model = Autoencoder.linear(4, 2)
        optimizer = torch.optim.LBFGS(
            model.parameters(), max_iter=800, line_search_fn="strong_wolfe"
        )

        def closure(model=model, optimizer=optimizer):
            optimizer.zero_grad()
            loss = squared_error(model, x)
            loss.backward()
            return loss

        optimizer.step(closure)
        assert best - 1e-9 < squared_error(model, x) < best + 1e-3


def test_it_works_on_what_it_was_trained_on(images):
    x, labels = images
    low = labels < 5
    model = Autoencoder.principal(x[low], 8)
    assert abs(squared_error(model, x[low]) - 1.199) < 6e-4
    assert abs(squared_error(model, x[~low]) - 2.584) < 6e-4


@pytest.mark.parametrize("build", ["deep", "convolutional"])
def test_a_network_gives_codes_and_images_of_the_right_shape(build):
    make = {
        "deep": lambda: Autoencoder.deep(64, 5, 16),
        "convolutional": lambda: Autoencoder.convolutional(5, 4),
    }[build]
    model, x = make(), torch.randn(3, 64)
    assert model.encoder(x).shape == (3, 5)
    assert model(x).shape == (3, 64)
    squared_error(model, x).backward()
    assert all(p.grad.abs().sum() > 0 for p in model.parameters())


@pytest.mark.parametrize(("y", "known"), [(0.0, 0.0), (1.0, 1.67467), (3.0, 2.19978)])
def test_the_posterior_mean_is_tweedies_formula_and_no_projection(y, known):
    x = torch.linspace(-5, 5, 4001)
    p = 0.5 * (Normal(-2.0, 0.5).log_prob(x).exp() + Normal(2.0, 0.5).log_prob(x).exp())
    weights = p * Normal(x, 1.0).log_prob(torch.tensor(y)).exp()
    by_quadrature = (weights * x).sum() / weights.sum()
    at = torch.tensor(y, requires_grad=True)
    noisy = Normal(torch.tensor([-2.0, 2.0]), math.sqrt(1.25)).log_prob(at)
    (score,) = torch.autograd.grad(noisy.logsumexp(0), at)
    assert abs(by_quadrature - known) < 6e-6
    assert abs(at + score - known) < 6e-6


def test_the_empirical_posterior_mean_is_tweedies_formula():
    data = torch.randn(9, 3)
    noisy = torch.randn(5, 3, requires_grad=True)
    sigma = 0.7
    log_p = (-torch.cdist(noisy, data).square() / (2 * sigma**2)).logsumexp(1)
    (score,) = torch.autograd.grad(log_p.sum(), noisy)
    expected = noisy + sigma**2 * score
    torch.testing.assert_close(posterior_mean(noisy.detach(), data, sigma), expected)


@pytest.mark.parametrize(("r", "known"), [(0.5, 0.6978), (1.0, 0.8635), (1.5, 0.9124)])
def test_on_a_circle_the_posterior_mean_is_inside(r, known):
    angle = torch.linspace(0, 2 * math.pi, 4001)[:-1]
    circle = torch.stack((angle.cos(), angle.sin()), 1)
    found = posterior_mean(torch.tensor([[r, 0.0]]), circle, 0.5)
    kappa = torch.tensor(r / 0.25)
    bessel = torch.special.i1(kappa) / torch.special.i0(kappa)
    torch.testing.assert_close(
        found[0], torch.stack((bessel, bessel * 0)), atol=1e-9, rtol=0
    )
    assert abs(bessel - known) < 6e-5


def test_the_linear_denoiser_is_the_best_one_on_a_gaussian():
    noise = torch.Generator().manual_seed(0)
    mix = torch.randn(3, 3, generator=noise)
    mean, covariance = torch.ones(3), mix @ mix.T
    x = mean + torch.randn(20_000, 3, generator=noise) @ mix.T
    noisy = x + 0.8 * torch.randn(20_000, 3, generator=noise)
    design = torch.cat((noisy, torch.ones(20_000, 1)), 1)
    fitted = design @ torch.linalg.lstsq(design, x).solution
    found = best_linear_denoiser(noisy, mean, covariance, 0.8)
    ours, theirs = ((x - guess).square().sum(1).mean() for guess in (found, fitted))
    assert theirs <= ours < 1.002 * theirs


def test_the_loss_draws_noise_of_the_given_size():
    x = torch.randn(4000, 5)
    error = DenoisingError(0.3)(torch.nn.Identity(), x)
    assert abs(error - 5 * 0.09) < 0.01
    with pytest.raises(ValueError, match="a positive sigma, got 0"):
        DenoisingError(0.0)
