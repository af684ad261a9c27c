"""Every page of the book, as a reader sees it: wide and narrow, light and dark."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
PAGES = [TOC["root"], *(c["file"] for part in TOC["parts"] for c in part["chapters"])]
CHAPTERS = [page for page in PAGES if re.search(r"/\d\d_", page)]

pytestmark = pytest.mark.web

# What is wrong with the page that is open, in words.
LOOK = """() => {
  const problems = [];
  const main = document.querySelector("article");
  const sources = main.querySelectorAll(".math");
  for (const node of sources)
    if (!node.querySelector("mjx-container")) problems.push("raw: " + node.textContent);
  for (const node of main.querySelectorAll("mjx-merror"))
    problems.push("TeX error: " + node.textContent);
  for (const img of document.images)
    if (!img.complete || img.naturalWidth === 0) problems.push("no image: " + img.src);
  for (const img of main.querySelectorAll("figure img, .cell_output img")) {
    const style = getComputedStyle(img);
    if (style.backgroundColor !== "rgba(0, 0, 0, 0)" || style.filter !== "none")
      problems.push("image on a box: " + img.src);
    if (!img.alt) problems.push("no alternative text: " + img.src);
  }
  const text = main.cloneNode(true);
  text.querySelectorAll(".math, mjx-container, script, style, pre, code, svg")
    .forEach((node) => node.remove());
  const syntax = /\\$\\$|\\\\(begin|frac|lvert|mathbb)|\\{\\w+\\}`|^:::/m;
  const raw = text.textContent.match(syntax);
  if (raw) problems.push("raw syntax: " + raw[0]);
  const wide = document.documentElement.scrollWidth - window.innerWidth;
  if (wide > 0) problems.push(`scrolls sideways by ${wide} pixels`);
  return problems;
}"""


def settle(page) -> None:
    """Let lazy images load and the layout answer to a new size."""
    page.evaluate(
        "() => Promise.all([...document.images].map((i) => (i.loading = 'eager', "
        "i.decode().catch(() => null))))"
    )


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_wide_and_narrow_light_and_dark(visit, address, name):
    visit.open(f"{address}/{name}.html")
    settle(visit.page)
    found = visit.page.evaluate(LOOK)
    visit.page.set_viewport_size({"width": 420, "height": 900})
    visit.page.emulate_media(color_scheme="dark")
    visit.page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    found += visit.page.evaluate(LOOK)
    assert found + visit.problems == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_needs_no_server_and_no_network(offline, site, name):
    offline.open(f"{site.as_uri()}/{name}.html")
    settle(offline.page)
    assert offline.page.evaluate(LOOK) + offline.problems == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_search_finds_each_chapter(visit, address, name):
    visit.open(f"{address}/{name}.html")
    title = visit.page.locator("article h1").evaluate(
        "(h1) => [...h1.childNodes].filter((n) => n.nodeType === 3)"
        ".map((n) => n.data).join(' ')"
    )
    words = " ".join(re.findall(r"\w{4,}", title))
    visit.page.goto(f"{address}/search.html?q={words}")
    found = visit.page.locator(f"#search-results a[href*='{name}.html']").first
    found.wait_for(timeout=10_000)
    assert visit.problems == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_download_is_the_chapters_notebook(visit, address, name):
    visit.open(f"{address}/{name}.html")
    visit.page.locator(".dropdown-download-buttons > button").click()
    with visit.page.expect_download() as download:
        visit.page.locator(".btn-download-notebook-button").click()
    notebook = f"{Path(name).name}.ipynb"
    assert download.value.suggested_filename == notebook
    expected = (ROOT / "notebooks" / notebook).read_bytes()
    assert Path(download.value.path()).read_bytes() == expected


def test_the_sidebar_opens_and_closes_and_leads_to_a_chapter(visit, address):
    visit.open(f"{address}/{PAGES[0]}.html")
    sidebar = visit.page.locator(".bd-sidebar-primary")
    toggle = visit.page.locator(".primary-toggle").first
    assert sidebar.is_visible()
    toggle.click()
    sidebar.wait_for(state="hidden")
    toggle.click()
    sidebar.wait_for(state="visible")
    visit.page.locator(
        f".bd-sidebar-primary a[href$='{Path(CHAPTERS[0]).name}.html']"
    ).click()
    visit.page.wait_for_url(f"**/{CHAPTERS[0]}.html")
    assert visit.problems == []


def test_the_sidebar_opens_on_a_phone(visit, address):
    visit.page.set_viewport_size({"width": 420, "height": 900})
    visit.open(f"{address}/{CHAPTERS[0]}.html")
    link = visit.page.locator(".bd-sidebar-primary a", has_text="Densities").first
    assert not link.is_visible()
    visit.page.locator(".primary-toggle").first.click()
    visit.page.locator(".bd-sidebar-primary li a").last.click()
    visit.page.wait_for_url(f"**/{PAGES[-1]}.html")
    assert visit.problems == []


def test_the_theme_switches_between_light_and_dark(visit, address):
    visit.open(f"{address}/{PAGES[0]}.html")
    colours = set()
    for _ in range(3):
        visit.page.locator(".theme-switch-button").first.click()
        colours.add(
            visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
        )
    assert len(colours) == 2


def test_a_folded_solution_opens(visit, address):
    visit.open(f"{address}/{CHAPTERS[-1]}.html")
    solution = visit.page.locator("div.solution.dropdown, details.solution").first
    body = solution.locator("p").nth(1)
    assert not body.is_visible()
    solution.locator("button, summary").first.click()
    body.wait_for(state="visible")
