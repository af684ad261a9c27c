"""No system at all: a folder or file called by its student, a list of one's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from autograder.archives import archive_suffix
from autograder.lms.base import Handed, Person, Roster, Top, usable


class PlainDownloads:
    """STUDENT/, STUDENT.ipynb, STUDENT.zip: every name will do."""

    def fits(self, tops: Sequence[Top]) -> bool:
        """Whether these names are of this kind: they always are."""
        return True

    def handed(self, top: Top) -> Handed:
        """Who handed this in: the one after whom it is called."""
        if top.is_folder:
            return Handed(top.name, top.files)
        suffix = archive_suffix(top.name) or PurePosixPath(top.name).suffix
        return Handed(top.name[: len(top.name) - len(suffix)] or top.name, top.files)


@dataclass(frozen=True)
class PlainRoster(Roster):
    """A list of one's own."""

    def person(self, row: int) -> Person | None:
        """The student of a row."""
        table = self.table
        student = usable(table.cell(row, table.column("student")))
        if not student:
            return None
        received = table.cell(row, table.column("received"))
        name = table.cell(row, table.column("name"))
        number = table.cell(row, table.column("lms_id"))
        return Person(row, student, number, name, received=received or None)
