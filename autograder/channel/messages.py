"""What a message holds besides plain values: shared tensors, graphs, objects.

A question's tensors keep their way back to the side that asks; an answer's tensors
that have a gradient are listed as the outputs of a graph, which the answering side
keeps.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from autograder.channel.codec import ARRAY_NAMES, Node, Packer, is_plain
from autograder.channel.frames import ProtocolError, TooLargeError
from autograder.channel.libraries import needed
from autograder.channel.strict import Unpacker, natural
from autograder.channel.tables import TAGS, pack_table, unpack_table

if TYPE_CHECKING:
    from torch import Tensor

MUTABLE = (list, set, dict, OrderedDict)


class PeerPacker(Packer):
    """Packs tensors with their gradients, and objects as each side wants it."""

    def __init__(self, peer: Any) -> None:
        super().__init__()
        self.peer = peer
        self.kept: list[Any] = []  # until the message is sent

    def other(self, value: Any, depth: int) -> Node:
        return self.peer.pack_other(value, self, depth)

    def tensor(self, value: "Tensor", depth: int) -> Node:
        import torch

        if not is_plain(value):
            return self.other(value, depth)
        leaf = value.is_leaf
        if leaf and (value.requires_grad or type(value) is torch.nn.Parameter):
            self.kept.append(value)
            return ["W", self.peer.number(value)]
        if value.requires_grad:
            return self.attached(value)
        return self.detached(value, depth)

    def table(self, value: Any, depth: int) -> Node:
        return pack_table(value, self, depth) or self.other(value, depth)

    def attached(self, value: "Tensor") -> Node:
        """Pack a tensor in the middle of a graph."""
        raise NotImplementedError

    def detached(self, value: "Tensor", depth: int) -> Node:
        """Pack a tensor without a gradient."""
        return self.data(value)


class QuestionPacker(PeerPacker):
    """Packs what is handed to the other side: tensors keep their way back here."""

    def __init__(self, peer: Any) -> None:
        super().__init__(peer)
        self.slots: dict[int, int] = {}  # of id(value)
        self.open: set[int] = set()
        self.given: list[Any] = []

    def attached(self, value: "Tensor") -> Node:
        return self.once(value, lambda: self.anchored(value))

    def anchored(self, value: "Tensor") -> Node:
        return ["A", self.peer.twins.anchor(value), self.data(value)]

    def detached(self, value: "Tensor", depth: int) -> Node:
        if self.peer.shared(value) is not None:
            return ["W", self.peer.twins.number(value)]
        self.peer.handing(value)
        return self.once(value, lambda: self.data(value))

    def array(self, value: Any, depth: int) -> Node:
        if value.dtype not in ARRAY_NAMES:
            return Packer.array(self, value, depth)
        if (tensor := self.peer.shared(value)) is not None:
            return ["N", self.peer.twins.number(tensor)]
        return self.container(value, Packer.array, depth)

    def sequence(self, value: Any, depth: int) -> Node:
        if not isinstance(value, list | set):
            return Packer.sequence(self, value, depth)
        return self.container(value, Packer.sequence, depth)

    def mapping(self, value: Any, depth: int) -> Node:
        return self.container(value, Packer.mapping, depth)

    def container(self, value: Any, pack: Callable[..., Node], depth: int) -> Node:
        """Pack what can be written into; where writes are seen, under a number."""
        self.peer.handing(value)
        number = self.peer.container(value)

        def packed() -> Node:
            node = pack(self, value, depth)
            return node if number is None else ["K", number, node]

        return self.once(value, packed)

    def once(self, value: Any, pack: Callable[[], Node]) -> Node:
        """Pack the same object once, so that the other side has one object too.

        Raises TooLargeError for an object that holds itself.
        """
        slot = self.slots.get(id(value))
        if slot is not None:
            if slot in self.open:
                raise TooLargeError("the value is nested too deeply to be passed on")
            return ["again", slot]
        self.slots[id(value)] = slot = len(self.given)
        self.given.append(value)
        self.open.add(slot)
        node = ["slot", pack()]
        self.open.discard(slot)
        return node


class AnswerPacker(PeerPacker):
    """Packs results; those in the middle of a graph are listed as its outputs.

    What came with the `question`, and is as it came, goes back as the asking side's
    own: a function that returns its argument makes no copy of it.
    """

    def __init__(self, peer: Any, question: "PeerUnpacker") -> None:
        super().__init__(peer)
        self.question = question
        self.came = {id(value): slot for slot, value in enumerate(question.slots)}
        self.outputs: list[Any] = []  # tensors

    def pack(self, value: Any, depth: int = 0) -> Node:
        slot = self.came.get(id(value))
        if slot is not None and self.peer.as_it_came(value, self.question.raw[slot]):
            return ["given", slot]
        return super().pack(value, depth)

    def attached(self, value: "Tensor") -> Node:
        for index, output in enumerate(self.outputs):
            if output is value:
                return ["G", index]
        self.outputs.append(value)
        return ["G", len(self.outputs) - 1]


class PeerUnpacker(Unpacker):
    """Unpacks one message: twins first, then what refers to them.

    `given` is what was handed over with the question that the message answers.
    """

    def __init__(self, peer: Any, body: memoryview, given: list[Any]) -> None:
        super().__init__(body)
        self.peer, self.given = peer, given
        self.slots: list[Any] = []
        self.raw: list[Any] = []  # what was in them: bytes, or the same items
        self.kept: list[Any] = []  # until the message has been read
        self.outputs: tuple[Any, ...] = ()

    def other(self, tag: str, rest: list[Node], depth: int) -> Any:
        if tag == "W":
            return self.peer.twin(rest[0])
        if tag == "G":
            return self.outputs[natural(rest[0], len(self.outputs) - 1)]
        if tag == "A":
            return self.anchored(*rest)
        if tag == "given":
            return self.given[natural(rest[0], len(self.given) - 1)]
        if tag == "again":
            return self.slots[natural(rest[0], len(self.slots) - 1)]
        if tag == "slot":
            start, slot = self.used, len(self.slots)
            self.slots.append(None)
            self.raw.append(None)
            self.slots[slot] = value = self.unpack(rest[0], depth)
            numbers = self.body[start : self.used]
            self.raw[slot] = value.copy() if type(value) in MUTABLE else numbers
            return value
        if tag in TAGS:
            return unpack_table(self, tag, rest, depth)
        return self.peer.unpack_other(tag, rest, self, depth)

    def anchored(self, number: Any, node: Node) -> "Tensor":
        """Return a tensor that leads back to the asking side's tensor."""
        torch = needed("torch")
        leaf = self.plain_tensor(node).requires_grad_()
        self.peer.twins.add(self.peer.foreign(number), leaf, keep=False)
        with torch.enable_grad():
            return leaf.clone()

    def plain_tensor(self, node: Node) -> "Tensor":
        """Return the tensor of a node that must be one."""
        if type(node) is not list or node[:1] != ["T"]:
            raise ProtocolError("a message has something else where a tensor is due")
        return self.unpack(node)
