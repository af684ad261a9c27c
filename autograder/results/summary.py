"""A graded class as a short table: outcome, points, and where to look."""

from typing import Any

from autograder.course.folder import Course
from autograder.model import Outcome


def summary(
    course: Course, assignment: str, students: set[str]
) -> list[dict[str, Any]]:
    """A row for each student: outcome, score, and what a person must look at."""
    from autograder.results.scores import (
        read_class,  # it imports nbgrader, which is slow
    )

    rows = []
    for scored in read_class(course, assignment):
        result = scored.result
        if result.student in students:
            rows.append(
                {
                    "student": result.student,
                    "outcome": result.outcome.value,
                    "points": scored.points,
                    "max_points": result.max_points,
                    "by_hand": scored.waiting,
                    "look": result.outcome != Outcome.GRADED
                    or bool(scored.again or scored.stale),
                    "again": [*scored.again, *filter(None, [scored.stale])],
                    "note": result.note,
                    "reason": result.reason,
                    "repairs": list(result.repairs),
                }
            )
    return rows


def table(course: Course, rows: list[dict[str, Any]]) -> str:
    """The rows for a person to read, and where to look."""
    width = max([len("student"), *(len(row["student"]) for row in rows)])
    lines = [f"{'student':{width}}  outcome  points"]
    for row in rows:
        score = "-" if row["points"] is None else f"{row['points']:g}"
        score = f"{score}/{row['max_points']:g}"
        said = [*row["again"], row["reason"], row["note"]]
        if row["by_hand"]:
            said.insert(0, f"{row['by_hand']:g} wait to be graded by hand.")
        note = " ".join(filter(None, said))
        line = f"{row['student']:{width}}  {row['outcome']:7}  {score:7}  {note}"
        lines.append(line.rstrip())
    counts = [
        f"{sum(row['outcome'] == outcome for row in rows)} {outcome.value}"
        for outcome in Outcome
    ]
    lines.append(f"{len(rows)} students: {', '.join(counts)}.")
    if any(row["look"] for row in rows):
        lines.append(f"Look at the invalid and failed ones: {course.root / 'results'}")
    return "\n".join(lines)
