"""Every page of the book, as a reader sees it: wide and narrow, light and dark."""

from pathlib import Path

import pytest

from tests.web.conftest import CHAPTERS, PAGES, ROOT

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

# The formulas that a reader does not see whole, solutions unfolded.
CUT_OFF = """() => {
  const folded = document.querySelectorAll(".toggle-hidden");
  folded.forEach((node) => node.classList.remove("toggle-hidden"));
  const width = (node) => node.querySelector("mjx-math").getBoundingClientRect().width;
  const isCut = (node) => !node.closest("table") && width(node) > node.clientWidth + 1;
  const all = [...document.querySelectorAll("article .math")].filter(isCut);
  return all.map((node) => node.textContent.slice(0, 80));
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
    visit.page.set_viewport_size({"width": 320, "height": 900})
    found += visit.page.evaluate(LOOK)
    assert found + visit.problems == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_needs_no_server_and_no_network(offline, site, name):
    offline.open(f"{site.as_uri()}/{name}.html")
    settle(offline.page)
    assert offline.page.evaluate(LOOK) + offline.problems == []
    offline.page.set_viewport_size({"width": 390, "height": 900})  # a common phone
    assert offline.page.evaluate(CUT_OFF) == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_download_is_the_chapters_notebook(visit, address, name):
    visit.leave_formulas()
    visit.open(f"{address}/{name}.html")
    visit.page.locator(".dropdown-download-buttons > button").click()
    with visit.page.expect_download() as download:
        visit.page.locator(".btn-download-notebook-button").click()
    notebook = f"{Path(name).name}.ipynb"
    assert download.value.suggested_filename == notebook
    expected = (ROOT / "notebooks" / notebook).read_bytes()
    assert Path(download.value.path()).read_bytes() == expected


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
    assert solution.locator(".admonition-title a").count() == 0  # a click opens it
    body = solution.locator("p").nth(1)
    assert not body.is_visible()
    solution.locator("button, summary").first.click()
    body.wait_for(state="visible")


@pytest.mark.parametrize("name", ["index", CHAPTERS[6], "search"])
def test_every_icon_is_drawn(visit, address, name):
    visit.page.goto(f"{address}/{name}.html")
    visit.page.locator("svg.svg-inline--fa").first.wait_for(state="attached")
    assert visit.page.locator("i[class*='fa-']").count() == 0  # all are replaced
    drawn = visit.page.evaluate(
        "() => [...document.querySelectorAll('svg.svg-inline--fa')].map((icon) =>"
        " [icon.dataset.icon, icon.querySelector('path')?.getAttribute('d') ?? ''])"
    )
    assert len(drawn) >= 7
    assert [icon for icon, lines in drawn if len(lines) < 20] == []
