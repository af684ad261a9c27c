"""Grade one task again, and leave the points of all others as they are."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from autograder.assignment.exam import Exam
from autograder.course.folder import Course
from autograder.judge.judge import no_points
from autograder.model import CellResult, CourseError, Outcome, Result

Points = Mapping[tuple[str, str], float]  # by (student, cell)


def cells_of_task(exam: Exam, task: str) -> frozenset[str]:
    """The test cells that a task means: a cell's name, or an exercise's number.

    `square-test`, `square` and `1` (of “Exercise 1: the square”) may mean one cell.
    Raises CourseError when there is none, or a person grades it.
    """
    cells = no_points(exam)
    found = [cell for cell in cells if is_called(cell, task)]
    if tests := frozenset(cell.grade_id for cell in found if not cell.manual):
        return tests
    if found:
        raise CourseError(
            f"{task}: a person grades it: give the points in formgrader, "
            "`autograder serve`."
        )
    names = ", ".join(cell.grade_id for cell in cells if not cell.manual)
    raise CourseError(
        f"{task}: no such task is in {exam.assignment}; there are: {names}, or the "
        "number of an exercise."
    )


def is_called(cell: CellResult, task: str) -> bool:
    """Whether a cell, or its exercise, is called so."""
    wanted = task.strip().casefold().removeprefix("exercise ")
    name = cell.grade_id.casefold()
    number = re.match(r"exercise ([\w.]+)", cell.title.casefold())
    own = number[1].rstrip(".") if number else None
    return wanted in (name, name.removesuffix("-test"), own)


def with_earlier(new: Result, before: Result | None, names: frozenset[str]) -> Result:
    """The new result of these cells with the earlier ones of all others.

    What was graded on another file, or not at all, is taken whole. If it could not be
    graded now, the earlier result stands.
    """
    if before is None or before.outcome is not Outcome.GRADED:
        return new
    if before.content != new.content:
        return new
    if new.outcome is not Outcome.GRADED:
        return before
    kept = {cell.grade_id: cell for cell in before.cells if cell.grade_id not in names}
    cells = tuple(
        old
        if (old := kept.get(cell.grade_id)) and old.max_points == cell.max_points
        else cell
        for cell in new.cells
    )
    return replace(new, cells=cells)


def points_now(course: Course, assignment: str) -> Points:
    """What the tests gave so far."""
    students = course.students(assignment)
    results = (course.result(assignment, student) for student in students)
    return {
        (result.student, cell.grade_id): cell.points
        for result in results
        if result is not None and result.outcome is Outcome.GRADED
        for cell in result.cells
    }


def changes(task: str, before: Points, results: Iterable[Result]) -> list[str]:
    """Whose points in a task are others than before: a line for each, and how many."""
    lines = {
        (result.student, cell.grade_id): f"{result.student}: {cell.grade_id}: "
        f"{before[key]:g} → {cell.points:g} of {cell.max_points:g}"
        for result in results
        for cell in result.cells
        if (key := (result.student, cell.grade_id)) in before
        if before[key] != cell.points
    }
    number = len({student for student, _ in lines})
    count = {0: "Nobody has", 1: "1 student has"}.get(number, f"{number} students have")
    return [*lines.values(), f"{count} other points in {task} than before."]
