"""Figures of chapter 19: denoising arrows, two densities at a distance, and games."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from flowbook.plots.style import BLUE, GREEN, GREY, ORANGE, PURPLE, figure, styled

COLOURS = (BLUE, ORANGE, GREEN, PURPLE)  # those of the figure that moves
LINES = ("-", "--", ":", "-.")


@styled
def denoising_arrows(panels: Mapping[str, tuple[Tensor, Tensor, Tensor]]) -> Figure:
    """Draw clean points, and arrows from noisy points to their repair: a panel each.

    Shapes: every panel is (clean (m, 2), noisy (n, 2), repaired (n, 2)).
    """
    drawn, axes = figure(1, len(panels), size=(3.0, 3.2))
    for axis, (name, (clean, noisy, repaired)) in zip(
        axes, panels.items(), strict=True
    ):
        start, step = _numpy(noisy), _numpy(repaired - noisy)
        axis.plot(*_numpy(clean).T, ".", color=BLUE, ms=3)
        axis.quiver(
            *start.T,
            *step.T,
            color=ORANGE,
            angles="xy",
            scale_units="xy",
            scale=1,
            width=0.006,
        )
        axis.plot(*_numpy(repaired).T, ".", color=GREEN, ms=5)
        side = np.abs(start).max() * 1.08
        axis.set(title=name, aspect="equal", xlim=(-side, side), ylim=(-side, side))
        axis.set(xticks=[-1, 0, 1], yticks=[-1, 0, 1])
    return drawn


@styled
def distances(
    x: Tensor,
    densities: Mapping[str, Tensor],
    discriminator: Tensor,
    d: Tensor,
    curves: Mapping[str, Tensor],
    at: float,
) -> Figure:
    """Draw two densities and the best discriminator; and curves against the distance.

    Shapes: x, each density and the discriminator (n,); d and each curve (m,).
    """
    drawn, (left, right) = figure(1, 2, size=(3.0, 3.0))
    top = max(values.max().item() for values in densities.values())
    for (name, values), colour in zip(densities.items(), (BLUE, ORANGE), strict=True):
        left.plot(_numpy(x), _numpy(values), color=colour, label=name)
    left.plot(_numpy(x), top * _numpy(discriminator), "--", color=GREY, label="D")
    left.set(xlabel="$x$", yticks=[], title=f"distance {at:g}")
    styles = zip(curves.items(), COLOURS, LINES, strict=False)
    for (name, values), colour, line in styles:
        right.plot(_numpy(d), _numpy(values), color=colour, ls=line, label=name)
    right.axvline(at, color=GREY, lw=0.8)
    right.set(xlabel="distance $d$", ylim=(0, 3.2))
    left.legend(loc="upper right", fontsize=8, handlelength=1.2)
    handles = right.get_legend_handles_labels()
    drawn.legend(*handles, loc="outside lower center", ncols=2)
    return drawn


@styled
def rounds(paths: Mapping[str, Tensor]) -> Figure:
    """Draw how two numbers move in a game, and where they start: a panel each.

    Shapes: every path (steps, 2).
    """
    drawn, axes = figure(1, len(paths), size=(3.0, 3.0))
    side = 1.05 * max(path.abs().max().item() for path in paths.values())
    for axis, (name, path) in zip(axes, paths.items(), strict=True):
        axis.plot(*_numpy(path).T, color=BLUE, lw=1.2)
        axis.plot(*_numpy(path[0]), "o", color=ORANGE, ms=6)
        axis.plot(0, 0, "x", color=GREY, ms=8, mew=2)
        axis.set(title=name, aspect="equal", xlabel="$x$")
        axis.set(xlim=(-side, side), ylim=(-side, side))
    axes[0].set_ylabel("$y$")
    for axis in axes[1:]:
        axis.set_yticklabels([])
    return drawn


@styled
def modes_over_time(
    looks: Mapping[str, Sequence[float]], hits: Mapping[str, Tensor], modes: int
) -> Figure:
    """Draw how many modes each run has hit over training: a panel for each method.

    Shapes: looks are the steps (m,), hits (runs, m).
    """
    drawn, axes = figure(1, len(hits), size=(3.0, 2.8))
    for axis, (name, runs) in zip(axes, hits.items(), strict=True):
        for index, run in enumerate(_numpy(runs)):
            # A little apart, so that equal counts stay visible.
            axis.plot(looks[name], run + 0.06 * (index - len(runs) / 2), lw=1.4)
        axis.axhline(modes, color=GREY, lw=0.8)
        axis.set(title=name, xlabel="steps", ylim=(-0.4, modes + 0.6))
    axes[0].set_ylabel("modes hit")
    for axis in axes[1:]:
        axis.set_yticklabels([])
    return drawn


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
