"""Pages lose bytes of their figures and icons, and nothing that a reader would see."""

import base64
import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flowbook import plots
from flowbook.densities import ZOO

SOURCE = Path(__file__).resolve().parents[2] / "book/_ext/lean_pages.py"
SPEC = importlib.util.spec_from_file_location("lean_pages", SOURCE)
MADE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(MADE)
PICTURE, with_few_colours = MADE.PICTURE, MADE.with_few_colours
with_few_icons = MADE.with_few_icons

# What a reader sees of a picture on the light and on the dark page, from 0 to 255.
PAGES = (255, 18)


def svg_of(picture):
    file = io.BytesIO()
    Image.fromarray(picture, "RGBA").save(file, "PNG")
    text = base64.b64encode(file.getvalue()).decode()
    return f'<svg><image href="data:image/png;base64,{text}"/></svg>'


def pictures(svg):
    for found in PICTURE.finditer(svg):
        picture = Image.open(io.BytesIO(base64.b64decode(found[0])))
        yield np.asarray(picture.convert("RGBA"), float)


def weight(svg):
    return sum(len(found[0]) for found in PICTURE.finditer(svg))


def seen(picture, page):
    opacity = picture[..., 3:] / 255
    return picture[..., :3] * opacity + page * (1 - opacity)


@pytest.mark.parametrize("page", PAGES)
def test_a_density_and_points_look_the_same_for_a_third_of_the_bytes(page):
    pinwheel, box = ZOO["pinwheel"], ((-4, 4), (-4, 4))
    points = {"points": pinwheel.sample(2_000, seed=0)}
    drawn = plots.points_and_densities(points, {"density": pinwheel.log_prob}, box)
    svg = drawn.to_bytes("svg").decode()
    made = with_few_colours(svg)
    assert weight(made) < weight(svg) / 3
    for before, after in zip(pictures(svg), pictures(made), strict=True):
        error = np.abs(seen(before, page) - seen(after, page))
        assert error.mean() < 3
        assert error.max() < 60


def test_at_most_256_colours_are_kept_exactly():
    colours = np.random.default_rng(0).integers(0, 256, (256, 4), dtype=np.uint8)
    colours[:, 3] |= 1
    picture = colours[np.random.default_rng(1).integers(0, 256, (40, 30))]
    (kept,) = pictures(with_few_colours(svg_of(picture)))
    assert (kept == picture).all()


def test_what_has_a_palette_stays_as_it_is():
    picture = np.random.default_rng(0).integers(0, 256, (40, 30, 4), dtype=np.uint8)
    once = with_few_colours(svg_of(picture))
    assert with_few_colours(once) == once


def test_an_svg_without_pictures_stays_as_it_is():
    assert (
        with_few_colours("<svg><path d='M0 0'/></svg>") == "<svg><path d='M0 0'/></svg>"
    )


ICONS = (
    'var p={bars:[448,512,["navicon"],"f0c9","M0 96"],"angle-left":[320,512,[8249],'
    '"f104","M9 233"],magnet:[448,512,[129522],"f076",["M0 1","M2 3"]]};'
)


def test_icons_that_are_used_stay_by_each_of_their_names():
    assert '"M0 96"' in with_few_icons(ICONS, {"bars"})
    assert '"M0 96"' in with_few_icons(ICONS, {"navicon"})
    left = with_few_icons(ICONS, {"angle-left", "solid"})
    assert left == 'var p={"angle-left":[320,512,[8249],"f104","M9 233"],};'


def test_a_script_without_icons_is_refused():
    with pytest.raises(ValueError, match="expected icons"):
        with_few_icons("var p={};", {"bars"})
