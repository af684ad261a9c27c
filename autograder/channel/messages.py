"""What a message holds besides plain values: shared tensors, graphs, objects.

A question's tensors keep their way back to the side that asks; an answer's tensors
that have a gradient are listed as the outputs of a graph, which the answering side
keeps.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from autograder.channel.codec import Node, Packer, is_plain
from autograder.channel.frames import ProtocolError
from autograder.channel.strict import Unpacker, natural


class PeerPacker(Packer):
    """Packs tensors with their gradients, and objects as each side wants it."""

    def __init__(self, peer: Any) -> None:
        super().__init__()
        self.peer = peer
        self.kept: list[Any] = []  # until the message is sent

    def other(self, value: Any, depth: int) -> Node:
        return self.peer.pack_other(value, self, depth)

    def tensor(self, value: Tensor, depth: int) -> Node:
        if not is_plain(value):
            return self.other(value, depth)
        leaf = value.is_leaf
        if leaf and (value.requires_grad or type(value) is torch.nn.Parameter):
            self.kept.append(value)
            return ["W", self.peer.twins.number(value)]
        if value.requires_grad:
            return self.attached(value)
        return self.detached(value, depth)

    def attached(self, value: Tensor) -> Node:
        """Pack a tensor in the middle of a graph."""
        raise NotImplementedError

    def detached(self, value: Tensor, depth: int) -> Node:
        """Pack a tensor without a gradient."""
        return self.data(value)


class QuestionPacker(PeerPacker):
    """Packs what is handed to the other side: tensors keep their way back here."""

    def __init__(self, peer: Any) -> None:
        super().__init__(peer)
        self.slots: dict[int, int] = {}  # of id(value)
        self.given: list[Any] = []

    def attached(self, value: Tensor) -> Node:
        return self.once(value, lambda: self.anchored(value))

    def anchored(self, value: Tensor) -> Node:
        return ["A", self.peer.twins.anchor(value), self.data(value)]

    def detached(self, value: Tensor, depth: int) -> Node:
        return self.once(value, lambda: self.data(value))

    def array(self, value: Any, depth: int) -> Node:
        return self.once(value, lambda: Packer.array(self, value, depth))

    def once(self, value: Any, pack: Callable[[], Node]) -> Node:
        """Pack the same object once, so that the other side has one object too."""
        slot = self.slots.get(id(value))
        if slot is not None:
            return ["again", slot]
        self.slots[id(value)] = len(self.given)
        self.given.append(value)
        return ["slot", pack()]


class AnswerPacker(PeerPacker):
    """Packs results; those in the middle of a graph are listed as its outputs."""

    def __init__(self, peer: Any) -> None:
        super().__init__(peer)
        self.outputs: list[Tensor] = []

    def attached(self, value: Tensor) -> Node:
        for index, output in enumerate(self.outputs):
            if output is value:
                return ["G", index]
        self.outputs.append(value)
        return ["G", len(self.outputs) - 1]


class PeerUnpacker(Unpacker):
    """Unpacks one message: twins first, then what refers to them."""

    def __init__(self, peer: Any, body: memoryview) -> None:
        super().__init__(body)
        self.peer = peer
        self.slots: list[Any] = []
        self.raw: list[memoryview] = []
        self.kept: list[Tensor] = []  # until the message has been read
        self.outputs: tuple[Tensor, ...] = ()

    def other(self, tag: str, rest: list[Node], depth: int) -> Any:
        if tag == "W":
            return self.peer.twin(rest[0])
        if tag == "G":
            return self.outputs[natural(rest[0], len(self.outputs) - 1)]
        if tag == "A":
            return self.anchored(*rest)
        if tag == "again":
            return self.slots[natural(rest[0], len(self.slots) - 1)]
        if tag == "slot":
            start = self.used
            self.slots.append(value := self.unpack(rest[0], depth))
            self.raw.append(self.body[start : self.used])
            return value
        return self.peer.unpack_other(tag, rest, self, depth)

    def anchored(self, number: Any, node: Node) -> Tensor:
        """Return a tensor that leads back to the asking side's tensor."""
        leaf = self.plain_tensor(node).requires_grad_()
        self.peer.twins.add(self.peer.foreign(number), leaf, keep=False)
        with torch.enable_grad():
            return leaf.clone()

    def plain_tensor(self, node: Node) -> Tensor:
        """Return the tensor of a node that must be one."""
        if type(node) is not list or node[:1] != ["T"]:
            raise ProtocolError("a message has something else where a tensor is due")
        return self.unpack(node)
