"""Dates and times as plain numbers; of time zones only fixed offsets cross."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import Any

from autograder.channel.frames import ProtocolError

Node = Any
DAY = 86_400  # seconds
KINDS = (date, datetime, time, timedelta)


def pack_date(value: Any) -> Node | None:
    """The node of a date, a time or a span; None for one in a zone with rules."""
    if type(value) is date:
        return ["date", value.year, value.month, value.day]
    if type(value) is timedelta:
        return ["span", value.days, value.seconds, value.microseconds]
    offset = offset_of(value.tzinfo)
    if offset is None and value.tzinfo is not None:
        return None
    clock = [value.hour, value.minute, value.second, value.microsecond]
    if type(value) is time:
        return ["clock", *clock, value.fold, offset]
    day = [value.year, value.month, value.day]
    return ["moment", *day, *clock, value.fold, offset]


def offset_of(zone: tzinfo | None) -> int | None:
    """Seconds east of UTC of a fixed zone; None for none, and for all others."""
    if type(zone) is not timezone:
        return None
    offset = zone.utcoffset(None)
    return None if offset.microseconds else offset.days * DAY + offset.seconds


def unpack_date(tag: str, rest: list[Any]) -> Any:
    """The value of a node; ProtocolError or ValueError for what is none."""
    kind, length, zoned = SHAPES[tag]
    *numbers, offset = rest if zoned else (*rest, None)
    if len(numbers) != length or any(type(each) is not int for each in numbers):
        raise ProtocolError("a date is malformed")
    if tag == "span" and max(map(abs, numbers)) > 10**10:
        raise ProtocolError("a span of time is out of range")
    if not zoned:
        return kind(*numbers)
    *numbers, fold = numbers
    return kind(*numbers, fold=fold, tzinfo=zone(offset))


def zone(offset: Any) -> timezone | None:
    """The fixed time zone of so many seconds; ProtocolError for what is no offset."""
    if offset is None:
        return None
    if type(offset) is not int or abs(offset) >= DAY:
        raise ProtocolError("a time zone is malformed")
    return timezone(timedelta(seconds=offset))


SHAPES: dict[str, tuple[Callable[..., Any], int, bool]] = {
    "date": (date, 3, False),
    "span": (timedelta, 3, False),
    "clock": (time, 5, True),
    "moment": (datetime, 8, True),
}
