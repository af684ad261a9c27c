"""Likelihoods, models, samplers and training refuse what has no right answer."""

import math

import numpy as np
import pytest
import torch

from flowbook import baselines
from flowbook.adversarial import Generator
from flowbook.autoencoders import Autoencoder
from flowbook.densities import (
    StandardNormal,
)
from flowbook.dequantization import LearnedNoise, pixel_histograms
from flowbook.digits import DIM, digits
from flowbook.elementwise import Exp
from flowbook.estimators import score_function
from flowbook.flow import Flow
from flowbook.hierarchy import TwoLevelVAE
from flowbook.importance import (
    effective_sample_size,
    log_mean_weight,
    self_normalised,
)
from flowbook.latent import VAE, GaussianPosterior
from flowbook.latent_mixture import LatentMixture
from flowbook.likelihoods import (
    Bernoulli,
    Categorical,
    DiscretizedLogistic,
    FixedGaussian,
    LearnedGaussian,
    Likelihood,
)
from flowbook.linear import ActNorm, Diagonal
from flowbook.linear_latent import LinearVAE, ProbabilisticPCA
from flowbook.training import fit
from flowbook.vqvae import VQVAE, TwoLevelVQVAE

DISCRETE = {
    "Bernoulli": (Bernoulli, 2),
    "categorical": (lambda: Categorical(17), 17),
    "discretised logistic": (lambda: DiscretizedLogistic(17), 17),
}


@pytest.mark.parametrize(
    "wrong", ["one more", "one less", "between", "nan", "infinite"]
)
@pytest.mark.parametrize(("build", "levels"), DISCRETE.values(), ids=DISCRETE)
def test_a_likelihood_refuses_what_is_no_level_of_its_own(build, levels, wrong):
    values = [levels, -1, 0.5, math.nan, math.inf]
    names = ["one more", "one less", "between", "nan", "infinite"]
    likelihood, x = build(), torch.zeros(3, 4)
    parameters = torch.zeros(3, 4 * likelihood.numbers)
    likelihood(x, parameters)
    x[1, 2] = values[names.index(wrong)]
    with pytest.raises(ValueError, match=f"the whole numbers 0 to {levels - 1}, got"):
        likelihood(x, parameters)


@pytest.mark.parametrize(("build", "levels"), DISCRETE.values(), ids=DISCRETE)
def test_the_digits_on_another_scale_have_no_bits_per_dimension(build, levels):
    images, _ = digits(torch.float32)
    wrong = images if levels == 2 else images / 16
    likelihood = build()
    with pytest.raises(ValueError, match="expects levels"):
        likelihood(wrong[:9], torch.zeros(9, likelihood.numbers * DIM))
    if levels == 17:
        with pytest.raises(ValueError, match="expects levels"):
            baselines.histogram(wrong, wrong)
        with pytest.raises(ValueError, match="expects levels"):
            baselines.gaussian_mixture(wrong, wrong)


@pytest.mark.parametrize(("build", "levels"), DISCRETE.values(), ids=DISCRETE)
def test_levels_may_be_integers(build, levels):
    likelihood, x = build(), torch.randint(levels, (5, 3))
    parameters = torch.randn(5, 3 * likelihood.numbers)
    expected = likelihood(x.float(), parameters)
    torch.testing.assert_close(likelihood(x, parameters), expected)


EVERY = {
    "Bernoulli": Bernoulli,
    "categorical": lambda: Categorical(5),
    "discretised logistic": lambda: DiscretizedLogistic(5),
    "fixed": lambda: FixedGaussian(0.7),
    "learned": LearnedGaussian,
}


@pytest.mark.parametrize("build", EVERY.values(), ids=EVERY)
def test_a_likelihood_refuses_parameters_of_another_width(build):
    likelihood: Likelihood = build()
    with pytest.raises(ValueError, match=r"of shape \(\.\.\., \d \* dim\), got"):
        likelihood(torch.zeros(5, 3), torch.zeros(5, likelihood.numbers))


@pytest.mark.parametrize("rows", [0, 1, 4])
@pytest.mark.parametrize("build", EVERY.values(), ids=EVERY)
def test_a_likelihood_draws_one_x_a_row_of_its_support(build, rows):
    likelihood: Likelihood = build()
    parameters = torch.randn(rows, 3 * likelihood.numbers)
    x = likelihood.sample(parameters, np.int64(3))
    assert torch.equal(x, likelihood.sample(parameters, 3))
    assert x.shape == (rows, 3)
    assert likelihood(x, parameters).shape == (rows,)


@pytest.mark.parametrize("sigma", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("build", [FixedGaussian, LearnedGaussian])
def test_a_sigma_is_positive(build, sigma):
    with pytest.raises(ValueError, match="expects a positive sigma, got"):
        build(sigma)


@pytest.mark.parametrize("build", [Categorical, DiscretizedLogistic])
def test_one_level_is_no_likelihood(build):
    with pytest.raises(ValueError, match="integer levels >= 2, got 1"):
        build(1)


def line_flow() -> Flow:
    return Flow(StandardNormal(1), [Diagonal(torch.tensor([2.0]))])


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (torch.randn(9), ValueError, r"data of shape \(batch, dim\), got \(9,\): data"),
        (torch.zeros(9, 1, dtype=torch.long), ValueError, "got torch.int64"),
        ([[0.5], [1.0]], TypeError, r"as a torch\.Tensor, got list"),
        (np.zeros((3, 1)), TypeError, r"as a torch\.Tensor, got ndarray"),
    ],
)
def test_fit_names_the_data_that_it_wants(data, error, message):
    with pytest.raises(error, match=message):
        fit(line_flow(), data, steps=1, progress=False)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"lr": -0.1}, ValueError, r"positive lr .* got -0\.1"),
        ({"lr": 0.0}, ValueError, "positive lr"),
        ({"lr": math.nan}, ValueError, "positive lr"),
        ({"weight_decay": -1.0}, ValueError, "weight_decay"),
        ({"steps": 1.5}, TypeError, r"integer steps >= 1, got 1\.5"),
        ({"batch": 0}, ValueError, "integer batch >= 1, got 0"),
        ({"seed": 0.5}, TypeError, r"A seed is an integer, got 0\.5"),
        (
            {"loss": lambda m, x: -m.log_prob(x)},
            ValueError,
            r"one number, got .*\(9,\)",
        ),
    ],
)
def test_fit_refuses_numbers_that_no_training_has(options, error, message):
    with pytest.raises(error, match=message):
        fit(line_flow(), torch.randn(9, 1), **{"steps": 1, "progress": False} | options)


def test_a_graph_that_the_data_carry_is_left_out():
    data = torch.randn(40, 1)
    weight = torch.ones(1, requires_grad=True)
    settings = {"steps": 5, "batch": 8, "progress": False}
    plain, with_graph = line_flow(), line_flow()
    fit(plain, data, **settings)
    fit(with_graph, weight * data, **settings)
    assert torch.equal(plain.layers[0].log_scale, with_graph.layers[0].log_scale)
    assert weight.grad is None


def test_a_model_follows_the_precision_of_its_data():
    flow = line_flow()
    fit(flow, torch.randn(9, 1).double(), steps=2, progress=False)
    assert flow.layers[0].log_scale.dtype == torch.float64


def test_samples_before_any_data_leave_actnorm_to_the_data():
    data = 20 + 5 * StandardNormal(2).sample(400, 0)
    losses = []
    for early in (False, True):
        flow = Flow(StandardNormal(2), [ActNorm(2)])
        if early:
            flow.sample(100, seed=1)
        losses.append(fit(flow, data, steps=3, progress=False).loss[0])
    assert torch.equal(losses[0], losses[1])


def vae() -> VAE:
    return VAE(6, 2, Categorical(3), hidden=8)


SAMPLERS = {
    "density": lambda n, seed: StandardNormal(2).sample(n, seed),
    "flow": lambda n, seed: Flow(StandardNormal(2), [Exp()]).sample(n, seed),
    "VAE": lambda n, seed: vae().sample(n, seed),
    "mixture": lambda n, seed: LatentMixture(torch.randn(3, 2)).sample(n, seed)[0],
}


@pytest.mark.parametrize("sample", SAMPLERS.values(), ids=SAMPLERS)
def test_every_sampler_takes_any_integer_or_a_generator_and_nothing_else(sample):
    def drawn(seed):
        torch.manual_seed(5)  # the weights of a model that is built here
        return sample(4, seed)

    expected = drawn(7)
    device = torch.get_default_device()
    for seed in (np.int64(7), np.uint8(7), torch.Generator(device).manual_seed(7)):
        assert torch.equal(drawn(seed), expected)
    with pytest.raises(TypeError, match=r"integer or a torch\.Generator, got 7\.0"):
        drawn(7.0)


@pytest.mark.parametrize("sample", SAMPLERS.values(), ids=SAMPLERS)
def test_every_sampler_draws_none_and_refuses_fewer(sample):
    assert len(sample(0, 0)) == 0
    with pytest.raises(ValueError, match="integer n >= 0, got -2"):
        sample(-2, 0)


@pytest.mark.parametrize(
    "use",
    [
        lambda x: LatentMixture(torch.zeros(2, 3)).log_prob(x),
        lambda x: LinearVAE(torch.zeros(3), 2).elbo(x),
        lambda x: ProbabilisticPCA(
            torch.eye(3)[:, :1], torch.zeros(3), torch.tensor(1.0)
        ).log_prob(x),
        lambda x: VAE(3, 2, Bernoulli(), 8).elbo(x),
    ],
)
@pytest.mark.parametrize("shape", [(5, 1), (3,), (2, 5, 3)])
def test_a_latent_variable_model_names_the_shape_it_wants(use, shape):
    with pytest.raises(ValueError, match=r"x of shape \(batch, 3\), got \("):
        use(torch.zeros(shape))


def test_a_posterior_refuses_latents_of_another_width():
    posterior = GaussianPosterior(torch.zeros(5, 3), torch.zeros(5, 3))
    with pytest.raises(ValueError, match=r"\(\.\.\., 3\), got z of shape \(5, 1\)"):
        posterior.log_prob(torch.zeros(5, 1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("latent", [61, 62, 63, 64, 0, -1])
def test_pca_without_noise_has_no_density(dtype, latent):
    images, _ = digits(dtype)  # three of its pixels are always 0
    with pytest.raises(ValueError, match=r"got (a variance|64 latents|0|-1)"):
        ProbabilisticPCA.fit(images, latent)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sigma2", [0.0, -1.0, math.nan])
def test_pca_refuses_a_given_variance_that_is_none(dtype, sigma2):
    with pytest.raises(ValueError, match="positive sigma2; got a variance"):
        ProbabilisticPCA.fit(torch.randn(50, 4, dtype=dtype), 2, sigma2=sigma2)


def test_pca_keeps_a_small_noise_that_is_there():
    x = torch.randn(4000, 3, dtype=torch.float64) * torch.tensor([3.0, 2.0, 1e-3])
    model = ProbabilisticPCA.fit(x, 2)
    covariance = model.weight @ model.weight.T + model.sigma2 * torch.eye(3)
    normal = torch.distributions.MultivariateNormal(model.mean, covariance.double())
    torch.testing.assert_close(model.log_prob(x), normal.log_prob(x))


@pytest.mark.parametrize("offset", [0.0, 1e3, -1e6, 1e8])
def test_a_common_factor_of_the_weights_cancels(offset):
    log_weights = torch.full((1000,), offset)
    assert effective_sample_size(log_weights) == 1000
    assert log_mean_weight(log_weights) == pytest.approx(offset, rel=1e-6, abs=1e-5)


def test_the_effective_size_of_weights_one_and_three_is_four_squared_over_ten():
    log_weights = 1000 + torch.tensor([0.0, math.log(3.0)])
    assert effective_sample_size(log_weights).item() == pytest.approx(1.6, rel=1e-4)


def test_a_weighted_mean_refuses_values_that_would_broadcast():
    with pytest.raises(ValueError, match=r"got shapes \(4,\) and \(4, 4\)"):
        self_normalised(torch.zeros(4), torch.zeros(4, 4))


def test_an_estimator_refuses_a_column_for_a_value_a_row():
    with pytest.raises(ValueError, match=r"to map \(9, 2\) to \(9,\), got \(9, 1\)"):
        score_function(lambda z: z[:, :1], torch.zeros(2), torch.randn(9, 2))


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int8, torch.int64])
def test_levels_of_every_kind_of_integer_are_the_same_levels(dtype):
    # 300 levels are more than a byte counts.
    for build in (
        Bernoulli,
        lambda: Categorical(300),
        lambda: DiscretizedLogistic(300),
    ):
        likelihood, x = build(), torch.tensor([[0, 1, 1]])
        parameters = torch.randn(1, 3 * likelihood.numbers)
        expected = likelihood(x.float(), parameters)
        torch.testing.assert_close(likelihood(x.to(dtype), parameters), expected)


@pytest.mark.parametrize("build", EVERY.values(), ids=EVERY)
def test_a_likelihood_wants_tensors(build):
    likelihood: Likelihood = build()
    for x, parameters in [
        ([[0.0]], torch.zeros(1, likelihood.numbers)),
        (np.zeros((1, 1)), torch.zeros(1, likelihood.numbers)),
        (torch.zeros(1, 1), np.zeros((1, likelihood.numbers))),
    ]:
        with pytest.raises(TypeError, match=r"as a torch\.Tensor.*got"):
            likelihood(x, parameters)


@pytest.mark.parametrize("build", [Categorical, DiscretizedLogistic])
def test_parameters_of_another_width_have_no_mean_and_no_samples(build):
    likelihood = build(5)
    wrong = torch.zeros(2, 2 * likelihood.numbers + 1)
    for function in (likelihood.mean, lambda p: likelihood.sample(p, 0)):
        with pytest.raises(
            ValueError, match=r"parameters of shape \(\.\.\., \d \* dim\)"
        ):
            function(wrong)


def test_a_categorical_wants_all_its_logits():
    with pytest.raises(ValueError, match="expects 4 logits, got 3"):
        Categorical(4).log_prob(torch.zeros(2, 3), *[torch.zeros(2, 3)] * 3)


@pytest.mark.parametrize("model", [VAE(3, 2, Bernoulli(), 8)])
def test_a_model_names_its_precision_and_that_of_the_data(model):
    with pytest.raises(
        ValueError, match=r"of torch\.float32 and got x of torch\.float64"
    ):
        model.elbo(torch.ones(2, 3, dtype=torch.float64))


@pytest.mark.parametrize("sigma2", [None, 1e-3])
def test_the_density_of_pca_keeps_its_digits_in_float32(sigma2):
    images, _ = digits(torch.float32)
    model = ProbabilisticPCA.fit(images, 55 if sigma2 is None else 20, sigma2)
    weight, variance = model.weight.double(), model.sigma2.double()
    covariance = weight @ weight.mT + variance * torch.eye(DIM, dtype=torch.float64)
    exact = torch.distributions.MultivariateNormal(model.mean.double(), covariance)
    found, expected = model.log_prob(images[:99]), exact.log_prob(images[:99].double())
    error = ((found - expected) / expected.abs().clamp(min=1)).abs().max()
    assert error < 2e-5


@pytest.mark.parametrize(
    ("noise", "baseline"),
    [((9, 1), 0.0), ((9, 3), 0.0), ((9, 2), (9, 1)), ((9, 2), (9,)), ((2,), 0.0)],
)
def test_an_estimator_refuses_widths_that_would_broadcast(noise, baseline):
    if isinstance(baseline, tuple):
        baseline = torch.zeros(baseline)
    with pytest.raises(ValueError, match=r"of (the )?shape"):
        score_function(
            lambda z: z.sum(-1), torch.zeros(2), torch.randn(noise), baseline
        )


def test_a_posterior_takes_a_seed_as_samplers_do():
    posterior = GaussianPosterior(torch.zeros(2, 3), torch.zeros(2, 3))
    device = torch.get_default_device()
    expected = posterior.sample(4, torch.Generator(device).manual_seed(7))
    for seed in (7, np.int64(7)):
        assert torch.equal(posterior.sample(4, seed), expected)


@pytest.mark.parametrize("shape", [(3, 63), (3, 1), (0, 64), (64,)])
def test_a_baseline_names_the_images_that_it_wants(shape):
    right, wrong = torch.zeros(2, 64), torch.zeros(shape)
    for pair in ((right, wrong), (wrong, right)):
        with pytest.raises(ValueError, match=r"images of shape \(n, 64\), got"):
            baselines.histogram(*pair)


LEVELS = torch.zeros(2, 64)
MIXED = {
    "two levels": (lambda: TwoLevelVAE(64, 2, 2, Bernoulli()).elbo, LEVELS),
    "codes": (lambda: VQVAE(4).loss, LEVELS),
    "codes on two levels": (lambda: TwoLevelVQVAE(4, 4).loss, LEVELS),
    "map of codes": (lambda: VQVAE(4).decode, torch.zeros(2, 4, 4, 8)),
    "autoencoder": (lambda: Autoencoder.deep(3, 2), torch.zeros(2, 3)),
    "convolutions": (lambda: Autoencoder.convolutional(2), LEVELS),
    "generator": (lambda: Generator(2, 3), torch.zeros(2, 3)),
    "noise": (lambda: LearnedNoise(3), torch.zeros(2, 3)),
}


@pytest.mark.parametrize(("build", "x"), MIXED.values(), ids=MIXED)
def test_a_model_of_one_dtype_refuses_another(build, x):
    call = build()
    call(x)
    said = "has parameters of torch.float32 and got [a-z]+ of torch.float64"
    with pytest.raises(ValueError, match=said):
        call(x.double())


@pytest.mark.parametrize(
    ("halvings", "said"),
    [(0, "halvings >= 1, got 0"), (-1, "got -1"), (4, "a multiple of 16 for pixels")],
)
def test_an_image_of_eight_is_halved_once_to_thrice(halvings, said):
    with pytest.raises(ValueError, match=said):
        VQVAE(4, halvings=halvings)
    assert VQVAE(4, halvings=3).codes(LEVELS).shape == (2, 1, 1)


@pytest.mark.parametrize("name", ["shift", "scale"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_two_levels_shift_and_scale_by_numbers(name, value):
    with pytest.raises(ValueError, match=f"expects a finite {name}, got {value}"):
        TwoLevelVAE(4, 2, 2, Bernoulli(), **{name: value})


def test_there_are_no_more_principal_components_than_dimensions():
    with pytest.raises(ValueError, match="at most 3 latents, got 4"):
        Autoencoder.principal(torch.randn(9, 3), 4)
    x = torch.randn(9, 3)
    torch.testing.assert_close(Autoencoder.principal(x, 3)(x), x, atol=1e-5, rtol=0)


def test_layers_without_a_base_have_no_density():
    layers = pixel_histograms(torch.zeros(2, 3))
    for use in (lambda: layers.log_prob(torch.ones(2, 3)), lambda: layers.sample(2, 0)):
        with pytest.raises(ValueError, match="expects a flow with a base density"):
            use()
    assert Flow(StandardNormal(3), [layers]).sample(2, 0).shape == (2, 3)
