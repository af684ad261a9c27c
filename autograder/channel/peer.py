"""One side of the channel: asks the other one, and answers it while it waits.

The two sides speak the same language. A question is an operation on packed values; the
side that answers may ask back before it does, to any depth up to DEPTH.
"""

import contextlib
from typing import TYPE_CHECKING, Any

from autograder.channel.codec import Node, Packer
from autograder.channel.errors import describe, rebuild
from autograder.channel.frames import (
    Channel,
    ChannelError,
    ProtocolError,
    TooLargeError,
)
from autograder.channel.libraries import is_tensor, loaded, needed
from autograder.channel.messages import (
    AnswerPacker,
    PeerPacker,
    PeerUnpacker,
    QuestionPacker,
)
from autograder.channel.shared_tensors import CLEARED, Twins, make_leaf, write
from autograder.channel.strict import exact, natural

if TYPE_CHECKING:
    from torch import Tensor

DEPTH = 20
MOST = 100_000  # questions of the other side while one answer is awaited

QUESTION = {"n", "in", "op", "tree", "twins", "gone", "free", "drop", "around", "new"}
QUESTION |= {"through", "generators"}  # what the test wants to see of side effects
ANSWER = {"n", "tree", "error", "twins", "gone", "free", "graph", "changed"}
ANSWER |= {"wrote", "generators"}  # what it is told of them


class Graph:
    """What a call left behind for the way back."""

    def __init__(self, outputs: "list[Tensor]", leaves: "list[Tensor]") -> None:
        self.outputs, self.leaves = outputs, leaves


class Peer:
    """What both sides do; RemoteStudent (the test's side) and Server complete it."""

    def __init__(self, channel: Channel, sign: int, keeps: bool) -> None:
        self.channel = channel
        self.twins = Twins(sign, keeps)
        self.graphs: dict[int, Graph] = {}
        self.freed: list[int] = []
        self.last_graph = self.depth = 0
        self.open: list[Any] = []  # the other side's unanswered questions

    def ask(self, op: str, *parts: Any) -> Any:
        """Ask the other side and return its answer, or raise the exception in it."""
        packer = QuestionPacker(self)
        tree = packer.pack(parts)
        token = self.token()
        header = {"n": token, "op": op, "tree": tree}
        if self.open:
            header["in"] = self.open[-1]
        around = Packer()
        header |= self.question_extras(around)
        self.send(header, around.buffers, packer)
        for _ in range(MOST):
            reply, body = self.channel.receive()
            if type(reply) is not dict:
                raise ProtocolError("a message is no object")
            if "op" not in reply:
                return self.read_answer(token, reply, body, packer.given)
            if reply.get("in") != token:
                raise ProtocolError("a question belongs to no open call")
            self.answer(reply, body)
        raise ProtocolError("a call asked back too often")

    def number(self, tensor: "Tensor") -> int:
        """Return the number under which both sides know a leaf."""
        return self.twins.number(tensor)

    def shared(self, value: Any) -> "Tensor | None":
        """The tensor by which both sides share a value; None: it crosses by value."""
        return None

    def container(self, value: Any) -> int | None:
        """The number by which both sides share a container; None: it is copied."""
        return None

    def handing(self, value: Any) -> None:
        """Called with each tensor, array and container that crosses by value."""

    def send(self, header: dict[str, Any], first: list, packer: Packer) -> None:
        """Send a message with the news of tensors that both sides have."""
        news = Packer()
        entries, changed = self.twins.changes(news)
        if entries:
            header["twins"] = entries
        if gone := self.twins.take_gone():
            header["gone"] = gone
        if self.freed:
            header["free"] = self.freed[:]
            self.freed.clear()
        self.channel.send(header, [*first, *news.buffers, *packer.buffers])
        for twin in changed:
            if twin.hold() is not None:
                twin.remember()

    def read_answer(
        self, token: Any, reply: dict, body: memoryview, given: list[Any]
    ) -> Any:
        """Return the value of an answer to this question, or raise its exception."""
        if not reply.keys() <= ANSWER or reply.get("n") != token:
            raise ProtocolError("an answer belongs to no open question")
        if ("tree" in reply) == ("error" in reply):
            raise ProtocolError("an answer has no value")
        try:
            value = self.read_parts(reply, PeerUnpacker(self, body, given))
            error = self.error(reply["error"]) if "error" in reply else None
        except Exception as error:  # whatever an honest answer does not do
            raise ProtocolError("an answer is malformed") from error
        if error is not None:
            raise error
        return value

    def read_parts(self, reply: dict, unpacker: PeerUnpacker) -> Any:
        """Take in all that an answer brings, in the order of its bytes."""
        self.read_news(reply, unpacker)
        if "graph" in reply:
            unpacker.outputs = self.linked(unpacker, reply["graph"])
        for slot, node in pairs(reply.get("changed", [])):
            value = unpacker.unpack(["given", slot])
            self.argument_changed(value, unpacker.unpack(node))
        self.read_extras(reply, unpacker)
        value = unpacker.unpack(reply.get("tree"))
        unpacker.finish()
        return value

    def read_extras(self, reply: dict, unpacker: PeerUnpacker) -> None:
        """Take in what else an answer says."""

    def read_news(self, header: dict, unpacker: PeerUnpacker) -> None:
        """Take in what the other side says of shared tensors and old graphs."""
        for line in exact(header.get("twins", []), list):
            if len(exact(line, list)) != 5:
                raise ProtocolError("the news of a tensor is malformed")
            self.read_twin(unpacker, *line)
        self.twins.forget(exact(header.get("gone", []), list))
        for number in exact(header.get("free", []), list):
            self.graphs.pop(natural(number), None)

    def read_twin(
        self,
        unpacker: PeerUnpacker,
        number: Any,
        parameter: Any,
        requires_grad: Any,
        value: Node,
        grad: Node,
    ) -> None:
        """Make or change this side's copy of one tensor."""
        exact(parameter, bool)
        exact(requires_grad, bool)
        value = None if value is None else unpacker.plain_tensor(value)
        if grad not in (None, CLEARED):
            grad = unpacker.plain_tensor(grad)
        known = self.twins.twins.get(number) if type(number) is int else None
        tensor = known.hold() if known else None
        if tensor is None and value is not None:
            tensor = make_leaf(value, parameter, requires_grad)
            known = self.twins.add(self.foreign(number), tensor, self.twins.keeps)
            known.synced = True
            unpacker.kept.append(tensor)
        elif tensor is None and number in self.twins.gone:
            return  # the other side has not heard yet that it was let go
        elif tensor is None or not known.synced:
            raise ProtocolError("a tensor has an unknown number")
        elif not self.may_write(number, tensor, value):
            return
        elif value is not None:
            write(tensor, value)
        tensor.requires_grad_(requires_grad)
        if grad is not None:
            tensor.grad = grad if is_tensor(grad) else None
        known.remember()

    def linked(self, unpacker: PeerUnpacker, graph: Node) -> "tuple[Tensor, ...]":
        """Return results that lead back to this side's tensors through the channel."""
        torch = needed("torch")
        from autograder.channel.with_torch import Lease, Link

        number, nodes, inputs = exact(graph, list)
        values = [unpacker.plain_tensor(node) for node in exact(nodes, list)]
        sources = [self.twins.tensor(source) for source in exact(inputs, list)]
        lease = Lease(natural(number), self.freed)
        with torch.enable_grad():
            return Link.apply(self, lease, values, *sources)

    def vjp(
        self, number: int, grads: "list[Tensor | None]", like: list[tuple]
    ) -> "list[Tensor | None]":
        """Go backward through a graph of the other side."""
        found = self.ask("vjp", number, grads)
        if type(found) is not list or len(found) != len(like):
            raise ProtocolError("a gradient is missing")
        for grad, expected in zip(found, like, strict=True):
            fits = grad is None or (
                type(grad) is needed("torch").Tensor
                and (grad.shape, grad.dtype) == expected
            )
            if not fits:
                raise ProtocolError("a gradient has another shape than its tensor")
        return found

    def answer(self, question: dict, body: memoryview) -> None:
        """Do what the other side asks and send the result, or the exception."""
        token = question.get("n")
        self.depth += 1
        self.open.append(token)
        try:
            header, packer = self.evaluate(question, body)
            self.reply(token, header, packer)
        except BaseException as error:
            if self.final_error(error):
                raise
            self.reply(token, {"error": self.describe(error)}, Packer())
        finally:
            self.depth -= 1
            self.open.pop()

    def reply(self, token: Any, header: dict, packer: Packer) -> None:
        try:
            self.send({"n": token, **header}, [], packer)
        except TooLargeError as error:
            self.send({"n": token, "error": describe(error)}, [], Packer())

    def evaluate(self, question: dict, body: memoryview) -> tuple[dict, Packer]:
        """Return an answer's header, and the packer that has its bytes."""
        if not question.keys() <= QUESTION:
            raise ProtocolError("a question has unknown parts")
        unpacker = PeerUnpacker(self, body, [])
        try:
            grad = self.surround(question, unpacker)
            self.read_news(question, unpacker)
            parts = exact(unpacker.unpack(question.get("tree")), tuple)
            unpacker.finish()
        except Exception as error:
            raise ProtocolError("a question is malformed") from error
        self.read_drops(question)
        if self.depth > DEPTH:
            raise RecursionError("functions of test and answer call each other deeply")
        with recording(grad):
            result = self.perform(question.get("op"), parts)
        header, packer = self.pack_answer(result, unpacker)
        packer.kept.append(parts)  # what changed in them is part of the answer
        return header, packer

    def pack_answer(
        self, result: Any, unpacker: PeerUnpacker
    ) -> tuple[dict[str, Any], PeerPacker]:
        packer = AnswerPacker(self, unpacker)
        header: dict[str, Any] = {"tree": packer.pack(result)}
        first = Packer()
        if packer.outputs:
            from autograder.channel.with_torch import leaves_of

            leaves = leaves_of(packer.outputs)
            nodes = [first.data(value) for value in packer.outputs]
            numbers = [self.twins.number(leaf) for leaf in leaves]
            self.last_graph += 1
            self.graphs[self.last_graph] = Graph(packer.outputs, leaves)
            header["graph"] = [self.last_graph, nodes, numbers]
        header |= self.answer_extras(unpacker, first)
        packer.buffers[:0] = first.buffers
        return header, packer

    def as_it_came(self, value: Any, raw: Any) -> bool:
        """Whether what came with a question may go back as the asking side's own."""
        return False

    def final_error(self, error: BaseException) -> bool:
        """Whether an exception ends the conversation instead of being its answer."""
        return isinstance(error, ChannelError)

    def perform_vjp(self, number: Any, grads: "list[Tensor | None]") -> Any:
        """Go backward through a graph of this side."""
        graph = self.graphs.get(number)
        if graph is None or len(exact(grads, list)) != len(graph.outputs):
            raise ProtocolError("a graph has an unknown number")
        from autograder.channel.with_torch import pull_back

        return pull_back(graph.outputs, graph.leaves, grads)

    def foreign(self, number: Any) -> int:
        """Return a number that the other side gave; ProtocolError if it could not."""
        if type(number) is not int or number * self.twins.sign >= 0:
            raise ProtocolError("a tensor has an impossible number")
        return number

    def error(self, described: Any) -> Exception:
        """Return the exception that the other side described."""
        return rebuild(described)

    def describe(self, error: BaseException) -> Any:
        """Describe an exception of this side."""
        return describe(error)


def recording(grad: bool) -> contextlib.AbstractContextManager:
    """Record gradients inside, or do not; without torch there are none."""
    torch = loaded("torch")
    return torch.set_grad_enabled(grad) if torch else contextlib.nullcontext()


def transformed(parts: Any) -> bool:
    """Whether a call with these parts is one under a transform of torch.func."""
    if not loaded("torch"):
        return False
    from autograder.channel.with_torch import transforms

    return transforms.active(parts)


def untraced() -> contextlib.AbstractContextManager:
    """Do what is inside at once, also where torch only notes what is done."""
    if not loaded("torch"):
        return contextlib.nullcontext()
    from autograder.channel.with_torch import transforms

    return transforms.untraced()


def pairs(value: Any) -> list[list[Any]]:
    """Return a list of pairs; ProtocolError if it is none."""
    for pair in exact(value, list):
        if len(exact(pair, list)) != 2:
            raise ProtocolError("a pair is malformed")
    return value
