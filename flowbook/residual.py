"""Additive residual pairs, and a stack of them that stores no activations."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vjp

from flowbook.coupling import Split
from flowbook.flow import Layer


class AdditivePair(Layer):
    """Two additive blocks, as in RevNet and iRevNet (Jacobsen et al., 2018).

    The mask splits z into z_1, where it is 1, and z_2. Each half is moved by a
    function of the other, so that every entry changes in one layer:

        x_1 = z_1 + f_1(z_2),    x_2 = z_2 + f_2(x_1).

    Each block has a triangular Jacobian with ones on its diagonal, so the determinant
    is exactly 1, whatever f_1 and f_2 are; neither needs an inverse.

    Shapes: z and x (batch, dim); mask (dim,); f_1 maps (batch, the rest) to
    (batch, mask.sum()), f_2 the reverse; log_det (batch,).
    """

    def __init__(self, mask: Tensor, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.split = Split(mask)
        self.dim = self.split.dim
        self.first = first
        self.second = second

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz| = 0."""
        one, two = self.split.apart(z)
        one = one + self.first(two)
        two = two + self.second(one)
        return self.split.join(one, two), z.new_zeros(len(z))

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx| = 0."""
        one, two = self.split.apart(x)
        two = two - self.second(one)
        one = one - self.first(two)
        return self.split.join(one, two), x.new_zeros(len(x))


class ReversibleStack(Layer):
    """A stack of additive pairs whose backward pass recomputes what it needs.

    Backpropagation through a deep network keeps every activation. This one keeps the
    outputs of the last pair alone and rebuilds the inputs of each pair from its
    outputs on the way back (Gomez et al., 2017): memory does not grow with depth, for
    about the time of one more forward pass. The gradients are those of the plain
    stack up to rounding. The blocks must be deterministic: no dropout.

    Shapes: z and x (batch, dim); log_det (batch,).
    """

    def __init__(self, pairs: Iterable[AdditivePair]) -> None:
        super().__init__()
        self.pairs = nn.ModuleList(pairs)
        masks = {tuple(pair.split.order.tolist()) for pair in self.pairs}
        sizes = {(pair.split.copied, pair.split.copied_first) for pair in self.pairs}
        if len(masks) != 1 or len(sizes) != 1:
            raise ValueError(
                "A reversible stack needs one or more pairs, all with the same mask."
            )
        self.dim = self.pairs[0].dim

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz| = 0."""
        split = self.pairs[0].split
        one, two = _run(self._blocks(), 1.0, *split.apart(z))
        return split.join(one, two), z.new_zeros(len(z))

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx| = 0."""
        split = self.pairs[0].split
        one, two = split.apart(x)
        two, one = _run(self._blocks()[::-1], -1.0, two, one)
        return split.join(one, two), x.new_zeros(len(x))

    def _blocks(self) -> list[nn.Module]:
        return [block for pair in self.pairs for block in (pair.first, pair.second)]


def _run(
    blocks: Sequence[nn.Module], sign: float, one: Tensor, two: Tensor
) -> tuple[Tensor, Tensor]:
    parameters = [p for block in blocks for p in block.parameters()]
    return _AdditiveSteps.apply(blocks, sign, one, two, *parameters)


class _AdditiveSteps(torch.autograd.Function):
    # One step moves the first vector by a function of the second and swaps them:
    #     a, b  ->  b, a + sign * f(b).
    # Both directions of a stack are a chain of such steps.
    generate_vmap_rule = True

    @staticmethod
    def forward(
        blocks: Sequence[nn.Module],
        sign: float,
        a: Tensor,
        b: Tensor,
        *parameters: Tensor,
    ) -> tuple[Tensor, Tensor]:
        for block in blocks:
            a, b = b, a + sign * block(b)
        return a, b

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple[Tensor, Tensor]) -> None:
        ctx.blocks, ctx.sign, _, _, *parameters = inputs
        ctx.save_for_backward(*output, *parameters)

    @staticmethod
    def backward(ctx: Any, grad_a: Tensor, grad_b: Tensor) -> tuple:
        a, b, *rest = ctx.saved_tensors
        grads: list[Tensor] = []
        for block in reversed(ctx.blocks):
            names = [name for name, _ in block.named_parameters()]
            start = len(rest) - len(names)
            rest, values = rest[:start], dict(zip(names, rest[start:], strict=True))
            value, pull_back = vjp(_call(block), values, a)
            a, b = b - ctx.sign * value, a
            of_block, through = pull_back(ctx.sign * grad_b)
            grad_a, grad_b = grad_b, grad_a + through
            grads = [of_block[name] for name in names] + grads
        return None, None, grad_a, grad_b, *grads


def _call(block: nn.Module) -> Callable[[dict[str, Tensor], Tensor], Tensor]:
    return lambda parameters, x: functional_call(block, parameters, (x,))
