"""Sphinx: interactive figures get their still picture, their scripts and their style.

A cell that returns a `flowbook.interactive.InteractiveFigure` offers HTML and pictures,
and a page would take one of them. Here the page takes both: the SVG, a file with the
cell's alternative text, stands in the HTML until the scripts bring the figure to life.
The scripts that the output brings along for a notebook are left out: the page has them.
"""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.transforms.post_transforms import SphinxPostTransform

from flowbook import figure_scripts

FIGURE = re.compile(r'^<div class="interactive" data-figure="(\w+)">')
STILL = re.compile(r'<img class="still"[^>]*>')


def of_type(bundle: nodes.container, mime_type: str) -> nodes.Node | None:
    """What a bundle of outputs holds of one type."""
    for child in bundle.children:
        if child["mime_type"] == mime_type and child.children:
            return child.children[0]
    return None


class KeepStillAndLive(SphinxPostTransform):
    """Put the picture of an interactive figure into its HTML."""

    default_priority = 3  # before myst_nb, at 4, chooses one type of each bundle
    formats = ("html",)

    def run(self, **_: Any) -> None:
        """Replace each bundle that holds such a figure."""
        for bundle in list(self.document.findall(nodes.container)):
            if bundle.get("nb_element") != "mime_bundle":
                continue
            html = of_type(bundle, "text/html")
            still = of_type(bundle, "image/svg+xml")
            if still and html and FIGURE.match(html.astext()):
                still["classes"].append("still")
                figure, _, _ = html.astext().partition(figure_scripts.FOR_NOTEBOOKS)
                before, after = STILL.split(figure)
                bundle.replace_self([raw(before), still, raw(after)])


def raw(html: str) -> nodes.raw:
    """A piece of HTML."""
    return nodes.raw("", html, format="html")


def load(
    app: Sphinx, page: str, _: str, context: dict[str, Any], doctree: nodes.document
) -> None:
    """Load style and scripts on the pages with interactive figures, and only there."""
    pieces = doctree.findall(nodes.raw) if doctree else ()
    found = (FIGURE.match(piece.astext()) for piece in pieces)
    if kinds := sorted({match[1] for match in found if match}):
        app.add_css_file("interactive.css")
        names = [name for kind in kinds for name in figure_scripts.names(kind)]
        for name in dict.fromkeys(names):
            app.add_js_file(f"interactive/{name}.js", loading_method="defer")


def serve_scripts(_: Sphinx, config: Config) -> None:
    """Copy the library's scripts and style to where the pages find them."""
    config.html_static_path.append(str(figure_scripts.FOLDER))


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", serve_scripts)
    app.add_post_transform(KeepStillAndLive)
    app.connect("html-page-context", load)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
