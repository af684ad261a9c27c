"""Claims of the comparison: what is measured, of which models, and the record."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from flowbook import baselines
from flowbook.coupling import AffineCoupling, alternating_mask
from flowbook.densities import ZOO, StandardNormal
from flowbook.digit_models import (
    DIGIT_MODELS,
    IndependentPixels,
    PixelByPixel,
    TenGaussians,
    as_letters,
    from_letters,
    train_on_digits,
)
from flowbook.digits import bits_per_dim, digits_split
from flowbook.flow import Flow
from flowbook.measures import (
    multiplications,
    nearest_distance,
    nearest_label,
    probe_accuracy,
    recomputed_bytes,
    recorded,
    stored_bytes,
    transport,
    two_sample_accuracy,
)
from flowbook.plane_models import (
    PLANE_MODELS,
    SLOW,
    best_accuracy,
    draw,
    excess,
    measure_on_plane,
    train_on_plane,
)

NORMAL = StandardNormal(2)


def test_multiplications_are_counted_in_matrix_products_and_convolutions():
    linear, picture = nn.Linear(3, 4), nn.Conv2d(2, 5, 3, padding=1)
    assert multiplications(lambda: linear(torch.zeros(7, 3))) == 7 * 3 * 4
    products = multiplications(lambda: picture(torch.zeros(1, 2, 6, 6)))
    assert products == 6 * 6 * 9 * 2 * 5


def test_a_judge_guesses_between_equals_and_knows_what_is_apart():
    parts = NORMAL.sample(4000, 0, dtype=torch.float32).split(1000)
    assert abs(two_sample_accuracy(*parts) - 0.5) < 0.05
    real, fake, new_real, new_fake = parts
    assert two_sample_accuracy(real, fake + 9, new_real, new_fake + 9) > 0.99


def test_what_trains_a_judge_or_a_probe_leaves_chance_alone():
    points, labels = torch.randn(4, 30, 2), torch.arange(30) % 2
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    two_sample_accuracy(*points)
    probe_accuracy(points[0], labels, points[1], labels)
    assert torch.equal(torch.rand(3), expected)


def test_a_shift_is_its_own_distance_but_for_the_noise_of_samples():
    sample = partial(NORMAL.sample, dtype=torch.float64)
    here, _ = transport(sample, sample)
    there, error = transport(lambda n, seed: sample(n, seed) + 3, sample)
    assert 0 < here < 0.4
    assert abs(there - 3 * math.sqrt(2)) < 0.2
    assert error < 0.1


def test_points_of_the_training_set_are_nearest_to_themselves():
    train, labels = torch.randn(30, 4), torch.arange(30)
    assert nearest_distance(train[:5], train).max() < 1e-3
    assert nearest_label(train[:5], train, labels).tolist() == [0, 1, 2, 3, 4]


def test_a_probe_reads_what_a_plane_divides_and_guesses_the_rest():
    torch.manual_seed(0)
    codes = torch.randn(400, 2)
    split = (codes[:, 0] > 0).long(), torch.randint(2, (400,))
    found = [
        probe_accuracy(codes[:200], labels[:200], codes[200:], labels[200:])
        for labels in split
    ]
    assert found[0] > 0.95
    assert abs(found[1] - 0.5) < 0.15


def test_stored_bytes_are_those_of_the_inputs_of_each_product():
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    # Inputs of both maps; what a ReLU stores is its output, which is one of them.
    assert stored_bytes(lambda: net(torch.randn(16, 4)), net) == 4 * 16 * (4 + 8)


def test_a_flow_that_recomputes_stores_less_the_deeper_it_is():
    x, ratios = torch.randn(64, 2), []
    for depth in (2, 8):
        layers = [AffineCoupling(alternating_mask(2, k), 16) for k in range(depth)]
        flow = Flow(NORMAL, layers)
        plain = stored_bytes(lambda flow=flow: flow.log_prob(x), flow)
        ratios.append(recomputed_bytes(flow, x) / plain)
    assert ratios[1] < ratios[0] < 1.1
    assert ratios[1] < 0.3


@pytest.mark.parametrize("name", ["linear", "mixture", "codes"])
def test_a_row_of_the_plane_holds_nothing_impossible(name):
    model, seconds = train_on_plane(name, "eight gaussians")
    row = measure_on_plane(name, "eight gaussians", model, seconds)
    gap, error = row["gap"]
    assert gap > -4 * error
    assert 0.15 < row["w1"][0] < 2
    assert row["parameters"][0] <= row["parameters"][1] <= 500
    if PLANE_MODELS[name].knows == "exact":
        limit, noise = best_accuracy(model, "eight gaussians")
        assert limit + 3 * noise >= 0.5
        assert row["accuracy"] < limit + 3 * noise + 0.03
    assert draw(model, 7, 0).shape == (7, 2)


def test_codes_bound_the_sum_over_all_codes():
    model, _ = train_on_plane("codes", "two moons")
    x = ZOO["two moons"].sample(200, 0, dtype=torch.float64)
    assert (model.bound(x) <= model.log_prob(x)).all()
    assert excess("GAN", model, "two moons") is None


def test_independent_pixels_are_the_baseline_of_histograms():
    train, test, *_ = digits_split(0, torch.float32)
    model = IndependentPixels(train)
    found = bits_per_dim(model.log_prob(test).detach())
    assert abs(found - baselines.histogram(train, test)) < 1e-4
    assert model.sample(3, 0).shape == (3, 64)


def test_ten_gaussians_are_the_baseline_of_mixtures():
    train, test, *_ = digits_split(0, torch.float32)
    model = TenGaussians(train, 0)
    found = bits_per_dim(model.score(test, 1))
    assert abs(found - baselines.gaussian_mixture(train, test, 10, floor=0.1)) < 0.03
    assert model.sample(3, 0).shape == (3, 64)


def test_an_autoencoder_draws_nothing_and_has_codes():
    model, _ = train_on_digits("deep autoencoder")
    entry = DIGIT_MODELS["deep autoencoder"]
    assert not entry.draws
    test = digits_split(0, torch.float32)[1]
    assert entry.codes(model, test).shape == (360, 8)


def test_letters_keep_an_image():
    image = torch.arange(64.0) % 17
    torch.testing.assert_close(from_letters([as_letters(image)]), image.view(1, 8, 8))


def test_the_record_is_complete_and_holds_nothing_impossible():
    record = recorded()
    assert {"date", "machine", "torch"} <= set(record)
    rows = record["rows"]
    assert set(rows.pop("digits")) == set(DIGIT_MODELS)
    assert set(rows) == {"eight gaussians", "checkerboard", "two moons"}
    quick = set(PLANE_MODELS) - set(SLOW)
    for target, found in rows.items():
        expected = set(SLOW) if target == "eight gaussians" else quick
        assert set(found) == expected, target
        for row in found.values():
            if "gap" in row:
                assert row["gap"][0] > -4 * row["gap"][1] - 1e-4


IMAGES = torch.randint(17, (60, 64), generator=torch.Generator("cpu").manual_seed(0))
OF_LEVELS = {
    "independent pixels": (IndependentPixels, lambda m, x: m.log_prob(x)),
    "ten Gaussians": (lambda x: TenGaussians(x, 0), lambda m, x: m.score(x, 1)),
    "pixel by pixel": (lambda x: PixelByPixel(4), lambda m, x: m.log_prob(x)),
}


@pytest.mark.parametrize(("build", "score"), OF_LEVELS.values(), ids=OF_LEVELS)
def test_a_model_of_images_wants_levels_and_any_seed_and_draws_none(build, score):
    images = IMAGES.float().to(torch.get_default_device())
    model = build(images)
    for wrong in (images / 16, images - 1, images + 1):
        with pytest.raises(ValueError, match="the whole numbers 0 to 16, got"):
            score(model, wrong)
    device = torch.get_default_device()
    for seed in (np.int64(7), torch.Generator(device).manual_seed(7)):
        assert torch.equal(model.sample(2, seed), model.sample(2, 7))
    assert model.sample(0, 0).shape == (0, 64)
    with pytest.raises(ValueError, match="integer n >= 0, got -1"):
        model.sample(-1, 0)


@pytest.mark.parametrize("build", [IndependentPixels, lambda x: TenGaussians(x, 0)])
def test_no_model_is_built_of_images_on_another_scale(build):
    with pytest.raises(ValueError, match="the whole numbers 0 to 16, got"):
        build(IMAGES / 16)
