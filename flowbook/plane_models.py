"""Every model of the book on the plane, and one row of the comparison for each.

`PLANE_MODELS` says how each is trained and what it knows of log p(x). The page of
chapter 20 and `bench/zoo.py` call the same two functions, `train_on_plane` and
`measure_on_plane`.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from flowbook.adversarial import (
    Generator,
    PenalisedWasserstein,
    StandardGame,
    fit_game,
    modes_hit,
)
from flowbook.bounds import doubly_reparameterised
from flowbook.codes import k_means
from flowbook.coupling import AffineCoupling, alternating_mask
from flowbook.densities import ZOO, Density
from flowbook.families import BATCH, FAMILIES, STEPS, fit_family, parameter_count
from flowbook.flow import Flow
from flowbook.hierarchy import TwoLevelVAE
from flowbook.importance import log_mean_weight
from flowbook.information import BetaELBO
from flowbook.latent import VAE, negative_elbo
from flowbook.latent_mixture import LatentMixture
from flowbook.likelihoods import LearnedGaussian
from flowbook.matching import fit_matching, matching_loss
from flowbook.measures import (
    mean_and_error,
    processor_ms,
    recomputed_bytes,
    stored_bytes,
    transport,
    two_sample_accuracy,
)
from flowbook.nets import mlp
from flowbook.training import fit

CRITIC = parameter_count(mlp(2, 64, 1))
DRAWS = 200  # of the latent, for the tight bound
POINTS = 5_000  # new points for the gap
FIRST_NEW = 10**6  # the seed of what no model was trained on


class PlaneModel(NamedTuple):
    """How a model is trained on a density of the zoo, and what it can say.

    `knows` is "exact", "bound" (of log p(x), from below) or "none". `score` gives
    log p(x) or the tight bound (n,), `loose` the bound of one draw, `loss` what a
    training step lowers, for the count of memory. `generative` names the part that
    samples need, where that is not the whole model, and `helper` is the size of a
    network that is thrown away after training.
    """

    knows: str
    chapter: int
    train: Callable[[Density, int], nn.Module]
    score: Callable[[nn.Module, Tensor], Tensor] | None = None
    loose: Callable[[nn.Module, Tensor], Tensor] | None = None
    loss: Callable[[nn.Module, Tensor], Tensor] | None = None
    latent: str = "2"
    generative: tuple[str, ...] = ()
    helper: int = 0


class NearestCode(LatentMixture):
    """A mixture that codes a point by its most probable component alone.

    log p(x, c) = log p(c) + log N(x; mean_c, std_c² I) at the best c bounds log p(x)
    from below: the other components are left out.
    """

    def bound(self, x: Tensor) -> Tensor:
        """Return the largest log p(x, c) over the codes c, shape (batch,)."""
        return self.log_joint(x).amax(1)


def _data(target: Density, seed: int) -> Tensor:
    return target.sample(STEPS * BATCH, seed, dtype=torch.float32)


def _mixture(target: Density, seed: int) -> nn.Module:
    data = _data(target, seed)
    model = LatentMixture(data[:100], std=0.5)
    fit(model, data, steps=STEPS, batch=BATCH, lr=0.03, seed=seed, progress=False)
    return model


def _codes(target: Density, seed: int) -> nn.Module:
    data = _data(target, seed)[:10_000]
    codebook, codes = k_means(data, 100, seed)
    model = NearestCode(codebook)
    squares = (data - codebook[codes]).square().sum(1) / 2
    counts = torch.bincount(codes, minlength=100).clamp(min=1)
    spread = squares.new_zeros(100).index_add(0, codes, squares) / counts
    with torch.no_grad():
        model.logits.copy_(counts.log())
        model.log_std.copy_(0.5 * spread.clamp(min=1e-6).log())
    return model


def _vae(
    target: Density,
    seed: int,
    loss: Callable[[nn.Module, Tensor], Tensor],
    make: Callable[[float, float], nn.Module],
) -> nn.Module:
    data = _data(target, seed)
    torch.manual_seed(seed)
    model = make(data.mean().item(), data.std().item())
    settings = {"steps": 2 * STEPS, "batch": BATCH, "lr": 5e-3, "seed": seed}
    fit(model, data, loss=loss, progress=False, **settings)
    return model


def _plain(shift: float, scale: float, layers: int = 0) -> VAE:
    flow = [AffineCoupling(alternating_mask(2, k), 16) for k in range(layers)]
    options = {"hidden": 18, "shift": shift, "scale": scale, "layers": flow}
    return VAE(2, 2, LearnedGaussian(0.5), **options)


def _two_level(shift: float, scale: float) -> TwoLevelVAE:
    likelihood = LearnedGaussian(0.5)
    return TwoLevelVAE(2, 2, 1, likelihood, hidden=14, shift=shift, scale=scale)


def _negative_iwae(model: nn.Module, x: Tensor) -> Tensor:
    return -doubly_reparameterised(model, x, 8).mean()


def _two_level_loss(model: nn.Module, x: Tensor) -> Tensor:
    return -model.elbo(x).mean()


def _game(game: StandardGame, settings: dict[str, Any]) -> Callable[..., nn.Module]:
    def train(target: Density, seed: int) -> nn.Module:
        data = _data(target, seed)
        torch.manual_seed(seed)
        generator, critic = Generator(2, 8, 17), mlp(2, 64, 1)
        options = {"batch": 128, "seed": seed, "progress": False}
        fit_game(generator, critic, data, game, **settings, **options)
        return generator

    return train


def _matched(target: Density, seed: int) -> nn.Module:
    return fit_matching(_data(target, seed), hidden=19, steps=3000, seed=seed)


@torch.no_grad()
def _bound(model: nn.Module, x: Tensor, draws: int) -> Tensor:
    noise = torch.Generator(x.device).manual_seed(0)
    parts = [model.log_weights(rows, draws, noise) for rows in x.split(1000)]
    return torch.cat([log_mean_weight(part) for part in parts])


@torch.no_grad()
def _log_prob(model: nn.Module, x: Tensor) -> Tensor:
    return torch.cat([model.log_prob(rows) for rows in x.split(2500)])


def _negative_log_prob(model: nn.Module, x: Tensor) -> Tensor:
    return -model.log_prob(x).mean()


_TIGHT = {
    "score": lambda model, x: _bound(model, x, DRAWS),
    "loose": lambda model, x: _bound(model, x, 1),
}
_EXACT = {"score": _log_prob, "loss": _negative_log_prob}


def _matching_loss(model: nn.Module, x: Tensor) -> Tensor:
    return matching_loss(model.layers[0].field, x)


_FAMILY_CHAPTERS = dict(
    zip(FAMILIES, (4, 5, 12, 6, 6, 6, 7, 7, 7, 8, 8, 9, 10, 12), strict=True)
)


def _family(name: str) -> PlaneModel:
    train = partial(_fit_family, name)
    return PlaneModel("exact", _FAMILY_CHAPTERS[name], train, **_EXACT)


def _fit_family(name: str, target: Density, seed: int) -> nn.Module:
    return fit_family(name, target, seed)


def _latent(
    chapter: int,
    loss: Callable[[nn.Module, Tensor], Tensor],
    make: Callable[[float, float], nn.Module] = _plain,
    **options: Any,
) -> PlaneModel:
    train = partial(_vae, loss=loss, make=make)
    rest = {"generative": ("decoder", "likelihood"), **_TIGHT} | options
    return PlaneModel("bound", chapter, train, loss=loss, **rest)


PLANE_MODELS: dict[str, PlaneModel] = {
    **{name: _family(name) for name in FAMILIES},
    "flow matching": PlaneModel(
        "exact", 20, _matched, score=_log_prob, loss=_matching_loss
    ),
    "mixture": PlaneModel("exact", 13, _mixture, latent="1 of 100", **_EXACT),
    "VAE": _latent(14, negative_elbo),
    "VAE, IWAE-8": _latent(16, _negative_iwae),
    "VAE, flow posterior": _latent(16, negative_elbo, partial(_plain, layers=2)),
    "two levels": _latent(
        17,
        _two_level_loss,
        _two_level,
        latent="1 + 2",
        generative=("decoder", "likelihood", "prior_net"),
    ),
    "beta-VAE, 4": _latent(18, BetaELBO(4.0)),
    "codes": PlaneModel(
        "bound", 17, _codes, score=lambda m, x: m.bound(x).detach(), latent="1 of 100"
    ),
    "GAN": PlaneModel(
        "none",
        19,
        _game(StandardGame(), {"steps": 1200}),
        latent="8",
        helper=CRITIC,
    ),
    "WGAN, penalty": PlaneModel(
        "none",
        19,
        _game(
            PenalisedWasserstein(1.0),
            {"steps": 600, "critic_steps": 2, "momentum": 0.0},
        ),
        latent="8",
        helper=CRITIC,
    ),
}
"""Every model that is fitted to the zoo, by name."""

SLOW = ("planar", "radial", "residual", "continuous")
"""Those that a page has no time to train."""

UNCOUNTED = ("residual", "continuous")
"""Those whose loss takes derivatives, during which memory cannot be counted."""


def train_on_plane(name: str, target: str, seed: int = 0) -> tuple[nn.Module, float]:
    """Return the model, in float64, and the processor seconds that it took."""
    start = time.process_time()
    model = PLANE_MODELS[name].train(ZOO[target], seed)
    seconds = time.process_time() - start
    return model.double().eval(), seconds


def draw(model: nn.Module, n: int, seed: int) -> Tensor:
    """Draw n points (n, 2) of any model of the comparison."""
    drawn = model.sample(n, seed)
    return drawn[0] if isinstance(drawn, tuple) else drawn


def centres_of(target: str) -> Tensor | None:
    """Return the modes (modes, 2) of a density that has some, apart from each other."""
    return ZOO[target].means if target in ("two gaussians", "eight gaussians") else None


def excess(name: str, model: nn.Module, target: str) -> Tensor | None:
    """Return log p(x) less the model's score at new points, (5000,), in nats.

    Its mean is KL(p ‖ model) for an exact score, and at least that for a bound. All
    models get the same points.
    """
    score = PLANE_MODELS[name].score
    if score is None:
        return None
    x = ZOO[target].sample(POINTS, FIRST_NEW, dtype=torch.float64)
    return ZOO[target].log_prob(x) - score(model, x)


def measure_on_plane(
    name: str, target: str, model: nn.Module, seconds: float
) -> dict[str, Any]:
    """Return one row of the comparison as plain numbers."""
    entry, density = PLANE_MODELS[name], ZOO[target]
    row: dict[str, Any] = {"knows": entry.knows, "train_s": round(seconds, 1)}
    x = density.sample(1000, FIRST_NEW, dtype=torch.float64)
    if entry.score is not None:
        score = entry.score
        row["gap"] = mean_and_error(excess(name, model, target))
        row["score_ms"] = processor_ms(lambda: score(model, x))
    if entry.loose is not None:
        row["loose"] = mean_and_error(density.log_prob(x) - entry.loose(model, x))
    row["sample_ms"] = processor_ms(lambda: draw(model, 1000, 0))
    row |= against_data(partial(draw, model), target)
    row["parameters"] = sizes(entry, model)
    if entry.loss is not None and name not in UNCOUNTED:
        loss = entry.loss
        row["memory"] = stored_bytes(lambda: loss(model, x[:256]), model)
        if entry.loss is _negative_log_prob and isinstance(model, Flow):
            row["recomputed"] = recomputed_bytes(model, x[:256])
    return row


def against_data(sample: Callable[[int, int], Tensor], target: str) -> dict[str, Any]:
    """Return what samples alone say: W₁, two-sample accuracy, modes."""
    real = partial(ZOO[target].sample, dtype=torch.float64)
    pairs = (real(2000, 101), sample(2000, 102), real(2000, 103), sample(2000, 104))
    row = {"w1": transport(sample, real), "accuracy": two_sample_accuracy(*pairs)}
    centres = centres_of(target)
    if centres is not None:
        row["modes"] = modes_hit(sample(2000, 105), centres, reach=0.6)
    return row


def sizes(entry: PlaneModel, model: nn.Module) -> tuple[int, int]:
    """Return the parameters that samples need, and all that were trained."""
    whole = parameter_count(model)
    if not entry.generative:
        return whole, whole + entry.helper
    return sum(parameter_count(getattr(model, p)) for p in entry.generative), whole


def best_accuracy(model: nn.Module, target: str) -> tuple[float, float]:
    """Return 1/2 + TV / 2 of an exact model, and its error: the best classifier's.

    Total variation is E_p[max(0, 1 - q/p)], here over new points.
    """
    x = ZOO[target].sample(POINTS, FIRST_NEW, dtype=torch.float64)
    ratio = (_log_prob(model, x) - ZOO[target].log_prob(x)).exp()
    mean, error = mean_and_error((1 - ratio).clamp(min=0))
    return 0.5 + mean / 2, error / 2
