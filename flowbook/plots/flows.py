"""Figures of flows: a warped grid, a density on its way, a training run."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LinearSegmentedColormap, hsv_to_rgb
from matplotlib.figure import Figure
from torch import Tensor

from flowbook.plots.style import (
    BLUE,
    DENSITY,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    figure,
    styled,
)

Box = Sequence[tuple[float, float]]

# Blue shrinks, orange stretches, and what keeps its size lets the page show through.
STRETCH = LinearSegmentedColormap.from_list(
    "stretch", [(0.0, BLUE), (0.5, GREY + "10"), (1.0, ORANGE)]
)


@styled
def grid_warp(z: Tensor, x: Tensor, log_det: Tensor, marked: tuple[int, int]) -> Figure:
    """Draw a grid and its image, each cell coloured by the logarithm of its stretch.

    `marked` is the row and column of a cell that both panels outline.

    Shapes: the nodes z and their images x (rows + 1, columns + 1, 2); log_det, one
    number a cell, (rows, columns).
    """
    drawn, axes = figure(1, 2, size=(3.2, 3.0))
    values = _numpy(log_det)
    limit = float(np.abs(values).max()) or 1.0
    for axis, nodes, name in zip(axes, (z, x), "zx", strict=True):
        cells = _cells(_numpy(nodes))
        mesh = PolyCollection(
            cells, cmap=STRETCH, edgecolors=GREY, linewidths=0.4, clim=(-limit, limit)
        )
        mesh.set_array(values.ravel())
        axis.add_collection(mesh)
        outline = cells[np.ravel_multi_index(marked, values.shape)]
        axis.fill(*outline.T, facecolor="none", edgecolor=RED, linewidth=2)
        axis.autoscale_view()
        _plane(axis, name)
    drawn.colorbar(mesh, ax=axes, shrink=0.8, label=r"$\log\,|\det\,J\,|$")
    return drawn


@styled
def density_steps(
    points: Sequence[Tensor],
    densities: Sequence[Tensor],
    boxes: Sequence[Box],
    titles: Sequence[str],
) -> Figure:
    """Draw a density at each step of a flow, above points that the same map moves.

    A point has the same colour in every panel: its direction in the first one.

    Shapes: for each panel points (n, 2), row i the same point in all of them, and the
    density on the centres of equal cells of its box, (m, m), first index first axis.
    """
    drawn, axes = figure(2, len(points), size=(1.7, 1.6))
    hue = _hues(_numpy(points[0]))
    above, below = axes[: len(points)], axes[len(points) :]
    for axis, density, box, title in zip(above, densities, boxes, titles, strict=True):
        axis.imshow(
            _numpy(density).T,
            cmap=DENSITY,
            origin="lower",
            extent=(*box[0], *box[1]),
            interpolation="bilinear",
            aspect="auto",
        )
        axis.set_title(title)
    for axis, rows in zip(below, points, strict=True):
        axis.scatter(*_numpy(rows).T, c=hue, s=1.5, linewidths=0)
    for axis, box in zip([*above, *below], [*boxes, *boxes], strict=True):
        axis.set(xlim=box[0], ylim=box[1])
        axis.locator_params(nbins=3, integer=True)
        axis.tick_params(length=2, pad=1)
    return drawn


@styled
def training_curve(loss: Tensor, entropy: float, reached: float) -> Figure:
    """Draw the loss of a run with the entropy as its floor, and the gap between them.

    `reached` is the loss on data that training has not seen. The gap is drawn on a
    logarithmic scale, where a running mean of the loss lies above the floor.

    Shapes: loss (steps,).
    """
    drawn, (left, right) = figure(1, 2, size=(3.2, 2.6))
    values = _numpy(loss)
    window = max(1, len(values) // 50)
    mean = np.convolve(values, np.ones(window) / window, mode="valid")
    steps = np.arange(len(mean)) + window
    left.plot(np.arange(1, len(values) + 1), values, color=BLUE, alpha=0.3, lw=0.6)
    left.plot(steps, mean, color=BLUE, label="loss, running mean")
    left.axhline(entropy, color=ORANGE, ls="--", label=f"floor: entropy {entropy:.3f}")
    height = float(np.quantile(values, 0.98)) - entropy
    left.set(ylim=(entropy - 0.15 * height, entropy + 1.15 * height))
    left.set(xlabel="step", ylabel="nats a point")
    left.legend()
    right.semilogy(steps, np.maximum(mean - entropy, 1e-6), color=BLUE)
    gap = reached - entropy
    right.axhline(gap, color=PURPLE, ls=":", label=f"new data: {gap:.3f}")
    right.set(xlabel="step", ylabel="nats above the floor")
    right.legend()
    return drawn


@styled
def gaussianised(
    x: Tensor, z: Tensor, masses: tuple[float, float, float] = (0.5, 0.9, 0.99)
) -> Figure:
    """Draw data and what the inverse of a flow makes of them, beside the target.

    A circle of radius sqrt(-2 log(1 - mass)) holds that mass of the standard normal;
    the legend says that mass and, after the colon, how much of z it holds.

    Shapes: x and z (n, 2), row i the same point in both.
    """
    drawn, axes = figure(1, 2, size=(3.2, 3.3))
    hue = _hues(_numpy(z))
    for axis, rows, name in zip(axes, (x, z), "xz", strict=True):
        axis.scatter(*_numpy(rows).T, c=hue, s=2.0, linewidths=0)
        _plane(axis, name)
    lengths, turn = np.hypot(*_numpy(z).T), np.linspace(0, 2 * np.pi, 200)
    for mass, line in zip(masses, ("-", "--", ":"), strict=True):
        radius = math.sqrt(-2 * math.log1p(-mass))
        held = f"{mass:.0%}: {(lengths < radius).mean():.1%}"
        circle = radius * np.cos(turn), radius * np.sin(turn)
        axes[1].plot(*circle, color=GREY, ls=line, lw=1.5, label=held)
    reach = max(4.0, float(np.quantile(lengths, 0.999)))
    axes[1].set(xlim=(-reach, reach), ylim=(-reach, reach))
    drawn.legend(loc="outside lower center", ncols=len(masses), columnspacing=1.2)
    return drawn


@styled
def moments(panels: Mapping[str, Tensor]) -> Figure:
    """Draw the same moving points at several times, a panel each.

    A point has the same colour in every panel: its direction in the first one.

    Shapes: each panel (n, 2), row i the same point in all of them.
    """
    drawn, axes = figure(1, len(panels), size=(1.7, 1.9))
    hue = _hues(_numpy(next(iter(panels.values()))))
    for axis, (title, points) in zip(axes, panels.items(), strict=True):
        axis.scatter(*_numpy(points).T, c=hue, s=1.5, linewidths=0)
        axis.set_title(title)
        axis.set_aspect("equal", "datalim")
        axis.locator_params(nbins=3, integer=True)
        axis.tick_params(length=2, pad=1)
    return drawn


def _cells(nodes: np.ndarray) -> np.ndarray:
    corners = (nodes[:-1, :-1], nodes[1:, :-1], nodes[1:, 1:], nodes[:-1, 1:])
    return np.stack(corners, 2).reshape(-1, 4, 2)


def _hues(points: np.ndarray) -> np.ndarray:
    # A full, darkened turn of the colour wheel holds on a white and on a dark page.
    turn = (np.arctan2(points[:, 1], points[:, 0]) / (2 * np.pi)) % 1
    full = np.ones_like(turn)
    return hsv_to_rgb(np.stack((turn, 0.8 * full, 0.8 * full), -1))


def _plane(axis: Axes, name: str) -> None:
    axis.set_aspect("equal")
    axis.set(xlabel=f"${name}_1$", ylabel=f"${name}_2$")
    axis.set_title({"z": "base space z", "x": "data space x"}[name])


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
