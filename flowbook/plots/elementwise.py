"""Plots of elementwise flows: maps with knots, histograms, and what stays a product."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from numpy import ndarray
from torch import Tensor

from flowbook.plots.style import BLUE, CYCLE, GREY, ORANGE, WIDTH, figure, styled

DASHES = ("-", "--", "-.", ":")  # curves differ by more than their colour
NUMBERED = 4  # middles that bisection marks on its curve: more would overlap
Curve = tuple[Tensor, Tensor]


@styled
def knotted_map(
    maps: Mapping[str, Curve],
    knots: Curve,
    beside: Mapping[str, Curve],
    labels: tuple[str, str],
) -> Figure:
    """Draw maps of the line with their knots, and other curves in a second panel.

    `labels` are those of the second panel's axes. A label that both panels have is
    drawn alike, and a single curve of the second is filled. A curve with several rows
    is drawn row by row, without joining them: that is how a jump is shown.

    Shapes: both tensors of a curve (n,) or (pieces, n); of the knots (k,).
    """
    drawn, (left, right) = figure(1, 2, size=(3.2, 3.1))
    names = list(dict.fromkeys((*maps, *beside)))
    for axis, curves in (left, maps), (right, beside):
        for label, curve in curves.items():
            k = names.index(label)
            style = {"color": CYCLE[k], "linestyle": DASHES[k % len(DASHES)]}
            for row, (x, y) in enumerate(zip(*map(_rows, curve), strict=True)):
                axis.plot(x, y, label=None if row else label, zorder=2 - k / 9, **style)
                if curves is beside and len(beside) == 1:
                    axis.fill_between(x, y, color=CYCLE[k], alpha=0.25, lw=1)
    across, up = map(_array, knots)
    left.plot(across, up, "o", color=GREY, zorder=3)
    for knot in across:
        left.axvline(knot, color=GREY, lw=0.5, alpha=0.6)
    left.set(xlabel="$z$", ylabel="$x = f(z)$", xticks=across)
    left.xaxis.set_major_formatter("{x:.1f}")
    right.set(xlabel=labels[0], ylabel=labels[1], ylim=(0, None))
    if len(names) > 1:
        entries: dict[str, Artist] = {}
        for axis in (left, right):
            handles, shown = axis.get_legend_handles_labels()
            entries |= dict(zip(shown, handles, strict=True))
        drawn.legend(
            entries.values(), entries, loc="outside upper center", ncols=len(entries)
        )
    return drawn


@styled
def histogram_flows(
    x: Tensor,
    density: Tensor,
    steps: Mapping[str, Curve],
    bins: Sequence[int],
    gaps: Mapping[str, Sequence[float]],
) -> Figure:
    """Draw a density with histograms of it, and how their gaps fall with the bins.

    `steps` and `gaps` have the same keys, one for each way to place the bins.

    Shapes: x and density (n,); a histogram's edges (K + 1,) and heights (K,); the
    gaps of a way, in nats, one for each number of `bins`.
    """
    drawn, (left, right) = figure(1, 2, size=(3.2, 3.1))
    left.plot(_array(x), _array(density), color=GREY, label="density")
    for k, (label, (edges, heights)) in enumerate(steps.items()):
        style = {"color": CYCLE[k], "linestyle": DASHES[k], "label": label}
        left.stairs(_array(heights), _array(edges), baseline=None, lw=2, **style)
        right.plot(bins, gaps[label], marker="o", color=CYCLE[k], linestyle=DASHES[k])
    left.set(xlabel="$x$", ylabel="density", xlim=(0, 1), ylim=(0, 4))
    right.set(xlabel="bins $K$", ylabel="gap in nats", xscale="log", yscale="log")
    right.set_xticks(bins, [str(count) for count in bins])
    right.xaxis.set_minor_formatter(NullFormatter())
    drawn.legend(loc="outside upper center", ncols=3)
    return drawn


@styled
def bisection(
    curve: Curve, level: Tensor, brackets: Tensor, at_middles: Tensor
) -> Figure:
    """Draw how bisection closes in on the place where a curve has some level.

    Above, the curve and the first middles on it; below, the interval of each step. A
    middle is blue where the curve is below the level, orange where it is above.

    Shapes: both tensors of the curve (n,), increasing; level (); brackets (steps, 2);
    at_middles (steps,), the curve at the middles of the brackets.
    """
    drawn, (above, below) = figure(2, 1, size=(5.6, 2.2))
    below.sharex(above)
    above.plot(*map(_array, curve), color=GREY)
    above.axhline(float(level), color=GREY, lw=1, linestyle="--")
    ends, values = _array(brackets), _array(at_middles)
    for k, ((low, high), value) in enumerate(zip(ends, values, strict=True)):
        middle, colour = (low + high) / 2, ORANGE if value > level else BLUE
        below.plot((low, high), (k + 1, k + 1), color=GREY, marker="|", ms=7)
        below.plot(middle, k + 1, "o", color=colour, ms=6)
        if k < NUMBERED:
            above.plot(middle, value, "o", color=colour, ms=6)
            style = {"textcoords": "offset points", "ha": "center", "color": colour}
            above.annotate(str(k + 1), (middle, value), (-9, 5), **style)
    above.set(ylabel="$f(z)$")
    below.set(xlabel="$z$", ylabel="step", yticks=range(1, len(ends) + 1))
    below.invert_yaxis()
    return drawn


@styled
def joints(samples: Mapping[str, Tensor]) -> Figure:
    """Draw samples of two densities on the plane side by side, with their marginals.

    All panels show the box that holds all but the extreme 0.2 % in each direction.

    Shapes: the samples of a density (n, 2).
    """
    clouds = [_array(points) for points in samples.values()]
    drawn, _ = figure(size=(WIDTH, 3.6))
    drawn.clear()
    panels = drawn.subplots(
        2,
        4,
        sharex="col",
        sharey="row",
        width_ratios=(4, 1, 4, 1),
        height_ratios=(1, 4),
    )
    low, high = np.quantile(np.concatenate(clouds), (0.001, 0.999), axis=0)
    for k, (label, points) in enumerate(zip(samples, clouds, strict=True)):
        (above, corner), (centre, side) = panels[:, 2 * k : 2 * k + 2]
        corner.remove()
        style = {"color": CYCLE[k], "alpha": 0.5, "density": True}
        above.hist(points[:, 0], np.linspace(low[0], high[0], 31), **style)
        bins = np.linspace(low[1], high[1], 31)
        side.hist(points[:, 1], bins, orientation="horizontal", **style)
        centre.scatter(*points.T, s=2, lw=0, color=CYCLE[k])
        above.set_title(label)
        centre.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xlabel="$x_1$")
        centre.set_ylabel("" if k else "$x_2$")
        for axis in (above, side):
            axis.set_axis_off()
    return drawn


def _rows(tensor: Tensor) -> ndarray:
    return _array(tensor.reshape(-1, tensor.shape[-1]))


def _array(tensor: Tensor) -> ndarray:
    return tensor.detach().cpu().numpy()
