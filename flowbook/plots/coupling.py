"""Figures of chapter 6: what coupling layers move, and what they cannot."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import ListedColormap, hsv_to_rgb
from matplotlib.figure import Figure
from torch import Tensor

from flowbook.plots.flows import STRETCH
from flowbook.plots.style import (
    BLUE,
    DENSITY,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    figure,
    styled,
)

Box = Sequence[tuple[float, float]]

# Absent and present, on a light and on a dark page.
ENTRY = ListedColormap(["#00000000", BLUE])
# Paper and ink: digits look the same on both pages.
INK = ListedColormap(np.linspace((1, 1, 1), (0.08, 0.12, 0.25), 64))


@styled
def coupling_steps(
    nodes: Mapping[str, Sequence[Tensor]],
    log_dets: Mapping[str, Sequence[Tensor]],
    titles: Sequence[str],
    limit: float = 2.0,
) -> Figure:
    """Draw one grid after some layers of several flows, a row for each flow.

    A cell's colour is the logarithm of its area over that in the first column, cut
    off at plus and minus `limit`.

    Shapes: for each flow and column nodes (rows + 1, columns + 1, 2) and one number a
    cell, (rows, columns).
    """
    drawn, axes = figure(len(nodes), len(titles), size=(1.5, 1.5))
    for row, (name, stages) in enumerate(nodes.items()):
        line = axes[row * len(titles) : (row + 1) * len(titles)]
        for axis, stage, log_det in zip(line, stages, log_dets[name], strict=True):
            mesh = PolyCollection(
                _cells(_numpy(stage)),
                cmap=STRETCH,
                edgecolors=GREY,
                linewidths=0.3,
                clim=(-limit, limit),
            )
            mesh.set_array(_numpy(log_det).ravel())
            axis.add_collection(mesh)
            axis.autoscale_view()
            axis.set(xticks=[], yticks=[])
        line[0].set_ylabel(name)
    for axis, title in zip(axes, titles, strict=False):
        axis.set_title(title)
    drawn.colorbar(
        mesh,
        ax=axes,
        location="bottom",
        shrink=0.6,
        aspect=40,
        extend="both",
        label=r"$\log\,|\det\,J\,|$",
    )
    return drawn


@styled
def reach_patterns(patterns: Mapping[str, Tensor]) -> Figure:
    """Draw which entries of Jacobians can be nonzero: a row for each output.

    Shapes: each pattern (dim, dim), boolean.
    """
    drawn, axes = figure(1, len(patterns), size=(1.9, 2.2))
    for axis, (title, pattern) in zip(axes, patterns.items(), strict=True):
        entries = _numpy(pattern)
        axis.imshow(entries, cmap=ENTRY, vmin=0, vmax=1)
        for edge in np.arange(len(entries) + 1) - 0.5:
            axis.axhline(edge, color=GREY, lw=0.4)
            axis.axvline(edge, color=GREY, lw=0.4)
        numbers = range(len(entries))
        names = [str(number + 1) for number in numbers]
        axis.set_xticks(numbers, names)
        axis.set_yticks(numbers, names)
        axis.set(title=title, xlabel="input")
        axis.tick_params(length=0)
    axes[0].set_ylabel("output")
    return drawn


@styled
def nice_limit(
    corners: Tensor, radii: Tensor, bound: Tensor, marks: Mapping[str, tuple]
) -> Figure:
    """Draw a set against the disk of its area, and the bound against its radius.

    Left, the part of the set outside the disk, which costs more than the part of the
    disk that it leaves empty. Right, the bound as a curve, and (radius, KL) points.

    Shapes: corners (k, 2) of a polygon around the origin; radii and bound (n,).
    """
    drawn, (left, right) = figure(1, 2, size=(3.0, 2.9))
    polygon, turn = _numpy(corners), np.linspace(0, 2 * np.pi, 361)
    x, y = polygon.T
    area = 0.5 * abs((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())
    radius = np.sqrt(area / np.pi)
    left.fill(*polygon.T, facecolor=(ORANGE, 0.35), edgecolor=ORANGE, label="a set $W$")
    disk = radius * np.cos(turn), radius * np.sin(turn)
    left.fill(*disk, facecolor=(BLUE, 0.35), edgecolor=BLUE, label="the disk $B$")
    left.plot(0, 0, "+", color=GREY, ms=8)
    left.set(xlabel="$z_1$", ylabel="$z_2$", title="equal areas", aspect="equal")
    right.plot(_numpy(radii), _numpy(bound), color=BLUE, label="the bound $\\ell(r)$")
    for marker, colour, (name, point) in zip(
        "osD^", (GREEN, ORANGE, PURPLE, GREY), marks.items(), strict=False
    ):
        right.plot(*point, marker, color=colour, ms=6, label=name)
    right.set(xlabel="radius $r$ of the disk", ylabel="KL, nats")
    right.set_ylim(0, None)
    drawn.legend(loc="outside lower center", ncols=2)
    return drawn


@styled
def packing(
    stages: Mapping[str, Sequence[Tensor]], titles: Sequence[str], groups: Tensor
) -> Figure:
    """Draw points on their way from the data to the base, a row for each flow.

    The points of a group have one colour. Circles with radius 2 and 3 are drawn over
    the last column.

    Shapes: for each flow and column points (n, 2), row i the same point; groups (n,).
    """
    drawn, axes = figure(len(stages), len(titles), size=(1.5, 1.5))
    share = _numpy(groups) / (int(groups.max()) + 1)
    full = np.ones_like(share)
    hue = hsv_to_rgb(np.stack((share, 0.8 * full, 0.85 * full), -1))
    turn = np.linspace(0, 2 * np.pi, 200)
    for row, (name, points) in enumerate(stages.items()):
        line = axes[row * len(titles) : (row + 1) * len(titles)]
        for axis, part in zip(line, points, strict=True):
            axis.scatter(*_numpy(part).T, c=hue, s=1.2, linewidths=0)
            axis.set(xticks=[], yticks=[])
        for radius, dashes in ((2, "-"), (3, ":")):
            circle = radius * np.cos(turn), radius * np.sin(turn)
            line[-1].plot(*circle, color=GREY, lw=1.8, ls=dashes)
        line[-1].set(xlim=(-4, 4), ylim=(-4, 4), aspect="equal")
        line[0].set(aspect="equal")
        line[0].set_ylabel(name)
    for axis, title in zip(axes, titles, strict=False):
        axis.set_title(title)
    return drawn


@styled
def fitted_densities(densities: Mapping[str, Tensor], box: Box) -> Figure:
    """Draw densities on one box, in one scale; the keys are the titles.

    Shapes: each density on the centres of equal cells of the box, (m, m), first index
    first axis.
    """
    drawn, axes = figure(1, len(densities), size=(2.0, 2.8))
    # A few tall ridges must not make everything else pale.
    top = max(float(np.quantile(_numpy(p), 0.98)) for p in densities.values())
    for axis, (title, density) in zip(axes, densities.items(), strict=True):
        image = axis.imshow(
            _numpy(density).T,
            cmap=DENSITY,
            origin="lower",
            extent=(*box[0], *box[1]),
            interpolation="bilinear",
            vmax=top,
        )
        axis.set_title(title)
        axis.locator_params(nbins=3, integer=True)
        axis.tick_params(length=2, pad=1)
    bar = {"location": "bottom", "aspect": 40, "shrink": 0.6, "extend": "max"}
    drawn.colorbar(image, ax=axes, label="density, mass per unit of area", **bar)
    return drawn


@styled
def gap_curves(
    losses: Mapping[str, Tensor], entropy: float, limits: Mapping[str, float]
) -> Figure:
    """Draw the running mean of losses above the entropy, with limits as dashed lines.

    Shapes: each loss (steps,).
    """
    drawn, (axis,) = figure(size=(6.0, 3.0))
    for name, loss in losses.items():
        window = max(1, len(loss) // 30)
        mean = np.convolve(_numpy(loss), np.ones(window) / window, mode="valid")
        steps = np.arange(len(mean)) + window
        axis.semilogy(steps, np.maximum(mean - entropy, 1e-4), label=name)
    for name, limit in limits.items():
        axis.axhline(limit, color=GREY, ls="--", lw=1.5, label=name)
    axis.set(xlabel="step", ylabel="nats above the entropy")
    ticks = [0.02, 0.05, 0.1, 0.2, 0.5, 1.0]
    axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()
    axis.grid(True, axis="y")
    drawn.legend(loc="outside lower center", ncols=2)
    return drawn


@styled
def image_tables(tables: Mapping[str, Tensor], top: float = 16.0) -> Figure:
    """Draw tables of small images side by side; the keys are the titles.

    Shapes: each table (rows, columns, side, side); 0 is paper, `top` is ink.
    """
    drawn, axes = figure(1, len(tables), size=(3.0, 3.2))
    for axis, (title, table) in zip(axes, tables.items(), strict=True):
        rows, _, side, _ = table.shape
        # White around each image.
        padded = np.pad(_numpy(table), ((0, 0), (0, 0), (1, 1), (1, 1)))
        sheet = padded.transpose(0, 2, 1, 3).reshape(rows * (side + 2), -1)
        axis.imshow(sheet, cmap=INK, vmin=0, vmax=top)
        _bare(axis, title)
    return drawn


def _bare(axis: Axes, title: str) -> None:
    axis.set(xticks=[], yticks=[], title=title)
    for spine in axis.spines.values():
        spine.set_visible(False)


def _cells(nodes: np.ndarray) -> np.ndarray:
    corners = (nodes[:-1, :-1], nodes[1:, :-1], nodes[1:, 1:], nodes[:-1, 1:])
    return np.stack(corners, 2).reshape(-1, 4, 2)


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
