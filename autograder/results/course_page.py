"""The page on the course: students by assignments, totals, who hands nothing in."""

from pathlib import Path
from statistics import fmean, median
from urllib.parse import quote

from markupsafe import Markup

from autograder.course import gradebook
from autograder.course.folder import Course, write_whole
from autograder.course.settings import settings
from autograder.results.course_table import Cell, Row, course_rows, weight
from autograder.results.pages import formgrader_link, render
from autograder.results.plots import sparkline
from autograder.results.report import shade
from autograder.results.standings import Classes, standings

SHORT = {
    "refused": "refused",
    "ungraded": "to grade",
    "waiting": "…",
    "absent": "",
    "excused": "excused",
}
LAST = 2  # assignments; who handed in none of them is named first


def write_course_page(course: Course, classes: Classes) -> Path:
    """Write reports/course.html and return its path.

    Its numbers are those of `course_csv`. Raises CourseError for weights amiss.
    """
    path = course.root / "reports" / "course.html"
    rules = settings(course)
    rows, rule = course_rows(course, classes), rules.total
    points = {
        name: [row.cells[name].points for row in rows if row.cells[name].most]
        for name in classes
    }
    numbers = {name: gradebook.numbers(course, name) for name in classes}
    totals = [row.total for row in rows if row.total is not None]
    page = render(
        "course.html.j2",
        "course.js",
        rows=rows,
        rule=rule,
        standings=standings(course, classes),
        weights={name: weight(rule, classes, name) for name in classes},
        medians={name: median(all_) if all_ else None for name, all_ in points.items()},
        mean=fmean(totals) if totals else None,
        median=median(totals) if totals else None,
        missing={name: sum(name in row.missing for row in rows) for name in classes},
        silent=sorted(
            (row for row in rows if row.missing),
            key=lambda row: (-len(row.missing), row.student),
        ),
        gone=[row for row in rows if row.none_of_last(LAST)],
        last=LAST,
        free_days=rules.late.free_days,
        any_late=any(row.late_days for row in rows),
        any_excused=any(
            cell.state == "excused" for row in rows for cell in row.cells.values()
        ),
        spark=spark,
        most={
            name: max((each.result.max_points for each in scored), default=0.0)
            for name, scored in classes.items()
        },
        report=lambda name: (
            f"{quote(name)}.html" if course.report(name).exists() else ""
        ),
        formgrader=lambda name, cell: formgrader_link(
            numbers[name].get(cell.scored.result.student), rules.port
        ),
        feedback=lambda name, cell: feedback(course, name, cell),
        shade=lambda cell: shade(cell.points / cell.most) if cell.most else "",
        shown=SHORT,
    )
    write_whole(path, page)
    return path


def spark(row: Row) -> Markup:
    """A student's results as a small line, and in words for who cannot see it."""
    shares = {
        name: row.shares.get(name)
        for name in row.cells
        if name in row.shares or name in row.missing
    }
    if not shares:
        return Markup()
    words = (
        f"{name.split('_')[0].upper()} {'missing' if share is None else f'{share:.0%}'}"
        for name, share in shares.items()
    )
    return sparkline(list(shares.values()), ", ".join(words))


def feedback(course: Course, assignment: str, cell: Cell) -> str | None:
    """The way to a student's page; None where there is none."""
    if cell.scored is None:
        return None
    page = course.feedback(assignment, cell.scored.result.student)
    return quote(f"../{page.relative_to(course.root)}") if page.is_file() else None
