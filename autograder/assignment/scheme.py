"""The marking scheme of an answer that a person reads: its lines and their points.

It ends the reference answer, under the words “Marking scheme”, one item a line:

    **Marking scheme.**

    - 1 point: the two intervals, and that their masses add up.
    - 0.5 points: the integral.

    Any sound route gets the points.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.assignment.cells import grade_id, is_manual

TITLE = re.compile(r"^\**marking scheme[.:]?\**\s*$", re.IGNORECASE)
LINE = re.compile(r"[-*]\s+(?:(\d*\.?\d+)|(½)) points?:\s+(.*)")
MARKER = re.compile(r"^.*(BEGIN|END) (SOLUTION|MARK SCHEME)\b.*$")


@dataclass(frozen=True)
class Line:
    """One thing that is worth points, in Markdown."""

    points: float
    text: str


@dataclass(frozen=True)
class Scheme:
    """The lines, what else is said of the marking, and the answer above it."""

    lines: tuple[Line, ...]
    notes: str = ""
    answer: str = ""

    @property
    def points(self) -> float:
        """What all lines give together."""
        return sum(line.points for line in self.lines)


def scheme_of(source: str) -> Scheme | None:
    """The scheme in a reference answer; None where it has none with a line in it."""
    text = [line for line in source.split("\n") if not MARKER.match(line)]
    at = next((i for i, line in enumerate(text) if TITLE.match(line)), None)
    if at is None:
        return None
    items = list(blocks(text[at + 1 :]))
    found = [LINE.fullmatch(item) for item in items]
    lines = [Line(float(f[1] or 0.5), f[3]) for f in found if f]
    notes = [item for item, line in zip(items, found, strict=True) if not line]
    answer = "\n".join(text[:at]).strip()
    return Scheme(tuple(lines), "\n\n".join(notes), answer) if lines else None


def blocks(text: list[str]) -> Iterator[str]:
    """The paragraphs and the items of a list, each on one line."""
    block: list[str] = []
    for line in [*text, ""]:
        starts = LINE.fullmatch(line)
        if block and (starts or not line.strip()):
            yield " ".join(block)
            block = []
        if line.strip():
            block.append(line.strip())


def schemes(source: Path) -> dict[str, Scheme]:
    """The schemes of an instructor's notebook, by the names of the cells."""
    if not source.is_file():
        return {}
    cells = json.loads(source.read_text("utf-8"))["cells"]
    found = {
        grade_id(cell): scheme_of("".join(cell["source"]))
        for cell in cells
        if is_manual(cell)
    }
    return {name: scheme for name, scheme in found.items() if scheme}
