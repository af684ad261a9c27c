"""All steps on a made-up class, one after the other: what `make demo` shows."""

from pathlib import Path

from autograder.collect.collect import collect_class
from autograder.course.folder import Course
from autograder.grade.grade import grade_class
from autograder.model import Limits, Result
from autograder.release.release import find_source, release_assignment


def demonstrate(
    course: Course,
    name: str,
    solutions: Path = Path("solutions"),
    *,
    seed: int = 0,
    workers: int | None = None,
    limits: Limits | None = None,
    progress: bool = True,
) -> list[Result]:
    """Release, make up a class, collect, grade, and write every page.

    The release is not tried on the variants: they are what the class hands in. What an
    earlier call has graded is not graded again. Raises CourseError.
    """
    from autograder.demo.students import make_class
    from autograder.results.csv_export import export_csv
    from autograder.results.feedback import write_feedback
    from autograder.results.report import write_report

    assignment, source = find_source(solutions, name)
    release_assignment(course, assignment, solutions, limits, variants=False)
    downloads = course.root / "downloads" / assignment
    make_class(source.parent, downloads, seed)
    collect_class(course, assignment, downloads)
    results = grade_class(
        assignment, course, workers=workers, limits=limits, progress=progress
    )
    write_feedback(course, assignment)
    write_report(course, assignment)
    export_csv(course, assignment, course.root / "reports" / f"{assignment}.csv")
    return results
