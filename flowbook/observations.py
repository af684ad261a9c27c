"""What is right about wrong numbers: a sentence for a result that no mistake explains.

A factor or a summand that is the same everywhere, whole rows or columns that are right,
the right numbers in another order: each tells where to look, and none needs to know
what was asked for.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np

Alike = Callable[[np.ndarray, np.ndarray], bool]

FEW = 2  # values from which a factor or a summand that they share is no chance
MANY = 3  # values from which a rearrangement is no chance

CONSTANTS = {
    "log(2)": math.log(2),
    "log(2 pi) / 2": math.log(2 * math.pi) / 2,
    "log(2 pi)": math.log(2 * math.pi),
    "log(pi)": math.log(math.pi),
}
"""Numbers that are forgotten, or counted twice, and once for each of some features."""


def observation(
    got: np.ndarray,
    truth: np.ndarray,
    wrong: np.ndarray,
    rtol: float,
    atol: float,
    given: Mapping[str, np.ndarray] | None = None,
) -> str:
    """Return a sentence on wrong numbers, "" if nothing is to be said.

    `got` and `truth` have one shape, and `wrong` says where they differ. `given` are
    the inputs by their names: what differs by one of them is told so.
    """
    if not wrong.any():
        return ""
    if truth.dtype.kind == "b":
        return truth_values(got, truth, wrong)
    got, truth = got.astype(np.float64), truth.astype(np.float64)
    if not np.isfinite(got[wrong]).all():
        return ""

    def alike(one: np.ndarray, other: np.ndarray) -> bool:
        return bool(np.isclose(one, other, rtol=10 * rtol, atol=10 * atol).all())

    if wrong.size < FEW:
        return small(got, truth, alike)
    for see in (same_everywhere, related):
        if said := see(got, truth, wrong, alike):
            return said
    if said := by_inputs(got, truth, given or {}, alike):
        return said
    for see in (shuffled, right_lines):
        if said := see(got, truth, wrong, alike):
            return said
    return ""


def truth_values(got: np.ndarray, truth: np.ndarray, wrong: np.ndarray) -> str:
    """Say whether there is too much True or too little, and which lines are right."""
    if wrong.all():
        return "Every value is the opposite."
    said = ""
    if not truth[wrong].any():
        said = "No True is missing, but there are too many."
    elif truth[wrong].all():
        said = "No True is too much, but some are missing."
    lines = right_lines(got, truth, wrong, lambda one, other: False)
    return f"{said} {lines}".strip()


def small(got: np.ndarray, truth: np.ndarray, alike: Alike) -> str:
    """On one or two numbers only the sign says something."""
    opposite = alike(got, -truth) and np.abs(truth).max() > 1e-3
    return "Only the sign is wrong." if opposite else ""


def same_everywhere(
    got: np.ndarray, truth: np.ndarray, wrong: np.ndarray, alike: Alike
) -> str:
    """A factor, or a summand, that all values share."""
    if np.ptp(truth) <= 1e-3 * np.abs(truth).max():
        return ""  # of equal numbers everything could be said
    if np.isclose(got, truth, rtol=1e-3, atol=0).all():
        return "Every value is nearly right: is something rounded, or cut short?"
    size = np.abs(truth)
    factor = np.median(got[size > 0] / truth[size > 0])
    if abs(factor) > 1e-3 and alike(got, factor * truth):
        if abs(factor + 1) < 1e-3:
            return "Every value has the wrong sign, and is right otherwise."
        return f"Every value is {fraction(factor)} times the right one."
    summand = np.median(got - truth)
    if alike(got, truth + summand):
        way = "large" if summand > 0 else "small"
        amount = f"{abs(summand):.6g}{in_words(abs(summand))}"
        return f"Every value is too {way} by the same number, {amount}."
    return ""


def fraction(factor: float) -> str:
    """A factor, and what it is if it is one over a small whole number."""
    whole = round(1 / factor)
    if 2 <= whole <= 12 and abs(factor * whole - 1) < 1e-4:
        return f"1/{whole}"
    return f"{factor:.6g}"


def in_words(amount: float) -> str:
    """Name a well-known constant, or a small multiple of one."""
    for times in range(1, 5):
        for name, value in CONSTANTS.items():
            if abs(amount - times * value) < 1e-4 * amount:
                return f" = {name}" if times == 1 else f" = {times} {name}"
    return ""


def by_inputs(
    got: np.ndarray, truth: np.ndarray, given: Mapping[str, np.ndarray], alike: Alike
) -> str:
    """What an input is too much, too little, or is multiplied with."""
    for name, value in given.items():
        one = value.astype(np.float64)
        if one.ndim == truth.ndim + 1:
            one, name = one.sum(-1), f"the sum of {name}"
        if one.shape != truth.shape or np.ptp(one) <= 1e-3 * np.abs(one).max():
            continue
        if alike(got, one):
            return f"This is {name} itself."
        for times, words in ((1, name), (2, f"2 {name}"), (0.5, f"{name} / 2")):
            for sign, way in ((1, "large"), (-1, "small")):
                if alike(got, truth + sign * times * one):
                    return f"Every value is too {way} by {words}, and right otherwise."
        with np.errstate(all="ignore"):
            known = [
                (truth * one, f"Every value is {name} times the right one."),
                (truth / one, f"Every value is the right one divided by {name}."),
                (one - truth, f"This is {name} minus the right result."),
            ]
        for other, said in known:
            if np.isfinite(other).all() and alike(got, other):
                return said
    return ""


def related(got: np.ndarray, truth: np.ndarray, wrong: np.ndarray, alike: Alike) -> str:
    """Signs, logarithms, reciprocals and roots that are missing or too many."""
    if alike(np.abs(got), np.abs(truth)):
        return "Only signs are wrong."
    with np.errstate(all="ignore"):
        known = [
            (np.exp(truth), "This is the exponential of the right result."),
            (np.log(truth), "This is the logarithm of the right result."),
            (1 / truth, "This is one over the right result."),
            (truth**2, "This is the square of the right result."),
            (np.sqrt(truth), "This is the square root of the right result."),
        ]
    return next((said for value, said in known if alike(got, value)), "")


def shuffled(
    got: np.ndarray, truth: np.ndarray, wrong: np.ndarray, alike: Alike
) -> str:
    """The right numbers in the wrong places."""
    if len(np.unique(truth)) < MANY:
        return ""
    if truth.ndim == 2 and truth.shape[0] == truth.shape[1] and alike(got, truth.T):
        return "It is the right matrix, transposed."
    for axis, lines in enumerate(("rows", "columns")[: truth.ndim]):
        if alike(got, np.flip(truth, axis)):
            return f"The {lines} are right, and in the opposite order."
    if alike(np.sort(got, axis=None), np.sort(truth, axis=None)):
        return "These are the right numbers, in the wrong places."
    return ""


def right_lines(
    got: np.ndarray, truth: np.ndarray, wrong: np.ndarray, alike: Alike
) -> str:
    """Whole columns or rows of a matrix that are right, or entries of a vector."""
    if truth.ndim not in (1, 2) or wrong.all():
        return ""
    names = ("entry", "entries") if truth.ndim == 1 else ("column", "columns")
    sides = [(wrong if truth.ndim == 1 else wrong.any(0), *names)]
    if truth.ndim == 2:
        sides.append((wrong.any(1), "row", "rows"))
    for bad, one, many in sides:
        right = np.flatnonzero(~bad).tolist()
        if 0 < len(right) < len(bad):
            listed = ", ".join(map(str, right[:6])) + (", ..." if right[6:] else "")
            if len(right) == 1:
                return f"Right is the {one} {listed}."
            return f"Right are the {many} {listed}."
    return ""
