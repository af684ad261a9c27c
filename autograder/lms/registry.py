"""The systems that are known, in the order in which they are tried."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from autograder.lms.base import (
    Downloads,
    Handed,
    Known,
    Place,
    Roster,
    Target,
    Top,
    may_be_work,
    same_name,
    stray,
)
from autograder.lms.canvas import (
    CanvasDownloads,
    CanvasRoster,
    canvas_place,
    canvas_target,
)
from autograder.lms.moodle import (
    MoodleDownloads,
    MoodleRoster,
    moodle_place,
    moodle_target,
)
from autograder.lms.nbgrader import NbgraderDownloads
from autograder.lms.plain import PlainDownloads, PlainRoster
from autograder.model import CourseError
from autograder.tables import read_table


@dataclass(frozen=True)
class System:
    """A learning management system.

    `downloads` reads names, given the students' names by their numbers and the
    assignment. A class list
    with all of `columns` is a `roster` of this system; `target` finds the column for
    the scores of an assignment in it (None: the system takes no scores back). `place`
    is where a student's page goes in the archive that it takes back; `unknown` says
    why nowhere, and what to do.
    """

    name: str
    downloads: Callable[[Mapping[str, str], str], Downloads]
    columns: tuple[str, ...]
    roster: type[Roster]
    target: Callable[[Roster, str, str | None], Target] | None
    place: Callable[[Known, str], Place | None] | None = None
    unknown: str = ""


SYSTEMS = (
    System(
        "moodle",
        lambda known, assignment: MoodleDownloads(),
        ("Identifier", "Grade"),
        MoodleRoster,
        moodle_target,
        moodle_place,
        "its number in Moodle is not known: give the grading worksheet, --roster FILE",
    ),
    System(
        "canvas",
        lambda known, assignment: CanvasDownloads(known),
        ("ID", "Section"),
        CanvasRoster,
        canvas_target,
        canvas_place,
        "the name of its file in Canvas's download is not known, or Canvas would read "
        "another student in it: give its page by hand, out of `return --to folder`",
    ),
)
# Read when no system's names are there.
TREE = NbgraderDownloads
PLAIN = System(
    "plain",
    lambda known, assignment: PlainDownloads(),
    ("student",),
    PlainRoster,
    None,
)
KINDS = (*SYSTEMS, PLAIN)
TAKE_BACK = tuple(each.name for each in SYSTEMS if each.target)  # the scores
GIVE_BACK = tuple(each.name for each in SYSTEMS if each.place)  # pages, to students
LISTS = (".csv", ".tsv", ".xls", ".xlsx", ".ods")
DEEP = 3  # folders around a download that are looked through


def recognise(
    tops: Sequence[Top], known: Mapping[str, str], assignment: str = ""
) -> list[Handed]:
    """Who handed in what; a scheme is used where the LMS's names leave no doubt.

    `known` holds the names of the students by their numbers, where a roster was given.
    A folder around a system's download, or several, is looked through.
    """
    schemes = [system.downloads(known, assignment) for system in SYSTEMS]
    schemes.append(TREE(assignment))
    beside: list[Top] = []
    now = tops
    for _ in range(DEEP + 1):
        scheme = next((scheme for scheme in schemes if scheme.fits(now)), None)
        if scheme is not None:
            return joined([*map(scheme.handed, now), *map(stray, beside)])
        folders = [top for top in now if top.is_folder]
        if len(folders) != 1 or any(may_be_work(t) for t in now if not t.is_folder):
            break
        beside += [top for top in now if not top.is_folder]
        now = folders[0].inside()
    return joined(plain_handed(tops, known.values(), assignment))


def plain_handed(
    tops: Sequence[Top], names: Iterable[str], assignment: str
) -> list[Handed]:
    """Work under the students' own names; one folder around it is looked through.

    It is a student's when it is alone and holds files, unless the class list knows who
    is called by those.
    """
    listed = {same_name(name) for name in names} - {""}
    beside = [top for top in tops if is_list(top) and stem(top) not in listed]
    work = [top for top in tops if top not in beside]
    if len(work) == 1 and work[0].is_folder:
        inside = work[0].inside()
        folders = {top.name for top in inside if top.is_folder}
        around = all(top.is_folder or is_list(top) for top in inside)
        known = not listed.isdisjoint(map(stem, inside))
        if (folders and around and folders != {assignment}) or known:
            found = plain_handed(inside, names, assignment)
            return [*found, *map(stray, beside)]
    return [*map(PlainDownloads().handed, work), *map(stray, beside)]


def is_list(top: Top) -> bool:
    """Whether this is a spreadsheet's file: a class list that lies beside the work."""
    return not top.is_folder and PurePosixPath(top.name).suffix.lower() in LISTS


def stem(top: Top) -> str:
    """What a file or folder is called, as a name is compared."""
    return same_name(top.name if top.is_folder else PurePosixPath(top.name).stem)


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
    """The pieces of one student as one; typed text is beside the files."""
    files = [piece for piece in group if not piece.problem]
    late = any(piece.late for piece in group)
    return replace(
        next(iter(files), group[0]),
        late=late,
        files=lambda: [found for piece in files for found in piece.files()],
        typed=lambda: [found for piece in group for found in piece.typed()],
    )


def names(group: Iterable[Handed]) -> str:
    """The names in a group, in a line."""
    return ", ".join(sorted({piece.name for piece in group}))


def read_roster(path: Path) -> Roster:
    """Read a class list of any known kind; CourseError when it is of none.

    Two rows with the same id would be one student: they are refused.
    """
    table = read_table(Path(path))
    for system in KINDS:
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
    system = next(each for each in KINDS if isinstance(roster, each.roster))
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
