"""Figures of reverse KL: two divergences, bases and depths, teacher and student."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from flowbook.densities import Density
from flowbook.plots.densities import draw_density
from flowbook.plots.style import (
    BLUE,
    CYCLE,
    DENSITY,
    GREY,
    ORANGE,
    SMALL,
    WIDTH,
    figure,
    styled,
)

Box = Sequence[tuple[float, float]]


@styled
def two_directions(
    x: Tensor,
    target: Tensor,
    fits: Mapping[str, Tensor],
    means: Tensor,
    landscapes: Mapping[str, Tensor],
) -> Figure:
    """Draw a density with models fitted to it, and the divergence against their mean.

    Fits and landscapes with the same name share a colour; a second fit of a name, which
    ends with "*", is dashed.

    Shapes: x, target and each fit (points,); means and each landscape (means,).
    """
    drawn, (left, right) = figure(1, 2, size=(3.0, 3.0))
    colours = dict(zip(landscapes, (BLUE, ORANGE), strict=True))
    left.fill_between(_numpy(x), _numpy(target), color=GREY, alpha=0.3, lw=0)
    for name, fit in fits.items():
        known, again = name.rstrip("*"), name.endswith("*")
        style = {"ls": "--", "lw": 1.2} if again else {}
        left.plot(_numpy(x), _numpy(fit), color=colours[known], **style)
    left.set(xlabel="$x$", ylabel="density", ylim=(0, None))
    for name, values in landscapes.items():
        right.plot(_numpy(means), _numpy(values), color=colours[name], label=name)
    right.set(xlabel="mean of the model", ylabel="KL, nats", ylim=(0, None))
    right.locator_params(axis="x", integer=True)
    drawn.legend(loc="outside lower center", ncols=2)
    return drawn


@styled
def density_table(rows: Mapping[str, Mapping[str, Tensor]], box: Box) -> Figure:
    """Draw a table of densities on one box: a row a base, a column a model.

    Each panel has a colour scale of its own; the titles stand over the first row.

    Shapes: each density on the centres of equal cells of the box, (m, m), first index
    first axis.
    """
    columns = max(map(len, rows.values()))
    side = WIDTH / columns
    drawn, axes = figure(len(rows), columns, size=(side, 1.1 * side))
    for row, (base, panels) in enumerate(rows.items()):
        for column, (title, density) in enumerate(panels.items()):
            axis, values = axes[row * columns + column], _numpy(density).T
            axis.imshow(
                values,
                cmap=DENSITY,
                origin="lower",
                extent=(*box[0], *box[1]),
                vmax=max(float(np.quantile(values, 0.995)), 1e-9),
                interpolation="bilinear",
            )
            axis.set(xticks=[], yticks=[])
            if row == 0:
                axis.set_title(title, fontsize=SMALL)
            axis.spines[:].set_visible(False)
            if column == 0:
                axis.set_ylabel(base)
    return drawn


@styled
def samples_over(panels: Mapping[str, Tensor], density: Density) -> Figure:
    """Draw samples as dots over a density, a panel each; shapes (n, 2)."""
    size = WIDTH / len(panels), min(3.0, 9 / len(panels))
    drawn, axes = figure(1, len(panels), size=size)
    for axis, (title, points) in zip(axes, panels.items(), strict=True):
        draw_density(axis, density)
        limits = axis.get_xlim(), axis.get_ylim()
        axis.scatter(*_numpy(points).T, color=GREY, s=4, linewidths=0)
        axis.set(xlim=limits[0], ylim=limits[1], title=title)
    return drawn


@styled
def waves(panels: Mapping[str, Tensor]) -> Figure:
    """Draw sequences as curves, a panel a source; shapes (n, length)."""
    drawn, axes = figure(1, len(panels), size=(WIDTH / len(panels), 2.2))
    reach = max(float(rows.abs().max()) for rows in panels.values())
    for axis, (title, rows) in zip(axes, panels.items(), strict=True):
        for colour, row in zip(CYCLE, _numpy(rows), strict=False):
            axis.plot(np.arange(1, len(row) + 1), row, color=colour, lw=1.2)
        axis.set(title=title, xlabel="entry $i$", ylim=(-1.1 * reach, 1.1 * reach))
        if axis is not axes[0]:
            axis.set_yticklabels([])
    axes[0].set_ylabel("$x_i$")
    return drawn


def _numpy(values: Tensor) -> np.ndarray:
    return values.detach().cpu().numpy()
