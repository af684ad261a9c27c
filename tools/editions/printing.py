"""Prints the built pages with Chromium, each one a PDF that knows its headings."""

import posixpath
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from playwright.sync_api import Page as Tab
from playwright.sync_api import sync_playwright

ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu"]
PATIENCE = 300_000  # milliseconds: of the largest page, on a busy machine
PAPER = {"format": "A4", "print_background": True}
LINK = re.compile(r'href="([\w./-]*)#([^"]+)"')

# Chromium notes a place in the PDF for what the same page links to, and only for that.
NAME_PLACES = """(ids) => {
  for (const id of ids) {
    const link = document.createElement("a");
    link.href = "#" + encodeURIComponent(id);
    document.querySelector("article").append(link);
  }
}"""
SETTLE = """async () => {
  await document.fonts.ready;
  for (const image of document.images) image.loading = "eager";
  await Promise.all([...document.images].map((image) => image.decode()));
}"""
HEADINGS = """() => [...document.querySelectorAll("article section > section")]
  .filter((section) => section.parentElement.parentElement.tagName !== "SECTION")
  .map((section) => {
    const heading = section.querySelector("h2").cloneNode(true);
    heading.querySelectorAll(".headerlink").forEach((node) => node.remove());
    heading.querySelectorAll("mjx-container").forEach((node) =>
      node.replaceWith(node.querySelector("mjx-assistive-mml")?.textContent ?? ""));
    return [section.id, heading.textContent.trim()];
  })"""
TITLE = """() => {
  const heading = document.querySelector("article h1").cloneNode(true);
  heading.querySelectorAll(".headerlink").forEach((node) => node.remove());
  return heading.textContent.trim();
}"""


@dataclass(frozen=True)
class Printed:
    """One page of the book on paper."""

    name: str  # as in _toc.yml
    title: str
    headings: list[tuple[str, str]]  # anchor and text of each section
    pdf: bytes


@contextmanager
def browser_tab() -> Iterator[Tab]:
    """A tab of Debian's Chromium; RuntimeError where there is none."""
    chromium = shutil.which("chromium")
    if not chromium:
        raise RuntimeError(
            "chromium is not installed: sudo apt-get install chromium, or in a "
            "browser print a page with its download button."
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser.new_page(color_scheme="light")
        browser.close()


def print_pages(tab: Tab, site: Path, names: Sequence[str]) -> Iterator[Printed]:
    """Print the pages of these names, in their order."""
    wanted = anchors(site, names)
    for name in names:
        tab.goto((site / f"{name}.html").as_uri(), timeout=PATIENCE)
        tab.evaluate("() => window.MathJax ? MathJax.startup.promise : null")
        tab.evaluate(SETTLE)
        headings = tab.evaluate(HEADINGS)
        ids = wanted[name] | {anchor for anchor, _ in headings}
        title = tab.evaluate(TITLE)
        tab.evaluate(NAME_PLACES, sorted(ids))
        yield Printed(name, title, headings, tab.pdf(**PAPER))


def anchors(site: Path, names: Sequence[str]) -> dict[str, set[str]]:
    """The anchors of each page that some page links to."""
    wanted: dict[str, set[str]] = {name: set() for name in names}
    for name in names:
        html = (site / f"{name}.html").read_text("utf8")
        for target, anchor in LINK.findall(html):
            path = posixpath.join(posixpath.dirname(name), target)
            page = posixpath.normpath(path).removesuffix(".html") if target else name
            if page in wanted:
                wanted[page].add(unquote(anchor))
    return wanted
