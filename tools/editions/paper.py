"""The whole book as one PDF: page numbers, an outline, links that lead within it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml
from playwright.sync_api import Page as Tab
from pypdf import PageObject, PdfReader, PdfWriter
from pypdf.annotations import Link
from pypdf.generic import Destination, Fit

from tools.editions.printing import PAPER, Printed, browser_tab, print_pages

FOOTER = """<style>
@page { margin: 0 }
body { margin: 0; font: 8.5pt "DejaVu Sans", sans-serif; color: #555 }
div { position: relative; height: 296.9mm; break-after: page }
p { position: absolute; bottom: 9mm; left: 18mm; right: 18mm; margin: 0;
    display: flex; justify-content: space-between }
</style>"""


@dataclass(frozen=True)
class Part:
    """A part of _toc.yml; what stands before the first one has no caption."""

    caption: str
    names: list[str]


@dataclass
class Book:
    """The PDF on its way: where each page of the book begins, and its places."""

    writer: PdfWriter = field(default_factory=PdfWriter)
    starts: dict[str, int] = field(default_factory=dict)
    places: dict[tuple[str, str], tuple[int, Fit]] = field(default_factory=dict)
    footers: list[str] = field(default_factory=list)
    links: list[tuple[int, str, Any]] = field(default_factory=list)

    def add(self, page: Printed) -> None:
        """Put a printed page of the book behind the others."""
        reader = PdfReader(BytesIO(page.pdf))
        start = self.starts[page.name] = len(self.writer.pages)
        for name, place in reader.named_destinations.items():
            number = reader.get_destination_page_number(place)
            anchor = unquote(name.removeprefix("/"))
            self.places[page.name, anchor] = start + number, position(place)
        for number, sheet in enumerate(reader.pages, start):
            links = (note.get_object() for note in sheet.get("/Annots", ()))
            self.links += [(number, page.name, link) for link in links]
            self.writer.add_page(sheet, excluded_keys=("/Annots", "/StructParents"))
            self.footers.append(page.title if number > start else "")

    def place(self, name: str, anchor: str = "") -> tuple[int, Fit] | None:
        """Where an anchor of a page of the book is, or else where the page begins."""
        start = self.starts.get(name)
        beginning = None if start is None else (start, Fit.fit_horizontally())
        return self.places.get((name, anchor), beginning)


def make(root: Path, site: Path, target: Path) -> Path:
    """Print the built book with Debian's Chromium; the PDF's path."""
    with browser_tab() as tab:
        return write(tab, root, site, target)


def write(tab: Tab, root: Path, site: Path, target: Path) -> Path:
    """Print the built book in the order of _toc.yml; the PDF's path."""
    title = yaml.safe_load((root / "_config.yml").read_text("utf8"))["title"]
    parts = list(contents(root))
    names = [name for part in parts for name in part.names]
    book, printed = Book(), {}
    for page in print_pages(tab, site, names):
        print(f"  {page.title}", flush=True)
        printed[page.name] = page
        book.add(page)
    stamp(book, footers(tab, book.footers))
    for number, name, link in book.links:
        lead(book, site, number, name, link)
    outline(book, parts, printed)
    book.writer.add_metadata({"/Title": title})
    book.writer.page_mode = "/UseOutlines"
    book.writer.write(target)
    return target


def contents(root: Path) -> Iterator[Part]:
    """The parts of the book."""
    toc = yaml.safe_load((root / "_toc.yml").read_text("utf8"))
    yield Part("", [toc["root"]])
    for part in toc["parts"]:
        yield Part(part["caption"], [chapter["file"] for chapter in part["chapters"]])


def position(place: Destination) -> Fit:
    """The point of a sheet that a destination names."""
    return Fit.xyz(left=place.left, top=place.top)


def footers(tab: Tab, titles: list[str]) -> list[PageObject]:
    """Empty sheets with a chapter's title, if there is one, and the number below."""
    lines = (
        f"<div><p><span>{escape(title)}</span><span>{number}</span></p></div>"
        for number, title in enumerate(titles, 1)
    )
    tab.set_content(FOOTER + "".join(lines))
    return PdfReader(BytesIO(tab.pdf(**PAPER))).pages[: len(titles)]


def stamp(book: Book, sheets: list[PageObject]) -> None:
    """Lay each footer over its sheet."""
    for page, sheet in zip(book.writer.pages, sheets, strict=True):
        page.merge_page(sheet)
        page.compress_content_streams()


def lead(book: Book, site: Path, number: int, name: str, link: Any) -> None:
    """Make a link of a printed page one of the PDF; drop what leads nowhere there."""
    url = link["/A"].get("/URI", "") if "/A" in link else ""
    if url.startswith(("http:", "https:")):
        book.writer.add_annotation(number, Link(rect=link["/Rect"], url=url))
        return
    if url:
        parts = urlsplit(url)
        path = Path(unquote(parts.path))
        if not path.is_relative_to(site):
            return
        page = path.relative_to(site).with_suffix("").as_posix()
        place = book.place(page, unquote(parts.fragment))
    else:
        place = book.place(name, unquote(str(link["/Dest"]).removeprefix("/")))
    if place:
        page, fit = place
        note = Link(rect=link["/Rect"], target_page_index=page, fit=fit)
        book.writer.add_annotation(number, note)


def outline(book: Book, parts: list[Part], printed: dict[str, Printed]) -> None:
    """List parts, chapters and their sections beside the sheets."""
    add = book.writer.add_outline_item
    for part in parts:
        above = None
        if part.caption:
            first = book.starts[part.names[0]]
            above = add(title=part.caption, page_number=first)
        for name in part.names:
            page, start = printed[name], book.starts[name]
            entry = add(
                title=page.title, page_number=start, parent=above, is_open=False
            )
            for anchor, heading in page.headings:
                number, fit = book.place(name, anchor)
                add(title=heading, page_number=number, parent=entry, fit=fit)
