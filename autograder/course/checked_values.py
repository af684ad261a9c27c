"""Values of a parsed course file, checked: ValueError says what was expected."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from autograder.model import PORT


def only(found: Mapping[str, Any], where: str, names: Any) -> None:
    """Refuse a name that means nothing: it is a slip, and it would go unseen."""
    if unknown := sorted(set(found) - set(names)):
        raise ValueError(
            f"{where} has “{unknown[0]}”; known are {', '.join(sorted(names))}"
        )


def table(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A table of the file; empty when it is not there."""
    value = found.get(name, {})
    if not isinstance(value, Mapping):
        raise ValueError(f"[{name}] must be a table, not {value!r}")
    return value


def one_of(name: str, value: object, words: Sequence[str]) -> str:
    """One of a few words."""
    if value not in words:
        wanted = ", ".join(f"“{each}”" for each in words)
        raise ValueError(f"{name}: one of {wanted} was expected, not {value!r}")
    return value


def number(name: str, value: object, most: float) -> float:
    """A number from 0 to `most`."""
    good = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (good and 0 <= value <= most):
        raise ValueError(
            f"{name}: a number from 0 to {most:g} was expected, not {value!r}"
        )
    return float(value)


def whole(name: str, value: object) -> int:
    """A whole number from 0 to 366."""
    if number(name, value, 366.0) % 1:
        raise ValueError(f"{name}: a whole number was expected, not {value!r}")
    return int(value)


def port_of(found: Mapping[str, Any]) -> int:
    """The number of a port that a person may use."""
    value = found.get("port", PORT)
    if type(value) is not int or not 1024 <= value <= 65535:
        raise ValueError(
            f"port: a number from 1024 to 65535 was expected, not {value!r}"
        )
    return value


def zone_of(name: object) -> tzinfo:
    """A time zone by its name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise ValueError(
            f"timezone: a name such as Europe/Berlin was expected, not {name!r}"
        ) from error


def due_date(name: str, value: object, zone: tzinfo) -> datetime:
    """A due date; a day alone ends with its last second."""
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time(23, 59, 59))
    if not isinstance(value, datetime):
        raise ValueError(
            f"due.{name}: a time such as 2026-11-27T23:59:00 was expected, "
            f"without quotes, not {value!r}"
        )
    return value if value.tzinfo else value.replace(tzinfo=zone)
