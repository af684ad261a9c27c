"""Training steps per second against zuko, normflows and nflows, as ratios in one run.

    pip install -e .[bench]
    python bench/steps.py [--rounds 11] [--steps 20] [--batch 512 4096]

Every flow has four layers, two hidden layers of 64 and eight bins on two-dimensional
data, torch's default Adam and eager mode. One round takes some steps of each flow in
turn, so that a busy neighbour slows all of them; a ratio is one of CPU times within a
round, and its median over rounds is printed, against the fastest of the peers.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from flowbook.autoregressive import AffineAutoregressive
from flowbook.coupling import AffineCoupling, SplineCoupling, alternating_mask
from flowbook.densities import StandardNormal, eight_gaussians
from flowbook.flow import Flow, Layer

LAYERS, HIDDEN, BINS, BOUND = 4, 64, 8, 5.0
MASKS = [alternating_mask(2, i) for i in range(LAYERS)]
ORDERS = [torch.tensor(order) for order in ([0, 1], [1, 0])]

Racer = tuple[nn.Module, Callable[[Tensor], Tensor]]  # a model, its log_prob


def ours(layers: list[Layer]) -> Racer:
    flow = Flow(StandardNormal(2), layers)
    return flow, flow.log_prob


def flowbook_racers() -> dict[str, Racer]:
    hidden = (HIDDEN, HIDDEN)
    orders = [ORDERS[i % 2] for i in range(LAYERS)]
    return {
        "affine coupling": ours([AffineCoupling(mask, HIDDEN) for mask in MASKS]),
        "spline coupling": ours([SplineCoupling(mask, HIDDEN, BINS) for mask in MASKS]),
        "MAF": ours([AffineAutoregressive(2, hidden, order) for order in orders]),
    }


def zuko_racers() -> dict[str, Racer]:
    import zuko

    widths = {"transforms": LAYERS, "hidden_features": (HIDDEN, HIDDEN)}
    splines = {
        "univariate": zuko.transforms.MonotonicRQSTransform,
        "shapes": [(BINS,), (BINS,), (BINS - 1,)],
    }
    flows = {
        "affine coupling": zuko.flows.NICE(2, **widths),
        "spline coupling": zuko.flows.NICE(2, **splines, **widths),
        "MAF": zuko.flows.MAF(2, **widths),
    }
    return {
        name: (flow, lambda x, f=flow: f().log_prob(x)) for name, flow in flows.items()
    }


def normflows_racers() -> dict[str, Racer]:
    import normflows

    def racer(layers: list[nn.Module]) -> Racer:
        flow = normflows.NormalizingFlow(
            normflows.distributions.DiagGaussian(2), layers
        )
        return flow, flow.log_prob

    affine: list[nn.Module] = []
    for _ in range(LAYERS):
        net = normflows.nets.MLP([1, HIDDEN, HIDDEN, 2], init_zeros=True)
        affine += [normflows.flows.AffineCouplingBlock(net)]
        affine += [normflows.flows.Permute(2, mode="swap")]
    spline = [
        normflows.flows.CoupledRationalQuadraticSpline(
            2, 1, HIDDEN, num_bins=BINS, tail_bound=BOUND, reverse_mask=bool(i % 2)
        )
        for i in range(LAYERS)
    ]
    autoregressive: list[nn.Module] = []
    for _ in range(LAYERS):
        autoregressive += [
            normflows.flows.MaskedAffineAutoregressive(2, HIDDEN, num_blocks=1)
        ]
        autoregressive += [normflows.flows.Permute(2, mode="swap")]
    return {
        "affine coupling": racer(affine),
        "spline coupling": racer(spline),
        "MAF": racer(autoregressive),
    }


def nflows_racers() -> dict[str, Racer]:
    from nflows import distributions, flows, transforms
    from nflows.nn.nets import MLP

    class Net(MLP):
        def forward(self, x: Tensor, context: None = None) -> Tensor:
            return super().forward(x)

    def net(inputs: int, outputs: int) -> nn.Module:
        return Net((inputs,), (outputs,), [HIDDEN, HIDDEN])

    def racer(layers: list[nn.Module]) -> Racer:
        base = distributions.StandardNormal([2])
        flow = flows.Flow(transforms.CompositeTransform(layers), base)
        return flow, flow.log_prob

    signs = [mask.float() * 2 - 1 for mask in MASKS]
    autoregressive: list[nn.Module] = []
    for _ in range(LAYERS):
        autoregressive += [
            transforms.MaskedAffineAutoregressiveTransform(2, HIDDEN, num_blocks=1)
        ]
        autoregressive += [transforms.ReversePermutation(2)]
    return {
        "affine coupling": racer(
            [transforms.AffineCouplingTransform(s, net) for s in signs]
        ),
        "spline coupling": racer(
            [
                transforms.PiecewiseRationalQuadraticCouplingTransform(
                    s, net, BINS, tails="linear", tail_bound=BOUND
                )
                for s in signs
            ]
        ),
        "MAF": racer(autoregressive),
    }


LIBRARIES = {
    "flowbook": flowbook_racers,
    "zuko": zuko_racers,
    "normflows": normflows_racers,
    "nflows": nflows_racers,
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


def race(
    racers: dict[str, Racer], data: Tensor, rounds: int, steps: int
) -> dict[str, list[float]]:
    """Let all take turns; return the CPU seconds a step of each in every round."""
    optimizers = {
        name: torch.optim.Adam(m.parameters()) for name, (m, _) in racers.items()
    }
    times: dict[str, list[float]] = {name: [] for name in racers}
    for turn in range(rounds + 1):
        for name, (_, log_prob) in racers.items():
            seconds = step_time(log_prob, optimizers[name], data, steps)
            if turn:  # the first round warms up
                times[name].append(seconds)
    return times


def row(times: dict[str, list[float]]) -> str:
    """Return the milliseconds of each, and our ratio to the fastest peer."""
    mine, *_ = times.values()
    median = {name: statistics.median(each) for name, each in times.items()}
    fastest = min(list(times)[1:], key=median.__getitem__)
    ratio = statistics.median(b / a for a, b in zip(mine, times[fastest], strict=True))
    cells = [f"{1000 * value:.2f}" for value in median.values()]
    return " | ".join([*cells, f"{ratio:.2f} ({fastest})"])


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, nargs="+", default=[512, 4096])
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    made = {library: make() for library, make in LIBRARIES.items()}
    names = " | ".join(f"{library}, ms" for library in LIBRARIES)
    print(f"| flow | batch | {names} | ratio to the fastest peer |")
    print("|---" * (len(LIBRARIES) + 3) + "|")
    for batch in options.batch:
        data = eight_gaussians().sample(batch, 0)
        for kind in made["flowbook"]:
            racers = {library: made[library][kind] for library in LIBRARIES}
            times = race(racers, data, options.rounds, options.steps)
            print(f"| {kind} | {batch} | {row(times)} |", flush=True)


if __name__ == "__main__":
    main()
