"""A page for each student: what was right, which idea failed, and how to go on.

It shows the student's own cells and what they printed, sanitised. The cells of the
tests are never shown, and of what they printed only what a check says that passed: the
outcome of a hidden test reaches the student only as the idea, the mistake and the hint
that its check names.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from markupsafe import Markup

from autograder.assignment.cells import grade_id, is_answer, is_test
from autograder.course.folder import Course, write_whole
from autograder.results.pages import render
from autograder.results.sanitise import (
    code_html,
    joined,
    markdown_html,
    output_html,
    plain,
    text_html,
)
from autograder.results.scores import Score, Scored, each_scored
from autograder.sandbox.bounded import Bounded

PAGE_SECONDS = 10.0  # of a processor, for a page with the student's own cells
MAX_OUTPUTS = 20  # of one cell
MAX_PARTS = 300  # cells and outputs of one page
MAX_PAGE = 12_000_000  # characters of one page
WITHHELD = "[a line of the tests is not shown]"
HIDDEN = re.compile(
    r"### BEGIN HIDDEN TESTS(.*?)(?:### END HIDDEN TESTS|\Z)", re.DOTALL
)
PASSED = re.compile(r"^✓ [^:\n]{1,40}: (.{1,200})$", re.MULTILINE)
FAINT = 12  # characters; a shorter line of a test gives nothing away


@dataclass(frozen=True)
class Shown:
    """One cell of the student on the page."""

    source: Markup
    outputs: tuple[Markup, ...] = ()
    prose: bool = False


@dataclass(frozen=True)
class Exercise:
    """One exercise on the page: its points, and the cells that the student wrote."""

    title: str
    scores: tuple[Score, ...]
    cells: tuple[Shown, ...]

    @property
    def points(self) -> float:
        """The points so far."""
        return sum(score.points or 0.0 for score in self.scores)

    @property
    def max_points(self) -> float:
        """The points that can be had."""
        return sum(score.cell.max_points for score in self.scores)

    @property
    def waits(self) -> bool:
        """Whether a person must still look at a part of it."""
        return any(score.points is None for score in self.scores)


def write_feedback(course: Course, assignment: str) -> list[Path]:
    """Write the page of every student who handed something in; return their paths.

    A notebook that cannot be shown costs its student the cells on the page, and the
    others nothing.
    """
    hidden = hidden_lines(course.source(assignment))
    paths = []
    with Bounded(lambda scored: feedback_page(scored, hidden), PAGE_SECONDS) as pages:
        for scored in each_scored(course, assignment):
            paths.append(course.feedback(assignment, scored.result.student))
            page = pages.do(scored) or feedback_page(scored, hidden, own=False)
            write_whole(paths[-1], page)
    return paths


def mark_of(scored: Scored) -> Markup:
    """The comment by which a page tells whose it is, and of which scores and words.

    Any change in them makes it another; nothing can be read from it.
    """
    known = replace(scored, comments=dict(sorted(scored.comments.items())))
    digest = hashlib.sha256(repr(known).encode("utf-8", "replace")).hexdigest()
    return Markup(f"<!-- made of {digest} -->")


def is_page_of(scored: Scored, page: bytes) -> bool:
    """Whether a page is this student's, of today's scores and words."""
    head, _, _ = page.partition(b"<title>")  # nothing of a student is before it
    return mark_of(scored).encode() in head


def feedback_page(
    scored: Scored, hidden: frozenset[str] = frozenset(), *, own: bool = True
) -> bytes:
    """The page of one student, in UTF-8; `hidden` are lines that must not appear.

    Without the student's `own` cells it holds the scores and the hints.
    """
    cells, complete, passed = {}, False, {}
    # Whatever a damaged notebook breaks, the score and the hints are still due.
    with contextlib.suppress(Exception):
        if own:
            cells, complete = own_cells(scored, hidden)
            passed = what_passed(scored, hidden)
    exercises = [
        Exercise(title, scores, tuple(_of(scores, cells)))
        for title, scores in scored.exercises
    ]
    return render(
        "feedback.html.j2",
        scored=scored,
        made_of=mark_of(scored),
        result=scored.result,
        exercises=exercises,
        others=cells.get(None, []),
        complete=complete,
        passed=passed,
        helpers=missing_helpers(scored),
    )


def what_passed(scored: Scored, hidden: frozenset[str] = frozenset()) -> dict[str, str]:
    """What visible checks that passed said in the notebook, by their grade_id."""
    said: dict[str, str] = {}
    for cell in read_cells(scored.result.notebook or ""):
        outputs = cell.get("outputs") if is_test(cell) else None
        for output in outputs if isinstance(outputs, list) else []:
            text = joined(output.get("text")) if isinstance(output, dict) else ""
            if found := PASSED.search(_cut(text, hidden)):
                said.setdefault(grade_id(cell) or "", found[1].rstrip("."))
    return said


def missing_helpers(scored: Scored) -> list[str]:
    """The modules beside the notebook for whose lack it stopped."""
    errors = [cell.error or "" for cell in scored.result.cells]
    text = "\n".join([*errors, scored.result.notebook or ""])
    modules = [file for file in scored.beside if file.ending == ".py"]
    return [
        file.name
        for file in modules
        if f"No module named '{PurePosixPath(file.name).stem}'" in text
    ]


def own_cells(
    scored: Scored, hidden: frozenset[str] = frozenset()
) -> tuple[dict[str | None, list[Shown]], bool]:
    """The student's cells by the grade_id of the graded cell that follows them.

    Cells after the last graded one are under None. The second value says whether all
    of them are there: a page has a limit.
    """
    graded = {score.cell.grade_id for score in scored.scores}
    found: dict[str | None, list[Shown]] = {}
    pending: list[Shown] = []
    parts = size = 0
    for cell in read_cells(scored.result.notebook or ""):
        name = grade_id(cell)
        if _is_own(cell):
            shown = _shown(cell, hidden)
            parts += 1 + len(shown.outputs)
            size += len(shown.source) + sum(map(len, shown.outputs))
            if parts > MAX_PARTS or size > MAX_PAGE:
                return found | {None: pending}, False
            pending.append(shown)
        if name in graded:
            found[name], pending = pending, []
    return found | {None: pending}, True


def read_cells(notebook: str) -> list[dict[str, Any]]:
    """The cells of a notebook in JSON that have the form of cells; [] for no JSON."""
    try:
        cells = json.loads(notebook)["cells"]
    except (ValueError, KeyError, TypeError):
        return []
    return [
        cell
        for cell in (cells if isinstance(cells, list) else [])
        if isinstance(cell, dict) and isinstance(cell.get("metadata"), dict)
    ]


def hidden_lines(source: Path) -> frozenset[str]:
    """The lines of the hidden tests in the instructor's notebook, stripped.

    A line that also stands elsewhere in it, or is too short, gives nothing away.
    """
    if not source.is_file():
        return frozenset()
    text = "\n".join(
        joined(cell.get("source")) for cell in read_cells(source.read_text("utf-8"))
    )
    known = HIDDEN.sub("", text)
    lines = (
        line.strip() for part in HIDDEN.findall(text) for line in part.splitlines()
    )
    return frozenset(line for line in lines if len(line) >= FAINT and line not in known)


def _is_own(cell: Mapping[str, Any]) -> bool:
    """Whether the student wrote this cell: an answer, or a cell that they added."""
    added = cell["metadata"].get("autograder")
    return is_answer(cell) or (isinstance(added, dict) and bool(added.get("extra")))


def _shown(cell: Mapping[str, Any], hidden: frozenset[str]) -> Shown:
    source = joined(cell.get("source"))
    if cell.get("cell_type") != "code":
        return Shown(markdown_html(source, cell.get("attachments")), prose=True)
    outputs = cell.get("outputs")
    outputs = outputs if isinstance(outputs, list) else []
    shown = [
        output_html(_without(output, hidden))
        for output in outputs[:MAX_OUTPUTS]
        if isinstance(output, dict)
    ]
    if len(outputs) > MAX_OUTPUTS:
        shown.append(text_html(f"… {len(outputs) - MAX_OUTPUTS} more outputs"))
    return Shown(code_html(source), tuple(shown))


def _without(output: Mapping[str, Any], hidden: frozenset[str]) -> dict[str, Any]:
    """An output whose texts lack the lines that quote a hidden test."""
    if not hidden:
        return dict(output)
    clean = dict(output)
    clean["text"] = _cut(output.get("text"), hidden)
    clean["evalue"] = _cut(output.get("evalue"), hidden)
    lines = output.get("traceback")
    if isinstance(lines, list):
        clean["traceback"] = [_cut(line, hidden) for line in lines]
    data = output.get("data")
    if isinstance(data, Mapping):
        clean["data"] = {
            kind: _cut(value, hidden) if str(kind).startswith("text/") else value
            for kind, value in data.items()
        }
    return clean


def _cut(text: object, hidden: frozenset[str]) -> str:
    lines = plain(joined(text)).split("\n")
    return "\n".join(
        WITHHELD if any(secret in line for secret in hidden) else line for line in lines
    )


def _of(
    scores: tuple[Score, ...], cells: Mapping[str | None, list[Shown]]
) -> Iterator[Shown]:
    for score in scores:
        yield from cells.get(score.cell.grade_id, [])
