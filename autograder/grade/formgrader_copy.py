"""The notebook that a grader sees in formgrader, in which no student's text can act.

formgrader shows markdown and HTML as they are, in the instructor's browser, next to the
boxes for the scores. So what a student wrote is made harmless here, before it is shown,
and has bounds: a page of it is there within seconds.
"""

import base64
import json
import re
import struct
from typing import Any

from autograder.assignment.cells import is_answer, is_manual
from autograder.assignment.exam import Exam
from autograder.model import Result

OPENS_A_TAG = re.compile(r"<(?=[A-Za-z/!?])")
LINK = re.compile(
    r"\](?=(?:\(|:)\s*<?(?!https?://|mailto:|attachment:))", re.IGNORECASE
)
BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")
# Of each output, the kinds that a page shows without running anything.
PICTURES = ("image/png", "image/jpeg")
MAX_TEXT = 20_000  # characters of one source, or of one output
MOST_TEXT = 400_000  # of all that a student wrote and printed
MAX_OUTPUTS = 20  # of one cell
MOST_PIXELS = 60_000_000  # of all figures that the cells drew
FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # of a JPEG: its size


class Room:
    """What of a student's is still shown, of text and of pictures."""

    def __init__(self) -> None:
        self.text, self.pixels = MOST_TEXT, MOST_PIXELS

    def cut(self, text: str, end: str = "\n\n") -> str:
        """The text, or its beginning and how much is left out."""
        text = text.encode("utf-8", "replace").decode()  # no half of a pair
        shown = text[: min(MAX_TEXT, self.text)]
        self.text -= len(shown)
        if len(shown) == len(text):
            return text
        return f"{shown}{end}[{len(text) - len(shown):,} more characters are not shown]"

    def has(self, picture: str) -> bool:
        """Whether there is room for a picture, a PNG or a JPEG in base64."""
        try:
            size = pixels(base64.b64decode(picture))
        except ValueError:
            return False
        fits = size <= self.pixels
        self.pixels -= size if fits else 0
        return fits


def for_formgrader(
    exam: Exam, result: Result, beside: dict[str, Any] | None = None
) -> bytes:
    """The notebook for autograded/: the run one, or why there is none.

    The cell on what was handed in `beside` it stands before the first answer that a
    person grades, or at the end.
    """
    import nbformat

    if result.notebook is not None:
        notebook = json.loads(result.notebook)
    else:
        notebook = json.loads(exam.release)
        text = f"**Not graded ({result.outcome}).** {harmless(result.reason or '')}"
        note = {"cell_type": "markdown", "id": "not-graded", "metadata": {}}
        notebook["cells"].insert(0, note | {"source": text})
    room = Room()
    for cell in notebook["cells"]:
        own = is_answer(cell) or cell["metadata"].get("autograder")
        if own:
            cell["source"] = room.cut("".join(cell["source"]))
        if cell["cell_type"] == "code":
            cell["outputs"] = outputs(cell["outputs"], room)
        elif own:
            cell["source"] = harmless(cell["source"])
    if beside is not None:
        by_hand = (i for i, cell in enumerate(notebook["cells"]) if is_manual(cell))
        at = next(by_hand, len(notebook["cells"]))
        notebook["cells"].insert(at, beside)
    made = nbformat.from_dict(notebook)
    text = nbformat.writes(made, version=nbformat.NO_CONVERT) + "\n"
    return text.encode("utf-8", "replace")


def harmless(markdown: str) -> str:
    """Markdown without HTML, and without links to anything but pages and pictures.

    A space after `<` makes a tag a text, and leaves the mathematics as it was.
    """
    return LINK.sub("] ", OPENS_A_TAG.sub("< ", markdown))


def outputs(found: list[dict[str, Any]], room: Room) -> list[dict[str, Any]]:
    """The outputs of a cell, as far as they are shown."""
    kept = [shown(output, room) for output in found[:MAX_OUTPUTS]]
    if more := len(found) - len(kept):
        text = f"[{more} more outputs are not shown]\n"
        kept.append({"output_type": "stream", "name": "stdout", "text": text})
    return kept


def shown(output: dict[str, Any], room: Room) -> dict[str, Any]:
    """An output with its plain text, its pictures and its cleaned HTML alone."""
    from autograder.results.sanitise import clean_html

    if "data" not in output:
        return output | {
            name: cut_lines(output[name], room)
            for name in ("text", "evalue", "traceback")
            if name in output
        }
    data = {
        kind: "".join(text) for kind, text in output["data"].items() if is_text(text)
    }
    kept = {}
    if "text/plain" in data:
        kept["text/plain"] = room.cut(data["text/plain"])
    for kind in PICTURES:
        picture = data.get(kind, "-")
        if BASE64.fullmatch(picture):
            if room.has(picture):
                kept[kind] = picture
            else:
                kept["text/plain"] = "[a picture that is too large to be shown here]"
    if "text/html" in data:
        kept["text/html"] = str(clean_html(room.cut(data["text/html"])))
    kept = kept or {"text/plain": "[an output that is not shown here]"}
    return output | {"data": kept, "metadata": {}}


def cut_lines(text: Any, room: Room) -> Any:
    """A text, or the lines of one, within bounds."""
    if not is_text(text):
        return "[an output that is not shown here]"
    if isinstance(text, str):
        return room.cut(text, "\n")
    whole = "\n".join(text)
    cut = room.cut(whole, "\n")
    return text if cut == whole else cut.split("\n")


def pixels(content: bytes) -> int:
    """How many pixels a PNG or a JPEG says it has; too many for what is neither."""
    if content[:8] == b"\x89PNG\r\n\x1a\n" and len(content) >= 24:
        width, height = struct.unpack("!II", content[16:24])
        return width * height
    at = 2
    while content[:2] == b"\xff\xd8" and at + 9 <= len(content):
        mark, length = content[at + 1], *struct.unpack_from("!H", content, at + 2)
        if content[at] != 0xFF:
            break
        if mark in FRAMES:
            height, width = struct.unpack_from("!HH", content, at + 5)
            return width * height
        at += 2 + length
    return MOST_PIXELS + 1


def is_text(value: object) -> bool:
    """Whether this is a string, or the lines of one."""
    lines = value if isinstance(value, list) else [value]
    return all(isinstance(line, str) for line in lines)
