"""What each page says of itself in its head, and the map on the cover."""

import posixpath
import re
from pathlib import Path

import pytest
import yaml

from tests.web.test_links import Reader

ROOT = Path(__file__).resolve().parents[2]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
PAGES = [TOC["root"], *(c["file"] for part in TOC["parts"] for c in part["chapters"])]
CHAPTERS = [page for page in PAGES if re.search(r"/\d\d_", page)]

pytestmark = pytest.mark.web


class Head(Reader):
    """Collects, besides links, a page's title and its meta tags."""

    def __init__(self, text: str) -> None:
        self.title, self.meta = "", {}
        self.is_in_title = False
        super().__init__(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a meta tag by its name."""
        super().handle_starttag(tag, attrs)
        found = dict(attrs)
        name = found.get("name") or found.get("property")
        if tag == "meta" and name and name != "viewport":
            assert name not in self.meta, name
            self.meta[name] = found["content"]
        # Pictures within the page have titles too.
        self.is_in_title = tag == "title" and not self.title

    def handle_data(self, data: str) -> None:
        """Note the title."""
        if self.is_in_title:
            self.title += data

    def handle_endtag(self, tag: str) -> None:
        """The title ends."""
        self.is_in_title = False


@pytest.fixture(scope="module")
def heads(site: Path) -> dict[str, Head]:
    """Each page of _toc.yml."""
    return {p: Head((site / f"{p}.html").read_text("utf8")) for p in PAGES}


def test_each_title_is_the_pages_own_and_names_the_book(heads):
    titles = {page: head.title for page, head in heads.items()}
    assert len(set(titles.values())) == len(PAGES)
    cover = titles.pop(TOC["root"])
    assert cover == "Flowbook — Generative models with a likelihood"
    assert [t for t in titles.values() if not re.fullmatch(r"\S.* — Flowbook", t)] == []


def test_each_page_describes_itself_in_plain_words(heads):
    texts = {page: head.meta["description"] for page, head in heads.items()}
    assert len(set(texts.values())) == len(PAGES)
    for page, text in texts.items():
        assert 50 <= len(text) <= 202, (page, text)
        assert not re.search(r"[$\\{}<>]|\s\s", text), (page, text)
        assert re.search(r"[.?!…]$", text), (page, text)


def test_the_card_of_each_page_is_complete(heads, site):
    for page, head in heads.items():
        assert head.meta["og:site_name"] == "Flowbook"
        assert head.meta["og:description"] == head.meta["description"]
        title = head.meta["og:title"]
        assert title in head.title, page
        assert head.meta["og:type"] == ("website" if page == TOC["root"] else "article")
        assert head.meta["twitter:card"] == "summary_large_image"


def test_the_picture_of_the_card_is_there_and_has_its_size(heads, site):
    for page, head in heads.items():
        path = posixpath.join(posixpath.dirname(page), head.meta["og:image"])
        data = (site / path).read_bytes()
        size = [int.from_bytes(data[at : at + 4], "big") for at in (16, 20)]
        assert size == [1200, 630]
        assert size == [int(head.meta[f"og:image:{s}"]) for s in ("width", "height")]
        assert head.meta["og:image:alt"]


def test_the_cover_names_every_chapter_and_links_those_that_exist(site):
    html = (site / f"{TOC['root']}.html").read_text("utf8")
    course = re.search(r'<nav class="course-map".*?</nav>', html, re.DOTALL)[0]
    numbers = re.findall(r'<span class="number">(\d+)</span>', course)
    assert numbers == [str(number) for number in range(21)]
    links = re.findall(r'<a href="(\w+)\.html"><span class="number">(\d+)<', course)
    expected = [(Path(page).name, str(int(Path(page).name[:2]))) for page in CHAPTERS]
    assert links == expected


def test_each_chapter_of_the_map_is_reached_by_the_keyboard(visit, address):
    visit.open(f"{address}/{TOC['root']}.html")
    links = visit.page.locator(".course-map a")
    links.first.focus()
    for _ in range(len(CHAPTERS) - 1):
        visit.page.keyboard.press("Tab")
    last = links.last.get_attribute("href")
    assert visit.page.evaluate("document.activeElement.getAttribute('href')") == last
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_url(f"**/{last}")
    assert visit.problems == []
