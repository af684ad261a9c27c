"""Plots of chapter 0: the map of the chapters, and what a determinant costs."""

from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from torch import Tensor

from flowbook.plots.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    SMALL,
    TEXT,
    WIDTH,
    figure,
    styled,
)

ROW = 0.34  # inches that one chapter takes


@styled
def chapter_map(roads: Mapping[str, Sequence[str]]) -> Figure:
    """Draw the book's chapters as roads that leave one box and end in another.

    The first and the last entry of `roads` are the boxes at the top and the bottom,
    those between are columns, left to right. A chapter is "number title".
    """
    first, *columns, last = roads.items()
    length = max(len(chapters) for _, chapters in columns)
    rows = len(first[1]) + length + len(last[1]) + 5.0
    drawn, (axis,) = figure(size=(WIDTH, ROW * rows))
    axis.set(xlim=(0, len(columns)), ylim=(rows, 0))
    axis.axis("off")
    middle = len(columns) / 2
    down = _road(axis, middle, 0.5, first, GREY)
    bottom, goal = down + length + 2.2, rows - len(last[1]) - 0.6
    for k, (column, colour) in enumerate(zip(columns, _COLOURS, strict=False)):
        centre = k + 0.5
        _arrow(axis, (middle, down - 0.4), (centre, down + 0.9), colour)
        end = _road(axis, centre, down + 1.4, column, colour)
        axis.plot([centre, centre], [end - 0.5, bottom], color=colour, lw=1.2)
        meeting = middle + 0.25 * (centre - middle)  # side by side, not in one point
        _arrow(axis, (centre, bottom), (meeting, goal - 0.5), colour)
    _road(axis, middle, goal, last, GREY)
    return drawn


_COLOURS = (BLUE, ORANGE, GREEN, RED)


def _road(
    axis: Axes,
    centre: float,
    top: float,
    road: tuple[str, Sequence[str]],
    colour: str,
) -> float:
    """Draw a heading and its chapters downwards; return where the next row would be."""
    heading, chapters = road
    place = {"ha": "center", "va": "center"}
    axis.text(centre, top, heading, color=colour, weight="bold", size=TEXT, **place)
    for row, chapter in enumerate(chapters, start=1):
        box = FancyBboxPatch(
            (centre - 0.46, top + row - 0.36),
            0.92,
            0.72,
            boxstyle="round,pad=0,rounding_size=0.06",
            mutation_aspect=6,
            facecolor=(colour, 0.1),
            edgecolor=colour,
            linewidth=0.8,
        )
        axis.add_patch(box)
        axis.text(centre, top + row, chapter, size=SMALL, **place)
    return top + len(chapters) + 1


def _arrow(
    axis: Axes, start: tuple[float, float], end: tuple[float, float], colour: str
) -> None:
    style = {"arrowstyle": "->", "color": colour, "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
    axis.annotate("", xy=end, xytext=start, arrowprops=style)


@styled
def parallelogram(matrix: Tensor) -> Figure:
    """Draw the unit square, and where a matrix takes it: its columns are two sides.

    Blue if the determinant is positive, orange if it is negative. Shapes: (2, 2).
    """
    drawn, (axis,) = figure(size=(4.6, 3.2))
    first, second = matrix.T.tolist()
    total = [a + b for a, b in zip(first, second, strict=True)]
    colour = BLUE if torch.linalg.det(matrix) > 0 else ORANGE
    square = [[0, 0], [1, 0], [1, 1], [0, 1]]
    axis.fill(*zip(*square, strict=True), fill=False, edgecolor=GREY, ls="--")
    corners = [[0, 0], first, total, second]
    axis.fill(*zip(*corners, strict=True), fc=(colour, 0.3), ec=colour)
    for number, tip in enumerate((first, second), start=1):
        _arrow(axis, (0, 0), tuple(tip), colour)
        away = (4, 4 if tip[1] >= 0 else -14)
        axis.annotate(f"column {number}", tip, away, textcoords="offset points")
    axis.set(aspect="equal")
    axis.margins(0.15)
    return drawn


@styled
def operation_counts(
    sizes: Sequence[int], counts: Mapping[str, Sequence[int]]
) -> Figure:
    """Draw numbers of operations against the size of a matrix, the counts as logs."""
    drawn, (axis,) = figure(size=(5.0, 3.0))
    for marker, (label, count) in zip("os^D", counts.items(), strict=False):
        axis.semilogy(sizes, count, marker=marker, label=label)
    axis.set(xlabel="size $n$ of the matrix", ylabel="operations", xticks=sizes)
    axis.grid(True, axis="y")
    axis.legend()
    return drawn
