"""Claims about additive residual pairs that the tests of every layer do not make."""

import pytest
import torch
from torch import nn
from torch.func import jacrev

from flowbook.coupling import half_mask
from flowbook.flow import Flow
from flowbook.nets import mlp
from flowbook.residual import AdditivePair, ReversibleStack


def pair(dim=6, hidden=8):
    half = dim // 2
    first, second = mlp(half, hidden, dim - half), mlp(dim - half, hidden, half)
    return AdditivePair(half_mask(dim), first, second)


def stacks(depth, dim=6, hidden=8):
    pairs = [pair(dim, hidden) for _ in range(depth)]
    return ReversibleStack(pairs), Flow(None, pairs)


@pytest.mark.usefixtures("float64")
def test_the_determinant_is_one_and_the_top_left_block_the_identity():
    layer = pair(6)
    jacobian = jacrev(lambda row: layer(row[None])[0][0])(torch.randn(6))
    torch.testing.assert_close(jacobian.det(), torch.tensor(1.0))
    assert torch.equal(jacobian[:3, :3], torch.eye(3))
    assert (jacobian[3:, :3] != 0).all()
    assert (jacobian[:, 3:] != 0).all()


@pytest.mark.usefixtures("float64")
def test_the_halves_take_turns_and_each_adds_what_its_network_says():
    layer, z = pair(6), torch.randn(10, 6)
    x_1 = z[:, :3] + layer.first(z[:, 3:])
    x_2 = z[:, 3:] + layer.second(x_1)
    torch.testing.assert_close(layer(z)[0], torch.cat((x_1, x_2), -1))


@pytest.mark.usefixtures("float64")
def test_elementwise_blocks_leave_four_diagonal_quarters():
    layer = AdditivePair(half_mask(6), nn.Tanh(), nn.Tanh())
    jacobian = jacrev(lambda row: layer(row[None])[0][0])(torch.randn(6))
    pattern = torch.eye(3).repeat(2, 2)
    assert torch.equal(jacobian != 0, pattern != 0)
    torch.testing.assert_close(jacobian.det(), torch.tensor(1.0))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_recomputed_gradients_equal_those_of_plain_autograd(direction):
    reversible, plain = stacks(depth=5)
    results = []
    for layer in (reversible, plain):
        z = torch.linspace(-2, 2, 24).view(4, 6).requires_grad_()
        x, _ = getattr(layer, direction)(z)
        loss = x.sin().sum()
        results.append((x, *torch.autograd.grad(loss, (z, *plain.parameters()))))
    for recomputed, stored in zip(*results, strict=True):
        torch.testing.assert_close(recomputed, stored, rtol=1e-10, atol=1e-12)


def stored_bytes(layer, z):
    """Bytes of what autograd keeps for the backward pass, parameters left out."""
    parameters = {p.data_ptr() for p in layer.parameters()}
    kept = {}

    def keep(tensor):
        if tensor.untyped_storage().data_ptr() not in parameters:
            kept[tensor.data_ptr()] = tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        x, _ = layer(z)
    size = sum(kept.values())
    x.sum().backward()
    return size


def test_stored_memory_does_not_grow_with_depth():
    z = torch.randn(64, 6)
    recomputed = [stored_bytes(stacks(depth)[0], z) for depth in (2, 8, 32)]
    plain = [stored_bytes(stacks(depth)[1], z) for depth in (2, 8, 32)]
    assert recomputed[0] == recomputed[2] == z.nbytes
    assert plain[2] > 10 * plain[0] > 10 * recomputed[0]


def test_pairs_that_split_differently_make_no_reversible_stack():
    other = AdditivePair(half_mask(6, 1), mlp(3, 4, 3), mlp(3, 4, 3))
    for pairs in ([], [pair(), other]):
        with pytest.raises(ValueError, match="same mask"):
            ReversibleStack(pairs)
