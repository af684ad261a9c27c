"""The test's side: a student's names, fetched over the channel, and stand-ins for them.

No method that a student wrote ever runs in this process. What arrives is plain data,
or a Handle: a number of an object over there, which can be called and looked into, and
refuses whatever could be taken for an answer (comparison, truth, arithmetic).
"""

import contextlib
import secrets
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from autograder.channel.codec import Node, Packer
from autograder.channel.errors import describe, rebuild
from autograder.channel.exports import OPAQUE, HandedOver
from autograder.channel.frames import (
    Channel,
    ChannelError,
    ClosedError,
    LateError,
    ProtocolError,
    TooLargeError,
)
from autograder.channel.global_state import Surroundings
from autograder.channel.handles import LIBRARIES, Handle, Reference, named
from autograder.channel.messages import PeerPacker, PeerUnpacker
from autograder.channel.peer import Peer, transformed, untraced
from autograder.channel.shared_tensors import plain
from autograder.channel.strict import exact, natural
from autograder.channel.writes import Call, Writes

if TYPE_CHECKING:
    from torch import Tensor

HANDLES = 20_000
KINDS = 200  # names of student's classes that are told apart


class RemoteStudent(Writes, Peer):
    """The student's process as a test sees it.

    `lost` is None, or says why the process cannot be asked any more: "died" (it has
    ended), "time" (it did not answer in time) or "protocol" (it broke the rules).
    """

    def __init__(self, channel: Channel, seconds: float | None = None) -> None:
        super().__init__(channel, sign=1, keeps=True)
        self.lost: str | None = None
        self.new = True  # until the other side has heard of this student
        self.surroundings = Surroundings()
        self.handed_over = HandedOver()
        self.handles: Any = weakref.WeakValueDictionary()
        self.dropped: list[list[int]] = []
        self.kinds: dict[str, type] = {}
        self.start_watching()
        self.raised: dict[int, BaseException] = {}
        self.limit(seconds)

    def limit(self, seconds: float | None) -> None:
        """Bound all waiting from now on; None lifts the bound."""
        self.channel.deadline = None if seconds is None else time.monotonic() + seconds

    def close(self) -> None:
        """Close the channel; the student's side then ends serving."""
        self.channel.close()

    def names(self) -> frozenset[str]:
        """Return the names that the student's namespace has, modules included."""
        with self.final():
            found = exact(self.ask("names"), list)
            return frozenset(exact(name, str) for name in found)

    def fetch(self, name: str) -> Any:
        """Return a student's value, or a Handle; KeyError if there is none."""
        return self.fetch_all([name])[name]

    def fetch_all(self, names: list[str]) -> dict[str, Any]:
        """Return the values of those names that the student defined.

        Names whose values are too large to cross are left out.
        """
        with self.final():
            found = exact(self.ask("fetch", names), dict)
            if not found.keys() <= set(names):
                raise ProtocolError("a name arrived that was not asked for")
        return {name: named(value, name) for name, value in found.items()}

    def ask(self, op: str, *parts: Any) -> Any:
        """Ask the student's process; whatever goes wrong with that is final."""
        if self.channel.closed:
            raise RuntimeError(
                "A student's object from an earlier test cell is gone: make it here."
            )
        if self.lost:
            raise ClosedError
        if op == "call" and transformed(parts):
            from autograder.channel.with_torch import transforms

            return transforms.call(self.ask, *parts)
        if self.one_kernel and (changed := self.refreshed()):
            with self.final(), untraced():
                super().ask("refresh", changed)
        granted, self.granted = self.granted, None
        self.calling.append(Call(parts if op == "call" else (), granted))
        try:
            with self.final(), untraced():
                return super().ask(op, *parts)
        except TooLargeError:
            self.surroundings = Surroundings()  # what was to be told was not sent
            raise
        finally:
            self.calling.pop()

    @contextlib.contextmanager
    def final(self) -> Iterator[None]:
        """Note that the student's process is lost when what is inside finds it so."""
        try:
            yield
        except ChannelError as error:
            reasons = {ClosedError: "died", LateError: "time"}
            self.lost = self.lost or reasons.get(type(error), "protocol")
            raise

    def vjp(self, number: int, grads: list[Any], like: list[tuple]) -> list[Any]:
        """Go backward through a graph of the student's process."""
        with self.final():
            return super().vjp(number, grads, like)

    def over(self) -> None:
        """Tell the student's side that this test is over."""
        self.ask("over")

    def token(self) -> str:
        return secrets.token_hex(8)

    def question_extras(self, around: Packer) -> dict[str, Any]:
        extras: dict[str, Any] = {"around": self.surroundings.changes(around)}
        if self.asked:
            extras["through"] = True
        if self.moved is not None:
            extras["generators"] = True
        if self.new:
            extras["new"], self.new = True, False
        if self.dropped:
            extras["drop"], self.dropped = self.dropped, []
        return extras

    def answer_extras(self, unpacker: PeerUnpacker, first: Packer) -> dict[str, Any]:
        return {}

    def surround(self, question: dict, unpacker: PeerUnpacker) -> bool:
        return exact(question.get("around"), bool)

    def read_drops(self, question: dict) -> None:
        if "drop" in question:
            raise ProtocolError("a student cannot drop the test's objects")

    def twin(self, number: Any) -> "Tensor":
        return self.twins.tensor(number)

    def may_write(self, number: int, tensor: "Tensor", value: "Tensor | None") -> bool:
        """Whether the student's side may change this side's copy of a tensor."""
        return number < 0 or self.allow(tensor)

    def read_extras(self, reply: dict, unpacker: PeerUnpacker) -> None:
        """Take in whether the student wrote into what was handed over."""
        self.wrote |= exact(reply.get("wrote", False), bool)
        for name in exact(reply.get("generators", []), list):
            if self.moved is not None:
                self.moved.append(exact(name, str))

    def pack_other(self, value: Any, packer: PeerPacker, depth: int) -> Node:
        if issubclass(type(value), Handle):
            reference = value.__remote__
            if reference.student is not self:
                raise TypeError("This object is another process's: make it anew here.")
            return ["yours", reference.number]
        return self.handed_over.pack(value, packer, depth)

    def unpack_other(
        self, tag: str, rest: list[Node], unpacker: PeerUnpacker, depth: int
    ) -> Any:
        """Return a handle, or the test's own object; nothing else may come."""
        if tag == "yours":
            (number,) = rest
            if type(number) is not int or number not in self.handed_over.shown:
                raise ProtocolError("an object has an unknown number")
            return self.handed_over.shown[number]
        if tag != "mine":
            raise ProtocolError("a value has an unknown tag")
        return self.handle(*rest)

    def handle(self, number: Any, kind: Any, library: Any) -> Handle:
        """Return the handle of a student's object, the same one as long as it lives."""
        number = natural(number)
        handle = self.handles.get(number)
        if handle is None:
            if len(self.handles) >= HANDLES:
                raise ProtocolError("too many objects arrived")
            handle = object.__new__(self.kind(exact(kind, str)))
            reference = Reference(self, number, library_class(library))
            object.__setattr__(handle, "__remote__", reference)
            self.handles[number] = handle
        handle.__remote__.times += 1
        return handle

    def kind(self, name: str) -> type:
        """Return the class of handles for a student's class of this name."""
        if not name.isidentifier() or len(name) > 40 or len(self.kinds) >= KINDS:
            return Handle
        if name not in self.kinds:
            self.kinds[name] = type(name, (Handle,), {"__slots__": ()})
        return self.kinds[name]

    def perform(self, op: Any, parts: tuple) -> Any:
        """Do what a student's function may ask for while the test waits for it."""
        perform = PERFORM.get(op) if type(op) is str else None
        if perform is None:
            raise ProtocolError("a question is of no known kind")
        return perform(self, *parts)

    def own(self, value: Any) -> Any:
        """Return an object that the student may use; ProtocolError otherwise."""
        if id(value) not in self.handed_over.numbers or issubclass(type(value), Handle):
            raise ProtocolError("an object was never handed over")
        return value

    def look(self, value: Any, name: str) -> Any:
        """Return a public attribute of an object that the test handed over."""
        if exact(name, str).startswith("_") or isinstance(self.own(value), OPAQUE):
            raise AttributeError(name[:40])
        return self.views.look(value, name)

    def step(self, iterator: Any) -> list[Any]:
        """Return the next item of the test's iterator, nothing at its end."""
        return [item] if (item := next(self.own(iterator), self)) is not self else []

    def tensor_of(self, number: Any) -> list[Any]:
        """Return what makes a new copy of a shared tensor."""
        from torch import nn

        tensor = self.twins.tensor(number)
        parameter = isinstance(tensor, nn.Parameter)
        return [plain(tensor), parameter, tensor.requires_grad, tensor.grad]

    def final_error(self, error: BaseException) -> bool:
        """Also what ends this process, or stops a test that takes too long."""
        return not isinstance(error, (Exception, SystemExit))

    def describe(self, error: BaseException) -> Any:
        """Describe the test's own exception; it comes back as itself."""
        number = len(self.raised) + 1
        self.raised[number] = error
        name, text = describe(error)
        if isinstance(error, AssertionError):  # its text may hold the right answer
            text = "the test's own function failed"
        return [name, text, number]

    def error(self, described: Any) -> Exception:
        if type(described) is list and len(described) == 3:
            number = described.pop()
            if type(number) is int and number in self.raised:
                return self.raised[number]
        return rebuild(described)


def library_class(name: Any) -> type | None:
    """Return the library class that a student's process names, if it may."""
    if type(name) is not str or not name.startswith(LIBRARIES):
        return None
    module, _, qualname = name.partition(":")
    found = getattr(sys.modules.get(module), qualname, None)
    own = isinstance(found, type) and found.__module__ == module  # not imported there
    return found if own else None


PERFORM: dict[str, Callable[..., Any]] = {
    "call": RemoteStudent.run,
    "getattr": RemoteStudent.look,
    "next": RemoteStudent.step,
    "vjp": RemoteStudent.perform_vjp,
    "tensor": RemoteStudent.tensor_of,
}
