"""The built files, read without a browser: links, anchors, numbers, secrets."""

import posixpath
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from tools.notebooks.tree import Tree

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.web


class Reader(HTMLParser):
    """Collects a page's anchors, its links, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag names and what it refers to."""
        found = dict(attrs)
        self.ids |= {found[name] for name in ("id", "name") if found.get(name)}
        if tag == "a" and found.get("href"):
            self.links.add(found["href"])
        elif tag in ("script", "img", "link", "source", "iframe"):
            is_hint = found.get("rel") in ("canonical", "search", "next", "prev")
            url = found.get("src") or found.get("href")
            if url and not is_hint:
                self.loads.add(url)


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Reader]:
    """Every page of the book, by its path."""
    files = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    return {
        path.relative_to(site).as_posix(): Reader(path.read_text("utf8"))
        for path in files
    }


def is_broken(link: str, path: str, pages: dict[str, Reader], site: Path) -> bool:
    """Whether a link of the page at `path` leads to no file or no anchor."""
    url = urlsplit(link)
    if url.scheme or url.netloc:
        return False
    here = posixpath.dirname(path)
    target = posixpath.normpath(posixpath.join(here, unquote(url.path)))
    target = target if url.path else path
    if url.fragment and target in pages:
        return unquote(url.fragment) not in pages[target].ids
    return not (site / target).is_file()


def test_every_internal_link_and_anchor_resolves(pages, site):
    found = [(path, link) for path, page in pages.items() for link in page.links]
    found += [(path, link) for path, page in pages.items() for link in page.loads]
    assert [each for each in found if is_broken(each[1], each[0], pages, site)] == []


def test_no_page_loads_anything_from_elsewhere(pages):
    found = [(path, url) for path, page in pages.items() for url in page.loads]
    assert [each for each in found if re.match(r"https?:|//", each[1])] == []


def test_buttons_lead_to_a_repository_where_one_is_configured(pages):
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))
    links = {link for page in pages.values() for link in page.links}
    found = [link for link in links if re.search("colab|binder|/edit/", link)]
    assert bool(found) == bool(config["repository"]["url"])


SHOWN = {
    "Equation": r'id="equation-{}".*?eqno">\(([\d.]+)\)',
    "Figure": r'id="{}".*?caption-number">Figure ([\d.]+)',
    "Exercise": r'id="{}".*?Exercise ([\d.]+)',
}


def test_the_numbers_in_the_notebooks_are_those_of_the_pages(site):
    for label, target in Tree(ROOT).labels.targets.items():
        if target.kind in SHOWN:
            html = site / target.page.path.replace(".md", ".html")
            pattern = SHOWN[target.kind].format(re.escape(label))
            found = re.search(pattern, html.read_text("utf8"), re.DOTALL)
            assert found, label
            assert found[1] == target.number, label


def test_each_chapter_says_how_long_its_code_runs(site):
    line = re.compile(
        r'<p class="running-time">The code of this page runs in .*\d s\.</p>'
    )
    chapters = sorted((site / "book").glob("[0-9][0-9]_*.html"))
    assert chapters
    assert [path.name for path in chapters if not line.search(path.read_text())] == []


def test_equations_and_the_cells_that_implement_them_link_to_each_other(site):
    above_a_cell = re.compile(r'<p class="implements" id="([\w-]+)">(.*?)</p>')
    under_an_equation = re.compile(
        r'id="equation-([\w-]+)">(?:(?!id="equation-).)*?'
        r'<p class="equation-code">(.*?)</p>',
        re.DOTALL,
    )
    for path in sorted((site / "book").glob("[0-9][0-9]_*.html")):
        html = path.read_text("utf8")
        up = {
            (label, cell)
            for cell, line in above_a_cell.findall(html)
            for label in re.findall(r'href="#equation-([\w-]+)"', line)
        }
        down = {
            (label, cell)
            for label, line in under_an_equation.findall(html)
            for cell in re.findall(r'href="#([\w-]+)"', line)
        }
        assert up, path.name
        assert up == down, path.name


def test_each_chapter_is_framed_by_two_boxes(site):
    titles = ["After this chapter you can", "Where to go from here"]
    for path in sorted((site / "book").glob("[0-9][0-9]_*.html")):
        boxes = (
            r'<div class="(?:opening|closing) admonition">\s*<p class="[^"]*">(.*?)</p>'
        )
        assert re.findall(boxes, path.read_text("utf8")) == titles, path.name


def test_nothing_in_the_site_holds_what_only_the_instructor_may_see(site):
    kinds = {".html", ".ipynb", ".md", ".js", ".txt"}
    pages = {page.stem: page.read_text("utf8") for page in (ROOT / "book").glob("*.md")}
    for path in site.rglob("*"):
        if path.suffix in kinds and path.is_file() and "mathjax" not in path.parts:
            text = path.read_text("utf8", errors="ignore")
            # A page for instructors shows an exercise of its own, with its markers.
            written = pages.get(path.stem, "") if path.parent.name == "book" else ""
            for marker in ("# BEGIN SOLUTION", "# BEGIN HIDDEN TESTS"):
                assert text.count(marker) <= written.count(marker), path
