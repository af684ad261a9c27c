"""Figures of chapter 17: points and their codes, and what priors make of codes."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from flowbook.plots.latent import INK
from flowbook.plots.style import BLUE, CYCLE, GREY, ORANGE, figure, styled

LINES = ("-", "--", ":", "-.")


@styled
def code_cells(points: Tensor, codebooks: Mapping[str, Tensor], reach: float) -> Figure:
    """Draw points of the plane with one codebook a panel.

    A circle around each code has the radius `reach` times the standard deviation of
    one coordinate that the points at their codes have.
    Shapes: points (n, 2), codebooks (K, 2).
    """
    drawn, axes = figure(1, len(codebooks), size=(2.0, 2.3))
    at = _numpy(points)
    for axis, (name, codebook) in zip(axes, codebooks.items(), strict=True):
        codes = _numpy(codebook)
        square = ((at[:, None] - codes) ** 2).sum(-1).min(1).mean()
        axis.scatter(*at[:: max(1, len(at) // 400)].T, s=3, color=BLUE, alpha=0.5, lw=0)
        for code in codes:
            axis.plot(*code, "x", color=ORANGE, ms=6, mew=2)
            angle = np.linspace(0, 2 * np.pi, 60)
            circle = (
                reach * (square / 2) ** 0.5 * np.stack((np.cos(angle), np.sin(angle)))
            )
            axis.plot(*(code[:, None] + circle), color=GREY, lw=0.8)
        axis.set(title=name, aspect="equal", xlim=(-3.2, 3.2), ylim=(-3.2, 3.2))
        axis.set(xticks=[-2, 0, 2], yticks=[-2, 0, 2])
    for axis in axes[1:]:
        axis.set_yticklabels([])
    return drawn


@styled
def bits_by_prior(
    counts: Sequence[int], curves: Mapping[str, Tensor], others: Mapping[str, float]
) -> Figure:
    """Draw bits per dimension against the number of codes, one curve a prior.

    `others` are models without such codes: horizontal lines.
    Shapes: every curve (len(counts),).
    """
    drawn, (axis,) = figure(size=(6.0, 3.6))
    for (name, bits), colour, line in zip(curves.items(), CYCLE, LINES, strict=False):
        axis.plot(counts, _numpy(bits), color=colour, ls=line, marker="o", label=name)
    for (name, bits), line in zip(others.items(), ("-", "--", ":"), strict=False):
        axis.axhline(bits, color=GREY, lw=1.2, ls=line, label=name)
    axis.set_xscale("log", base=2)
    axis.set_xticks(list(counts), [str(count) for count in counts])
    axis.set(xlabel="number of codes $K$", ylabel="bits per dimension, test")
    axis.grid(True, axis="y")
    drawn.legend(loc="outside lower center", ncols=2, handlelength=3)
    return drawn


@styled
def code_maps(images: Tensor, codes: Tensor, count: int) -> Figure:
    """Draw images above their maps of codes; a grey level is a code's number.

    Shapes: images (n, side, side), codes (n, s, s), numbers below `count`.
    """
    drawn, axes = figure(2, len(images), size=(0.75, 0.75))
    for above, below, image, code in zip(
        axes[: len(images)], axes[len(images) :], images, codes, strict=True
    ):
        above.imshow(_numpy(image), cmap=INK, vmin=0, vmax=16)
        below.imshow(_numpy(code), cmap="viridis", vmin=0, vmax=count - 1)
        for axis in (above, below):
            axis.set(xticks=[], yticks=[])
            for spine in axis.spines.values():
                spine.set_visible(False)
    return drawn


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
