"""The whole course: how far each assignment is, and everybody's scores in one table."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from autograder.course.folder import Course, write_whole
from autograder.course.settings import TotalRule, folded, settings
from autograder.course.submitted import read_note
from autograder.lms.base import Person
from autograder.lms.class_list import class_list
from autograder.model import CourseError, Outcome
from autograder.results.csv_export import csv_text
from autograder.results.scores import Scored, absent, read_class

Classes = Mapping[str, list[Scored]]  # by the assignment


@dataclass(frozen=True)
class Standing:
    """How far one assignment is; numbers of students.

    `ungraded` must be graded, or graded again; `refused` got no score, and why stands
    on their pages; `waiting` wait for a person; `absent` are known to the course and
    handed nothing in.
    """

    assignment: str
    handed_in: int
    settled: int
    ungraded: int
    refused: int
    waiting: int
    absent: int

    @property
    def next_step(self) -> str:
        """The command, or the work, that this assignment needs next."""
        short = self.assignment.split("_")[0]
        if not self.handed_in:
            return f"collect: autograder collect {short} DOWNLOAD"
        if self.ungraded:
            return f"grade: autograder grade {short}"
        if self.waiting:
            return f"what waits for you: autograder report {short}, autograder serve"
        if self.refused:
            return f"read the reasons: autograder report {short}"
        return f"done: autograder export {short}"


def read_course(course: Course) -> Classes:
    """Everybody's results in every released assignment."""
    return {name: read_class(course, name) for name in course.assignments()}


def standings(course: Course, classes: Classes) -> list[Standing]:
    """How far each assignment is; every student counts once."""
    found = []
    for name, scored in classes.items():
        counts = Counter(map(state, scored))
        missing = absent(course, name, [each.result.student for each in scored])
        numbers = {key: counts[key] for key in STATES}
        found.append(Standing(name, len(scored), **numbers, absent=len(missing)))
    return found


STATES = ("settled", "ungraded", "refused", "waiting")


def state(scored: Scored) -> str:
    """Which of the `STATES` one student's submission is in."""
    if scored.result.outcome is Outcome.FAILED or scored.stale:
        return "ungraded"
    if not scored.graded:
        return "refused"
    return "waiting" if scored.unsettled else "settled"


@dataclass(frozen=True)
class Cell:
    """What one student has of one assignment.

    `state` is one of `STATES`, or "absent" for who handed nothing in; then `due` says
    whether it was due. `dropped` says that the total leaves it out as the lowest.
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

    The total is None where nothing counts yet.
    """

    student: str
    name: str
    cells: Mapping[str, Cell]
    total: float | None = None

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
        for student in absent(course, name, [s.result.student for s in scored]):
            key = folded(student)
            ids.setdefault(key, student)
            called = people[key].called if key in people else (student,)
            due = rules.due_for(name, *called)
            missing = bool(scored) and (due is None or due < now)
            cells.setdefault(key, {})[name] = Cell("absent", due=missing)
    rows = []
    for key, student in sorted(ids.items(), key=lambda item: item[1]):
        mine = {n: cells[key].get(n, Cell("absent", due=False)) for n in classes}
        named = people[key].name if key in people else ""
        rows.append(totalled(Row(student, named, mine), classes, rules.total))
    return rows


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
    none: nothing handed in, refused, or waiting for a person. `settled` counts the
    scores of a row, `points` and `of` are their sum and the sum of what they are out
    of; `missing` counts what was due and not handed in. `dropped` are the assignments
    that `total`, in percent, leaves out by the course file.
    """
    head = ["student", "name", *classes, "settled", "points", "of"]
    table: list[list[object]] = [[*head, "missing", "dropped", "total"]]
    for row in course_rows(course, classes):
        points = sum((each.points for each in row.settled), 0.0)
        most = sum((each.most for each in row.settled), 0.0)
        cells = [each.points for each in row.cells.values()]
        start = [row.student, row.name, *cells, len(row.settled), points, most]
        end = [len(row.missing), " ".join(row.dropped), row.total]
        table.append([*start, *end])
    write_whole(path, csv_text(table).encode("utf-8", "replace"))
    return path


def in_words(found: list[Standing]) -> str:
    """The standings for a person to read."""
    if not found:
        return "No assignment is released here yet: autograder release A1"
    width = max(len("assignment"), *(len(each.assignment) for each in found))
    head = ("handed in", "settled", "to grade", "refused", "by hand", "absent")
    lines = [f"{'assignment':{width}}  {'  '.join(head)}  next"]
    for each in found:
        numbers = (
            each.handed_in,
            each.settled,
            each.ungraded,
            each.refused,
            each.waiting,
            each.absent,
        )
        cells = [f"{n:>{len(h)}}" for n, h in zip(numbers, head, strict=True)]
        lines.append(f"{each.assignment:{width}}  {'  '.join(cells)}  {each.next_step}")
    return "\n".join(lines)
