"""The class lists of an assignment: one for each section, kept with the course.

The first lies in rosters/ASSIGNMENT.csv, further ones in rosters/ASSIGNMENT@NAME.csv. A
list that has most of its students in common with a kept one is that one, downloaded
again.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from autograder.course import gradebook
from autograder.course.folder import Course, meant, write_whole
from autograder.course.settings import Settings, folded, settings
from autograder.course.submitted import read_note
from autograder.lms.base import Person, Roster, spaced, usable
from autograder.lms.registry import read_roster


@dataclass(frozen=True)
class ClassList:
    """All students, whichever section they are in."""

    sections: Sequence[Roster]

    @cached_property
    def people(self) -> list[Person]:
        """The students, one section after the other."""
        return [person for section in self.sections for person in section.people]

    @cached_property
    def names(self) -> dict[str, str]:
        """The students' names by their numbers in the LMS."""
        return {n: name for each in self.sections for n, name in each.names.items()}

    @property
    def has_times(self) -> bool:
        """Whether the lists tell when students handed in."""
        return any(section.has_times for section in self.sections)

    @property
    def files(self) -> str:
        """The files' names."""
        return " or ".join(each.table.path.name for each in self.sections)

    def find(self, lms_id: str | None, *called: str) -> Person | None:
        """The student with this number, or called so, in the first list with one."""
        found = (section.find(lms_id, *called) for section in self.sections)
        return next((person for person in found if person is not None), None)


def kept_roster(course: Course, assignment: str) -> Path:
    """The copy of the first class list with which an assignment was collected."""
    return course.root / "rosters" / f"{assignment}.csv"


def kept_rosters(course: Course, assignment: str) -> list[Path]:
    """The copies of all of them."""
    first = kept_roster(course, assignment)
    more = sorted((course.root / "rosters").glob(f"{assignment}@*.csv"))
    return [*([first] if first.is_file() else []), *more]


def class_list(
    course: Course, assignment: str, path: Path | None = None
) -> ClassList | None:
    """The list in `path`, or those that were kept; None without any."""
    paths = [path] if path else kept_rosters(course, assignment)
    return ClassList([read_roster(path) for path in paths]) if paths else None


def keep_roster(course: Course, assignment: str, roster: Roster) -> None:
    """Keep a class list, beside the others or in the place of the one it renews."""
    first = kept_roster(course, assignment)
    path = renewed(course, assignment, roster)
    if path is None and first.is_file():
        name = usable(roster.table.path.stem).replace("@", "-") or "section"
        path = free_name(first.with_name(f"{assignment}@{name}.csv"))
    write_whole(path or first, roster.table.to_bytes())


def renewed(course: Course, assignment: str, roster: Roster) -> Path | None:
    """The kept list that this one is, downloaded again; None for another section."""
    ours = {spaced(person.student) for person in roster.people}
    common = Counter()
    for path in kept_rosters(course, assignment):
        theirs = {spaced(person.student) for person in read_roster(path).people}
        if 2 * len(ours & theirs) >= min(len(ours), len(theirs)):
            common[path] = len(ours & theirs)
    return common.most_common(1)[0][0] if common else None


def free_name(path: Path) -> Path:
    """The path, or one with a number, where no file is yet."""
    number, found = 2, path
    while found.exists():
        found, number = path.with_stem(f"{path.stem}-{number}"), number + 1
    return found


def absent(course: Course, assignment: str) -> list[str]:
    """Who is in a class list, has not left, is not excused, and handed nothing in."""
    people, rules = class_list(course, assignment), settings(course)
    handed = {folded(student) for student in course.students(assignment)}
    return [
        person.student
        for person in (people.people if people else [])
        if folded(person.student) not in handed
        and not rules.has_left(*person.called)
        and not rules.is_excused(assignment, *person.called)
    ]


def unknown_names(course: Course, assignment: str) -> list[str]:
    """Ids in the course file that mean nobody, one sentence each.

    Likewise names in its tables that no assignment has, where this one has no entry.
    """
    rules = settings(course)
    extended = rules.extensions.get(assignment, {})
    people = unknown_people(course, rules, extended, rules.excused.get(assignment, ()))
    return people + unknown_assignments(course, assignment, rules)


def unknown_in_course(course: Course) -> list[str]:
    """The same for all assignments; one excused before its release is named too."""
    rules, known = settings(course), course.assignments()
    extended = [name for names in rules.extensions.values() for name in names]
    excused = [name for names in rules.excused.values() for name in names]
    return unknown_people(course, rules, extended, excused) + [
        f"{name}: course.toml has it under [excused], and no assignment that is "
        "released is called so"
        for name in sorted(rules.excused)
        if name not in known
    ]


def unknown_people(
    course: Course, rules: Settings, extended: Iterable[str], excused: Iterable[str]
) -> list[str]:
    """Ids in the course file that mean nobody, one sentence each."""
    named = dict.fromkeys(rules.dropped, "dropped")
    named |= dict.fromkeys(extended, "[extensions]")
    named |= dict.fromkeys(excused, "[excused]")
    named |= dict.fromkeys(rules.accommodations, "[accommodations]")
    known = {folded(name) for name in (all_names(course) if named else ())}
    return [
        f"{name}: course.toml has it under {where}, and nobody in the course is called "
        "so"
        for name, where in sorted(named.items())
        if folded(name) not in known
    ]


def unknown_assignments(course: Course, assignment: str, rules: Settings) -> list[str]:
    """Names that look like slips of an assignment that has no entry of its own.

    Any other name may stand for an assignment of a later week.
    """
    known, spellings = course.assignments(), [assignment, assignment.split("_")[0]]
    return [
        f"{name}: course.toml has it under [{where}], and no assignment is called so; "
        f"{assignment} has no entry there"
        for where, entries in (
            ("due", rules.due),
            ("extensions", rules.extensions),
            ("excused", rules.excused),
        )
        if assignment not in entries
        for name in sorted(entries)
        if not meant(name, known) and get_close_matches(name.lower(), spellings)
    ]


def all_names(course: Course) -> set[str]:
    """Whatever a student of the course is known by."""
    known = set(gradebook.students(course))
    for assignment in course.assignments():
        for student in course.students(assignment):
            note = read_note(course, assignment, student)
            known |= {student, *((note.lms_id or "", *note.called) if note else ())}
        people = class_list(course, assignment)
        known |= {name for p in (people.people if people else []) for name in p.called}
    return known
