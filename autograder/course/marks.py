"""Who gave which points by hand, and whose share a submission is.

The gradebook holds the points, and not who gave them. So there is a file for each
student, marks/ASSIGNMENT/STUDENT.jsonl, to which a line is added whenever a person
gives points, or a submission becomes somebody's share. Several servers may add lines.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autograder.course.folder import Course

FOLDER = "marks"


@dataclass(frozen=True)
class Mark:
    """The points that a person gave for a cell; None where they were taken back.

    `lines` are the numbers of the marking scheme's lines that were chosen, from 0.
    """

    cell: str
    points: float | None
    by: str | None = None
    lines: tuple[int, ...] = ()


def marks(course: Course, assignment: str, student: str) -> dict[str, Mark]:
    """The last mark of each cell of one student."""
    found = {}
    for entry in entries(path_of(course, assignment, student)):
        if "cell" in entry:
            lines = tuple(n for n in entry.get("lines") or () if isinstance(n, int))
            found[entry["cell"]] = Mark(
                entry["cell"], entry.get("points"), entry.get("by"), lines
            )
    return found


def write_mark(course: Course, assignment: str, student: str, mark: Mark) -> None:
    """Add what a person gave."""
    entry = {"cell": mark.cell, "points": mark.points, "by": mark.by}
    add(course, assignment, student, entry | {"lines": list(mark.lines)})


def shares(course: Course, assignment: str) -> dict[str, str]:
    """By student, who is to grade them; empty where nothing was dealt out."""
    found = {}
    for path in sorted((course.root / FOLDER / assignment).glob("*.jsonl")):
        graders = [entry["share"] for entry in entries(path) if entry.get("share")]
        found |= {path.stem: graders[-1]} if graders else {}
    return found


def write_share(course: Course, assignment: str, student: str, grader: str) -> None:
    """Make a submission somebody's share."""
    add(course, assignment, student, {"share": grader})


def path_of(course: Course, assignment: str, student: str) -> Path:
    """The file of one student."""
    return course.root / FOLDER / assignment / f"{student}.jsonl"


def add(course: Course, assignment: str, student: str, entry: dict[str, Any]) -> None:
    """Add a line, also below one that a kill cut short."""
    path = path_of(course, assignment, student)
    path.parent.mkdir(parents=True, exist_ok=True)
    at = {"at": datetime.now(UTC).isoformat(timespec="seconds")}
    with path.open("ab") as file:
        file.write(f"\n{json.dumps(entry | at)}\n".encode())


def entries(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a file; none where there is no file."""
    try:
        text = path.read_text("utf-8", "replace")
    except FileNotFoundError:
        return
    for line in text.split("\n"):
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # blank, or cut short
        if isinstance(entry, dict):
            yield entry
