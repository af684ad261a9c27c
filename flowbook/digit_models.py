"""Every model of the book on the digits, and one row of the comparison for each.

`DIGIT_MODELS` says how each is trained and what it knows of log P(x), the logarithm of
the probability of an image of levels. The page of chapter 20 and `bench/zoo.py` call
the same two functions, `train_on_digits` and `measure_on_digits`.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.mixture import GaussianMixture
from torch import Tensor, nn
from torch.distributions import MultivariateNormal
from torch.nn import functional

from flowbook.adversarial import (
    Generator,
    PenalisedWasserstein,
    StandardGame,
    fit_game,
    wasserstein,
)
from flowbook.autoencoders import Autoencoder, squared_error
from flowbook.bounds import doubly_reparameterised
from flowbook.code_prior import CodePrior
from flowbook.coupling import SplineCoupling
from flowbook.densities import StandardNormal
from flowbook.densities.base import normal, pick
from flowbook.dequantization import (
    EDGE,
    Dequantized,
    LearnedNoise,
    UniformNoise,
    negative_bound,
    pixel_histograms,
)
from flowbook.digits import DIM, LEVELS, digits_split
from flowbook.elementwise import ElementwiseAffine
from flowbook.families import parameter_count
from flowbook.flow import Flow
from flowbook.hierarchy import TwoLevelVAE
from flowbook.image_flows import glow, nice, realnvp
from flowbook.importance import log_mean_weight
from flowbook.information import BetaELBO
from flowbook.inputs import as_generator, expect_count
from flowbook.latent import VAE, negative_elbo
from flowbook.likelihoods import DiscretizedLogistic, expect_levels
from flowbook.matching import fit_matching, matching_loss
from flowbook.measures import (
    nearest_distance,
    nearest_label,
    probe_accuracy,
    processor_ms,
    recomputed_bytes,
    stored_bytes,
    two_sample_accuracy,
)
from flowbook.nets import mlp
from flowbook.training import fit
from flowbook.vqvae import VQVAE, fit_codes

CRITIC = parameter_count(mlp(DIM, 128, 1))
Score = Callable[[nn.Module, Tensor], Tensor]


class DigitModel(NamedTuple):
    """How a model of digits is trained on images (n, 64), and what it can say.

    `knows` is "exact", "bound" (of log P(x), from below) or "none"; `score` gives
    log P(x) or the tight bound (n,), `loose` the bound of one draw; `codes` the latent
    of images, (n, latent); `loss` what a step of training lowers. A model that draws
    no images has `draws` False.
    """

    knows: str
    chapter: int
    train: Callable[[Tensor, int], nn.Module]
    score: Score | None = None
    loose: Score | None = None
    codes: Score | None = None
    loss: Score | None = None
    latent: str = "64"
    generative: tuple[str, ...] = ()
    helper: int = 0
    draws: bool = True


# -- models that only this comparison needs


class IndependentPixels(nn.Module):
    """A smoothed histogram of each pixel, which knows nothing of its neighbours."""

    def __init__(self, train: Tensor) -> None:
        super().__init__()
        train = expect_levels(train, LEVELS, "IndependentPixels").long()
        counts = functional.one_hot(train, LEVELS).sum(0) + 0.5
        self.log_shares = nn.Parameter((counts / counts.sum(-1, keepdim=True)).log())

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log P(x) of levels, shape (batch,)."""
        x = expect_levels(x, LEVELS, "IndependentPixels").long()
        return self.log_shares[torch.arange(DIM, device=x.device), x].sum(-1)

    @torch.no_grad()
    def sample(self, n: int, seed: int | torch.Generator) -> Tensor:
        """Draw images, shape (n, 64)."""
        n = expect_count(n, "IndependentPixels.sample")
        shares = self.log_shares.exp()
        noise = as_generator(seed, shares.device)
        if n == 0:  # which torch.multinomial refuses
            return shares.new_empty(0, DIM)
        return torch.multinomial(shares, n, replacement=True, generator=noise).T.float()


class TenGaussians(nn.Module):
    """Ten normal densities of any covariance, on levels with uniform noise."""

    def __init__(self, train: Tensor, seed: int) -> None:
        super().__init__()
        levels = expect_levels(train, LEVELS, "TenGaussians").cpu().double().numpy()
        noisy = levels + np.random.default_rng(seed).random(levels.shape)
        fitted = GaussianMixture(10, reg_covar=0.1, random_state=seed).fit(noisy)
        weights, means, covariances = (
            torch.from_numpy(each).to(train.device)
            for each in (fitted.weights_, fitted.means_, fitted.covariances_)
        )
        factors = torch.linalg.cholesky(covariances)
        self.log_shares = nn.Parameter(weights.log())
        self.means = nn.Parameter(means)
        self.factors = nn.Parameter(factors[:, *self._below(factors)])

    @staticmethod
    def _below(like: Tensor) -> Tensor:
        return torch.tril_indices(DIM, DIM, device=like.device)

    def _factors(self) -> Tensor:
        factors = self.factors.new_zeros(10, DIM, DIM)
        factors[:, *self._below(factors)] = self.factors
        return factors

    @torch.no_grad()
    def score(self, x: Tensor, draws: int) -> Tensor:
        """Return log of the mean over draws of noise of the density at x + noise."""
        noise = torch.Generator(x.device).manual_seed(0)
        parts = MultivariateNormal(self.means, scale_tril=self._factors())
        x = expect_levels(x, LEVELS, "TenGaussians").double()[:, None]
        found = [
            (parts.log_prob(x + _uniform(x, noise)) + self.log_shares).logsumexp(1)
            for _ in range(draws)
        ]
        return log_mean_weight(torch.stack(found))

    @torch.no_grad()
    def sample(self, n: int, seed: int | torch.Generator) -> Tensor:
        """Draw images, shape (n, 64)."""
        n = expect_count(n, "TenGaussians.sample")
        noise = as_generator(seed, self.means.device)
        part = pick(self.log_shares.exp(), n, noise)
        z = normal(noise, torch.float64, n, DIM, 1)
        return (self.means[part] + (self._factors()[part] @ z)[..., 0]).floor().float()


def _uniform(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.empty_like(like).uniform_(generator=generator)


class PixelByPixel(nn.Module):
    """Masked convolutions that predict each level from those before it."""

    def __init__(self, hidden: int = 32) -> None:
        super().__init__()
        self.net = CodePrior(LEVELS, 8, hidden=hidden)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log P(x) of levels, shape (batch,)."""
        return self.net.log_prob(x.view(-1, 8, 8))

    def sample(self, n: int, seed: int | torch.Generator) -> Tensor:
        """Draw images, shape (n, 64), in 64 passes."""
        return self.net.sample(n, seed).flatten(1).float()


class CodesWithPrior(nn.Module):
    """A map of codes, and masked convolutions for their prior (chapter 17)."""

    def __init__(self, model: VQVAE, prior: CodePrior) -> None:
        super().__init__()
        self.model, self.prior = model, prior

    @torch.no_grad()
    def bound(self, x: Tensor) -> Tensor:
        """Return log P(x | codes) + log P(codes), a bound of log P(x), (batch,)."""
        codes = self.model.codes(x)
        return self.model.log_likelihood(x) + self.prior.log_prob(codes)

    @torch.no_grad()
    def sample(self, n: int, seed: int | torch.Generator) -> Tensor:
        """Draw codes, then images, shape (n, 64)."""
        noise = as_generator(seed, self.prior.place.device)
        parameters = self.model.parameters_of(self.prior.sample(n, noise))
        return self.model.likelihood.sample(parameters, noise)


# -- flows, as bench/digits.py trains them too


class Recipe(NamedTuple):
    """How a flow is built on training images, and how it is trained.

    All of it was chosen on 287 validation images of the split 0, taken from its
    training images; the test images were looked at once, for the table.
    """

    build: Callable[[Tensor], Flow]
    steps: int
    batch: int
    weight_decay: float


def spline_flow(train: Tensor) -> Flow:
    """Return six spline couplings with random masks and dropout."""
    masks = [torch.randperm(DIM) < 32 for _ in range(6)]
    layers = [SplineCoupling(mask, 128, dropout=0.2) for mask in masks]
    # Logits have the standard deviation 1.8; splines reach to 5.
    scale = ElementwiseAffine(torch.zeros(DIM), torch.full((DIM,), 1.7))
    return Flow(StandardNormal(DIM), [*layers, scale, pixel_histograms(train)])


RECIPES = {
    "NICE": Recipe(lambda x: nice(pixel_histograms(x)), 3000, 128, 1.0),
    "RealNVP": Recipe(lambda x: realnvp(pixel_histograms(x), hidden=48), 900, 64, 0.1),
    "Glow": Recipe(lambda x: glow(pixel_histograms(x), hidden=48), 900, 64, 0.1),
    "spline coupling": Recipe(spline_flow, 1000, 128, 0.1),
}


def train_flow(recipe: Recipe, images: Tensor, seed: int) -> Dequantized:
    """Return a flow with learned noise, fitted to the images."""
    torch.manual_seed(seed)
    model = Dequantized(recipe.build(images), LearnedNoise(DIM))
    settings = {"steps": recipe.steps, "batch": recipe.batch, "lr": 3e-3, "seed": seed}
    settings |= {"weight_decay": recipe.weight_decay, "progress": False}
    fit(model, images, loss=negative_bound, **settings)
    return model


def _matched(images: Tensor, seed: int) -> Dequantized:
    torch.manual_seed(seed)
    noisy = images.repeat(20, 1)
    pixels = pixel_histograms(images)
    data, _ = pixels.inverse(noisy + torch.rand_like(noisy).clamp(EDGE, 1 - EDGE))
    settings = {"hidden": 256, "steps": 4000, "lr": 3e-3, "weight_decay": 0.1}
    settings |= {"solver_steps": 10, "seed": seed, "layers": [pixels]}
    return Dequantized(fit_matching(data, **settings), UniformNoise())


# -- models with latents, and players of games


def _vae(
    images: Tensor,
    seed: int,
    loss: Score,
    make: Callable[[], nn.Module] = lambda: VAE(DIM, 8, **_likelihood()),
    batch: int = 256,
) -> nn.Module:
    torch.manual_seed(seed)
    model = make()
    settings = {"steps": 2000, "batch": batch, "lr": 2e-3, "weight_decay": 1e-2}
    fit(model, images, seed=seed, loss=loss, progress=False, **settings)
    return model


def _likelihood() -> dict[str, Any]:
    sizes = {"hidden": 128, "shift": 8.0, "scale": 8.0}
    return {"likelihood": DiscretizedLogistic(), **sizes}


def _both_levels(model: nn.Module, x: Tensor) -> Tensor:
    # The mean of the top, and that of z where the top is at its mean.
    features = model.features((x - model.shift) / model.scale)
    top = model.to_top(features).chunk(2, -1)[0]
    change = model.to_change(torch.cat((features, top), -1)).chunk(2, -1)[0]
    return torch.cat((top, model.prior(top).mean + change), -1)


def _negative_iwae(model: nn.Module, x: Tensor) -> Tensor:
    return -doubly_reparameterised(model, x, 8).mean()


def _negative_log_prob(model: nn.Module, x: Tensor) -> Tensor:
    return -model.log_prob(x).mean()


def _pixel_by_pixel(images: Tensor, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    model = PixelByPixel()
    settings = {"steps": 500, "batch": 64, "lr": 5e-3, "weight_decay": 0.3}
    fit(model, images, seed=seed, loss=_negative_log_prob, progress=False, **settings)
    return model


def _codes(images: Tensor, seed: int) -> nn.Module:
    settings = {"batch": 128, "weight_decay": 1e-2, "progress": False, "seed": seed}
    torch.manual_seed(seed)
    model, prior = VQVAE(16), CodePrior(16, 4, hidden=32)
    fit_codes(model, images, steps=1000, lr=3e-3, **settings)
    with torch.no_grad():
        codes = model.codes(images).flatten(1).float()
    fit(
        prior,
        codes,
        loss=lambda prior, rows: -prior.log_prob(rows.long().view(-1, 4, 4)).mean(),
        steps=500,
        lr=5e-3,
        **settings | {"weight_decay": 0.3},
    )
    return CodesWithPrior(model, prior)


def _game(game: StandardGame, options: dict[str, Any]) -> Callable[..., nn.Module]:
    def train(images: Tensor, seed: int) -> nn.Module:
        torch.manual_seed(seed)
        generator, critic = _Levels(), mlp(DIM, 128, 1)
        settings = {"batch": 128, "seed": seed, "progress": False} | options
        fit_game(generator, critic, (images - 8) / 8, game, **settings)
        return generator

    return train


class _Levels(Generator):
    """A generator for images between -1 and 1, whose samples are rounded to levels."""

    def __init__(self) -> None:
        super().__init__(DIM, 16, 128)

    def forward(self, z: Tensor) -> Tensor:
        return torch.tanh(super().forward(z))

    def sample(self, n: int, seed: int | torch.Generator) -> Tensor:
        return (8 + 8 * super().sample(n, seed)).round()


def _deep(images: Tensor, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    model = Autoencoder.deep(DIM, 8)
    settings = {"steps": 800, "batch": 128, "lr": 3e-3, "weight_decay": 1e-2}
    fit(model, images / 16, loss=squared_error, progress=False, seed=seed, **settings)
    return model


@torch.no_grad()
def _weighted(model: nn.Module, x: Tensor, draws: int) -> Tensor:
    noise = torch.Generator(x.device).manual_seed(0)
    parts = [model.log_weights(rows, draws, noise) for rows in x.split(60)]
    return torch.cat([log_mean_weight(part) for part in parts])


def _latent(chapter: int, loss: Score, **options: Any) -> DigitModel:
    about = {
        "score": lambda m, x: _weighted(m, x, 500),
        "loose": lambda m, x: _weighted(m, x, 1),
        "codes": lambda m, x: m.posterior(x).mean,
        "generative": ("decoder",),
        "latent": "8",
    }
    names = ("make", "batch")
    recipe = {name: options.pop(name) for name in names if name in options}
    train = partial(_vae, loss=loss, **recipe)
    return DigitModel("bound", chapter, train, loss=loss, **about | options)


def _dequantized(chapter: int, train: Callable[..., nn.Module]) -> DigitModel:
    return DigitModel(
        "bound",
        chapter,
        train,
        score=lambda m, x: m.importance_weighted(x, 64, 0),
        loose=lambda m, x: m.bound(x, 0).detach(),
        codes=lambda m, x: m.flow.inverse(x + 0.5)[0],
        loss=negative_bound,
        generative=("flow",),
    )


def _flow(name: str) -> DigitModel:
    chapter = 6 if name == "spline coupling" else 11
    return _dequantized(chapter, lambda x, seed: train_flow(RECIPES[name], x, seed))


DIGIT_MODELS: dict[str, DigitModel] = {
    "independent pixels": DigitModel(
        "exact",
        11,
        lambda x, seed: IndependentPixels(x),
        score=lambda m, x: m.log_prob(x).detach(),
        latent="-",
    ),
    "pixel by pixel": DigitModel(
        "exact",
        17,
        _pixel_by_pixel,
        score=lambda m, x: m.log_prob(x).detach(),
        loss=_negative_log_prob,
        latent="-",
    ),
    "ten Gaussians": DigitModel(
        "bound",
        11,
        TenGaussians,
        score=lambda m, x: m.score(x, 64),
        loose=lambda m, x: m.score(x, 1),
        latent="1 of 10",
    ),
    **{name: _flow(name) for name in RECIPES},
    "flow matching": _dequantized(20, _matched)._replace(
        score=lambda m, x: m.bound(x, 0).detach(),
        loose=None,
        loss=lambda m, x: matching_loss(m.flow.layers[0].field, x / 8 - 1),
    ),
    "VAE": _latent(14, negative_elbo),
    "VAE, IWAE-8": _latent(16, _negative_iwae, batch=128),
    "two levels": _latent(
        17,
        lambda model, x: -model.elbo(x).mean(),
        make=lambda: TwoLevelVAE(DIM, 8, 2, **_likelihood()),
        codes=_both_levels,
        generative=("decoder", "prior_net"),
        latent="2 + 8",
    ),
    "beta-VAE, 4": _latent(18, BetaELBO(4.0)),
    "codes": DigitModel(
        "bound",
        17,
        _codes,
        score=lambda m, x: m.bound(x),
        codes=lambda m, x: functional.one_hot(m.model.codes(x), 16).flatten(1).float(),
        loss=lambda m, x: m.model.loss(x),
        latent="16 of 16",
    ),
    "deep autoencoder": DigitModel(
        "none",
        19,
        _deep,
        codes=lambda m, x: m.encoder(x / 16),
        loss=lambda m, x: squared_error(m, x / 16),
        latent="8",
        draws=False,
    ),
    "GAN": DigitModel(
        "none",
        19,
        _game(StandardGame(), {"steps": 3000}),
        latent="16",
        helper=CRITIC,
    ),
    "WGAN, penalty": DigitModel(
        "none",
        19,
        _game(
            PenalisedWasserstein(10.0),
            {"steps": 1500, "critic_steps": 3, "momentum": 0.0},
        ),
        latent="16",
        helper=CRITIC,
    ),
}
"""Every model that is fitted to the digits, by name."""

QUICK = ("independent pixels", "ten Gaussians", "VAE", "deep autoencoder")
"""Those that a page has time to train."""


def train_on_digits(name: str, seed: int = 0) -> tuple[nn.Module, float]:
    """Return the model of a split, and the processor seconds that it took."""
    images = digits_split(seed, torch.float32)[0]
    start = time.process_time()
    model = DIGIT_MODELS[name].train(images, seed)
    return model.eval(), time.process_time() - start


def measure_on_digits(
    name: str, model: nn.Module, seconds: float, seed: int = 0
) -> dict[str, Any]:
    """Return one row of the comparison as plain numbers.

    "bits" are those of each test image, so that two models can be compared image by
    image; "images" are eight samples, a letter for each level.
    """
    entry = DIGIT_MODELS[name]
    train, test, labels, test_labels = digits_split(seed, torch.float32)
    row: dict[str, Any] = {"knows": entry.knows, "train_s": round(seconds, 1)}
    per_bit = -1 / (DIM * np.log(2))
    if entry.score is not None:
        score = entry.score
        start = time.process_time()
        row["bits"] = [round(b, 4) for b in (score(model, test) * per_bit).tolist()]
        row["score_ms"] = 1e6 * (time.process_time() - start) / len(test)
    if entry.loose is not None:
        row["loose"] = (entry.loose(model, test).mean() * per_bit).item()
    if entry.draws:
        row["sample_ms"] = processor_ms(lambda: model.sample(1000, 0))
        row |= against_images(model.sample, seed)
    if entry.codes is not None:
        with torch.no_grad():
            codes = [entry.codes(model, x) for x in (train, test)]
        row["probe"] = probe_accuracy(codes[0], labels, codes[1], test_labels)
    row["parameters"] = sizes(entry, model)
    if entry.loss is not None:
        loss = entry.loss
        row["memory"] = stored_bytes(lambda: loss(model, train[:128]), model)
        if isinstance(model, Dequantized) and name in RECIPES:
            noisy = train[:128] + 0.5
            row["recomputed"] = recomputed_bytes(model.flow, noisy)
    return row


def against_images(sample: Callable[[int, int], Tensor], seed: int = 0) -> dict:
    """Return what samples alone say: W₁, accuracy, classes, distances, and a look."""
    train, test, labels, _ = digits_split(seed, torch.float32)
    drawn = [sample(n, 101 + k).clamp(0, 16) for k, n in enumerate((1437, 360, 1000))]
    classes = torch.bincount(nearest_label(drawn[2], train, labels), minlength=10)
    return {
        "w1": wasserstein(drawn[1], test),
        "accuracy": two_sample_accuracy(train, drawn[0], test, drawn[1], decay=1.0),
        "classes": int((classes >= 20).sum()),
        "nearest": nearest_distance(drawn[2], train).mean().item(),
        "images": [as_letters(image) for image in drawn[2][:8]],
    }


ALPHABET = "0123456789abcdefg"


def as_letters(image: Tensor) -> str:
    """Write an image (64,) of levels as 64 letters."""
    return "".join(ALPHABET[int(level)] for level in image)


def from_letters(texts: list[str]) -> Tensor:
    """Read images (n, 8, 8) of levels."""
    levels = [[ALPHABET.index(letter) for letter in text] for text in texts]
    return torch.tensor(levels, dtype=torch.float32).view(-1, 8, 8)


def sizes(entry: DigitModel, model: nn.Module) -> tuple[int, int]:
    """Return the parameters that samples need, and all that were trained."""
    whole = parameter_count(model)
    if not entry.generative:
        return whole, whole + entry.helper
    return sum(parameter_count(getattr(model, p)) for p in entry.generative), whole
