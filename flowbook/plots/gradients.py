"""Figures of chapter 15: routes that noisy gradients take, and their variances."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from torch import Tensor

from flowbook.plots.style import CYCLE, GREY, figure, styled


@styled
def two_routes(routes: Mapping[str, Tensor], target: Sequence[float]) -> Figure:
    """Draw the route of each estimator on the plane, from a ring to a cross.

    Shapes: each route (steps, 2), the start first; target (2,).
    """
    drawn, axes = figure(1, len(routes), size=(2.9, 2.9))
    low = min(route.min().item() for route in routes.values()) - 0.5
    high = max(route.max().item() for route in routes.values()) + 0.5
    colours = zip(axes, routes.items(), CYCLE, strict=False)
    for axis, (title, route), colour in colours:
        x, y = route.detach().cpu().numpy().T
        axis.plot(x, y, color=colour, lw=1.0)
        axis.plot(x[:1], y[:1], "o", color=colour, mfc="none", ms=7)
        axis.plot(*target, "x", color=GREY, ms=9, mew=2)
        axis.set(title=title, xlim=(low, high), ylim=(low, high), aspect="equal")
        axis.set(xlabel="first mean", ylabel="second mean")
    return drawn


@styled
def variances(
    dims: Sequence[int],
    formulas: Mapping[str, Tensor],
    measured: Mapping[str, Tensor],
) -> Figure:
    """Draw variances against the dimension: formulas as lines, measured as dots.

    Shapes: every value of the two mappings, which have the same keys, (len(dims),).
    """
    drawn, (axis,) = figure(size=(5.2, 3.3))
    for (name, line), colour in zip(formulas.items(), CYCLE, strict=False):
        axis.plot(dims, line.cpu().numpy(), color=colour, label=name)
        axis.plot(dims, measured[name].cpu().numpy(), "o", color=colour)
    axis.set(xscale="log", yscale="log", xlabel="dimension d")
    axis.set(ylabel="variance of one coordinate")
    axis.legend()
    return drawn
