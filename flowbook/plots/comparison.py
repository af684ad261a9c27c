"""Figures of chapter 20: lines, the paths of their mean, and models compared."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from flowbook.plots.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SMALL,
    WIDTH,
    figure,
    styled,
)


@styled
def lines_and_paths(panels: Mapping[str, Tensor]) -> Figure:
    """Draw where points go, from noise (orange) to data (green), a panel each.

    Shapes: each panel (steps, n, 2).
    """
    drawn, axes = figure(1, len(panels), size=(3.0, 3.2))
    side = 1.05 * max(paths.abs().max().item() for paths in panels.values())
    for axis, (name, paths) in zip(axes, panels.items(), strict=True):
        points = _numpy(paths)
        for line in points.transpose(1, 2, 0):
            axis.plot(*line, color=BLUE, lw=0.7, alpha=0.7)
        axis.plot(*points[0].T, ".", color=ORANGE, ms=5)
        axis.plot(*points[-1].T, ".", color=GREEN, ms=5)
        axis.set(title=name, aspect="equal", xlim=(-side, side), ylim=(-side, side))
        axis.set(xticks=[-2, 0, 2], yticks=[-2, 0, 2])
    return drawn


@styled
def bits_against_distance(
    points: Mapping[str, tuple[float, float]],
    kinds: Mapping[str, str],
    silent: Mapping[str, float],
    floor: float,
) -> Figure:
    """Draw bits per dimension against W₁, a number for each model, and who it is.

    `kinds` says "exact" or "bound" of each model in `points`; models in `silent` have a
    distance alone, and stand under the line; `floor` is the distance of data to data.
    """
    drawn, (axis, key) = figure(1, 2, size=(WIDTH / 2, 3.6))
    names = [*points, *silent]
    low = max(bits for _, bits in points.values()) + 0.1
    for number, name in enumerate(names, 1):
        x, y = points.get(name) or (silent[name], low)
        colour = {"exact": BLUE, "bound": ORANGE}.get(kinds[name], GREEN)
        axis.plot(x, y, "o", color=colour, ms=5)
        axis.annotate(
            str(number),
            (x, y),
            (5, 1),
            textcoords="offset points",
            color=colour,
            size=SMALL - 1,
        )
        row = 1 - (number - 0.5) / len(names)
        text = f"{number}  {name}"
        key.text(0, row, text, color=colour, size=SMALL - 1, va="center")
    axis.axvline(floor, color=GREY, lw=0.8, ls="--")
    axis.axhline(low - 0.05, color=GREY, lw=0.8)
    axis.set(xlabel="$W_1$ to test images", ylabel="bits per dimension")
    axis.set_ylim(top=low + 0.05)
    axis.invert_yaxis()
    key.set_axis_off()
    return drawn


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
