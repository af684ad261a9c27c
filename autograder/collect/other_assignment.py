"""Is this the download of another assignment? Its notebooks' names tell."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from autograder.collect.choose_file import is_notebook
from autograder.course.folder import Course, begins_as
from autograder.lms.base import Handed
from autograder.model import CourseError


def must_be_of(
    course: Course,
    assignment: str,
    handed: Sequence[Handed],
    source: Path,
    sure: Callable[[str], bool],
) -> None:
    """Ask before another assignment's download is taken for this one.

    Raises CourseError when the answer is no.
    """
    others = [name for name in course.assignments() if name != assignment]
    names = [name for each in handed if others for name in notebooks_in(each)]
    votes = Counter(filter(None, (meant(n, [assignment, *others]) for n in names)))
    if not votes or votes[assignment] == max(votes.values()):
        return
    other, number = votes.most_common(1)[0]
    what = f"{source}: {number} of its {len(names)} notebooks are called as {other}"
    if not sure(f"{what}. Take them for {assignment}?"):
        raise CourseError(
            f"{what}; {assignment} was expected. Nothing was collected. With --anyway "
            "they are taken all the same."
        )


def notebooks_in(handed: Handed) -> list[str]:
    """The names of the notebooks; none where they cannot be looked at."""
    try:
        return [found.name for found in handed.files() if is_notebook(found)]
    except (OSError, ValueError):
        return []  # it gets its own line when it is collected


def meant(name: str, assignments: Sequence[str]) -> str | None:
    """The assignment by which a notebook is called; None for another name."""
    stem = PurePosixPath(name).stem.lower()
    by_length = sorted(assignments, key=len, reverse=True)
    whole = (each for each in by_length if stem.startswith(each.lower()))
    short = (each for each in by_length if begins_as(stem, each))
    return next(whole, None) or next(short, None)
