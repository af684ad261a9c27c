"""Drawings of how a layer is built: boxes, arrows, and what flows along them."""

from collections.abc import Mapping

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from torch import Tensor

from flowbook.plots.style import BLUE, GREEN, GREY, ORANGE, WIDTH, figure, styled

Point = tuple[float, float]
LETTERS = 13  # points: larger than elsewhere, for a phone shrinks the drawing


@styled
def coupling_layer() -> Figure:
    """Draw a coupling layer and its inverse: what is copied, and what is moved.

    The network is asked in both directions, and always about the copied part.
    """
    drawn, axes = figure(1, 2, size=(WIDTH / 2, 2.6))
    labels = (
        ("forward", "z", "x", r"$\tau$"),
        ("inverse", "x", "z", r"$\tau^{-1}$"),
    )
    for axis, (title, start, end, move) in zip(axes, labels, strict=True):
        axis.set(xlim=(-0.3, 6.3), ylim=(-0.6, 5.1), title=title)
        axis.axis("off")
        # A line goes from left to right in both: it starts with what is known.
        for name, y, colour in (("a", 4.3, BLUE), ("b", 0.3, ORANGE)):
            _box(axis, (0.6, y), f"${start}_{name}$", colour)
            _box(axis, (5.4, y), f"${end}_{name}$", colour)
        _arrow(axis, (1.2, 4.3), (4.8, 4.3), BLUE)
        axis.text(3.9, 4.5, "copy", color=GREY, ha="center", va="bottom")
        axis.plot(3, 4.3, "o", color=BLUE, ms=5)
        _arrow(axis, (3, 4.3), (3, 3.05), BLUE)
        _box(axis, (3, 2.55), "network", GREY, width=2.5)
        _arrow(axis, (3, 2.1), (3, 0.85), GREY)
        axis.text(3.2, 1.5, r"$\theta$", color=GREY, fontsize=LETTERS, va="center")
        _arrow(axis, (1.2, 0.3), (2.4, 0.3), ORANGE)
        _box(axis, (3, 0.3), move, ORANGE)
        _arrow(axis, (3.6, 0.3), (4.8, 0.3), ORANGE)
    return drawn


@styled
def copied_and_moved(
    at: Tensor, curves: Mapping[str, Tensor], lines: Tensor, kept: Tensor
) -> Figure:
    """Draw what a layer of the plane does to z₂, for some z₁, and to a whole grid.

    Left, the moved coordinate x₂ against z₂, a curve for each copied z₁. Right, lines
    that were horizontal, and in the curves' colours the vertical lines at those z₁.

    Shapes: at (n,); each curve (n,); lines (k, m, 2); kept (number of curves,).
    """
    drawn, (left, right) = figure(1, 2, size=(WIDTH / 2, 2.9))
    for line in lines:
        right.plot(*line.T, color=GREY, lw=0.8)
    for (label, curve), z1, colour, dashes in zip(
        curves.items(),
        kept.tolist(),
        (BLUE, ORANGE, GREEN),
        ("-", "--", "-."),
        strict=False,
    ):
        left.plot(at, curve, color=colour, ls=dashes, label=label)
        right.plot(torch.full_like(curve, z1), curve, color=colour, ls=dashes)
    left.set(xlabel="$z_2$", ylabel="$x_2$")
    right.set(xlabel="$x_1 = z_1$", ylabel="$x_2$", ylim=left.get_ylim())
    drawn.legend(loc="outside upper center", ncols=len(curves))
    return drawn


@styled
def autoregressive_layers() -> Figure:
    """Draw three entries of a MAF and of an IAF, from z to x: who looks at whom.

    The number in the middle of a row is the pass in which its entry can be computed.
    """
    drawn, axes = figure(1, 2, size=(WIDTH / 2, 2.8))
    seen = (("MAF: looks at x", "x", 5.4, "123"), ("IAF: looks at z", "z", 0.6, "111"))
    rows = (4.4, 2.2, 0.0)
    for axis, (title, name, side, passes) in zip(axes, seen, strict=True):
        axis.set(xlim=(-0.1, 6.1), ylim=(-0.6, 5.0), title=title)
        axis.axis("off")
        for entry, y in enumerate(rows, start=1):
            for start, letter in ((0.6, "z"), (5.4, "x")):
                colour = BLUE if letter == name and entry < 3 else ORANGE
                _box(axis, (start, y), f"${letter}_{entry}$", colour)
            _arrow(axis, (1.1, y), (2.5, y), ORANGE)
            _box(axis, (3, y), passes[entry - 1], GREY)
            _arrow(axis, (3.5, y), (4.9, y), ORANGE)
        inwards = -1 if name == "x" else 1
        for high, low in ((0, 1), (0, 2), (1, 2)):
            next_row = low - high == 1
            start = side + inwards * 0.3 * next_row, rows[high] - 0.45
            end = 3 - inwards * (0.45 if next_row else 0.2), rows[low] + 0.45
            _arrow(axis, start, end, BLUE)
    return drawn


def _box(axis: Axes, centre: Point, text: str, colour: str, width: float = 1.0) -> None:
    low = (centre[0] - width / 2, centre[1] - 0.42)
    style = {"boxstyle": "round,pad=0,rounding_size=0.15", "edgecolor": colour}
    axis.add_patch(FancyBboxPatch(low, width, 0.84, facecolor="none", lw=1.6, **style))
    axis.text(*centre, text, ha="center", va="center", color=colour, fontsize=LETTERS)


def _arrow(axis: Axes, start: Point, end: Point, colour: str) -> None:
    style = {
        "arrowstyle": "-|>",
        "color": colour,
        "lw": 1.6,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    axis.annotate("", end, start, arrowprops=style)
