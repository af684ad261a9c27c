"""The one style of the book's figures, readable on a light and on a dark page."""

from base64 import b64encode
from collections.abc import Callable
from functools import wraps
from io import BytesIO
from typing import Any, ParamSpec

from cycler import cycler
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.collections import Collection, QuadMesh
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

# Every colour keeps a contrast of at least 3:1 on white and on #121212, and any two of
# them stay apart with each kind of colour blindness. GREY has the best contrast that a
# single colour can have on both pages, 4.3:1; it is for text and for what is secondary.
BLUE, ORANGE, GREEN = "#2680ef", "#e0770e", "#13a55e"
RED, PURPLE, GREY = "#cc1f29", "#be169e", "#7a7a7a"
CYCLE = (BLUE, ORANGE, GREEN, RED, PURPLE, GREY)

# For densities (cmap=DENSITY): nothing where there is no mass, only the page.
DENSITY = LinearSegmentedColormap.from_list(
    "density", [(0.0, BLUE + "00"), (0.4, BLUE), (0.7, PURPLE), (1.0, ORANGE)]
)

# No figure is wider (in inches): it fits the column of the page, so the sizes of the
# fonts are what they say; on a phone it shrinks to about six tenths, still legible.
WIDTH = 6.0
TEXT, SMALL = 11, 10  # points: labels and titles; ticks and legends

RC: dict[str, Any] = {
    "figure.facecolor": "none",
    "figure.edgecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.edgecolor": GREY,
    "axes.labelcolor": GREY,
    "axes.titlecolor": GREY,
    "text.color": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "grid.color": GREY,
    "grid.alpha": 0.25,
    "hatch.color": GREY,
    "patch.edgecolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.family": "DejaVu Sans",
    "font.size": TEXT,
    "figure.titlesize": TEXT,
    "axes.titlesize": TEXT,
    "axes.labelsize": TEXT,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "legend.handlelength": 1.5,
    "lines.linewidth": 2.0,
    "lines.markersize": 4.0,
    "axes.linewidth": 0.8,
    "axes.prop_cycle": cycler(color=CYCLE),
    # The same drawing gives the same file; letters are outlines and need no font.
    "svg.hashsalt": "flowbook",
    "svg.fonttype": "path",
}

Parameters = ParamSpec("Parameters")

MANY = 500  # marks; more of them are drawn as pixels, or an SVG weighs megabytes


class PageFigure(Figure):
    """A figure that shows itself as the value of a cell, without pyplot.

    pyplot would register it in a global list, keep it alive and show it twice.
    """

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
        """Return the figure as SVG and as PNG of twice the page's resolution."""
        width, height = (round(96 * inches) for inches in self.get_size_inches())
        return (
            {
                "image/svg+xml": self.to_bytes("svg").decode(),
                "image/png": b64encode(self.to_bytes("png")).decode(),
            },
            {"image/png": {"width": width, "height": height}},
        )

    def to_bytes(self, file_format: str) -> bytes:
        """Return the file, "svg" or "png": transparent, at 192 dots an inch."""
        for axis in self.axes:
            for collection in axis.collections:
                collection.set_rasterized(_is_heavy(collection))
        file = BytesIO()
        metadata = {"Date": None} if file_format == "svg" else {"Software": None}
        with rc_context(RC):
            self.savefig(file, format=file_format, dpi=192, metadata=metadata)
        return file.getvalue()


def _is_heavy(collection: Collection) -> bool:
    return isinstance(collection, QuadMesh) or len(collection.get_offsets()) > MANY


def figure(
    rows: int = 1, columns: int = 1, size: tuple[float, float] = (3.2, 2.6)
) -> tuple[PageFigure, list[Axes]]:
    """Return a figure of rows × columns panels, each `size` inches, and its axes.

    Panels shrink, and keep their shape, where the figure would be wider than the
    column of the page. Call it inside a function that is `styled`.
    """
    shrink = min(1.0, WIDTH / (columns * size[0]))
    width, height = columns * size[0] * shrink, rows * size[1] * shrink
    with rc_context(RC):
        drawn = PageFigure(figsize=(width, height), dpi=96, layout="constrained")
        axes = drawn.subplots(rows, columns, squeeze=False).flatten().tolist()
    return drawn, axes


def styled(draw: Callable[Parameters, Figure]) -> Callable[Parameters, Figure]:
    """Decorate a plot function so that all it creates takes the book's style.

    matplotlib reads its settings when an artist is created: a tick, a legend or a line
    made after `figure()` returned would otherwise be black on a dark page.
    """

    @wraps(draw)
    def draw_styled(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Figure:
        with rc_context(RC):
            return draw(*args, **kwargs)

    return draw_styled
