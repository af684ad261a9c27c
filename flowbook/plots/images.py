"""Figures of chapter 11: noise on levels, masks, stages of pixels, and typical bits."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from torch import Tensor

from flowbook.plots.style import CYCLE, GREY, ORANGE, WIDTH, figure, styled

# 0: not seen; 1: seen, or copied; 2: the entry that is asked for.
SEEN = ListedColormap(["#00000000", CYCLE[0], ORANGE])


@styled
def without_floor(curves: Mapping[str, Tensor], floor: float) -> Figure:
    """Draw losses in bits over the steps of training, and the least that is right.

    Shapes: each curve (steps,).
    """
    drawn, (axis,) = figure(size=(6.0, 2.8))
    for name, loss in curves.items():
        window = max(1, len(loss) // 60)
        mean = np.convolve(_numpy(loss), np.ones(window) / window, mode="valid")
        axis.plot(np.arange(len(mean)) + window, mean, label=name)
    axis.axhline(floor, color=GREY, ls="--", lw=1.5, label="entropy of the levels")
    axis.set(xlabel="step", ylabel="bits of one pixel")
    axis.grid(True, axis="y")
    drawn.legend(loc="outside lower center", ncols=3)
    return drawn


@styled
def image_masks(panels: Mapping[str, Tensor], columns: int = 6) -> Figure:
    """Draw which pixels count: 0 blank, 1 blue, 2 (the pixel that asks) orange.

    Shapes: each panel (height, width).
    """
    columns = min(columns, len(panels))
    drawn, axes = figure(-(-len(panels) // columns), columns, size=(1.5, 1.75))
    for axis, (title, tensor) in zip(axes, panels.items(), strict=False):
        kinds = _numpy(tensor)
        axis.pcolormesh(kinds, cmap=SEEN, vmin=0, vmax=2, edgecolors=GREY, lw=0.4)
        axis.invert_yaxis()
        axis.set(aspect="equal", xticks=[], yticks=[], title=title)
        axis.spines[:].set_visible(False)
    for axis in axes[len(panels) :]:
        axis.axis("off")
    return drawn


@styled
def pixel_stages(stages: Mapping[str, Tensor], bins: int = 51) -> Figure:
    """Draw histograms of one pixel after each stage of its preprocessing.

    Shapes: each stage (n,).
    """
    drawn, axes = figure(1, len(stages), size=(WIDTH / len(stages), 2.2))
    for axis, (title, values) in zip(axes, stages.items(), strict=True):
        values = _numpy(values)
        axis.hist(values, bins, density=True, color=CYCLE[0])
        axis.set(title=title, yticks=[])
        axis.spines["left"].set_visible(False)
    axes[0].set_ylabel("density")
    return drawn


@styled
def bits_of_groups(
    groups: Mapping[str, Tensor], single: Mapping[str, float], reach: Sequence[float]
) -> Figure:
    """Draw histograms of bits per dimension, a group each; single images as lines.

    Each histogram has the height 1; what lies outside is in the outermost bars.

    Shapes: each group (n,); `reach` is the range of the axis.
    """
    drawn, (axis,) = figure(size=(6.0, 3.2))
    edges = np.linspace(*reach, 61)
    for colour, (name, bits) in zip(CYCLE, groups.items(), strict=False):
        heights, _ = np.histogram(np.clip(_numpy(bits), *reach), edges)
        shape = heights / heights.max()
        axis.stairs(shape, edges, fill=True, facecolor=(colour, 0.3), label=name)
        axis.stairs(shape, edges, color=colour)
    for line, (name, bits) in zip(("--", ":", "-."), single.items(), strict=False):
        axis.axvline(bits, color=GREY, ls=line, lw=1.8, label=name)
    axis.set(xlabel="bits per dimension", xlim=reach, yticks=[])
    axis.spines["left"].set_visible(False)
    drawn.legend(loc="outside lower center", ncols=3)
    return drawn


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()


@styled
def cost_by_size(
    sides: Sequence[int], costs: Mapping[str, Mapping[str, Sequence[float]]]
) -> Figure:
    """Draw what models cost against the side of the image, a panel for each cost.

    Both axes are logarithmic; the dashed line grows as the number of pixels does.
    """
    drawn, axes = figure(1, len(costs), size=(WIDTH / len(costs), 3.2))
    for axis, (title, curves) in zip(axes, costs.items(), strict=True):
        for (name, values), mark in zip(curves.items(), "osD^", strict=False):
            axis.loglog(sides, values, marker=mark, label=name)
        least = min(values[0] for values in curves.values()) / 3
        pixels = [least * (side / sides[0]) ** 2 for side in sides]
        axis.loglog(sides, pixels, color=GREY, ls="--", lw=1.2, label="as the pixels")
        axis.set_xticks(sides, [str(side) for side in sides])
        axis.set(xlabel="side", title=title)
        axis.minorticks_off()
        axis.grid(True, axis="y")
    handles, labels = axes[0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside lower center", ncols=3)
    return drawn
