"""Figures of chapter 7: masked networks, Jacobians, cuts and fits on the plane."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from torch import Tensor

from flowbook.plots.style import (
    BLUE,
    DENSITY,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    SMALL,
    figure,
    styled,
)

Box = Sequence[tuple[float, float]]

SIZES = LinearSegmentedColormap.from_list("sizes", [BLUE + "60", BLUE, PURPLE, ORANGE])


@styled
def masked_network(
    masks: Sequence[Tensor], degrees: Sequence[Tensor], output: int
) -> Figure:
    """Draw a masked network from left to right, with the degree of every unit in it.

    A thin line is a connection that the mask keeps, a thick one lies on a path to the
    given output, a dotted one is pruned.

    Shapes: one mask for each pair of neighbouring layers, (units after, units before);
    degrees, one vector a layer, inputs first and outputs last.
    """
    drawn, (axis,) = figure(size=(6.0, 3.3))
    weights = [mask.detach().cpu().numpy() != 0 for mask in masks]
    heights = [_heights(len(units)) for units in degrees]
    reached = _reached(weights, output)
    for k, weight in enumerate(weights):
        for after, before in np.ndindex(*weight.shape):
            ends = [k + 0.1, k + 0.9], [heights[k][before], heights[k + 1][after]]
            axis.plot(*ends, **_line(weight[after, before], reached[k + 1][after]))
    for k, (units, marked) in enumerate(zip(degrees, reached, strict=True)):
        edges = [ORANGE if mark else GREY for mark in marked]
        style = {"s": 330, "facecolors": "none", "edgecolors": edges, "lw": 1.8}
        axis.scatter([k] * len(units), heights[k], **style)
        for unit, height in zip(units.tolist(), heights[k], strict=True):
            axis.text(k, height, str(unit), ha="center", va="center", fontsize=SMALL)
    _name_ends(axis, heights)
    return drawn


@styled
def jacobian_sizes(sizes: Mapping[str, Tensor]) -> Figure:
    """Draw the sizes of a matrix's entries on a logarithmic scale, a panel a matrix.

    An exact zero is left empty, and the title counts the entries that are not zero.

    Shapes: a matrix (outputs, inputs) of numbers that are not negative.
    """
    drawn, axes = figure(1, len(sizes), size=(1.5, 2.9))
    values = {name: size.detach().cpu().numpy() for name, size in sizes.items()}
    positive = np.concatenate([value[value > 0] for value in values.values()])
    norm = LogNorm(np.quantile(positive, 0.05), positive.max())
    for axis, (name, value) in zip(axes, values.items(), strict=True):
        # An exact zero is nan: it lets the page show through.
        shown = np.where(value > 0, value, np.nan)
        image = axis.imshow(shown, cmap=SIZES, norm=norm)
        axis.set_title(f"{name}\n{(value > 0).sum()} of {value.size}")
        axis.set(xticks=[], yticks=[], xlabel="input")
    axes[0].set_ylabel("output")
    bar = drawn.colorbar(image, ax=axes, location="bottom", aspect=40, shrink=0.6)
    bar.set_label("mean size of the derivative")
    bar.minorticks_off()
    return drawn


@styled
def plane_fits(densities: Mapping[str, Tensor], box: Box) -> Figure:
    """Draw densities on one box of the plane side by side, all in the same colours.

    The keys are the titles. The colours follow the square root of the density, so that
    thin mass can be seen.

    Shapes: values on the centres of equal cells, (m, m), first index first axis.
    """
    drawn, axes = figure(1, len(densities), size=(1.5 if len(densities) > 3 else 2, 2))
    roots = [density.detach().cpu().numpy().T ** 0.5 for density in densities.values()]
    for axis, title, root in zip(axes, densities, roots, strict=True):
        axis.imshow(
            root,
            cmap=DENSITY,
            vmin=0.0,
            vmax=roots[0].max(),
            origin="lower",
            extent=(*box[0], *box[1]),
            interpolation="bilinear",
            aspect="auto",
        )
        axis.set(title=title, xlabel="$x_1$")
        axis.locator_params(nbins=3, integer=True)
        axis.tick_params(length=2, pad=1)
    axes[0].set_ylabel("$x_2$")
    for axis in axes[1:]:
        axis.tick_params(labelleft=False)
    return drawn


@styled
def slices(
    density: Tensor, box: Box, axis: int, curves: Mapping[float, Tensor], *, best: bool
) -> Figure:
    """Draw a density of the plane, cut at some values of one entry, and the cuts.

    `axis` is the entry that is fixed, 0 or 1. The curves are the conditional densities
    of the other entry, at the centres of the same cells; with `best` each has the
    normal density of the same mean and variance beside it, dotted.

    Shapes: density on the centres of equal cells, (m, m), first index first axis;
    each curve (m,).
    """
    drawn, (left, right) = figure(1, 2, size=(3.0, 2.8))
    left.imshow(
        density.detach().cpu().numpy().T,
        cmap=DENSITY,
        origin="lower",
        extent=(*box[0], *box[1]),
        interpolation="bilinear",
        aspect="auto",
    )
    left.set(xlabel="$x_1$", ylabel="$x_2$", xlim=box[0], ylim=box[1])
    low, high = box[1 - axis]
    cell = (high - low) / len(density)
    at = low + cell * (np.arange(len(density)) + 0.5)
    for (value, tensor), colour, dashes in zip(
        curves.items(), (RED, GREEN, GREY), ("-", "--", "-."), strict=False
    ):
        (left.axhline if axis else left.axvline)(value, color=colour, ls=dashes)
        curve = tensor.detach().cpu().numpy()
        right.plot(at, curve, color=colour, ls=dashes, label=f"{value:g}")
        if best:
            mean, square = (curve @ at**power * cell for power in (1, 2))
            scale = np.sqrt(square - mean**2)
            normal = np.exp(-(((at - mean) / scale) ** 2) / 2)
            normal /= scale * np.sqrt(2 * np.pi)
            right.plot(at, normal, color=colour, ls=":", lw=1.4)
    right.set(xlabel=f"$x_{2 - axis}$", ylabel="conditional density", ylim=(0, None))
    drawn.legend(
        *right.get_legend_handles_labels(),
        loc="outside upper center",
        ncols=len(curves),
        title=f"given $x_{axis + 1}$ =",
    )
    return drawn


def _heights(units: int) -> np.ndarray:
    return (units - 1) / 2 - np.arange(units)


def _reached(weights: Sequence[np.ndarray], output: int) -> list[np.ndarray]:
    # Which units of each layer, from the inputs on, have a path to the output.
    reached = [np.arange(len(weights[-1])) == output]
    for weight in reversed(weights):
        reached.insert(0, (weight & reached[0][:, None]).any(0))
    return reached


def _line(kept: bool, marked: bool) -> dict[str, object]:
    if not kept:
        return {"color": GREY, "lw": 0.6, "ls": ":", "alpha": 0.45, "zorder": 0}
    if marked:
        return {"color": ORANGE, "lw": 1.6, "zorder": 0.5}
    return {"color": BLUE, "lw": 0.9, "zorder": 0.4}


def _name_ends(axis: Axes, heights: Sequence[np.ndarray]) -> None:
    for entry, height in enumerate(heights[0], start=1):
        axis.text(-0.2, height, f"$x_{entry}$", ha="right", va="center")
    for entry, height in enumerate(heights[-1], start=1):
        right = len(heights) - 0.8
        axis.text(right, height, f"$s_{entry}, t_{entry}$", ha="left", va="center")
    axis.set_xlim(-0.5, len(heights) - 0.2)
    axis.axis("off")
