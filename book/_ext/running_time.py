"""Sphinx: the box that opens a chapter says how long the page's code ran."""

import os

from docutils import nodes
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.application import Sphinx


def in_words(seconds: float) -> str:
    """A duration as a reader thinks of it: "0.4 s", "12 s", "2 min 5 s"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def measured(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Put the measured time in the place of the author's estimate."""
    run = NbMetadataCollector.get_exec_data(app.env, page)
    if run and run.get("runtime") is not None:
        text = f"The code of this page runs in {in_words(run['runtime'])}."
        for line in doctree.findall(nodes.paragraph):
            if "running-time" in line["classes"]:
                line.children = [nodes.Text(text)]


def setup(app: Sphinx) -> dict[str, bool]:
    # The kernels inherit it: two threads on a busy machine are ten times slower.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    app.connect("doctree-resolved", measured)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
