"""When an estimate of log|det(I + J)| pays: bias, noise and cost against the exact one.

    python bench/log_dets.py [--dims 2 16 64 256] [--calls 400] [--beta 0.9]

At each dimension D one contraction g is drawn: two hidden layers of max(D, 16) units,
every matrix orthogonal up to a factor, so that little of the bound `beta` is wasted.
All estimators take turns on the same eight points z. Bias and noise are those of one
row of one call, in nats and divided by D; the cost is that of value and gradient in the
parameters, in CPU time against the exact one of the same round, as a median.
"""

import argparse
import statistics
import time

import torch
from torch import Tensor, nn

from flowbook.contractive import SpectralNorm, contractive_mlp
from flowbook.log_dets import (
    ExactLogDet,
    RouletteLogDet,
    SeriesLogDet,
    gaussian_probe,
    rademacher_probe,
)

ROWS = 8
ESTIMATORS = {
    "exact": lambda: ExactLogDet(),
    "series, 5 terms, signs": lambda: SeriesLogDet(5, 0, rademacher_probe),
    "series, 20 terms, signs": lambda: SeriesLogDet(20, 0, rademacher_probe),
    "series, 20 terms, Gaussian": lambda: SeriesLogDet(20, 0, gaussian_probe),
    "roulette, signs": lambda: RouletteLogDet(0, 2, 0.85, rademacher_probe),
}


def contraction(dim: int, beta: float) -> nn.Module:
    """Return a residual branch whose Lipschitz constant is at most `beta`."""
    torch.manual_seed(dim)
    g = contractive_mlp(dim, max(dim, 16), lipschitz=beta)
    with torch.no_grad():
        for parameter in g.parameters():
            if parameter.ndim == 2:
                nn.init.orthogonal_(parameter, gain=5)  # cut to the bound by its norm
            else:
                nn.init.ones_(parameter)  # most units where ELU is steep
    for module in g.modules():
        if isinstance(module, SpectralNorm):
            module.refresh(100)
    return g


def timed(estimate: nn.Module, g: nn.Module, z: Tensor) -> tuple[Tensor, float]:
    """Return the values of one call, and the CPU seconds with the gradient."""
    start = time.process_time()
    value = estimate(g, z)
    torch.autograd.grad(value.mean(), list(g.parameters()), allow_unused=True)
    return value.detach(), time.process_time() - start


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dims", type=int, nargs="+", default=[2, 16, 64, 256])
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--beta", type=float, default=0.9)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("| D | estimator | bias / D | its error | noise / D | cost over exact |")
    print("|---|---|---|---|---|---|")
    for dim in arguments.dims:
        g = contraction(dim, arguments.beta)
        z = torch.randn(ROWS, dim)
        made = {name: make() for name, make in ESTIMATORS.items()}
        errors = {name: [] for name in made}
        ratios = {name: [] for name in made}
        for _ in range(arguments.calls):
            runs = {name: timed(each, g, z) for name, each in made.items()}
            truth, least = runs["exact"]
            for name, (value, seconds) in runs.items():
                errors[name].append((value - truth) / dim)
                ratios[name].append(seconds / least)
        for name in made:
            error = torch.stack(errors[name])  # (calls, rows)
            bias, noise = error.mean(), error.std(0).mean()
            # Rows of a call may share the number of terms: calls are what counts.
            off = error.mean(1).std() / len(error) ** 0.5
            cost = statistics.median(ratios[name])
            print(
                f"| {dim} | {name} | {bias:+.5f} | {off:.5f} | {noise:.4f} "
                f"| {cost:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
