"""Every page is right for readers who listen, who use the keyboard, or who zoom."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT

from tests.web.conftest import PAGES, Visit

pytestmark = pytest.mark.web


@pytest.fixture(scope="module")
def reader(browser, address) -> Iterator[Visit]:
    """One window of a reader who wants no motion: its pages do not fade or slide."""
    context = browser.new_context(reduced_motion="reduce")
    yield Visit(context, address)
    context.close()


OPENED = [*PAGES, "search", "genindex"]


@pytest.fixture(scope="module", params=OPENED)
def page(request, reader, address):
    """Each page in turn, opened once for all tests of it."""
    reader.page.set_viewport_size({"width": 1300, "height": 900})
    reader.page.emulate_media(color_scheme="light")
    reader.open(f"{address}/{request.param}.html")
    return reader.page


# What a screen reader would stumble over, in words.
OUTLINE = """() => {
  const problems = [];
  if (document.documentElement.lang !== "en") problems.push("no language");
  if (document.querySelectorAll("main").length !== 1) problems.push("not one main");
  let level = 0;
  for (const heading of document.querySelectorAll("main :is(h1, h2, h3, h4, h5, h6)")) {
    if (!heading.checkVisibility()) continue; // the theme's title for print
    const [next, text] = [Number(heading.tagName[1]), heading.innerText];
    if (next > level + 1) problems.push(`h${level}, then h${next}: ${text}`);
    if (next === 1 && level > 0) problems.push("a second h1: " + text);
    level = next;
  }
  if (level === 0) problems.push("no heading");
  for (const image of document.querySelectorAll("main img"))
    if (!image.alt) problems.push("no alternative text: " + image.src);
  for (const formula of document.querySelectorAll("mjx-container"))
    if (!formula.querySelector("mjx-assistive-mml math"))
      problems.push("a formula that is not read: " + formula.innerHTML.slice(0, 80));
  for (const term of document.querySelectorAll("dt"))
    if (/[\u4e00-\u9fff]/.test(term.textContent) && !term.querySelector("[lang|=zh]"))
      problems.push("Chinese that is read as English: " + term.textContent);
  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  const twice = ids.filter((id, index) => ids.indexOf(id) < index);
  return [...problems, ...twice.map((id) => "twice on the page: #" + id)];
}"""


def test_headings_pictures_and_formulas_are_read_in_order(page):
    assert page.evaluate(OUTLINE) == []


# Give every control the focus as the Tab key does; say which show no change.
FOCUS = """() => {
  const styles = (node) => {
    const s = getComputedStyle(node);
    return [s.outline, s.boxShadow, s.borderColor, s.backgroundColor, s.textDecoration];
  };
  // A control may show its focus on its label, on what stands around it or beside it.
  const look = (node) => {
    const near = [node, node.parentElement, node.nextElementSibling];
    return near.filter(Boolean).flatMap(styles).join();
  };
  const problems = [];
  const all = "a[href], button, input, select, summary, [role=button], [tabindex='0']";
  for (const control of document.querySelectorAll(all)) {
    const isShown = control.checkVisibility({ visibilityProperty: true });
    if (!isShown || control.disabled) continue;
    document.activeElement.blur();
    const before = look(control);
    control.focus({ preventScroll: true });
    const what = control.outerHTML.slice(0, 120);
    if (control.tabIndex < 0) problems.push("not reached by keyboard: " + what);
    else if (look(control) === before) problems.push("focus is not seen: " + what);
  }
  return problems;
}"""


def test_every_control_is_reached_by_keyboard_and_shows_its_focus(page):
    # Wake the figures: their controls do not exist before.
    for figure in page.locator(".interactive").all():
        figure.scroll_into_view_if_needed()
        figure.locator(".reading").wait_for(timeout=15_000)
    page.keyboard.press("Tab")  # from now on the browser shows the focus
    assert page.evaluate(FOCUS) == []


# axe would look at every letter of every formula, which are hidden from screen readers,
# and at every token of the code, of which one of each kind is enough. It takes a third
# of the time without them.
SIMPLIFY = """() => {
  const formulas = [...document.querySelectorAll("mjx-math")];
  const sizes = formulas.map((formula) => formula.getBoundingClientRect());
  formulas.forEach((formula, index) => {
    const box = document.createElement("span");
    const { width, height } = sizes[index];
    box.style.cssText = `display: inline-block; width: ${width}px; height: ${height}px`;
    formula.replaceWith(box);
  });
  const seen = new Set();
  for (const token of document.querySelectorAll(".highlight pre span[class]")) {
    if (seen.has(token.className)) token.replaceWith(...token.childNodes);
    seen.add(token.className);
  }
  document.querySelectorAll(".highlight pre").forEach((code) => code.normalize());
}"""

AXE = """async () => {
  const { violations } = await axe.run({ resultTypes: ["violations"] });
  const grave = violations.filter((v) => ["serious", "critical"].includes(v.impact));
  return grave.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.html.slice(0, 120)} (${node.failureSummary})`)
  );
}"""


# Some time after a window has a new size the theme lets keys reach what scrolls then.
REACHED = """() => [...document.querySelectorAll("pre")].every(
  (code) => code.scrollWidth <= code.clientWidth || code.tabIndex >= 0
)"""

# Pages take turns; one of each kind is seen in all four combinations.
LOOKS = [(420, "dark"), (1300, "light"), (420, "light"), (1300, "dark")]
SEEN_IN_ALL = ("index", "06_coupling", "appendix_b_errata", "search")


def test_axe_finds_nothing_serious_wide_or_narrow_light_or_dark(page):
    page.set_viewport_size({"width": 420, "height": 900})
    page.wait_for_timeout(500)  # the theme waits for a window to keep its size
    page.evaluate(SIMPLIFY)
    page.evaluate(AXE_SCRIPT)
    found = {}
    path = urlsplit(page.url).path.removesuffix(".html")
    turn = next(i for i, name in enumerate(OPENED) if path.endswith(f"/{name}"))
    in_all = path.endswith(SEEN_IN_ALL)
    for width, theme in LOOKS if in_all else [LOOKS[turn % 4]]:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme)
        page.wait_for_function(
            "(theme) => document.documentElement.dataset.theme === theme", arg=theme
        )
        page.wait_for_function(REACHED)
        found[width, theme] = page.evaluate(AXE)
    assert {look: each for look, each in found.items() if each} == {}


def test_the_first_tab_leads_past_the_navigation(visit, address):
    visit.open(f"{address}/{PAGES[1]}.html")
    visit.page.keyboard.press("Tab")
    skip = visit.page.locator("a", has_text="Skip to main content").first
    skip.wait_for(state="visible")
    visit.page.wait_for_function(
        "document.activeElement.getBoundingClientRect().top >= 0"
    )
    visit.page.keyboard.press("Enter")
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate(
        "document.querySelector('#main-content').contains(document.activeElement)"
    )


def test_a_wide_equation_is_scrolled_by_keyboard(visit, address):
    visit.page.set_viewport_size({"width": 320, "height": 900})
    visit.open(f"{address}/book/03_many_dimensions.html")
    equation = visit.page.locator('mjx-container[display="true"][tabindex="0"]').first
    equation.focus()
    visit.page.keyboard.press("ArrowRight")
    visit.page.wait_for_function("document.activeElement.scrollLeft > 0")


def test_wide_code_is_a_stop_for_the_keyboard_once_it_is_unfolded(visit, address):
    visit.leave_formulas()
    visit.open(f"{address}/book/03_many_dimensions.html")
    for title in visit.page.locator("article .solution > .admonition-title").all():
        title.click()
    # The theme measures again when the window is resized: here it is not.
    visit.page.wait_for_function(
        """() => {
          const code = [...document.querySelectorAll("article .solution pre")];
          const wide = code.filter((node) => node.scrollWidth > node.clientWidth);
          return wide.length > 0 && wide.every((node) => node.tabIndex === 0);
        }"""
    )
