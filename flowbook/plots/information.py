"""Figures of chapter 18: rate against distortion, water levels, and a saddle."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from flowbook.plots.latent import INK, TEN
from flowbook.plots.style import BLUE, CYCLE, GREEN, GREY, ORANGE, figure, styled

MARKERS = ("o", "s", "^", "D")


@styled
def rate_and_images(
    error: Tensor, rate: Tensor, at: Mapping[str, tuple[float, float]], images: Tensor
) -> Figure:
    """Draw a rate-distortion curve with marked places, and images for each of them.

    The first row of images is that of the data; then one row for each place.
    Shapes: error and rate (n,); images (1 + places, count, side, side), 0..1.
    """
    drawn, (left, right) = figure(1, 2, size=(3.0, 3.0))
    left.plot(_numpy(error), _numpy(rate), color=BLUE)
    for (name, place), marker in zip(at.items(), MARKERS, strict=False):
        left.plot(*place, marker, color=ORANGE, ms=6)
        left.annotate(name, place, (6, 4), textcoords="offset points")
    left.set(xlabel="squared error", ylabel="rate, nats", ylim=(0, None))
    padded = np.pad(_numpy(images), ((0, 0), (0, 0), (0, 1), (0, 1)))
    sheet = padded.transpose(0, 2, 1, 3).reshape(len(images) * padded.shape[2], -1)
    right.imshow(sheet, cmap=INK, vmin=0, vmax=1)
    side = padded.shape[2]
    rows = [side * (row + 0.45) for row in range(len(images))]
    right.set_yticks(rows, ["data", *at])
    right.tick_params(length=0)
    right.set(xticks=[])
    for spine in right.spines.values():
        spine.set_visible(False)
    return drawn


@styled
def water_levels(variances: Tensor, levels: Sequence[float]) -> Figure:
    """Draw variances as bars and water at each level: a panel for every level.

    What stands above the water is coded; what is below is error. Shapes: (dim,).
    """
    drawn, axes = figure(1, len(levels), size=(3.0, 2.6))
    heights, place = _numpy(variances), np.arange(1, len(variances) + 1)
    for axis, level in zip(axes, levels, strict=True):
        axis.bar(place, heights, color=ORANGE, width=0.8, label="coded")
        axis.bar(place, heights.clip(max=level), color=BLUE, width=0.8, label="error")
        axis.axhline(level, color=GREY, lw=1.2)
        count = (heights > level).sum()
        axis.set(title=f"level {level:g}: {count} active", xlabel="direction")
        axis.set(ylim=(0, heights.max() * 1.05))
    axes[0].set_ylabel("variance")
    for axis in axes[1:]:
        axis.set_yticklabels([])
    handles = axes[0].get_legend_handles_labels()
    drawn.legend(*handles, loc="outside lower center", ncols=2)
    return drawn


@styled
def rate_distortion(
    error: Tensor, rate: Tensor, points: Mapping[str, tuple[Tensor, Tensor]]
) -> Figure:
    """Draw a curve, and what models reached: error and rate, marked by name.

    Shapes: error and rate (n,); each pair of points (m,).
    """
    drawn, (axis,) = figure(size=(6.0, 3.6))
    axis.plot(_numpy(error), _numpy(rate), color=BLUE, label="water-filling")
    styles = zip(points.items(), CYCLE[1:], MARKERS, strict=False)
    for (name, (errors, rates)), colour, marker in styles:
        axis.plot(_numpy(errors), _numpy(rates), marker, color=colour, ms=6, label=name)
    axis.set(xlabel="squared error of an image", ylabel="rate, nats", ylim=(0, None))
    axis.grid(True)
    drawn.legend(loc="outside lower center", ncols=2)
    return drawn


@styled
def saddles(
    grid: Tensor, losses: Mapping[str, Tensor], paths: Mapping[str, Sequence[Tensor]]
) -> Figure:
    """Draw contours of a loss of two numbers around the origin, and paths downhill.

    Shapes: grid (n,), of both numbers; each loss (n, n), the second number along the
    rows; each path (steps, 2).
    """
    drawn, axes = figure(1, len(losses), size=(3.0, 3.0))
    at = _numpy(grid)
    for axis, (name, loss) in zip(axes, losses.items(), strict=True):
        values = _numpy(loss)
        low = values.min()
        levels = low + (values[len(at) // 2, len(at) // 2] - low + 0.3) * np.array(
            [0.02, 0.1, 0.25, 0.5, 0.8, 1.0, 1.3, 1.8, 2.5, 3.5]
        )
        axis.contour(at, at, values, levels=levels, colors=GREY, linewidths=0.7)
        for path in paths[name]:
            axis.plot(*_numpy(path).T, color=ORANGE, lw=1.6)
            axis.plot(*_numpy(path[-1]), "o", color=ORANGE, ms=5)
        axis.plot(0, 0, "x", color=BLUE, ms=9, mew=2.5)
        axis.set(title=name, xlabel="decoder $w$", aspect="equal")
        axis.set(xlim=(at[0], at[-1]), ylim=(at[0], at[-1]))
    axes[0].set_ylabel("encoder $v$")
    for axis in axes[1:]:
        axis.set_yticklabels([])
    return drawn


@styled
def information_between(
    names: Sequence[str], least: Tensor, bounds: tuple[Tensor, Tensor], most: Tensor
) -> Figure:
    """Draw for every name the line from `least` to `most`, and bounds between them.

    Shapes: every value (len(names),), in nats.
    """
    drawn, (axis,) = figure(size=(6.0, 0.32 * len(names) + 1.2))
    rows = np.arange(len(names))[::-1]
    axis.hlines(rows, _numpy(least), _numpy(most), color=GREY, lw=1.0)
    axis.plot(_numpy(least), rows, ">", color=BLUE, ms=7, label="$H - D$")
    axis.plot(_numpy(bounds[0]), rows, "|", color=GREEN, ms=12, mew=3, label="$I$")
    axis.plot(_numpy(most), rows, "<", color=ORANGE, ms=7, label="$R$")
    axis.set_yticks(rows, names)
    axis.set(xlabel="nats")
    axis.grid(True, axis="x")
    drawn.legend(loc="outside lower center", ncols=3)
    return drawn


@styled
def active_latents(betas: Sequence[float], kls: Mapping[str, Tensor]) -> Figure:
    """Draw the divergence of every latent against beta, a panel for each model.

    Shapes: each value (len(betas), latent), in nats.
    """
    drawn, axes = figure(1, len(kls), size=(3.0, 2.8))
    for axis, (name, values) in zip(axes, kls.items(), strict=True):
        for index, latent in enumerate(_numpy(values).T):
            axis.plot(betas, latent, "o-", color=TEN[index % len(TEN)], lw=1.2)
        axis.set_xscale("log", base=2)
        axis.set(title=name, xlabel=r"$\beta$")
        axis.set_xticks(list(betas), [f"{beta:g}" for beta in betas])
        axis.set_ylim(-0.05, 1.05 * max(v.max().item() for v in kls.values()))
    axes[0].set_ylabel("divergence, nats")
    return drawn


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
