"""What a student wrote in a rebuilt notebook, and which answers are blank.

A notebook here is JSON text, as `autograder.judge.rebuild.intake` and a Result hold it.
"""

import json

from autograder.assignment.cells import (
    grade_id,
    handed_out_mark,
    is_added,
    is_answer,
    is_manual,
    points,
)
from autograder.assignment.exam import Exam


def answers(notebook: str | None) -> dict[str, str]:
    """The sources of a notebook's named cells, with what was pasted into them."""
    if notebook is None:
        return {}
    return {
        grade_id(cell): json.dumps(["".join(cell["source"]), cell.get("attachments")])
        for cell in json.loads(notebook)["cells"]
        if grade_id(cell)
    }


def written_answers(exam: Exam, notebook: str) -> dict[str, str]:
    """The answers that are not blank, by the names of their cells."""
    texts = answers(notebook)
    blank = blank_answers(exam, notebook)
    names = (grade_id(cell) for cell in exam.cells if is_answer(cell))
    return {name: texts[name] for name in names if name in texts.keys() - blank}


def own_cells(notebook: str) -> list[str]:
    """The sources of the cells that the student added."""
    return [
        "".join(cell["source"])
        for cell in json.loads(notebook)["cells"]
        if is_added(cell)
    ]


def blank_answers(
    exam: Exam, notebook: str | None, *, beside: bool = False
) -> set[str]:
    """The answer cells for which their author wrote nothing.

    Such a cell is as it was handed out, today or before, or empty. One that a person
    grades is blank only when nothing of the student's stands between its graded
    neighbours either, and no document was handed in `beside` the notebook.
    """
    texts, near = answers(notebook), own_cells_near(exam, notebook)
    blank = set()
    for cell in filter(is_answer, exam.cells):
        name = grade_id(cell)
        source, pasted = json.loads(texts.get(name, '["", null]'))
        found = cell | {"source": source}
        untouched = source.strip() in ("", cell["source"].strip())
        if pasted or not (untouched or handed_out_mark(found) in exam.handed_out):
            continue
        prose = cell["cell_type"] != "code"
        if is_manual(cell) and (name in near or (beside and prose)):
            continue
        blank.add(name)
    return blank


def own_cells_near(exam: Exam, notebook: str | None) -> set[str]:
    """The cells graded by hand next to which the student wrote in cells of their own.

    Text counts up to the next cell with points, code up to the next answer: a student
    who tries something out under another exercise has not answered this one.
    """
    if notebook is None:
        return set()
    found: set[str] = set()
    text = code = False  # the student's own, since the last cell that ends such a run
    last_text = last_code = None  # the hand-graded cell that stands before
    for cell in json.loads(notebook)["cells"]:
        if is_added(cell):
            own_text = cell["cell_type"] != "code"
            if handed_out_mark(cell) in exam.handed_out:
                continue
            text, code = text or own_text, code or not own_text
            found |= {last_text} if own_text else {last_code}
            continue
        name = grade_id(cell) if is_manual(cell) else None
        if points(cell) is not None or is_answer(cell):
            found |= {name} if code else set()
            last_code, code = name, False
        if points(cell) is not None:
            found |= {name} if text else set()
            last_text, text = name, False
    return found - {None}
