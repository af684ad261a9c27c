"""Figures of chapter 14: the bound and its gap, and what latents of digits show."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, Polygon
from torch import Tensor

from flowbook.plots.style import BLUE, CYCLE, GREEN, GREY, ORANGE, figure, styled

# Ten colours of like brightness, all with contrast 3:1 on both pages. No ten colours
# stay apart for every eye, so the map writes the digits themselves.
TEN = (*CYCLE, "#8a6a1f", "#1a8f9c", "#8a63d2", "#c9577d")
# Paper and ink: images look the same on both pages.
INK = ListedColormap(np.linspace((1, 1, 1), (0.08, 0.12, 0.25), 64))


@styled
def vae_diagram(image: Tensor) -> Figure:
    """Draw the parts of a variational autoencoder, from an image to its probabilities.

    Shapes: image (side, side), 0 is paper, 1 is ink.
    """
    drawn, (axis,) = figure(size=(6.0, 2.5))
    axis.set(xlim=(0, 12), ylim=(-1.75, 3.25), aspect="equal")
    axis.axis("off")
    axis.imshow(_numpy(image), cmap=INK, vmin=0, vmax=1, extent=(0.1, 1.9, 0.1, 1.9))
    for left, wide_first, colour, name in (
        (2.6, True, BLUE, "encoder"),
        (8.0, False, ORANGE, "decoder"),
    ):
        tall, short = (1.0, 0.5) if wide_first else (0.5, 1.0)
        right = left + 1.6
        corners = [(left, 1 - tall), (right, 1 - short), (right, 1 + short)]
        corners.append((left, 1 + tall))
        axis.add_patch(Polygon(corners, facecolor=colour + "33", edgecolor=colour))
        axis.text(left + 0.8, 2.15, name, ha="center", va="bottom", color=colour)
    axis.add_patch(Ellipse((5.4, 1), 1.1, 0.75, facecolor=BLUE + "55", edgecolor=BLUE))
    axis.plot(5.6, 1.12, "o", color=GREEN, ms=6)
    axis.text(7.05, 1.0, "$z$", ha="center", va="center", color=GREEN, fontsize=14)
    axis.text(11.0, 1.0, r"$p(x \mid z)$", ha="center", va="center", color=ORANGE)
    axis.text(1.0, 2.15, "$x$", ha="center", va="bottom", fontsize=14)
    axis.text(5.4, 2.15, r"$q(z \mid x)$", ha="center", va="bottom", color=BLUE)
    for start, end in ((2.0, 2.5), (4.3, 4.75), (6.05, 6.75), (7.35, 7.9), (9.7, 10.1)):
        _arrow(axis, (start, 1), (end, 1))
    axis.text(6.4, 1.25, "draw", ha="center", va="bottom", color=GREEN)
    for at, colour, words in (
        (5.4, BLUE, "price: how far is $q$\nfrom the prior?"),
        (10.4, ORANGE, "gain: how probable\nis this $x$?"),
    ):
        axis.text(at, -0.75, words, ha="center", va="top", color=colour)
    _arrow(axis, (5.4, 0.5), (5.4, -0.65))
    _arrow(axis, (10.9, 0.6), (10.5, -0.65))
    return drawn


@styled
def chord(weights: Sequence[float]) -> Figure:
    """Draw the logarithm over two weights of equal chance, and the chord below it."""
    drawn, (axis,) = figure(size=(6.0, 2.9))
    grid = np.linspace(0.1, 2.2, 200)
    ends = np.array(weights)
    axis.plot(grid, np.log(grid), color=BLUE, label=r"$\log w$")
    axis.plot(ends, np.log(ends), "o--", color=ORANGE, lw=1.4, label="chord")
    middle, low, high = ends.mean(), np.log(ends).mean(), np.log(ends.mean())
    axis.plot([middle, middle], [low, high], color=GREEN, lw=3, label="what is lost")
    for height, words, above in (
        (high, "log of the mean", True),
        (low, "mean of the logs", False),
    ):
        axis.plot(middle, height, "o", color=GREEN, ms=5)
        side = {"ha": "right", "va": "bottom"} if above else {"ha": "left", "va": "top"}
        axis.text(middle + (-0.04 if above else 0.04), height, words, **side)
    axis.set(xlabel="weight $w$", ylabel="nats", xlim=(0.05, 2.2))
    drawn.legend(loc="outside lower center", ncols=3)
    return drawn


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
    logarithmic axes, the distances to it and the gap between the two. Each panel has
    its own legend.

    Shapes: elbo and log_prob (steps,), means over the data.
    """
    drawn, (left, right) = figure(1, 2, size=(3.0, 3.4))
    lower, exact = _numpy(elbo), _numpy(log_prob)
    steps = np.arange(1, len(lower) + 1)
    near = np.flatnonzero(lower > best - 10)[:80]
    left.plot(steps[near], exact[near], color=ORANGE, label=r"$\log p$")
    left.plot(steps[near], lower[near], color=CYCLE[0], ls="--", label="ELBO")
    left.axhline(best, color=GREY, lw=1.2, label="best value")
    left.legend(loc="lower right")
    left.set(xlabel="step", ylabel="nats", title="near the best")
    curves = {
        r"best $-$ ELBO": (best - lower, CYCLE[0], "--"),
        r"best $-$ $\log p$": (best - exact, ORANGE, "-"),
        r"$\log p$ $-$ ELBO": (exact - lower, GREEN, ":"),
    }
    for name, (values, colour, line) in curves.items():
        right.loglog(steps, values, color=colour, ls=line, label=name)
    right.set(xlabel="step", title="what is missing")
    right.grid(True, axis="y")
    right.legend(loc="lower left")
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


def _sheet(table: np.ndarray) -> np.ndarray:
    # A line of paper between the images.
    rows, columns, side, _ = table.shape
    padded = np.zeros((rows, columns, side + 1, side + 1))
    padded[:, :, :side, :side] = table
    sheet = padded.transpose(0, 2, 1, 3).reshape(rows * (side + 1), -1)
    return sheet[:-1, :-1]


def _arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axis.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": GREY})


def _bare(axis: Axes, title: str) -> None:
    axis.set(xticks=[], yticks=[])
    axis.set_title(title, loc="left")
    for spine in axis.spines.values():
        spine.set_visible(False)


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
