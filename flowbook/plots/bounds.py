"""Figures of chapter 16: bounds that grow with K, and what gradients are worth."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from torch import Tensor

from flowbook.plots.style import CYCLE, GREY, figure, styled

LINES = ("-", "--", ":", "-.")


@styled
def log_means(bounds: Mapping[int, Tensor], log_prob: float, low: float) -> Figure:
    """Draw how log p̂ of K draws is spread, one row for each K, and its mean.

    The rows are histograms from `low` upwards; a tick marks the mean, which is L_K, and
    a line across all of them log p(x). Shapes: each value (n,).
    """
    drawn, axes = figure(len(bounds), size=(6.0, 0.85))
    high = max(values.quantile(0.999).item() for values in bounds.values())
    edges = np.linspace(low, high, 90)
    for axis, (count, values) in zip(axes, bounds.items(), strict=True):
        axis.hist(_numpy(values), edges, density=True, color=CYCLE[0], alpha=0.6)
        axis.axvline(log_prob, color=GREY, lw=1.5)
        axis.axvline(values.mean().item(), color=CYCLE[1], lw=2.0, ls="--")
        axis.set(xlim=(low, high), yticks=[])
        axis.set_ylabel(f"$K$ = {count}", rotation=0, ha="right", va="center")
        axis.spines["left"].set_visible(False)
        if axis is not axes[-1]:
            axis.set_xticklabels([])
    axes[-1].set_xlabel("nats")
    axes[0].plot([], [], color=CYCLE[1], ls="--", label=r"its mean, $\mathcal{L}_K$")
    axes[0].plot([], [], color=GREY, lw=1.5, label=r"$\log p(x)$")
    drawn.legend(loc="outside upper center", ncols=2)
    return drawn


@styled
def gaps_against_count(
    counts: Sequence[int],
    gaps: Mapping[str, Tensor],
    limits: Mapping[str, Tensor],
) -> Figure:
    """Draw log p - L_K against K on logarithmic axes, one curve a proposal.

    `limits` holds thin lines, the first terms of an expansion, for some of the names.
    Shapes: every value (len(counts),).
    """
    drawn, (axis,) = figure(size=(6.0, 3.4))
    for (name, gap), colour, line in zip(gaps.items(), CYCLE, LINES, strict=False):
        axis.loglog(counts, _numpy(gap), color=colour, ls=line, label=name)
        if name in limits:
            axis.loglog(counts, _numpy(limits[name]), color=colour, lw=0.8)
    axis.set(xlabel="number of draws $K$", ylabel=r"$\log p(x) - \mathcal{L}_K$, nats")
    axis.set_ylim(min(gap.min().item() for gap in gaps.values()) / 1.5, 1.0)
    axis.grid(True)
    drawn.legend(loc="outside lower center", ncols=2, handlelength=3)
    return drawn


@styled
def signal_to_noise(counts: Sequence[int], ratios: Mapping[str, Tensor]) -> Figure:
    """Draw signal-to-noise ratios of gradients against K, on logarithmic axes.

    Shapes: every value (len(counts),).
    """
    drawn, (axis,) = figure(size=(6.0, 3.4))
    for (name, ratio), colour, line in zip(ratios.items(), CYCLE, LINES, strict=False):
        axis.loglog(counts, _numpy(ratio), color=colour, ls=line, label=name)
    axis.axhline(1.0, color=GREY, lw=0.8)
    axis.set(xlabel="number of draws $K$", ylabel="signal-to-noise ratio")
    axis.grid(True)
    drawn.legend(loc="outside lower center", ncols=2, handlelength=3)
    return drawn


@styled
def gaussian_outlines(
    posterior: Tensor, fits: Mapping[str, Tensor], reach: float = 2.0
) -> Figure:
    """Draw the outlines of Gaussians around 0 at `reach` deviations: a panel each.

    The posterior is filled in every panel. Shapes: every covariance (2, 2).
    """
    drawn, axes = figure(1, len(fits), size=(2.0, 2.5))
    side = 1.5 * reach * max(v.diagonal().max() for v in fits.values()).sqrt().item()
    colours = zip(axes, fits.items(), CYCLE[1:], strict=False)
    for axis, (name, covariance), colour in colours:
        shape = {"facecolor": CYCLE[0], "alpha": 0.35, "lw": 0}
        axis.add_patch(_outline(posterior, reach, **shape))
        shape = {"fill": False, "edgecolor": colour, "lw": 2.0}
        axis.add_patch(_outline(covariance, reach, **shape))
        axis.set(title=name, aspect="equal", xlabel="$z_1$")
        axis.set(xlim=(-side, side), ylim=(-side, side), xticks=[0], yticks=[0])
    axes[0].set_ylabel("$z_2$")
    return drawn


def _outline(covariance: Tensor, reach: float, **shape: object) -> Ellipse:
    values, vectors = torch.linalg.eigh(covariance.cpu())
    width, height = (2 * reach * values.sqrt()).tolist()
    angle = torch.atan2(vectors[1, 0], vectors[0, 0]).rad2deg().item()
    return Ellipse((0.0, 0.0), width, height, angle=angle, **shape)


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
