"""Noise on levels: masses sum to one, bounds stay below, constants are all there."""

import math

import pytest
import torch

from flowbook import baselines
from flowbook.densities import StandardNormal, UniformBox, integrate
from flowbook.dequantization import (
    EDGE,
    Dequantized,
    LearnedNoise,
    ScaledLogistic,
    UniformNoise,
    negative_bound,
    pixel_histograms,
)
from flowbook.digits import bits_per_dim, digits_split
from flowbook.elementwise import ElementwiseAffine, Logit
from flowbook.flow import Flow, Inverse
from flowbook.training import fit

pytestmark = pytest.mark.usefixtures("float64")
LEVELS = 4


def one_pixel() -> Flow:
    """A flow of one pixel of four levels, whose samples stay in [0, 4)."""
    bend = ElementwiseAffine(torch.tensor([0.7]), torch.tensor([-1.4]))
    return Flow(StandardNormal(1), [bend, ScaledLogistic(LEVELS, 0.0)])


@torch.no_grad()
def masses(flow: Flow) -> torch.Tensor:
    """The mass of every level, by quadrature."""
    return torch.stack(
        [
            integrate(lambda x: flow.log_prob(x).exp(), ((k, k + 1),), 4000)
            for k in range(LEVELS)
        ]
    )


def test_the_masses_of_the_levels_of_one_pixel_sum_to_one():
    assert masses(one_pixel()).sum().item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("learned", [False, True])
def test_the_bound_is_on_average_below_the_mass_and_its_weights_are_unbiased(learned):
    flow, noise = one_pixel(), UniformNoise()
    if learned:
        torch.manual_seed(3)
        noise = LearnedNoise(1, LEVELS, hidden=8)
        torch.nn.init.normal_(noise.network[-1].weight, std=0.3)
        torch.nn.init.constant_(noise.network[-1].bias, 0.5)
    model = Dequantized(flow, noise)
    levels = torch.arange(LEVELS).to(torch.get_default_dtype())[:, None]
    many = levels.repeat(20_000, 1)
    with torch.no_grad():
        bound = model.bound(many, seed=0).view(20_000, LEVELS)
    exact = masses(flow)
    gap = exact.log() - bound.mean(0)
    assert (gap > -4 * bound.std(0) / 20_000**0.5).all()
    assert gap.max() > 1e-3
    error = bound.exp().std(0) / 20_000**0.5
    assert ((bound.exp().mean(0) - exact).abs() < 4 * error + 1e-4).all()
    tight = model.importance_weighted(levels, 2000, seed=1)
    torch.testing.assert_close(tight, exact.log(), rtol=0, atol=0.03)


def test_the_gap_of_the_bound_is_the_divergence_of_the_noise():
    # For uniform noise: KL from the uniform density to the flow's inside of the cell.
    flow, k = one_pixel(), 2
    u = (torch.arange(4000) + 0.5)[:, None] / 4000
    log_p = flow.log_prob(k + u).detach()
    gap = masses(flow)[k].log() - log_p.mean()
    inside = log_p - masses(flow)[k].log()
    assert gap.item() == pytest.approx(-inside.mean().item(), abs=1e-9)
    assert gap > 0
    best = (inside.exp() * (masses(flow)[k].log() - log_p + inside)).mean()
    assert best.item() == pytest.approx(0, abs=1e-9)


def test_new_learned_noise_is_uniform_noise_and_stays_inside():
    levels = torch.zeros(50_000, 1)
    noise, log_q = LearnedNoise(1, 17)(levels, torch.Generator().manual_seed(0))
    torch.testing.assert_close(log_q, torch.full_like(log_q, -math.log(1 - 2 * EDGE)))
    assert noise.mean().item() == pytest.approx(0.5, abs=0.005)
    assert noise.var().item() == pytest.approx(1 / 12, abs=0.002)


@pytest.mark.parametrize("kind", [UniformNoise, lambda: LearnedNoise(1, 17)])
def test_noise_on_the_top_level_stays_below_the_next_in_float32(kind):
    levels = torch.full((200_000, 1), 16.0, dtype=torch.float32)
    noise = kind()(levels)[0] if kind is UniformNoise else kind().float()(levels)[0]
    assert (levels + noise).max() < 17
    assert noise.min() > 0


def test_learned_noise_has_the_density_that_it_says():
    torch.manual_seed(0)
    noise = LearnedNoise(1, 17, hidden=4)
    torch.nn.init.normal_(noise.network[-1].weight, std=0.5)
    torch.nn.init.normal_(noise.network[-1].bias, std=0.8)
    levels = torch.full((100_000, 1), 5.0)
    u, log_q = noise(levels, torch.Generator().manual_seed(0))
    # E[1 / q(u)] over a half is its length, where q is what it says.
    left = ((-log_q).exp() * (u[:, 0] < 0.5)).mean()
    assert left.item() == pytest.approx(0.5, abs=0.02)


def test_training_learned_noise_lowers_the_bound():
    torch.manual_seed(0)
    model = Dequantized(one_pixel().requires_grad_(False), LearnedNoise(1, LEVELS, 8))
    levels = torch.arange(LEVELS).repeat(64).to(torch.get_default_dtype())[:, None]
    before = model.bound(levels.repeat(50, 1), seed=9).mean()
    fit(
        model,
        levels,
        steps=150,
        batch=256,
        lr=0.02,
        loss=negative_bound,
        progress=False,
    )
    after = model.bound(levels.repeat(50, 1), seed=9).mean()
    exact = masses(model.flow).log().mean()
    assert before < after < exact + 0.005
    assert exact - after < 0.5 * (exact - before)


def test_bits_of_the_uniform_density_are_log2_of_17_with_every_constant():
    flow = Flow(UniformBox((0.0,) * 64, (1.0,) * 64), [ElementwiseAffine(0.0, 17.0)])
    levels = digits_split()[1]
    bits = bits_per_dim(Dequantized(flow).bound(levels, seed=0))
    assert bits == pytest.approx(math.log2(17), abs=1e-4)
    nats = -flow.log_prob(levels + 0.5).mean().item()
    assert nats == pytest.approx(64 * math.log(17))


def test_a_logistic_base_behind_histograms_is_the_histogram_baseline():
    train, test, *_ = digits_split()
    base = UniformBox((0.0,) * 64, (1.0,) * 64)
    flow = Flow(base, [Logit(), pixel_histograms(train)])
    bits = bits_per_dim(Dequantized(flow).bound(test, seed=0))
    assert bits == pytest.approx(baselines.histogram(train, test), abs=1e-4)
    assert Inverse(flow).dim == 64


def test_alpha_is_part_of_the_density():
    # Its constants are in the log-determinant: by hand, at one point.
    layer = ScaledLogistic(17, 0.05)
    z, log_det = layer.inverse(torch.tensor([[4.25]]))
    u = 0.05 + 0.9 * 4.25 / 17
    assert z.item() == pytest.approx(math.log(u / (1 - u)))
    slope = 0.9 / 17 / (u * (1 - u))
    assert log_det.item() == pytest.approx(math.log(slope))


def test_samples_are_levels():
    model = Dequantized(one_pixel())
    drawn = model.sample(500, seed=0)
    assert set(drawn.flatten().tolist()) <= set(range(LEVELS))
    shares = torch.bincount(drawn.long().flatten(), minlength=LEVELS) / 500
    torch.testing.assert_close(shares.double(), masses(model.flow), rtol=0, atol=0.08)


def test_wrong_numbers_are_refused_in_a_sentence():
    for alpha in (-0.1, 0.5):
        with pytest.raises(ValueError, match="0 <= alpha < 1/2"):
            ScaledLogistic(17, alpha)
    with pytest.raises(ValueError, match="pixels inside its range"):
        ScaledLogistic(17, 0.0).inverse(torch.tensor([[17.5]]))
    with pytest.raises(ValueError, match="levels"):
        LearnedNoise(3, 1)
    with pytest.raises(ValueError, match="whole numbers 0 to 16"):
        pixel_histograms(torch.full((2, 3), 17.0))
    with pytest.raises(ValueError, match="floating-point numbers"):
        pixel_histograms(torch.ones(2, 3, dtype=torch.long))


@pytest.mark.parametrize("noise", [UniformNoise, lambda: LearnedNoise(1, LEVELS)])
def test_a_bound_is_one_of_levels_alone(noise):
    levels = torch.arange(1.0, LEVELS)[:, None]
    model = Dequantized(one_pixel(), noise())
    model.bound(levels, seed=0)
    for wrong in (levels / 16, levels - 2, levels + math.nan):
        for bound in (model.bound, lambda x: model.importance_weighted(x, 2, 0)):
            with pytest.raises(ValueError, match="levels, the whole numbers from 0 on"):
                bound(wrong)
    with pytest.raises(ValueError, match=r"levels of shape \(batch, 1\), got"):
        model.bound(levels.repeat(1, 2))
    with pytest.raises(ValueError, match=r"floating-point numbers, got torch\.int64"):
        model.bound(levels.long())
