"""formgrader's page of one submission: what is a student's stands in sandboxed frames.

A frame has an origin of its own: whatever in it acts, it reads nothing of the page
around it, asks the server for nothing with the grader's rights, and covers no button.
Besides, what goes into it is sanitised, in a sandboxed process with a bound on its
time. What was handed out stands in the page itself, and so does the marking scheme.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import DictLoader
from markupsafe import Markup, escape
from nbconvert.exporters import HTMLExporter
from nbconvert.filters import markdown2html_mistune
from pygments.formatters import HtmlFormatter

from autograder.assignment.scheme import Scheme
from autograder.course.beside import is_beside, without_names
from autograder.results.pages import LIGHT, TEMPLATES, render
from autograder.results.sanitise import (
    code_html,
    joined,
    markdown_html,
    output_html,
    text_html,
)
from autograder.results.scheme_panel import with_panels
from autograder.sandbox.bounded import Bounded

PAGE_SECONDS = 10.0  # of a processor, for all of a page that is a student's
PART_SECONDS = 3.0  # for one cell
MAX_OUTPUTS = 20  # of one cell
SIDE = 2_000  # pixels of a photographed page
MAX_PAGE = 20_000_000  # characters
TOO_SLOW = "This took too long to be set. It is shown as it was written:\n\n"
FULL = "[The page is full: more is in the notebook that was handed in.]"
Part = tuple[str, Any]
Given = Callable[[str], frozenset[tuple[str, str]]]
Schemes = Callable[[str], Mapping[str, Scheme]]
SCRIPTS = ("formgrader_tex.js", "formgrader_scheme.js")
NAMES = ("student", "first_name", "last_name", "notebook_path", "filename")


class FramedExporter(HTMLExporter):
    """nbgrader's exporter with a student's parts in frames.

    `given` tells, for an assignment, the type and the source of the cells that were
    handed out, and `schemes` the marking schemes of its answers. `mathjax` is where
    MathJax is; without it TeX stays text. A page that is `blind` does not say whose
    submission it shows.
    """

    def __init__(
        self,
        given: Given,
        nonce: str,
        mathjax: str | None,
        schemes: Schemes = lambda assignment: {},
        blind: bool = False,
        **options: Any,
    ) -> None:
        hub = (TEMPLATES / "formgrader_mathjax.html.j2").read_text("utf-8")
        parts = {name: (TEMPLATES / name).read_text("utf-8") for name in SCRIPTS}
        parts["mathjax.html.j2"] = hub
        super().__init__(extra_loaders=[DictLoader(parts)], **options)
        self.environment.globals["mathjax_url"] = mathjax
        self.given, self.nonce, self.mathjax = given, nonce, mathjax
        self.schemes, self.blind = schemes, blind
        self.parts = Bounded(part_html, PART_SECONDS)

    def from_notebook_node(
        self, nb: Any, resources: Any = None, **options: Any
    ) -> tuple[str, Any]:
        """The page, and the resources."""
        given = self.given(resources["assignment_id"])
        found: dict[str, Part] = {}
        for cell in nb.cells:
            if self.blind and is_beside(cell):
                about = resources["assignment_id"], resources["submission_id"]
                cell.source = without_names(joined(cell.source), *about)
            take_out(cell, given, found)
        if self.blind:
            resources |= dict.fromkeys(NAMES, "")
        safe = {
            name: str(escape(value)) if isinstance(value, str) else value
            for name, value in resources.items()
        }
        page, resources = super().from_notebook_node(nb, safe, **options)
        schemes = self.schemes(resources["assignment_id"])
        page = with_panels(page, nb.cells, schemes, markdown2html_mistune)
        frames = self.frames(found)
        for name, frame in frames.items():
            page = page.replace(name, frame, 1)
        return page, resources

    def frames(self, found: dict[str, Part]) -> dict[str, str]:
        """The frame of each part, within the bounds of a page."""
        frames, left, room = {}, PAGE_SECONDS, MAX_PAGE
        for name, part in found.items():
            made = None
            if left > 0 and room > 0:
                self.parts.seconds = min(left, PART_SECONDS)
                made = self.parts.do(part)
                left -= self.parts.took
            html = Markup(made.decode("utf-8")) if made else plainly(part)
            html = html if len(html) < room else text_html(FULL)
            room -= len(html)
            frames[name] = self.frame(html)
        return frames

    def frame(self, html: Markup) -> str:
        """A sandboxed frame with a document of its own."""
        document = render(
            "formgrader_frame.html.j2",
            html=html,
            nonce=self.nonce,
            code_style=Markup(HtmlFormatter(style=LIGHT).get_style_defs(".code")),
            mathjax=self.mathjax if has_tex(html) else None,
        ).decode("utf-8")
        return Markup(
            '<iframe class="own" title="What the student handed in" srcdoc="{}" '
            'sandbox="allow-scripts allow-popups allow-popups-to-escape-sandbox" '
            'referrerpolicy="no-referrer"></iframe>'
        ).format(document)


def take_out(
    cell: Any, given: frozenset[tuple[str, str]], found: dict[str, Part]
) -> None:
    """Put a name in the place of each part of a cell that may be a student's."""
    source = joined(cell.source)
    if (cell.cell_type, source) not in given:
        attachments = cell.pop("attachments", None)
        kind = "code" if cell.cell_type == "code" else "markdown"
        cell.cell_type = kind
        cell.source = name = new_name()
        found[name] = kind, [source, attachments]
        cell.setdefault("outputs", []) if kind == "code" else cell.pop("outputs", None)
    if cell.get("outputs"):
        name = new_name()
        found[name] = "outputs", json.loads(json.dumps(cell.outputs))
        stream = {"output_type": "stream", "name": "stdout", "text": name}
        cell.outputs = [type(cell)(stream)]


def new_name() -> str:
    """A name that no student can have written."""
    return f"part{secrets.token_hex(16)}"


def part_html(part: Part) -> bytes:
    """In the sandbox: a part of a student's as harmless HTML."""
    kind, content = part
    if kind == "outputs":
        shown = [output_html(output) for output in content[:MAX_OUTPUTS]]
        html = Markup("\n").join(shown)
    elif kind == "code":
        html = code_html(content[0])
    else:
        html = Markup('<div class="prose">{}</div>').format(
            markdown_html(*content, SIDE)
        )
    return html.encode("utf-8", "replace")


def plainly(part: Part) -> Markup:
    """The same without any work on it."""
    kind, content = part
    if kind == "outputs":
        return text_html("[These outputs take too long to be shown.]")
    return text_html(TOO_SLOW + content[0])


def has_tex(html: str) -> bool:
    """Whether MathJax may find something in it."""
    return 'class="tex' in html or "$" in html or "\\" in html


def handed_out(*notebooks: Path) -> frozenset[tuple[str, str]]:
    """The type and the source of each cell of these notebooks, where they are there."""
    cells: list[Any] = []
    for path in notebooks:
        if path.is_file():
            cells += json.loads(path.read_text("utf-8"))["cells"]
    return frozenset((cell["cell_type"], joined(cell["source"])) for cell in cells)
