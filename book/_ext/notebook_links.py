"""Sphinx: the download and launch buttons of a chapter give its generated notebook.

The theme would give the MyST text, which neither Jupyter nor Colab opens as it is.
"""

import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx


def notebook_of(app: Sphinx, page: str) -> str | None:
    """The path of the page's notebook from the root, if there is one."""
    path = f"notebooks/{Path(page).name}.ipynb"
    is_chapter = page.startswith("book/") and Path(app.srcdir, path).exists()
    return path if is_chapter else None


def point_buttons(
    app: Sphinx, page: str, _: str, context: dict[str, Any], doctree: nodes.document
) -> None:
    """Offer the notebook first among the downloads, and launch it, not the text."""
    notebook = notebook_of(app, page)
    if not doctree or not notebook:
        return
    source = page + context["page_source_suffix"]
    for group in context["header_buttons"]:
        if group["label"] == "download-buttons":
            ours = download(context["pathto"](notebook, 1))
            others = [b for b in group["buttons"] if b["label"] != ours["label"]]
            group["buttons"] = [ours, *others]
        elif group["label"] == "launch-buttons":
            for button in group["buttons"]:
                button["url"] = button["url"].replace(source, notebook)


def download(url: str) -> dict[str, str]:
    """The theme's description of one download button."""
    return {
        "type": "link",
        "url": url,
        "text": ".ipynb",
        "tooltip": "Download this page as a notebook",
        "icon": "fas fa-code",
        "label": "download-notebook-button",
    }


def copy_notebooks(app: Sphinx, error: Exception | None) -> None:
    """Put the notebooks beside the pages, so that they download without a network."""
    if error or app.builder.format != "html":
        return
    for page in app.env.found_docs:
        if notebook := notebook_of(app, page):
            target = Path(app.outdir, notebook)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(Path(app.srcdir, notebook), target)


def setup(app: Sphinx) -> dict[str, bool]:
    # The theme fills its list of buttons at priority 501.
    app.connect("html-page-context", point_buttons, priority=502)
    app.connect("build-finished", copy_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
