"""Sphinx: a line never breaks between a formula and the punctuation that touches it.

A browser takes a formula for a picture, and may break the line on either side of it.
"""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

TOUCHED = re.compile(
    r"""([(\[“]?)
    (<span\ class="math\ notranslate\ nohighlight">[^<]*</span>)
    ([-.,;:!?)\]”’]*)""",
    re.VERBOSE,
)


def keep(match: re.Match[str]) -> str:
    """Wrap a formula together with what touches it."""
    before, _, after = match.groups()
    return f'<span class="together">{match[0]}</span>' if before or after else match[0]


def keep_together(
    app: Sphinx, page: str, _: str, context: dict[str, Any], doctree: nodes.document
) -> None:
    """Wrap the formulas of a page that stand before or behind punctuation."""
    if doctree:
        context["body"] = TOUCHED.sub(keep, context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", keep_together)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
