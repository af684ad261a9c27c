"""Times as learning management systems, nbgrader and people write them."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

# Moodle's English formats, and what a spreadsheet makes of them.
FORMATS = (
    "%A, %d %B %Y, %I:%M %p",
    "%A, %d %B %Y, %I:%M:%S %p",
    "%A, %B %d, %Y, %I:%M %p",
    "%A, %d %B %Y, %H:%M",
    "%A, %d %B %Y, %H:%M:%S",
    "%d %B %Y, %I:%M %p",
    "%d %B %Y, %H:%M",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
)
ZONE = re.compile(r"(?P<time>.*\d.*?) \(?(?P<zone>[A-Za-z]{1,5}|[A-Za-z_]+/\S+)\)?")
SPACE = re.compile(r" (?=[+-]\d\d:?\d\d$)")  # before an offset
NOON = ("AM", "PM")
# Hours from UTC of the abbreviations that have one meaning the world over.
HOURS = {"UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2}
HOURS |= {"EET": 2, "EEST": 3, "MSK": 3, "JST": 9, "KST": 9, "NZST": 12, "NZDT": 13}
HOURS |= {"EST": -5, "EDT": -4, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7}
HOURS |= {"AEST": 10, "AEDT": 11, "HST": -10, "AKST": -9, "AKDT": -8}


def read_time(text: str, zone: tzinfo) -> datetime:
    """A point in time; a text without an offset is in `zone`. ValueError for others.

    ISO 8601 is read, what nbgrader writes (fractions of a second, a zone's name after
    the time), and what Moodle writes when it is set to English. An abbreviation with
    several meanings, such as CST, is read only where it is one of `zone`'s own.
    """
    words = SPACE.sub("", " ".join(text.split()))
    for read in (datetime.fromisoformat, *map(_by_format, FORMATS)):
        try:
            found = read(words)
        except ValueError:
            continue
        return found if found.tzinfo else found.replace(tzinfo=zone)
    named = ZONE.fullmatch(words)
    if named is not None and named["zone"].upper() not in NOON:
        try:
            return _in_zone(read_time(named["time"], UTC), named["zone"], zone)
        except (ValueError, OverflowError):
            pass  # what is said below holds for it too
    raise ValueError(
        f"the time “{words[:60]}” is not understood: 2026-11-27T23:59 was expected, or "
        "a time as Moodle writes it in English"
    )


def _in_zone(when: datetime, name: str, own: tzinfo) -> datetime:
    """The same figures on the clock of a named zone; ValueError for an unknown one."""
    if "/" in name:
        try:
            return when.replace(tzinfo=ZoneInfo(name))
        except (KeyError, OSError) as error:
            raise ValueError(f"no time zone is called {name}") from error
    here = when.replace(tzinfo=own)
    if here.tzname() == name.upper():
        return here
    if name.upper() not in HOURS:
        raise ValueError(f"{name} is not the name of one time zone")
    offset = timedelta(hours=HOURS[name.upper()])
    return when.replace(tzinfo=timezone(offset))


def _by_format(pattern: str) -> Callable[[str], datetime]:
    return lambda text: datetime.strptime(text, pattern)
