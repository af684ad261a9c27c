"""Figures of chapter 9: iterations, bounds, random estimates, memory, Jacobians."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from flowbook.plots.style import BLUE, CYCLE, GREY, ORANGE, figure, styled

MARKS = "osD^v"  # curves differ by more than their colour


class Iteration(NamedTuple):
    """A map of the line on a grid, and the points that its iteration visits.

    Shapes: z and mapped (n,), an increasing grid and the map on it; visited (k,).
    """

    z: Tensor
    mapped: Tensor
    visited: Tensor


@styled
def jacobian_patterns(jacobians: Mapping[str, Tensor], split: int) -> Figure:
    """Draw which entries of square matrices are 0 (blank), 1 (grey) or other (blue).

    Lines mark the blocks that `split` cuts the rows and columns into.
    """
    drawn, axes = figure(1, len(jacobians), size=(3.0, 3.2))
    for axis, (title, tensor) in zip(axes, jacobians.items(), strict=True):
        matrix = _array(tensor)
        kind = np.where(matrix == 0, 0, np.where(matrix == 1, 1, 2))
        colours = ListedColormap(["#00000000", GREY, BLUE])
        axis.pcolormesh(kind, cmap=colours, vmin=0, vmax=2, edgecolors=GREY, lw=0.3)
        axis.axhline(split, color=ORANGE)
        axis.axvline(split, color=ORANGE)
        axis.invert_yaxis()
        axis.set(aspect="equal", xticks=[], yticks=[], title=title)
        axis.spines[:].set_visible(False)
    return drawn


@styled
def residual_step(z: Tensor, arrows: Tensor, steps: Mapping[str, Tensor]) -> Figure:
    """Draw arrows at points of the plane, and grids after steps along such arrows.

    Shapes: z, arrows and each grid (n, n, 2); every fourth arrow of a row is drawn.
    """
    drawn, axes = figure(1, 1 + len(steps), size=(2.0, 2.2))
    at, way = (_array(tensor)[::4, ::4].reshape(-1, 2) for tensor in (z, arrows))
    style = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.012}
    axes[0].quiver(*at.T, *way.T, color=ORANGE, **style)
    axes[0].plot(*at.T, "o", color=BLUE, ms=2.5)
    axes[0].set_title("z and g(z)")
    for axis, (title, nodes) in zip(axes[1:], steps.items(), strict=True):
        lines = _array(nodes)
        for k in range(0, len(lines), 2):
            axis.plot(*lines[k].T, color=BLUE, lw=0.8)
            axis.plot(*lines[:, k].T, color=BLUE, lw=0.8)
        axis.set_title(title)
    for axis in axes:
        axis.set(aspect="equal", xticks=[], yticks=[])
        axis.margins(0.08)
    return drawn


@styled
def cobwebs(iterations: Mapping[str, Iteration], columns: int = 2) -> Figure:
    """Draw iterations z <- h(z): up or down to the curve, across to the diagonal.

    The diagonal is dashed; the path starts on it, at the dot.
    """
    rows = -(-len(iterations) // columns)
    drawn, axes = figure(rows, columns, size=(3.0, 2.9))
    for axis, (title, iteration) in zip(axes, iterations.items(), strict=False):
        _cobweb(axis, iteration)
        axis.set(title=title, xlabel="$z$", ylabel="$h(z)$")
    for axis in axes[len(iterations) :]:
        axis.axis("off")
    return drawn


def _cobweb(axis: Axes, iteration: Iteration) -> None:
    z, mapped, visited = (_array(tensor) for tensor in iteration)
    axis.plot(z, z, color=GREY, linestyle="--", lw=1)
    axis.plot(z, mapped, color=BLUE)
    corners = visited.repeat(2)
    axis.plot(corners[:-1], corners[1:], color=ORANGE, lw=1.2)
    axis.plot(visited[0], visited[0], "o", color=ORANGE)
    axis.set(aspect="equal", xlim=(z[0], z[-1]), ylim=(z[0], z[-1]))


@styled
def under_bounds(
    curves: Mapping[str, tuple[Tensor, Tensor, Tensor]],
    xlabel: str,
    ylabel: str,
    bottom: float,
) -> Figure:
    """Draw values, solid, and what they cannot exceed, dashed, on a log axis.

    A label comes with (steps, values, bounds), three tensors of one shape (n,).
    The axis ends at `bottom`: below that, values may be nothing but rounding.
    """
    drawn, (axis,) = figure(size=(6.0, 3.6))
    for label, tensors in curves.items():
        steps, values, bounds = (_array(tensor) for tensor in tensors)
        (line,) = axis.semilogy(steps, values, label=label)
        axis.semilogy(steps, bounds, color=line.get_color(), linestyle="--")
    axis.set(xlabel=xlabel, ylabel=ylabel, ylim=(bottom, None))
    handles, _ = axis.get_legend_handles_labels()
    handles.append(Line2D([], [], color=GREY, linestyle="--", label="bound"))
    drawn.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return drawn


@styled
def probe_variances(
    share: Tensor,
    formulas: Mapping[str, Tensor],
    at: Tensor,
    measured: Mapping[str, tuple[Tensor, Tensor]],
) -> Figure:
    """Draw the variances of two trace estimators: formulas as lines, samples as marks.

    Shapes: share and each formula (n,); at (k,), and for each name the variance
    measured there and its standard error, (k,) each.
    """
    drawn, (axis,) = figure(size=(6.0, 3.4))
    for name, mark, colour in zip(formulas, MARKS, CYCLE, strict=False):
        axis.plot(_array(share), _array(formulas[name]), color=colour, label=name)
        variance, error = (_array(tensor) for tensor in measured[name])
        style = {"color": colour, "linestyle": "", "marker": mark, "capsize": 3}
        axis.errorbar(_array(at), variance, 2 * error, lw=1, **style)
    axis.set(xlabel=r"share of the diagonal in $\|S\|_F^2$", ylim=(0, None))
    axis.set(ylabel=r"variance / $\|S\|_F^2$")
    axis.legend()
    return drawn


@styled
def memory_against_depth(
    depths: Sequence[int], stored: Mapping[str, Sequence[int]]
) -> Figure:
    """Draw the bytes stored for the backward pass against depth, both logarithmic."""
    drawn, (axis,) = figure(size=(6.0, 3.2))
    for (name, sizes), mark in zip(stored.items(), MARKS, strict=False):
        megabytes = [size / 2**20 for size in sizes]
        axis.loglog(depths, megabytes, marker=mark, label=name, base=2)
    axis.set(xlabel="pairs", ylabel="stored, MiB")
    axis.set_xticks(depths, [str(depth) for depth in depths])
    axis.yaxis.set_major_formatter("{x:g}")
    axis.minorticks_off()
    axis.grid(True, axis="y")
    axis.legend()
    return drawn


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
