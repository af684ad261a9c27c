"""The systems that are known, in the order in which they are tried."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.course.folder import Course
from autograder.lms.base import Downloads, Handed, Roster, Target, Top, same_name
from autograder.lms.canvas import CanvasDownloads, CanvasRoster, canvas_target
from autograder.lms.moodle import MoodleDownloads, MoodleRoster, moodle_target
from autograder.lms.plain import PlainDownloads, PlainRoster
from autograder.model import CourseError
from autograder.tables import read_table


@dataclass(frozen=True)
class System:
    """A learning management system.

    `downloads` reads names, given the students' names by their numbers. A class list
    with all of `columns` is a `roster` of this system; `target` finds the column for
    the scores of an assignment in it (None: the system takes no scores back).
    """

    name: str
    downloads: Callable[[Mapping[str, str]], Downloads]
    columns: tuple[str, ...]
    roster: type[Roster]
    target: Callable[[Roster, str, str | None], Target] | None


SYSTEMS = (
    System(
        "moodle",
        lambda known: MoodleDownloads(),
        ("Identifier", "Grade"),
        MoodleRoster,
        moodle_target,
    ),
    System("canvas", CanvasDownloads, ("ID", "Section"), CanvasRoster, canvas_target),
    System("plain", lambda known: PlainDownloads(), ("student",), PlainRoster, None),
)


def recognise(tops: Sequence[Top], known: Mapping[str, str]) -> list[Handed]:
    """Who handed in what; a scheme is used where the LMS's names leave no doubt.

    `known` holds the names of the students by their numbers, where a roster was given.
    """
    schemes = (system.downloads(known) for system in SYSTEMS)
    scheme = next(scheme for scheme in schemes if scheme.fits(tops))
    return joined(scheme.handed(top) for top in tops)


def joined(pieces: Iterable[Handed]) -> list[Handed]:
    """All files of one student together.

    One number under two names is nobody's: a student can choose a name that looks like
    another's number. Such pieces are kept apart, each with the problem.
    """
    groups: dict[str, list[Handed]] = {}
    strays: list[Handed] = []
    for piece in pieces:
        if piece.lms_id is None:
            strays.append(piece)
        else:
            groups.setdefault(piece.lms_id, []).append(piece)
    people = []
    for number, group in groups.items():
        if len({same_name(piece.name) for piece in group}) > 1:
            problem = f"two names ({names(group)}) have the number {number}"
            people.append(Handed(group[0].name, list, number, problem=problem))
        else:
            people.append(together(group))
    return people + strays


def together(group: list[Handed]) -> Handed:
    """The pieces of one student as one; typed text counts only when it is all."""
    files = [piece for piece in group if not piece.problem]
    late = any(piece.late for piece in group)
    if not files:
        return replace(group[0], late=late)
    all_files = [piece.files for piece in files]
    return replace(
        files[0], late=late, files=lambda: [f for get in all_files for f in get()]
    )


def names(group: Iterable[Handed]) -> str:
    """The names in a group, in a line."""
    return ", ".join(sorted({piece.name for piece in group}))


def kept_roster(course: Course, assignment: str) -> Path:
    """The copy of the class list with which an assignment was collected."""
    return course.root / "rosters" / f"{assignment}.csv"


def read_roster(path: Path) -> Roster:
    """Read a class list of any known kind; CourseError when it is of none.

    Two rows with the same id would be one student: they are refused.
    """
    table = read_table(Path(path))
    for system in SYSTEMS:
        if all(table.column(name) is not None for name in system.columns):
            roster = system.roster(table)
            break
    else:
        raise CourseError(
            f"{path}: not a class list: Canvas's gradebook (Student, ID, …, Section), "
            "Moodle's grading worksheet (Identifier, …, Grade; set Moodle to English "
            "when you download it) or a column “student” was expected."
        )
    seen: dict[str, int] = {}
    for person in roster.people:
        key = person.student.casefold()
        if key in seen:
            raise CourseError(
                f"{path}: rows {seen[key] + 1} and {person.row + 1} are both "
                f"{person.student}."
            )
        seen[key] = person.row
    if not roster.people:
        raise CourseError(f"{path}: there is no student in it.")
    return roster


def target_of(roster: Roster, assignment: str, column: str | None, to: str) -> Target:
    """Where in a class list of the system `to` the scores go.

    Raises CourseError when the list is another system's, or has no place for them.
    """
    system = next(each for each in SYSTEMS if isinstance(roster, each.roster))
    if system.target is None:
        raise CourseError(
            f"{roster.table.path}: Canvas's gradebook or Moodle's grading worksheet "
            "was expected."
        )
    target = system.target(roster, assignment, column)
    if system.name != to:
        raise CourseError(
            f"{roster.table.path}: {to}'s class list was expected, and this is "
            f"{system.name}'s."
        )
    return target
