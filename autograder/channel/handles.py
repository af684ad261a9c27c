"""Stand-ins, in the test's process, for objects that stay with the student.

No method that a student wrote runs here. A Handle can be called and looked into, which
asks the student's process, and refuses whatever could be taken for an answer:
comparison, truth, arithmetic.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, NoReturn

from autograder.channel.strict import exact, natural

# What isinstance may know a student's object as.
LIBRARIES = ("torch.nn.modules.", "torch.distributions.", "torch.optim.")

# Methods by which a test compares: a student's object would be its own judge.
JUDGING = frozenset({"equals", "equal", "allclose", "isclose", "identical"})
JUDGING |= {"all", "any", "eq", "ne", "isin"}
OWN_JUDGE = "cannot be compared by its own"


class Handle:
    """A student's object: it stays with the student, this is its number.

    Calls, attributes, items, len() and iteration ask the student's process. isinstance
    knows a torch module, distribution or optimiser, as the student's process says.
    """

    __slots__ = ("__remote__", "__weakref__")
    __array_ufunc__ = None

    @property
    def __class__(self) -> type:
        return self.__remote__.library or type(self)

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self.__remote__.ask("call", self, args, options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(f"a student's object shows no {name}")
        if name in JUDGING:
            raise TypeError(f"{self!r} {OWN_JUDGE} {name}")
        return named(self.__remote__.ask("getattr", self, name), name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(f"a student's object shows no {name}")
        self.__remote__.ask("setattr", self, name, value)

    def __getitem__(self, key: Any) -> Any:
        return self.__remote__.ask("getitem", self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.__remote__.ask("setitem", self, key, value)

    def __len__(self) -> int:
        with self.__remote__.student.final():
            return natural(self.__remote__.ask("len", self))

    def __iter__(self) -> Iterator[Any]:
        with self.__remote__.student.final():
            return iter(exact(self.__remote__.ask("iter", self), list))

    def __in_place__(self, *more: Any) -> Any:
        """This function, of which the test wants to see what it writes."""
        return self.__remote__.student.in_place(self, more)

    def __capture__(self, *args: Any, **options: Any) -> str:
        """What a call of this prints, as text."""
        text = self.__remote__.ask("capture", self, args, options)
        with self.__remote__.student.final():
            return exact(text, str)

    def __watched__(self, *args: Any, **options: Any) -> tuple[Any, list[str]]:
        """What this returns, and which global generators it has moved."""
        return self.__remote__.student.watched(self, args, options)

    def __copy__(self) -> Any:
        return self.__remote__.ask("copy", self)

    def __deepcopy__(self, memo: Any) -> Any:
        return self.__remote__.ask("deepcopy", self)

    def __repr__(self) -> str:
        return f"<a student's object of type {type(self).__name__}>"

    def __bool__(self) -> NoReturn:
        raise TypeError(f"{self!r} is neither true nor false")

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError(f"{self!r} cannot be compared")

    def __array__(self, *args: Any, **options: Any) -> NoReturn:
        raise TypeError(f"{self!r} is no array")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError(f"{self!r} cannot be pickled")

    __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __eq__
    __contains__ = __eq__
    __hash__ = object.__hash__

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):
            self.__remote__.drop()


class Reference:
    """What a Handle knows: its number, how often it arrived, and whom to ask."""

    def __init__(self, student: Any, number: int, library: type | None) -> None:
        self.student, self.number, self.library = student, number, library
        self.times = 0
        self.name = ""  # under which the test found it

    def ask(self, op: str, *parts: Any) -> Any:
        return self.student.ask(op, *parts)

    def drop(self) -> None:
        self.student.dropped.append([self.number, self.times])


def named(value: Any, name: str) -> Any:
    """Note the name under which the test found an object; return the object."""
    if issubclass(type(value), Handle) and not value.__remote__.name:
        value.__remote__.name = name
    return value
