"""The course file: `course.toml` in the course folder, with due dates and late days.

It need not be there, and neither need any line of it:

    timezone = "Europe/Berlin"        # of every time that names none; UTC by default
    attempts = "last"     # which attempt counts: "last", "best" or "first"
    dropped = ["carl@example.org"]    # who left the course: in no list any more

    [due]
    a1_change_of_variables = 2026-11-27T23:59:00
    A2 = 2026-12-11T23:59:00

    [late]
    per_day = 0.1         # the share of the points that each begun day costs
    most = 0.5            # the most that lateness costs
    grace_minutes = 15    # a delay that is forgiven whole
    last_day = 7          # what comes later counts nothing
    free_days = 3         # for each student, over the whole course

    [extensions.A1]
    "ada@example.org" = 2             # days added to the due date

    [total]
    drop_lowest = 1       # so many of the lowest results of a student are left out
    missing = "zero"      # what was due and not handed in; or "nothing" (default)

    [total.weights]       # by default an assignment weighs its points
    A1 = 1
    A2 = 2
"""

import math
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from autograder.course.folder import Course, meant
from autograder.model import CourseError

NAME = "course.toml"
ATTEMPTS = ("last", "best", "first")
MISSING = ("nothing", "zero")


@dataclass(frozen=True)
class LatePolicy:
    """What lateness costs; by default nothing. Shares are of the points earned."""

    per_day: float = 0.0
    most: float = 1.0
    grace_minutes: float = 0.0
    last_day: float = math.inf
    free_days: int = 0


@dataclass(frozen=True)
class TotalRule:
    """How the results of a course become one; `weights` by full names, or none at all.

    `missing` says what a work counts that was due and not handed in.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    drop_lowest: int = 0
    missing: str = "nothing"


@dataclass(frozen=True)
class Settings:
    """What the course file says. Due dates are by the assignments' full names."""

    zone: tzinfo = UTC
    due: Mapping[str, datetime] = field(default_factory=dict)
    late: LatePolicy = LatePolicy()
    extensions: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    attempts: str = "last"
    dropped: frozenset[str] = frozenset()
    total: TotalRule = TotalRule()

    def due_for(self, assignment: str, *called: str) -> datetime | None:
        """When one student's work is due; None without a due date.

        `called` are the id and whatever else the student is known by. Case and spaces
        do not matter.
        """
        due = self.due.get(assignment)
        extensions = {
            folded(name): days
            for name, days in self.extensions.get(assignment, {}).items()
        }
        days = max((extensions.get(folded(name), 0.0) for name in called), default=0.0)
        return due and due + timedelta(days=days)

    def has_left(self, *called: str) -> bool:
        """Whether a student who is called so has left the course."""
        return not self.dropped.isdisjoint(map(folded, called))


def folded(name: str) -> str:
    """A student's id without what no learning management system tells apart."""
    return unicodedata.normalize("NFC", " ".join(name.split())).casefold()


def settings(course: Course) -> Settings:
    """Read the course file; CourseError is one sentence on what is wrong in it."""
    path = course.root / NAME
    try:
        return understood(tomllib.loads(path.read_text("utf-8")), course)
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError) as error:
        raise CourseError(f"{path}: {error}.") from error


def understood(found: Mapping[str, Any], course: Course) -> Settings:
    """The settings in a parsed file; ValueError says what was expected."""
    known = ("timezone", "attempts", "dropped", "due", "late", "extensions", "total")
    only(found, "course.toml", known)
    zone = zone_of(found.get("timezone", "UTC"))
    due = {
        full: due_date(name, table(found, "due")[name], zone)
        for full, name in by_assignment(found, "due", course).items()
    }
    extensions = {
        full: {
            student: number(f"extensions.{name}.{student}", days, 366.0)
            for student, days in one_line_each(table(found, "extensions"), name)
        }
        for full, name in by_assignment(found, "extensions", course).items()
    }
    attempts = one_of("attempts", found.get("attempts", "last"), ATTEMPTS)
    policy = late_policy(table(found, "late"))
    total = total_rule(table(found, "total"), course)
    return Settings(zone, due, policy, extensions, attempts, left(found), total)


def one_of(name: str, value: object, words: Sequence[str]) -> str:
    """One of a few words."""
    if value not in words:
        wanted = ", ".join(f"“{each}”" for each in words)
        raise ValueError(f"{name}: one of {wanted} was expected, not {value!r}")
    return value


def total_rule(found: Mapping[str, Any], course: Course) -> TotalRule:
    """The [total] table."""
    only(found, "[total]", ("weights", "drop_lowest", "missing"))
    where = "total.weights"
    written = {where: table({where: found.get("weights", {})}, where)}
    weights = {
        full: number(f"{where}.{name}", written[where][name], 1e6)
        for full, name in by_assignment(written, where, course).items()
    }
    if weights and not any(weights.values()):
        raise ValueError(f"[{where}]: a weight above 0 was expected in it")
    drop = whole("total.drop_lowest", found.get("drop_lowest", 0))
    missing = one_of("total.missing", found.get("missing", "nothing"), MISSING)
    return TotalRule(weights, drop, missing)


def left(found: Mapping[str, Any]) -> frozenset[str]:
    """Who has left the course."""
    names = found.get("dropped", [])
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise ValueError(f"dropped: a list of ids was expected, not {names!r}")
    return frozenset(map(folded, names))


def one_line_each(tables: Mapping[str, Any], name: str) -> list[tuple[str, object]]:
    """The lines of a table of students; ValueError when two mean the same one."""
    seen: dict[str, str] = {}
    for student in table(tables, name):
        if (first := seen.setdefault(folded(student), student)) != student:
            raise ValueError(
                f"extensions.{name} has “{first}” and “{student}”: that is one student"
            )
    return list(table(tables, name).items())


def late_policy(found: Mapping[str, Any]) -> LatePolicy:
    """The [late] table."""
    most = {"per_day": 1.0, "most": 1.0, "free_days": 366.0}
    names = [each.name for each in fields(LatePolicy)]
    only(found, "[late]", names)
    values = {
        name: number(f"late.{name}", value, most.get(name, 1e6))
        for name, value in found.items()
    }
    if "free_days" in values:
        values["free_days"] = whole("late.free_days", values["free_days"])
    return LatePolicy(**values)


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


def by_assignment(
    found: Mapping[str, Any], where: str, course: Course
) -> dict[str, str]:
    """The names in a table of assignments by the full names that they mean.

    One that is not released yet stays as it is. ValueError for a name that may mean
    several, and for two that mean one: half of what is written would be passed over.
    """
    known, full = course.assignments(), {}
    for name in table(found, where):
        these = meant(name, known)
        if len(these) > 1:
            raise ValueError(
                f"[{where}] has “{name}”, which may mean {' or '.join(these)}: write "
                "the whole name"
            )
        first = full.setdefault(these[0] if these else name, name)
        if first != name:
            raise ValueError(
                f"[{where}] has “{first}” and “{name}”: that is one assignment"
            )
    return full
