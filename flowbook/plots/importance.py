"""Plots of mixtures and importance sampling: optima, wasted samples, proposals."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch import Tensor

from flowbook.plots.style import (
    BLUE,
    GREY,
    ORANGE,
    SMALL,
    TEXT,
    WIDTH,
    figure,
    styled,
)

Components = tuple[Tensor, Tensor, Tensor]  # means (K, 2), stds (K,), weights (K,)


@styled
def unseen_choice(points: Tensor, choice: Tensor) -> Figure:
    """Draw points as the number of their component, from 1, and beside it as dots.

    Shapes: points (n, 2); choice (n,), integers from 0.
    """
    drawn, (left, right) = figure(1, 2, size=(3.0, 3.0))
    at, numbers = points.numpy(), choice.numpy()
    for k in np.unique(numbers):
        style = {"marker": f"${k + 1}$", "s": 34, "linewidths": 0.3}
        left.scatter(*at[numbers == k].T, color=BLUE, **style)
    right.scatter(*at.T, color=BLUE, s=9, linewidths=0)
    for axis, title in ((left, "choose, then draw"), (right, "what is seen")):
        axis.set(aspect="equal", xlim=(-3, 3), ylim=(-3, 3), title=title)
        axis.set(xticks=[-2, 0, 2], yticks=[-2, 0, 2])
    return drawn


@styled
def mixture_optima(
    data: Tensor,
    fits: Mapping[str, Components],
    starts: Sequence[Tensor],
    losses: Sequence[Tensor],
    entropy: float,
) -> Figure:
    """Draw two fits of the same mixture, where they started, and how their NLL fell.

    `fits` maps a title to (means, stds, weights); a circle has a radius of two stds.
    Shapes: data (n, 2); each of `starts` (K, 2); each of `losses` (steps,).
    """
    drawn, axes = figure(1, len(fits) + 1, (WIDTH / 3, 2.6))
    colours = (BLUE, ORANGE)
    reach = 1.2 * float(data.abs().max())
    limits = (-reach, reach)
    pairs = zip(fits.items(), starts, colours, strict=True)
    for axis, ((title, fit), start, colour) in zip(axes, pairs, strict=False):
        axis.scatter(*_numpy(data).T, s=1, color=GREY, alpha=0.4, lw=0)
        axis.scatter(*_numpy(start).T, s=26, color=colour, marker="x", lw=1.2)
        _circles(axis, fit, colour)
        axis.set_title(title, fontsize=SMALL)
        axis.set(xticks=[], yticks=[], aspect="equal", xlim=limits, ylim=limits)
        axis.spines[:].set_visible(False)
    right = axes[-1]
    for loss, colour in zip(losses, colours, strict=True):
        right.plot(_numpy(loss), color=colour, lw=1.2)
    right.axhline(entropy, color=GREY, ls="--", lw=1.2)
    right.text(0.97, 0.02, "entropy", transform=right.transAxes, ha="right", size=SMALL)
    right.set_ylim(bottom=entropy - 0.5)
    right.set_box_aspect(1)
    right.set(xlabel="step", title="NLL of the batch (nats)")
    right.title.set_size(SMALL)
    return drawn


@styled
def wasted_samples(
    x: Tensor, components: Components, guesses: Tensor, weights: Tensor
) -> Figure:
    """Draw samples of z as points of the component they name, and what each is worth.

    A guess is drawn as a point of its component. `weights` is p(x | z) / p(x): the
    estimate is their mean times p(x), so that their mean should be 1.
    Shapes: x (2,), guesses (n, 2), weights (n,).
    """
    drawn, (left, right) = figure(1, 2, (WIDTH / 2, 2.8))
    hit = _numpy(weights) > 0.01
    points = _numpy(guesses)
    _circles(left, components, GREY)
    left.scatter(*points[~hit].T, s=14, color=GREY, marker="x", lw=1)
    left.scatter(*points[hit].T, s=18, color=ORANGE, lw=0)
    left.scatter(*_numpy(x[:, None]), s=110, color=BLUE, marker="*", zorder=3)
    left.annotate(
        "$x$", _numpy(x), (26, -4), textcoords="offset points", color=BLUE, size=TEXT
    )
    left.set(xticks=[], yticks=[], aspect="equal")
    left.spines[:].set_visible(False)
    number = np.arange(1, len(points) + 1)
    right.bar(number, _numpy(weights), width=0.7, color=ORANGE)
    zeros = np.zeros((~hit).sum())
    right.plot(number[~hit], zeros, "x", color=GREY, ms=3, mew=0.8, clip_on=False)
    right.axhline(1.0, color=BLUE, ls="--", lw=1.2)
    right.set(xlabel="sample of $z$", title=r"$p(x \mid z)\,/\,p(x)$")
    return drawn


@styled
def proposals(
    y: Tensor,
    integrand: Tensor,
    curves: Mapping[str, Tensor],
    weights: Mapping[str, Tensor],
) -> Figure:
    """Draw proposals against the integrand, and below what a sample then counts.

    A row of panels, one for each proposal: above, the proposal (filled) and the
    integrand divided by its integral (line), which is the best proposal; below, the
    weight of a sample at y, divided by the mean weight, on a logarithmic scale.
    Shapes: all (points,).
    """
    drawn, axes = figure(2, len(curves), (WIDTH / len(curves), 1.8))
    above, below = axes[: len(curves)], axes[len(curves) :]
    y, integrand = _numpy(y), _numpy(integrand)
    top = max(float(curve.max()) for curve in (integrand, *curves.values()))
    for axis, (name, curve) in zip(above, curves.items(), strict=True):
        axis.fill_between(y, _numpy(curve), color=BLUE, alpha=0.35, lw=0)
        axis.plot(y, integrand, color=ORANGE)
        axis.set_ylim(0, 1.05 * top)
        axis.set_title(name, fontsize=SMALL)
        axis.set_xticklabels([])
    for axis, name in zip(below, curves, strict=True):
        axis.semilogy(y, _numpy(weights[name]), color=BLUE)
        axis.axhline(1.0, color=ORANGE, ls="--", lw=1.2)
        axis.set_ylim(1e-2, 1e8)
        axis.set_xlabel("$y$")
    above[0].set_ylabel("density")
    below[0].set_ylabel("weight")
    for axis in axes:
        if axis not in (above[0], below[0]):
            axis.set_yticklabels([])
    return drawn


def _circles(axis: Axes, components: Components, colour: str) -> None:
    means, stds, _ = (_numpy(part) for part in components)
    for mean, std in zip(means, stds, strict=True):
        axis.add_patch(Circle(mean, 2 * std, fill=False, color=colour, lw=1.6))


def _numpy(values: Tensor) -> np.ndarray:
    return torch.as_tensor(values).detach().cpu().numpy()
