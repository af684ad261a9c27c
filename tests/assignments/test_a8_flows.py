"""Assignment 8: what counts as a flow, and the bonus that has no points."""

import math

import pytest
import torch

from flowbook.checks import CheckFailed
from flowbook.exercises import a8_images as a8


def to_base(x):
    return (x - 8.5) / 5, torch.full((len(x),), -64 * math.log(5.0)).to(x)


def to_image(z):
    return 8.5 + 5 * z


def without_units(x):
    z, log_det = to_base(x)
    return z, 0 * log_det


def test_a_flow_is_told_how_far_from_the_bonus_it_is(capsys):
    a8.bonus((to_base, to_image))
    said = capsys.readouterr().out
    bits = float(said.split()[2])
    x = (
        a8.digits_split()[1] + 0.5
    )  # the price is quadratic in x: noise adds its variance
    nats = 0.5 * (((x - 8.5) / 5) ** 2 + 1 / 12 / 25 + math.log(2 * math.pi))
    assert bits == pytest.approx((nats.mean().item() + math.log(5)) / math.log(2), 1e-2)
    assert said.startswith("· Bonus: ")
    assert said.endswith("it asks for less than 2.10.\n")


def test_a_flow_below_the_limit_gets_a_star(capsys, monkeypatch):
    monkeypatch.setattr(a8, "BONUS", 99.0)
    a8.bonus((to_base, to_image))
    assert capsys.readouterr().out.startswith("★ Bonus: ")


@pytest.mark.parametrize(
    "trained", [None, (without_units, to_image), (to_base, lambda z: z)]
)
def test_what_is_no_flow_leaves_the_bonus_open(trained, capsys, monkeypatch):
    monkeypatch.setattr(a8, "BONUS", 99.0)
    a8.bonus(trained)
    assert capsys.readouterr().out.startswith("· Bonus: open.")


def test_the_bonus_has_no_points():
    assert sum(each.points for each in a8.A8.checks.values()) + a8.A8.by_hand == 20
    assert not any("bonus" in name for name in a8.A8.checks)


def test_a_map_that_folds_is_no_flow():
    x = a8.digits_split()[1][:20] + 0.5
    log_det = to_base(x)[1]
    a8.compare_jacobian(to_base, x, log_det)
    with pytest.raises(CheckFailed, match="sign"):
        a8.compare_jacobian(lambda x: (to_base(x)[0].abs(), log_det), x, log_det)
