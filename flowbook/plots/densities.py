"""Plots of densities: histograms, surprise, the KL integrand, and the zoo's gallery."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from flowbook.densities import Box, Density, midpoints
from flowbook.plots.style import (
    BLUE,
    DENSITY,
    GREY,
    ORANGE,
    RED,
    SMALL,
    WIDTH,
    figure,
    styled,
)

HALF = (WIDTH / 2, 2.6)  # inches: a panel, when two stand side by side
FILL = 0.35  # opacity of the area under a curve


@styled
def histograms(panels: Mapping[str, tuple[Tensor, Tensor, Tensor]]) -> Figure:
    """Draw histograms of samples, each under the curve of its density.

    `panels` maps the label of the x axis to (samples, x, density): samples (n,), and
    the density on the points x, both (points,). A bar's height is mass per width.
    """
    drawn, axes = figure(1, len(panels), HALF)
    for axis, (label, (samples, x, density)) in zip(axes, panels.items(), strict=True):
        samples, x, density = _numpy(samples), _numpy(x), _numpy(density)
        edges = np.linspace(x.min(), x.max(), 31)
        axis.hist(samples, edges, density=True, color=BLUE, alpha=FILL)
        axis.plot(x, density, color=BLUE)
        axis.set_xlabel(label)
    axes[0].set_ylabel("density")
    return drawn


@styled
def surprise(x: Tensor, log_prob: Tensor) -> Figure:
    """Draw a density, its surprise -log p, and their product, whose area counts.

    Shapes: both (points,). The area under the product is the entropy.
    """
    drawn, axes = figure(1, 3, (WIDTH / 3, 2.2))
    x, log_prob = _numpy(x), _numpy(log_prob)
    density = np.exp(log_prob)
    curves = {
        "$p$": density,
        r"$-\log p$": -log_prob,
        r"$-p\,\log p$": -density * log_prob,
    }
    colours = (BLUE, ORANGE, GREY)
    for axis, colour, (title, y) in zip(axes, colours, curves.items(), strict=True):
        axis.plot(x, y, color=colour)
        axis.set(title=title, xlabel="$x$")
        axis.set_ylim(bottom=0)
    axes[-1].fill_between(x, curves[r"$-p\,\log p$"], color=GREY, alpha=FILL, lw=0)
    return drawn


@styled
def log_below_tangent(t: Tensor) -> Figure:
    """Draw log t under its tangent at 1, and the gap between them.

    Shapes: t (points,), all positive.
    """
    drawn, (axis,) = figure(size=(WIDTH * 0.6, 2.5))
    t = _numpy(t)
    axis.fill_between(t, np.log(t), t - 1, color=GREY, alpha=FILL, lw=0)
    axis.plot(t, t - 1, color=ORANGE, ls="--", label="$t - 1$")
    axis.plot(t, np.log(t), color=BLUE, label=r"$\log\,t$")
    axis.plot([1], [0], "o", color=GREY)
    axis.set_xlabel("$t$")
    axis.legend()
    return drawn


@styled
def kl_integrand(x: Tensor, p: Tensor, q: Tensor) -> Figure:
    """Draw two densities, and p log(p/q) with its positive and its negative part.

    Shapes: all (points,). The signed area on the right is KL(p‖q).
    """
    drawn, (left, right) = figure(1, 2, HALF)
    x, p, q = _numpy(x), _numpy(p), _numpy(q)
    left.plot(x, p, color=BLUE, label="$p$")
    left.plot(x, q, color=ORANGE, ls="--", label="$q$")
    left.legend()
    left.set_ylim(bottom=0)
    integrand = p * np.log(p / q)
    right.plot(x, integrand, color=GREY)
    right.axhline(0, color=GREY, lw=0.8)
    for colour, part in ((BLUE, integrand > 0), (RED, integrand < 0)):
        right.fill_between(x, integrand, where=part, color=colour, alpha=FILL, lw=0)
    right.set_title(r"$p\,\log(p/q)$")
    for axis in (left, right):
        axis.set_xlabel("$x$")
    return drawn


@styled
def nll_above_entropy(
    scale: Tensor, cross_entropy: Tensor, nll: Tensor, entropy: float
) -> Figure:
    """Draw a model's NLL against its scale: the exact mean, samples, and the limit.

    Shapes: scale and cross_entropy (points,); nll (data sets, points), one curve for
    each data set; entropy is the level that no model can pass on average.
    """
    drawn, (axis,) = figure(size=(WIDTH * 0.8, 3.2))
    scale = _numpy(scale)
    axis.plot(scale, _numpy(nll).T, color=GREY, lw=1)
    axis.plot([], [], color=GREY, lw=1, label="NLL of 50 samples")
    axis.plot(scale, _numpy(cross_entropy), color=BLUE, label="expected NLL")
    axis.axhline(entropy, color=ORANGE, ls="--", label="entropy")
    best = int(cross_entropy.argmin())
    ends = (entropy, float(cross_entropy[best]))
    axis.annotate(
        "", (scale[best], ends[0]), (scale[best], ends[1]),
        arrowprops={"arrowstyle": "<->", "color": RED, "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
    axis.text(scale[best] * 1.03, sum(ends) / 2, "KL", color=RED, va="center")
    axis.set_xlabel(r"model's scale $\sigma$")
    axis.set_ylabel("nats")
    axis.legend()
    return drawn


@styled
def gallery(densities: Mapping[str, Density], columns: int = 5) -> Figure:
    """Draw densities on the plane as heat maps, titled by name and entropy in nats."""
    rows = -(-len(densities) // columns)
    width = WIDTH / columns
    drawn, axes = figure(rows, columns, (width, 1.35 * width))
    for axis in axes[len(densities) :]:
        axis.set_visible(False)
    for axis, (name, density) in zip(axes, densities.items(), strict=False):
        draw_density(axis, density)
        axis.set_title(f"{name}\n{density.entropy():.3f}", fontsize=SMALL)
    return drawn


@styled
@torch.no_grad()
def points_and_densities(
    points: Mapping[str, Tensor],
    log_probs: Mapping[str, Callable[[Tensor], Tensor]],
    box: Box,
) -> Figure:
    """Draw clouds of points, then densities as heat maps, all on one box of the plane.

    The keys are the titles. A log-density maps (n, 2) to (n,); all heat maps have the
    same colours, which follow the square root of the density.

    Shapes: each cloud (n, 2).
    """
    drawn, axes = figure(1, len(points) + len(log_probs), size=(1.9, 2.1))
    for axis, cloud in zip(axes, points.values(), strict=False):
        size = 2 if len(cloud.unique(dim=0)) > 50 else 15  # points on top of each other
        axis.scatter(*_numpy(cloud).T, s=size, linewidths=0, color=BLUE)
    grid, _ = midpoints(box, 160)
    heat = [f(grid).exp().sqrt().reshape(160, 160).T for f in log_probs.values()]
    top = max((values.max().item() for values in heat), default=1.0)
    shown = {"cmap": DENSITY, "vmin": 0, "vmax": top, "origin": "lower"}
    shown["extent"] = (*box[0], *box[1])
    for axis, values in zip(axes[len(points) :], heat, strict=True):
        axis.imshow(_numpy(values), **shown)
    for axis, title in zip(axes, [*points, *log_probs], strict=True):
        axis.set(title=title, xlim=box[0], ylim=box[1], box_aspect=1, aspect="auto")
        axis.set(xticks=[], yticks=[])
    return drawn


@torch.no_grad()
def draw_density(axis: Axes, density: Density, points: int = 240) -> None:
    """Draw a density on the plane as a heat map: a square around its `view`.

    The colours follow the square root of the density, so that thin tails can be seen.
    """
    reach = max(high - low for low, high in density.view) / 2
    grid = [
        torch.linspace(middle - reach, middle + reach, points)
        for middle in (sum(side) / 2 for side in density.view)
    ]
    heat = density.log_prob(torch.cartesian_prod(*grid)).exp().reshape(points, points)
    values = map(_numpy, (*grid, heat.T.sqrt()))
    axis.pcolormesh(*values, cmap=DENSITY, shading="nearest")
    axis.set(xticks=[], yticks=[], box_aspect=1)
    axis.spines[:].set_visible(False)


def _numpy(values: Tensor) -> np.ndarray:
    return values.detach().cpu().numpy()
