"""Flow matching: the velocity field of a continuous flow, found by regression."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from flowbook.continuous import Continuous, VelocityField, runge_kutta
from flowbook.densities import StandardNormal
from flowbook.elementwise import ElementwiseAffine
from flowbook.flow import Flow, Layer
from flowbook.inputs import as_generator, seed_number
from flowbook.training import check_data, fit, seeded


def matching_pairs(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Draw where to ask a field, when, and what it should answer on average.

    Each x gets noise z ~ N(0, I) and a time t ~ U(0, 1): the point (1 - t) z + t x is
    on the straight path between them, whose velocity is x - z (Lipman et al., 2023).
    The draws come from torch's own generator.

    Shapes: x, the points and the velocities (batch, dim); the times (batch, 1).
    """
    z, t = torch.randn_like(x), torch.rand_like(x[:, :1])
    return (1 - t) * z + t * x, t, x - z


def matching_loss(field: nn.Module, x: Tensor) -> Tensor:
    """Return the mean of ‖field(point, t) - (x - z)‖² over the batch, a scalar.

    Its least value is that of the marginal field E[x - z | point, t], whose flow
    carries N(0, I) to the density of x.
    """
    points, t, velocities = matching_pairs(x)
    found = field(points, t)
    if found.shape != x.shape:  # numbers of a line would broadcast to all pairs
        raise ValueError(
            f"matching_loss expects a field that gives shape {tuple(x.shape)}, got "
            f"{tuple(found.shape)}."
        )
    return (found - velocities).square().sum(1).mean()


class MatchedFlow(Flow):
    """A continuous flow and layers after it, whose samples take no trace.

    `log_prob` integrates the trace along each path; a sample only has to arrive.
    """

    @torch.no_grad()
    def sample(self, n: int, seed: int | torch.Generator) -> Tensor:
        """Draw n samples, shape (n, dim)."""
        like = next(self.parameters())
        flow, *rest = self.layers
        x = self.base.sample(n, as_generator(seed, like.device), like.dtype)
        h = flow.time / flow.steps
        for k in range(flow.steps):
            x = runge_kutta(flow.field, x, k * h, h)
        for layer in rest:
            x, _ = layer(x)
        return x


def fit_matching(
    data: Tensor,
    *,
    hidden: int = 64,
    solver_steps: int = 16,
    steps: int = 2000,
    batch: int = 256,
    lr: float = 5e-3,
    seed: int = 0,
    weight_decay: float = 0.0,
    layers: Iterable[Layer] = (),
) -> MatchedFlow:
    """Return a continuous flow whose field was matched to the data, never simulated.

    The field sees the data shifted and scaled to mean 0 and deviation 1; a layer takes
    that back, and `layers` come after it: the data are then what these get. Torch's own
    generator stays as it was. Shapes: data (n, dim).
    """
    check_data(data)
    mean, scale = data.mean(0), data.std(0).clamp_min(1e-3)
    with seeded(seed_number(seed), data.device):
        field = VelocityField(data.shape[1], hidden)
    settings = {"steps": steps, "batch": batch, "lr": lr, "seed": seed}
    settings |= {"weight_decay": weight_decay, "progress": False}
    fit(field, (data - mean) / scale, loss=matching_loss, **settings)
    flow = Continuous(data.shape[1], field, steps=solver_steps)
    last = ElementwiseAffine(mean, scale)
    return MatchedFlow(StandardNormal(data.shape[1]), [flow, last, *layers])
