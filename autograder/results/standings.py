"""How far each assignment of the course is, and what comes next."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from autograder.course.folder import Course
from autograder.course.settings import settings
from autograder.model import Outcome
from autograder.results.no_shows import not_present
from autograder.results.scores import Scored, read_class

Classes = Mapping[str, list[Scored]]  # by the assignment


@dataclass(frozen=True)
class Standing:
    """How far one assignment is; numbers of students.

    `ungraded` must be graded, or graded again; `refused` got no score, and why stands
    on their pages; `waiting` wait for a person; `absent` are known to the course and
    handed nothing in. Who is `excused` counts in none of these.
    """

    assignment: str
    handed_in: int
    settled: int
    ungraded: int
    refused: int
    waiting: int
    absent: int
    excused: int

    @property
    def next_step(self) -> str:
        """The command, or the work, that this assignment needs next."""
        short = self.assignment.split("_")[0]
        if not self.handed_in + self.excused:
            return f"collect: autograder collect {short} DOWNLOAD"
        if self.ungraded:
            return f"grade: autograder grade {short}"
        if self.waiting:
            return f"what waits for you: autograder report {short}, autograder serve"
        if self.refused:
            return f"read the reasons: autograder report {short}"
        return f"done: autograder export {short}"


def read_course(course: Course) -> Classes:
    """Everybody's results in every released assignment, in the course's order.

    That is by due date where all have one, else by name, A2 before A10.
    """
    due, names = settings(course).due, sorted(course.assignments(), key=natural)
    if all(name in due for name in names):
        names.sort(key=due.__getitem__)
    return {name: read_class(course, name) for name in names}


def natural(name: str) -> list[tuple[int, str]]:
    """A key by which the numbers in names are compared as numbers."""
    parts = re.split(r"(\d+)", name.casefold())
    return [(int(each), "") if each.isdigit() else (0, each) for each in parts]


def standings(course: Course, classes: Classes) -> list[Standing]:
    """How far each assignment is; every student counts once."""
    found = []
    for name, scored in classes.items():
        counts = Counter(map(state, scored))
        present = [each.result.student for each in scored]
        away, free = not_present(course, name, present)
        numbers = {key: counts[key] for key in STATES}
        handed_in = len(scored) - counts["excused"]
        absent, excused = len(away) - len(free), counts["excused"] + len(free)
        found.append(
            Standing(name, handed_in, **numbers, absent=absent, excused=excused)
        )
    return found


STATES = ("settled", "ungraded", "refused", "waiting")


def state(scored: Scored) -> str:
    """Which of the `STATES` one student's submission is in, or "excused"."""
    if scored.excused:
        return "excused"
    if scored.result.outcome is Outcome.FAILED or scored.stale:
        return "ungraded"
    if not scored.graded:
        return "refused"
    return "waiting" if scored.unsettled else "settled"


def in_words(found: list[Standing]) -> str:
    """The standings for a person to read."""
    if not found:
        return "No assignment is released here yet: autograder release A1"
    width = max(len("assignment"), *(len(each.assignment) for each in found))
    head = ["handed in", "settled", "to grade", "refused", "by hand", "absent"]
    head += ["excused"] if any(each.excused for each in found) else []
    lines = [f"{'assignment':{width}}  {'  '.join(head)}  next"]
    for each in found:
        numbers = (
            each.handed_in,
            each.settled,
            each.ungraded,
            each.refused,
            each.waiting,
            each.absent,
            each.excused,
        )
        cells = [f"{n:>{len(h)}}" for n, h in zip(numbers, head, strict=False)]
        lines.append(f"{each.assignment:{width}}  {'  '.join(cells)}  {each.next_step}")
    return "\n".join(lines)
