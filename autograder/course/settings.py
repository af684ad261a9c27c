"""The course file: `course.toml` in the course folder, with due dates and late days.

It need not be there, and neither need any line of it:

    timezone = "Europe/Berlin"        # of every time that names none; UTC by default
    attempts = "last"     # which attempt counts: "last", "best" or "first"
    dropped = ["carl@example.org"]    # who left the course: in no list any more
    port = 8899           # where formgrader is served, and where the pages' links lead

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

    [excused]
    "ben@example.org" = ["A1"]        # what counts neither as zero nor as missing

    [accommodations]                  # for all assignments
    "eve@example.org" = {days = 2, time_factor = 1.5}    # of a notebook's time limits

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
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from autograder.course.checked_values import (
    due_date,
    number,
    one_of,
    only,
    port_of,
    table,
    whole,
    zone_of,
)
from autograder.course.folder import Course, meant
from autograder.model import PORT, CourseError

NAME = "course.toml"
ATTEMPTS = ("last", "best", "first")
MISSING = ("nothing", "zero")
MOST_FACTOR = 20.0
TABLES = ("timezone", "attempts", "dropped", "due", "late", "extensions", "total")
TABLES += ("excused", "accommodations", "port")


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
class Accommodation:
    """What one student has in every assignment: more days, and longer time limits."""

    days: float = 0.0
    time_factor: float = 1.0


@dataclass(frozen=True)
class Settings:
    """What the course file says, by the assignments' full names and students' ids."""

    zone: tzinfo = UTC
    due: Mapping[str, datetime] = field(default_factory=dict)
    late: LatePolicy = LatePolicy()
    extensions: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    attempts: str = "last"
    dropped: frozenset[str] = frozenset()
    total: TotalRule = TotalRule()
    excused: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    accommodations: Mapping[str, Accommodation] = field(default_factory=dict)
    port: int = PORT

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
        days += self.accommodation(*called).days
        return due and due + timedelta(days=days)

    def is_excused(self, assignment: str, *called: str) -> bool:
        """Whether an assignment does not count for a student who is called so."""
        names = map(folded, self.excused.get(assignment, ()))
        return not set(names).isdisjoint(map(folded, called))

    def accommodation(self, *called: str) -> Accommodation:
        """What a student who is called so has in every assignment."""
        if not self.accommodations:
            return NO_ACCOMMODATION
        known = {folded(name): each for name, each in self.accommodations.items()}
        found = (known.get(folded(name)) for name in called)
        return next(filter(None, found), NO_ACCOMMODATION)

    def has_left(self, *called: str) -> bool:
        """Whether a student who is called so has left the course."""
        return not self.dropped.isdisjoint(map(folded, called))


NO_ACCOMMODATION = Accommodation()


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
    only(found, "course.toml", TABLES)
    zone = zone_of(found.get("timezone", "UTC"))
    due = {
        full: due_date(name, table(found, "due")[name], zone)
        for full, name in by_assignment(found, "due", course).items()
    }
    extensions = {
        full: {
            student: number(f"extensions.{name}.{student}", days, 366.0)
            for student, days in one_line_each(
                table(table(found, "extensions"), name), f"extensions.{name}"
            )
        }
        for full, name in by_assignment(found, "extensions", course).items()
    }
    attempts = one_of("attempts", found.get("attempts", "last"), ATTEMPTS)
    policy = late_policy(table(found, "late"))
    total = total_rule(table(found, "total"), course)
    more = excused(found, course), accommodations(found), port_of(found)
    return Settings(zone, due, policy, extensions, attempts, left(found), total, *more)


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


def one_line_each(found: Mapping[str, Any], where: str) -> list[tuple[str, Any]]:
    """The lines of a table of students; ValueError when two mean the same one."""
    seen: dict[str, str] = {}
    for student in found:
        if (first := seen.setdefault(folded(student), student)) != student:
            raise ValueError(
                f"{where} has “{first}” and “{student}”: that is one student"
            )
    return list(found.items())


def excused(found: Mapping[str, Any], course: Course) -> dict[str, tuple[str, ...]]:
    """The [excused] table: the students by the assignments' full names."""
    students: dict[str, list[str]] = {}
    for student, names in one_line_each(table(found, "excused"), "excused"):
        if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
            raise ValueError(
                f"excused.{student}: a list of assignments was expected, not {names!r}"
            )
        where = f"excused.{student}"
        for full in by_assignment({where: dict.fromkeys(names)}, where, course):
            students.setdefault(full, []).append(student)
    return {full: tuple(names) for full, names in students.items()}


def accommodations(found: Mapping[str, Any]) -> dict[str, Accommodation]:
    """The [accommodations] table, by student."""
    given = {}
    lines = one_line_each(table(found, "accommodations"), "accommodations")
    for student, _ in lines:
        where = f"accommodations.{student}"
        own = table({where: found["accommodations"][student]}, where)
        only(own, f"[{where}]", ("days", "time_factor"))
        days = number(f"{where}.days", own.get("days", 0.0), 366.0)
        factor = number(f"{where}.time_factor", own.get("time_factor", 1), MOST_FACTOR)
        if factor < 1:
            raise ValueError(
                f"{where}.time_factor: 1 or more was expected, not {factor:g}"
            )
        given[student] = Accommodation(days, factor)
    return given


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
