"""Generative adversarial networks: games, their training, and distances of samples.

A generator makes x from noise; a critic scores data against what was made. A game says
what each of the two lowers: that of Goodfellow et al. (2014), or one of two forms of
the Wasserstein game.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn
from torch.nn.functional import softplus
from tqdm import trange

from flowbook.inputs import (
    as_generator,
    expect_count,
    expect_points,
    expect_positive,
    expect_rows,
    one_dtype,
    seed_number,
)
from flowbook.nets import mlp
from flowbook.training import check_data, row_batches, seeded


class Generator(nn.Module):
    """A network that turns noise z ~ N(0, I) into x; its density is not known.

    Shapes: z (n, latent), x (n, dim).
    """

    def __init__(self, dim: int, latent: int, hidden: int = 64) -> None:
        super().__init__()
        self.latent, self.net = latent, mlp(latent, hidden, dim)

    def forward(self, z: Tensor) -> Tensor:
        """Map noise to samples."""
        expect_points(z, self.latent, "Generator", "z")
        with one_dtype(self, z, "z"):
            return self.net(z)

    def draw(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n samples through which gradients pass, shape (n, dim)."""
        like = next(self.parameters())
        z = like.new_empty(expect_count(n, "Generator.draw"), self.latent)
        return self(z.normal_(generator=generator))

    @torch.no_grad()
    def sample(self, n: int, seed: int | torch.Generator) -> Tensor:
        """Draw n samples, shape (n, dim). An int seeds a new generator."""
        device = next(self.parameters()).device
        return self.draw(n, as_generator(seed, device))


# -- the losses of the two players


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Return -E log D(x) - E log(1 - D(G(z))) from the logits of D, a scalar.

    At the best D it is 2 log 2 - 2 JS(data, samples) (Goodfellow et al., 2014).
    """
    return softplus(-real).mean() + softplus(fake).mean()


def saturating_loss(fake: Tensor) -> Tensor:
    """Return E log(1 - D(G(z))) from logits: what the minimax game lowers."""
    return -softplus(fake).mean()


def non_saturating_loss(fake: Tensor) -> Tensor:
    """Return -E log D(G(z)) from logits: large slopes where D is sure."""
    return softplus(-fake).mean()


def gradient_penalty(critic: nn.Module, x: Tensor) -> Tensor:
    """Return the mean of (‖gradient of the critic at x‖ - 1)², a scalar.

    One norm for every row (Gulrajani et al., 2017). The penalty can be differentiated.
    Shapes: x (batch, dim).
    """
    x = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (slope.norm(dim=1) - 1).square().mean()


class StandardGame:
    """The discriminator's game, with one of the two losses for the generator."""

    def __init__(
        self, generator_loss: Callable[[Tensor], Tensor] = non_saturating_loss
    ) -> None:
        self._generator_loss = generator_loss

    def critic_loss(self, critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        """Return what the discriminator lowers on a batch of data and of samples."""
        return discriminator_loss(critic(real), critic(fake))

    def generator_loss(self, critic: nn.Module, fake: Tensor) -> Tensor:
        """Return what the generator lowers."""
        return self._generator_loss(critic(fake))

    def after_step(self, critic: nn.Module) -> None:
        """Do what is to be done after each step of the critic: here nothing."""


class ClippedWasserstein(StandardGame):
    """WGAN (Arjovsky et al., 2017): the critic lowers E f(G(z)) - E f(x).

    After each of its steps all its weights are clipped to [-bound, bound]: that bounds
    its Lipschitz constant by some number, which is not 1.
    """

    def __init__(self, bound: float = 0.05) -> None:
        self.bound = expect_positive(bound, "ClippedWasserstein", "bound")

    def critic_loss(self, critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        """Return E f(G(z)) - E f(x)."""
        return critic(fake).mean() - critic(real).mean()

    def generator_loss(self, critic: nn.Module, fake: Tensor) -> Tensor:
        """Return -E f(G(z))."""
        return -critic(fake).mean()

    @torch.no_grad()
    def after_step(self, critic: nn.Module) -> None:
        """Clip all weights."""
        for parameter in critic.parameters():
            parameter.clamp_(-self.bound, self.bound)


class PenalisedWasserstein(StandardGame):
    """WGAN-GP (Gulrajani et al., 2017): the penalty holds the slope near 1.

    It is taken at random places between data and samples, times `weight`.
    """

    def __init__(self, weight: float = 10.0) -> None:
        self.weight = expect_positive(weight, "PenalisedWasserstein", "weight")

    def critic_loss(self, critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        """Return E f(G(z)) - E f(x), and the weighted penalty."""
        share = torch.rand_like(real[:, :1])
        between = share * real + (1 - share) * fake
        value = critic(fake).mean() - critic(real).mean()
        return value + self.weight * gradient_penalty(critic, between)

    def generator_loss(self, critic: nn.Module, fake: Tensor) -> Tensor:
        """Return -E f(G(z))."""
        return -critic(fake).mean()


# -- training


@dataclass(frozen=True, repr=False)
class GameHistory:
    """What a training leaves behind: both losses of every step, and what was watched.

    Shapes: critic and generator (steps,), on the CPU; `watched` one entry a look.
    """

    critic: Tensor
    generator: Tensor
    seconds: float
    watched: list = field(default_factory=list)

    def __repr__(self) -> str:
        return (
            f"GameHistory({len(self.critic)} steps in {self.seconds:.1f} s, critic "
            f"{self.critic[-1]:.4f}, generator {self.generator[-1]:.4f})"
        )


def fit_game(
    generator: Generator,
    critic: nn.Module,
    data: Tensor,
    game: StandardGame,
    *,
    steps: int = 1000,
    critic_steps: int = 1,
    batch: int = 256,
    lr: float = 1e-3,
    momentum: float = 0.5,
    seed: int = 0,
    watch: Callable[[Generator], object] | None = None,
    every: int = 100,
    progress: bool = True,
) -> GameHistory:
    """Train both players in turns, and return their losses.

    A step is `critic_steps` steps of the critic, each on new data and new samples that
    pass no gradient to the generator, and then one of the generator, on new samples,
    with the critic held fixed. Both use Adam at a constant rate with first decay
    `momentum`. `watch(generator)` is called before the first step and after every
    `every` steps; its results are kept.

    Models are moved to the device and dtype of the data. Order and draws follow `seed`,
    and torch's own generator is put back afterwards. Shapes: data (n, dim).

    Raises:
        TypeError: the data are no tensor, or a count or the seed no integer.
        ValueError: data that are empty, not finite or of another shape, a count below
            1, or a rate that is not positive.
        FloatingPointError: a loss is not finite; names the player and the step.
    """
    check_data(data)
    lr = expect_positive(lr, "fit_game", "lr")
    counts = {"steps": steps, "critic_steps": critic_steps, "batch": batch}
    for name, count in (counts | {"every": every}).items():
        expect_count(count, "fit_game", 1, name)
    seed = seed_number(seed)
    data, began = data.detach(), time.perf_counter()
    for model in (generator, critic):
        model.to(data.device, data.dtype).train()
    players = {
        name: torch.optim.Adam(model.parameters(), lr, (momentum, 0.9), fused=True)
        for name, model in (("critic", critic), ("generator", generator))
    }
    batches = row_batches(data, batch, seed)
    losses: dict[str, list[float]] = {"critic": [], "generator": []}
    watched = [] if watch is None else [watch(generator)]
    with (
        seeded(seed, data.device),
        trange(steps, disable=not progress, mininterval=0.5) as bar,
    ):
        for step in bar:
            for _ in range(critic_steps):
                real = next(batches)
                with torch.no_grad():
                    fake = generator.draw(len(real))
                value = game.critic_loss(critic, real, fake)
                _descend("critic", players["critic"], value, step)
                game.after_step(critic)
            losses["critic"].append(value.item())
            critic.requires_grad_(False)
            value = game.generator_loss(critic, generator.draw(len(real)))
            _descend("generator", players["generator"], value, step)
            critic.requires_grad_(True)
            losses["generator"].append(value.item())
            if watch is not None and (step + 1) % every == 0:
                watched.append(watch(generator))
    for model in (generator, critic):
        model.eval()
    both = (torch.tensor(values, device="cpu") for values in losses.values())
    return GameHistory(*both, time.perf_counter() - began, watched)


def _descend(
    player: str, optimizer: torch.optim.Optimizer, value: Tensor, step: int
) -> None:
    if not value.isfinite():
        raise FloatingPointError(
            f"The loss of the {player} is {value.item()} at step {step}."
        )
    optimizer.zero_grad()
    value.backward()
    optimizer.step()


# -- distances


def jensen_shannon(log_p: Tensor, log_q: Tensor, weights: Tensor) -> Tensor:
    """Return the Jensen-Shannon divergence of two densities in nats, by quadrature.

    JS = (KL(p ‖ m) + KL(q ‖ m)) / 2 with m = (p + q) / 2; between 0 and log 2.
    Shapes: log-densities at the nodes, and the weights of the nodes, all (n,).
    """
    if not log_p.shape == log_q.shape == weights.shape:  # a column would broadcast
        raise ValueError(
            "jensen_shannon expects two densities and weights of one shape, got "
            f"{tuple(log_p.shape)}, {tuple(log_q.shape)} and {tuple(weights.shape)}."
        )
    log_m = torch.logaddexp(log_p, log_q) - math.log(2)
    each, other = (
        torch.where(log > -math.inf, log.exp() * (log - log_m), 0.0)
        for log in (log_p, log_q)
    )
    return 0.5 * (weights * (each + other)).sum()


def wasserstein(x: Tensor, y: Tensor) -> float:
    """Return W₁ between two samples of the same size, exactly.

    Each point of x is sent to its own point of y so that the mean distance is least: a
    linear assignment (SciPy). Two samples of one density are not at distance zero.

    Shapes: x and y (n, dim).

    Raises:
        ValueError: the shapes differ.
    """
    expect_rows(x, None, "wasserstein")
    expect_rows(y, None, "wasserstein", "y")
    if x.shape != y.shape:
        raise ValueError(
            "wasserstein expects as many points in y as in x, got "
            f"{tuple(x.shape)} and {tuple(y.shape)}."
        )
    distance = torch.cdist(x.detach().double(), y.detach().double()).cpu().numpy()
    rows, columns = linear_sum_assignment(distance)
    return distance[rows, columns].mean().item()


def modes_hit(x: Tensor, centres: Tensor, reach: float, least: float = 0.02) -> int:
    """Return how many centres have at least a share `least` of x within `reach`.

    A point counts for its nearest centre. Shapes: x (n, dim), centres (modes, dim).
    """
    expect_rows(x, centres.shape[1], "modes_hit")
    distance, nearest = torch.cdist(x, centres).min(1)
    counts = torch.bincount(nearest[distance < reach], minlength=len(centres))
    return int((counts >= least * len(x)).sum())
