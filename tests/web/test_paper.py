"""The book on paper: `make pdf`, with three pages of the built book."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pypdf import PdfReader
from pypdf.generic import Destination

from tools.editions import paper

pytestmark = pytest.mark.web

NAMES = ["book/index", "book/00_how_to_use", "book/notation"]


@pytest.fixture(scope="module")
def printed(browser, site: Path, tmp_path_factory) -> PdfReader:
    """The cover, a chapter and the notation, printed from a dark screen."""
    root = tmp_path_factory.mktemp("paper")
    parts = [
        {"caption": "Foundations", "chapters": [{"file": NAMES[1]}]},
        {"caption": "Reference", "chapters": [{"file": NAMES[2]}]},
    ]
    (root / "_toc.yml").write_text(yaml.safe_dump({"root": NAMES[0], "parts": parts}))
    (root / "_config.yml").write_text("title: Flowbook\n")
    tab = browser.new_page(color_scheme="dark")
    made = paper.write(tab, root, site, root / "book.pdf")
    tab.close()
    return PdfReader(made)


@pytest.fixture(scope="module")
def words(printed) -> list[str]:
    """What each sheet says."""
    return [sheet.extract_text() for sheet in printed.pages]


def entries(reader: PdfReader) -> Iterator[tuple[int, Destination]]:
    """The outline, each entry with its depth."""

    def walk(items: list, depth: int) -> Iterator[tuple[int, Destination]]:
        for item in items:
            if isinstance(item, list):
                yield from walk(item, depth + 1)
            else:
                yield depth, item

    return walk(reader.outline, 0)


def test_the_outline_is_parts_chapters_and_sections(printed):
    shown = [(depth, entry.title) for depth, entry in entries(printed)]
    assert (0, "Generative models with a likelihood") in shown
    assert (0, "Foundations") in shown
    assert (1, "0. How to use this book") in shown
    assert (2, "The Jacobian") in shown
    numbers = [printed.get_destination_page_number(e) for _, e in entries(printed)]
    assert numbers == sorted(numbers)


def test_a_section_of_the_outline_begins_where_it_says(printed, words):
    for depth, entry in entries(printed):
        if depth == 2:
            sheet = words[printed.get_destination_page_number(entry)]
            assert entry.title in sheet


def test_each_sheet_has_its_number(words):
    for number, text in enumerate(words, 1):
        assert str(number) in text.split("\n")[-1] + text.split("\n")[-2], number


def test_links_lead_within_the_book_or_into_the_web(printed):
    inner = 0
    for sheet in printed.pages:
        for note in sheet.get("/Annots", ()):
            link = note.get_object()
            if "/A" in link:
                assert link["/A"]["/URI"].startswith("http")
            else:
                inner += 1
    assert inner > 5


def test_the_cover_leads_to_the_chapter(printed):
    starts = {
        e.title: printed.get_destination_page_number(e) for _, e in entries(printed)
    }
    links = (note.get_object() for note in printed.pages[0]["/Annots"])
    goals = {printed.pages.index(each["/Dest"][0].get_object()) for each in links}
    assert starts["0. How to use this book"] in goals


def test_paper_shows_the_text_alone_with_every_solution(words):
    text = " ".join(words)
    for of_the_screen in (
        "Skip to main",
        "Search",
        "Show code cell",
        "Click to",
        "runs in",
    ):
        assert of_the_screen not in text, of_the_screen
    assert "Solution to Exercise 0.1" in text
    assert "Contents" not in words[NAMES.index("book/00_how_to_use")]


def test_paper_is_white_and_the_screen_stays_dark(offline, site):
    offline.open(f"{site.as_uri()}/{NAMES[0]}.html")
    theme = "document.documentElement.dataset.theme"
    seen = [offline.page.evaluate(theme)]
    for event in ("beforeprint", "afterprint"):
        offline.page.evaluate(f"dispatchEvent(new Event('{event}'))")
        seen.append(offline.page.evaluate(theme))
    assert seen == ["dark", "light", "dark"]
