"""Sphinx: says what each graded cell is. Only the instructor's edition loads this."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

# In an answer that is a text, nbgrader's marks are headings.
MARKS = {
    "BEGIN SOLUTION": "Solution, graded by hand",
    "END SOLUTION": "",
    "BEGIN MARK SCHEME": "For the grader",
    "END MARK SCHEME": "",
}


class SayWhatIsGraded(SphinxTransform):
    """Put a line above each answer and each check; take nbgrader's headings away."""

    default_priority = 5  # before headings are collected

    def apply(self, **_: Any) -> None:
        """Change the page."""
        for section in list(self.document.findall(nodes.section)):
            if (mark := section[0].astext()) in MARKS:
                index = section.parent.index(section)
                section.parent[index : index + 1] = [*line(MARKS[mark]), *section[1:]]
        for cell in list(self.document.findall(nodes.container)):
            if cell.get("nb_element") == "cell_code":
                graded = cell["cell_metadata"].get("nbgrader", {})
                index = cell.parent.index(cell)
                cell.parent[index:index] = line(label(graded))


def label(graded: dict[str, Any]) -> str:
    """What a code cell is by its nbgrader metadata, or an empty string."""
    if graded.get("solution"):
        return "Solution"
    if graded.get("grade"):
        return f"Checks and hidden tests, points: {graded['points']}"
    return ""


def line(words: str) -> list[nodes.Node]:
    """These words as a quiet line; of no words, nothing."""
    return [nodes.paragraph("", words, classes=["graded-cell"])] if words else []


def hide_from_search(
    app: Sphinx, page: str, _: str, context: dict[str, Any], doctree: nodes.document
) -> None:
    """Ask search engines to leave these pages out, should they ever stand in public."""
    tag = '\n    <meta name="robots" content="noindex" />'
    context["metatags"] = context.get("metatags", "") + tag


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_transform(SayWhatIsGraded)
    app.connect("html-page-context", hide_from_search)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
