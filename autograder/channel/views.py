"""What a student's function changes of a test's object, only that function sees.

An object whose class only the test has stays with the test, and the student calls it
there. A method that the test wrote may change it: that is the test's own word. One that
it inherits (`register_forward_hook`, `load_state_dict`, a list's `clear`) changes what
the student sees of the object, and only while the student's own calls run.
"""

import contextlib
import types
from collections.abc import Iterator
from typing import Any

from autograder.channel.exports import importable
from autograder.channel.snapshot import MISSING, Kind, Snapshot


class Changes:
    """The parts of one object that the student's side sees otherwise."""

    def __init__(self) -> None:
        self.parts: dict[int, tuple[Any, Kind, Any]] = {}  # owner, kind, what it sees

    @contextlib.contextmanager
    def seen(self) -> Iterator[None]:
        """Let the object be as the student sees it inside."""
        tests = [(o, kind, kind.read(o), new) for o, kind, new in self.parts.values()]
        for owner, kind, before, new in tests:
            kind.write(owner, merged(before, new))
        try:
            yield
        finally:
            for owner, kind, before, new in tests:
                now = kind.read(owner)
                self.parts[id(owner)] = (owner, kind, kept(now, new))
                kind.write(owner, put_back(now, before, new))

    def note(self, snapshot: Snapshot) -> dict[int, tuple[Any, Kind, Any]]:
        """What is other now than the test left it."""
        return {
            id(part.owner): (
                part.owner,
                part.kind,
                difference(part.before, part.kind.read(part.owner)),
            )
            for part in snapshot.changed()
        }


class Items(dict):
    """The items of a dictionary that differ; MISSING stands for one that is gone."""


def difference(before: Any, now: Any) -> Any:
    """What is other now: a dictionary's items, or the whole of what is none."""
    if type(before) is not dict:
        return now
    return Items(
        (key, now.get(key, MISSING))
        for key in before.keys() | now.keys()
        if before.get(key, MISSING) is not now.get(key, MISSING)
    )


def merged(before: Any, new: Any) -> Any:
    """The contents with the student's changes."""
    if not isinstance(new, Items):
        return new
    return {k: v for k, v in {**before, **new}.items() if v is not MISSING}


def kept(now: Any, new: Any) -> Any:
    """The student's changes as they are after a call."""
    if not isinstance(new, Items):
        return now
    return Items((key, now.get(key, MISSING)) for key in new)


def put_back(now: Any, before: Any, new: Any) -> Any:
    """The contents without the student's changes."""
    if not isinstance(new, Items):
        return before
    return merged(now, Items((key, before.get(key, MISSING)) for key in new))


class Views:
    """What the student's side sees otherwise, of all objects of a test.

    `fetched` are the methods that the student has looked up, by their id.
    """

    def __init__(self, fetched: dict[int, Any] | None = None) -> None:
        self.changes: dict[int, tuple[Any, Changes]] = {}
        self.fetched = {} if fetched is None else fetched

    def look(self, owner: Any, name: str) -> Any:
        """Return an attribute as the student sees it."""
        with self.of(owner):
            found = getattr(owner, name)
        if inherited(found):
            self.fetched[id(found)] = found
        return found

    def call(self, value: Any, args: Any, options: Any) -> Any:
        """Call what the test handed over, or a method of it, for the student."""
        owner = owner_of(value)
        if owner is None:
            return value(*args, **options)
        if id(value) not in self.fetched:  # the test's own, or handed over by the test
            with self.of(owner):
                return value(*args, **options)
        snapshot = Snapshot([owner], own=type(owner).__module__)
        _, changes = self.changes.setdefault(id(owner), (owner, Changes()))
        new = changes.parts
        try:
            with changes.seen():
                try:
                    return value(*args, **options)
                finally:
                    new = changes.note(snapshot)
        finally:
            snapshot.restore()
            changes.parts = new

    @contextlib.contextmanager
    def of(self, owner: Any) -> Iterator[None]:
        """Let an object be as the student sees it inside."""
        _, changes = self.changes.get(id(owner), (None, None))
        with changes.seen() if changes else contextlib.nullcontext():
            yield


def owner_of(value: Any) -> Any:
    """The object whose state a call may change; None for a function or a class."""
    if isinstance(value, types.FunctionType | type):
        return None
    owner = getattr(value, "__self__", value)
    return None if isinstance(owner, types.ModuleType | type) else owner


def inherited(value: Any) -> bool:
    """Whether this is a method that the test did not write itself."""
    if isinstance(value, types.MethodType):
        return importable(value.__func__) is not None
    return isinstance(value, types.BuiltinMethodType | types.MethodWrapperType)
