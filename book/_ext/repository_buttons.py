"""Sphinx: buttons that need a public repository, where _config.yml names one.

They edit a page, show its source, report a problem and launch the page's notebook.
Without a repository there are none: the theme would offer some that lead nowhere.
"""

from sphinx.application import Sphinx
from sphinx.config import Config

BUTTONS = ("repository", "source", "edit_page", "issues")


def offer(_: Sphinx, config: Config) -> None:
    """Turn the theme's buttons on, or off where Jupyter Book does not."""
    options = config.html_theme_options
    if options.get("repository_url"):
        options.update({f"use_{button}_button": True for button in BUTTONS})
    else:
        options.pop("launch_buttons", None)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", offer)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
