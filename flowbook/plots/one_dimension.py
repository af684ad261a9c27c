"""Plots of maps of the line: a base density, a map, and the density that it makes."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy import ndarray
from torch import Tensor

from flowbook.plots.style import BLUE, GREY, ORANGE, WIDTH, figure, styled

STRIPS = (BLUE, ORANGE)  # neighbours alternate, and a strip keeps its colour
BINS = 80
DASHES = ("-", "--", "-.", ":")  # curves differ by more than their colour


@styled
def change_of_variables(
    z: Tensor, base: Tensor, mapped: Tensor, x: Tensor, density: Tensor, edges: Tensor
) -> Figure:
    """Draw a base density under its map, and beside it the density that results.

    The strips between neighbouring `edges` are coloured and followed along the map.

    Shapes: z is an increasing grid (n,), base and mapped (n,) are p_Z and f on it;
    x is an increasing grid (m,) and density (m,) is p_X on it; edges (k,).
    """
    drawn, _ = figure(size=(WIDTH, 4.8))
    drawn.clear()
    (above, right), (below, corner) = drawn.subplots(
        2, 2, sharex="col", sharey="row", width_ratios=(2.4, 1), height_ratios=(2.4, 1)
    )
    corner.remove()
    z, base, mapped, x, density, edges = _arrays(z, base, mapped, x, density, edges)
    images = np.interp(edges, z, mapped)
    above.plot(z, mapped, color=GREY)
    above.set(xlim=(z[0], z[-1]), ylim=(x[0], x[-1]), ylabel="$x = f(z)$")
    below.plot(z, base, color=GREY)
    below.set(xlabel="$z$", ylabel="$p_Z(z)$", ylim=(0, None))
    right.plot(density, x, color=GREY)
    right.set(xlabel="$p_X(x)$", xlim=(0, None))
    right.tick_params(labelbottom=True)
    # Strips with the same image have the same colour, and neighbours another one.
    centres = (images[1:] + images[:-1]) / 2
    _, ranks = np.unique(centres.round(6), return_inverse=True)
    for k, rank in enumerate(ranks):
        low, high = sorted(images[[k, k + 1]])
        style = {"color": STRIPS[rank % 2], "alpha": 0.4, "lw": 0}
        below.fill_between(*_cut(z, base, edges[k], edges[k + 1]), **style)
        right.fill_betweenx(*_cut(x, density, low, high), **style)
    for edge, image in zip(edges, images, strict=True):
        above.plot([edge, edge, z[-1]], [x[0], image, image], color=GREY, lw=0.5)
    return drawn


@styled
def strips(
    z: Tensor,
    base: Tensor,
    x: Tensor,
    density: Tensor,
    edges: Tensor,
    images: Tensor,
    mass: float,
) -> Figure:
    """Draw rectangles of one mass under a base density, and where a map takes them.

    A rectangle stands on a strip and has the strip's mass as its area.

    Shapes: z and base (n,); x and density (m,); edges and images (k,), increasing.
    """
    drawn, (above, below) = figure(2, 1, size=(WIDTH, 2.1))
    z, base, x, density, edges, images = _arrays(z, base, x, density, edges, images)
    for axis, ends in (above, edges), (below, images):
        widths = np.diff(ends)
        colours = [STRIPS[k % 2] for k in range(len(widths))]
        style = {"align": "edge", "color": colours, "alpha": 0.45}
        axis.bar(ends[:-1], mass / widths, widths, **style)
    above.plot(z, base, color=GREY)
    above.set(xlabel="$z$", ylabel="$p_Z(z)$", xlim=(z[0], z[-1]))
    below.plot(x, density, color=GREY)
    below.set(xlabel="$x$", ylabel="$p_X(x)$", xlim=(x[0], x[-1]))
    return drawn


@styled
def map_family(
    z: Tensor, maps: Mapping[str, Tensor], densities: Mapping[str, Tensor]
) -> Figure:
    """Draw maps of one grid, and beside them the densities that they make.

    Both mappings have the label of a curve as key, in the same order.

    Shapes: z (n,); a map's values (n,); a density's values at those (n,).
    """
    drawn, (left, right) = figure(1, 2, size=(3.2, 3.0))
    for k, (label, mapped) in enumerate(maps.items()):
        at, mapped, density = _arrays(z, mapped, densities[label])
        dashes = DASHES[k % len(DASHES)]
        left.plot(at, mapped, linestyle=dashes, label=label)
        right.plot(mapped, density, linestyle=dashes)
    left.set(xlabel="$z$", ylabel="$x = f(z)$")
    right.set(xlabel="$x$", ylabel="$p_X(x)$", ylim=(0, None))
    drawn.legend(loc="outside upper center", ncols=len(maps))
    return drawn


@styled
def density_curves(
    x: Tensor,
    densities: Mapping[str, Tensor],
    samples: Tensor | None = None,
    top: float | None = None,
) -> Figure:
    """Draw densities on the line, each with its label, over a histogram of samples.

    `top` cuts the vertical axis where a density has no bound.

    Shapes: x (n,); a density's values (n,); samples any shape.
    """
    drawn, (axis,) = figure(size=(5.0, 3.0))
    if samples is not None:
        _histogram(axis, _array(samples).flatten(), float(x[0]), float(x[-1]))
    for k, (label, density) in enumerate(densities.items()):
        dashes = DASHES[k % len(DASHES)]
        axis.plot(*_arrays(x, density), linestyle=dashes, label=label)
    axis.set(xlabel="$x$", ylabel="density", ylim=(0, top))
    axis.legend()
    return drawn


@styled
def learned_map(
    x: Tensor, inverses: Mapping[str, Tensor], densities: Mapping[str, Tensor]
) -> Figure:
    """Draw maps x -> z, such as a learned and the exact one, above densities of x.

    Shapes: x (n,); a map's values (n,); a density's values (n,).
    """
    drawn, (above, below) = figure(2, 1, size=(5.6, 2.3))
    for axis, curves in (above, inverses), (below, densities):
        for k, (label, values) in enumerate(curves.items()):
            dashes = DASHES[k % len(DASHES)]
            axis.plot(*_arrays(x, values), linestyle=dashes, label=label)
        axis.legend()
    above.set(ylabel="$z = f^{-1}(x)$")
    below.set(xlabel="$x$", ylabel="density", ylim=(0, None))
    return drawn


def _histogram(axis: Axes, samples: ndarray, low: float, high: float) -> None:
    # Weights, not density=True: samples outside the axis still count as mass.
    weights = np.full(len(samples), BINS / (len(samples) * (high - low)))
    style = {"color": GREY, "alpha": 0.35, "label": "samples"}
    axis.hist(samples, bins=BINS, range=(low, high), weights=weights, **style)


def _cut(at: ndarray, values: ndarray, low: float, high: float) -> tuple[ndarray, ...]:
    # The ends of a strip need not be points of the grid.
    inside = at[(at > low) & (at < high)]
    points = np.concatenate([[low], inside, [high]])
    return points, np.interp(points, at, values)


def _arrays(*tensors: Tensor) -> tuple[ndarray, ...]:
    return tuple(_array(tensor) for tensor in tensors)


def _array(tensor: Tensor) -> ndarray:
    return tensor.detach().cpu().numpy()
