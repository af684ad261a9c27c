"""Sphinx: markup that screen readers understand, where docutils writes other."""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

BETTER = {
    # The entries of a list are items; the role that docutils gives them is deprecated.
    'role="doc-biblioentry"': 'role="listitem"',
    # An id is on a page once, and nothing leads to these.
    'id="exercise-content"': "",
    'id="proof-content"': "",
    'id="solution-content"': "",
    # The corner of a table heads nothing.
    '<th class="head"><p></p></th>': "<td></td>",
}

# A heading that opens its box at a click holds no link that leads away.
SOLUTION = re.compile(
    r'(<p class="admonition-title">Solution to)<a class="reference internal"[^>]*>(.*?)'
    r"</a>(?=</p>)"
)

# Text, not an attribute, in which a voice has to change its language.
CHINESE = re.compile(r"[\u3400-\u9fff][\u3000-\u9fff]*(?=[^<>]*<)")


def improve(
    app: Sphinx, page: str, _: str, context: dict[str, Any], doctree: nodes.document
) -> None:
    """Replace what docutils has written in the body of a page."""
    if doctree:
        for written, better in BETTER.items():
            context["body"] = context["body"].replace(written, better)
        context["body"] = SOLUTION.sub(r"\1\2", context["body"])
        marked = r'<span lang="zh-Hans">\g<0></span>'
        context["body"] = CHINESE.sub(marked, context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", improve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
