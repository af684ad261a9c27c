"""What a cell of a notebook is: every predicate about cells, and what they are called.

nbgrader's metadata says what the release made of a cell, `autograder`'s what was found
in a submitted one.
"""

import ast
import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

SEED = "student_seed"
POINTS = re.compile(r"\s*\([^()]*\bpoints?\)\s*$")


def nbgrader_of(cell: Mapping[str, Any]) -> Mapping[str, Any]:
    """The nbgrader part of a cell's metadata; empty when there is none."""
    return cell["metadata"].get("nbgrader", {})


def grade_id(cell: Mapping[str, Any]) -> str | None:
    """nbgrader's name of a cell; None for a cell that it does not know."""
    return nbgrader_of(cell).get("grade_id")


def is_answer(cell: Mapping[str, Any]) -> bool:
    """Whether a student writes in this cell."""
    return bool(nbgrader_of(cell).get("solution"))


def is_test(cell: Mapping[str, Any]) -> bool:
    """Whether running this cell decides its points."""
    meta = nbgrader_of(cell)
    return bool(meta.get("grade")) and not meta.get("solution")


def is_manual(cell: Mapping[str, Any]) -> bool:
    """Whether a person gives the points of this cell."""
    meta = nbgrader_of(cell)
    return bool(meta.get("task") or (meta.get("grade") and meta.get("solution")))


def points(cell: Mapping[str, Any]) -> float | None:
    """The points of a graded cell; None for a cell without points."""
    if not (is_test(cell) or is_manual(cell)):
        return None
    return float(nbgrader_of(cell)["points"])


def is_given(cell: Mapping[str, Any]) -> bool:
    """Whether T runs this cell: a named one of the release that nobody may change."""
    meta = nbgrader_of(cell)
    free = any(meta.get(key) for key in ("grade", "solution", "task"))
    return cell["cell_type"] == "code" and bool(meta.get("locked")) and not free


def is_seed_cell(cell: Mapping[str, Any]) -> bool:
    """Whether this given cell holds the number that each student has alone."""
    settings = cell["metadata"].get("autograder", {})
    return is_given(cell) and bool(settings.get("per_student"))


def is_added(cell: Mapping[str, Any]) -> bool:
    """Whether the student added this cell."""
    settings = cell["metadata"].get("autograder", {})
    return bool(settings.get("extra"))


def cell_titles(cells: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """For each named cell the heading that it stands under, less its points."""
    titles, heading = {}, ""
    for cell in cells:
        if cell["cell_type"] == "markdown":
            found = re.findall(r"^#{1,6} +(.+?)\s*$", cell["source"], re.MULTILINE)
            heading = POINTS.sub("", found[-1]) if found else heading
        if name := grade_id(cell):
            titles[name] = heading or name
    return titles


def seeded(source: str, seed: int) -> str:
    """The source with this student's number in the place of the one handed out."""
    for node in ast.parse(source).body:
        if (
            isinstance(node, ast.Assign)
            and [ast.unparse(target) for target in node.targets] == [SEED]
            and isinstance(node.value, ast.Constant)
        ):
            lines = source.split("\n")
            first = lines[node.lineno - 1]
            at, end = node.value.col_offset, node.value.end_col_offset
            data = first.encode("utf-8")
            number = str(seed % 2**31).encode("ascii")
            lines[node.lineno - 1] = (data[:at] + number + data[end:]).decode("utf-8")
            return "\n".join(lines)
    return source


def same(source: str) -> str:
    """A source, less what editors change without being asked."""
    return "\n".join(line.rstrip() for line in source.strip().split("\n"))


def handed_out_mark(cell: Mapping[str, Any]) -> str:
    """What tells a cell of an earlier release: the hash of its kind and its text."""
    text = f"{cell['cell_type']}\n{same(''.join(cell['source']))}"
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:32]


def checksum(cell: Mapping[str, Any]) -> str:
    """nbgrader's checksum of a cell that it names (`nbgrader.utils`), in hex."""
    meta = nbgrader_of(cell)
    grade, solution = bool(meta.get("grade")), bool(meta.get("solution"))
    locked = not solution and (grade or bool(meta.get("locked")))
    parts = ["".join(cell["source"]), cell["cell_type"], str(grade), str(solution)]
    parts += [str(locked), str(meta.get("grade_id"))]
    if grade and is_positive(meta.get("points")):
        parts.append(str(float(meta["points"])))
    text = "".join(parts).encode("utf-8", "replace")
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def is_positive(number: object) -> bool:
    """Whether this is a finite number above 0."""
    return isinstance(number, (int, float)) and 0 < number < math.inf
