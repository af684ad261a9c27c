"""The student's side: answers the test's questions until the test is over.

Nothing here is trusted by the test: this process also runs the student's code, which
may change all of it.
"""

import contextlib
import copy
import io
import itertools
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from autograder.channel.codec import TEXT, Node, Packer, array_bytes, tensor_bytes
from autograder.channel.errors import describe, rebuild
from autograder.channel.exports import Received, Remote
from autograder.channel.frames import (
    BODY,
    Channel,
    ChannelError,
    ProtocolError,
    TooLargeError,
)
from autograder.channel.global_state import global_states, moved_since, surround
from autograder.channel.handles import LIBRARIES
from autograder.channel.libraries import is_tensor, loaded
from autograder.channel.messages import MUTABLE, PeerPacker, PeerUnpacker
from autograder.channel.peer import Peer, transformed, untraced
from autograder.channel.shared_tensors import make_leaf
from autograder.channel.snapshot import container_kind
from autograder.channel.strict import exact

if TYPE_CHECKING:
    import torch

ITERATION = 100_000  # items that are taken from an iterator at once
SERVERS: dict[int, "Server"] = {}


def serve(channel: Channel, namespace: dict[str, Any]) -> bool:
    """Answer the other side from this namespace until its test is over.

    Returns whether another test may come: False when the other side is gone or the
    channel is broken. What a student's function raises goes to the other side.
    """
    server = SERVERS.get(id(channel))
    if server is None or server.channel is not channel:
        server = Server(channel)
    server.over = False
    try:
        while not server.over:
            question, body = channel.receive()
            if "new" in question:  # another test's process, which knows nothing
                server = Server(channel)
            SERVERS[id(channel)] = server
            server.namespace = namespace
            server.answer(question, body)
            del question, body
    except ChannelError:
        SERVERS.pop(id(channel), None)
        return False
    return True


class Server(Peer):
    """Owns the student's objects that a test has seen."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(channel, sign=-1, keeps=False)
        self.namespace: dict[str, Any] = {}
        self.over = False
        self.grad = True
        self.through = False  # the test is to see what is written into its objects
        self.wrote = False  # something was, since the last answer
        self.states: dict[str, Any] | None = None  # of the generators before a call
        self.received = Received()
        self.arrays: dict[int, tuple[Any, np.ndarray]] = {}
        self.containers: dict[int, Any] = {}  # of the test's: the same object each time
        self.exports: dict[int, list[Any]] = {}  # number: object, times sent
        self.numbers: dict[int, int] = {}  # of id(object)
        self.last_export = self.last_token = 0

    def ask(self, op: str, *parts: Any) -> Any:
        """Ask the test; only while one of its questions waits for an answer."""
        if not self.open:
            raise RuntimeError("This belongs to a test that is over.")
        if op == "call" and transformed(parts):
            from autograder.channel.with_torch import transforms

            return transforms.call(self.ask, *parts)
        with untraced():
            return super().ask(op, *parts)

    def token(self) -> int:
        self.last_token += 1
        return self.last_token

    def question_extras(self, around: Packer) -> dict[str, Any]:
        torch = loaded("torch")
        return {"around": torch.is_grad_enabled() if torch else True}

    def answer_extras(self, unpacker: PeerUnpacker, first: Packer) -> dict[str, Any]:
        """Send back the arguments that were changed in place."""
        slots = enumerate(zip(unpacker.slots, unpacker.raw, strict=True))
        changed = [slot for slot, (value, raw) in slots if differs(value, raw)]
        self.wrote = self.wrote or bool(changed)
        extras: dict[str, Any] = {}
        if self.through:
            with contextlib.suppress(TypeError, TooLargeError):  # it holds an object
                for slot in changed:
                    node = first.pack(unpacker.slots[slot])
                    extras.setdefault("changed", []).append([slot, node])
        if self.states is not None:
            extras["generators"] = moved_since(self.states)
        return extras

    def as_it_came(self, value: Any, raw: Any) -> bool:
        """Whether nothing was written into what the test handed over."""
        return not differs(value, raw)

    def answer(self, question: dict, body: memoryview) -> None:
        """Answer as every peer does; what is written here goes back if it is asked."""
        before = self.through, self.states
        self.through = question.get("through") is True
        try:
            super().answer(question, body)
        finally:
            self.through, self.states = before

    def number(self, tensor: "torch.Tensor") -> int:
        """Return a leaf's number, a new one if it is no longer what the test has."""
        number = self.twins.numbers.get(id(tensor), 0)
        mine = number <= 0 or self.through
        if not mine and self.twins.twins[number].value_changed(tensor):
            self.wrote = True
            self.twins.disown(number)
        return super().number(tensor)

    def send(self, header: dict[str, Any], first: list, packer: Packer) -> None:
        """Send a message; the test's tensors that were changed here stay here."""
        written = [] if self.through else self.twins.written()
        for twin in written:
            twin.synced = False  # no news of it
        self.wrote = self.wrote or bool(written)
        if self.wrote and "op" not in header:
            header["wrote"], self.wrote = True, False
        super().send(header, first, packer)
        for twin in written:
            self.twins.disown(twin.number)

    def evaluate(self, question: dict, body: memoryview) -> tuple[dict, PeerPacker]:
        """Answer as every peer; the test tells no lies, but may ask too much."""
        try:
            return super().evaluate(question, body)
        except ProtocolError as error:
            reason = error.__cause__ or error
            raise RuntimeError(
                f"The student's process cannot do it: {reason}"
            ) from error

    def surround(self, question: dict, unpacker: PeerUnpacker) -> bool:
        if "around" in question:
            self.grad = surround(question["around"], unpacker, self.grad)
        self.states = global_states() if question.get("generators") else None
        return self.grad

    def twin(self, number: Any) -> Any:
        """Return this side's copy of a tensor, a new one if it was let go."""
        known = self.twins.twins.get(number)
        tensor = known.hold() if known else None
        if tensor is None:
            # Of what the test's question names, nothing must be said to be gone yet.
            gone, self.twins.gone = self.twins.gone - {number}, set()
            value, parameter, requires_grad, grad = self.ask("tensor", number)
            self.twins.gone |= gone
            tensor = make_leaf(value, parameter, requires_grad)
            tensor.grad = grad
            twin = self.twins.add(number, tensor, keep=False)
            twin.synced = True
            twin.remember()
        return tensor

    def may_write(self, number: int, tensor: Any, value: Any) -> bool:
        return True

    def read_drops(self, question: dict) -> None:
        """Let go of objects that the test has let go of."""
        for number, times in question.get("drop", []):
            export = self.exports.get(number)
            if export is not None:
                export[1] -= times
                if export[1] <= 0:
                    del self.exports[number]
                    self.numbers.pop(id(export[0]), None)

    def pack_other(self, value: Any, packer: PeerPacker, depth: int) -> Node:
        """Return the node of an object: the test's own, or a handle."""
        if isinstance(value, Remote):
            return ["yours", value._number]
        number = self.numbers.get(id(value))
        if number is None:
            self.last_export += 1
            number = self.numbers[id(value)] = self.last_export
            self.exports[number] = [value, 0]
        self.exports[number][1] += 1
        return ["mine", number, type(value).__name__, library_class(type(value))]

    def unpack_other(
        self, tag: str, rest: list[Node], unpacker: PeerUnpacker, depth: int
    ) -> Any:
        if tag == "yours":
            return self.exports[rest[0]][0]
        if tag == "N":
            return self.array(rest[0])
        if tag == "K":
            return self.refill(rest[0], unpacker.unpack(rest[1], depth))
        return self.received.unpack(tag, rest, unpacker, depth, self)

    def array(self, number: int) -> np.ndarray:
        """Return the array that has the numbers of a shared tensor."""
        if number not in self.arrays:
            tensor = self.twin(number)
            self.arrays[number] = tensor, tensor.numpy()
        return self.arrays[number][1]

    def refill(self, number: int, value: Any) -> Any:
        """Return this side's copy of a container, with what is in the test's now."""
        known = self.containers.setdefault(number, value)
        if known is value:
            return value
        if isinstance(value, np.ndarray) and not alike(known, value):
            self.containers[number] = value  # the test's has another shape now
            return value
        container_kind(known).write(known, value)
        return known

    def argument_changed(self, value: Any, new: Any) -> None:
        raise NotImplementedError("a test does not say that an argument changed")

    def error(self, described: Any) -> Exception:
        """Return an exception of the test, so that it can come back as itself."""
        name, text, number = described
        error = rebuild([name, text])
        error.__channel__ = number
        return error

    def final_error(self, error: BaseException) -> bool:
        """Also what the grader raises here, to end a call that takes too long."""
        ours = type(error).__module__.startswith("autograder.")
        return ours and not isinstance(error, Exception)

    def describe(self, error: BaseException) -> Any:
        number = getattr(error, "__channel__", None)
        return describe(error) if number is None else [*describe(error), number]

    def perform(self, op: Any, parts: tuple) -> Any:
        return PERFORM[exact(op, str)](self, *parts)

    def fetch(self, names: list[str]) -> dict[str, Any]:
        """Return the values of those names that the student defined."""
        return {
            name: self.namespace[name]
            for name in names
            if name in self.namespace and crosses(self.namespace[name])
        }

    def end(self) -> None:
        self.over = True
        self.arrays.clear()
        self.containers.clear()


def differs(value: Any, before: Any) -> bool:
    """Whether an argument was changed in place."""
    if type(value) in MUTABLE:
        return not container_kind(value).same(before, value)
    if getattr(value, "requires_grad", False):
        return False
    own = array_bytes if isinstance(value, np.ndarray) else tensor_bytes
    return not np.array_equal(own(value), np.frombuffer(before, np.uint8))


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether one array's numbers can be written into the other."""
    return (one.shape, one.dtype) == (other.shape, other.dtype)


def library_class(kind: type) -> str | None:
    """Name the library class that an object is one of, if it is a known kind."""
    for base in kind.__mro__:
        if f"{base.__module__}.".startswith(LIBRARIES):
            return f"{base.__module__}:{base.__qualname__}"
    return None


def crosses(value: Any) -> bool:
    """Whether a value may be fetched by its name: no module, and not too large."""
    if is_tensor(value) or isinstance(value, np.ndarray):
        return value.nbytes < BODY // 4
    return not isinstance(value, ModuleType)


def take(value: Any) -> list[Any]:
    """Return what iterating over a value gives, if that ends."""
    found = list(itertools.islice(iter(value), ITERATION + 1))
    if len(found) > ITERATION:
        raise RuntimeError(f"more than {ITERATION} items, or no end at all")
    return found


class Printed(io.StringIO):
    """What is printed, up to what may cross."""

    def write(self, text: str) -> int:
        """Take more text; TooLargeError when it is too much."""
        if self.tell() + len(text) > TEXT:
            raise TooLargeError("what is printed is too long to be passed on")
        return super().write(text)


def capture(function: Any, args: tuple, options: dict) -> str:
    """Call a function; return what it prints."""
    text = Printed()
    with contextlib.redirect_stdout(text):
        function(*args, **options)
    return text.getvalue()


def setitem(value: Any, key: Any, item: Any) -> None:
    value[key] = item


PERFORM: dict[str, Callable[..., Any]] = {
    "names": lambda server: [name for name in server.namespace if type(name) is str],
    "fetch": Server.fetch,
    "call": lambda server, value, args, options: value(*args, **options),
    "capture": lambda server, value, args, options: capture(value, args, options),
    "getattr": lambda server, value, name: getattr(value, name),
    "setattr": lambda server, value, name, item: setattr(value, name, item),
    "getitem": lambda server, value, key: value[key],
    "setitem": lambda server, value, key, item: setitem(value, key, item),
    "len": lambda server, value: len(value),
    "iter": lambda server, value: take(value),
    "copy": lambda server, value: copy.copy(value),
    "deepcopy": lambda server, value: copy.deepcopy(value),
    "vjp": Server.perform_vjp,
    "refresh": lambda server, containers: None,  # to unpack them was all
    "over": Server.end,
}
