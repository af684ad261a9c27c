"""The errata page: a statement is found by its words, its subject, or its anchor."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.web

PAGE = "book/appendix_b_errata.html"
SHOWN = "section:has(> span[id^='err-']):visible"


def test_words_and_a_subject_find_statements(visit, address):
    visit.open(f"{address}/{PAGE}")
    every = visit.page.locator(SHOWN).count()
    said = visit.page.locator(".errata-filter span")
    expect(said).to_have_text(f"{every} of {every}")
    visit.page.get_by_label("Find a statement").fill("volume ADDITIVE")
    found = visit.page.locator(SHOWN)
    assert 1 <= found.count() < every / 10
    for statement in found.all():
        text = statement.inner_text().lower()
        assert "volume" in text
        assert "additive" in text
    visit.page.get_by_label("Find a statement").fill("")
    subject = visit.page.get_by_label("Subject")
    subject.select_option("Codes")
    assert 1 <= visit.page.locator(SHOWN).count() < every / 5
    subject.select_option("All subjects")
    expect(said).to_have_text(f"{every} of {every}")
    assert visit.problems == []


def test_a_link_to_a_statement_shows_it_whatever_is_searched_for(offline, site):
    offline.open(f"{site.as_uri()}/{PAGE}")
    offline.page.get_by_label("Find a statement").fill("no statement says this")
    assert offline.page.locator(SHOWN).count() == 0
    offline.page.evaluate("location.hash = '#err-log-normal'")
    expect(offline.page.locator("section:has(> #err-log-normal)")).to_be_in_viewport()
    assert offline.problems == []
