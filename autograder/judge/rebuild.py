"""From the submitted bytes to the handed-out notebook with the student's answers.

The cells, their order and their metadata are the release's own. Only the *sources* of
answer cells come from the student, and the cells that the student added, where they
stand. Each repair is one sentence for the student; what cannot be repaired is refused
with a reason that says what to do.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from autograder.assignment.cells import (
    checksum,
    grade_id,
    handed_out_mark,
    is_answer,
    is_manual,
    is_seed_cell,
    is_test,
    nbgrader_of,
    same,
)
from autograder.assignment.exam import Exam
from autograder.assignment.per_student import differ_by_number
from autograder.judge.own_words import added_lines, added_words
from autograder.judge.read_file import RefusedError, one_line, read_cells
from autograder.model import Submission

MAX_CELLS = 1_000
Cell = dict[str, Any]
PLAIN = frozenset({"raw", "markdown", "code"})


@dataclass(frozen=True)
class Rebuilt:
    """A notebook that is safe to hand to the judge, as JSON text, and the repairs."""

    notebook: str
    repairs: tuple[str, ...]


@dataclass
class Match:
    """Which of the student's cells stands for which of the release's.

    `blocks[i]` are the student's cells that stand for cell i of the release (marked
    True) and those that follow it and are nobody's (False), in the student's order.
    blocks[-1] stand before everything. `order` are the matched numbers as they came.
    """

    blocks: dict[int, list[tuple[bool, Cell]]] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)


def intake(submission: Submission, exam: Exam) -> Rebuilt:
    """Rebuild a submission on the release's cells; RefusedError says why not."""
    repairs: list[str] = []
    cells = read_cells(submission, exam, repairs)
    if len(cells) > MAX_CELLS:
        raise RefusedError(
            f"The notebook has {len(cells)} cells; {MAX_CELLS} is the most that is "
            "graded. Remove the cells that are not needed and hand in again."
        )
    match = match_cells(cells, exam)
    refuse_another_assignment(cells, match, exam)
    rebuilt = rebuild(match, exam, repairs)
    notebook = json.loads(exam.release)
    notebook["cells"] = rebuilt
    return Rebuilt(json.dumps(notebook), tuple(dict.fromkeys(repairs)))


def match_cells(cells: Iterable[Cell], exam: Exam) -> Match:
    """Find each cell's counterpart: by grade_id, else by cell id, else by equality."""
    names = {grade_id(cell): i for i, cell in enumerate(exam.cells) if grade_id(cell)}
    ids = {cell["id"]: i for i, cell in enumerate(exam.cells)}
    texts = {
        (cell["cell_type"], same(cell["source"])): i
        for i, cell in enumerate(exam.cells)
        if not is_answer(cell)  # an untouched answer looks alike in every assignment
    }
    match, last = Match(), -1
    for cell in cells:
        number = names.get(grade_id(cell))
        if number is None:
            number = ids.get(cell["id"])  # its grade_id was lost or changed
        if number is None and not grade_id(cell):
            number = texts.get((cell["cell_type"], same(cell["source"])))
        if number is None and is_copy_of_given(cell, exam):
            continue
        if number is not None:
            match.order.append(number)
            last = number
        match.blocks.setdefault(last, []).append((number is not None, cell))
    return match


def is_copy_of_given(cell: Cell, exam: Exam) -> bool:
    """Whether a nameless cell is as an earlier release had it: nobody's own words."""
    code = cell["cell_type"] == "code"  # an answer may need it: it runs
    return not (grade_id(cell) or code) and was_handed_out(cell, exam)


def refuse_another_assignment(cells: list[Cell], match: Match, exam: Exam) -> None:
    """Refuse a notebook in which not one answer cell is this assignment's."""
    if any(is_answer(exam.cells[number]) for number in match.order):
        return
    others = sorted({str(name) for cell in cells if (name := grade_id(cell))})
    if others:
        shown = one_line(", ".join(others[:3])[:100])
        raise RefusedError(
            f"This is another assignment: {exam.assignment} was expected, and this "
            f"notebook has the cells {shown}. Hand in the notebook of this assignment."
        )
    raise RefusedError(
        f"None of the answer cells of {exam.assignment} is in this notebook. Start "
        "from the notebook that was handed out, put your answers in its cells, and "
        "hand in again."
    )


def rebuild(match: Match, exam: Exam, repairs: list[str]) -> list[Cell]:
    """The release's cells, with the student's answers and extra cells in place."""
    moved = [a for a, b in zip(match.order, match.order[1:], strict=False) if b < a]
    if moved:
        repairs.append("Some cells were moved; they were put back in their order.")
    rebuilt: list[Cell] = []
    extras = Extras()
    rebuilt += extras.add(cell for _, cell in match.blocks.get(-1, ()))
    for number, original in enumerate(exam.cells):
        block = match.blocks.get(number, [])
        copies = [
            cell
            for ours, cell in block
            if ours and not from_earlier_release(cell, original, exam)
        ]
        report_changes(original, copies, repairs)
        put = place_answer if is_answer(original) else place_given
        before, cell, after = put(original, block, repairs, exam)
        rebuilt += [*extras.add(before), cell, *extras.add(after)]
    if extras.count:
        plural = "s were" if extras.count > 1 else " was"
        repairs.append(f"{extras.count} added cell{plural} kept in place.")
    return rebuilt


@dataclass
class Extras:
    """Makes the student's own cells plain: no tags, no ids, no nbgrader metadata."""

    count: int = 0

    def add(self, cells: Iterable[Cell]) -> list[Cell]:
        """Plain copies of the cells; empty ones are left out."""
        return [self.plain(cell) for cell in cells if cell["source"].strip()]

    def plain(self, cell: Cell) -> Cell:
        """One plain copy, numbered."""
        self.count += 1
        made = {
            "cell_type": cell["cell_type"] if cell["cell_type"] in PLAIN else "raw",
            "id": f"extra-{self.count}",
            "metadata": {"autograder": {"extra": True}},
            "source": cell["source"],
        }
        if made["cell_type"] == "code":
            made |= {"outputs": [], "execution_count": None}
        elif cell["attachments"]:
            made["attachments"] = cell["attachments"]
        return made


def place_given(
    original: Cell, block: list[tuple[bool, Cell]], repairs: list[str], exam: Exam
) -> tuple[list[Cell], Cell, list[Cell]]:
    """A cell that is not for answers: the original, then the student's own cells.

    An edited copy of given code runs after the original (a student adds an import);
    what was typed into a given text is kept below it (an answer under its question);
    an edited test never runs, but its new comments are kept likewise. A copy of an
    earlier release is no edit.
    """
    name, text = describe(original), same(original["source"])
    copies = [cell for ours, cell in block if ours]
    changed = [
        cell
        for cell in copies
        if same(cell["source"]) != text and not was_handed_out(cell, exam)
    ]
    runs = not is_test(original) and original["cell_type"] == "code"
    if is_seed_cell(original):  # each student has another number there
        changed = [c for c in changed if not differ_by_number(same(c["source"]), text)]
        runs = False
    prose = original["cell_type"] == "markdown"
    typed = []
    for cell in [] if runs else changed:
        own = (added_lines if prose else added_words)(same(cell["source"]), text)
        typed += [cell | {"cell_type": "markdown", "source": own}] if own else []
    if not copies:
        repairs.append(f"{name} was deleted; it was put back.")
    elif changed and runs:
        repairs.append(f"{name} was edited; the original runs first, then your copy.")
    elif typed:
        repairs.append(f"{name} was put back; what you wrote in it stands below it.")
    elif changed:
        repairs.append(f"{name} was edited; the original was used.")
    kept = [cell for cell in changed if runs and cell["cell_type"] == "code"]
    after = [cell for ours, cell in block if not ours or cell in kept]
    return [], dict(original), [*typed, *after]


def was_handed_out(cell: Cell, exam: Exam) -> bool:
    """Whether a cell is as an earlier release had it, by its checksum or by its text.

    nbgrader writes a checksum into every cell that it names; for a locked cell it is
    that of the text. Who forges one gains nothing: today's cell is used.
    """
    if handed_out_mark(cell) in exam.handed_out:
        return True
    meta = nbgrader_of(cell)
    if not (grade_id(cell) and meta.get("checksum") and meta.get("locked")):
        return False
    return meta["checksum"] == checksum(cell)


def from_earlier_release(cell: Cell, original: Cell, exam: Exam) -> bool:
    """Whether a cell's metadata are those of an earlier release."""
    mark = nbgrader_of(cell).get("checksum")
    if mark is None or mark == nbgrader_of(original).get("checksum"):
        return False
    return was_handed_out(cell, exam) or (
        isinstance(mark, str) and mark in exam.handed_out
    )


def place_answer(
    original: Cell, block: list[tuple[bool, Cell]], repairs: list[str], exam: Exam
) -> tuple[list[Cell], Cell, list[Cell]]:
    """A cell for answers: (what runs before it, the cell with the answer, what after).

    A cell that was split or copied has several copies. The last one that was written
    in is the answer; earlier ones run before it, as they did for the student. Copies
    that hold no more than a handed-out text are left out.
    """
    cell, name = dict(original), describe(original)
    copies = [each for ours, each in block if ours]
    if not copies and is_manual(original):
        repairs.append(
            f"{name} was deleted; what you wrote around it is shown to the person who "
            "grades it."
        )
    elif not copies:
        repairs.append(f"{name} was deleted; it counts as not answered.")
    if len(copies) > 1:
        repairs.append(f"{name} is there {len(copies)} times; all copies were kept.")
    text = same(original["source"])
    own = [
        (ours, each)
        for ours, each in block
        if not ours
        or each["attachments"]
        or (same(each["source"]) != text and not was_handed_out(each, exam))
    ]
    last = max((i for i, (ours, _) in enumerate(own) if ours), default=None)
    if last is None:
        return [], cell, [each for _, each in own]
    answer = own[last][1]
    cell["source"] = answer["source"]
    if cell["cell_type"] != "code" and answer["attachments"]:
        cell["attachments"] = answer["attachments"]
    before = [each for _, each in own[:last]]
    return before, cell, [each for _, each in own[last + 1 :]]


def report_changes(original: Cell, copies: list[Cell], repairs: list[str]) -> None:
    """Say what of a cell was changed that a student does not change."""
    name = describe(original)
    if any(copy["cell_type"] != original["cell_type"] for copy in copies):
        repairs.append(
            f"{name} was turned into another kind of cell; "
            f"it was turned back into {original['cell_type']}."
        )
    wanted, tags = nbgrader_of(original), original["metadata"].get("tags", [])
    for copy in copies:
        if not grade_id(original):
            continue
        if grade_id(copy) != grade_id(original):
            repairs.append(f"{name} had lost its name; it was recognised by its place.")
        keys = ("points", "grade", "solution", "locked", "task")
        meta = nbgrader_of(copy)
        changed = [k for k in keys if k in meta and meta[k] != wanted.get(k)]
        if copy["metadata"].get("tags", []) != tags:
            changed.append("tags")
        if changed:
            repairs.append(
                f"The metadata of {name[0].lower()}{name[1:]} was changed "
                f"({', '.join(changed)}); the original was used."
            )


def describe(cell: Cell) -> str:
    """How a sentence to a student names a cell."""
    if is_test(cell):
        return f"The test cell '{grade_id(cell)}'"
    if is_answer(cell):
        return f"The answer cell '{grade_id(cell)}'"
    if grade_id(cell):
        return f"The cell '{grade_id(cell)}'"
    kind = "text" if cell["cell_type"] == "markdown" else "given"
    return f"The {kind} cell '{cell['source'].strip().split(chr(10))[0][:40]}'"
