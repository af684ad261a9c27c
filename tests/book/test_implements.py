"""The Sphinx extension that ties cells to equations: what it writes and refuses."""

import io
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIG = {
    "extensions": ["myst_parser", "implements"],
    "myst_enable_extensions": ["dollarmath"],
}


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Build a page of some MyST text; return its HTML and the warnings."""
    monkeypatch.syspath_prepend(ROOT / "book/_ext")

    def page(text: str) -> tuple[str, str]:
        from sphinx.application import Sphinx

        (tmp_path / "index.md").write_text(f"# Page\n\n$$\nx\n$$ (known)\n\n{text}\n")
        warnings, out = io.StringIO(), tmp_path / "out"
        folders = tmp_path, None, out, tmp_path / "trees"
        Sphinx(*folders, "html", CONFIG, status=None, warning=warnings).build()
        return (out / "index.html").read_text("utf8"), warnings.getvalue()

    return page


def test_a_line_without_a_cell_below_it_is_a_warning(build):
    html, warnings = build("```{implements} known\n```\n\nText.")
    assert "expected a code cell below it" in warnings
    assert 'id="code-known">Implements <a' in html


def test_a_label_that_the_page_lacks_is_a_warning(build):
    _, warnings = build("```{implements} known, other\n```")
    assert "index.md:7: WARNING: no equation of this page has the label" in warnings
    assert "the label other" in warnings
