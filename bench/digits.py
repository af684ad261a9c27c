"""Print a table of digits models: test bits/dim, CPU seconds of training, parameters.

Run: python bench/digits.py [--seeds N]
"""

import argparse
import statistics
import time

import torch

from flowbook import baselines
from flowbook.digits import bits_per_dim, digits_split
from flowbook.latent import VAE, negative_elbo
from flowbook.likelihoods import Categorical, DiscretizedLogistic
from flowbook.training import fit

LIKELIHOODS = {
    "VAE, discretised logistic": DiscretizedLogistic,
    "VAE, categorical": Categorical,
}


def train(make: type, seed: int) -> tuple[VAE, float]:
    """Return a fitted VAE of the split `seed`, and the CPU seconds that it took."""
    torch.manual_seed(seed)
    model = VAE(64, 8, make(), hidden=128, shift=8.0, scale=8.0)
    start = time.process_time()
    fit(
        model,
        digits_split(seed)[0],
        steps=2000,
        batch=256,
        lr=2e-3,
        seed=seed,
        loss=negative_elbo,
        weight_decay=1e-2,
        progress=False,
    )
    return model, time.process_time() - start


@torch.no_grad()
def test_bits(model: VAE, seed: int) -> tuple[float, float]:
    """Return the test split's bits/dim by the ELBO and by IWAE-500."""
    images = digits_split(seed)[1]
    noise = torch.Generator().manual_seed(seed)
    elbo = model.elbo_sampled(images, 50, noise)
    tight = [model.importance_weighted(rows, 500, noise) for rows in images.split(60)]
    return bits_per_dim(elbo), bits_per_dim(torch.cat(tight))


def main() -> None:
    """Print the table as Markdown, medians over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(parser.parse_args().seeds)
    torch.set_num_threads(1)
    print("| model | ELBO | IWAE-500 | CPU-s | parameters |\n|---|---|---|---|---|")
    for name, make in LIKELIHOODS.items():
        rows = []
        for seed in seeds:
            model, seconds = train(make, seed)
            rows.append((*test_bits(model, seed), seconds))
        elbo, tight, cpu = (
            statistics.median(column) for column in zip(*rows, strict=1)
        )
        size = sum(parameter.numel() for parameter in model.parameters())
        print(f"| {name} | {elbo:.3f} | {tight:.3f} | {cpu:.1f} | {size} |", flush=True)
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
        print(f"| {name} | {bits:.3f} | {bits:.3f} | – | – |")


if __name__ == "__main__":
    main()
