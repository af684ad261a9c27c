"""The whole course: how far each assignment is, and everybody's scores in one table."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from autograder.course.folder import Course, write_whole
from autograder.model import Outcome
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


def course_csv(course: Course, classes: Classes, path: Path) -> Path:
    """Write a row a student and a column an assignment; return the path.

    A cell holds the settled score, less what lateness costs. It is empty where there is
    none: nothing handed in, refused, or waiting for a person. `settled` counts the
    scores of a row, `points` and `of` are their sum and the sum of what they are out
    of. Nobody's missing work is turned into a zero: that is a rule of the course's.
    """
    rows: dict[str, dict[str, Scored]] = {}
    for name, scored in classes.items():
        for each in scored:
            rows.setdefault(each.result.student, {})
            if state(each) == "settled":
                rows[each.result.student][name] = each
        for student in absent(course, name, [s.result.student for s in scored]):
            rows.setdefault(student, {})
    table: list[list[object]] = [["student", *classes, "settled", "points", "of"]]
    for student, settled in sorted(rows.items()):
        scores = {name: each.points for name, each in settled.items()}
        most = sum(each.result.max_points for each in settled.values())
        cells = [scores.get(name) for name in classes]
        total = sum(filter(None, scores.values()), 0.0)
        table.append([student, *cells, len(scores), total, most])
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
