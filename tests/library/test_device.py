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

from flowbook import estimators
from flowbook.contractive import ContractiveResidual, contractive_mlp
from flowbook.densities import ZOO, ZOO_1D, StandardNormal
from flowbook.flow import Flow, Layer
from flowbook.importance import (
    effective_sample_size,
    log_mean_weight,
    self_normalised,
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
from flowbook.training import fit

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


def spectral_flow() -> Flow:
    series = SeriesLogDet(3, seed=0)
    return Flow(StandardNormal(2), [ContractiveResidual(contractive_mlp(2, 8), series)])


MODELS = {
    **{
        name: lambda name=name: Flow(StandardNormal(2), [make(name, 2)])
        for name in NAMES
        if name not in {"exponential", "logistic", "logit", "permutation", "power"}
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
