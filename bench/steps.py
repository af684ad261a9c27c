"""Training steps per second against zuko's flows of the same shape, as ratios.

    python bench/steps.py [--rounds 15] [--steps 40] [--batch 512]

Both flows have the same layers, widths, bins and number of parameters, the same data
and the same fused Adam. Rounds of ours and of zuko's alternate, so that a busy
neighbour slows both; the ratio is that of CPU times, and its median is printed.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
import zuko
from torch import Tensor, nn

from flowbook.autoregressive import SplineAutoregressive
from flowbook.coupling import AffineCoupling, SplineCoupling, alternating_mask
from flowbook.densities import StandardNormal, eight_gaussians
from flowbook.flow import Flow, Layer

LAYERS, HIDDEN, BINS = 4, 64, 8
ORDERS = [torch.tensor([0, 1]), torch.tensor([1, 0])]
WIDTHS = {"transforms": LAYERS, "hidden_features": (HIDDEN, HIDDEN)}
SPLINES = {
    "univariate": zuko.transforms.MonotonicRQSTransform,
    "shapes": [(BINS,), (BINS,), (BINS - 1,)],
}


def ours(layer: Callable[[int], Layer]) -> Flow:
    return Flow(StandardNormal(2), [layer(i) for i in range(LAYERS)])


def pairs() -> dict[str, tuple[Flow, nn.Module]]:
    """Name -> our flow and zuko's of the same shape."""
    return {
        "affine coupling": (
            ours(lambda i: AffineCoupling(alternating_mask(2, i), HIDDEN)),
            zuko.flows.NICE(2, **WIDTHS),
        ),
        "spline coupling": (
            ours(lambda i: SplineCoupling(alternating_mask(2, i), HIDDEN, BINS)),
            zuko.flows.NICE(2, **SPLINES, **WIDTHS),
        ),
        "spline autoregressive": (
            ours(
                lambda i: SplineAutoregressive(2, (HIDDEN, HIDDEN), ORDERS[i % 2], BINS)
            ),
            zuko.flows.MAF(2, **SPLINES, **WIDTHS),
        ),
    }


def step_time(
    log_prob: Callable[[Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    data: Tensor,
    steps: int,
) -> float:
    """CPU seconds of one training step, mean of `steps`."""
    start = time.process_time()
    for _ in range(steps):
        optimizer.zero_grad()
        loss = -log_prob(data).mean()
        loss.backward()
        optimizer.step()
    return (time.process_time() - start) / steps


def compare(flow: Flow, peer: nn.Module, data: Tensor, rounds: int, steps: int) -> str:
    """Alternate rounds of both; return one line of the table."""
    counts = [sum(p.numel() for p in m.parameters()) for m in (flow, peer)]
    if counts[0] != counts[1]:
        raise ValueError(f"The flows differ in parameters: {counts[0]}, {counts[1]}.")
    optimizers = [torch.optim.Adam(m.parameters(), fused=True) for m in (flow, peer)]
    functions = (flow.log_prob, lambda x: peer().log_prob(x))
    times: list[list[float]] = [[], []]
    for round_ in range(rounds + 1):
        for i in (0, 1):
            seconds = step_time(functions[i], optimizers[i], data, steps)
            if round_:  # the first round warms up
                times[i].append(seconds)
    ratio = statistics.median(b / a for a, b in zip(*times, strict=True))
    mine, theirs = (1000 * statistics.median(t) for t in times)
    return f"{counts[0]:,} | {mine:.2f} | {theirs:.2f} | {ratio:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--batch", type=int, default=512)
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    data = eight_gaussians().sample(options.batch, 0)
    print("flow | parameters | ours, ms | zuko, ms | ratio of steps per second")
    for name, (flow, peer) in pairs().items():
        line = compare(flow, peer, data, options.rounds, options.steps)
        print(f"{name} | {line}", flush=True)


if __name__ == "__main__":
    main()
