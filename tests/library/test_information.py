"""Claims of flowbook.information: the best trade-off, and bounds on information."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from flowbook.autoregressive import InverseAffineAutoregressive
from flowbook.digits import digits
from flowbook.information import (
    BetaELBO,
    best_linear_vae,
    information_bounds,
    rate_and_distortion,
    water_filling,
    water_level,
)
from flowbook.latent import VAE, GaussianPosterior
from flowbook.likelihoods import FixedGaussian
from flowbook.linear_latent import LinearVAE, ProbabilisticPCA

pytestmark = pytest.mark.usefixtures("float64")

S2 = 0.05


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return digits(torch.float64)[0] / 16


@pytest.fixture(scope="module")
def variances(images) -> torch.Tensor:
    # Singular values of the data, where the library takes eigenvalues.
    return torch.linalg.svdvals(images - images.mean(0)).square() / len(images)


# -- reverse water-filling


def test_no_other_split_of_the_rate_has_a_smaller_error():
    variances = torch.tensor([3.0, 0.2, 1.0, 0.7, 0.0])
    rates, errors = water_filling(variances, 0.5)
    torch.testing.assert_close(errors, variances * (-2 * rates).exp())
    noise = torch.Generator().manual_seed(0)
    shares = torch.rand(4000, 5, generator=noise).pow(3)
    tries = rates.sum() * shares / shares.sum(1, keepdim=True)
    others = (variances * (-2 * tries).exp()).sum(1)
    assert others.min() >= errors.sum()
    near = (rates + 1e-3 * torch.randn(4000, 5, generator=noise)).clamp(min=0)
    near = near * rates.sum() / near.sum(1, keepdim=True)
    assert (variances * (-2 * near).exp()).sum(1).min() >= errors.sum() - 1e-12


def test_one_more_nat_saves_twice_the_level():
    variances = torch.tensor([3.0, 0.2, 1.0, 0.7])
    (r, e), (r2, e2) = (
        [part.sum() for part in water_filling(variances, t)] for t in (0.4, 0.4001)
    )
    assert abs((r2 - r) / (e2 - e) + 1 / 0.8001) < 1e-3


@pytest.mark.parametrize("level", [0.05, 0.2, 0.7, 1.3, 3.0])
def test_the_level_of_an_error_is_that_which_made_it(level):
    variances = torch.tensor([3.0, 0.2, 1.0, 0.7])
    error = water_filling(variances, level)[1].sum().item()
    assert abs(water_level(variances, error) - level) < 1e-12


def test_an_impossible_error_and_other_variances_are_refused():
    with pytest.raises(ValueError, match=r"at most the total variance 2, got 2\.5"):
        water_level(torch.tensor([1.0, 1.0]), 2.5)
    with pytest.raises(ValueError, match="expects variances >= 0, got -1"):
        water_filling(torch.tensor([1.0, -1.0]), 0.5)
    with pytest.raises(ValueError, match="a positive level, got 0"):
        water_filling(torch.ones(2), 0.0)
    with pytest.raises(ValueError, match=r"of shape \(dim,\), got \(1, 2\)"):
        water_filling(torch.ones(1, 2), 0.5)


# -- the best linear beta-VAE


KNOWN = {0.05: (18, 10.6473, 1.4863), 0.1: (12, 5.4794, 2.2106)}
KNOWN |= {0.2: (7, 2.2859, 3.1023), 0.5: (3, 0.3411, 4.3017)}


@pytest.mark.parametrize("level", KNOWN)
def test_rate_and_error_on_digits(images, variances, level):
    active, rate, error = KNOWN[level]
    model = best_linear_vae(images, 24, math.sqrt(S2), level / S2)
    rates, distortions = rate_and_distortion(model, images)
    constant = 32 * math.log(2 * math.pi * S2)
    squared = 2 * S2 * (distortions.mean() - constant)
    assert (model.weight.norm(dim=0) > 0).sum() == active
    assert (variances > level).sum() == active
    assert abs(rates.mean() - rate) < 6e-5
    assert abs(squared - error) < 6e-5
    pairs = zip(water_filling(variances, level), (rate, error), strict=True)
    for found, wanted in pairs:
        assert abs(found.sum() - wanted) < 6e-5


@pytest.mark.parametrize("beta", [0.7, 1.0, 3.0])
def test_the_best_linear_vae_is_at_rest_and_no_start_gets_below(beta):
    noise = torch.Generator().manual_seed(0)
    mix = torch.randn(4, 4, generator=noise)
    x = torch.randn(50, 4, generator=noise) @ mix + 3
    best = best_linear_vae(x, 3, 0.8, beta)
    loss = BetaELBO(beta)
    value = loss(best, x)
    slopes = torch.autograd.grad(
        value, [p for p in best.parameters() if p.requires_grad]
    )
    assert max(slope.abs().max() for slope in slopes) < 1e-10
    for seed in range(5):
        other = LinearVAE(x.mean(0), 3, 0.8, seed)
        parameters = [p for p in other.parameters() if p.requires_grad]
        optimizer = torch.optim.LBFGS(
            parameters, max_iter=500, line_search_fn="strong_wolfe"
        )

        def closure(other=other, optimizer=optimizer):
            optimizer.zero_grad()
            now = loss(other, x)
            now.backward()
            return now

        optimizer.step(closure)
        reached = loss(other, x).item()
        assert reached > value.item() - 1e-9
        assert reached < value.item() + 1e-5  # no other valley


def test_at_beta_1_it_is_probabilistic_pca(images):
    model = best_linear_vae(images, 30, math.sqrt(S2))
    known = ProbabilisticPCA.fit(images, 30, sigma2=S2)
    expected = known.log_prob(images)
    torch.testing.assert_close(model.as_ppca().log_prob(images), expected)
    torch.testing.assert_close(model.elbo(images).mean(), expected.mean())


@pytest.mark.parametrize(
    ("beta", "known"),
    [(0.5, 11.096), (1.0, 11.541), (2.0, 10.886), (4.0, 7.888), (8.0, 3.017)],
)
def test_log_p_of_the_decoder_that_beta_gives(images, beta, known):
    model = best_linear_vae(images, 64, math.sqrt(S2), beta)
    found = model.as_ppca().log_prob(images).mean().item()
    # The normal density with the model's covariance, as an independent oracle.
    weight = model.weight.detach()
    normal = torch.distributions.MultivariateNormal(
        images.mean(0), weight @ weight.T + S2 * torch.eye(64)
    )
    assert abs(found - known) < 6e-4
    assert abs(found - normal.log_prob(images).mean().item()) < 1e-9


def test_everything_is_collapsed_from_the_largest_eigenvalue_on(images, variances):
    limit = (variances[0] / S2).item()
    assert abs(limit - 13.977) < 6e-4
    for factor, active in ((0.999, 1), (1.001, 0)):
        model = best_linear_vae(images, 5, math.sqrt(S2), factor * limit)
        assert (model.weight.norm(dim=0) > 0).sum() == active
        assert (model.posterior(images).kl().mean() > 0) == (active > 0)


def test_more_latents_than_columns_are_refused():
    with pytest.raises(ValueError, match="at most 3 latents, got 4"):
        best_linear_vae(torch.randn(9, 3), 4, 0.5)
    with pytest.raises(ValueError, match="a positive beta, got 0"):
        BetaELBO(0.0)


# -- rate, distortion, information


def test_at_beta_1_the_loss_is_minus_the_elbo_and_beta_weighs_the_rate():
    x = torch.randn(20, 3)
    vae = VAE(3, 2, FixedGaussian(0.7), hidden=8).double()
    linear = LinearVAE(x.mean(0), 2, 0.7)
    torch.testing.assert_close(BetaELBO(1.0)(linear, x), -linear.elbo(x).mean())
    torch.manual_seed(1)
    low = BetaELBO(1.0)(vae, x)
    torch.manual_seed(1)
    high = BetaELBO(3.5)(vae, x)
    torch.testing.assert_close(high - low, 2.5 * vae.posterior(x).kl().mean())
    torch.manual_seed(1)
    torch.testing.assert_close(low, -vae.elbo(x).mean())


def test_a_flow_posterior_has_no_rate_in_closed_form():
    vae = VAE(3, 2, FixedGaussian(0.7), 8, layers=[InverseAffineAutoregressive(2)])
    with pytest.raises(ValueError, match="without a flow"):
        rate_and_distortion(vae.double(), torch.randn(4, 3))


def exact_information(posterior: GaussianPosterior) -> float:
    """I between which row it is and z, by quadrature over one latent."""
    z = torch.linspace(-15, 15, 20_001)
    each = Normal(posterior.mean, posterior.log_std.exp()).log_prob(z)
    mixed = each.logsumexp(0) - math.log(len(each))
    return ((each.exp() * (each - mixed)).sum(1) * (z[1] - z[0])).mean().item()


def test_with_all_rows_the_lower_bound_is_the_information_itself():
    mean = torch.tensor([[-2.0], [0.0], [0.3], [4.0]])
    posterior = GaussianPosterior(mean, torch.full_like(mean, -0.5))
    noise = torch.Generator().manual_seed(0)
    draws = torch.stack(
        [information_bounds(posterior, noise)[0].mean() for _ in range(4000)]
    )
    error = draws.std().item() / len(draws) ** 0.5
    assert abs(draws.mean().item() - exact_information(posterior)) < 4 * error
    assert draws.max() <= math.log(4)


def test_on_fresh_rows_the_bounds_enclose_the_information_of_a_gaussian_channel():
    # x ~ N(0, 1), z = a x + noise: I = log(1 + a² / s²) / 2.
    slope, std, lower, upper = 2.0, 0.5, [], []
    noise = torch.Generator().manual_seed(0)
    for _ in range(400):
        x = torch.randn(30, 1, generator=noise)
        q = GaussianPosterior(slope * x, torch.full_like(x, math.log(std)))
        below, above = information_bounds(q, noise)
        lower.append(below.mean())
        upper.append(above.mean())
    known = 0.5 * math.log1p((slope / std) ** 2)
    below, above = torch.stack(lower), torch.stack(upper)
    assert below.mean() < known - 0.01
    assert above.mean() > known + 0.01
    assert below.max() <= math.log(30)
    assert above.mean() - below.mean() < 0.7


def test_one_row_has_no_bounds():
    with pytest.raises(ValueError, match="at least two rows, got 1"):
        information_bounds(GaussianPosterior(torch.zeros(1, 2), torch.zeros(1, 2)))


@pytest.mark.parametrize("lam", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_the_collapsed_point_is_a_saddle_exactly_where_a_latent_is_worth_it(lam, beta):
    sigma2 = 1.0
    x = torch.tensor([[-1.0], [1.0]]) * lam**0.5

    model = _Loss(LinearVAE(torch.zeros(1), 1, sigma2**0.5), beta)

    def loss(numbers):
        # The library's own loss, as a function of its three numbers.
        state = {
            "weight": numbers[0].view(1, 1),
            "encoder": numbers[1].view(1, 1),
            "log_std": numbers[2].view(1),
        }
        return torch.func.functional_call(model, _inside(state), x)

    hessian = torch.func.hessian(loss)(torch.zeros(3))
    block = hessian[:2, :2]
    expected = lam / sigma2 * (beta - lam / sigma2)
    assert abs(block.det().item() - expected) < 1e-12
    assert hessian[:2, 2].abs().max() < 1e-12
    values = np.linalg.eigvalsh(hessian.numpy())
    if abs(lam - beta * sigma2) > 1e-9:
        assert (values[0] < 0) == (lam > beta * sigma2)


class _Loss(torch.nn.Module):
    """A loss as a module, so that the model's numbers can be replaced."""

    def __init__(self, model: LinearVAE, beta: float) -> None:
        super().__init__()
        self.model, self.loss = model, BetaELBO(beta)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.loss(self.model, x)


def _inside(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"model.{name}": value for name, value in state.items()}
