"""Continuous, planar, residual and Gaussianization flows beside zuko's and normflows'.

    pip install -e .[bench]
    python bench/planes.py [--targets ...] [--steps 2000] [--seed 0]

On each target ours and the peer's are trained in turn by the same loop, on the same
standardised points: Adam with warm-up and cosine, batch 256, learning rate 5e-3.
Prints KL(target || flow) in nats on fresh points and the CPU seconds of fitting.
"""

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from flowbook.continuous import Continuous, VelocityField
from flowbook.contractive import ContractiveResidual, contractive_mlp
from flowbook.densities import ZOO, Density, StandardNormal
from flowbook.flow import Flow, Inverse, Layer
from flowbook.gaussianization import iterated_gaussianization
from flowbook.planar_radial import Planar
from flowbook.training import fit

GATED = ["checkerboard", "two moons", "eight gaussians", "pinwheel"]
BATCH, LR, TEST, RBIG_POINTS = 256, 5e-3, 50_000, 200_000


class Standardised(nn.Module):
    """A model of data that are brought to mean 0 and deviation 2 first."""

    def __init__(self, model: nn.Module, data: Tensor) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("mean", data.mean(0))
        self.register_buffer("scale", data.std(0) / 2)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x), shape (batch,)."""
        log_prob = self.model.log_prob((x - self.mean) / self.scale)
        return log_prob - self.scale.log().sum()


class Zuko(nn.Module):
    """A lazy distribution of zuko as a module with `log_prob`."""

    def __init__(self, flow: nn.Module) -> None:
        super().__init__()
        self.flow = flow

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x), shape (batch,)."""
        return self.flow().log_prob(x)


def ours(layers: list[Layer]) -> nn.Module:
    return Flow(StandardNormal(2), layers)


def zuko_continuous() -> nn.Module:
    import zuko

    return Zuko(zuko.flows.CNF(2, hidden_features=(64, 64)))


def zuko_gaussianization() -> nn.Module:
    import zuko

    return Zuko(zuko.flows.GF(2, transforms=30, components=8))


class Planes(nn.Module):
    """The planar layers of normflows from the data to the base, as ours are here."""

    def __init__(self, count: int) -> None:
        super().__init__()
        import normflows

        self.layers = nn.ModuleList(normflows.flows.Planar((2,)) for _ in range(count))

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x), shape (batch,)."""
        total = x.new_zeros(len(x))
        for layer in self.layers:
            x, log_det = layer(x)
            total = total + log_det
        return StandardNormal(2).log_prob(x) + total


class Residuals(nn.Module):
    """A residual flow of normflows, whose bounds hold only if they are brought up."""

    def __init__(self, flow: nn.Module) -> None:
        super().__init__()
        self.flow = flow

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x), shape (batch,)."""
        import normflows

        if torch.is_grad_enabled():
            normflows.utils.update_lipschitz(self.flow, 5)
        return self.flow.log_prob(x)


def normflows_residual() -> nn.Module:
    import normflows

    def block() -> nn.Module:
        net = normflows.nets.LipschitzMLP([2, 64, 64, 2], lipschitz_const=0.97)
        return normflows.flows.Residual(net, brute_force=True, reduce_memory=False)

    base = normflows.distributions.DiagGaussian(2, trainable=False)
    return Residuals(normflows.NormalizingFlow(base, [block() for _ in range(6)]))


def our_residual() -> nn.Module:
    nets = [contractive_mlp(2, 64, lipschitz=0.9) for _ in range(6)]
    return ours([Inverse(ContractiveResidual(net)) for net in nets])


PAIRS: dict[str, list[tuple[str, Callable[[], nn.Module]]]] = {
    "continuous": [
        ("ours", lambda: ours([Continuous(2, VelocityField(2, 64), steps=8)])),
        ("zuko CNF", zuko_continuous),
    ],
    "planar, 32 layers": [
        ("ours", lambda: ours([Inverse(Planar(2)) for _ in range(32)])),
        ("normflows", lambda: Planes(32)),
    ],
    "residual, 6 blocks": [("ours", our_residual), ("normflows", normflows_residual)],
    "Gaussianization, 30 layers": [("zuko GF", zuko_gaussianization)],
}


@torch.no_grad()
def kl(target: Density, model: nn.Module) -> float:
    """Monte-Carlo KL(target || model) in nats on fresh points."""
    for layer in model.modules():
        if isinstance(layer, Continuous):
            layer.steps = 16
    gaps = []
    for x in target.sample(TEST, seed=10**6).split(5_000):
        with torch.enable_grad():  # brute-force Jacobians ask for it
            log_q = model.log_prob(x).detach()
        gaps.append(target.log_prob(x) - log_q)
    return torch.cat(gaps).mean().item()


def trained(
    make: Callable[[], nn.Module], data: Tensor, steps: int, seed: int
) -> tuple[nn.Module, float]:
    """Return the fitted model and the CPU seconds that it took."""
    torch.manual_seed(seed)
    model = Standardised(make(), data)
    start = time.process_time()
    fit(model, data, steps=steps, batch=BATCH, lr=LR, seed=seed, progress=False)
    return model, time.process_time() - start


def gaussianization_rows(data: Tensor, steps: int, seed: int) -> list[tuple]:
    """Fit without gradients; then train the same flow further by likelihood."""
    start = time.process_time()
    flow = iterated_gaussianization(data[:RBIG_POINTS].double(), 30).float()
    rows = [("ours, RBIG", flow, time.process_time() - start)]
    start = time.process_time()
    again = iterated_gaussianization(data[:20_000].double(), 30).float()
    fit(again, data, steps=steps, batch=BATCH, lr=2e-3, seed=seed, progress=False)
    return [*rows, ("ours, trained on", again, time.process_time() - start)]


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--targets", nargs="+", default=GATED)
    parser.add_argument("--kinds", nargs="+", default=list(PAIRS))
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| flow | target | library | KL, nats | CPU s |\n|---|---|---|---|---|")
    for kind in options.kinds:
        for name in options.targets:
            target = ZOO[name]
            data = target.sample(options.steps * BATCH, options.seed)
            rows = []
            if kind.startswith("Gaussianization"):
                rows = gaussianization_rows(data, options.steps, options.seed)
            for library, make in PAIRS[kind]:
                model, seconds = trained(make, data, options.steps, options.seed)
                rows.append((library, model, seconds))
            for library, model, seconds in rows:
                found = kl(target, model)
                print(
                    f"| {kind} | {name} | {library} | {found:.4f} | {seconds:.0f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
