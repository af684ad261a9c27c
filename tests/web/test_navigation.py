"""Readers find their way: sidebar, previous and next, on-page contents, search."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.web.conftest import CHAPTERS, PAGES, Visit

pytestmark = pytest.mark.web

# A word of each chapter's body that is not in its title.
TERMS = {
    "book/00_how_to_use": "leibniz",
    "book/01_densities": "histogram",
    "book/02_one_dimension": "kolmogorov",
    "book/03_many_dimensions": "jacobian",
    "book/04_linear": "householder",
    "book/05_elementwise": "bisection",
    "book/06_coupling": "checkerboard",
    "book/07_autoregressive": "masked",
    "book/08_reverse_kl": "wavenet",
    "book/09_contraction_mappings": "banach",
    "book/10_log_dets_and_time": "roulette",
    "book/11_images": "checkerboard",
    "book/12_gaussianization": "rosenblatt",
    "book/13_latent_variables": "responsibilities",
    "book/14_elbo": "reconstruction",
    "book/15_gradients": "reparameterisation",
    "book/16_tighter_bounds": "frullani",
    "book/17_hierarchies_and_codes": "codebook",
    "book/18_information": "distortion",
    "book/19_autoencoders_and_gans": "bessel",
    "book/20_one_zoo": "pinsker",
}


@pytest.fixture(scope="module")
def windows(browser, address, site) -> Iterator[dict[str, Visit]]:
    """A window over http and one on the files themselves, kept for all searches."""
    contexts = [browser.new_context(), browser.new_context(offline=True)]
    homes = [address, site.as_uri()]
    yield {home: Visit(c, home) for c, home in zip(contexts, homes, strict=True)}
    for context in contexts:
        context.close()


def test_every_chapter_has_a_term_to_search_for():
    assert list(TERMS) == CHAPTERS


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_search_finds_a_term_of_each_chapter_also_without_a_server(windows, name):
    for home, window in windows.items():
        window.page.goto(f"{home}/search.html?q={TERMS[name]}")
        found = window.page.locator(f"#search-results a[href*='{name}.html']").first
        found.wait_for(timeout=10_000)
        assert TERMS[name] not in found.inner_text().lower()  # by more than the title
        assert window.problems == []


def test_the_search_finds_both_spellings_of_a_word(visit, address):
    found = []
    for word in ("reparameterisation", "reparameterization"):
        visit.page.goto(f"{address}/search.html?q={word}")
        summary = visit.page.locator("#search-results .search-summary")
        expect(summary).to_contain_text("found", timeout=10_000)  # when all are there
        hits = visit.page.locator("#search-results li a").all()
        found.append({hit.evaluate("(a) => a.pathname") for hit in hits})
    assert found[0] == found[1]
    assert any(path.endswith("/15_gradients.html") for path in found[0])
    assert visit.problems == []


def test_an_excerpt_of_the_search_shows_no_tex(visit, address):
    visit.page.goto(f"{address}/search.html?q=determinant")
    visit.page.locator("#search-results .context").nth(9).wait_for(timeout=10_000)
    excerpts = visit.page.locator("#search-results .context").all_inner_texts()
    assert any("…" in each for each in excerpts)
    assert [each for each in excerpts if "\\" in each or "$" in each] == []


def test_the_search_box_leads_to_the_page_with_the_term(visit, address):
    visit.open(f"{address}/{PAGES[0]}.html")
    visit.page.keyboard.press("Control+k")
    visit.page.keyboard.type("householder")
    visit.page.keyboard.press("Enter")
    visit.page.locator("#search-results a[href*='04_linear']").first.click()
    visit.page.wait_for_url("**/book/04_linear.html*")
    assert visit.problems == []


def test_next_leads_through_the_whole_book_and_previous_back(visit, address):
    visit.leave_formulas()
    visit.page.goto(f"{address}/{PAGES[0]}.html")
    for here, there in pairwise(PAGES):
        visit.page.locator("a.right-next").click(no_wait_after=True)
        visit.page.wait_for_url(f"**/{there}.html", wait_until="domcontentloaded")
        back = visit.page.locator("a.left-prev")
        assert back.evaluate("(a) => a.href").endswith(f"/{here}.html")
    assert visit.page.locator("a.right-next").count() == 0
    assert visit.problems == []


@pytest.mark.parametrize("width", [1300, 420])
def test_the_contents_of_a_page_lead_to_its_sections(visit, address, width):
    visit.page.set_viewport_size({"width": width, "height": 900})
    visit.open(f"{address}/{CHAPTERS[4]}.html")
    if width == 420:
        visit.page.locator("button.secondary-toggle").first.click()
    link = visit.page.locator(".bd-sidebar-secondary .page-toc a:visible").last
    section = link.get_attribute("href")
    link.click()
    heading = visit.page.locator(f"{section} > :is(h2, h3)")
    expect(heading).to_be_in_viewport()
    assert visit.page.url.endswith(section)
    assert visit.problems == []


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
