"""The notebook that a grader sees in formgrader, in which no student's text can act.

formgrader shows markdown and HTML as they are, in the instructor's browser, next to the
boxes for the scores. So what a student wrote is made harmless here, before it is shown.
"""

import json
import re
from typing import Any

from autograder.assignment.cells import is_answer
from autograder.assignment.exam import Exam
from autograder.model import Result

OPENS_A_TAG = re.compile(r"<(?=[A-Za-z/!?])")
LINK = re.compile(
    r"\](?=(?:\(|:)\s*<?(?!https?://|mailto:|attachment:))", re.IGNORECASE
)
BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")
# Of each output, the kinds that a page shows without running anything.
PICTURES = ("image/png", "image/jpeg")


def for_formgrader(exam: Exam, result: Result) -> bytes:
    """The notebook for autograded/: the run one, or why there is none."""
    import nbformat

    if result.notebook is not None:
        notebook = json.loads(result.notebook)
    else:
        notebook = json.loads(exam.release)
        text = f"**Not graded ({result.outcome}).** {harmless(result.reason or '')}"
        note = {"cell_type": "markdown", "id": "not-graded", "metadata": {}}
        notebook["cells"].insert(0, note | {"source": text})
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [shown(output) for output in cell["outputs"]]
        elif is_answer(cell) or cell["metadata"].get("autograder"):
            cell["source"] = harmless("".join(cell["source"]))
    made = nbformat.from_dict(notebook)
    text = nbformat.writes(made, version=nbformat.NO_CONVERT) + "\n"
    return text.encode("utf-8", "replace")


def harmless(markdown: str) -> str:
    """Markdown without HTML, and without links to anything but pages and pictures.

    A space after `<` makes a tag a text, and leaves the mathematics as it was.
    """
    return LINK.sub("] ", OPENS_A_TAG.sub("< ", markdown))


def shown(output: dict[str, Any]) -> dict[str, Any]:
    """An output with its plain text, its pictures and its cleaned HTML alone."""
    from autograder.results.sanitise import clean_html

    if "data" not in output:
        return output
    data = {
        kind: "".join(text) for kind, text in output["data"].items() if is_text(text)
    }
    kept = {kind: data[kind] for kind in ("text/plain",) if kind in data}
    for kind in PICTURES:
        if BASE64.fullmatch(data.get(kind, "-")):
            kept[kind] = data[kind]
    if "text/html" in data:
        kept["text/html"] = str(clean_html(data["text/html"]))
    kept = kept or {"text/plain": "[an output that is not shown here]"}
    return output | {"data": kept, "metadata": {}}


def is_text(value: object) -> bool:
    """Whether this is a string, or the lines of one."""
    lines = value if isinstance(value, list) else [value]
    return all(isinstance(line, str) for line in lines)
