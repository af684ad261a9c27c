"""Sphinx: figures with palettes, and the icons that are used: pages half the weight.

Points and colour maps lie in an SVG as PNGs of four bytes a pixel. With 256 colours
each they need a third to a sixth of the bytes, and nobody sees the difference. Of the
theme's two thousand icons a page shows a dozen.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Collection
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sphinx.application import Sphinx

COLOURS, STEPS = 256, 3
ICON = re.compile(
    r'"?(?P<name>[\w-]+)"?:\[\d+,\d+,\[(?P<others>[^]]*)\],"[0-9a-f]+",'
    r'(?:"[^"]*"|\[[^]]*\])\],?'
)
USED = re.compile(r"\bfa-([a-z0-9-]+)")
PICTURE = re.compile(r"(?<=data:image/png;base64,)[\sA-Za-z0-9+/=]+")


def with_few_colours(svg: str) -> str:
    """Return the SVG, each PNG in it with a palette of its own.

    A picture that has at most 256 colours keeps all of them.
    """
    return PICTURE.sub(lambda found: lean(found[0]), svg)


def lean(text: str) -> str:
    """A PNG in base64, with a palette: itself if it has one."""
    given = Image.open(BytesIO(b64decode(text)))
    if given.mode == "P":
        return text
    picture = np.array(given.convert("RGBA"))
    picture[picture[..., 3] == 0] = 0
    height, width, _ = picture.shape
    each, where, count = np.unique(
        picture.view(np.uint32).ravel(), return_inverse=True, return_counts=True
    )
    colours = each.view(np.uint8).reshape(-1, 4)
    if len(colours) <= COLOURS:
        palette, nearest = colours, np.arange(len(colours))
    else:
        octree = Image.fromarray(picture).quantize(
            COLOURS, method=Image.Quantize.FASTOCTREE
        )
        start = np.array(octree.getpalette("RGBA"), np.uint8).reshape(-1, 4)
        palette, nearest = k_means(colours, count, start)
    indices = nearest[where].reshape(height, width).astype(np.uint8)
    made = Image.fromarray(indices, "P")
    made.putpalette(palette[:, :3].tobytes())
    file = BytesIO()
    made.save(file, "PNG", optimize=True, transparency=palette[:, 3].tobytes())
    return b64encode(file.getvalue()).decode()


def k_means(
    colours: NDArray[np.uint8], count: NDArray[np.int64], start: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """A better palette (n, 4), and which of it each colour gets.

    Distances are those of colours times opacity: what is hardly seen hardly counts.
    """
    points, centres = seen(colours), seen(start)
    for _ in range(STEPS):
        nearest = nearest_of(points, centres)
        weight = np.bincount(nearest, count, len(centres))
        sums = [np.bincount(nearest, count * x, len(centres)) for x in points.T]
        used = weight > 0
        centres[used] = (np.stack(sums, 1)[used] / weight[used, None]).round(2)
    opacity = centres[:, 3:]
    shares = centres[:, :3] * 255 / np.maximum(opacity, 1)
    palette = np.concatenate([shares, opacity], 1).round().clip(0, 255)
    return palette.astype(np.uint8), nearest_of(points, centres)


def seen(colours: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Red, green and blue times opacity, and the opacity: all from 0 to 255."""
    share = colours[:, 3:] / 255
    return np.concatenate([colours[:, :3] * share, colours[:, 3:]], 1)


def nearest_of(
    points: NDArray[np.float64], centres: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The index of the nearest centre to each point."""
    return ((centres**2).sum(1) - 2 * points @ centres.T).argmin(1)


def with_few_icons(script: str, used: Collection[str]) -> str:
    """Return Font Awesome's script with the icons of these names; ValueError if none.

    A name may also be one of an icon's other names.
    """

    def kept(icon: re.Match[str]) -> str:
        names = {icon["name"], *re.findall(r'"([\w-]+)"', icon["others"])}
        return icon[0] if names & set(used) else ""

    made = ICON.sub(kept, script)
    if not ICON.search(made):
        raise ValueError("expected icons of Font Awesome 6 or 7 in its script")
    return made


def make_lean(app: Sphinx, exception: Exception | None) -> None:
    """Go through the figures of the built pages, and the theme's icons."""
    if exception is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    for path in (out / app.builder.imagedir).glob("*.svg"):
        text = path.read_text("utf-8")
        if (made := with_few_colours(text)) != text:
            path.write_text(made, "utf-8")
    script = out / "_static/scripts/fontawesome.js"
    if script.is_file():
        sources = [*out.rglob("*.html"), *(out / "_static").rglob("*.js")]
        used = {
            name
            for path in sources
            if path != script
            for name in USED.findall(path.read_text("utf-8"))
        }
        script.write_text(with_few_icons(script.read_text("utf-8"), used), "utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("build-finished", make_lean)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
