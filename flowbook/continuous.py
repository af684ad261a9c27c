"""Flows in continuous time: points that follow a velocity field, and their density."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import vjp, vmap

from flowbook.flow import Layer
from flowbook.inputs import as_generator, expect_count
from flowbook.log_dets import Probe, rademacher_probe

Velocity = Callable[[Tensor, float], Tensor]
"""(x (batch, dim), t) -> dx/dt (batch, dim)."""


class VelocityField(nn.Module):
    """A smooth perceptron of the point and the time.

    Shapes: x (batch, dim) and t, a number or one for each row (batch, 1), to
    (batch, dim).
    """

    def __init__(self, dim: int, hidden: int = 64) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.Linear(dim + 1, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, dim),
        )

    def forward(self, x: Tensor, t: float | Tensor) -> Tensor:
        """Return the velocity of each point."""
        times = torch.zeros_like(x[:, :1]) + t
        return self.network(torch.cat((x, times), -1))


class ExactTrace:
    """The unit vectors as probes: their forms add up to the trace, at dim products."""

    def __call__(self, z: Tensor) -> Tensor:
        """Return all unit vectors for every row, (dim, batch, dim)."""
        units = torch.eye(z.shape[-1], dtype=z.dtype, device=z.device)
        return units[:, None].expand(-1, len(z), -1)


class HutchinsonTrace:
    """One random probe a row, the same all along its path (Grathwohl et al., 2019).

    Its form is the trace on average, at one product. A probe that changed on the way
    would make the path's integrand jump at every step of the solver.
    """

    def __init__(self, seed: int, probe: Probe = rademacher_probe) -> None:
        self.generator, self.probe = as_generator(seed), probe

    def __call__(self, z: Tensor) -> Tensor:
        """Return new probes, (1, batch, dim)."""
        return self.probe(z, self.generator)[None]


class Continuous(Layer):
    """Continuous flow: x is where z arrives on a velocity field (Chen et al., 2018).

        dx/dt = v(x, t),    d/dt log|det dx/dz| = tr dv/dx,    0 <= t <= time,

    so that log|det| is the integral of the trace along the path. Both are integrated
    together by the classical Runge-Kutta method of order 4 in equal steps; `inverse`
    takes them from `time` back to 0. Value, inverse and log|det| are those of the
    exact flow up to an error that falls with the fourth power of the step. Gradients
    are those of the steps as taken.

    `probes` says how the trace is found: `ExactTrace()` or `HutchinsonTrace(seed)`.

    Shapes: z and x (batch, dim); log_det (batch,).

    Raises:
        ValueError: the time is not positive and finite, or there is no step.
    """

    constants = ("time", "steps")

    def __init__(
        self,
        dim: int,
        field: nn.Module | None = None,
        probes: Callable[[Tensor], Tensor] | None = None,
        time: float = 1.0,
        steps: int = 10,
    ) -> None:
        super().__init__()
        if not 0 < time < math.inf:
            raise ValueError(f"A flow runs for a positive time, got {time}.")
        self.dim = dim
        self.field = VelocityField(dim) if field is None else field
        self.probes = ExactTrace() if probes is None else probes
        self.time = float(time)
        self.steps = expect_count(steps, "Continuous", least=1, name="steps")

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        return self._follow(z, 0.0, self.time)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        return self._follow(x, self.time, 0.0)

    def path(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return where z is at the start and after every step, and the log|det| so far.

        Shapes: points (steps + 1, batch, dim); log_det (steps + 1, batch).
        """
        states = torch.stack(self._states(z, 0.0, self.time))
        return states[..., :-1], states[..., -1]

    def _follow(self, z: Tensor, start: float, end: float) -> tuple[Tensor, Tensor]:
        state = self._states(z, start, end)[-1]
        return state[:, :-1], state[:, -1]

    def _states(self, z: Tensor, start: float, end: float) -> list[Tensor]:
        probes = self.probes(z)

        def both(state: Tensor, t: float) -> Tensor:
            velocity, trace = velocity_and_trace(self.field, state[:, :-1], t, probes)
            return torch.cat((velocity, trace[:, None]), -1)

        states = [torch.cat((z, torch.zeros_like(z[:, :1])), -1)]
        h = (end - start) / self.steps
        for k in range(self.steps):
            states.append(runge_kutta(both, states[-1], start + k * h, h))
        return states


def velocity_and_trace(
    field: Velocity, x: Tensor, t: float, probes: Tensor
) -> tuple[Tensor, Tensor]:
    """Return v(x, t) and the sum of v^T (dv/dx) v over the probes of every row.

    Shapes: x (batch, dim); probes (count, batch, dim); velocity (batch, dim), trace
    (batch,).
    """
    velocity, transpose = vjp(lambda x: field(x, t), x)
    (products,) = vmap(transpose)(probes)
    return velocity, (products * probes).sum((0, -1))


def runge_kutta(velocity: Velocity, x: Tensor, t: float, h: float) -> Tensor:
    """Take one step of size h of the classical Runge-Kutta method of order 4.

    Shapes: x and the result (batch, dim).
    """
    first = velocity(x, t)
    second = velocity(x + h / 2 * first, t + h / 2)
    third = velocity(x + h / 2 * second, t + h / 2)
    last = velocity(x + h * third, t + h)
    return x + h / 6 * (first + 2 * second + 2 * third + last)
