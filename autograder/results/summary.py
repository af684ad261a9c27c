"""A graded class as a short table: outcome, points, and where to look."""

from typing import Any

from autograder.collect.read_back import documents_before
from autograder.course.folder import Course
from autograder.judge.read_file import one_line
from autograder.model import Outcome

NAME, MOST = 60, 5  # characters of a file's name, and names of a student, in a row


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
                    "excused": scored.excused,
                    "look": result.outcome != Outcome.GRADED
                    or bool(scored.again or scored.stale),
                    "again": [*scored.again, *filter(None, [scored.stale])],
                    "note": result.note,
                    "beside": [
                        {"name": file.name, "path": file.path, "why": file.why}
                        for file in scored.beside
                    ],
                    "before": before_in_words(course, assignment, result.student),
                    "reason": result.reason,
                    "repairs": list(result.repairs),
                }
            )
    return rows


def shortened(name: str) -> str:
    """A file's name with its beginning and its ending."""
    return name if len(name) <= NAME else f"{name[: NAME - 15]}…{name[-14:]}"


def beside_in_words(files: list[dict[str, Any]]) -> str:
    """What was handed in beside the notebook; their names are the student's words."""
    kept = [shortened(one_line(file["name"])) for file in files if file["path"]]
    lost = [one_line(file["why"]) for file in files if not file["path"]]
    parts = []
    for start, texts, mark in (("Kept beside it", kept, ","), ("Not kept", lost, ";")):
        more = [f"and {len(texts) - MOST} more"] if len(texts) > MOST else []
        if texts:
            parts.append(f"{start}: {f'{mark} '.join([*texts[:MOST], *more])}.")
    return " ".join(parts)


def before_in_words(course: Course, assignment: str, student: str) -> str:
    """What lay beside an earlier attempt's notebook, where nothing lies beside this."""
    files = documents_before(course, assignment, student)
    names = [shortened(one_line(file.name)) for file in files]
    more = [f"and {len(names) - MOST} more"] if len(names) > MOST else []
    if not names:
        return ""
    return f"Beside an earlier attempt: {', '.join([*names[:MOST], *more])}."


def table(course: Course, rows: list[dict[str, Any]]) -> str:
    """The rows for a person to read, and where to look."""
    width = max([len("student"), *(len(row["student"]) for row in rows)])
    lines = [f"{'student':{width}}  outcome  points"]
    for row in rows:
        score = "-" if row["points"] is None else f"{row['points']:g}"
        score = f"{score}/{row['max_points']:g}"
        remarks = [
            *row["again"],
            row["reason"],
            row["note"],
            beside_in_words(row["beside"]),
            row["before"],
        ]
        if row["excused"]:
            remarks.insert(0, "Excused by course.toml: it does not count.")
        elif row["by_hand"]:
            remarks.insert(0, f"{row['by_hand']:g} wait to be graded by hand.")
        note = " ".join(filter(None, remarks))
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
