"""What makes the interactive figures move: files for a page, text for a notebook."""

import json
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).with_name("web")
SCRIPTS = {"flow": ("layers", "flow"), "coupling": ("layers", "coupling")}
# Of other kinds: one script, of that name.
# A page loads style and scripts once; what comes after this mark is for notebooks.
FOR_NOTEBOOKS = "<!-- style and scripts, in a notebook -->"
RUN = """
{{
  if (!document.getElementById("flowbook-figures")) {{
    const style = document.createElement("style");
    style.id = "flowbook-figures";
    style.textContent = {style};
    document.head.append(style);
  }}
{scripts}
  window.Flowbook.watch();
}}
"""


def names(kind: str) -> tuple[str, ...]:
    """The scripts that a figure of this kind needs, in their order."""
    return ("core", *SCRIPTS.get(kind, (kind,)))


@lru_cache
def for_notebook(kind: str) -> str:
    """A mark and one script element, which brings style and scripts along.

    The style hides the still picture, so it comes by the script: where no script runs,
    the picture stays.
    """
    files = (FOLDER / f"interactive/{name}.js" for name in names(kind))
    scripts = "".join(file.read_text("utf8") for file in files)
    style = (FOLDER / "interactive.css").read_text("utf8")
    text = RUN.format(style=json.dumps(style), scripts=scripts)
    return f"\n{FOR_NOTEBOOKS}\n<script>{text}</script>"
