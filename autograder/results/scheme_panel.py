"""The marking scheme beside an answer in formgrader: lines to click on."""

from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup

from autograder.assignment.cells import grade_id, is_manual, points
from autograder.assignment.scheme import Scheme
from autograder.results.pages import render

FOOTER = '<div class="panel-footer">'


def with_panels(
    page: str,
    cells: list[Any],
    schemes: Mapping[str, Scheme],
    markdown: Callable[[str], str],
) -> str:
    """formgrader's page with the scheme of each manual cell between answer and comment.

    It must not hold anything of a student's yet. `markdown` makes HTML of what the
    instructor wrote.
    """

    def show(text: str, inline: bool = False) -> Markup:
        html = markdown(text).strip()
        if inline:
            html = html.removeprefix("<p>").removesuffix("</p>")
        return Markup(html)

    for cell in filter(is_manual, cells):
        name = grade_id(cell)
        comment = page.find(f'id="{name}-comment"')
        at = page.rfind(FOOTER, 0, comment)
        if name in schemes and comment >= 0 and at >= 0:
            panel = render(
                "formgrader_scheme.html.j2",
                cell=name,
                scheme=schemes[name],
                most=points(cell),
                show=show,
            ).decode("utf-8")
            page = page[:at] + panel + page[at:]
    return page
