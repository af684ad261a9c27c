"""Times as learning management systems and people write them."""

from datetime import datetime, tzinfo

# Moodle's English formats, and that of nbgrader's timestamp.txt.
FORMATS = (
    "%A, %d %B %Y, %I:%M %p",
    "%A, %B %d, %Y, %I:%M %p",
    "%A, %d %B %Y, %H:%M",
    "%d %B %Y, %I:%M %p",
    "%Y-%m-%d %H:%M:%S %Z",
    "%Y-%m-%d %H:%M:%S %z",
)


def read_time(text: str, zone: tzinfo) -> datetime:
    """A point in time; a text without an offset is in `zone`. ValueError for others.

    ISO 8601 is read, and what Moodle writes when it is set to English.
    """
    words = " ".join(text.split())
    for read in (datetime.fromisoformat, *map(_by_format, FORMATS)):
        try:
            found = read(words)
        except ValueError:
            continue
        if found.tzinfo is None:
            utc = words.upper().endswith((" UTC", " GMT"))
            found = found.replace(tzinfo=_utc() if utc else zone)
        return found
    raise ValueError(
        f"the time “{words[:60]}” is not understood: 2026-11-27T23:59 was expected, or "
        "a time as Moodle writes it in English"
    )


def _by_format(pattern: str):
    return lambda text: datetime.strptime(text, pattern)


def _utc() -> tzinfo:
    from datetime import UTC

    return UTC
