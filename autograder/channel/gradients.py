"""Gradients through the channel: each call is one node of the caller's graph.

The side that computes keeps its graph under a number as long as the caller's node
lives, so a test may go backward many times. The way back is a call as well, so that
second derivatives pass too.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class Lease:
    """Keeps a graph of the other side alive as long as this object lives."""

    def __init__(self, number: int, freed: list[int]) -> None:
        self.number, self._freed = number, freed

    def __del__(self) -> None:
        self._freed.append(self.number)


class Link(torch.autograd.Function):
    """The node of one call: the results came over the channel, and so do gradients."""

    @staticmethod
    def forward(
        ctx: Any, peer: Any, lease: Lease, values: Sequence[Tensor], *inputs: Tensor
    ) -> tuple[Tensor, ...]:
        """Return the values, as results of these inputs."""
        ctx.peer, ctx.lease = peer, lease
        ctx.like = [(value.shape, value.dtype) for value in inputs]
        ctx.set_materialize_grads(False)
        return tuple(values)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Any, ...]:
        """Ask the other side to go its part of the way back."""
        batched = [g for g in grads if g is not None and is_batched(g)]
        pull = pull_rows if batched else pull_one
        found = pull(ctx.peer, ctx.lease.number, list(grads), ctx.like)
        wanted = ctx.needs_input_grad[3:]
        pairs = zip(found, wanted, strict=True)
        return (None, None, None, *(grad if need else None for grad, need in pairs))


def pull_one(peer: Any, number: int, grads: list, like: list[tuple]) -> list:
    """Ask for the gradients, given one gradient for each result."""
    return peer.vjp(number, grads, like)


def pull_rows(peer: Any, number: int, grads: list, like: list[tuple]) -> list:
    """Ask row by row, given a batch of gradients (`is_grads_batched` of torch)."""
    level = torch._C._vmapmode_increment_nesting() - 1
    torch._C._vmapmode_decrement_nesting()
    plain = [
        torch._remove_batch_dim(g, level, 1, 0)
        if g is not None and is_batched(g)
        else g
        for g in grads
    ]
    batched = [g is not None and is_batched(g) for g in grads]
    size = next(len(g) for g, rows in zip(plain, batched, strict=True) if rows)
    found = [
        peer.vjp(
            number,
            [g[row] if rows else g for g, rows in zip(plain, batched, strict=True)],
            like,
        )
        for row in range(size)
    ]
    columns = zip(*found, strict=True)
    return [
        None
        if column[0] is None
        else torch._add_batch_dim(torch.stack(column), 0, level)
        for column in columns
    ]


def is_batched(value: Tensor) -> bool:
    """Whether this stands for a batch of tensors."""
    return torch._C._functorch.is_legacy_batchedtensor(value)


def leaves_of(outputs: Sequence[Tensor]) -> list[Tensor]:
    """Return the leaf tensors on which these tensors depend."""
    seen, leaves = set(), []
    waiting = [value.grad_fn for value in outputs]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if type(node).__name__ == "AccumulateGrad":
            leaves.append(node.variable)
        waiting.extend(before for before, _ in node.next_functions)
    return leaves


def pull_back(
    outputs: Sequence[Tensor], leaves: Sequence[Tensor], grads: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """Return the gradients of the leaves, given those of the outputs."""
    pairs = [
        (output, grad)
        for output, grad in zip(outputs, grads, strict=True)
        if grad is not None
    ]
    if not pairs or not leaves:
        return [None] * len(leaves)
    outputs, grads = zip(*pairs, strict=True)
    return list(
        torch.autograd.grad(
            outputs,
            leaves,
            grads,
            retain_graph=True,
            create_graph=torch.is_grad_enabled(),
            allow_unused=True,
        )
    )
