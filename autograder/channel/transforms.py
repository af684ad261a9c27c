"""torch.func over a student's function: vmap, grad, vjp, jacrev, in any order.

Under a transform the tensors are wrapped and have no bytes. torch unwraps them for a
Function of its own, one level at a time; below all levels the call is an ordinary one,
and a batch is as many calls as it has rows. First derivatives only.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

Ask = Callable[..., Any]


class Plan:
    """One call under torch.func: its parts, later its results, or its rows' plans."""

    def __init__(self, ask: Ask, parts: list[Any], spec: Any) -> None:
        self.ask, self.parts, self.spec = ask, parts, spec
        self.rows: list[Plan] = []
        self.below = 0  # levels of vmap under that of the rows
        self.leaves: list[Tensor] = []
        self.results: list[Any] = []
        self.result_spec: Any = None

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

    def result(self, tensors: Sequence[Tensor]) -> Any:
        """Return what the student's function returned, with these tensors in it."""
        plan = self
        while plan.rows:
            plan = plan.rows[0]
        parts = replaced(plan.results, tensors)
        return pytree.tree_unflatten(parts, plan.result_spec)

    def pull(self, grads: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return the gradients of the call's tensors, given those of its results."""
        outputs = [value for value in self.results if tensor(value)]
        pairs = [
            (output, grad)
            for output, grad in zip(outputs, grads, strict=True)
            if output.requires_grad
        ]
        wanted = [leaf for leaf in self.leaves if leaf.requires_grad]
        found: list[Tensor | None] = [None] * len(wanted)
        if pairs and wanted:
            outputs, grads = zip(*pairs, strict=True)
            options = {"retain_graph": True, "allow_unused": True}
            found = list(torch.autograd.grad(outputs, wanted, grads, **options))
        ready = iter(found)
        grads = [next(ready) if leaf.requires_grad else None for leaf in self.leaves]
        return tuple(
            torch.zeros_like(leaf) if grad is None else grad
            for leaf, grad in zip(self.leaves, grads, strict=True)
        )


class Call(torch.autograd.Function):
    """The way there."""

    @staticmethod
    def forward(plan: Plan, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Below all transforms: an ordinary call."""
        return plan.run(tensors)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple) -> None:
        """Keep the plan for the way back."""
        ctx.plan, *tensors = inputs
        ctx.save_for_backward(*tensors)
        fixed = [value for value in output if not value.is_floating_point()]
        ctx.mark_non_differentiable(*fixed)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        """Ask for the gradients; this passes through the transforms as well."""
        # The tensors go along so that a second derivative does not come out as zero.
        return None, *Back.apply(ctx.plan, *grads, *ctx.saved_tensors)

    @staticmethod
    def vmap(info: Any, dims: tuple, plan: Plan, *tensors: Tensor) -> tuple[Any, Any]:
        """Call once for each row."""
        plan.below = levels()
        plan.rows = [
            Plan(plan.ask, plan.parts, plan.spec) for _ in range(info.batch_size)
        ]
        return by_rows(Call, plan.rows, dims[1:], tensors)


class Back(torch.autograd.Function):
    """The way back."""

    @staticmethod
    def forward(plan: Plan, *values: Tensor) -> tuple[Tensor, ...]:
        """Below all transforms: an ordinary vjp; `values` are gradients, tensors."""
        return plan.pull(values[: len(values) - len(plan.leaves)])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple) -> None:
        """There is nothing to keep."""

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        """Refuse the second derivative."""
        raise RuntimeError(
            "torch.func passes first derivatives of a student's function only: use "
            "torch.autograd.functional for the second."
        )

    @staticmethod
    def vmap(info: Any, dims: tuple, plan: Plan, *values: Tensor) -> tuple[Any, Any]:
        """Go back once for each row: of the call's batch, or of the gradients'."""
        own = plan.rows and plan.below == levels()
        plans = plan.rows if own else [plan] * info.batch_size
        return by_rows(Back, plans, dims[1:], values)


def by_rows(
    function: Any, plans: list[Plan], dims: tuple, tensors: Sequence[Tensor]
) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    """Apply a function to each row of a batch; return the results' batch."""
    rows = [
        function.apply(
            plan,
            *(
                value if dim is None else value.select(dim, row)
                for value, dim in zip(tensors, dims, strict=True)
            ),
        )
        for row, plan in enumerate(plans)
    ]
    found = tuple(torch.stack(column) for column in zip(*rows, strict=True))
    return found, (0,) * len(found)


def active() -> bool:
    """Whether this code runs under a transform of torch.func."""
    return torch._C._are_functorch_transforms_active()


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
