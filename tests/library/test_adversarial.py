"""Claims of flowbook.adversarial: losses, penalties, training and distances."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Normal

from flowbook.adversarial import (
    ClippedWasserstein,
    Generator,
    PenalisedWasserstein,
    StandardGame,
    discriminator_loss,
    fit_game,
    gradient_penalty,
    jensen_shannon,
    modes_hit,
    non_saturating_loss,
    saturating_loss,
    wasserstein,
)
from flowbook.nets import mlp

pytestmark = pytest.mark.usefixtures("float64")

GAMES = {
    "standard": StandardGame,
    "saturating": lambda: StandardGame(saturating_loss),
    "clipped": lambda: ClippedWasserstein(0.1),
    "penalised": lambda: PenalisedWasserstein(2.0),
}
DISTANCES = [(1, 0.111421), (2, 0.336831), (4, 0.632720), (8, 0.693054)]


def players(seed: int = 0) -> tuple[Generator, nn.Module]:
    torch.manual_seed(seed)
    return Generator(2, 3, 8), mlp(2, 8, 1)


def nodes() -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.linspace(-14, 22, 40_001)
    return x, torch.full_like(x, (x[1] - x[0]).item())


# -- losses


def test_the_losses_are_those_of_probabilities():
    real, fake = torch.randn(50), torch.randn(50)
    d_real, d_fake = real.sigmoid(), fake.sigmoid()
    expected = -d_real.log().mean() - (1 - d_fake).log().mean()
    torch.testing.assert_close(discriminator_loss(real, fake), expected)
    torch.testing.assert_close(saturating_loss(fake), (1 - d_fake).log().mean())
    torch.testing.assert_close(non_saturating_loss(fake), -d_fake.log().mean())


def test_the_losses_are_finite_for_logits_that_are_sure():
    sure = torch.tensor([800.0, -800.0], requires_grad=True)
    total = discriminator_loss(sure, sure) + saturating_loss(sure)
    (total + non_saturating_loss(sure)).backward()
    assert total.isfinite()
    assert sure.grad.isfinite().all()


@pytest.mark.parametrize(("d", "js"), DISTANCES)
def test_the_best_discriminator_has_the_value_of_the_divergence(d, js):
    x, weights = nodes()
    log_p, log_q = Normal(0.0, 1.0).log_prob(x), Normal(float(d), 1.0).log_prob(x)
    found = jensen_shannon(log_p, log_q, weights)
    assert abs(found - js) < 6e-7
    logits = log_p - log_q
    p, q = log_p.exp() * weights, log_q.exp() * weights
    softplus = nn.functional.softplus
    loss = (p * softplus(-logits)).sum() + (q * softplus(logits)).sum()
    torch.testing.assert_close(-loss, -2 * math.log(2) + 2 * found)
    worse = 0.7 * logits + 0.1
    other = (p * softplus(-worse)).sum() + (q * softplus(worse)).sum()
    assert other > loss


def test_densities_without_overlap_are_at_log_2_and_equal_ones_at_0():
    x = torch.linspace(0.0, 2.0, 2001)[:-1] + 0.0005
    weights = torch.full_like(x, 0.001)
    low = torch.where(x < 1, 0.0, -math.inf)
    high = torch.where(x < 1, -math.inf, 0.0)
    assert abs(jensen_shannon(low, high, weights) - math.log(2)) < 1e-12
    assert jensen_shannon(low, low, weights).abs() < 1e-12


def test_a_penalty_is_on_each_rows_own_slope():
    critic = nn.Linear(3, 1)
    x = torch.randn(7, 3)
    slope = critic.weight.norm()
    penalty = gradient_penalty(critic, x)
    torch.testing.assert_close(penalty, (slope - 1).square())
    (got,) = torch.autograd.grad(penalty, critic.weight)
    torch.testing.assert_close(got, 2 * (slope - 1) * critic.weight.detach() / slope)

    class Square(nn.Module):
        def forward(self, x):
            return 0.5 * x.square().sum(1, keepdim=True)

    expected = (x.norm(dim=1) - 1).square().mean()
    torch.testing.assert_close(gradient_penalty(Square(), x), expected)


# -- training


@pytest.mark.parametrize("game", GAMES.values(), ids=GAMES)
def test_the_same_call_gives_the_same_game_and_keeps_torchs_generator(game):
    data, results = torch.randn(60, 2), []
    for _ in range(2):
        generator, critic = players()
        before = torch.get_rng_state()
        history = fit_game(
            generator, critic, data, game(), steps=4, batch=16, seed=5, progress=False
        )
        assert torch.equal(torch.get_rng_state(), before)
        results.append([history.critic, history.generator, *generator.parameters()])
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)
    assert all(p.requires_grad for p in critic.parameters())


class Counting(StandardGame):
    """A game that notes who moved, and whether the other stood still."""

    def __init__(self) -> None:
        super().__init__()
        self.moves = ""

    def critic_loss(self, critic, real, fake):
        assert not fake.requires_grad
        self.moves += "c"
        return super().critic_loss(critic, real, fake)

    def generator_loss(self, critic, fake):
        assert not any(p.requires_grad for p in critic.parameters())
        self.moves += "g"
        return super().generator_loss(critic, fake)


def test_the_players_move_in_turns_and_are_watched():
    game, (generator, critic) = Counting(), players()
    history = fit_game(
        generator,
        critic,
        torch.randn(40, 2),
        game,
        steps=4,
        critic_steps=3,
        batch=8,
        watch=lambda g: g.sample(2, 0).shape,
        every=2,
        progress=False,
    )
    assert game.moves == "cccg" * 4
    assert history.watched == [(2, 2)] * 3
    assert len(history.critic) == len(history.generator) == 4


def test_a_clipped_critic_has_small_weights_after_every_step():
    generator, critic = players()
    game = ClippedWasserstein(0.03)
    fit_game(generator, critic, torch.randn(40, 2), game, steps=3, progress=False)
    assert max(p.abs().max() for p in critic.parameters()) <= 0.03


@pytest.mark.parametrize("player", ["critic", "generator"])
def test_a_loss_that_is_not_finite_names_the_player_and_the_step(player):
    class Breaks(StandardGame):
        def __init__(self) -> None:
            super().__init__()
            self.calls = 0

        def critic_loss(self, critic, real, fake):
            self.calls += 1
            bad = player == "critic" and self.calls == 3
            return super().critic_loss(critic, real, fake) * (math.nan if bad else 1)

        def generator_loss(self, critic, fake):
            bad = player == "generator" and self.calls == 3
            return super().generator_loss(critic, fake) * (math.nan if bad else 1)

    with pytest.raises(FloatingPointError, match=f"of the {player} is nan at step 2"):
        fit_game(*players(), torch.randn(40, 2), Breaks(), steps=5, progress=False)


def test_a_generator_comes_closer_to_the_data():
    data = 3 + 0.5 * torch.randn(500, 2)
    generator, critic = players()
    before = wasserstein(generator.sample(200, 0), data[:200])
    game = PenalisedWasserstein(1.0)
    fit_game(
        generator, critic, data, game, steps=150, batch=64, lr=5e-3, progress=False
    )
    assert wasserstein(generator.sample(200, 0), data[:200]) < 0.5 * before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "integer steps >= 1, got 0"),
        ({"critic_steps": 0}, "integer critic_steps >= 1, got 0"),
        ({"lr": 0.0}, "positive lr, got 0"),
    ],
)
def test_a_wrong_number_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        fit_game(*players(), torch.randn(9, 2), StandardGame(), **change)


def test_a_seed_is_any_integer():
    losses = []
    for seed in (3, np.int64(3)):
        options = {"steps": 2, "batch": 4, "seed": seed, "progress": False}
        losses.append(
            fit_game(*players(), torch.ones(9, 2), StandardGame(), **options).critic
        )
    assert torch.equal(*losses)
    with pytest.raises(TypeError, match=r"A seed is an integer, got 0\.5"):
        fit_game(*players(), torch.ones(9, 2), StandardGame(), seed=0.5)


# -- distances


def test_a_divergence_refuses_a_column():
    row = torch.zeros(4)
    for given in (
        (row[:, None], row, row),
        (row, row[:, None], row),
        (row, row, row[:1]),
    ):
        with pytest.raises(ValueError, match="densities and weights of one shape, got"):
            jensen_shannon(*given)


def test_the_distance_is_the_best_of_all_assignments():
    x, y = torch.randn(2, 6, 3).unbind(0)
    every = min(
        (x - y[list(order)]).norm(dim=1).mean().item()
        for order in itertools.permutations(range(6))
    )
    assert abs(wasserstein(x, y) - every) < 1e-12


def test_on_a_line_the_distance_is_that_of_the_sorted_points():
    x, y = torch.randn(50, 1), 1 + torch.randn(50, 1)
    expected = (x.sort(0).values - y.sort(0).values).abs().mean().item()
    assert abs(wasserstein(x, y) - expected) < 1e-12
    assert abs(wasserstein(x, x + 2.5) - 2.5) < 1e-12


@pytest.mark.parametrize(("n", "known"), [(10, 0.507), (100, 0.177), (1000, 0.057)])
def test_two_samples_of_one_normal_are_at_a_distance(n, known):
    noise = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 4000, n, generator=noise).sort(-1).values.unbind(0)
    each = (x - y).abs().mean(1)
    assert abs(each.mean() - known) < 4 * each.std() / 4000**0.5 + 5e-4


def test_other_numbers_of_points_are_refused():
    with pytest.raises(ValueError, match=r"got \(3, 2\) and \(4, 2\)"):
        wasserstein(torch.zeros(3, 2), torch.zeros(4, 2))


def test_a_mode_is_hit_by_enough_points_that_are_near_it():
    centres = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    x = torch.cat((torch.zeros(50, 2), torch.tensor([[4.1, 0.0]]).expand(50, 2)))
    assert modes_hit(x, centres, 0.5) == 2
    assert modes_hit(x, centres, 0.05) == 1
    x[0] = torch.tensor([0.0, 4.0])
    assert modes_hit(x, centres, 0.5, least=0.01) == 3
    assert modes_hit(x, centres, 0.5, least=0.02) == 2
