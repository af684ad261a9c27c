"""Sphinx: no scripts of thebe, which the theme loads unasked, and twice.

The pages offer no live cells, and the second copy is an error in the console.
"""

from typing import Any

from sphinx.application import Sphinx


def leave_out(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """Drop the two scripts from the list of a page."""
    context["script_files"] = [
        script
        for script in context.get("script_files", [])
        if "THEBE_JS_URL" not in str(getattr(script, "attributes", {}).get("body"))
        and "sphinx-thebe" not in str(getattr(script, "filename", script))
    ]


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", leave_out)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
