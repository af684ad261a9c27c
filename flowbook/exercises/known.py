"""What is known of an exercise: the right numbers, and those of typical mistakes.

The numbers lie beside an assignment's module, in a JSON file of the same name, so that
the module shows no formula. `python -m tools.numbers` writes that file: it asks the
reference answers and the wrong ones of `solutions/` what the checks ask.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from flowbook.checks import (
    ATOL,
    RTOL,
    BadCheckError,
    CheckFailed,
    Mistake,
    check,
    parts,
)

HERE = Path(__file__).parent

CASE = " | it is right for "  # between a name of a question and that of a simpler one

KINDS = {"b": torch.bool, "i": torch.int64, "f": None}

_recorded: dict[str, Any] | None = None


class Known:
    """The idea that a check is about, and the mistakes that it knows, as attributes.

    A class is a namespace here: nobody makes an object of it.
    """

    idea: ClassVar[str]

    @classmethod
    def mistakes(cls) -> dict[str, Mistake]:
        """The mistakes, by their names."""
        found = [getattr(cls, name) for name in dir(cls) if not name.startswith("_")]
        return {each.name: each for each in found if isinstance(each, Mistake)}

    @classmethod
    def compare(
        cls,
        got: object,
        where: str = "",
        *,
        idea: str | None = None,
        dtype: torch.dtype | None = None,
        given: Mapping[str, Tensor] | None = None,
        cases: Mapping[str, Callable[[], object]] | None = None,
        rtol: float = RTOL,
        atol: float = ATOL,
    ) -> None:
        """Raise CheckFailed unless `got` is what the numbers say.

        `where` is put behind the idea, and tells one question from another. Floating
        numbers must have this dtype, the default one if none is given.

        `given` are inputs by their names, as `check` takes them. `cases` are simpler
        questions: of a wrong result that no mistake explains it is said in which of
        them it is right. Their names stand behind "It is right for".
        """
        checked = (idea or cls.idea) + where
        key = f"{cls.__name__} | {checked}"
        simpler = {f"{key}{CASE}{name}": ask for name, ask in (cases or {}).items()}
        if _recorded is not None:
            if key in _recorded:
                raise BadCheckError(f"Two questions have the name {key!r}.")
            _recorded[key] = got
            _recorded.update(simpler)  # who records asks them
            return
        answers = numbers(sys.modules[cls.__module__].__file__)
        mistakes = cls.mistakes()
        try:
            check(
                got,
                tensor(answers[key]["right"], dtype),
                idea=checked,
                mistakes=[
                    mistakes[name].giving(tensor(value, torch.float64))
                    for name, value in answers[key]["wrong"]
                ],
                given=given,
                rtol=rtol,
                atol=atol,
            )
        except CheckFailed as failed:
            right = [
                name.split(CASE)[1]
                for name, ask in simpler.items()
                if is_right(ask, tensor(answers[name]["right"], dtype), rtol, atol)
            ]
            raise tells(failed, right) from None


def is_right(
    ask: Callable[[], object], expected: object, rtol: float, atol: float
) -> bool:
    """Whether a simpler question gets the right answer; exceptions are wrong ones."""
    try:
        check(ask(), expected, idea="a simpler question", rtol=rtol, atol=atol)
    except BadCheckError:
        raise
    except Exception:  # a student's code, on inputs that it has not seen
        return False
    return True


def tells(failed: CheckFailed, right: list[str]) -> CheckFailed:
    """The same failure, which also says what is right, unless it knows the mistake."""
    if right and failed.mistake is None:
        failed.problem = f"{failed.problem} It is right for {' and for '.join(right)}."
    return failed


def part(got: object, index: int, names: str, known: type[Known]) -> Any:
    """Return one part of a tuple that a function was asked for.

    `names` says what its parts are: part(mirror(z), 0, "x, log_det", Mirror). Raises
    CheckFailed for what is no such tuple.
    """
    return parts(got, names, idea=known.idea)[index]


def tensor(numbers: dict[str, Any], dtype: torch.dtype | None) -> Any:
    """What `tools.numbers` wrote, as a tensor, or as a number if it was one."""
    if numbers.get("number"):
        return numbers["values"]
    kind = KINDS[numbers["kind"]]
    return torch.tensor(numbers["values"], dtype=kind or dtype)


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Have another default dtype for a while."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@cache
def numbers(module: str) -> dict[str, Any]:
    """The numbers of an assignment, by the question; `module` has its mistakes."""
    path = HERE / Path(module).with_suffix(".json").name
    return json.loads(path.read_text("utf-8"))


@contextmanager
def recording() -> Iterator[dict[str, Any]]:
    """Note what answers give, question by question, instead of judging it."""
    global _recorded
    _recorded = found = {}
    try:
        yield found
    finally:
        _recorded = None


__all__ = [
    "CheckFailed",
    "Known",
    "Mistake",
    "check",
    "default_dtype",
    "part",
    "parts",
    "recording",
    "tells",
]
