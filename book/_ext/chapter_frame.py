"""Sphinx: the box that opens a chapter, and the one that closes it.

tools/notebooks/directives.py gives both the same titles in the notebooks.
"""

from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class Closing(SphinxDirective):
    """What comes after the chapter: its graded assignment, and where to read on."""

    has_content = True
    title = "Where to go from here"

    def run(self) -> list[nodes.Node]:
        """A box with the class that the directive is called by."""
        title = nodes.title(self.title, self.title)
        box = nodes.admonition("", title, *self.parse_content_to_nodes())
        box["classes"].append(self.name)
        return [box]


class Opening(Closing):
    """What a reader will be able to do, what that needs, and how long it runs."""

    option_spec: ClassVar = {"time": directives.unchanged_required}
    title = "After this chapter you can"

    def run(self) -> list[nodes.Node]:
        """The box, with a line that running_time replaces by what it measured."""
        (box,) = super().run()
        text = f"The code of this page runs in about {self.options['time']}."
        box += nodes.paragraph(text, text, classes=["running-time"])
        return [box]


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("opening", Opening)
    app.add_directive("closing", Closing)
    app.add_css_file("chapter.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
