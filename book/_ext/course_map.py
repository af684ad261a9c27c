"""Sphinx: the map of the course on the cover, drawn with HTML that reads as a list.

    ```{course-map}
    Exact:                       # a road; the first one and the last one are crossings
      knows: log *p*(*x*) itself # what a model on it knows, under its sign
      sign: exact                # one of SIGNS
      chapters: {2: One dimension, 8: Distillation}
    ```

A chapter whose page exists is a link; the others are planned, and say so.
"""

from html import escape
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

# One density of the data, and what each kind of model knows of it.
HUMPS = "M4 44C18 44 22 10 36 10S54 34 66 34 80 20 90 20 104 44 116 44"
BELOW = "M4 44C20 44 26 19 37 19S54 39 66 39 81 29 90 29 104 44 116 44"
SAMPLES = (21, 27, 30, 33, 35, 37, 39, 43, 47, 55, 72, 81, 86, 90, 93, 97, 104)
SIGNS = {
    "exact": f'<path class="known" d="{HUMPS}"/>',
    "bounded": f'<path class="known" d="{BELOW}"/>',
    "none": "".join(f'<circle class="known" cx="{x}" cy="44" r="2"/>' for x in SAMPLES),
}
FORK = "M150 0C150 24 50 12 50 40M150 0V40M150 0C150 24 250 12 250 40"
JOIN = "M50 0C50 28 150 16 150 40M150 0V40M250 0C250 28 150 16 150 40"


class course_map(nodes.General, nodes.Element):  # noqa: N801 (docutils' own custom)
    """The place of the map; `roads` is what the directive holds."""


class CourseMap(SphinxDirective):
    """Read the roads; the chapters that exist are known when the page is written."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """The place of the map."""
        return [course_map(roads=yaml.safe_load("\n".join(self.content)))]


def pages_of_chapters(found: set[str]) -> dict[int, str]:
    """The pages of the chapters by their numbers: book/07_topic is chapter 7."""
    names = {page: Path(page).name for page in found if page.startswith("book/")}
    return {int(n[:2]): page for page, n in names.items() if n[:2].isdigit()}


def draw(self: HTML5Translator, node: course_map) -> None:
    """Write the map: the first crossing, three roads side by side, the last one."""
    pages = pages_of_chapters(self.builder.env.found_docs)
    here = self.builder.current_docname
    links = {n: self.builder.get_relative_uri(here, page) for n, page in pages.items()}
    (start, first), *roads, (goal, last) = node["roads"].items()
    self.body.append(
        '<nav class="course-map" aria-label="Map of the chapters">'
        f"{crossing(start, first, links)}{ways(FORK, 'fork')}"
        f'<div class="roads">{"".join(road(*each, links) for each in roads)}</div>'
        f"{ways(JOIN, 'join')}{crossing(goal, last, links)}"
        '<p class="legend" aria-hidden="true">● written &emsp; ○ planned</p></nav>'
    )
    raise nodes.SkipNode


def crossing(title: str, about: dict[str, Any], links: dict[int, str]) -> str:
    """Where all roads begin or end."""
    return (
        f'<div class="crossing"><p class="road-title">{escape(title)}</p>'
        f"{chapter_list(about['chapters'], links)}</div>"
    )


def road(title: str, about: dict[str, Any], links: dict[int, str]) -> str:
    """One road: its sign, what its models know, its chapters."""
    sign = (
        '<svg class="sign" viewBox="0 0 120 50" aria-hidden="true">'
        f'<path class="data" d="{HUMPS}"/>{SIGNS[about["sign"]]}</svg>'
    )
    return (
        f'<div class="road {about["sign"]}"><div class="card">{sign}'
        f'<p class="road-title">{escape(title)}</p>'
        f'<p class="knows">{about["knows"]}</p>'
        f'{chapter_list(about["chapters"], links)}</div><i class="way"></i></div>'
    )


def chapter_list(chapters: dict[int, str], links: dict[int, str]) -> str:
    """The chapters in order, a link each where there is a page."""
    items = []
    for number, title in chapters.items():
        text = f'<span class="number">{number}</span> {escape(title)}'
        if number in links:
            items.append(f'<li><a href="{links[number]}">{text}</a></li>')
        else:
            hint = '<span class="sr-only"> (planned)</span>'
            items.append(f'<li class="planned">{text}{hint}</li>')
    return f"<ul>{''.join(items)}</ul>"


def ways(path: str, name: str) -> str:
    """The curves between a crossing and the roads, as wide as the map."""
    curves = path.split("M")[1:]
    drawn = "".join(f'<path d="M{curve}"/>' for curve in curves)
    return (
        f'<svg class="ways {name}" viewBox="0 0 300 40" preserveAspectRatio="none" '
        f'aria-hidden="true">{drawn}</svg>'
    )


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_node(course_map, html=(draw, None))
    app.add_directive("course-map", CourseMap)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
