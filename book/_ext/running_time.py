"""Sphinx: a quiet line under a page's title says how long the page's code ran."""

import os
from typing import Any

from docutils import nodes
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.application import Sphinx


def in_words(seconds: float) -> str:
    """A duration as a reader thinks of it: "0.4 s", "12 s", "2 min 5 s"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def show(
    app: Sphinx, page: str, _: str, context: dict[str, Any], doctree: nodes.document
) -> None:
    """Put the line behind the page's first heading, if its code was run."""
    run = NbMetadataCollector.get_exec_data(app.env, page) if doctree else None
    if run and run.get("runtime") is not None:
        time = in_words(run["runtime"])
        line = f'<p class="running-time">The code of this page runs in {time}.</p>'
        context["body"] = context["body"].replace("</h1>", "</h1>\n" + line, 1)


def setup(app: Sphinx) -> dict[str, bool]:
    # The kernels inherit it: two threads on a busy machine are ten times slower.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    app.connect("html-page-context", show)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
