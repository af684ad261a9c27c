"""Figures of chapter 12: negentropy by layers, and every exact family in one table."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from flowbook.plots.style import BLUE, CYCLE, ORANGE, SMALL, WIDTH, figure, styled


@styled
def negentropy_curves(panels: Mapping[str, Mapping[str, Tensor]]) -> Figure:
    """Draw what is left of the negentropy after each layer, a panel each.

    A curve whose name ends with "*" is dashed, in the colour of the one before it.

    Shapes: each curve (layers + 1,), from none on, in nats.
    """
    drawn, axes = figure(1, len(panels), size=(WIDTH / len(panels), 3.0))
    for axis, (title, curves) in zip(axes, panels.items(), strict=True):
        colour = -1
        for name, curve in curves.items():
            again = name.endswith("*")
            colour += not again
            values = curve.detach().cpu().numpy()
            axis.semilogy(
                np.arange(len(values)),
                values,
                color=CYCLE[colour],
                ls="--" if again else "-",
                label=name.rstrip("*"),
            )
        axis.set(title=title, xlabel="layers")
        ticks = [
            t for t in (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0) if t <= axis.get_ylim()[1]
        ]
        axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.minorticks_off()
        axis.grid(True, axis="y")
        axis.legend()
    axes[0].set_ylabel("nats left")
    return drawn


@styled
def family_table(
    gaps: Mapping[str, Mapping[str, float]], proved: Sequence[str] = ()
) -> Figure:
    """Draw gaps as a table: a row a family, a column a density, a bar to each number.

    The bar follows the logarithm, from a thousandth of a nat to one, where it fills the
    cell. Families in `proved` cannot reach every density, and have a star. NaN stands
    for what a model does not say.
    """
    rows, columns = list(gaps), list(next(iter(gaps.values())))
    values = np.array([[gaps[row][column] for column in columns] for row in rows])
    drawn, (axis,) = figure(size=(WIDTH, 0.32 * len(rows) + 1.25))
    filled = np.nan_to_num(values, nan=0.0)
    lengths = np.clip((np.log10(np.maximum(filled, 1e-4)) + 3) / 3, 0, 1)
    for i, j in np.ndindex(*values.shape):
        place = {"ha": "left", "va": "center", "size": SMALL - 2}
        axis.text(j - 0.42, i - 0.1, _short(values[i, j]), **place)
        colour = ORANGE if lengths[i, j] > 2 / 3 else BLUE
        axis.barh(i + 0.33, 0.86 * lengths[i, j], 0.14, j - 0.43, color=colour)
    names = [f"{row} *" if row in proved else row for row in rows]
    axis.set_yticks(range(len(rows)), names)
    axis.set_xticks(range(len(columns)), columns, rotation=45, ha="left")
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    axis.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    axis.spines[:].set_visible(False)
    return drawn


def _short(value: float) -> str:
    if np.isnan(value):
        return "–"
    text = f"{max(value, 0.0):.2f}" if value >= 0.0995 else f"{max(value, 0.0):.3f}"
    return text[1:] if text.startswith("0") else text
