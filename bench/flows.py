"""How close the book's flows come to the zoo, and for how many CPU seconds.

    python bench/flows.py [--flows affine spline] [--targets ...] [--seeds 0 1 2]

Prints KL(target || flow) in nats, whose limit is 0, for every seed, and the CPU
seconds of training. One recipe serves all targets: standardise, the same layers, the
same `flowbook.training.fit` that the chapters call, on fresh draws from the target.
"""

import argparse
import statistics
import time

import torch
from torch import Tensor

from flowbook.autoregressive import SplineAutoregressive
from flowbook.coupling import AffineCoupling, SplineCoupling, alternating_mask
from flowbook.densities import ZOO, Density, StandardNormal
from flowbook.elementwise import ElementwiseAffine
from flowbook.flow import Flow, Layer
from flowbook.training import fit

STEPS, BATCH, LR, TEST = 4000, 512, 5e-3, 200_000
GATED = ["checkerboard", "two moons", "eight gaussians", "pinwheel"]
UNTUNED = ["two gaussians", "rings", "banana", "sine ring"]


def affine() -> list[Layer]:
    return [AffineCoupling(alternating_mask(2, i), hidden=64) for i in range(12)]


def spline() -> list[Layer]:
    return [SplineCoupling(alternating_mask(2, i), 64, bins=16) for i in range(8)]


def autoregressive() -> list[Layer]:
    orders = [torch.tensor(order) for order in ([0, 1], [1, 0])]
    return [SplineAutoregressive(2, (64, 64), orders[i % 2], bins=16) for i in range(2)]


FLOWS = {"affine": affine, "spline": spline, "autoregressive": autoregressive}


def standardised(layers: list[Layer], data: Tensor) -> Flow:
    """The flow whose last layer starts by giving the data mean 0 and deviation 2."""
    # Splines reach from -5 to 5: data of deviation 2 fill that.
    last = ElementwiseAffine(data.mean(0), data.std(0) / 2)
    return Flow(StandardNormal(data.shape[1]), [*layers, last])


def kl(target: Density, flow: Flow) -> float:
    """Monte-Carlo KL(target || flow) in nats on fresh points."""
    points = target.sample(TEST, seed=10**6)
    with torch.no_grad():
        batches = points.split(20_000)
        gaps = [target.log_prob(x) - flow.log_prob(x) for x in batches]
    return torch.cat(gaps).mean().item()


def run(name: str, layers: str, seed: int) -> tuple[float, float]:
    """Train one flow; return its KL and the CPU seconds of training."""
    target = ZOO[name]
    data = target.sample(STEPS * BATCH, seed)
    torch.manual_seed(seed)
    flow = standardised(FLOWS[layers](), data)
    start = time.process_time()
    fit(flow, data, steps=STEPS, batch=BATCH, lr=LR, seed=seed, progress=False)
    seconds = time.process_time() - start
    return kl(target, flow), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flows", nargs="+", default=["affine", "spline"])
    parser.add_argument("--targets", nargs="+", default=GATED + UNTUNED)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("flow | target | median KL, nats | each seed | CPU s")
    for layers in options.flows:
        for name in options.targets:
            runs = [run(name, layers, seed) for seed in options.seeds]
            kls, seconds = zip(*runs, strict=True)
            each = " ".join(f"{value:.4f}" for value in kls)
            middle, time_ = statistics.median(kls), statistics.median(seconds)
            print(
                f"{layers} | {name} | {middle:.4f} | {each} | {time_:.0f}", flush=True
            )


if __name__ == "__main__":
    main()
