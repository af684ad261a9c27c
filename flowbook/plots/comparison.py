"""Figures of chapter 20: lines, the paths of their mean, and models compared."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from flowbook.plots.latent import INK
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

MARKS = {"exact": (BLUE, "="), "bound": (ORANGE, "≤"), "none": (GREEN, "–")}


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

    `kinds` says "exact", "bound" or "none" of each model; those in `silent` have a
    distance alone, and stand under the line; `floor` is the distance of data to data.
    """
    drawn, (axis, key) = figure(1, 2, size=(WIDTH / 2, 3.6))
    low = max(bits for _, bits in points.values()) + 0.1
    places = dict(points) | {name: (x, low) for name, x in silent.items()}
    above = _above(np.array(list(places.values())))
    for number, (name, place) in enumerate(places.items(), 1):
        colour, sign = MARKS[kinds[name]]
        text = {"color": colour, "size": SMALL - 1}
        offset = {"xytext": (0, 5 if above[number - 1] else -12), "ha": "center"}
        axis.plot(*place, "o", color=colour, ms=5)
        axis.annotate(str(number), place, textcoords="offset points", **offset, **text)
        row = 1 - (number - 0.5) / len(places)
        key.text(0.12, row, number, ha="right", va="center", **text)
        key.text(0.22, row, sign, ha="center", va="center", **text)
        key.text(0.32, row, name, va="center", **text)
    axis.axvline(floor, color=GREY, lw=0.8, ls="--")
    axis.axhline(low - 0.05, color=GREY, lw=0.8)
    axis.set(xlabel="$W_1$ to test images", ylabel="bits per dimension")
    axis.set_ylim(top=low + 0.12)
    axis.invert_yaxis()
    key.set_axis_off()
    return drawn


def _above(places: np.ndarray) -> np.ndarray:
    # Whether a label goes above its dot: away from the nearest other one.
    scaled = places / np.ptp(places, axis=0)
    apart = np.linalg.norm(scaled[:, None] - scaled, axis=-1)
    np.fill_diagonal(apart, np.inf)
    nearest = apart.argmin(1)
    return places[nearest, 1] >= places[:, 1]


@styled
def image_strips(strips: Mapping[str, Tensor], top: float = 16.0) -> Figure:
    """Draw strips of small images in two columns; the keys stand above them.

    Shapes: each strip (n, side, side); 0 is paper, `top` is ink.
    """
    drawn, axes = figure((len(strips) + 1) // 2, 2, size=(WIDTH / 2, 0.66))
    for axis in axes:
        axis.set_axis_off()
    for axis, (name, images) in zip(axes, strips.items(), strict=False):
        # A line of paper around each image.
        padded = np.pad(_numpy(images), ((0, 0), (0, 0), (1, 1)))
        axis.imshow(np.concatenate(padded, 1), cmap=INK, vmin=0, vmax=top)
        axis.set_title(name, loc="left", size=SMALL, pad=2)
    return drawn


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
