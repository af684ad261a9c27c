"""What was handed in beside a notebook, as the person who grades it sees it."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autograder.course.beside import Beside
from autograder.judge.decode import KEPT, Decoder
from autograder.judge.pictures import MAX_PICTURES

PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff")
INTRODUCTION = (
    "**Handed in beside the notebook.** These files are as the student sent them: open "
    "them with care, and run none. Pictures are shown below.\n\nThey lie in `{folder}`:"
)


def beside_cell(files: Sequence[Beside], folder: Path) -> dict[str, Any] | None:
    """A text cell that lists the files and shows their pictures; None for no file.

    A picture is decoded and encoded again. Of a file's name only what cannot act in a
    page is written: its plain one.
    """
    if not files:
        return None
    lines, attachments = [], {}
    with Decoder(MAX_PICTURES) as decoder:
        for file in files:
            if file.path is None:
                lines.append(f"- one file was not kept: {bare(file.why or '')}")
                continue
            lines.append(f"- `{bare(file.path)}`")
            if file.ending not in PICTURES:
                continue
            found = picture(file, folder, decoder)
            if isinstance(found, str):
                lines[-1] += f" (not shown: {found})"
                continue
            name = f"beside-{len(attachments) + 1}"
            attachments[name] = found
            lines.append(f"\n  ![{name}](attachment:{name})\n")
    where = "/".join(map(bare, folder.parts[-3:]))
    text = "\n".join([INTRODUCTION.format(folder=where), "", *lines])
    made = {"cell_type": "markdown", "id": "beside", "source": text}
    made["metadata"] = {"autograder": {"beside": True}}
    return made | ({"attachments": attachments} if attachments else {})


def picture(file: Beside, folder: Path, decoder: Decoder) -> dict[str, str] | str:
    """A picture as a page shows it, by its kind in base64; or why there is none."""
    try:
        form, content = decoder.shrunk((folder / file.path).read_bytes())
    except (OSError, ValueError) as error:
        return bare(str(error))  # its name is in the list: a person can look
    return {KEPT[form]: base64.b64encode(content).decode("ascii")}


def bare(text: str) -> str:
    """A text that means nothing but itself in Markdown and HTML."""
    return "".join(c if c.isalnum() or c in " .,;:/+-_'()@" else "-" for c in text)
