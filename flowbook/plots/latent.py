"""Figures of chapter 14: the bound and its gap, and what latents of digits show."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from torch import Tensor

from flowbook.plots.style import CYCLE, GREEN, GREY, ORANGE, PURPLE, figure, styled

# Ten colours of like brightness, all with contrast 3:1 on both pages. No ten colours
# stay apart for every eye, so the map writes the digits themselves.
TEN = (*CYCLE, "#8a6a1f", "#1a8f9c", "#8a63d2", "#c9577d")
# Paper and ink: images look the same on both pages.
INK = ListedColormap(np.linspace((1, 1, 1), (0.08, 0.12, 0.25), 64))


@styled
def bounds_below(
    mean: Tensor, elbos: Mapping[str, Tensor], log_prob: float, best: float
) -> Figure:
    """Draw the ELBO against the mean of q, one curve a width, below log p(x).

    `best` is the mean of the exact posterior. Shapes: mean and each curve (n,).
    """
    drawn, (axis,) = figure(size=(6.0, 3.2))
    grid = _numpy(mean)
    for (name, elbo), line in zip(elbos.items(), ("--", "-", ":"), strict=False):
        axis.plot(grid, _numpy(elbo), ls=line, label=name)
    axis.axhline(log_prob, color=GREY, lw=1.5, label=r"$\log p(x)$")
    axis.axvline(best, color=GREY, lw=0.8, ls=":")
    axis.set(xlabel="mean of $q$", ylabel="nats", xlim=(grid[0], grid[-1]))
    drawn.legend(loc="outside lower center", ncols=4)
    return drawn


@styled
def bound_and_gap(elbo: Tensor, log_prob: Tensor, best: float) -> Figure:
    """Draw the ELBO and log p of every step of a training, and what they miss.

    Left, both in nats where they come near the best attainable value; right, on
    logarithmic axes, the distances to it and the gap between the two.

    Shapes: elbo and log_prob (steps,), means over the data.
    """
    drawn, (left, right) = figure(1, 2, size=(3.0, 2.8))
    lower, exact = _numpy(elbo), _numpy(log_prob)
    steps = np.arange(1, len(lower) + 1)
    near = np.flatnonzero(lower > best - 10)[:80]
    left.plot(steps[near], exact[near], color=ORANGE)
    left.plot(steps[near], lower[near], color=CYCLE[0], ls="--")
    left.axhline(best, color=GREY, lw=1.2)
    left.set(xlabel="step", ylabel="nats", title="near the best")
    curves = {
        r"best $-$ ELBO": (best - lower, CYCLE[0], "--"),
        r"best $-$ $\log p$": (best - exact, ORANGE, "-"),
        r"gap: KL($q$ $\|$ posterior)": (exact - lower, GREEN, ":"),
    }
    for name, (values, colour, line) in curves.items():
        right.loglog(steps, values, color=colour, ls=line, label=name)
    right.set(xlabel="step", title="what is missing")
    right.grid(True, axis="y")
    drawn.legend(loc="outside lower center", ncols=3)
    return drawn


@styled
def latent_map(
    codes: Tensor, labels: Tensor, atlas: Tensor, side: float, top: float = 16.0
) -> Figure:
    """Draw codes in the plane as the digits that they are, and decoded images.

    The image at row i and column j of the atlas belongs to the centre of that cell of
    the square [-side, side]², row 0 at the bottom; 0 is paper, `top` is ink.

    Shapes: codes (n, 2); labels (n,); atlas (m, m, pixels, pixels).
    """
    drawn, (left, right) = figure(1, 2, size=(3.0, 3.3))
    points, digits = _numpy(codes), _numpy(labels)
    for digit in range(10):
        left.scatter(
            *points[digits == digit].T,
            marker=f"${digit}$",
            color=TEN[digit],
            s=28,
            linewidths=0.3,
        )
    right.imshow(
        _sheet(_numpy(atlas)[::-1]),
        cmap=INK,
        vmin=0,
        vmax=top,
        extent=(-side, side, -side, side),
    )
    for axis, title in ((left, "test images"), (right, "decoded")):
        axis.set(xlim=(-side, side), ylim=(-side, side), aspect="equal", title=title)
        axis.set(xlabel="$z_1$", xticks=[-2, 0, 2], yticks=[-2, 0, 2])
    left.set_ylabel("$z_2$")
    return drawn


@styled
def image_rows(rows: Mapping[str, Tensor], top: float = 16.0) -> Figure:
    """Draw rows of small images; the keys stand above them.

    Shapes: each row (n, side, side), the same n; 0 is paper, `top` is ink.
    """
    count = len(next(iter(rows.values())))
    drawn, axes = figure(len(rows), size=(6.0, 6.0 / count + 0.3))
    for axis, (name, images) in zip(axes, rows.items(), strict=True):
        axis.imshow(_sheet(_numpy(images)[None]), cmap=INK, vmin=0, vmax=top)
        _bare(axis, name)
    return drawn


@styled
def path_lengths(
    share: Tensor,
    lines: Mapping[int, Tensor],
    arcs: Mapping[int, Tensor],
    bands: Mapping[int, Sequence[float]],
) -> Figure:
    """Draw the length of z along straight lines and arcs, over the root of D.

    A panel for each number of dimensions D, the keys; the band holds most samples of
    the prior.

    Shapes: share (n,), from 0 to 1; each line and arc (paths, n).
    """
    drawn, axes = figure(1, len(lines), size=(2.0, 2.4))
    at = _numpy(share)
    for axis, dim in zip(axes, lines, strict=True):
        band = axis.axhspan(*bands[dim], color=GREY, alpha=0.25, lw=0)
        band.set_label("98 % of the prior")
        for paths, colour, line, name in (
            (lines[dim], PURPLE, "--", "straight line"),
            (arcs[dim], GREEN, "-", "on the sphere"),
        ):
            for i, path in enumerate(_numpy(paths)):
                label = None if i else name
                axis.plot(at, path, color=colour, ls=line, lw=1.2, label=label)
        axis.set(title=f"$D$ = {dim}", xlabel="share of the way", ylim=(0, 1.9))
        axis.set_xticks([0, 0.5, 1], ["0", "½", "1"])
    axes[0].set_ylabel(r"$\|z\|\,/\,\sqrt{D}$")
    for axis in axes[1:]:
        axis.set_yticklabels([])
    handles = axes[0].get_legend_handles_labels()
    drawn.legend(*handles, loc="outside lower center", ncols=3)
    return drawn


def _sheet(table: np.ndarray) -> np.ndarray:
    # A line of paper between the images.
    rows, columns, side, _ = table.shape
    padded = np.zeros((rows, columns, side + 1, side + 1))
    padded[:, :, :side, :side] = table
    sheet = padded.transpose(0, 2, 1, 3).reshape(rows * (side + 1), -1)
    return sheet[:-1, :-1]


def _bare(axis: Axes, title: str) -> None:
    axis.set(xticks=[], yticks=[])
    axis.set_title(title, loc="left")
    for spine in axis.spines.values():
        spine.set_visible(False)


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
