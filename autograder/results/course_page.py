"""The page on the course: students by assignments, totals, who hands nothing in."""

from pathlib import Path
from statistics import fmean, median
from urllib.parse import quote

from autograder.course.folder import Course, write_whole
from autograder.course.settings import settings
from autograder.results.course_table import (
    Cell,
    Classes,
    course_rows,
    standings,
    weight,
)
from autograder.results.pages import render
from autograder.results.report import shade

SHORT = {"refused": "refused", "ungraded": "to grade", "waiting": "…", "absent": ""}


def write_course_page(course: Course, classes: Classes) -> Path:
    """Write reports/course.html and return its path.

    Its numbers are those of `course_csv`. Raises CourseError for weights amiss.
    """
    path = course.root / "reports" / "course.html"
    rows, rule = course_rows(course, classes), settings(course).total
    points = {
        name: [row.cells[name].points for row in rows if row.cells[name].most]
        for name in classes
    }
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
        most={
            name: max((each.result.max_points for each in scored), default=0.0)
            for name, scored in classes.items()
        },
        report=lambda name: (
            f"{quote(name)}.html" if course.report(name).exists() else ""
        ),
        feedback=lambda name, cell: feedback(course, name, cell),
        shade=lambda cell: shade(cell.points / cell.most) if cell.most else "",
        shown=SHORT,
    )
    write_whole(path, page)
    return path


def feedback(course: Course, assignment: str, cell: Cell) -> str | None:
    """The way to a student's page; None where there is none."""
    if cell.scored is None:
        return None
    page = course.feedback(assignment, cell.scored.result.student)
    return quote(f"../{page.relative_to(course.root)}") if page.is_file() else None
