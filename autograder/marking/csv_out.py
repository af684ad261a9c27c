"""Written answers for who grades elsewhere: a table, and a file for each answer."""

import base64
import binascii
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autograder.assignment.cells import grade_id
from autograder.assignment.exam import Exam
from autograder.assignment.written import own_cells, own_cells_near
from autograder.collect.read_back import handed_beside
from autograder.course.folder import Course, write_whole
from autograder.marking.answers import Answer
from autograder.model import CourseError
from autograder.results.csv_export import csv_text

TABLE = "answers.csv"
COLUMNS = ("key", "cell", "max_points", "answer", "files", "points", "comment")
AFTER = ("note", "grader", "state")
ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/gif": "gif"}
ADDED = "\n\n[In cells that the student added:]\n\n"


def write_out(
    course: Course,
    exam: Exam,
    found: Sequence[Answer],
    folder: Path,
    *,
    names: bool = False,
) -> Path:
    """Write answers.csv and the answers into a folder; return the table's path.

    A person fills in `points` and `comment`, and `read_in` reads them. A student is a
    number, unless `names` adds the id. `state` tells later whether something has
    changed meanwhile. Raises CourseError where the folder holds such a table already:
    somebody may have filled it in.
    """
    path = folder / TABLE
    if path.exists():
        raise CourseError(
            f"{path}: is there already, perhaps filled in: name another folder with -o."
        )
    rows: list[list[object]] = [[*(["student"] if names else []), *COLUMNS, *AFTER]]
    files: dict[str, list[str]] = {}
    for each in found:
        if each.key not in files:
            files[each.key] = copy_files(course, each, folder)
        answer = write_answer(exam, each, folder)
        score = each.score
        rows.append(
            [
                *([each.student] if names else []),
                each.key,
                each.cell,
                score.cell.max_points,
                answer,
                " ".join(files[each.key]),
                score.points,
                each.comment,
                score.again or "",
                each.grader or "",
                each.state,
            ]
        )
    write_whole(path, csv_text(rows).encode("utf-8-sig", "replace"))
    return path


def write_answer(exam: Exam, answer: Answer, folder: Path) -> str:
    """Write the text of one answer, and its pictures; return its path in the folder."""
    notebook = answer.scored.result.notebook
    cells = json.loads(notebook)["cells"] if notebook else []
    cell = next((each for each in cells if grade_id(each) == answer.cell), None)
    text, kind = "", "md"
    if cell is not None:
        text = "".join(cell["source"])
        kind = "py" if cell["cell_type"] == "code" else "md"
        for number, (name, picture) in enumerate(pictures(cell), 1):
            made = f"{answer.cell}-{number}.{picture[0]}"
            write_whole(folder / answer.key / made, picture[1])
            text = text.replace(f"attachment:{name}", made)
        if answer.cell in own_cells_near(exam, notebook):
            text += ADDED + "\n\n".join(own_cells(notebook))
    path = f"{answer.key}/{answer.cell}.{kind}"
    write_whole(folder / path, text.encode("utf-8", "replace"))
    return path


def pictures(cell: dict[str, Any]) -> list[tuple[str, tuple[str, bytes]]]:
    """The pictures that were pasted into a cell: name, and ending with content."""
    found = []
    for name, kinds in (cell.get("attachments") or {}).items():
        for kind, content in kinds.items() if isinstance(kinds, dict) else ():
            if kind in ENDINGS and isinstance(content, str):
                try:
                    found.append((name, (ENDINGS[kind], base64.b64decode(content))))
                except binascii.Error:
                    continue
    return found


def copy_files(course: Course, answer: Answer, folder: Path) -> list[str]:
    """Copy what was handed in beside the notebook, under names that name nobody."""
    assignment, student = answer.scored.result.assignment, answer.student
    here, copied = course.submitted(assignment, student), []
    for file in handed_beside(course, assignment, student):
        source = here / file.path if file.path else None
        if source and source.is_file() and not source.is_symlink():
            name = f"{answer.key}/beside-{len(copied) + 1}{file.ending}"
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / name)
            copied.append(name)
    return copied
