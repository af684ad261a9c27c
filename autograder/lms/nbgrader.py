"""nbgrader's own tree: STUDENT/ASSIGNMENT/, with the time of its collectors in it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from autograder.archives import Found
from autograder.lms.base import Handed, Top, stray

TIME = "timestamp.txt"
OTHER = "nothing for this assignment is in it"


@dataclass(frozen=True)
class NbgraderDownloads:
    """A folder for each student with a folder for each assignment.

    The time is believed only where every student who handed in has one: in a tree that
    nbgrader wrote, no student chose what it says.
    """

    assignment: str

    def fits(self, tops: Sequence[Top]) -> bool:
        """Whether all is as nbgrader lays it."""
        folders = [top for top in tops if top.is_folder]
        if not folders:
            return False
        here = [top for top in folders if self.of_assignment(top) is not None]
        plain = all(each.is_folder for top in folders for each in top.inside())
        return plain and bool(here) and all(self.time(top) for top in here)

    def of_assignment(self, top: Top) -> Top | None:
        """The student's folder of this assignment."""
        inside = top.inside() if top.is_folder else []
        return next((each for each in inside if each.name == self.assignment), None)

    def time(self, top: Top) -> str | None:
        """What nbgrader wrote down."""
        return top.text(f"{self.assignment}/{TIME}")

    def handed(self, top: Top) -> Handed:
        """Who handed this in."""
        if not top.is_folder:
            return stray(top)
        if self.of_assignment(top) is None:
            return stray(top, OTHER)
        return Handed(top.name, lambda: self.files(top), received=self.time(top))

    def files(self, top: Top) -> list[Found]:
        """The files of this assignment alone."""
        mine = [
            found for found in top.files() if found.path.parts[0] == self.assignment
        ]
        return [
            replace(found, path=PurePosixPath(*found.path.parts[1:])) for found in mine
        ]
