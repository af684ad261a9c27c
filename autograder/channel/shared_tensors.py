"""Tensors of which both processes have a copy: parameters, and whatever has a `.grad`.

A leaf tensor and its copy have one number. Before each message the sender looks which
of its copies have changed (the numbers, `.grad`, `requires_grad`) and sends those. A
tensor in the middle of a graph has a number too, its *anchor*: the other side computes
with a leaf in its place, and the gradient of that leaf comes back under the number.
"""

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from autograder.channel.codec import Node, Packer, is_plain
from autograder.channel.frames import ProtocolError

if TYPE_CHECKING:
    from torch import Tensor

CLEARED = "cleared"  # stands for a .grad that is None
MOST = 100_000
BYTES = 512 << 20  # of the tensors that a side keeps


class Twin:
    """One tensor of this process, and what the other one last heard of it."""

    def __init__(self, number: int, hold: "Callable[[], Tensor | None]") -> None:
        self.number, self.hold = number, hold
        self.synced = False  # anchors are not
        self.known = False
        self.value: Any = None
        self.grad: Any = None
        self.grad_version = 0
        self.requires_grad = False

    def remember(self) -> None:
        """Note that the other side has the tensor as it is now."""
        tensor = self.hold()
        self.known, self.requires_grad = True, tensor.requires_grad
        self.value, self.grad = plain(tensor).clone(), tensor.grad
        self.grad_version = 0 if self.grad is None else self.grad._version

    def value_changed(self, tensor: "Tensor") -> bool:
        """Whether the numbers differ; versions would miss what went through .data."""
        from autograder.channel.with_torch import equal

        old, new = self.value, plain(tensor)
        if old is None or old.dtype != new.dtype or old.device != new.device:
            return True
        return not equal(old, new)

    def changed(self) -> bool:
        """Whether the other side has not heard of the tensor as it is now."""
        tensor = self.hold()
        return tensor is not None and (
            self.requires_grad != tensor.requires_grad
            or self.grad_changed(tensor)
            or self.value_changed(tensor)
        )

    def grad_changed(self, tensor: "Tensor") -> bool:
        """Whether .grad is another tensor, or was written into."""
        grad = tensor.grad
        if grad is not self.grad:
            return True
        return grad is not None and grad._version != self.grad_version


class Twins:
    """The numbered tensors of one side; `sign` keeps the two sides' numbers apart.

    `keeps` says whether this side holds its leaf tensors as long as the other one has
    a copy, or lets them go and says so.
    """

    def __init__(self, sign: int, keeps: bool) -> None:
        self.sign, self.keeps, self.last = sign, keeps, 0
        self.twins: dict[int, Twin] = {}
        self.numbers: dict[int, int] = {}  # of id(tensor)
        self.gone: set[int] = set()
        self.bytes = 0

    def tensor(self, number: int) -> "Tensor":
        """Return the tensor with this number; ProtocolError if there is none."""
        twin = self.twins.get(number) if type(number) is int else None
        tensor = twin.hold() if twin else None
        if tensor is None:
            raise ProtocolError("a tensor has an unknown number")
        return tensor

    def number(self, tensor: "Tensor") -> int:
        """Return the number of a leaf, old or new."""
        number = self.numbers.get(id(tensor))
        if number is None:
            number = self.new_number()
            self.add(number, tensor, keep=self.keeps).synced = True
        return number

    def anchor(self, tensor: "Tensor") -> int:
        """Return a number for a tensor in the middle of a graph, and keep it."""
        number = self.new_number()
        self.twins[number] = Twin(number, lambda: tensor)
        return number

    def new_number(self) -> int:
        if len(self.twins) >= MOST:
            raise ProtocolError("too many tensors are shared")
        self.last += self.sign
        return self.last

    def add(self, number: int, tensor: "Tensor", keep: bool) -> Twin:
        """Give a tensor a number; when it is not kept, its end is reported."""
        self.bytes += tensor.nbytes if keep else 0
        if len(self.twins) >= MOST or self.bytes > BYTES:
            raise ProtocolError("too many tensors are shared")
        if keep:
            twin = Twin(number, lambda: tensor)
        else:
            key = id(tensor)
            twin = Twin(number, weakref.ref(tensor, lambda _: self.end(number, key)))
        self.twins[number] = twin
        self.numbers[id(tensor)] = number
        self.gone.discard(number)
        return twin

    def end(self, number: int, key: int) -> None:
        """Called when a tensor that is not kept has ended."""
        self.gone.add(number)
        self.twins.pop(number, None)
        if self.numbers.get(key) == number:
            del self.numbers[key]

    def forget(self, numbers: list[int]) -> None:
        """Let go of what the other side has no use for any more."""
        for number in numbers:
            twin = self.twins.pop(number, None) if type(number) is int else None
            tensor = twin.hold() if twin else None
            if tensor is not None:
                self.bytes -= tensor.nbytes if twin.synced and self.keeps else 0
                self.numbers.pop(id(tensor), None)

    def written(self) -> list[Twin]:
        """The other side's tensors of which this side has changed its copy."""
        return [
            twin
            for number, twin in self.twins.items()
            if number * self.sign < 0 and twin.synced and twin.changed()
        ]

    def disown(self, number: int) -> None:
        """From here on this side's copy is a tensor of its own."""
        twin = self.twins.pop(number)
        tensor = twin.hold()
        if tensor is not None and self.numbers.get(id(tensor)) == number:
            del self.numbers[id(tensor)]
        self.gone.add(number)

    def take_gone(self) -> list[int]:
        """Return the numbers that ended since the last message."""
        gone, self.gone = sorted(self.gone), set()
        return gone

    def changes(self, packer: Packer) -> tuple[list[Node], list[Twin]]:
        """Return what the other side has not heard of yet, and of which twins."""
        entries, changed = [], []
        for twin in list(self.twins.values()):
            tensor = twin.hold() if twin.synced else None
            if tensor is None or not is_plain(tensor):
                continue
            value = twin.value_changed(tensor)
            grad = twin.grad_changed(tensor)
            if (
                twin.known
                and not (value or grad)
                and (twin.requires_grad == tensor.requires_grad)
            ):
                continue
            entries.append(entry(twin.number, tensor, value, grad, packer))
            changed.append(twin)
        return entries, changed


def plain(tensor: "Tensor") -> "Tensor":
    """The same numbers without a way back, whatever class the tensor is of."""
    import torch

    return torch.Tensor.detach(tensor)


def entry(
    number: int, tensor: "Tensor", value: bool, grad: bool, packer: Packer
) -> Node:
    """Return one tensor's line in a message: what it is, and what has changed."""
    from torch import nn

    numbers = packer.data(tensor) if value else None  # read in this order too
    gradient: Any = None
    if grad:
        here = tensor.grad is not None and is_plain(tensor.grad)
        gradient = packer.data(tensor.grad) if here else CLEARED
    return [
        number,
        isinstance(tensor, nn.Parameter),
        tensor.requires_grad,
        numbers,
        gradient,
    ]


def make_leaf(value: "Tensor", parameter: bool, requires_grad: bool) -> "Tensor":
    """Return a leaf with these numbers."""
    from torch import nn

    if parameter:
        return nn.Parameter(value, requires_grad)
    return value.requires_grad_(requires_grad)


def write(tensor: "Tensor", value: "Tensor") -> None:
    """Write numbers into a leaf, of another shape or dtype if need be."""
    import torch

    if tensor.shape == value.shape and tensor.dtype == value.dtype:
        with torch.no_grad():
            tensor.copy_(value)
    else:
        tensor.data = value
