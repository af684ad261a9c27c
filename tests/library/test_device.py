"""Everything follows the device of its input: on `meta`, so on every machine.

A GPU is on few machines. What a GPU refuses, a tensor that code made on the CPU, meta
refuses on all of them; see `meta_values`. The numbers must be those of the CPU.
"""

from collections.abc import Callable

import pytest
import torch
from every_layer import NAMES, codomain, domain, make
from meta_values import META, MetaWithValues, meta_with_values
from torch import Tensor, nn

from flowbook import bounds, estimators
from flowbook.adversarial import (
    ClippedWasserstein,
    Generator,
    PenalisedWasserstein,
    StandardGame,
    fit_game,
)
from flowbook.autoencoders import (
    Autoencoder,
    DenoisingError,
    best_linear_denoiser,
    posterior_mean,
)
from flowbook.code_prior import CodePrior
from flowbook.codes import VectorQuantizer, k_means
from flowbook.contractive import ContractiveResidual, contractive_mlp
from flowbook.copula import GaussianCopula, gaussian_copula
from flowbook.densities import ZOO, ZOO_1D, StandardNormal
from flowbook.dequantization import (
    Dequantized,
    LearnedNoise,
    ScaledLogistic,
    pixel_histograms,
)
from flowbook.digit_models import IndependentPixels, PixelByPixel, TenGaussians
from flowbook.flow import Flow, Layer
from flowbook.gaussianization import (
    iterated_gaussianization,
    pca_rotation,
    random_rotation,
)
from flowbook.hierarchy import MixturePrior, TwoLevelVAE
from flowbook.image_flows import glow, nice, realnvp, sample_at
from flowbook.importance import (
    effective_sample_size,
    log_mean_weight,
    self_normalised,
)
from flowbook.information import (
    BetaELBO,
    best_linear_vae,
    information_bounds,
    water_filling,
    water_level,
)
from flowbook.latent import VAE, negative_elbo
from flowbook.latent_mixture import LatentMixture
from flowbook.likelihoods import (
    Bernoulli,
    Categorical,
    DiscretizedLogistic,
    FixedGaussian,
    LearnedGaussian,
)
from flowbook.linear import ActNorm
from flowbook.linear_latent import LinearVAE, ProbabilisticPCA
from flowbook.log_dets import (
    RouletteLogDet,
    SeriesLogDet,
    gaussian_probe,
    rademacher_probe,
)
from flowbook.matching import fit_matching
from flowbook.nets import mlp
from flowbook.training import fit
from flowbook.triangular import TriangularMap
from flowbook.vqvae import VQVAE, TwoLevelVQVAE, fit_codes

DENSITIES = {**{f"{n} (1d)": d for n, d in ZOO_1D.items()}, **ZOO}


@pytest.fixture
def meta(request) -> MetaWithValues:
    if request.config.getoption("--device") != "cpu":
        pytest.skip("these move what is made on the CPU to meta")
    with meta_with_values() as mode:
        yield mode


def assert_there_as_here(meta: MetaWithValues, there, here) -> None:
    """Every tensor is on meta, and has the numbers of the one on the CPU."""
    for one, other in zip(there, here, strict=True):
        assert one.device == META
        torch.testing.assert_close(meta.twin(one.detach()), other.detach())


def gradients(function: Callable, module: nn.Module, x: Tensor) -> list[Tensor]:
    """Value, log|det| or whatever comes, and the gradients of all that has one."""
    x = x.detach().requires_grad_()
    values = function(x)
    loss = sum(value.square().sum() for value in values)
    wanted = [x, *(p for p in module.parameters() if p.requires_grad)]
    found = torch.autograd.grad(loss, wanted, allow_unused=True)
    return [*values, *(g for g in found if g is not None)]


@pytest.mark.parametrize("direction", ["forward", "inverse"])
@pytest.mark.parametrize("name", NAMES)
def test_a_layer_and_its_gradients(meta, name, direction):
    layer = make(name, 3)
    x = (domain if direction == "forward" else codomain)(name, 5, 3)
    here = gradients(getattr(layer, direction), layer, x)
    layer.to(META)
    there = gradients(getattr(layer, direction), layer, x.to(META))
    assert_there_as_here(meta, there, here)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_layer_loads_from_the_cpu(meta, name):
    saved, twin, z = make(name, 3), make(name, 3).to(META), domain(name, 5, 3)
    there = {key: value.to(META) for key, value in saved.state_dict().items()}
    twin.load_state_dict(there | saved_constants(saved))
    assert_there_as_here(meta, twin(z.to(META)), saved(z))


def saved_constants(module: nn.Module) -> dict[str, Tensor]:
    # torch.load with a map_location moves these too; they are compared on the CPU.
    weights = dict([*module.named_parameters(), *module.named_buffers()])
    return {k: v for k, v in module.state_dict().items() if k not in weights}


@pytest.mark.parametrize("density", DENSITIES.values(), ids=DENSITIES)
def test_a_density_its_gradient_and_its_samples(meta, density):
    seeds = torch.Generator("cpu").manual_seed(3), torch.Generator(META).manual_seed(3)
    x, y = (density.sample(6, seed).requires_grad_() for seed in seeds)
    here, there = density.log_prob(x), density.log_prob(y)
    assert_there_as_here(
        meta,
        [y, there, *torch.autograd.grad(there.sum(), y)],
        [x, here, *torch.autograd.grad(here.sum(), x)],
    )


LIKELIHOODS = {
    "Bernoulli": Bernoulli,
    "categorical": lambda: Categorical(5),
    "discretised logistic": lambda: DiscretizedLogistic(5),
    "fixed": lambda: FixedGaussian(0.7),
    "learned": LearnedGaussian,
}


@pytest.mark.parametrize("build", LIKELIHOODS.values(), ids=LIKELIHOODS)
def test_a_likelihood_its_mean_and_its_samples(meta, build):
    likelihood = build()
    parameters = torch.randn(4, 3 * likelihood.numbers)
    x = likelihood.sample(parameters, 3)
    mean = likelihood.mean(parameters)
    here = gradients(lambda p: [likelihood(x, p)], likelihood, parameters)
    likelihood.to(META)
    at = parameters.to(META)
    there = gradients(lambda p: [likelihood(x.to(META), p)], likelihood, at)
    assert_there_as_here(meta, there, here)
    drawn = [likelihood.sample(at, 3), likelihood.mean(at)]
    assert_there_as_here(meta, drawn, [x, mean])


def test_the_copula_and_its_gradient(meta):
    copula = GaussianCopula([[1.0, 0.5], [0.5, 1.0]])
    u = copula.sample(6, 3).requires_grad_()
    v = u.detach().to(META).requires_grad_()
    here, there = copula.log_prob(u), copula.log_prob(v)
    assert_there_as_here(
        meta,
        [there, *torch.autograd.grad(there.sum(), v)],
        [here, *torch.autograd.grad(here.sum(), u)],
    )


@pytest.mark.parametrize(
    "fitted",
    [
        lambda data: gaussian_copula(data, 3),
        lambda data: iterated_gaussianization(data, 2, 3),
        lambda data: iterated_gaussianization(data, 2, 3, pca_rotation),
        lambda data: iterated_gaussianization(data, 2, 3, random_rotation),
    ],
)
def test_flows_that_are_fitted_without_gradients(meta, fitted):
    data = torch.randn(40, 2).double().exp()
    here, there = fitted(data), fitted(data.to(META))
    assert_there_as_here(meta, [there.log_prob(data.to(META))], [here.log_prob(data)])


@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_the_triangular_map_and_its_gradient(meta, direction):
    layer = TriangularMap(ZOO["banana"], panels=8)
    x = ZOO["banana"].sample(5, 0, torch.float64)
    if direction == "forward":
        x = layer.inverse(x)[0]
    here = gradients(getattr(layer, direction), layer, x)
    layer.to(META)
    there = gradients(getattr(layer, direction), layer, x.to(META))
    assert_there_as_here(meta, there, here)


def spectral_flow() -> Flow:
    series = SeriesLogDet(3, seed=0)
    return Flow(StandardNormal(2), [ContractiveResidual(contractive_mlp(2, 8), series)])


WITHOUT_PARAMETERS = {
    "exponential",
    "logistic",
    "logit",
    "permutation",
    "power",
    "rotation",
    "scaled logistic",
    "squeeze",
}
MODELS = {
    **{
        name: lambda name=name: Flow(StandardNormal(2), [make(name, 2)])
        for name in NAMES
        if name not in WITHOUT_PARAMETERS
        and not name.startswith(("piecewise", "square", "leaky"))
    },
    "normalised": lambda: Flow(StandardNormal(2), [ActNorm(2), make("PLU", 2)]),
    "series": spectral_flow,
    "latent mixture": lambda: LatentMixture(torch.randn(3, 2)),
}
LATENT = {
    "VAE": lambda: VAE(2, 2, LearnedGaussian(), 8),
    "VAE with a flow": lambda: VAE(
        2, 2, FixedGaussian(0.5), 8, layers=[make("affine coupling", 2)]
    ),
}


@pytest.mark.parametrize("build", [nice, realnvp, glow])
def test_the_bound_of_levels_under_a_flow_of_images(meta, build):
    torch.manual_seed(0)
    flow = build(ScaledLogistic(), shape=(1, 4, 4), hidden=4)
    model = Dequantized(flow, LearnedNoise(16, hidden=4)).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    levels = torch.randint(17, (5, 16)).float()
    here = gradients(lambda x: [model.bound(x, seed=1)], model, levels)
    drawn = [model.sample(3, seed=2), sample_at(flow, 0.7, 3, seed=2)]
    model.to(META)
    there = gradients(lambda x: [model.bound(x, seed=1)], model, levels.to(META))
    assert_there_as_here(meta, there, here)
    moved = [model.sample(3, seed=2), sample_at(flow, 0.7, 3, seed=2)]
    assert_there_as_here(meta, moved, drawn)


def test_histograms_of_pixels_are_made_where_the_images_are(meta):
    train, z = torch.randint(17, (30, 4)).float(), torch.randn(5, 4)
    there = pixel_histograms(train.to(META))(z.to(META))
    assert_there_as_here(meta, there, pixel_histograms(train)(z))


def trained(model: nn.Module, data: Tensor, **options) -> list[Tensor]:
    history = fit(model, data, steps=3, batch=8, lr=1e-3, progress=False, **options)
    assert history.loss.device == torch.device("cpu")
    return [history.loss, *model.parameters()]


@pytest.mark.parametrize("name", [*MODELS, *LATENT, "linear VAE"])
def test_the_steps_of_training(meta, name):
    options = {}
    if name in LATENT:
        options["loss"] = negative_elbo
    if name == "linear VAE":
        options["loss"] = lambda model, x: -model.elbo(x).mean()
        build = lambda: LinearVAE(torch.zeros(2), 1)  # noqa: E731
    else:
        build = MODELS.get(name) or LATENT[name]
    data, results = torch.randn(20, 2), []
    for device in ("cpu", META):
        torch.manual_seed(0)
        results.append(trained(build(), data.to(device), **options))
    here, there = results
    torch.testing.assert_close(there[0], here[0])
    assert_there_as_here(meta, there[1:], here[1:])


def test_probabilistic_pca(meta):
    x = torch.randn(30, 4)
    models = [ProbabilisticPCA.fit(data, 2) for data in (x, x.to(META))]
    here, there = (
        [m.log_prob(data), m.posterior(data)[1]]
        for m, data in zip(models, (x, x.to(META)), strict=True)
    )
    assert_there_as_here(meta, there, here)


@pytest.mark.parametrize("build", [MODELS["PLU"], MODELS["normalised"], LATENT["VAE"]])
def test_samples_of_a_model_are_on_its_device(meta, build):
    model = build().eval()
    here = model.sample(5, seed=3)
    assert_there_as_here(meta, [model.to(META).sample(5, seed=3)], [here])


@pytest.mark.parametrize("probe", [gaussian_probe, rademacher_probe])
@pytest.mark.parametrize(
    "estimate", [lambda p: SeriesLogDet(4, 0, p), lambda p: RouletteLogDet(0, probe=p)]
)
def test_an_estimated_log_det(meta, estimate, probe):
    net, z = contractive_mlp(3, 8).eval(), torch.randn(5, 3)
    here = estimate(probe)(net, z)
    assert_there_as_here(meta, [estimate(probe)(net.to(META), z.to(META))], [here])


def test_estimators_and_weights(meta):
    mean, noise, log_weights = torch.randn(2), torch.randn(9, 2), torch.randn(9)

    def results(mean: Tensor, noise: Tensor, log_weights: Tensor) -> list[Tensor]:
        def f(z: Tensor) -> Tensor:
            return z.square().sum(-1)

        best = estimators.optimal_baseline(f, mean, noise)
        return [
            best,
            estimators.score_function(f, mean, noise, best),
            estimators.reparameterised(f, mean, noise),
            log_mean_weight(log_weights),
            effective_sample_size(log_weights),
            self_normalised(log_weights, noise[:, 0]),
        ]

    here = results(mean, noise, log_weights)
    there = results(mean.to(META), noise.to(META), log_weights.to(META))
    assert_there_as_here(meta, there, here)


@pytest.mark.parametrize(
    "estimate",
    [bounds.score_free, bounds.doubly_reparameterised, bounds.reweighted_wake],
)
@pytest.mark.parametrize("build", LATENT.values(), ids=LATENT)
def test_an_importance_weighted_bound_and_its_gradients(meta, build, estimate):
    model, x, results = build(), torch.randn(5, 2), []
    for device in (torch.device("cpu"), META):
        model.to(device).zero_grad()
        noise = torch.Generator(device).manual_seed(3)
        bound = estimate(model, x.to(device), 4, noise)
        bound.sum().backward()
        results.append([bound, *(p.grad for p in model.parameters())])
    here, there = results
    assert_there_as_here(meta, there, here)


def test_the_exact_value_of_a_bound(meta):
    log_weights, values = torch.randn(2, 9)
    probs = torch.rand(9).softmax(0)

    def results(*given: Tensor) -> list[Tensor]:
        log_weights, probs, values = given
        moments = bounds.ratio_moments(log_weights, probs, values, 3)
        return [bounds.expected_log_mean(log_weights, probs, 3), *moments]

    given = log_weights, probs, values
    there = results(*(each.to(META) for each in given))
    assert_there_as_here(meta, there, results(*given))


def test_two_levels_of_latents(meta):
    model, x = TwoLevelVAE(4, 2, 3, FixedGaussian(0.5), hidden=8), torch.randn(5, 4)
    results = []
    for device in (torch.device("cpu"), META):
        model.to(device).zero_grad()
        noise = torch.Generator(device).manual_seed(3)
        terms = model.terms(x.to(device), 2, noise)
        bound = model.importance_weighted(x.to(device), 3, noise)
        (sum(terms) + bound).sum().backward()
        gradients = [p.grad for p in model.parameters()]
        results.append([*terms, bound, *gradients, model.sample(4, seed=3)])
    here, there = results
    assert_there_as_here(meta, there, here)


def test_a_mixture_prior(meta):
    numbers = torch.randn(4, 2), torch.randn(4, 2), torch.randn(4)
    z, results = torch.randn(5, 2), []
    for device in (torch.device("cpu"), META):
        model = MixturePrior(*(each.to(device) for each in numbers))
        results.append([model.log_prob(z.to(device)), model.sample(6, seed=3)])
    here, there = results
    assert_there_as_here(meta, there, here)


def test_codes_and_what_pulls_them(meta):
    layer, z, results = VectorQuantizer(4, 3), torch.randn(20, 3), []
    for device in (torch.device("cpu"), META):
        layer.to(device).zero_grad()
        quantised, codes, terms = layer(z.to(device).requires_grad_())
        terms.sum().backward()
        found = k_means(z.to(device), 3, seed=0, steps=3)
        results.append([quantised, codes, layer.codebook.grad, *found])
    here, there = results
    assert_there_as_here(meta, there, here)


def test_a_prior_over_codes(meta):
    model, codes, labels = CodePrior(3, 2, 8, classes=2), *torch.randint(2, (2, 5, 4))
    codes, labels, results = codes.view(5, 2, 2), labels[:, 0], []
    for device in (torch.device("cpu"), META):
        model.to(device)
        at = codes.to(device), labels.to(device)
        results.append([model.log_prob(*at), model.sample(5, 3, at[1])])
    here, there = results
    assert_there_as_here(meta, there, here)


@pytest.mark.parametrize("build", [VQVAE, lambda count: TwoLevelVQVAE(4, count)])
def test_the_codes_of_digits(meta, build):
    x, results = torch.randint(17, (20, 64)).float(), []
    steps = {"steps": 2, "every": 1, "batch": 10, "lr": 1e-3, "progress": False}
    for device in (torch.device("cpu"), META):
        torch.manual_seed(0)
        model = build(8)
        fit_codes(model, x.to(device), **steps)
        results.append([model.log_likelihood(x.to(device)), *model.parameters()])
    here, there = results
    assert_there_as_here(meta, there, here)


def test_rate_distortion_and_information(meta):
    x, variances, results = torch.randn(20, 4), torch.rand(5), []
    for device in (torch.device("cpu"), META):
        at, columns = x.to(device), variances.to(device)
        model = best_linear_vae(at, 2, 0.5, 1.5)
        noise = torch.Generator(device).manual_seed(3)
        bounds_of = information_bounds(model.posterior(at), noise)
        loss = BetaELBO(2.0)(model, at)
        level = torch.tensor(water_level(columns, 0.5), device=device)
        results.append([loss, *bounds_of, *water_filling(columns, 0.3), level])
    here, there = results
    assert_there_as_here(meta, there, here)


GAMES = {
    "standard": StandardGame,
    "clipped": ClippedWasserstein,
    "penalised": PenalisedWasserstein,
}


@pytest.mark.parametrize("game", GAMES.values(), ids=GAMES)
def test_the_steps_of_a_game(meta, game):
    data, results = torch.randn(20, 2), []
    options = {"steps": 2, "critic_steps": 2, "batch": 8, "progress": False}
    for device in (torch.device("cpu"), META):
        torch.manual_seed(0)
        players = Generator(2, 3, 8), mlp(2, 8, 1)
        history = fit_game(*players, data.to(device), game(), **options)
        assert history.critic.device == torch.device("cpu")
        results.append([history.critic, *players[0].parameters()])
        results[-1].append(players[0].sample(4, seed=3))
    here, there = results
    torch.testing.assert_close(there[0], here[0])
    assert_there_as_here(meta, there[1:], here[1:])


def test_a_flow_that_is_matched_to_data(meta):
    x, results = torch.randn(40, 2), []
    options = {"hidden": 4, "solver_steps": 2, "steps": 2, "batch": 8}
    for device in (torch.device("cpu"), META):
        flow = fit_matching(x.to(device), **options)
        results.append([flow.log_prob(x.to(device)), flow.sample(4, seed=3)])
    here, there = results
    assert_there_as_here(meta, there, here)


@pytest.mark.parametrize(
    "build",
    [IndependentPixels, lambda x: TenGaussians(x, 0), lambda x: PixelByPixel(4)],
)
def test_models_of_levels_that_only_the_comparison_needs(meta, build):
    x, results = torch.randint(17, (30, 64)).float(), []
    for device in (torch.device("cpu"), META):
        torch.manual_seed(0)
        at = x.to(device)
        model = build(at).to(device)
        score = model.score(at, 2) if hasattr(model, "score") else model.log_prob(at)
        results.append([score, model.sample(3, seed=1)])
    here, there = results
    assert_there_as_here(meta, there, here)


def test_autoencoders_and_denoising(meta):
    x, noisy, results = torch.randn(20, 64), torch.randn(5, 64), []
    for device in (torch.device("cpu"), META):
        torch.manual_seed(0)
        at, started = x.to(device), noisy.to(device)
        models = [Autoencoder.deep(64, 3, 8), Autoencoder.convolutional(3, 4)]
        outputs = [model.to(device)(started) for model in models]
        outputs.append(Autoencoder.principal(at, 2)(started))
        outputs.append(posterior_mean(started, at, 0.5))
        spread = torch.cov(at.T, correction=0)
        outputs.append(best_linear_denoiser(started, at.mean(0), spread, 0.5))
        outputs.append(DenoisingError(0.3)(models[0], at))
        results.append(outputs)
    here, there = results
    assert_there_as_here(meta, there, here)


class ForgetsTheDevice(Layer):
    """A layer with the mistake that all of this is about."""

    def __init__(self, when: str) -> None:
        super().__init__()
        self.when = when

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        if self.when == "in an operation":
            z = z + torch.ones(3)
        if self.when == "in a result":
            return z, torch.zeros(len(z))
        return z, _Wrong.apply(z).sum(-1)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        raise NotImplementedError


class _Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        return 2 * z

    @staticmethod
    def backward(ctx, gradient):
        return gradient * torch.full((3,), 2.0)


@pytest.mark.parametrize(
    "when", ["in an operation", "in a result", "in its backward pass"]
)
def test_a_tensor_made_on_the_cpu_is_found(meta, when):
    layer, z = ForgetsTheDevice(when), torch.randn(5, 3)
    here = gradients(layer, layer, z)
    with pytest.raises((RuntimeError, AssertionError), match=r"same device|device"):
        assert_there_as_here(meta, gradients(layer, layer, z.to(META)), here)


def test_a_check_of_the_input_reads_the_numbers(meta):
    with pytest.raises(ValueError, match=r"expects x > 0, got -2"):
        make("exponential", 2).inverse(torch.tensor([[1.0, -2.0]]).to(META))
