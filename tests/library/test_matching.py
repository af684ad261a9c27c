"""Claims of flowbook.matching: what the loss looks for, and samples without a trace."""

import math

import pytest
import torch
from torch import Tensor, nn

from flowbook.continuous import VelocityField
from flowbook.densities import Banana
from flowbook.matching import fit_matching, matching_loss, matching_pairs

pytestmark = pytest.mark.usefixtures("float64")


class OneClump(nn.Module):
    """The marginal field of data N(0, I): y (2 t - 1) / ((1 - t)² + t²)."""

    def forward(self, y: Tensor, t: Tensor) -> Tensor:
        return y * (2 * t - 1) / ((1 - t) ** 2 + t**2)


def test_a_field_takes_one_time_for_all_or_one_for_each():
    field, x = VelocityField(2, 8), torch.randn(5, 2)
    torch.testing.assert_close(field(x, 0.3), field(x, torch.full((5, 1), 0.3)))


def test_the_points_are_on_lines_with_their_velocity():
    x = torch.randn(50, 3)
    points, t, velocities = matching_pairs(x)
    torch.testing.assert_close(points + (1 - t) * velocities, x)


def test_the_least_loss_is_that_of_the_marginal_field():
    x, best = torch.randn(200_000, 2), OneClump()
    torch.manual_seed(1)
    floor = matching_loss(best, x)
    assert abs(floor - math.pi) < 0.02  # D pi / 2
    for change in (0.1, -0.1):
        torch.manual_seed(1)
        other = matching_loss(lambda y, t, c=change: best(y, t) + c, x)
        assert abs(other - floor - 2 * change**2) < 4e-3


def test_a_matched_flow_draws_what_its_map_gives_and_has_a_density():
    data = Banana().sample(2000, 0)
    flow = fit_matching(data, hidden=8, steps=20, solver_steps=4)
    z = flow.base.sample(10, torch.Generator().manual_seed(3), torch.float64)
    torch.testing.assert_close(flow.sample(10, 3), flow(z)[0].detach())
    assert flow.log_prob(data[:5]).isfinite().all()


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (torch.randn(9), ValueError, r"data of shape \(batch, dim\), got \(9,\)"),
        (
            torch.ones(9, 2).long(),
            ValueError,
            "floating-point numbers, got torch.int64",
        ),
        ([[0.0, 1.0]], TypeError, r"as a torch\.Tensor, got list"),
    ],
)
def test_matching_names_the_data_that_it_wants(data, error, message):
    with pytest.raises(error, match=message):
        fit_matching(data, steps=1)


def test_a_field_on_the_line_that_drops_its_axis_is_refused():
    with pytest.raises(ValueError, match=r"gives shape \(5, 1\), got \(5,\)"):
        matching_loss(lambda y, t: y[:, 0], torch.randn(5, 1))


def test_matching_follows_its_seed_and_leaves_chance_alone():
    data = torch.randn(20, 2)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    options = {"hidden": 4, "steps": 2, "solver_steps": 2, "seed": 1}
    flow = fit_matching(data, **options)
    assert torch.equal(torch.rand(3), expected)
    again = fit_matching(data, **options)
    assert torch.equal(again.log_prob(data), flow.log_prob(data))
