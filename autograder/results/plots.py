"""The report's figures: small inline SVG, whose colours follow the page's style sheet.

A figure is as wide as a phone, so that its text stays legible there; on a desk several
stand side by side. Nothing in it is the student's text.
"""

import math
from collections.abc import Sequence

from markupsafe import Markup

from autograder.results.item_analysis import Task

WIDTH, HEIGHT = 400, 240
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 16, 44  # room for the axes
BINS = 12
RADIUS = 9  # of a dot that holds a number
SPARK_WIDTH, SPARK_HEIGHT, SPARK_EDGE = 84, 24, 4


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """At most about `most` round numbers that span low to high."""
    raw = (high - low) / most or 1.0
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(step for step in (1, 2, 5, 10) if step * power >= raw * 0.999) * power
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [step * i for i in range(first, last + 1)]


class Canvas:
    """Collects SVG elements, and turns data into positions."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        self.x_range, self.y_range = x, y
        self.parts: list[Markup] = []

    def x(self, value: float) -> float:
        """The horizontal position of a value."""
        low, high = self.x_range
        return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """The vertical position of a value."""
        low, high = self.y_range
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    def text(self, x: float, y: float, kind: str, value: object) -> None:
        """Text of a style sheet's class at a position."""
        template = '<text x="{:.1f}" y="{:.1f}" class="{}">{}</text>'
        self.parts.append(Markup(template).format(x, y, kind, value))

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        """A line between two positions."""
        template = '<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" class="{}"/>'
        self.parts.append(Markup(template).format(x1, y1, x2, y2, kind))

    def bar(self, left: float, right: float, top: float, tip: str) -> None:
        """A bar from the value 0 up to the value `top`."""
        x, y = self.x(left), self.y(top)
        template = (
            '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" class="bar">'
            "<title>{}</title></rect>"
        )
        size = max(self.x(right) - x - 1.5, 0.5), self.y(0) - y
        self.parts.append(Markup(template).format(x + 0.75, y, *size, tip))

    def axes(
        self, x: Sequence[float], y: Sequence[float], x_name: str, y_name: str
    ) -> None:
        """Ticks with thin lines, and the names of the axes."""
        for value in y:
            self.line(LEFT, self.y(value), WIDTH - RIGHT, self.y(value), "grid")
            self.text(LEFT - 6, self.y(value) + 4, "end", f"{value:.4g}")
        for value in x:
            self.text(self.x(value), HEIGHT - BOTTOM + 17, "middle", f"{value:.4g}")
        self.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, "middle name", x_name)
        self.text(4, 11, "name", y_name)

    def svg(self, says: str) -> Markup:
        """The figure; `says` is what a screen reader reads."""
        template = '<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        head = Markup(template).format(WIDTH, HEIGHT, says)
        return head + Markup("").join(self.parts) + Markup("</svg>")


def histogram(
    values: Sequence[float], low: float, high: float, name: str, says: str
) -> Markup:
    """How many students have which value in [low, high]; a line marks the median."""
    edges = _edges(low, high)
    counts = [0] * (len(edges) - 1)
    for value in values:
        place = (value - low) / (edges[1] - edges[0])
        counts[min(max(int(place + 1e-9), 0), len(counts) - 1)] += 1
    canvas = Canvas((low, edges[-1]), (0, max(counts, default=1) * 1.12 or 1))
    whole = [tick for tick in ticks(0, max(*counts, 1), 4) if tick == int(tick)]
    canvas.axes(ticks(low, edges[-1], 6), whole, name, "students")
    for left, right, count in zip(edges, edges[1:], counts, strict=False):
        if count:
            canvas.bar(left, right, count, f"{left:.4g} to {right:.4g}: {count}")
    if values:
        median = sorted(values)[(len(values) - 1) // 2] / 2
        median += sorted(values)[len(values) // 2] / 2
        x = canvas.x(median)
        canvas.line(x, TOP, x, HEIGHT - BOTTOM, "median")
        side = "end" if x > WIDTH - 110 else "start"
        canvas.text(x + (-5 if side == "end" else 5), TOP + 2, side, "median")
    return canvas.svg(says)


def item_map(tasks: Sequence[Task], says: str) -> Markup:
    """Each task by the share of its points that was won and its discrimination."""
    known = [task for task in tasks if task.interval]
    bottom = min([0.0, *(task.interval[0] for task in known)])
    canvas = Canvas((0, 100), (max(bottom, -1.0) - 0.05, 1.05))
    y = [tick for tick in ticks(-1, 1, 8) if tick >= bottom - 0.05]
    canvas.axes(ticks(0, 100, 5), y, "share of the points won (%)", "discrimination")
    canvas.line(LEFT, canvas.y(0), WIDTH - RIGHT, canvas.y(0), "zero")
    points = [
        (canvas.x(100 * task.share), canvas.y(task.discrimination)) for task in known
    ]
    places = side_by_side(points)
    for task, (x, _) in zip(known, places, strict=True):
        low, high = map(canvas.y, task.interval)
        canvas.line(x, low, x, high, "interval")
    for task, (x, y) in zip(known, places, strict=True):
        dot = '<circle cx="{:.1f}" cy="{:.1f}" r="{}" class="dot"/>'
        canvas.parts.append(Markup(dot).format(x, y, RADIUS))
        canvas.text(x, y + 4, "middle on", task.number)
    return canvas.svg(says)


def side_by_side(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points, moved sideways where their dots would cover each other."""
    placed: list[tuple[float, float]] = []
    step = 2 * RADIUS + 2
    aside = [step * sign * i for i in range(len(points) + 1) for sign in (1, -1)]
    for x, y in points:
        free = (x + d for d in aside if _clear(x + d, y, placed, step))
        placed.append((next(free, x), y))
    return placed


def _clear(
    x: float, y: float, placed: Sequence[tuple[float, float]], step: float
) -> bool:
    inside = LEFT + RADIUS <= x <= WIDTH - RADIUS
    return inside and all(math.dist((x, y), other) >= step - 0.01 for other in placed)


def share_bar(share: float) -> Markup:
    """A share from 0 to 1 as a thin bar, for a table."""
    width = 100 * min(max(share, 0.0), 1.0)
    return Markup(
        '<svg class="share" viewBox="0 0 100 8" preserveAspectRatio="none" '
        'aria-hidden="true"><rect width="100" height="8" class="rest"/>'
        '<rect width="{:.1f}" height="8" class="bar"/></svg>'
    ).format(width)


def _edges(low: float, high: float) -> list[float]:
    """Edges of at most BINS + 1 bins whose width is round; the last one holds high."""
    marks = ticks(0, max(high - low, 1e-9), BINS)
    step = marks[1] - marks[0]
    count = max(math.ceil((high - low) / step - 1e-9), 1)
    return [low + i * step for i in range(count + 1)]


def sparkline(shares: Sequence[float | None], says: str) -> Markup:
    """A student's shares (0 to 1) in the order of the course, as small as a word.

    None is a work that is missing: a hollow dot on the ground line.
    """
    step = (SPARK_WIDTH - 2 * SPARK_EDGE) / max(len(shares) - 1, 1)
    high = SPARK_HEIGHT - 2 * SPARK_EDGE
    dots = [
        (SPARK_EDGE + step * n, SPARK_EDGE + high * (1 - min(share or 0.0, 1.0)))
        for n, share in enumerate(shares)
    ]
    known = [dot for dot, share in zip(dots, shares, strict=True) if share is not None]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in known)
    marks = [
        Markup('<circle cx="{:.1f}" cy="{:.1f}" r="2.5" class="gone"/>').format(x, y)
        for (x, y), share in zip(dots, shares, strict=True)
        if share is None
    ]
    if known:
        last = Markup('<circle cx="{:.1f}" cy="{:.1f}" r="2.5" class="dot"/>')
        marks.append(last.format(*known[-1]))
    template = (
        '<svg class="spark" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        '<title>{}</title><line x1="0" y1="{}" x2="{}" y2="{}" class="grid"/>'
        '<polyline points="{}"/>{}</svg>'
    )
    ground = SPARK_HEIGHT - SPARK_EDGE
    return Markup(template).format(
        SPARK_WIDTH,
        SPARK_HEIGHT,
        says,
        says,
        ground,
        SPARK_WIDTH,
        ground,
        line,
        Markup("").join(marks),
    )
