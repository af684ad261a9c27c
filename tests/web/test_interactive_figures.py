"""The interactive figures answer to mouse, keys and touch, with the right numbers."""

import base64
import json
import math
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.nn.utils import vector_to_parameters

from flowbook.adversarial import jensen_shannon
from flowbook.coupling import AdditiveCoupling, AffineCoupling, SplineCoupling
from flowbook.densities import StandardNormal
from flowbook.flow import Flow, Layer
from flowbook.information import water_filling
from flowbook.likelihoods import DiscretizedLogistic
from flowbook.linear import Diagonal
from flowbook.nets import mlp
from tests.web.conftest import Visit

if TYPE_CHECKING:
    from playwright.sync_api import Locator

PAGES = {
    "determinant": "00_how_to_use",
    "map": "02_one_dimension",
    "flow": "03_many_dimensions",
    "coupling": "06_coupling",
    "two flows": "06_coupling",
    "cobweb": "09_contraction_mappings",
    "drift": "10_log_dets_and_time",
    "latent": "14_elbo",
    "vae": "14_elbo",
    "beta": "18_information",
    "distance": "19_autoencoders_and_gans",
}

KINDS = {"two flows": "flow"}  # of other names: the name itself

pytestmark = pytest.mark.web


class Figure:
    """One interactive figure on an open page."""

    def __init__(self, page: object, name: str) -> None:
        kind = KINDS.get(name, name)
        self.page = page
        self.selector = f'.interactive[data-figure="{kind}"]'
        self.root: Locator = page.locator(self.selector).first

    def wake(self) -> "Figure":
        """Scroll to it, and wait until it is alive and has said its numbers."""
        # Pages scroll smoothly; a test does not wait for that.
        self.root.evaluate(
            "e => e.scrollIntoView({block: 'center', behavior: 'instant'})"
        )
        self.root.locator(".reading").wait_for(timeout=15_000)
        self.page.wait_for_function(
            "(selector) => document.querySelector(selector).innerText.length > 20",
            arg=f"{self.selector} .reading",
        )
        return self

    @property
    def data(self) -> dict:
        """What the chapter's cell has exported."""
        return json.loads(self.root.locator("script").text_content())

    def words(self) -> str:
        """The numbers in words, one frame after the last change."""
        frame = "requestAnimationFrame"
        self.page.evaluate(f"new Promise((go) => {frame}(() => {frame}(go)))")
        return self.root.locator(".reading").inner_text().replace("\u2212", "-")

    def numbers(self, line: int) -> list[float]:
        """All numbers of one line of the words."""
        return [
            float(n) for n in re.findall(r"-?\d+\.?\d*", self.words().split("\n")[line])
        ]

    def slider(self, name: str) -> "Locator":
        """The slider with this accessible name."""
        return self.root.get_by_role("slider", name=name)

    def drag(self, handle: "Locator", dx: float, dy: float) -> None:
        """Drag a handle with the mouse."""
        box = handle.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + dx, y + dy, steps=4)
        self.page.mouse.up()


@pytest.fixture(scope="module")
def pages(browser, address) -> Iterator[dict[str, Visit]]:
    """One window for each chapter, for all tests: to open a page takes seconds."""
    kept: dict[str, Visit] = {}
    context = browser.new_context(
        viewport={"width": 1300, "height": 900}, reduced_motion="reduce"
    )
    for name in PAGES:
        kept[name] = Visit(context, address)
    yield kept
    context.close()


@pytest.fixture
def opened(pages, address) -> Iterator[Callable[[str], Figure]]:
    """Open a figure by its name; in the end nothing may have gone wrong on the page."""
    used: list[Visit] = []

    def open_figure(name: str) -> Figure:
        visit = pages[name]
        used.append(visit)
        url = f"{address}/book/{PAGES[name]}.html"
        visit.page.bring_to_front()
        if visit.page.url != url:
            visit.open(url)
        return Figure(visit.page, name).wake()

    yield open_figure
    assert [problem for visit in used for problem in visit.problems] == []


def unpacked(packed: dict) -> Tensor:
    """The tensor that flowbook.interactive.packed wrote."""
    numbers = np.frombuffer(base64.b64decode(packed["float32"]), "<f4")
    return torch.from_numpy(numbers.copy()).double().reshape(packed["shape"])


def press(locator: "Locator", key: str, times: int = 1) -> None:
    for _ in range(times):
        locator.press(key)


# ---- every figure -----------------------------------------------------------------


def test_every_page_with_a_figure_is_tested(site):
    pages = sorted((site / "book").glob("*.html"))
    moving = [path for path in pages if 'class="interactive"' in path.read_text("utf8")]
    assert {path.stem for path in moving} == set(PAGES.values())


# Note what the browser calls a layout shift, and which elements moved.
SHIFTS = """() => {
  window.shifts = [];
  const said = ({ node }) => node?.outerHTML?.slice(0, 200) ?? node?.nodeName;
  const note = ({ value, sources }) => ({ value, moved: sources.map(said) });
  new PerformanceObserver((list) => window.shifts.push(...list.getEntries().map(note)))
    .observe({ type: "layout-shift" });
}"""


@pytest.mark.parametrize("name", PAGES)
def test_a_figure_comes_alive_without_moving_the_page(pages, opened, address, name):
    visit = pages[name]
    visit.open(f"{address}/book/{PAGES[name]}.html")
    before = Figure(visit.page, name).root.bounding_box()["height"]
    visit.page.evaluate(SHIFTS)
    figure = opened(name)
    assert figure.root.bounding_box()["height"] == before
    for slider in figure.root.get_by_role("slider").all():
        press(slider, "End")
        press(slider, "Home")
    figure.words()
    shifts = visit.page.evaluate("window.shifts")
    # A rounded pixel counts 1e-5; a reader sees 0.1.
    assert sum(shift["value"] for shift in shifts) < 1e-3, shifts


@pytest.mark.parametrize("name", PAGES)
def test_a_figure_needs_no_server_and_fits_a_phone(offline, site, name):
    offline.open(f"{site.as_uri()}/book/{PAGES[name]}.html")
    figure = Figure(offline.page, name)
    before = figure.root.bounding_box()["height"]
    assert figure.wake().root.bounding_box()["height"] == before
    wide = "document.documentElement.scrollWidth - innerWidth"
    assert offline.page.evaluate(wide) <= 0
    assert offline.problems == []


@pytest.mark.parametrize("name", PAGES)
def test_a_still_picture_stands_in_for_print_and_without_scripts(
    browser, opened, address, name
):
    def is_still(page: object) -> bool:
        still = page.locator(".interactive img.still").first
        live = page.locator(".interactive .live").first
        assert still.get_attribute("alt")
        return still.is_visible() and not live.is_visible()

    page = opened(name).page
    assert not is_still(page)
    page.emulate_media(media="print")
    assert is_still(page)
    page.emulate_media(media="screen")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/book/{PAGES[name]}.html")
    assert is_still(page)
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_figure_follows_the_theme(opened, name):
    figure = opened(name)
    set_theme = "(theme) => (document.documentElement.dataset.theme = theme)"
    seen = []
    for theme in ("light", "dark", "light"):
        figure.page.evaluate(set_theme, theme)
        figure.words()
        canvas = figure.root.locator("canvas").last
        seen.append(canvas.evaluate("(canvas) => canvas.toDataURL()"))
    assert seen[0] == seen[2] != seen[1]


# ---- chapter 2 --------------------------------------------------------------------


def forward(z: float, slope: float, bend: float) -> float:
    """Solve slope x + bend x^3 = z by the roots of a polynomial."""
    roots = np.roots([bend, 0.0, slope, -z])
    return float(roots[np.abs(roots.imag) < 1e-9].real[0])


def test_the_strips_of_the_map_are_where_the_cubic_puts_them(opened):
    figure = opened("map")
    edges = Normal(0.0, 1.0).icdf(torch.linspace(0, 1, 13)[1:-1]).tolist()
    assert np.allclose(figure.data["edges"], edges, atol=1e-5)
    figure.slider("c, the").fill("1")
    figure.slider("a, the").fill("1")
    press(figure.slider("a, the"), "ArrowRight", 20)  # a = 2
    for strip, (low, high) in enumerate(pairwise(edges)):
        figure.slider("Strip").fill(str(strip + 1))
        z0, z1, x0, x1 = figure.numbers(0)
        assert (z0, z1) == pytest.approx((low, high), abs=1e-3)
        ends = forward(low, 1.0, 2.0), forward(high, 1.0, 2.0)
        assert (x0, x1) == pytest.approx(ends, abs=1e-3)


def test_forgetting_the_slope_loses_the_mass_that_chapter_2_computes(opened):
    figure = opened("map")
    figure.slider("c, the").fill("1")
    figure.slider("a, the").fill("1")
    figure.root.get_by_role("checkbox", name="forget").press("Space")
    x = torch.linspace(-3, 3, 6001)
    mass = torch.trapezoid(Normal(0.0, 1.0).log_prob(x + x**3).exp(), x).item()
    assert figure.numbers(2)[0] == pytest.approx(mass, abs=1e-3)


def test_the_map_is_pulled_by_mouse_and_by_arrow_keys(opened):
    figure = opened("map")
    handle = figure.root.get_by_role("button", name="z = 1;")
    handle.hover()  # which follows the strip under it
    before = figure.numbers(0)
    figure.drag(handle, 0, -30)
    pulled = figure.numbers(0)
    assert pulled[:2] == before[:2]
    assert pulled[3] > before[3] + 0.02
    press(handle, "ArrowDown", 3)
    assert figure.numbers(0)[3] < pulled[3]


# ---- chapters 3 and 6 -------------------------------------------------------------


def rebuilt(spec: dict) -> Layer:
    """The flowbook layer whose weights a page exports."""
    if spec["type"] == "scale":
        assert spec["shift"] == [0.0, 0.0]
        return Diagonal(torch.tensor(spec["scale"], dtype=torch.float64))
    mask = torch.arange(2) == spec["copied"]
    widths = spec["net"]["widths"]
    if spec["type"] == "spline":
        bins = (widths[-1] + 1) // 3
        layer = SplineCoupling(mask, widths[1], bins, spec["bound"])
    else:
        kinds = {"affine": AffineCoupling, "additive": AdditiveCoupling}
        layer = kinds[spec["type"]](mask, widths[1])
    layer = layer.double().requires_grad_(False)
    parts = layer.conditioner.parts()
    weights = unpacked(spec["net"]["weights"]).split([p.numel() for p in parts])
    for part, numbers in zip(parts, weights, strict=True):
        part.copy_(numbers.view_as(part))
    return layer


def point_at(text: str) -> list[Tensor]:
    """The z and the x of the first line of a flow's words, each (1, 2)."""
    pairs = re.findall(r"\((-?\d+\.\d+), (-?\d+\.\d+)\)", text)
    return [torch.tensor([[float(a), float(b)]]).double() for a, b in pairs[:2]]


# The density that the page computes on a square [-half, half]², the top row first.
DENSITY = """([name, at, half, cells]) => {
  const text = document.querySelector("[data-figure=flow] script").textContent;
  const data = JSON.parse(text);
  const pairs = (packed) => {
    const n = Flowbook.unpack(packed);
    return Array.from({ length: n.length / 2 }, (_, i) => [n[2 * i], n[2 * i + 1]]);
  };
  const flow = new Flowbook.TrainedFlow(data.flows[name], pairs(data.z), pairs(data.x));
  return Array.from(flow.density(at, [-half, half, -half, half], cells));
}"""


@pytest.mark.parametrize("name", ["flow", "two flows"])
def test_the_page_computes_what_the_flow_computes(opened, name):
    figure = opened(name)
    for choice, specs in figure.data["flows"].items():
        if len(figure.data["flows"]) > 1:
            figure.root.get_by_role("radio", name=choice).check(force=True)
        layers = Flow(StandardNormal(2), [rebuilt(spec) for spec in specs])
        figure.slider("Layers").press("Home")
        box = figure.root.locator("canvas").nth(1).bounding_box()
        for across, up in ((0.4, 0.5), (0.6, 0.35), (0.55, 0.6)):
            figure.page.mouse.move(
                box["x"] + across * box["width"], box["y"] + up * box["height"]
            )
            z, x = point_at(figure.words())
            image, log_det = layers(z)
            # The z on the page is rounded to 0.0005, and the flow may stretch that.
            torch.testing.assert_close(x, image, rtol=0.02, atol=0.02)
            log_z, shown, log_x = figure.numbers(1)
            assert log_z == pytest.approx(
                StandardNormal(2).log_prob(z).item(), abs=5e-3
            )
            assert shown == pytest.approx(log_det.item(), abs=0.05)
            assert log_x == pytest.approx(log_z - shown, abs=2e-3)


def test_the_picture_of_the_density_is_the_flows_density(opened):
    figure = opened("two flows")
    specs = figure.data["flows"]["spline"]
    layers = [rebuilt(spec) for spec in specs]
    centres = torch.linspace(-4.5, 4.5, 81, dtype=torch.float64)[1::2]
    grid = torch.cartesian_prod(-centres, centres).flip(-1)  # the top row first
    for count in (2, len(layers)):
        flow = Flow(StandardNormal(2), layers[:count])
        density = flow.log_prob(grid).exp()
        shown = torch.tensor(
            figure.page.evaluate(DENSITY, ["spline", count, 4.5, 40])
        ).double()
        off = (shown - density).abs() > 0.02 * density.max()
        assert off.double().mean() < 0.01  # a table misses some very steep places


@pytest.mark.parametrize("name", ["flow", "two flows"])
def test_a_flow_runs_in_both_directions_and_its_point_moves(opened, name):
    figure = opened(name)
    slider = figure.slider("Layers")
    if name == "two flows":
        figure.root.get_by_role("radio", name="spline").check(force=True)
    depth = float(slider.get_attribute("max"))
    figure.root.get_by_role("button", name="z → x").click()
    assert f"all {depth:.0f} layers" in figure.words()
    figure.root.get_by_role("button", name="x → z").click()
    assert "In the base" in figure.words()
    press(slider, "ArrowRight", 5)
    assert "After 0.5 of" in figure.words()
    before = figure.words()
    figure.root.get_by_role("button", name="Point that").press("ArrowRight")
    assert figure.words() != before


def test_half_way_through_a_layer_is_a_density_too(opened):
    figure = opened("two flows")
    for name in figure.data["flows"]:
        density = figure.page.evaluate(DENSITY, [name, 1.4, 9, 300])
        assert sum(density) * (18 / 300) ** 2 == pytest.approx(1.0, abs=0.01)


# ---- chapter 9 --------------------------------------------------------------------


def iterate(h: Callable[[float], float], start: float, k: int) -> float:
    for _ in range(k):
        start = h(start)
    return start


def test_the_cobweb_is_where_the_iteration_is(opened):
    figure = opened("cobweb")
    figure.root.get_by_role("radio", name="sin").check(force=True)
    figure.slider("Start").fill("0")
    figure.slider("Slope").fill("0.9")
    figure.slider("Number of iterations").press("Home")
    press(figure.slider("Number of iterations"), "ArrowRight", 7)
    press(figure.slider("Slope"), "ArrowLeft", 10)  # 0.8
    press(figure.slider("Start"), "ArrowRight", 10)  # 0.5
    z = iterate(lambda v: 1 - 0.8 * math.sin(v), 0.5, 7)
    steps, shown = figure.numbers(0)[:2]
    assert steps == 7
    assert shown == pytest.approx(z, abs=1e-6)
    step = abs(1 - 0.8 * math.sin(0.5) - 0.5)
    bound = 0.8**7 / (1 - 0.8) * step
    assert figure.numbers(1)[0] == pytest.approx(bound, rel=0.05)


def test_a_line_needs_as_many_steps_as_banach_allows(opened):
    figure = opened("cobweb")
    figure.root.get_by_role("radio", name="x + β z").check(force=True)
    figure.slider("Start").fill("0")
    figure.slider("Slope").fill("0.9")
    assert "153 steps; Banach asks for 153" in figure.words()  # the chapter's number
    figure.slider("Slope").fill("0.5")
    assert "21 steps; Banach asks for 21" in figure.words()


def test_the_cobweb_says_when_there_is_no_guarantee(opened):
    figure = opened("cobweb")
    figure.root.get_by_role("radio", name="sin").check(force=True)
    figure.slider("Slope").fill("1.2")
    figure.slider("Start").fill("0")
    assert "no contraction" in figure.words()
    figure.root.get_by_role("radio", name="log").check(force=True)
    assert "no fixed point" in figure.words()
    figure.slider("Number of iterations").fill("24")
    # From 0 the softplus climbs to log(n + 1).
    assert figure.numbers(0)[1] == pytest.approx(math.log(25), abs=1e-6)


def test_the_start_of_the_cobweb_is_dragged_by_mouse(opened):
    figure = opened("cobweb")
    figure.root.get_by_role("radio", name="sin").check(force=True)
    figure.slider("Start").fill("0")
    before = figure.slider("Start").input_value()
    figure.drag(figure.root.get_by_role("button", name="Start"), 60, -60)
    assert float(figure.slider("Start").input_value()) > float(before) + 0.2
    figure.root.get_by_role("button", name="iterate").click()
    assert "After 40 steps" in figure.words()


# ---- chapter 10 -------------------------------------------------------------------


def test_a_drifting_point_is_where_its_path_is_and_says_its_log_density(opened):
    figure = opened("drift")
    path, log_prob = unpacked(figure.data["path"]), unpacked(figure.data["log_prob"])
    figure.slider("Time").fill("0.5")
    time, *place = figure.numbers(0)
    assert time == 0.5
    middle = (len(path) - 1) // 2
    at = (path[middle] - torch.tensor(place)).norm(dim=-1)
    chosen = at.argmin()
    assert at[chosen] < 2e-3
    now, change = figure.numbers(1)[:2]
    assert now == pytest.approx(log_prob[middle, chosen].item(), abs=2e-3)
    since = (log_prob[middle] - log_prob[0])[chosen].item()
    assert change == pytest.approx(since, abs=2e-3)


def test_keys_and_clicks_choose_another_point_and_a_button_runs_the_time(opened):
    figure = opened("drift")
    figure.slider("Time").fill("0")
    before = figure.words()
    press(figure.root.get_by_role("button", name="Point"), "ArrowRight")
    chosen = figure.words()
    assert chosen != before
    figure.root.get_by_role("button", name="z → x").click()
    assert figure.numbers(0)[0] == 1  # at once, where motion is not wanted
    figure.root.get_by_role("button", name="x → z").click()
    assert figure.words() == chosen
    canvas = figure.root.locator("canvas").first
    canvas.click(position={"x": 60, "y": 60}, force=True)
    assert figure.words() != chosen


# ---- chapter 14 -------------------------------------------------------------------


def decoded(data: dict, z: list[float]) -> Tensor:
    """The decoder's mean image at z, in levels, by flowbook."""
    widths = data["decoder"]["widths"]
    net = mlp(widths[0], widths[1], widths[-1], depth=len(widths) - 2).double()
    vector_to_parameters(unpacked(data["decoder"]["weights"]), net.parameters())
    with torch.no_grad():
        out = net(torch.tensor([z]).double())
    return DiscretizedLogistic(data["levels"]).mean(out)[0]


# The red of each of the 8 × 8 squares of a canvas.
REDS = """(canvas) => {
  const context = canvas.getContext("2d");
  const at = (k, size) => ((k + 0.5) * size) / 8;
  const red = (row, column) => context.getImageData(
    at(column, canvas.width), at(row, canvas.height), 1, 1).data[0];
  return Array.from({ length: 64 }, (_, i) => red(Math.floor(i / 8), i % 8));
}"""


@pytest.mark.parametrize("z", [(0.5, -1.2), (-2.0, 0.3)])
def test_the_decoded_digit_is_the_decoders(opened, z):
    figure = opened("latent")
    for index, value in enumerate(z, start=1):
        figure.slider(f"Latent {index}").fill(str(value))
    image = decoded(figure.data, list(z))
    length, nearer = figure.numbers(0)[2:4]
    assert length == pytest.approx(math.hypot(*z), abs=0.01)
    assert nearer == pytest.approx(
        100 * (1 - math.exp(-(math.hypot(*z) ** 2) / 2)), abs=0.1
    )
    assert figure.numbers(1)[0] == pytest.approx(image.mean().item(), abs=2e-3)
    reds = figure.root.locator("canvas").nth(1).evaluate(REDS)
    # From paper (255) to ink (0.08 * 255), as flowbook.plots draws images.
    expected = 255 + image / 16 * (0.08 * 255 - 255)
    assert (torch.tensor(reds) - expected).abs().max() < 1.5


def test_the_latent_point_moves_by_mouse_and_by_arrow_keys(opened):
    figure = opened("latent")
    handle = figure.root.get_by_role("button", name="Point of the latent")
    for index, value in enumerate(("1", "0.5"), start=1):
        figure.slider(f"Latent {index}").fill(value)
    x = figure.numbers(0)[0]
    figure.drag(handle, -60, 0)
    moved = figure.numbers(0)[:2]
    assert moved[0] < x - 0.3
    press(handle, "ArrowUp", 2)
    assert figure.numbers(0)[1] == pytest.approx(moved[1] + 0.2, abs=0.011)
    figure.root.get_by_role("button", name="walk round").click()
    assert figure.numbers(0)[2] == pytest.approx(math.sqrt(2), abs=0.01)


def test_the_latent_point_follows_a_finger(browser, address):
    context = browser.new_context(
        viewport={"width": 420, "height": 900}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.goto(f"{address}/book/{PAGES['latent']}.html")
    figure = Figure(page, "latent").wake()
    before = figure.numbers(0)[:2]
    figure.root.locator("canvas").first.tap(position={"x": 120, "y": 200})
    assert figure.numbers(0)[:2] != before
    context.close()


def perceptron_of(data: dict) -> Callable[[Tensor], Tensor]:
    """The exported network with one hidden layer, in double precision."""
    inputs, hidden, outputs = data["widths"]
    net = mlp(inputs, hidden, outputs, depth=1).double()
    vector_to_parameters(unpacked(data["weights"]), net.parameters())
    return net.requires_grad_(False)


@pytest.mark.parametrize("digit", [0, 7])
def test_the_bound_and_the_evidence_of_an_image_are_those_of_its_vae(opened, digit):
    figure = opened("vae")
    figure.root.get_by_role("radio", name=str(digit), exact=True).check(force=True)
    data = figure.data
    encoder, decoder = perceptron_of(data["encoder"]), perceptron_of(data["decoder"])
    x = unpacked(data["images"])[data["labels"].index(digit)]
    mean, std = encoder(x)[:2], encoder(x)[2:].exp()
    kl = kl_divergence(Normal(mean, std), Normal(torch.zeros(2), 1.0)).sum().item()
    assert figure.numbers(0) == pytest.approx(
        [*mean.tolist(), *std.tolist(), kl], abs=0.006
    )

    def log_likelihood(z: Tensor) -> Tensor:
        return -binary_cross_entropy_with_logits(
            decoder(z), x.expand(len(z), -1), reduction="none"
        ).sum(1)

    # Gauss and Hermite for the mean under q, a fine sum for the evidence.
    nodes, weights = (torch.from_numpy(a) for a in np.polynomial.hermite.hermgauss(40))
    at = mean + std * math.sqrt(2) * torch.cartesian_prod(nodes, nodes)
    chances = torch.cartesian_prod(weights, weights).prod(1) / math.pi
    elbo = (chances * log_likelihood(at)).sum().item() - kl
    side = torch.linspace(-6, 6, 401, dtype=torch.float64)
    plane = torch.cartesian_prod(side, side)
    prior = Normal(0.0, 1.0).log_prob(plane).sum(1)
    log_p = (log_likelihood(plane) + prior).logsumexp(0).item() + 2 * math.log(0.03)
    words = [elbo, log_p, log_p - elbo]
    assert figure.numbers(2) == pytest.approx(words, abs=0.011)


def test_a_draw_is_decoded_and_moved_by_arrow_keys(opened):
    figure = opened("vae")
    figure.root.get_by_role("radio", name="3", exact=True).check(force=True)
    mean, std = (figure.numbers(0)[i : i + 2] for i in (0, 2))
    seen = set()
    for _ in range(5):
        figure.root.get_by_role("button", name="draw z").click()
        z = figure.numbers(1)[:2]
        assert all(
            abs(a - m) < 6 * s + 0.01 for a, m, s in zip(z, mean, std, strict=True)
        )
        seen.add(tuple(z))
    assert len(seen) > 1
    handle = figure.root.get_by_role("button", name="The z that is decoded")
    press(handle, "ArrowRight", 2)
    assert figure.numbers(1)[0] == pytest.approx(z[0] + 0.2, abs=0.011)
    moved = torch.tensor(figure.numbers(1)[:2], dtype=torch.float64)
    reds = figure.root.locator("canvas").nth(2).evaluate(REDS)
    share = perceptron_of(figure.data["decoder"])(moved).sigmoid()
    expected = 255 + share * (0.08 * 255 - 255)
    assert (torch.tensor(reds) - expected).abs().max() < 8  # z is read to two digits


# Whether the decoded images of the first two digits have the same pixels.
SAME_BELOW = """(canvas) => {
  const scale = canvas.width / canvas.clientWidth, gap = 4 * scale;
  const size = Math.min((canvas.width - 6 * gap) / 5, (canvas.height - 10 * gap) / 4);
  const left = (canvas.width - 5 * size - 4 * gap) / 2;
  const context = canvas.getContext("2d");
  const reds = (column) => Array.from({ length: 64 }, (_, i) => {
    const x = left + column * (size + gap) + ((i % 8) + 0.5) * size / 8;
    const y = 2 * gap + size + (Math.floor(i / 8) + 0.5) * size / 8;
    return context.getImageData(Math.round(x), Math.round(y), 1, 1).data[0];
  });
  const [one, two] = [reds(0), reds(1)];
  return one.some((red) => red < 200) && one.every((red, i) => red === two[i]);
}"""


@pytest.mark.parametrize("steps", [0, 40])
def test_beta_stands_where_reverse_water_filling_puts_it(opened, steps):
    figure = opened("beta")
    slider = figure.slider("Beta")
    press(slider, "Home")
    press(slider, "ArrowRight", steps)
    data = figure.data
    beta = 2 ** (-2 + 0.01 * steps)
    variances = unpacked(data["variances"]).double()
    rates, errors = water_filling(variances, beta * data["sigma2"])
    said, active, dim, rate, error = figure.numbers(0)
    assert abs(said - beta) < 0.006
    assert (active, dim) == ((rates > 0).sum(), 64)
    assert abs(rate - rates.sum()) < 2e-3
    assert abs(error - errors.sum()) < 2e-3
    (saved,) = figure.numbers(1)
    assert abs(saved - 2 * beta * data["sigma2"]) < 1e-3


def test_past_the_largest_variance_every_digit_is_the_mean(opened):
    figure = opened("beta")
    press(figure.slider("Beta"), "End")
    assert "0 of 64" in figure.words()
    assert "Total collapse" in figure.words()
    digits = figure.root.get_by_role("img", name="Ten digits")
    # Below the first and below the second digit stands the same picture.
    assert digits.evaluate(SAME_BELOW)
    press(figure.slider("Beta"), "Home")
    figure.words()
    assert not digits.evaluate(SAME_BELOW)


@pytest.mark.parametrize("steps", [0, 20, 80])
def test_the_page_computes_divergence_and_slopes_of_two_normals(opened, steps):
    figure = opened("distance")
    slider = figure.slider("Distance")
    press(slider, "Home")
    press(slider, "ArrowRight", steps)
    d = 0.05 * steps
    x = torch.linspace(-12, 20, 8001, dtype=torch.float64)
    dx = x[1] - x[0]
    log_p, log_q = (torch.distributions.Normal(m, 1.0).log_prob(x) for m in (0.0, d))
    js = jensen_shannon(log_p, log_q, dx.expand_as(x)).item()
    taken = (dx * log_q.exp() * (log_p - log_q).sigmoid()).sum().item()
    assert figure.numbers(0)[:2] == [round(d, 2), pytest.approx(js, abs=2e-4)]
    saturating, other = figure.numbers(1)[:2]
    assert abs(saturating - d * taken) < 2e-4
    assert abs(other - d * (1 - taken)) < 2e-4


def test_the_samples_are_moved_by_the_arrow_keys(opened):
    figure = opened("distance")
    press(figure.slider("Distance"), "Home")
    handle = figure.root.get_by_role("button", name="Place of the samples")
    press(handle, "ArrowRight", 5)
    assert figure.numbers(0)[0] == 0.5
    press(handle, "ArrowLeft", 9)
    assert figure.numbers(0)[0] == 0


# ---- chapter 0 --------------------------------------------------------------------


def test_the_determinant_is_that_of_the_columns_that_were_dragged(opened):
    figure = opened("determinant")
    assert figure.numbers(0)[-1] == pytest.approx(-3.5)
    tip = figure.root.get_by_role("button", name="first column")
    figure.drag(tip, 25, -40)
    a, d, b, c, det = figure.numbers(0)
    assert (b, d) == (1.0, -1.5)
    assert a > 2.0
    assert c > 0.5
    assert det == pytest.approx(a * d - b * c, abs=1e-2)
    figure.root.get_by_role("button", name="add column 1").click()
    assert figure.numbers(0)[-1] == pytest.approx(det, abs=1e-2)
    figure.root.get_by_role("button", name="exchange").click()
    assert figure.numbers(0)[-1] == pytest.approx(-det, abs=1e-2)
    assert "mirrored" not in figure.words()
    figure.root.get_by_role("button", name="unit square").click()
    press(tip, "Shift+ArrowLeft", 4)
    assert "no way back" in figure.words()
    press(tip, "ArrowLeft", 2)
    assert figure.numbers(0)[-1] == pytest.approx(-0.1)
    assert "mirrored" in figure.words()


# ---- chapter 6: a layer by hand ---------------------------------------------------


@pytest.mark.parametrize("name", ["additive", "affine", "spline"])
def test_the_layer_by_hand_is_the_layer_of_the_library(opened, name):
    figure = opened("coupling")
    figure.root.get_by_role("radio", name=name).check(force=True)
    layer = rebuilt(figure.data["layers"][name])
    for z1, z2 in (0.8, 0.6), (-2.0, 1.5), (2.5, -2.2):
        figure.slider("The copied").fill(str(z1))
        figure.slider("The moved").fill(str(z2))
        x, log_det = layer(torch.tensor([[z1, z2]], dtype=torch.float64))
        assert figure.numbers(0)[:2] == pytest.approx([z1, z2])
        assert figure.numbers(0)[-1] == pytest.approx(x[0, 1].item(), abs=2e-3)
        assert figure.numbers(1)[-1] == pytest.approx(log_det.item(), abs=2e-3)
        assert figure.numbers(2)[-1] == pytest.approx(z2, abs=2e-3)


def test_the_copied_number_alone_changes_the_curve(opened):
    figure = opened("coupling")
    point = figure.root.get_by_role("button", name="The point z")
    press(point, "ArrowRight", 3)
    moved = figure.numbers(0)
    press(point, "ArrowUp", 2)
    assert figure.numbers(0)[0] == moved[0]
    assert figure.numbers(0)[1] == pytest.approx(moved[1] + 0.2)
    curve = figure.root.locator("canvas").first
    before = curve.evaluate("(canvas) => canvas.toDataURL()")
    press(point, "ArrowLeft", 2)
    figure.words()
    assert curve.evaluate("(canvas) => canvas.toDataURL()") != before
