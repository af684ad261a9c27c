"""torch.func over a function of the other side: vmap, grad, vjp, jvp, and so on.

Under a transform the tensors are wrapped and have no bytes. torch unwraps them for a
Function of its own, one level at a time; below all levels the call is an ordinary one,
and a batch is as many calls as it has rows. The way back is a call of the same kind, so
that derivatives of any order pass. The other side only goes backward: the forward mode
asks for the whole Jacobian, row by row.
"""

import contextlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.utils import _pytree as pytree

from autograder.channel.frames import TooLargeError

Ask = Callable[..., Any]
LARGEST = 10_000_000  # numbers of one Jacobian
LONGEST = 50_000  # rows, each of which is asked for


class Plan:
    """One call under torch.func: its parts, later its results, or its rows' plans."""

    def __init__(self, ask: Ask, parts: list[Any], spec: Any) -> None:
        self.ask, self.parts, self.spec = ask, parts, spec
        self.start()

    def start(self) -> None:
        """Begin with nothing known."""
        self.rows: list[Plan] = []
        self.below = 0  # levels of vmap under that of the rows
        self.leaves: list[Tensor] = []
        self.results: list[Any] = []
        self.result_spec: Any = None

    def split(self, size: int) -> None:
        """Plan a call for each row of a batch."""
        self.below = levels()
        self.rows = [Plan(self.ask, self.parts, self.spec) for _ in range(size)]

    def run(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Do the call with plain tensors; keep what leads back."""
        with torch.enable_grad():
            self.leaves = [fresh(value) for value in tensors]
            parts = replaced(self.parts, self.leaves)
            result = self.ask("call", *pytree.tree_unflatten(parts, self.spec))
        self.results, self.result_spec = pytree.tree_flatten(result)
        found = tuple(value.detach() for value in self.results if tensor(value))
        if not found:
            raise TypeError("Under torch.func a function must return tensors.")
        return found

    def connect(self) -> None:
        """Have results that lead back to the leaves: here they do."""

    def outputs(self) -> list[Tensor]:
        """The tensors in the results."""
        return [value for value in self.results if tensor(value)]

    def result(self, tensors: Sequence[Tensor]) -> Any:
        """Return what the student's function returned, with these tensors in it."""
        plan = self
        while plan.rows:
            plan = plan.rows[0]
        parts = replaced(plan.results, tensors)
        return pytree.tree_unflatten(parts, plan.result_spec)

    def pull(self, grads: Sequence[Tensor], graph: bool = False) -> tuple[Tensor, ...]:
        """Return the gradients of the call's tensors, given those of its results.

        With `graph` they lead back themselves.
        """
        self.connect()
        pairs = [
            (output, grad)
            for output, grad in zip(self.outputs(), grads, strict=True)
            if output.requires_grad
        ]
        wanted = [leaf for leaf in self.leaves if leaf.requires_grad]
        found: list[Tensor | None] = [None] * len(wanted)
        if pairs and wanted:
            outputs, grads = zip(*pairs, strict=True)
            options = {"retain_graph": True, "allow_unused": True}
            options["create_graph"] = graph
            found = list(torch.autograd.grad(outputs, wanted, grads, **options))
        ready = iter(found)
        grads = [next(ready) if leaf.requires_grad else None for leaf in self.leaves]
        return tuple(
            torch.zeros_like(leaf) if grad is None else grad
            for leaf, grad in zip(self.leaves, grads, strict=True)
        )

    def matrices(self, graph: bool = False) -> tuple[Tensor, ...]:
        """Return the Jacobian of each real result by each tensor, in this order."""
        self.connect()
        found = []
        zeros = [torch.zeros_like(output) for output in self.outputs()]
        for number, output in enumerate(self.outputs()):
            if not output.is_floating_point():
                continue
            size = output.numel() * sum(leaf.numel() for leaf in self.leaves)
            if size > LARGEST or output.numel() > LONGEST:
                raise TooLargeError("a Jacobian is too large for the forward mode")
            rows = []
            for place in range(output.numel()):
                one = torch.zeros(output.numel(), dtype=output.dtype)
                one[place] = 1
                grads = [*zeros]
                grads[number] = one.reshape(output.shape)
                rows.append(self.pull(grads, graph))
            for column, leaf in enumerate(self.leaves):
                parts = [row[column].reshape(-1) for row in rows]
                empty = leaf.new_zeros(0, leaf.numel())
                found.append(torch.stack(parts) if parts else empty)
        return tuple(found)


class Derived(Plan):
    """What comes of another plan by its derivative, as a call of its own."""

    def __init__(self, base: Plan) -> None:
        self.base = base
        self.start()

    def split(self, size: int) -> None:
        """Each row of the base's batch, or the same base for each."""
        own = self.base.rows and self.base.below == levels()
        bases = self.base.rows if own else [self.base] * size
        self.below, self.rows = levels(), [type(self)(base) for base in bases]

    def run(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Do the call; what leads back is made when it is asked for."""
        self.given = list(tensors)
        self.base.connect()
        return tuple(value.detach() for value in self.compute(self.given, graph=False))

    def connect(self) -> None:
        """Do the call again in a way that leads back."""
        if self.results:
            return
        with torch.enable_grad():
            own = len(self.given) - len(self.base.leaves)
            first = [fresh(value) for value in self.given[:own]]
            self.leaves = [*first, *self.base.leaves]
            self.results = list(self.compute(self.leaves, graph=True))


class Back(Derived):
    """The way back: of gradients of the results, and the tensors."""

    def compute(self, tensors: list[Tensor], graph: bool) -> tuple[Tensor, ...]:
        """The gradients of the tensors."""
        return self.base.pull(tensors[: len(tensors) - len(self.base.leaves)], graph)


class Matrices(Derived):
    """The Jacobians, of the tensors."""

    def compute(self, tensors: list[Tensor], graph: bool) -> tuple[Tensor, ...]:
        """All of them."""
        return self.base.matrices(graph)


class Call(torch.autograd.Function):
    """A plan that is carried out."""

    @staticmethod
    def forward(plan: Plan, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Below all transforms: an ordinary call."""
        return plan.run(tensors)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple) -> None:
        """Keep the plan for the way back."""
        ctx.plan, *tensors = inputs
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)
        real = [value.is_floating_point() for value in output]
        ctx.shapes = [
            value.shape if is_real else None
            for value, is_real in zip(output, real, strict=True)
        ]
        fixed = [value for value in output if not value.is_floating_point()]
        ctx.mark_non_differentiable(*fixed)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        """Ask for the gradients; this passes through the transforms as well."""
        # The tensors go along so that a second derivative does not come out as zero.
        return None, *Call.apply(Back(ctx.plan), *grads, *ctx.saved_tensors)

    @staticmethod
    def jvp(ctx: Any, _: None, *tangents: Tensor | None) -> tuple[Tensor | None, ...]:
        """Multiply with the Jacobians; the product is torch's own."""
        found: list[Tensor | None] = []
        # torch leaves the forward mode off in here, also for the levels outside.
        with forward_ad._set_fwd_grad_enabled(True):
            duals = map(forward_ad.unpack_dual, ctx.saved_tensors)
            tensors = [dual.primal for dual in duals]
            matrices = iter(Call.apply(Matrices(ctx.plan), *tensors))
            for shape in ctx.shapes:
                if shape is None:
                    found.append(None)
                    continue
                pairs = [(next(matrices), tangent) for tangent in tangents]
                parts = [
                    (matrix * tangent.reshape(-1)).sum(-1)
                    for matrix, tangent in pairs
                    if tangent is not None
                ]
                found.append(sum(parts).reshape(shape))
        return tuple(found)

    @staticmethod
    def vmap(info: Any, dims: tuple, plan: Plan, *tensors: Tensor) -> tuple[Any, Any]:
        """Call once for each row."""
        plan.split(info.batch_size)
        rows = [
            Call.apply(
                each,
                *(
                    value if dim is None else value.select(dim, row)
                    for value, dim in zip(tensors, dims[1:], strict=True)
                ),
            )
            for row, each in enumerate(plan.rows)
        ]
        found = tuple(torch.stack(column) for column in zip(*rows, strict=True))
        return found, (0,) * len(found)


def active(parts: Any) -> bool:
    """Whether a call with these parts is one under a transform of torch.func.

    Or in the forward mode of torch.autograd: a tensor has a tangent then.
    """
    if torch._C._are_functorch_transforms_active():
        return True
    if forward_ad._current_level < 0:
        return False
    return any(
        forward_ad.unpack_dual(value).tangent is not None
        for value in pytree.tree_leaves(parts)
        if tensor(value)
    )


def untraced() -> contextlib.AbstractContextManager:
    """Do what is inside at once; torch.func.linearize notes the result alone."""
    tracer = sys.modules.get("torch.fx.experimental.proxy_tensor")
    return tracer.disable_proxy_modes_tracing() if tracer else contextlib.nullcontext()


def levels() -> int:
    """Return how many vmaps this code runs under."""
    kinds = torch._C._functorch.TransformType
    stack = torch._C._functorch.get_interpreter_stack() or []
    return sum(level.key() == kinds.Vmap for level in stack)


def call(ask: Ask, *parts: Any) -> Any:
    """Call a student's function under a transform."""
    leaves, spec = pytree.tree_flatten(parts)
    plan = Plan(ask, leaves, spec)
    return plan.result(Call.apply(plan, *(value for value in leaves if tensor(value))))


def tensor(value: Any) -> bool:
    """Whether this is a tensor, and nothing that claims to be one."""
    return type(value) in (Tensor, torch.nn.Parameter)


def fresh(value: Tensor) -> Tensor:
    """Return a new leaf, with a gradient if it can have one."""
    return value.detach().requires_grad_(value.is_floating_point())


def replaced(parts: list[Any], tensors: Sequence[Tensor]) -> list[Any]:
    """Return the parts with these tensors in place of theirs."""
    new = iter(tensors)
    return [next(new) if tensor(part) else part for part in parts]
