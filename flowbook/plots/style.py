"""The one style of the book's figures, readable on a light and on a dark page."""

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's colour-blind-safe hues, in the shades that hold on white and black.
BLUE, ORANGE, GREEN = "#1f83c4", "#d97706", "#0f9d76"
RED, PURPLE, GREY = "#d1495b", "#b06ab3", "#7d7d7d"
CYCLE = (BLUE, ORANGE, GREEN, RED, PURPLE, GREY)

RC = {
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.edgecolor": GREY,
    "axes.labelcolor": GREY,
    "axes.titlecolor": GREY,
    "text.color": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "font.size": 10,
    "legend.frameon": False,
    "figure.dpi": 110,
    "image.cmap": "viridis",
}


def figure(
    rows: int = 1, columns: int = 1, size: tuple[float, float] = (3.2, 2.6)
) -> tuple[Figure, list[Axes]]:
    """Return a figure of rows × columns panels, each `size` inches, and its axes.

    The figure is not registered with pyplot: nothing global changes, nothing leaks.
    """
    with rc_context(RC):
        width, height = columns * size[0], rows * size[1]
        drawn = Figure(figsize=(width, height), dpi=110, layout="constrained")
        axes = drawn.subplots(rows, columns, squeeze=False).flatten().tolist()
    for axis in axes:
        axis.set_prop_cycle(color=CYCLE)
    return drawn, axes
