"""Figures of chapter 4: what matrices do to the plane, cost, the best normal fit."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from flowbook.plots.style import BLUE, DENSITY, GREY, ORANGE, figure, styled

Box = Sequence[tuple[float, float]]

# The letter F looks different after every turn, mirroring and shear.
LETTER = np.array(
    [
        [-0.35, -0.6],
        [-0.1, -0.6],
        [-0.1, -0.1],
        [0.25, -0.1],
        [0.25, 0.15],
        [-0.1, 0.15],
        [-0.1, 0.4],
        [0.4, 0.4],
        [0.4, 0.65],
        [-0.35, 0.65],
    ]
)


class NormalFit(NamedTuple):
    """A density on the plane, its mean and covariance, and how far a normal is off.

    `density` holds its values on the centres of equal cells of `box`, (m, m), first
    index first axis; `gap` is KL(density || normal with that mean and covariance).
    """

    density: Tensor
    box: Box
    mean: Tensor
    covariance: Tensor
    gap: float


@styled
def matrix_images(matrices: Mapping[str, Tensor], columns: int = 4) -> Figure:
    """Draw the unit circle and a letter F, and what each 2 × 2 matrix makes of them.

    The keys are the titles; the letter before the map is drawn in grey.
    """
    drawn, axes = figure(-(-len(matrices) // columns), columns, size=(1.6, 1.75))
    angle = np.linspace(0, 2 * np.pi, 121)
    circle = np.stack((np.cos(angle), np.sin(angle)), -1)
    for axis, (title, tensor) in zip(axes, matrices.items(), strict=False):
        matrix = tensor.detach().cpu().numpy()
        axis.plot(*circle.T, color=GREY, lw=0.8)
        axis.fill(*LETTER.T, facecolor="none", edgecolor=GREY, lw=0.8)
        axis.fill(*(LETTER @ matrix.T).T, facecolor=(BLUE, 0.5), edgecolor=BLUE, lw=1)
        axis.plot(*(circle @ matrix.T).T, color=ORANGE, lw=1.8)
        axis.set(aspect="equal", xlim=(-1.9, 1.9), ylim=(-1.9, 1.9), title=title)
        axis.set(xticks=[-1, 0, 1], yticks=[-1, 0, 1])
    for axis in axes[len(matrices) :]:
        axis.axis("off")
    return drawn


@styled
def cost_curves(
    sizes: Sequence[int],
    seconds: Mapping[str, Sequence[float]],
    slopes: Mapping[str, float],
) -> Figure:
    """Draw measured times against the dimension, both as logarithms, one line a job.

    The legend names each job with its measured slope.
    """
    drawn, (axis,) = figure(size=(6.0, 3.4))
    for marker, (name, times) in zip("osD^v", seconds.items(), strict=False):
        label = f"{name}: slope {slopes[name]:.1f}"
        axis.loglog(sizes, times, marker=marker, label=label, base=10)
    axis.set(xlabel="dimension $D$", ylabel="seconds")
    axis.set_xticks(sizes, [str(size) for size in sizes])
    axis.minorticks_off()
    axis.grid(True, axis="y")
    drawn.legend(loc="outside lower center", ncols=2)
    return drawn


@styled
def normal_fits(fits: Mapping[str, NormalFit], columns: int = 4) -> Figure:
    """Draw densities with the normal of the same mean and covariance over them.

    Its ellipses lie one and two standard deviations from the mean; the title gives
    the gap in nats.
    """
    drawn, axes = figure(-(-len(fits) // columns), columns, size=(1.6, 1.85))
    for axis, (name, fit) in zip(axes, fits.items(), strict=False):
        axis.imshow(
            fit.density.detach().cpu().numpy().T,
            cmap=DENSITY,
            origin="lower",
            extent=(*fit.box[0], *fit.box[1]),
            interpolation="bilinear",
            aspect="auto",
        )
        _ellipses(axis, fit)
        axis.set(xlim=fit.box[0], ylim=fit.box[1])
        axis.set_title(f"{name}\n{fit.gap:.2f} nats")
        axis.locator_params(nbins=3, integer=True)
        axis.tick_params(length=2, pad=1)
    for axis in axes[len(fits) :]:
        axis.axis("off")
    return drawn


def _ellipses(axis: Axes, fit: NormalFit) -> None:
    angle = np.linspace(0, 2 * np.pi, 121)
    circle = np.stack((np.cos(angle), np.sin(angle)))
    root = np.linalg.cholesky(fit.covariance.detach().cpu().numpy())
    mean = fit.mean.detach().cpu().numpy()[:, None]
    for radius, line in ((1, "-"), (2, "--")):
        axis.plot(*(mean + radius * root @ circle), color=GREY, ls=line, lw=1.5)
