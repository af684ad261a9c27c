"""Everybody's scores in all assignments, in one table: what counts, and the totals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean

from autograder.course.folder import Course, write_whole
from autograder.course.settings import LatePolicy, TotalRule, folded, settings
from autograder.course.submitted import read_note
from autograder.lms.base import Person
from autograder.lms.class_list import class_list
from autograder.model import CourseError
from autograder.results.csv_export import csv_text
from autograder.results.no_shows import not_present, was_due
from autograder.results.scores import Scored
from autograder.results.standings import Classes, state


@dataclass(frozen=True)
class Cell:
    """What one student has of one assignment.

    `state` is one of `STATES`, "excused" by the course file, or "absent" for who handed
    nothing in; then `due` says whether it was due. `dropped` says that the total leaves
    it out as the lowest.
    """

    state: str
    scored: Scored | None = None
    due: bool = True
    dropped: bool = False

    @property
    def points(self) -> float | None:
        """The settled score, less what lateness costs; None where there is none."""
        return self.scored.points if self.state == "settled" else None

    @property
    def most(self) -> float:
        """What the settled score is out of."""
        return self.scored.result.max_points if self.state == "settled" else 0.0


@dataclass(frozen=True)
class Row:
    """One student: a cell for each assignment, and the total in percent.

    The total is None where nothing counts yet. `late_days` counts the begun days of all
    delays, `free_days_left` what is left of the course's free ones; None without any.
    """

    student: str
    name: str
    cells: Mapping[str, Cell]
    total: float | None = None
    late_days: int = 0
    free_days_left: int | None = None

    @property
    def settled(self) -> list[Cell]:
        """The cells with a settled score."""
        return [each for each in self.cells.values() if each.state == "settled"]

    @property
    def missing(self) -> list[str]:
        """The assignments that were due and that the student did not hand in."""
        return [
            n for n, each in self.cells.items() if each.state == "absent" and each.due
        ]

    @property
    def shares(self) -> dict[str, float]:
        """What the student got of the points of each settled assignment, 0 to 1."""
        return {
            n: each.points / each.most for n, each in self.cells.items() if each.most
        }

    @property
    def change(self) -> float | None:
        """The last share less the mean of those before; None for fewer than two."""
        *before, last = self.shares.values() or (0.0,)
        return last - fmean(before) if before else None

    def none_of_last(self, number: int) -> list[str]:
        """The last assignments that were the student's to do, if all are missing."""
        mine = [
            name
            for name, each in self.cells.items()
            if each.state not in ("absent", "excused") or each.due
        ]
        last = mine[-number:]
        return last if len(last) == number and set(last) <= set(self.missing) else []

    @property
    def dropped(self) -> list[str]:
        """The assignments that the total leaves out as the lowest."""
        return [name for name, each in self.cells.items() if each.dropped]


def course_rows(
    course: Course, classes: Classes, now: datetime | None = None
) -> list[Row]:
    """Everybody in the course, by id. Raises CourseError for weights that are amiss.

    Who is called alike but for case is one student. An assignment that nobody handed in
    is missing for nobody, and so is one that is not due for a student, `now`.
    """
    rules, now = settings(course), now or datetime.now(UTC)
    must_weigh_all(rules.total, classes)
    cells: dict[str, dict[str, Cell]] = {}
    ids: dict[str, str] = {}
    people: dict[str, Person] = {}
    for name, scored in classes.items():
        people |= people_by_id(course, name, scored)
        for each in scored:
            key = folded(each.result.student)
            ids.setdefault(key, each.result.student)
            cells.setdefault(key, {})[name] = Cell(state(each), each)
        away, free = not_present(course, name, [s.result.student for s in scored])
        for student in away:
            key = folded(student)
            ids.setdefault(key, student)
            called = people[key].called if key in people else (student,)
            missing = bool(scored) and was_due(rules, name, *called, now=now)
            cell = Cell("absent", due=missing)
            if student in free:
                cell = Cell("excused", due=False)
            cells.setdefault(key, {})[name] = cell
    rows = []
    for key, student in sorted(ids.items(), key=lambda item: item[1]):
        mine = {n: cells[key].get(n, Cell("absent", due=False)) for n in classes}
        named = people[key].name if key in people else ""
        row = with_late_days(Row(student, named, mine), rules.late)
        rows.append(totalled(row, classes, rules.total))
    return rows


def with_late_days(row: Row, policy: LatePolicy) -> Row:
    """The row with the days of its delays, and the free days that they leave."""
    late = [each.scored.late for each in row.cells.values() if each.scored]
    late = [each for each in late if each is not None]
    left = policy.free_days - sum(each.free for each in late)
    days = sum(each.days for each in late)
    return replace(
        row, late_days=days, free_days_left=left if policy.free_days else None
    )


def people_by_id(
    course: Course, assignment: str, scored: Sequence[Scored]
) -> dict[str, Person]:
    """The rows of the class lists by the ids in the course, as ids are compared."""
    people = class_list(course, assignment)
    if people is None:
        return {}
    found = {folded(person.student): person for person in people.people}
    for each in scored:
        key, note = folded(each.result.student), None
        if key not in found:
            note = read_note(course, assignment, each.result.student)
        person = people.find(note.lms_id) if note and note.lms_id else None
        found |= {key: person} if person else {}
    return found


def must_weigh_all(rule: TotalRule, classes: Classes) -> None:
    """CourseError where some assignments have a weight and another has none."""
    lacking = [name for name in classes if rule.weights and name not in rule.weights]
    if lacking:
        short = lacking[0].split("_")[0].upper()
        raise CourseError(
            f"course.toml: [total.weights] has no weight for {', '.join(lacking)}; "
            f"write `{short} = 0` where it shall not count."
        )


def weight(rule: TotalRule, classes: Classes, name: str) -> float:
    """What an assignment weighs: by the course file, else its points."""
    most = max((each.result.max_points for each in classes[name]), default=0.0)
    return rule.weights[name] if rule.weights else most


def totalled(row: Row, classes: Classes, rule: TotalRule) -> Row:
    """The row with what counts, what is dropped, and the total.

    Of a student's results the lowest shares of the points are dropped, of equal ones
    that with the greater weight, and never the last result.
    """
    shares: dict[str, float] = {}
    weights = {name: weight(rule, classes, name) for name in row.cells}
    for name, cell in row.cells.items():
        if not weights[name]:
            continue
        if cell.most:
            shares[name] = cell.points / cell.most
        elif rule.missing == "zero" and name in row.missing:
            shares[name] = 0.0
    lowest = sorted(shares, key=lambda name: (shares[name], -weights[name]))
    dropped = lowest[: max(0, min(rule.drop_lowest, len(shares) - 1))]
    kept = [name for name in shares if name not in dropped]
    cells = {
        name: replace(cell, dropped=name in dropped) for name, cell in row.cells.items()
    }
    total = None
    if kept:
        won = sum(weights[name] * shares[name] for name in kept)
        total = 100 * won / sum(weights[name] for name in kept)
    return replace(row, cells=cells, total=total)


def course_csv(course: Course, classes: Classes, path: Path) -> Path:
    """Write a row a student and a column an assignment; return the path.

    A cell holds the settled score, less what lateness costs. It is empty where there is
    none: nothing handed in, refused, or waiting for a person; “excused” stands for what
    does not count for a student. `settled` counts the scores of a row, `points` and
    `of` are their sum and the sum of what they are out of; `missing` counts what was
    due and not handed in. `dropped` are the assignments that `total`, in percent,
    leaves out by the course file. `late_days` are those of all delays,
    `free_days_left` is empty in a course without free days.
    """
    head = ["student", "name", *classes, "settled", "points", "of"]
    tail = ["missing", "dropped", "total", "late_days", "free_days_left"]
    table: list[list[object]] = [[*head, *tail]]
    for row in course_rows(course, classes):
        points = sum((each.points for each in row.settled), 0.0)
        most = sum((each.most for each in row.settled), 0.0)
        cells = [
            "excused" if each.state == "excused" else each.points
            for each in row.cells.values()
        ]
        start = [row.student, row.name, *cells, len(row.settled), points, most]
        end = [len(row.missing), " ".join(row.dropped), row.total]
        table.append([*start, *end, row.late_days, row.free_days_left])
    write_whole(path, csv_text(table).encode("utf-8", "replace"))
    return path
