"""From an equation to its code, and from a chapter to its assignment, in a browser."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.web

IS_IN_VIEW = """(node) => {
  const { top, bottom } = node.getBoundingClientRect();
  const header = document.querySelector(".bd-header-article").getBoundingClientRect();
  return top >= header.bottom && bottom <= innerHeight;
}"""


def test_keys_lead_from_an_equation_to_its_cell_and_back_on_a_phone(visit, address):
    visit.page.emulate_media(reduced_motion="reduce")
    visit.page.set_viewport_size({"width": 420, "height": 900})
    visit.open(f"{address}/book/06_coupling.html")
    visit.page.locator("#equation-coupling + .equation-code a").first.focus()
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_url("**#code-coupling")
    assert visit.page.locator("#code-coupling").evaluate(IS_IN_VIEW)
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_url("**#equation-coupling")
    assert visit.problems == []


def test_a_chapter_hands_out_its_assignment_as_students_get_it(visit, address):
    visit.open(f"{address}/book/09_contraction_mappings.html")
    with visit.page.expect_download() as download:
        visit.page.locator(".closing a.download").click()
    name = "a7_contraction_mappings"
    assert download.value.suggested_filename == f"{name}.ipynb"
    expected = ROOT / f"notebooks/assignments/{name}/{name}.ipynb"
    assert Path(download.value.path()).read_bytes() == expected.read_bytes()
