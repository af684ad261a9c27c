"""Late work: how late it was, and what that costs.

A delay counts in begun days after the due date. A delay within the grace counts
nothing. Each student has free days for the whole course: they are spent on the late
assignments in the order of their due dates, so that the order of grading changes
nothing. Every further day costs a share of the points that were earned, up to a most.
Times come from the learning management system alone.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.course.folder import Course
from autograder.course.settings import LatePolicy, Settings, settings
from autograder.course.submitted import arrival, note_in

if TYPE_CHECKING:
    from nbgrader.api import Gradebook

DAY, MINUTE = 86_400, 60  # seconds
NO_DATE = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Lateness:
    """A delay of so many begun days, of which some were free, and what the rest costs.

    `share` of the points is lost. `assumed` says that the LMS marks the work as late
    and does not say how late: it then counts one day. `closed`: too late to count.
    `unclear` says why the LMS's time cannot be read: there is no final score then.
    """

    days: int
    free: int = 0
    share: float = 0.0
    assumed: bool = False
    closed: bool = False
    unclear: str | None = None


def never_late(course: Course, assignment: str) -> list[str]:
    """A sentence when late work costs something and no due date says what is late."""
    rules = settings(course)
    if assignment in rules.due or not rules.late.per_day:
        return []
    return [
        f"{assignment} has no due date in course.toml: only what the LMS marks is late."
    ]


def begun_days(seconds: float, policy: LatePolicy) -> int:
    """The days of a delay; 0 for one within the grace."""
    return 0 if seconds <= policy.grace_minutes * MINUTE else math.ceil(seconds / DAY)


def charge(policy: LatePolicy, delays: Sequence[int]) -> tuple[int, float]:
    """The free days spent on a student's last delay, and the share that it costs.

    `delays` are all days of delay of this student, in the order of the due dates.
    """
    left, free = policy.free_days, 0
    for days in delays:
        free = min(left, days) if days <= policy.last_day else 0
        left -= free
    days = delays[-1]
    if days > policy.last_day:
        return 0, 1.0
    return free, min(policy.most, policy.per_day * (days - free), 1.0)


def lateness(
    course: Course, assignment: str, students: Iterable[str]
) -> dict[str, Lateness]:
    """Who was late with an assignment, by how much, and what it costs.

    Raises CourseError for a bad course file.
    """
    rules = settings(course)
    before = earlier(course, rules, assignment) if rules.late.free_days else []
    found = {}
    for student in students:
        late = late_in(course, rules, assignment, student, before)
        if late is not None:
            found[student] = late
    return found


def late_in(
    course: Course,
    rules: Settings,
    assignment: str,
    student: str,
    before: Sequence[str],
    folder: Path | None = None,
) -> Lateness | None:
    """How late one student was; None for who was in time.

    `before` are the assignments due earlier, on which free days may be spent. `folder`
    is an attempt's; by default that of the attempt that counts.
    """
    folder = folder or course.submitted(assignment, student)
    days, assumed, unclear = delay(rules, assignment, student, folder)
    if not days and not unclear:
        return None
    spent = [
        delay(rules, each, student, course.submitted(each, student))[0]
        for each in before
    ]
    free, share = charge(rules.late, [*spent, days])
    return Lateness(days, free, share, assumed, days > rules.late.last_day, unclear)


def earlier(course: Course, rules: Settings, assignment: str) -> list[str]:
    """The assignments that are due before this one, in that order."""

    def order(name: str) -> tuple[datetime, str]:
        return rules.due.get(name, NO_DATE), name

    known = set(course.assignments()) | set(rules.due)
    return sorted((n for n in known if order(n) < order(assignment)), key=order)


def delay(
    rules: Settings, assignment: str, student: str, folder: Path
) -> tuple[int, bool, str | None]:
    """The days by which one student was late, and whether they are a guess.

    Who is excused is never late. The third is why the time cannot be read, where there
    is a date to compare it with.
    """
    came, note = arrival(folder, rules.zone), note_in(folder)
    also = (note.lms_id or "", *note.called) if note else ()
    called = (student, *filter(None, also))
    if rules.is_excused(assignment, *called):
        return 0, False, None
    due = rules.due_for(assignment, *called)
    if due is not None and came.time is not None:
        seconds = (came.time - due).total_seconds()
        return begun_days(seconds, rules.late), False, None
    return int(came.late), came.late, due and came.unclear


def sentence(late: Lateness, points: float) -> str:
    """A delay in words for the student; `points` are those that it costs."""
    days = "1 day" if late.days == 1 else f"{late.days} days"
    words = [f"Handed in {days} late."]
    if late.unclear:
        return "It cannot be told when you handed in; your instructor looks into it."
    if late.assumed:
        words = ["Marked as late where you handed it in; it counts as 1 day."]
    if late.free:
        words.append(f"{late.free} of your free late days went into it.")
    if late.closed:
        words.append("That is too late to count.")
    elif late.share:
        words.append(
            f"It costs {late.share:.0%} of what you earned: {points:.4g} points."
        )
    else:
        words.append("It costs nothing.")
    return " ".join(words)


def enter_penalties(course: Course, assignment: str, gradebook: "Gradebook") -> None:
    """Write the due date and the penalties into the gradebook, in one transaction.

    So formgrader and nbgrader's exporters show what our export says. Entered again
    after a person graded: a penalty is a share of all points.
    """
    from nbgrader.api import Grade, SubmittedAssignment, SubmittedNotebook
    from sqlalchemy import func, update

    entry, session = gradebook.find_assignment(assignment), gradebook.db()
    due = settings(course).due.get(assignment)
    entry.duedate = due and due.astimezone(UTC).replace(tzinfo=None)
    submitted = SubmittedAssignment.assignment_id == entry.id
    rows = (
        session.query(
            SubmittedNotebook.id,
            SubmittedAssignment.student_id,
            SubmittedNotebook.late_submission_penalty,
        )
        .join(SubmittedAssignment)
        .filter(submitted)
        .all()
    )
    late = lateness(course, assignment, {student for _, student, _ in rows})
    scores: dict[str, float] = {}
    if any(each.share for each in late.values()):
        sums = session.query(Grade.notebook_id, func.sum(Grade.score))
        sums = sums.join(SubmittedNotebook).join(SubmittedAssignment)
        scores = dict(sums.filter(submitted).group_by(Grade.notebook_id).all())
    changed = []
    for notebook, student, before in rows:
        cost = late.get(student)
        score = scores.get(notebook) or 0.0
        penalty = cost.share * score if cost and cost.share else None
        if before != penalty:
            changed.append({"id": notebook, "late_submission_penalty": penalty})
    if changed:
        session.execute(update(SubmittedNotebook), changed)
    session.commit()
