"""Checks that teach: they say what was expected, and which mistake a result looks like.

A check knows the true value, and what each typical mistake would have produced on the
same inputs. A wrong result is compared with all of these, so the message can be "this
is what one gets without the absolute value" rather than "not equal".
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import sqrt
from textwrap import fill
from typing import Any, NamedTuple, NoReturn

import numpy as np
import torch
from torch import Tensor, nn

from flowbook.observations import observation

RTOL, ATOL = 1e-4, 1e-5
"""Default tolerances, for float32 and float64: four digits, or 1e-5 near zero."""

KS_LIMIT = 2.6
"""A right sampler fails, sqrt(n) * distance > KS_LIMIT, with probability 3e-6."""


class Mistake(NamedTuple):
    """A known mistake: its name, a hint, and what it would have produced.

    `value` is a tensor, array, list or number of any shape, NaN and infinity included,
    or a function without arguments that makes it; `giving` sets it where a check knows
    the inputs. In `check_samples` it is the distribution function that wrong samples
    follow, cdf(x) -> probabilities.
    """

    name: str
    hint: str
    value: Any = None

    def giving(self, value: Any) -> "Mistake":
        """Return the same mistake with what it produces on other inputs."""
        return self._replace(value=value)


class CheckFailed(AssertionError):  # noqa: N818 - it is what a student reads
    """A result is not what was asked for; the text has a line for each attribute.

    The lines "Checked:", "Problem:", "Looks like:", "Hint:" and "Read:" come in this
    order, those without content are left out, and long ones are wrapped.
    """

    def __init__(
        self,
        idea: str,
        problem: str,
        mistake: str | None = None,
        hint: str | None = None,
        read: str | None = None,
    ) -> None:
        texts = (idea, problem, mistake, hint, read)
        self.idea, self.problem, self.mistake, self.hint, self.read = (
            _one_line(text) if text else None for text in texts
        )
        super().__init__(idea, problem)

    def __str__(self) -> str:
        texts = (self.idea, self.problem, self.mistake, self.hint, self.read)
        pairs = zip(LABELS, texts, strict=True)
        return "\n".join(wrapped(f"{label}: {text}") for label, text in pairs if text)

    def _render_traceback_(self) -> list[str]:
        """Show these lines alone in a notebook, which calls this for its output.

        The way through this file tells a student nothing.
        """
        return str(self).splitlines()


LABELS = ("Checked", "Problem", "Looks like", "Hint", "Read")
WIDTH = 80


def wrapped(text: str) -> str:
    """Return a text in lines of at most 80 characters, all but the first indented."""
    return fill(
        text,
        WIDTH,
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


class BadCheckError(ValueError):
    """The check itself is badly designed: its author's error, not the student's."""


def check(
    got: object,
    expected: Tensor | np.ndarray | float,
    *,
    idea: str,
    mistakes: Iterable[Mistake] = (),
    given: Mapping[str, Tensor] | None = None,
    rtol: float = RTOL,
    atol: float = ATOL,
) -> None:
    """Raise CheckFailed unless `got` is `expected`: type, shape, dtype, values.

    Values agree if |got - expected| <= atol + rtol * |expected|; integers and truth
    values must be equal, and infinities the same. The device does not matter.
    `given` are inputs by their names: of a result that no mistake explains it is said
    by which of them it differs, if by one.

    Every mistake is computed on every call, also when the result is right: one that
    cannot be told from the truth, or from another, on these inputs is an error of the
    check's author, which the reference solution must bring to light.

    Raises:
        CheckFailed: the result is wrong.
        BadCheckError: the check is badly designed: nothing to compare (`expected` is
            empty or has NaN), or two of truth and mistakes have the same value.
    """
    truth = _truth(expected)
    known = [(mistake, _value(mistake)) for mistake in mistakes]
    _refuse_ambiguous(truth, known, rtol, atol)
    numbers = _plain(got)
    problem = _kind_problem(got, expected)
    problem = problem or _value_problem(numbers, truth, rtol, atol)
    if problem:
        alike = [m for m, value in known if _same(numbers, value, rtol, atol)]
        if _kind(got) != _kind(expected) and numbers is not None and not numbers.any():
            alike = []  # a plain 0 could be any mistake's: its type is what is wrong
        if not alike and numbers is not None and numbers.shape == truth.shape:
            wrong = ~_close(numbers, truth, rtol, atol)
            inputs = {name: _plain(value) for name, value in (given or {}).items()}
            seen = observation(numbers, truth, wrong, rtol, atol, inputs)
            problem = f"{problem} {seen}".rstrip()
        _fail(idea, problem, alike)


def check_samples(
    got: object,
    cdf: Callable[[Tensor], Tensor],
    *,
    like: Tensor,
    idea: str,
    mistakes: Iterable[Mistake] = (),
) -> None:
    """Raise CheckFailed unless the numbers in the tensor `got` have the law `cdf`.

    `like` has the shape and the dtype that `got` must have: the base samples, say.

    The test is that of Kolmogorov and Smirnov: the largest distance between the
    samples' distribution function and `cdf`, times sqrt(n), must stay below KS_LIMIT;
    n is the number of samples. Seed the sampler, or give it base samples,
    so that a second run judges alike. Of the mistakes that fit, the closest is named.

    Raises:
        CheckFailed: the samples have another shape, are not finite, or do not fit.
        BadCheckError: fewer than 1000 samples, or a mistake fits the right samples too.
    """
    if like.numel() < 1000:
        raise BadCheckError(f"1000 samples or more are needed, not {like.numel()}.")
    if problem := _kind_problem(got, like):
        _fail(idea, problem)
    samples = _plain(got)
    if not np.isfinite(samples).all():
        _fail(idea, "some samples are not finite numbers.")
    limit = KS_LIMIT / sqrt(samples.size)
    distance = _ks_distance(samples, cdf)
    known = [(_ks_distance(samples, mistake.value), mistake) for mistake in mistakes]
    alike = sorted((pair for pair in known if pair[0] <= limit), key=lambda p: p[0])
    if distance <= limit and alike:
        raise BadCheckError(
            f"The right samples fit the mistake {alike[0][1].name!r} too: "
            "choose other parameters or more samples."
        )
    if distance > limit:
        problem = (
            f"{samples.size} samples are {distance:.3f} away from this distribution; "
            f"chance: {limit:.3f}."
        )
        _fail(idea, problem, [mistake for _, mistake in alike])


def check_raises(
    call: Callable[[], object],
    expected: type[Exception],
    *,
    idea: str,
    mistakes: Iterable[Mistake] = (),
) -> None:
    """Raise CheckFailed unless `call()` raises `expected`.

    An answer that is not written yet (NotImplementedError) never counts. When `call`
    returns, its result is compared with the mistakes' values.

    Raises:
        CheckFailed: nothing, or something else, was raised.
        BadCheckError: `expected` is so wide that every unsolved answer raises it.
    """
    if issubclass(NotImplementedError, expected) and expected is not RuntimeError:
        raise BadCheckError(f"Every unsolved answer raises {expected.__name__}.")
    try:
        got = call()
    except Exception as error:
        if isinstance(error, expected) and not isinstance(error, NotImplementedError):
            return
        problem = f"expected {expected.__name__}, got {type(error).__name__}."
        raise CheckFailed(idea, problem) from error
    numbers = _plain(got)
    alike = [m for m in mistakes if _same(numbers, _value(m), RTOL, ATOL)]
    problem = f"expected {expected.__name__}, got {_describe(got)} and no error."
    _fail(idea, problem, alike)


def parts(got: object, names: str, *, idea: str) -> tuple[Any, ...]:
    """Return the parts of a tuple (or list) that a function was asked for.

    `names` says which: `parts(got, "x, log_det", idea=...)`.

    Raises:
        CheckFailed: another type, or another number of parts.
    """
    count = len(names.split(", "))
    if type(got) not in (tuple, list) or len(got) != count:
        words = {2: "pair", 3: "triple"}.get(count, "tuple")
        _fail(idea, f"expected the {words} ({names}), got {_describe(got)}.")
    return tuple(got)


def _fail(idea: str, problem: str, alike: Sequence[Mistake] = ()) -> NoReturn:
    """Raise CheckFailed with the hint of the first mistake that the result is like."""
    name, hint = (alike[0].name, alike[0].hint) if alike else (None, None)
    raise CheckFailed(idea, problem, name, hint)


def _one_line(text: str) -> str:
    return " ".join(text.split())


# Exact types: a subclass, or a method that hangs on the object, could redefine what
# equality means. So no method of a result is called before it is detached.
_KINDS = {
    Tensor: "a tensor",
    nn.Parameter: "a tensor",
    np.ndarray: "an array",
    bool: "a truth value",
    np.bool_: "a truth value",
    int: "a number",
    float: "a number",
}
_KINDS |= {
    scalar: "a number" for scalar in np.sctypeDict.values() if scalar not in _KINDS
}


def _kind(value: object) -> str | None:
    return _KINDS.get(type(value))


def _describe(value: object) -> str:
    kind = _kind(value)
    if kind in ("a tensor", "an array"):
        return f"{kind} of shape {tuple(value.shape)}"
    if type(value) in (tuple, list):
        return f"a {type(value).__name__} of {len(value)}"
    if value is None:
        return "None (does the function return its result?)"
    return kind or f"an object of type {type(value).__name__}"


def _plain(value: object) -> np.ndarray | None:
    """Return the bare numbers as a new array, None if they are no real numbers.

    Floating-point numbers become float64, so that tolerances mean the same for all.
    """
    if _kind(value) == "a tensor":
        value = Tensor.detach(value)
        if value.layout != torch.strided or value.is_meta or value.is_complex():
            return None
        value = value.resolve_neg().cpu()
        value = (value.double() if value.is_floating_point() else value).numpy()
    elif _kind(value) is None:
        return None
    array = np.array(value)
    if array.dtype.kind not in "biuf":
        return None
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def _truth(expected: object) -> np.ndarray:
    truth = _plain(expected)
    if truth is None:
        raise BadCheckError(
            f"expected must be real numbers, not {_describe(expected)}."
        )
    if truth.size == 0:
        raise BadCheckError("expected is empty: everything would pass.")
    if np.isnan(truth).any():
        raise BadCheckError("expected has NaN, which nothing equals.")
    return truth


def _value(mistake: Mistake) -> np.ndarray:
    value = mistake.value() if callable(mistake.value) else mistake.value
    numbers = _plain(np.array(value) if type(value) is list else value)
    if numbers is None:
        raise BadCheckError(
            f"The mistake {mistake.name!r} has no real numbers as value."
        )
    return numbers


def _refuse_ambiguous(
    truth: np.ndarray,
    known: list[tuple[Mistake, np.ndarray]],
    rtol: float,
    atol: float,
) -> None:
    named = [("the truth", truth)]
    for mistake, value in known:
        for name, other in named:
            if _same(value, other, rtol, atol):
                raise BadCheckError(
                    f"The mistake {mistake.name!r} gives the same as {name} on these "
                    "inputs: choose inputs on which they differ, or leave it out."
                )
        named.append((repr(mistake.name), value))


def _close(got: np.ndarray, other: np.ndarray, rtol: float, atol: float) -> np.ndarray:
    if "f" in (got.dtype.kind, other.dtype.kind):
        return np.isclose(got, other, rtol=rtol, atol=atol, equal_nan=True)
    return got == other


def _same(got: np.ndarray | None, other: np.ndarray, rtol: float, atol: float) -> bool:
    if got is None or got.shape != other.shape:
        return False
    if got.size:  # most results differ in their first number, which is seen at once
        one, two = float(got.flat[0]), float(other.flat[0])
        if abs(one - two) > atol + rtol * abs(two):
            return False
    return bool(_close(got, other, rtol, atol).all())


def _kind_problem(got: object, expected: object) -> str | None:
    """Say what is wrong with the type, the shape or the dtype, None if nothing."""
    kind = _kind(expected)
    if _kind(got) != kind:
        return f"expected {_describe(expected)}, got {_describe(got)}."
    if _plain(got) is None:
        return f"expected {kind}, dense and of real numbers."
    if kind not in ("a tensor", "an array"):
        return None
    if got.shape != expected.shape:
        return f"expected shape {tuple(expected.shape)}, got {tuple(got.shape)}."
    if got.dtype != expected.dtype:
        return f"expected dtype {expected.dtype}, got {got.dtype}."
    return None


def _value_problem(
    got: np.ndarray, truth: np.ndarray, rtol: float, atol: float
) -> str | None:
    """Say where the values differ, None if nowhere."""
    wrong = ~_close(got, truth, rtol, atol)
    if not wrong.any():
        return None
    expected, value = truth[wrong][0], got[wrong][0]
    if truth.dtype.kind == "f":
        expected, value = f"{expected:.6g}", f"{value:.6g}"
    if not truth.ndim:
        return f"expected {expected}, got {value}."
    index = ", ".join(map(str, np.argwhere(wrong)[0]))
    return (
        f"{wrong.sum()} of {wrong.size} values differ; "
        f"at [{index}] expected {expected}, got {value}."
    )


def _ks_distance(samples: np.ndarray, cdf: Callable[[Tensor], Tensor]) -> float:
    """Return the largest gap between the samples' distribution function and cdf."""
    samples = np.sort(samples.ravel())
    steps = np.arange(samples.size + 1) / samples.size
    right = _plain(cdf(torch.as_tensor(samples)))
    return float(max((steps[1:] - right).max(), (right - steps[:-1]).max()))
