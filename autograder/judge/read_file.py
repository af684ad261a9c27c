"""Read the file that a student handed in, whatever it is, into plain cells."""

import json
import re
from collections.abc import Container
from pathlib import PurePath
from typing import Any

from autograder.assignment.exam import Exam
from autograder.judge.decode import Decoder
from autograder.judge.pictures import taken_out
from autograder.model import Submission

MAX_BYTES = 40_000_000
MAX_SOURCE = 1_000_000  # characters of one cell
LINE = 300  # characters of a line that reaches a student
AGAIN = "Save the notebook in Jupyter and hand in the .ipynb file again."
BOMS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
MERGE = re.compile(r"^(<{7}|>{7})", re.MULTILINE)
SURROGATE = re.compile("[\ud800-\udfff]")


class RefusedError(Exception):
    """A submission that cannot be graded; the text is for the student."""


def read_cells(
    submission: Submission, exam: Exam, repairs: list[str]
) -> list[dict[str, Any]]:
    """The cells of a submitted file, each with type, id, metadata, source, attachments.

    Appends a sentence to `repairs` for each harmless damage. Raises RefusedError with
    the reason when the file is no notebook.
    """
    report_name(submission.filename, exam.assignment, repairs)
    text = decode(submission, repairs)
    notebook = as_format_4(parse(text, submission.filename), repairs)
    given = {cell["source"].strip() for cell in exam.cells}
    with Decoder() as decoder:
        cells = [plain_cell(cell, given, repairs, decoder) for cell in notebook]
    kept = [cell for cell in cells if cell is not None]
    if len(kept) < len(cells):
        repairs.append(f"{len(cells) - len(kept)} damaged cells could not be read.")
    if not kept:
        raise RefusedError(f"The notebook has no cells. {AGAIN}")
    return kept


def report_name(filename: str, assignment: str, repairs: list[str]) -> None:
    """Say when a file's name is not the one that was handed out."""
    if filename != f"{assignment}.ipynb":
        shown = one_line(filename[:80])
        repairs.append(f"The file is called '{shown}', not '{assignment}.ipynb'.")


def decode(submission: Submission, repairs: list[str]) -> str:
    """The text of a file in UTF-8, or in what else editors write."""
    content = submission.content
    if not content.strip():
        raise RefusedError(f"The file is empty. {AGAIN}")
    if len(content) > MAX_BYTES:
        raise RefusedError(
            f"The file has {len(content) / 1e6:.0f} MB; {MAX_BYTES / 1e6:.0f} MB is the"
            " most that is graded. Clear the outputs of all cells, save, and hand in"
            " again."
        )
    for mark, encoding in BOMS.items():
        if content.startswith(mark):
            repairs.append(f"The file began with a byte-order mark ({encoding}).")
            return content.decode(encoding, errors="replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        if b"\0" in content or not content.lstrip().startswith(b"{"):
            raise RefusedError(not_a_notebook(submission.filename)) from None
        repairs.append("The file is not UTF-8; it was read as Latin-1.")
        return content.decode("latin-1")


def not_a_notebook(filename: str) -> str:
    """Why a file that is not JSON is refused."""
    suffix = PurePath(filename).suffix.lower()
    if suffix not in ("", ".ipynb"):
        return f"A {suffix[:10]} file was handed in; a notebook was expected. {AGAIN}"
    return f"The file is not a Jupyter notebook. {AGAIN}"


def parse(text: str, filename: str) -> dict[str, Any]:
    """The JSON object in the text; RefusedError says what else is there."""
    try:
        notebook = json.loads(text)
    except RecursionError:
        raise RefusedError(f"The file is nested too deeply. {AGAIN}") from None
    except ValueError as error:
        raise RefusedError(why_not_json(text, filename, error)) from None
    if not isinstance(notebook, dict) or not {"cells", "worksheets"} & set(notebook):
        raise RefusedError(not_a_notebook(filename))
    return notebook


def why_not_json(text: str, filename: str, error: ValueError) -> str:
    """The reason that a text is not JSON, for a student."""
    if MERGE.search(text):
        return (
            "The file holds merge markers of a version control system (<<<<<<<). "
            "Choose one of the two versions, open the notebook to see that it works, "
            "and hand in again."
        )
    if not text.lstrip().startswith("{"):
        return not_a_notebook(filename)
    position = getattr(error, "pos", 0)
    if position >= len(text.rstrip()) - 1 or "Unterminated" in str(error):
        return f"The file is cut short: it ends in the middle of the notebook. {AGAIN}"
    line = text.count("\n", 0, position) + 1
    return f"The file is damaged at line {line}: it is not valid JSON. {AGAIN}"


def as_format_4(notebook: dict[str, Any], repairs: list[str]) -> list[Any]:
    """The cells of a notebook; older formats are converted."""
    version = notebook.get("nbformat", 4)
    shown = one_line(str(version)[:20])
    if version in (1, 2, 3) or "cells" not in notebook:
        notebook = converted(notebook, repairs)
    elif version != 4:
        raise RefusedError(
            f"The notebook has the format {shown}, which is not known; 4 was expected. "
            f"{AGAIN}"
        )
    if not isinstance(notebook["cells"], list):
        raise RefusedError(f"The file is not a Jupyter notebook. {AGAIN}")
    return notebook["cells"]


def converted(notebook: dict[str, Any], repairs: list[str]) -> dict[str, Any]:
    """A notebook of an old format as one of format 4, by nbformat's own rules."""
    import nbformat

    version = one_line(str(notebook.get("nbformat"))[:20])
    try:
        # On the disk the sources are lists of lines: the format's reader joins them.
        made = nbformat.convert(nbformat.reader.reads(json.dumps(notebook)), 4)
        cells = made["cells"]
    except Exception:
        raise RefusedError(
            f"The notebook has the old format {version} and cannot be converted. "
            f"{AGAIN}"
        ) from None
    repairs.append(f"The notebook had the old format {version}; it was converted.")
    return {"cells": json.loads(json.dumps(cells))}


def plain_cell(
    cell: Any, given: Container[str], repairs: list[str], decoder: Decoder
) -> dict[str, Any] | None:
    """A cell with exactly the fields that are used; None when it is no cell.

    The pictures of a text are attachments in one form, unless it is one of the `given`
    texts.
    """
    if not isinstance(cell, dict) or not isinstance(cell.get("cell_type"), str):
        return None
    source = cell.get("source", "")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        return None
    source, attachments = clean(source, repairs), {}
    if cell["cell_type"] != "code":
        if source.strip() not in given:
            attached = cell.get("attachments")
            source, attachments, problems = taken_out(source, attached, decoder)
            repairs += problems
        source = cut(source, repairs)
    if len(source) > MAX_SOURCE:
        raise RefusedError(
            f"One cell has {len(source)} characters; {MAX_SOURCE} is the most that is "
            "graded. Remove what is not part of the answer and hand in again."
        )
    metadata = cell.get("metadata")
    metadata = dict(metadata) if isinstance(metadata, dict) else {}
    meta = metadata.get("nbgrader")
    if not isinstance(meta, dict) or not isinstance(meta.get("grade_id", ""), str):
        metadata.pop("nbgrader", None)
    name = cell.get("id")
    return {
        "cell_type": cell["cell_type"],
        "id": name if isinstance(name, str) else "",
        "metadata": metadata,
        "source": source,
        "attachments": attachments,
    }


def cut(text: str, repairs: list[str]) -> str:
    """A text cell within the limit: what is too long of it costs the code nothing."""
    if len(text) <= MAX_SOURCE:
        return text
    repairs.append(
        f"A text cell has {len(text)} characters; only its first {MAX_SOURCE} are "
        "shown to the person who grades it."
    )
    return text[:MAX_SOURCE]


def clean(source: str, repairs: list[str]) -> str:
    """A source with line ends of one kind, and only characters that can be written."""
    if source.startswith("\ufeff"):
        repairs.append("A cell began with a byte-order mark, which was left out.")
        source = source.lstrip("\ufeff")
    if "\r" in source:
        repairs.append("Windows line ends were turned into plain ones.")
        source = source.replace("\r\n", "\n").replace("\r", "\n")
    if SURROGATE.search(source) or "\0" in source:
        repairs.append("Characters that are no text were replaced.")
        source = SURROGATE.sub("\ufffd", source).replace("\0", "\ufffd")
    return source


def one_line(text: str) -> str:
    """A text as one printable line of bounded length."""
    line = " ".join(re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text[: 10 * LINE]).split())
    line = "".join(c if c.isprintable() else "\ufffd" for c in line)
    return line if len(line) <= LINE else line[: LINE - 1] + "\u2026"
