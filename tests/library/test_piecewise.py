"""Claims about piecewise layers that the tests of every layer do not make."""

import math

import pytest
import torch

from flowbook.flow import Inverse
from flowbook.piecewise import LeakyReLU, PiecewiseLinear, SquareRootBins

pytestmark = pytest.mark.usefixtures("float64")

PHI = [[0.1, 0.2, 0.5, 0.1, 0.1]]  # problem 9 of appendix A


def test_leaky_relu_divides_the_density_by_ten_for_each_negative_entry():
    _, log_det = LeakyReLU(0.1)(torch.tensor([[-1.0, 2, -3], [1.0, 2, 3]]))
    torch.testing.assert_close((-log_det).exp(), torch.tensor([100.0, 1.0]))


def test_the_slope_of_a_bin_is_the_number_of_bins_times_its_rise():
    layer, middles = PiecewiseLinear(torch.tensor(PHI)), torch.arange(0.1, 1, 0.2)
    _, log_det = layer(middles[:, None])
    torch.testing.assert_close(log_det.exp(), 5 * torch.tensor(PHI[0]))


def test_piecewise_linear_passes_through_its_knots():
    layer = PiecewiseLinear(torch.tensor(PHI))
    z = torch.linspace(0, 1, 6)[:, None]
    knots = torch.tensor([0.0, 0.1, 0.3, 0.8, 0.9, 1.0])[:, None]
    torch.testing.assert_close(layer(z)[0], knots)
    torch.testing.assert_close(layer.inverse(knots)[0], z)


def test_one_belongs_to_the_last_bin_of_both_maps():
    one = torch.ones(1, 1)
    for layer in (PiecewiseLinear, SquareRootBins):
        x, log_det = layer(torch.tensor(PHI))(one)
        torch.testing.assert_close(layer(torch.tensor(PHI)).inverse(x)[0], one)
        assert log_det.isfinite()


def test_knots_of_the_square_root_bins_are_sums_of_square_roots():
    layer = SquareRootBins(torch.tensor(PHI))
    z = torch.linspace(0, 1, 6)[:, None]
    roots = torch.tensor([0.0, *PHI[0]]).sqrt().cumsum(0)[:, None]
    torch.testing.assert_close(layer(z)[0], roots)
    assert round(layer.top.item(), 4) == 2.1030


def test_square_root_bins_never_step_down():
    x, _ = SquareRootBins(torch.tensor(PHI))(torch.linspace(0, 1, 10_001)[:, None])
    assert (x.diff(dim=0) > 0).all()


def test_square_root_bins_are_infinitely_steep_at_left_knots_only():
    z = torch.linspace(0, 1, 6)[:, None]
    layer = SquareRootBins(torch.tensor(PHI))
    x, log_det = layer(z)
    assert log_det.isinf().tolist() == [True] * 5 + [False]
    assert layer.inverse(x[:1])[1].item() == -math.inf


@pytest.mark.parametrize(
    ("bins", "entropy"),
    [(2, -0.088425), (5, -0.168307), (10, -0.208823), (50, -0.262998)],
)
def test_the_best_bins_for_a_squared_uniform_are_its_histogram(bins, entropy):
    # p(x) = 1 / (2 sqrt(x)): a bin from a to b holds sqrt(b) - sqrt(a) of it.
    masses = torch.linspace(0, 1, bins + 1).sqrt().diff()
    flow = Inverse(PiecewiseLinear(masses[None]))
    middles = (torch.arange(bins)[:, None] + 0.5) / bins
    nll = -(masses * flow.inverse(middles)[1]).sum()
    nll.backward()
    assert flow.layer.logits.grad.abs().max() < 1e-12, "the histogram is the optimum"
    assert round(nll.item(), 6) == entropy


@pytest.mark.parametrize("outside", [-0.01, 1.01, math.nan])
def test_points_outside_the_interval_are_refused(outside):
    for layer in (PiecewiseLinear, SquareRootBins):
        with pytest.raises(ValueError, match=r"Expected z in \[0, 1\], got"):
            layer(torch.tensor(PHI))(torch.tensor([[outside]]))


@pytest.mark.parametrize("rises", [[[0.5, 0.6]], [[0.0, 1.0]], [[-0.5, 1.5]]])
def test_rises_that_are_no_distribution_are_refused(rises):
    with pytest.raises(ValueError, match="positive and sum to 1"):
        PiecewiseLinear(torch.tensor(rises))
