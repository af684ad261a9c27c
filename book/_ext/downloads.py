"""Sphinx: `{downloads}`, where the public takes the whole book along: a zip and a PDF.

`make public` puts both beside the pages, at the address that `html: baseurl` names in
_config.yml. Without one the directive shows nothing. The links hold the whole address:
they lead there from a page on a reader's disk, too.
"""

from urllib.parse import urljoin

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

FILES = {"flowbook.zip": "all pages in one file", "flowbook.pdf": "the book on paper"}


class downloads(nodes.General, nodes.Element):  # noqa: N801 (docutils' own custom)
    """The place of the links."""


class Downloads(SphinxDirective):
    """Mark the place; the address is known when the page is written."""

    def run(self) -> list[nodes.Node]:
        """The place of the links."""
        return [downloads()]


def link(app: Sphinx, doctree: nodes.document, _: str) -> None:
    """Put the links into their place, or nothing."""
    home = app.config.html_baseurl
    for place in list(doctree.findall(downloads)):
        line = nodes.paragraph()
        line += nodes.strong("", "Take it along.")
        for name, what in FILES.items():
            text = f"{what} ({name.split('.')[1].upper()})"
            line += nodes.Text(", " if len(line) > 2 else " ")
            line += nodes.reference("", text, refuri=urljoin(home, name))
        line += nodes.Text(".")
        place.replace_self([line] if home else [])


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_node(downloads)
    app.add_directive("downloads", Downloads)
    app.connect("doctree-resolved", link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
