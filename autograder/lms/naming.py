"""Whose file is it? How Moodle and Canvas name what they let a teacher download.

Moodle (mod/assign/classes/downloader.php): one folder a student,
`Full Name_PARTICIPANT_assignsubmission_file` (older ones end in `_`), or files whose
names begin so. Underscores of a name become spaces. Typed text is `..._onlinetext`.

Canvas (lib/content_zipper.rb): files `lastfirst_LATE_USER_FILE_name.ipynb`, where LATE
is there for a late one only, USER is Canvas's id of the student and FILE of the file.
With anonymous grading `anon_ID` stands in place of name and USER.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from autograder.archives import Found, archive_suffix, printable

TYPED = "text was typed into the LMS; no file was handed in"
MOODLE = re.compile(
    r"(?P<name>[^_]*)_(?P<id>\d+)_assignsubmission_(?P<plugin>[a-z]+)(?:_(?P<file>.*))?",
    re.DOTALL,
)
CANVAS = re.compile(
    r"(?:(?P<name>.+?)_)??(?P<late>late_)?(?:(?P<anon>anon_[a-z0-9]+)|(?P<id>\d+))_"
    r"(?:\d+_(?P<file>.+)|(?P<typed>text|link)\.html)",
    re.IGNORECASE | re.DOTALL,
)
CANVAS_AGAIN = re.compile(
    r"(?P<name>.+?_\d+)_(?P<late>late_)?(?P<anon>(?!))?(?P<id>\d+)_"
    r"(?:\d+_(?P<file>.+)|(?P<typed>text|link)\.html)",
    re.IGNORECASE | re.DOTALL,
)
COPY = re.compile(r"-\d+(?=\.[^.]+$)")  # Canvas adds -1 to a file handed in again


@dataclass(frozen=True)
class Top:
    """Something at the top of a download: a file, or a folder with files in it.

    `files()` gives what is in it; it raises ValueError when it cannot be looked at.
    """

    name: str
    is_folder: bool
    files: Callable[[], list[Found]]


@dataclass(frozen=True)
class Handed:
    """What one student handed in, and what the LMS says about it.

    `lms_id` is the student's number in the LMS; `problem` says why there is no file.
    """

    name: str
    files: Callable[[], list[Found]]
    lms_id: str | None = None
    late: bool = False
    problem: str | None = None


def recognise(tops: Sequence[Top], known: Mapping[str, str]) -> list[Handed]:
    """Who handed in what; a scheme is used where the LMS's names leave no doubt.

    `known` holds the names of the students by their numbers, where a roster was given.
    """
    for scheme in (Moodle(), Canvas(known)):
        if scheme.fits(tops):
            return joined(scheme.handed(top) for top in tops)
    return [plain(top) for top in tops]


def plain(top: Top) -> Handed:
    """A folder that is called by its student, or a file: STUDENT.ipynb, STUDENT.zip."""
    if top.is_folder:
        return Handed(top.name, top.files)
    suffix = archive_suffix(top.name) or PurePosixPath(top.name).suffix
    return Handed(top.name[: len(top.name) - len(suffix)] or top.name, top.files)


class Moodle:
    """The names that Moodle gives."""

    def fits(self, tops: Sequence[Top]) -> bool:
        """Whether something here can only come from Moodle."""
        return any(MOODLE.fullmatch(top.name) for top in tops)

    def handed(self, top: Top) -> Handed:
        """Who handed this in."""
        match = MOODLE.fullmatch(top.name)
        if match is None or not (top.is_folder or match["file"]):
            problem = "its name is not one that Moodle gives to a student's submission"
            return Handed(top.name, top.files, problem=problem)
        name = " ".join(match["name"].split())
        if match["plugin"] != "file":
            return Handed(name, list, match["id"], problem=TYPED)
        files = top.files if top.is_folder else renamed(top, match["file"])
        return Handed(name, files, match["id"])


@dataclass(frozen=True)
class Canvas:
    """The names that Canvas gives; `known` are names of students by their numbers."""

    known: Mapping[str, str]

    def fits(self, tops: Sequence[Top]) -> bool:
        """Whether all names here look like Canvas's."""
        names = [top.name for top in tops if not top.is_folder]
        return len(names) == len(tops) > 0 and all(map(CANVAS.fullmatch, names))

    def reading(self, name: str) -> re.Match[str]:
        """What the name means; of two readings the one that the roster knows.

        Somebody who calls himself `x_999` looks like the student 999 at first sight.
        """
        first = CANVAS.fullmatch(name)
        second = CANVAS_AGAIN.fullmatch(name)
        if second and same_name(self.known.get(second["id"], "")) == same_name(
            second["name"]
        ):
            return second
        return first

    def handed(self, top: Top) -> Handed:
        """Who handed this in."""
        match = self.reading(top.name)
        late = bool(match["late"])
        number = match["id"] or match["anon"]
        name = match["name"] or number
        if match["typed"]:
            return Handed(name, list, number, late, TYPED)
        return Handed(name, renamed(top, match["file"]), number, late)


def renamed(top: Top, name: str) -> Callable[[], list[Found]]:
    """The file of a top under the name that its student gave it."""
    return lambda: [replace(f, path=PurePosixPath(name)) for f in top.files()]


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


def same_name(name: str) -> str:
    """A name by which one person is known under: no case, no spaces, no marks."""
    text = unicodedata.normalize("NFKC", printable(name)).casefold()
    return "".join(c for c in text if c.isalnum())
