"""Every plot returns one figure in the book's style and changes nothing global."""

import math
from collections.abc import Callable
from inspect import getmembers, isfunction

import matplotlib
import pytest
import torch
from matplotlib import pyplot
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from flowbook import plots
from flowbook.densities import Banana, Checkerboard
from flowbook.plots import style

# One small call of each public plot function: add a line for yours.
GRID = torch.linspace(-2.0, 2.0, 41)
NEAR = ((-2.0, 2.0), (-2.0, 2.0))
BELL = torch.exp(-GRID.square() / 2)
EXAMPLES: dict[str, Callable[[], Figure]] = {
    "change_of_variables": lambda: plots.change_of_variables(
        GRID, BELL, 2 * GRID, 2 * GRID, BELL / 2, GRID[::10]
    ),
    "chapter_map": lambda: plots.chapter_map(
        {"Start": ["0 Zero"], "Road": ["1 One", "2 Two"], "End": ["3 Three"]}
    ),
    "density_curves": lambda: plots.density_curves(GRID, {"p": BELL}, GRID, 1.0),
    "learned_map": lambda: plots.learned_map(GRID, {"map": 2 * GRID}, {"p": BELL}),
    "map_family": lambda: plots.map_family(GRID, {"a": 2 * GRID}, {"a": BELL / 2}),
    "density_table": lambda: plots.density_table(
        {"a": {"one": torch.rand(8, 8), "two": torch.zeros(8, 8)}}, NEAR
    ),
    "samples_over": lambda: plots.samples_over({"x": torch.randn(50, 2)}, Banana()),
    "two_directions": lambda: plots.two_directions(
        GRID, BELL, {"a": BELL, "b": BELL, "b*": BELL}, GRID, {"a": BELL, "b": BELL}
    ),
    "waves": lambda: plots.waves({"a": torch.randn(3, 9), "b": torch.randn(3, 9)}),
    "family_table": lambda: plots.family_table(
        {"a": {"one": 0.0, "two": 0.5}, "b": {"one": 0.02, "two": math.nan}}, ["a"]
    ),
    "image_strips": lambda: plots.image_strips(
        {"a": torch.rand(3, 8, 8), "b": torch.ones(3, 8, 8), "c": torch.rand(3, 8, 8)}
    ),
    "lines_and_paths": lambda: plots.lines_and_paths(
        {"a": torch.randn(2, 5, 2), "b": torch.randn(9, 5, 2)}
    ),
    "bits_against_distance": lambda: plots.bits_against_distance(
        {"a": (1.0, 2.0), "b": (2.0, 1.5)},
        {"a": "exact", "b": "bound", "c": "none"},
        {"c": 3.0},
        0.5,
    ),
    "negentropy_curves": lambda: plots.negentropy_curves(
        {"left": {"a": BELL + 0.1, "a, new*": BELL + 0.2}, "right": {"b": BELL + 1}}
    ),
    "two_routes": lambda: plots.two_routes(
        {"a": torch.rand(5, 2), "b": torch.rand(5, 2)}, (5.0, 5.0)
    ),
    "variances": lambda: plots.variances(
        [1, 2], {"a": torch.ones(2)}, {"a": torch.ones(2)}
    ),
    "operation_counts": lambda: plots.operation_counts([1, 2], {"LU": [1, 6]}),
    "parallelogram": lambda: plots.parallelogram(
        torch.tensor([[2.0, 1.0], [0.5, -1.5]])
    ),
    "bits_of_groups": lambda: plots.bits_of_groups(
        {"a": torch.rand(50), "b": torch.rand(50) + 1}, {"one": 0.5}, (0.0, 2.0)
    ),
    "image_masks": lambda: plots.image_masks(
        {"a": torch.eye(3), "b": torch.ones(2, 2)}
    ),
    "pixel_stages": lambda: plots.pixel_stages({"a": torch.rand(50), "b": BELL}),
    "cost_by_size": lambda: plots.cost_by_size(
        [8, 16], {"parts": {"a": [1.0, 4.0], "b": [2.0, 3.0]}, "time": {"a": [5, 9]}}
    ),
    "without_floor": lambda: plots.without_floor({"a": BELL, "b": 2 * BELL}, 0.5),
    "bisection": lambda: plots.bisection(
        (GRID, GRID),
        torch.tensor(1.0),
        torch.tensor([[0.0, 2.0], [0.0, 1.0]]),
        torch.tensor([1.0, 0.5]),
    ),
    "strips": lambda: plots.strips(
        GRID, BELL, 2 * GRID, BELL / 2, GRID[::10], 2 * GRID[::10], 0.2
    ),
    "grid_warp": lambda: plots.grid_warp(
        _grid(4), 2 * _grid(4), torch.zeros(3, 3), (1, 2)
    ),
    "density_steps": lambda: plots.density_steps(
        [torch.randn(50, 2)] * 2, [torch.rand(8, 8)] * 2, [((-1, 1), (0, 2))] * 2, "zx"
    ),
    "moments": lambda: plots.moments({"a": torch.randn(50, 2), "b": torch.ones(50, 2)}),
    "training_curve": lambda: plots.training_curve(
        torch.linspace(3, 1.1, 90), entropy=1.0, reached=1.1
    ),
    "gallery": lambda: plots.gallery({"one": Banana(), "two": Checkerboard()}, 3),
    "histogram_flows": lambda: plots.histogram_flows(
        GRID, BELL, {"one": (GRID[:3], BELL[:2])}, [1, 2], {"one": [0.2, 0.1]}
    ),
    "joints": lambda: plots.joints({"p": torch.randn(50, 2), "q": torch.randn(50, 2)}),
    "knotted_map": lambda: plots.knotted_map(
        {"map": (GRID, 2 * GRID), "pieces": (torch.rand(2, 5), torch.rand(2, 5))},
        (GRID[::10], 2 * GRID[::10]),
        {"map": (2 * GRID, BELL)},
        ("x", "p"),
    ),
    "histograms": lambda: plots.histograms({"x": (torch.randn(50), GRID, BELL)}),
    "log_below_tangent": lambda: plots.log_below_tangent(GRID.abs() + 0.1),
    "kl_integrand": lambda: plots.kl_integrand(GRID, BELL, BELL / 2),
    "nll_above_entropy": lambda: plots.nll_above_entropy(
        GRID + 3, GRID.square() + 1, GRID.square().expand(3, -1), entropy=1.0
    ),
    "points_and_densities": lambda: plots.points_and_densities(
        {"points": torch.randn(50, 2)}, {"p": Banana().log_prob}, Banana().view
    ),
    "surprise": lambda: plots.surprise(GRID, BELL.log()),
    "matrix_images": lambda: plots.matrix_images({"I": torch.eye(2)}, columns=2),
    "cost_curves": lambda: plots.cost_curves([1, 2], {"LU": [1.0, 8.0]}, {"LU": 3.0}),
    "normal_fits": lambda: plots.normal_fits(
        {"p": plots.NormalFit(torch.rand(8, 8), NEAR, BELL[:2], torch.eye(2), 0.5)}
    ),
    "bound_and_gap": lambda: plots.bound_and_gap(-1 - BELL, -0.5 - BELL, best=0.0),
    "bounds_below": lambda: plots.bounds_below(GRID, {"sd 1": BELL}, 1.0, best=0.0),
    "image_rows": lambda: plots.image_rows({"digits": torch.rand(3, 8, 8)}),
    "latent_map": lambda: plots.latent_map(
        torch.randn(50, 2), torch.arange(50) % 10, torch.rand(3, 3, 8, 8), side=2.0
    ),
    "residual_step": lambda: plots.residual_step(
        torch.rand(5, 5, 2), torch.rand(5, 5, 2), {"one": torch.rand(5, 5, 2)}
    ),
    "unseen_choice": lambda: plots.unseen_choice(
        torch.randn(20, 2), torch.arange(20) % 3
    ),
    "vae_diagram": lambda: plots.vae_diagram(torch.rand(8, 8)),
    "chord": lambda: plots.chord((0.2, 1.8)),
    "log_means": lambda: plots.log_means({1: GRID, 5: GRID / 2}, 0.1, low=-2.0),
    "gaps_against_count": lambda: plots.gaps_against_count(
        [1, 2], {"q": torch.rand(2), "r": torch.rand(2)}, {"q": torch.rand(2)}
    ),
    "signal_to_noise": lambda: plots.signal_to_noise([1, 2], {"q": torch.rand(2)}),
    "gaussian_outlines": lambda: plots.gaussian_outlines(
        torch.eye(2), {"one": torch.eye(2), "two": 2 * torch.eye(2)}
    ),
    "denoising_arrows": lambda: plots.denoising_arrows(
        {"a": (torch.rand(9, 2), torch.rand(5, 2), torch.rand(5, 2))}
    ),
    "distances": lambda: plots.distances(
        GRID, {"p": BELL, "q": BELL}, BELL, GRID, {"JS": BELL}, 1.0
    ),
    "rounds": lambda: plots.rounds({"a": torch.randn(9, 2)}),
    "modes_over_time": lambda: plots.modes_over_time(
        {"GAN": [0, 10]}, {"GAN": torch.rand(3, 2)}, 8
    ),
    "rate_and_images": lambda: plots.rate_and_images(
        GRID, GRID.square(), {"one": (0.0, 1.0)}, torch.rand(2, 3, 8, 8)
    ),
    "water_levels": lambda: plots.water_levels(BELL, (0.1, 0.5)),
    "rate_distortion": lambda: plots.rate_distortion(
        GRID, BELL, {"a": (GRID[:2], BELL[:2])}
    ),
    "saddles": lambda: plots.saddles(
        GRID,
        {"b": GRID[:, None].square() - GRID.square() / 2},
        {"b": [torch.rand(4, 2)]},
    ),
    "information_between": lambda: plots.information_between(
        ["a", "b"], torch.zeros(2), (torch.ones(2), torch.ones(2)), 2 * torch.ones(2)
    ),
    "active_latents": lambda: plots.active_latents(
        [1, 2], {"a": torch.rand(2, 3), "b": torch.rand(2, 3)}
    ),
    "code_cells": lambda: plots.code_cells(
        torch.randn(30, 2), {"K = 2": torch.randn(2, 2)}, reach=2.0
    ),
    "bits_by_prior": lambda: plots.bits_by_prior(
        [8, 16], {"uniform": torch.rand(2)}, {"VAE": 0.5}
    ),
    "code_maps": lambda: plots.code_maps(
        torch.rand(3, 8, 8), torch.randint(4, (3, 2, 2)), 4
    ),
    "jacobian_sizes": lambda: plots.jacobian_sizes({"J": torch.rand(4, 4).tril()}),
    "masked_network": lambda: plots.masked_network(
        [torch.ones(3, 2), torch.ones(2, 3).tril()],
        [torch.arange(n) for n in (2, 3, 2)],
        1,
    ),
    "autoregressive_layers": plots.autoregressive_layers,
    "slices": lambda: plots.slices(
        torch.rand(8, 8), NEAR, 1, {0.5: torch.rand(8)}, best=True
    ),
    "plane_fits": lambda: plots.plane_fits({"p": torch.rand(8, 8)}, NEAR),
    "gaussianised": lambda: plots.gaussianised(torch.rand(50, 2), torch.randn(50, 2)),
    "cobwebs": lambda: plots.cobwebs(
        {"h": plots.Iteration(GRID, GRID / 2, GRID[:4])}, columns=1
    ),
    "jacobian_patterns": lambda: plots.jacobian_patterns({"I": torch.eye(4)}, 2),
    "memory_against_depth": lambda: plots.memory_against_depth(
        [1, 2], {"plain": [2**20, 2**21]}
    ),
    "probe_variances": lambda: plots.probe_variances(
        GRID, {"sign": BELL}, GRID[:3], {"sign": (BELL[:3], BELL[:3])}
    ),
    "under_bounds": lambda: plots.under_bounds(
        {"b": (GRID + 3, BELL, 2 * BELL)}, "k", "error", bottom=1e-3
    ),
    "copied_and_moved": lambda: plots.copied_and_moved(
        GRID, {"a": GRID, "b": BELL}, torch.rand(3, 5, 2), torch.tensor([0.0, 1.0])
    ),
    "coupling_layer": plots.coupling_layer,
    "coupling_steps": lambda: plots.coupling_steps(
        {"f": [_grid(4)] * 2}, {"f": [torch.zeros(3, 3)] * 2}, "zx"
    ),
    "fitted_densities": lambda: plots.fitted_densities({"p": torch.rand(8, 8)}, NEAR),
    "gap_curves": lambda: plots.gap_curves(
        {"f": torch.linspace(3, 1.1, 90)}, entropy=1.0, limits={"limit": 0.3}
    ),
    "image_tables": lambda: plots.image_tables({"digits": torch.rand(2, 3, 8, 8)}),
    "nice_limit": lambda: plots.nice_limit(
        torch.tensor([[-1.0, -1.0], [1.0, -1.0], [0.0, 1.0]]),
        GRID + 3,
        BELL,
        {"disk": (2.0, 0.3)},
    ),
    "packing": lambda: plots.packing(
        {"f": [torch.randn(50, 2)] * 2}, "xz", torch.arange(50) % 8
    ),
    "reach_patterns": lambda: plots.reach_patterns({"1 layer": torch.eye(4).bool()}),
    "mixture_optima": lambda: plots.mixture_optima(
        torch.randn(50, 2),
        {name: (torch.randn(3, 2), torch.ones(3), torch.ones(3)) for name in "ab"},
        [torch.randn(3, 2)] * 2,
        [torch.linspace(3, 1.1, 90)] * 2,
        entropy=1.0,
    ),
    "proposals": lambda: plots.proposals(GRID, BELL, {"q": BELL}, {"q": BELL + 1}),
    "wasted_samples": lambda: plots.wasted_samples(
        torch.zeros(2),
        (torch.randn(3, 2), torch.ones(3), torch.ones(3)),
        torch.randn(9, 2),
        torch.arange(9) % 2 * 2.0,
    ),
}


def _grid(nodes: int) -> torch.Tensor:
    line = torch.linspace(-1.0, 1.0, nodes)
    return torch.cartesian_prod(line, line).reshape(nodes, nodes, 2)


@style.styled
def _two_panels() -> Figure:
    drawn, (left, right) = style.figure(1, 2)
    left.plot([0, 1], [0, 1], label="late")
    left.legend()
    right.pcolormesh([[0.0, 1.0], [1.0, 0.0]], cmap=style.DENSITY)
    return drawn


def test_every_public_function_has_an_example():
    public = {name for name, _ in getmembers(plots, isfunction) if name[0] != "_"}
    assert public == set(EXAMPLES)


@pytest.mark.parametrize("draw", EXAMPLES.values(), ids=EXAMPLES)
def test_a_plot_returns_a_figure_and_changes_nothing_global(draw):
    settings, registered = dict(matplotlib.rcParams), pyplot.get_fignums()
    drawn = draw()
    assert isinstance(drawn, style.PageFigure)
    assert drawn.axes, "a figure without a panel shows nothing"
    assert drawn.get_figwidth() <= style.WIDTH
    assert drawn.to_bytes("png")
    assert dict(matplotlib.rcParams) == settings
    assert pyplot.get_fignums() == registered


@pytest.mark.parametrize("draw", EXAMPLES.values(), ids=EXAMPLES)
def test_no_text_of_a_plot_is_black_or_white(draw):
    texts = [text for text in draw().findobj(Text) if text.get_text()]
    colours = {to_hex(text.get_color()) for text in texts}
    assert not colours & {"#000000", "#ffffff"}, "is the function styled?"


def test_a_figure_shows_itself_as_svg_and_png_without_side_effects():
    settings = dict(matplotlib.rcParams)
    data, metadata = _two_panels()._repr_mimebundle_()
    assert data["image/svg+xml"].startswith("<?xml")
    assert data["image/png"].startswith("iVBOR")
    assert metadata["image/png"]["width"] == round(96 * style.WIDTH)
    assert dict(matplotlib.rcParams) == settings


def test_drawing_twice_gives_the_same_file():
    assert _two_panels().to_bytes("svg") == _two_panels().to_bytes("svg")


def test_panels_shrink_to_the_column_and_keep_their_shape():
    drawn, axes = style.figure(2, 4, size=(3.2, 2.6))
    assert len(axes) == 8
    assert drawn.get_figwidth() == pytest.approx(style.WIDTH)
    assert drawn.get_figheight() == pytest.approx(2 * 2.6 * style.WIDTH / 12.8)


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("page", ["#ffffff", "#121212"])
@pytest.mark.parametrize("colour", style.CYCLE)
def test_every_colour_has_contrast_three_to_one_on_both_pages(colour, page):
    light, dark = sorted([_luminance(colour), _luminance(page)], reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3.0
