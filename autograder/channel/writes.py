"""Who sees what a student's function writes into what the test handed over.

By value nobody does. A write is let through where the test asked for it, and in the
run of a cell that goes as in one process; it is undone when the test cell ends.
"""

import contextlib
import weakref
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from autograder.channel.codec import array_bytes
from autograder.channel.global_state import STATES
from autograder.channel.handles import Handle
from autograder.channel.libraries import is_tensor, loaded
from autograder.channel.messages import MUTABLE
from autograder.channel.peer import recording
from autograder.channel.snapshot import Snapshot, container_kind, writable
from autograder.channel.views import Views, owner_of

if TYPE_CHECKING:
    from torch import Tensor

CHECKED = 1 << 20  # bytes of an array of which is seen that the test rewrote it
HANDED = 10_000  # objects that are watched, before those that are gone are left out
HELD = 5_000  # containers that are watched


class Call:
    """A call of a student's function: what it was handed, and what it may change."""

    def __init__(self, parts: tuple, granted: tuple[Any, ...] | None) -> None:
        self.parts = parts[1:]
        called = parts[0] if parts else None
        remote = called.__remote__ if issubclass(type(called), Handle) else None
        self.in_place = granted is not None or bool(remote and remote.name[-1:] == "_")
        self.more = granted or ()

    def holds(self, value: Any) -> bool:
        """Whether this object is, or is in, what the call was handed."""
        return id(value) in Snapshot([self.parts, self.more]).seen


def version_of(value: Any) -> int:
    """A number that is another one when a tensor or an array was written into."""
    if is_tensor(value):
        return value._version
    return zlib.adler32(array_bytes(value)) if value.nbytes <= CHECKED else 0


def refilled(value: Any, before: Any) -> bool:
    """Whether a container holds something else than before."""
    kind = container_kind(value)
    return not kind.same(before, kind.read(value))


def refuse_table(value: Any) -> None:
    """Raise TypeError for a table, which crosses by value alone."""
    pandas = loaded("pandas")
    if pandas and isinstance(value, (pandas.DataFrame, pandas.Series)):
        raise TypeError(
            f"in_place does not see what is written into a {type(value).__name__}: let "
            "the function return the table, and check that."
        )


class Writes:
    """A part of RemoteStudent: what it lets the student's side change."""

    def start_watching(self) -> None:
        """Begin with nothing written."""
        self.calling: list[Call] = []
        self.granted: tuple[Any, ...] | None = None  # what the next call may change too
        self.views = Views()
        self.one_kernel = False  # a student's writes are seen, as in one process
        self.moved: list[str] | None = None  # generators, if that is asked for
        self.wrote = False  # a student's function wrote into what it was handed
        self.handed: dict[int, tuple[Any, Any]] = {}  # of id: what, and how it was then
        self.held: dict[int, tuple[Any, Any]] = {}  # the same, of containers
        self.containers: dict[int, int] = {}  # of id: a number, while writes are seen
        self.last_container = 0
        self.refilled = False  # something was, before it was handed over again
        self.arrays: dict[int, tuple[np.ndarray, Any]] = {}
        self.undo: dict[int, Snapshot] = {}  # of what a student wrote into

    def begin(self, *, one_kernel: bool) -> None:
        """Begin a run of a test cell; `one_kernel`: what is written is seen."""
        self.one_kernel = one_kernel
        self.wrote = False
        self.handed.clear()
        self.held.clear()
        self.refilled = False
        self.containers.clear()
        # A method that the student looked up is that for ever: it may have kept it.
        self.views = Views(self.views.fetched)

    @property
    def asked(self) -> bool:
        """Whether the test wants to see what the student's function writes."""
        return self.one_kernel or bool(self.calling and self.calling[-1].in_place)

    def allow(self, value: Any) -> bool:
        """Whether a student may write into an object of the test's, until it is undone.

        A write is seen if the test asked for it, by the name of what it calls or by
        `in_place`; and only in what that call was handed.
        """
        meant = bool(self.calling) and self.calling[-1].in_place
        if meant and not self.one_kernel and not self.calling[-1].holds(value):
            meant = False
        self.wrote |= not meant
        if meant or self.one_kernel:
            self.undo.setdefault(id(value), Snapshot([value]))
            return True
        return False

    def take_back(self) -> None:
        """Undo all that the student's side wrote into the test's objects."""
        for snapshot in reversed(self.undo.values()):
            snapshot.restore()
        self.undo.clear()

    def argument_changed(self, value: Any, new: Any) -> None:
        """Write into a test's argument what the student's function wrote into it."""
        if not self.allow(value) or type(new) is not type(value):
            return
        if is_tensor(value) or isinstance(value, np.ndarray):
            if new.shape != value.shape or new.dtype != value.dtype:
                return
            with recording(False):
                value[...] = new
        else:
            container_kind(value).write(value, new)
        if id(value) in self.held:  # the student's side has it so
            self.held[id(value)] = value, container_kind(value).read(value)

    def in_place(self, function: Handle, more: tuple[Any, ...]) -> Callable[..., Any]:
        """A student's function that may write into its arguments and into `more`."""

        def call(*args: Any, **options: Any) -> Any:
            for value in (*args, *options.values(), *more):
                refuse_table(value)
            self.granted = more
            return function(*args, **options)

        return call

    def watched(self, function: Handle, args: tuple, options: dict) -> Any:
        """Call a student's function; its result, and the generators that it moved."""
        self.moved = []
        try:
            return function(*args, **options), sorted(set(self.moved) & STATES.keys())
        finally:
            self.moved = None

    def container(self, value: Any) -> int | None:
        """The number under which the student's side keeps its copy of a container."""
        if not self.one_kernel or id(value) not in self.held:
            return None
        if id(value) not in self.containers:
            self.last_container += 1
            self.containers[id(value)] = self.last_container
        return self.containers[id(value)]

    def refreshed(self) -> list[Any]:
        """The containers of which the student's side has a copy that is out of date."""
        pairs = [self.held[key] for key in self.containers]
        return [value for value, before in pairs if refilled(value, before)]

    def handing(self, value: Any) -> None:
        """Note an object that crosses by value, to see whether the test rewrites it."""
        if isinstance(value, MUTABLE) or self.copied(value):
            if id(value) in self.held:
                self.refilled |= refilled(*self.held[id(value)])
            if id(value) in self.held or len(self.held) < HELD:
                self.held[id(value)] = value, container_kind(value).read(value)
            return
        with contextlib.suppress(RuntimeError, TypeError):  # it has no version
            hold, before = self.handed.get(id(value), (None, None))
            version = version_of(value)
            self.refilled |= hold is not None and hold() is value and version != before
            self.handed[id(value)] = (weakref.ref(value), version)
        if len(self.handed) > HANDED:
            here = self.handed.items()
            self.handed = {key: pair for key, pair in here if pair[0]() is not None}

    def rewrote(self) -> bool:
        """Whether the test wrote into what it had handed over before."""
        pairs = [(hold(), version) for hold, version in self.handed.values()]
        return (
            self.refilled
            or any(
                value is not None and version_of(value) != version
                for value, version in pairs
            )
            or any(refilled(value, before) for value, before in self.held.values())
        )

    def copied(self, value: Any) -> bool:
        """Whether a copy is kept of an array; with torch both sides share it."""
        small = isinstance(value, np.ndarray) and value.nbytes <= CHECKED
        return small and not loaded("torch")

    def shared(self, value: Any) -> "Tensor | None":
        """The tensor by which both sides share this one's numbers, as in one process.

        None while they are to cross by value, and for what cannot be shared.
        """
        if not self.one_kernel:
            return None
        torch = loaded("torch")
        if not torch:
            return None
        if is_tensor(value):
            return value if writable(value) else None
        if id(value) not in self.arrays:
            if not value.flags.writeable or min(value.strides, default=0) < 0:
                return None
            try:
                self.arrays[id(value)] = (value, torch.from_numpy(value))
            except TypeError:
                return None
        return self.arrays[id(value)][1]

    def run(self, value: Any, args: Any, options: Any) -> Any:
        """Call a function, or a method, that the test handed over."""
        owner = owner_of(self.own(value))
        seen = self.one_kernel or (self.asked and self.calling[-1].holds(owner))
        if not seen:
            return self.views.call(value, args, options)
        if id(value) in self.views.fetched:
            snapshot = Snapshot([owner], own=type(owner).__module__)
            self.undo.setdefault(id(owner), snapshot)
        return value(*args, **options)
