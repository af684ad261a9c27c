"""All that a course holds of one student: folders, files, rows, and who names them."""

import html
import json
import mmap
import os
import re
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import quote

from autograder.archives import DAMAGED
from autograder.course import gradebook
from autograder.course.folder import Course
from autograder.course.gradebook import Entries
from autograder.course.settings import NAME as COURSE_FILE
from autograder.course.settings import folded, settings
from autograder.course.submitted import note_in
from autograder.lms.base import Person, same_name
from autograder.lms.registry import read_roster
from autograder.model import CourseError
from autograder.upkeep.course_file import named_in

BY_STUDENT = ("submitted", "attempts", "autograded", "feedback")  # a folder for each
NOBODYS = ("source", "release", "exams", "handed_out")  # nothing there is a student's
REPORTS, ROSTERS, GRADEBOOK = "reports", "rosters", "gradebook.db"
KNOWN = (*BY_STUDENT, *NOBODYS, "personal", "results", REPORTS, ROSTERS)
SHORT = 4  # characters; a shorter name, or number in the LMS, may be anything
MOST_BYTES = 50_000_000  # read of a file in an archive


@dataclass(frozen=True)
class Identity:
    """Who is meant: the `ids` in the course, and whatever else they are `called`."""

    ids: tuple[str, ...]
    called: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def known(self) -> frozenset[str]:
        """All ids and addresses, as ids are compared."""
        return frozenset(map(folded, (*self.ids, *self.called)))

    def is_id(self, name: str) -> bool:
        """Whether a file or a folder is called after them."""
        return folded(name) in self.known

    @property
    def searched(self) -> tuple[str, ...]:
        """The texts by which a file is found to name them."""
        more = (
            text
            for text in (*self.called, *self.names)
            if len(text) >= SHORT and not text.isdigit()
        )
        return tuple(dict.fromkeys((*self.ids, *more)))


@dataclass(frozen=True)
class Places:
    """Where a course has something of one student.

    `own` are folders and files of theirs alone. `rows` counts the rows of class lists,
    `entries` what the gradebook holds, by id; `settings` are the tables of the course
    file. `reports` name them among others, and can be written anew. `elsewhere` are
    other files that name them: those a person must look at.
    """

    who: Identity
    own: tuple[Path, ...] = ()
    entries: dict[str, Entries] = field(default_factory=dict)
    rows: dict[Path, int] = field(default_factory=dict)
    settings: tuple[str, ...] = ()
    reports: tuple[Path, ...] = ()
    elsewhere: tuple[Path, ...] = ()


def places_of(course: Course, text: str) -> Places:
    """Find one student by an id, an address, a number in the LMS, or a full name.

    Raises CourseError when nobody is called so, or several are.
    """
    who = identify(course, text)
    own = tuple(sorted(own_places(course, who)))
    rosters = {
        path: number
        for path in sorted((course.root / ROSTERS).glob("*.csv"))
        if (number := len(rows_in(path, who)))
    }
    held = gradebook.students(course)
    entries = {s: gradebook.entries(course, s) for s in sorted(held) if who.is_id(s)}
    named = [
        path
        for path in files_in(course.root, own)
        if path not in rosters and names_them(path, who)
    ]
    reports = tuple(p for p in named if p.is_relative_to(course.root / REPORTS))
    apart = {*reports, course.root / COURSE_FILE, course.root / GRADEBOOK}
    elsewhere = tuple(path for path in named if path not in apart)
    tables = tuple(named_in(course_file(course), who.known))
    return Places(who, own, entries, rosters, tables, reports, elsewhere)


def identify(course: Course, text: str) -> Identity:
    """Who is called so; CourseError for nobody, and for several."""
    settings(course)  # a slip in the course file is told first
    wanted, people = folded(text), list(everybody(course))
    for way in (
        lambda person: wanted == folded(person.student),
        lambda person: wanted in map(folded, person.called),
        lambda person: bool(person.name) and same_name(text) == same_name(person.name),
    ):
        found = [person for person in people if way(person)]
        if found:
            break
    else:
        raise CourseError(f"{text}: nobody in the course is called so.")
    ids = sorted({folded(person.student): person.student for person in found}.values())
    if len(ids) > 1:
        raise CourseError(f"{text}: that may be {' or '.join(ids)}: write the id.")
    same = [each for each in people if folded(each.student) == folded(ids[0])]
    called = {name for person in same for name in person.called if name}
    called -= {each.student for each in people if each.row} - {ids[0]}  # others' ids
    spellings = {each.student for each in same}
    names = {person.name for person in same if person.name}
    return Identity(*(tuple(sorted(t)) for t in (spellings, called - spellings, names)))


def everybody(course: Course) -> Iterator[Person]:
    """Everyone whom the course knows, once for each place that tells of them."""
    for path in sorted((course.root / ROSTERS).glob("*.csv")):
        yield from read_roster(path).people
    for student in gradebook.students(course):
        yield Person(0, student, "", "")
    for kind in BY_STUDENT:
        for folder in (course.root / kind).glob("*"):
            yield Person(0, folder.name, "", "")
            for note in filter(None, map(note_in, folder.glob("*"))):
                yield Person(0, folder.name, note.lms_id or "", "", note.called)
    for path in [
        *(course.root / "results").glob("*/*.json"),
        *(course.root / "results").glob("*/pending/*.json"),
    ]:
        yield Person(0, path.stem, "", "")
    for folder in (course.root / "personal").glob("*/*"):
        yield Person(0, folder.name, "", "")


def own_places(course: Course, who: Identity) -> Iterator[Path]:
    """The folders and files that are this student's alone."""
    patterns = [f"{kind}/*" for kind in BY_STUDENT]
    for pattern in (*patterns, "personal/*/*"):
        yield from (p for p in course.root.glob(pattern) if who.is_id(p.name))
    for pattern in ("results/*/*.json", "results/*/pending/*.json", "reports/*/*"):
        yield from (p for p in course.root.glob(pattern) if who.is_id(p.stem))
    for top in course.root.iterdir():
        if top.is_dir() and top.name not in KNOWN:
            for folder, folders, names in os.walk(top):
                mine = [name for name in folders if who.is_id(name)]
                yield from (Path(folder, name) for name in mine)
                yield from (Path(folder, n) for n in names if who.is_id(Path(n).stem))
                folders[:] = [name for name in folders if name not in mine]


def rows_in(path: Path, who: Identity) -> list[int]:
    """The rows of a class list that are this student's."""
    ids = frozenset(map(folded, who.ids))
    return [p.row for p in read_roster(path).people if folded(p.student) in ids]


def course_file(course: Course) -> dict:
    """The course file, parsed; empty where there is none."""
    try:
        return tomllib.loads((course.root / COURSE_FILE).read_text("utf-8"))
    except FileNotFoundError:
        return {}


def files_in(root: Path, without: Iterable[Path] = ()) -> Iterator[Path]:
    """All regular files of the course, but those in some places."""
    left_out = set(without)
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if Path(folder, name) not in left_out]
        for name in sorted(names):
            path = Path(folder, name)
            if path not in left_out and path.is_file() and not path.is_symlink():
                yield path


def names_them(path: Path, who: Identity) -> bool:
    """Whether a file names a student, in its own name or in what it holds."""
    pattern = naming(who)
    if pattern.search(os.fsencode(path.name)) or holds(path, pattern):
        return True
    return path.suffix == ".zip" and any(map(pattern.search, inside(path)))


def holds(path: Path, pattern: re.Pattern[bytes]) -> bool:
    """Whether a file, however large, holds what the pattern means."""
    if not path.stat().st_size:
        return False
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        return pattern.search(content) is not None


def inside(path: Path) -> Iterator[bytes]:
    """The names and the contents in a zip file, as far as they can be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                yield info.filename.encode("utf-8", "replace")
                with archive.open(info) as file:
                    yield file.read(MOST_BYTES)
    except DAMAGED:
        return


@cache
def naming(who: Identity) -> re.Pattern[bytes]:
    """What stands for a student in a file: in text, in JSON, in HTML, in a link."""
    texts: set[str] = set()
    for text in who.searched:
        texts |= {text, json.dumps(text)[1:-1], html.escape(text), quote(text)}
    words = "|".join(sorted(map(re.escape, texts), key=len, reverse=True))
    # Moodle joins names and numbers by underscores: those end a word too. `ada` is not
    # named by the address of an `ada.b@example.org`.
    other = r"[.+-][A-Za-z0-9.+-]*@"
    whole = rf"(?<![A-Za-z0-9])(?:{words})(?![A-Za-z0-9]|{other})"
    return re.compile(whole.encode(), re.IGNORECASE)
