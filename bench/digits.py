"""Print a table of digits models: test bits/dim, CPU seconds of training, parameters.

Run: python bench/digits.py [--seeds N] [--flows NAME ...] [--latent NAME ...]
                            [--validate]
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from flowbook import baselines
from flowbook.bounds import doubly_reparameterised
from flowbook.code_prior import CodePrior
from flowbook.dequantization import Dequantized
from flowbook.digit_models import RECIPES, Recipe, train_flow
from flowbook.digits import bits_per_dim, digits_split
from flowbook.hierarchy import TwoLevelVAE
from flowbook.importance import log_mean_weight
from flowbook.latent import VAE, negative_elbo
from flowbook.likelihoods import Categorical, DiscretizedLogistic, Likelihood
from flowbook.training import fit
from flowbook.vqvae import VQVAE, TwoLevelVQVAE, fit_codes

Loss = Callable[[nn.Module, Tensor], Tensor]


class Trained(NamedTuple):
    """Bits/dim of test images by two bounds, CPU seconds of training, parameters."""

    bound: float
    tight: float
    seconds: float
    parameters: int


def vae(likelihood: Likelihood) -> VAE:
    """Return the VAE of chapter 14, with another likelihood if need be."""
    return VAE(64, 8, likelihood, hidden=128, shift=8.0, scale=8.0)


def two_levels() -> TwoLevelVAE:
    """Return the two levels of latents of chapter 17."""
    likelihood = DiscretizedLogistic()
    return TwoLevelVAE(64, 8, 2, likelihood, hidden=128, shift=8.0, scale=8.0)


def latent(
    make: Callable[[], VAE | TwoLevelVAE], loss: Loss, steps: int, batch: int = 256
) -> Callable[[int], Trained]:
    """Return what trains such a model on a split; its bounds are ELBO and IWAE-500."""

    def train(seed: int) -> Trained:
        images, test = digits_split(seed, torch.float32)[:2]
        torch.manual_seed(seed)
        model = make()
        start = time.process_time()
        fit(
            model,
            images,
            steps=steps,
            batch=batch,
            lr=2e-3,
            seed=seed,
            loss=loss,
            weight_decay=1e-2,
            progress=False,
        )
        seconds = time.process_time() - start
        noise = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            log_weights = torch.cat(
                [model.log_weights(rows, 500, noise) for rows in test.split(60)], 1
            )
        elbo, tight = log_weights.mean(0), log_mean_weight(log_weights)
        return Trained(bits_per_dim(elbo), bits_per_dim(tight), seconds, size(model))

    return train


def size(*models: nn.Module) -> int:
    """How many numbers of these models are trained."""
    every = [p for model in models for p in model.parameters()]
    return sum(p.numel() for p in every if p.requires_grad)


def fit_prior(prior: nn.Module, codes: Tensor, seed: int, loss: Loss) -> None:
    """Train a prior on maps of codes that are laid out as rows of numbers."""
    settings = {"steps": 500, "batch": 128, "lr": 5e-3, "weight_decay": 0.3}
    fit(prior, codes.float(), loss=loss, seed=seed, progress=False, **settings)


def one_map(seed: int) -> Trained:
    """Sixteen codes on a 4×4 map, and a prior of masked convolutions."""
    images, test = digits_split(seed, torch.float32)[:2]
    torch.manual_seed(seed)
    model, prior = VQVAE(16), CodePrior(16, 4, hidden=32)
    start = time.process_time()
    fit_codes(model, images, steps=1000, seed=seed, **CODES)
    with torch.no_grad():
        codes, new = model.codes(images), model.codes(test)
    fit_prior(
        prior,
        codes.flatten(1),
        seed,
        lambda prior, rows: -prior.log_prob(rows.long().view(-1, 4, 4)).mean(),
    )
    seconds = time.process_time() - start
    with torch.no_grad():
        bits = bits_per_dim(model.log_likelihood(test) + prior.log_prob(new))
    return Trained(bits, bits, seconds, size(model, prior))


def two_maps(seed: int) -> Trained:
    """Codes on a 2×2 map above a 4×4 map, each with its prior."""
    images, test = digits_split(seed, torch.float32)[:2]
    torch.manual_seed(seed)
    model = TwoLevelVQVAE(32, 4)
    upper, lower = CodePrior(32, 2, hidden=32), CodePrior(4, 4, hidden=32, context=32)

    def split(rows: Tensor) -> tuple[Tensor, Tensor]:
        return rows[:, :4].long().view(-1, 2, 2), rows[:, 4:].long().view(-1, 4, 4)

    def below(prior: CodePrior, rows: Tensor) -> Tensor:
        top, bottom = split(rows)
        context = model.spread(model.top.codebook[top]).detach()
        return prior.log_prob(bottom, context=context)

    start = time.process_time()
    fit_codes(model, images, steps=800, seed=seed, **CODES)
    with torch.no_grad():
        codes, new = (
            torch.cat([c.flatten(1) for c in model.codes(x)], 1) for x in (images, test)
        )
    fit_prior(upper, codes, seed, lambda p, rows: -p.log_prob(split(rows)[0]).mean())
    fit_prior(lower, codes, seed, lambda p, rows: -below(p, rows).mean())
    seconds = time.process_time() - start
    with torch.no_grad():
        price = upper.log_prob(split(new)[0]) + below(lower, new)
        bits = bits_per_dim(model.log_likelihood(test) + price)
    return Trained(bits, bits, seconds, size(model, upper, lower))


CODES = {"batch": 128, "lr": 3e-3, "weight_decay": 1e-2, "progress": False}
LATENT = {
    "VAE, discretised logistic": latent(
        lambda: vae(DiscretizedLogistic()), negative_elbo, 2000
    ),
    "VAE, categorical": latent(lambda: vae(Categorical()), negative_elbo, 2000),
    "the first, trained by IWAE-8": latent(
        lambda: vae(DiscretizedLogistic()),
        lambda model, x: -doubly_reparameterised(model, x, 8).mean(),
        2000,
        128,
    ),
    "the first, ELBO of 8 draws": latent(
        lambda: vae(DiscretizedLogistic()),
        lambda model, x: -model.elbo_sampled(x, 8).mean(),
        2000,
        128,
    ),
    "two levels of latents": latent(
        two_levels, lambda model, x: -model.elbo(x).mean(), 2000
    ),
    "codes, one map": one_map,
    "codes, two maps": two_maps,
}


def timed(recipe: Recipe, seed: int, images: Tensor) -> tuple[Dequantized, float]:
    """Return a flow fitted to the images, and the CPU seconds that it took."""
    start = time.process_time()
    model = train_flow(recipe, images, seed)
    return model, time.process_time() - start


@torch.no_grad()
def flow_bits(model: Dequantized, images: Tensor, seed: int) -> tuple[float, float]:
    """Return the bits/dim of images by one draw of the noise and by 64."""
    one = model.bound(images, seed)
    return bits_per_dim(one), bits_per_dim(model.importance_weighted(images, 64, seed))


def flows_table(seeds: range, names: list[str], validate: bool) -> None:
    """Print the flows' table as Markdown, medians over the splits."""
    print("| flow | one draw | each split | 64 draws | CPU-s | parameters |")
    print("|---|---|---|---|---|---|", flush=True)
    for name in names:
        rows = []
        for seed in seeds:
            train_images, test_images = digits_split(seed, torch.float32)[:2]
            if validate:
                train_images, test_images = train_images[:1150], train_images[1150:]
            model, seconds = timed(RECIPES[name], seed, train_images)
            rows.append((*flow_bits(model, test_images, seed), seconds))
            print(name, seed, rows[-1], file=sys.stderr, flush=True)
        one, many, cpu = (
            statistics.median(column) for column in zip(*rows, strict=True)
        )
        each = " ".join(f"{row[0]:.3f}" for row in rows)
        numbers = size(model)
        print(f"| {name} | {one:.3f} | {each} | {many:.3f} | {cpu:.1f} | {numbers} |")


def main() -> None:
    """Print the tables as Markdown, medians over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--flows", nargs="*", choices=RECIPES, help="these flows alone")
    parser.add_argument("--latent", nargs="*", choices=LATENT, help="these alone")
    parser.add_argument(
        "--validate", action="store_true", help="flows on validation images, not test"
    )
    arguments = parser.parse_args()
    seeds = range(arguments.seeds)
    torch.set_num_threads(1)
    if arguments.flows is not None or arguments.latent is None:
        flows_table(seeds, arguments.flows or list(RECIPES), arguments.validate)
    if arguments.latent is not None or arguments.flows is None:
        print()
        latent_table(seeds, arguments.latent or list(LATENT))
    if arguments.flows is None and arguments.latent is None:
        simple_table()


def latent_table(seeds: range, names: list[str]) -> None:
    """Print the table of models with latents, medians over the splits."""
    print("| model | ELBO | IWAE-500 | each split | CPU-s | parameters |")
    print("|---|---|---|---|---|---|", flush=True)
    for name in names:
        rows = []
        for seed in seeds:
            rows.append(LATENT[name](seed))
            print(name, seed, rows[-1], file=sys.stderr, flush=True)
        bound, tight, cpu, parameters = (
            statistics.median(column) for column in zip(*rows, strict=True)
        )
        each = " ".join(f"{row.tight:.3f}" for row in rows)
        print(
            f"| {name} | {bound:.3f} | {tight:.3f} | {each} | {cpu:.1f} "
            f"| {parameters} |",
            flush=True,
        )


def simple_table() -> None:
    """Print the simple densities, of the first split."""
    split = digits_split(0)[:2]
    simple = {
        "independent pixels, histogram (exact)": baselines.histogram(*split),
        "10 Gaussians (one dequantisation draw)": baselines.gaussian_mixture(
            *split, 10, floor=0.1
        ),
        "Gaussian (one dequantisation draw)": baselines.gaussian_mixture(
            *split, floor=1e-6
        ),
        "uniform (exact)": baselines.uniform(),
    }
    for name, bits in simple.items():
        print(f"| {name} | {bits:.3f} | {bits:.3f} | – | – | – |")


if __name__ == "__main__":
    main()
