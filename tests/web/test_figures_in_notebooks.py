"""An interactive figure moves in a notebook too, where no page loads its scripts."""

import re
from typing import TYPE_CHECKING

import pytest
import torch

from flowbook import interactive, plots
from flowbook.coupling import AffineCoupling, alternating_mask
from flowbook.densities import StandardNormal
from flowbook.flow import Flow
from flowbook.latent import VAE
from flowbook.likelihoods import DiscretizedLogistic

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.web


def figures() -> dict[str, interactive.InteractiveFigure]:
    """A small figure of each kind."""
    line = torch.linspace(-2.0, 2.0, 41)
    still = plots.surprise(line, -line.square())
    flow = Flow(StandardNormal(2), [AffineCoupling(alternating_mask(2, 0), 4)])
    points = torch.randn(20, 2)
    vae = VAE(64, 2, DiscretizedLogistic(), hidden=8)
    labels = torch.arange(20) % 10
    return {
        "map": interactive.map_of_line(line[::5], 1.0, 1.0, still),
        "flow": interactive.flow_steps({"one": flow}, points, points, still),
        "cobweb": interactive.cobweb(1.0, 0.9, 0.0, still),
        "latent": interactive.latent_plane(vae, points, labels, points[0], still),
    }


FIGURES = figures()


def output(kind: str) -> str:
    """The HTML of a cell that shows this figure."""
    return FIGURES[kind]._repr_mimebundle_()[0]["text/html"]


# As JupyterLab shows trusted HTML: scripts are made anew, in an output that may not
# stand in the document yet.
SHOW = """([html, attached]) => {
  const host = document.createElement("div");
  if (attached) document.body.append(host);
  host.innerHTML = html;
  if (!attached) document.body.append(host);
  for (const old of [...host.querySelectorAll("script")]) {
    const script = document.createElement("script");
    for (const { name, value } of old.attributes) script.setAttribute(name, value);
    script.textContent = old.textContent;
    old.replaceWith(script);
  }
}"""


@pytest.fixture
def page(browser: "Browser") -> "Page":
    """An empty notebook; in the end nothing may have gone wrong in it."""
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.set_content("<!doctype html><body data-jp-theme-light='true'></body>")
    yield page
    context.close()
    assert problems == []


def wait_alive(page: "Page", count: int) -> None:
    """Wait until so many figures are alive and say their numbers."""
    alive = "document.querySelectorAll('.interactive.alive .reading').length"
    page.wait_for_function(f"{alive} === {count}", timeout=15_000)


@pytest.mark.parametrize("kind", FIGURES)
def test_a_figure_comes_alive_in_an_output(page, kind):
    page.evaluate(SHOW, [output(kind), True])
    wait_alive(page, 1)
    assert page.locator(".live").is_visible()
    assert not page.locator("img.still").is_visible()
    assert page.get_by_role("slider").count() >= 1


def test_figures_of_all_kinds_live_in_one_notebook_and_again_when_a_cell_runs(page):
    for kind in [*FIGURES, "cobweb", "map"]:
        page.evaluate(SHOW, [output(kind), False])
    for index in range(len(FIGURES) + 2):
        page.locator(".interactive").nth(index).scroll_into_view_if_needed()
    wait_alive(page, len(FIGURES) + 2)
    assert page.locator(".interactive.failed").count() == 0


def test_a_figure_answers_in_a_notebook(page):
    page.evaluate(SHOW, [output("cobweb"), True])
    wait_alive(page, 1)
    page.get_by_role("button", name="iterate").click()
    page.wait_for_function("document.body.innerText.includes('After 40 steps')")


@pytest.mark.parametrize(
    ("where", "name", "dark", "light"),
    [
        ("body", "data-jp-theme-light", "false", "true"),  # JupyterLab
        ("body", "class", "vscode-dark", "vscode-light"),
        ("html", "theme", "dark", "light"),  # Colab
    ],
)
def test_a_figure_follows_the_theme_of_the_editor(page, where, name, dark, light):
    page.evaluate(SHOW, [output("cobweb"), True])
    wait_alive(page, 1)
    set_theme = f"(e, value) => e.setAttribute('{name}', value)"
    page.locator(where).evaluate(set_theme, light)
    page.evaluate("window.before = document.querySelector('canvas').toDataURL()")
    now = "document.querySelector('canvas').toDataURL()"
    page.locator(where).evaluate(set_theme, dark)
    page.wait_for_function(f"{now} !== window.before", timeout=15_000)
    page.locator(where).evaluate(set_theme, light)
    page.wait_for_function(f"{now} === window.before", timeout=15_000)


@pytest.mark.parametrize("kind", FIGURES)
def test_the_still_picture_is_shown_where_scripts_are_taken_out(page, kind):
    html = re.sub(r"<script.*?</script>", "", output(kind), flags=re.DOTALL)
    page.set_content(html)
    assert page.locator("img.still").is_visible()
