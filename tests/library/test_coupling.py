"""Claims about coupling layers that the tests of every layer do not make."""

import pytest
import torch

from flowbook.coupling import (
    AdditiveCoupling,
    AffineCoupling,
    Conditioner,
    SplineCoupling,
    Split,
    alternating_mask,
    half_mask,
)
from flowbook.splines import plain_spline

COUPLINGS = [AdditiveCoupling, AffineCoupling, SplineCoupling]


def shaken(layer):
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return layer


@pytest.mark.parametrize("mask", [[1, 0], [0, 1, 1], [0, 1, 0, 1, 1], [1, 0, 0, 1, 0]])
def test_join_undoes_split(mask):
    split, x = Split(torch.tensor(mask)), torch.randn(4, len(mask))
    copied, moved = split.apart(x)
    assert torch.equal(copied, x[:, torch.tensor(mask).bool()])
    assert torch.equal(split.join(copied, moved), x)


def test_masks_say_what_is_copied():
    assert alternating_mask(5).tolist() == [True, False, True, False, True]
    assert alternating_mask(4, 1).tolist() == [False, True, False, True]
    assert half_mask(5).tolist() == [True, True, True, False, False]
    assert half_mask(5, 1).tolist() == [False, False, False, True, True]


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_masked_entries_are_copied_in_both_directions(coupling):
    mask = torch.tensor([True, False, False, True, False])
    layer, x = shaken(coupling(mask)), torch.randn(20, 5)
    for value in (layer(x)[0], layer.inverse(x)[0]):
        assert torch.equal(value[:, mask], x[:, mask])
        assert (value[:, ~mask] != x[:, ~mask]).any(0).all()


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_moved_entries_depend_on_themselves_and_on_the_copied_ones_only(coupling):
    mask = torch.tensor([1, 0, 0, 1, 0])
    layer, z = shaken(coupling(mask)), torch.randn(5)
    jacobian = torch.func.jacrev(lambda row: layer(row[None])[0][0])(z)
    allowed = torch.eye(5) + (1 - mask)[:, None] * mask
    assert torch.equal(jacobian != 0, allowed != 0)


# A mistake that both directions share passes every test of the contract. So what the
# moved entries become is written out here, from the conditioner's own numbers.
def added(raw, z):
    return z + raw


def scaled_and_added(raw, z):
    raw, shift = raw.chunk(2, -1)
    return z * torch.exp(5 * torch.tanh(raw / 5)) + shift


def splined(raw, x):
    raw = raw.mT.reshape(-1, x.shape[1], len(x))
    return plain_spline(x.mT, raw, bound=5.0)[0].mT


@pytest.mark.parametrize(
    ("coupling", "direction", "formula"),
    [
        (AdditiveCoupling, "forward", added),
        (AffineCoupling, "forward", scaled_and_added),
        (SplineCoupling, "inverse", splined),
    ],
)
def test_moved_entries_follow_the_formula(coupling, direction, formula):
    mask = torch.tensor([True, False, False, True, False])
    layer, points = shaken(coupling(mask)), torch.randn(20, 5)
    value, _ = getattr(layer, direction)(points)
    expected = formula(layer.conditioner(points[:, mask]), points[:, ~mask])
    torch.testing.assert_close(value[:, ~mask], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_coupling_starts_as_the_identity(coupling):
    x = torch.randn(10, 4)
    z, log_det = coupling(alternating_mask(4)).inverse(x)
    torch.testing.assert_close(z, x)
    torch.testing.assert_close(log_det, torch.zeros(10), rtol=0, atol=1e-5)


def test_affine_scales_stay_bounded_whatever_the_network_says():
    layer = AffineCoupling(alternating_mask(2))
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 1e3 * torch.randn_like(parameter)
    x, log_det = layer(torch.randn(50, 2))
    assert x.isfinite().all()
    assert log_det.abs().max() <= 5


@pytest.mark.parametrize("mask", [[1, 1], [0, 0], []])
def test_a_mask_that_copies_all_or_nothing_is_refused(mask):
    with pytest.raises(ValueError, match="copies some entries"):
        AffineCoupling(torch.tensor(mask))


def test_vectors_of_another_dimension_are_refused():
    with pytest.raises(
        ValueError, match=r"expects z of shape \(batch, 3\), got \(5, 4\)"
    ):
        AffineCoupling(alternating_mask(3))(torch.randn(5, 4))


@pytest.mark.parametrize("kind", [AffineCoupling, SplineCoupling])
def test_dropout_acts_in_training_alone_and_saves_nothing(kind):
    plain, dropping = kind(half_mask(6), 32), kind(half_mask(6), 32, dropout=0.5)
    torch.nn.init.normal_(plain.conditioner.weights, std=0.3)
    dropping.load_state_dict(plain.state_dict())
    x = torch.randn(5, 6)
    dropping.eval()
    torch.testing.assert_close(dropping.inverse(x), plain.inverse(x))
    dropping.train()
    assert not torch.equal(dropping.inverse(x)[0], dropping.inverse(x)[0])


def test_dropout_leaves_out_its_share_and_keeps_the_mean():
    network = Conditioner(1, 4000, 1, dropout=0.3)
    w1, _, w2, _, w3, _ = network.parts()
    with torch.no_grad():
        network.weights.fill_(0.0)
        for weight in (w1, w3):
            weight.fill_(1.0)
        w2.copy_(torch.eye(4000))
        # Each chain of units passes with probability 0.49, and is scaled up by as much.
        passed = torch.stack([network(torch.ones(1, 1))[0, 0] for _ in range(20)])
    assert (passed * 0.49 / 4000).mean().item() == pytest.approx(0.49, abs=0.01)
    assert network.eval()(torch.ones(1, 1)).item() == pytest.approx(4000)


def test_a_dropout_of_everything_is_refused():
    with pytest.raises(ValueError, match=r"at least 0 and below 1, got 1\.0"):
        AffineCoupling(half_mask(4), dropout=1.0)
