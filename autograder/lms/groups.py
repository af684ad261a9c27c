"""Teams that hand in together: who is in which.

Moodle's worksheet of a team assignment has a column `Group`. Canvas gives one member's
file, and who the others are stands in the list of its group set.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.lms.base import Person, spaced
from autograder.lms.canvas import CanvasRoster
from autograder.lms.class_list import ClassList
from autograder.model import CourseError
from autograder.tables import read_table

MEMBER = ("student", "login_id", "canvas_user_id", "user_id", "email", "name")
GROUP = ("group", "group_name", "team")


@dataclass(frozen=True)
class Groups:
    """The members by their team's name; `alone` is who is in none.

    `from_file`: the teams are a file of their own, and every submission is a team's.
    """

    members: Mapping[str, tuple[Person, ...]]
    alone: tuple[Person, ...] = ()
    from_file: bool = False

    def of(self, name: str) -> tuple[Person, ...]:
        """The members of the team that is called so; nobody for no team."""
        return self.members.get(compared(name), ())

    def with_member(self, person: Person) -> tuple[Person, ...]:
        """The whole team of a student; nobody for who is in none."""
        return next((each for each in self.members.values() if person in each), ())


def compared(name: str) -> str:
    """A team's name as it is compared: a download has spaces for underscores."""
    return spaced(name.replace("_", " "))


def groups_of(people: ClassList | None, path: Path | None) -> Groups | None:
    """The teams, of a file or of Moodle's class list; None without any.

    The file has the columns student and group, or is Canvas's list of a group set.
    Raises CourseError for another file, and for a member who is in no class list.
    """
    if people is None:
        if path is not None:
            raise CourseError(f"{path}: teams need a class list too: --roster FILE.")
        return None
    if path is None:
        pairs = [(person, person.group) for person in people.people if person.group]
    else:
        pairs = list(pairs_in(path, people))
    if not pairs and path is None:
        return None
    teams: dict[str, tuple[Person, ...]] = {}
    for person, name in pairs:
        teams[compared(name)] = (*teams.get(compared(name), ()), person)
    inside = [person for person, _ in pairs]
    alone = tuple(person for person in people.people if person not in inside)
    return Groups(teams, alone, path is not None)


def of_a_group(people: ClassList | None, missing: Sequence[str]) -> str | None:
    """What to say where Canvas may have kept back who else is in a group.

    Of a group it gives one member's file, and nothing in it tells the others.
    """
    canvas = people and any(isinstance(s, CanvasRoster) for s in people.sections)
    if not (canvas and missing):
        return None
    return (
        "Of a group Canvas gives one member's file: if they hand in in groups, collect "
        "with --groups FILE (Canvas's list of the group set), or only that member gets "
        "the score."
    )


def pairs_in(path: Path, people: ClassList) -> Iterable[tuple[Person, str]]:
    """Each member of a team and the team's name, out of a file."""
    table = read_table(path)
    columns = [table.column(name) for name in MEMBER]
    group = table.column(*GROUP)
    if group is None or not any(column is not None for column in columns):
        raise CourseError(f"{path}: the columns “student” and “group” were expected.")
    for row in range(1, len(table.rows)):
        texts = [text for column in columns if (text := table.cell(row, column))]
        name = table.cell(row, group)
        if not name or not texts:
            continue  # Canvas lists who is in no group too
        person = next(filter(None, (people.find(None, text) for text in texts)), None)
        if person is None:
            raise CourseError(f"{path}: {texts[0]} is not in the class list.")
        yield person, name
