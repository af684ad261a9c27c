"""Of all that one student handed in, the one file that is graded; the rest is kept.

Of several notebooks the one with the most answers is graded, so an answered one before
a blank one; of equal ones that with the handed-out name.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from autograder.archives import (
    MAX_ARCHIVE,
    Found,
    TooMuchError,
    archive_suffix,
    printable,
    unpacked,
)
from autograder.collect.outputs import MAX_WITH_OUTPUTS, without_outputs
from autograder.course.folder import begins_as
from autograder.judge.read_file import MAX_BYTES

CLEAR = "clear the outputs of all cells, save, and hand in again"
MAX_TRIES = 10  # files of one student that are looked into


@dataclass(frozen=True)
class Written:
    """What is written in a notebook: the answers by their cells, and added cells."""

    answers: dict[str, str]
    added: frozenset[str] = frozenset()

    def within(self, other: "Written") -> bool:
        """Whether all of it is in the other notebook too."""
        return self.answers.items() <= other.answers.items() and (
            self.added <= other.added
        )


class Reader(Protocol):
    """Reads what is written in a file; None for one that cannot be graded."""

    def __call__(self, name: str, content: bytes) -> Written | None: ...


@dataclass(frozen=True)
class Picked:
    """The file to grade and its bytes; `others` are the rest. None: there is none.

    `remark` is what its student and the instructor should know, `blank` are those of
    the others in which nothing is answered.
    """

    file: Found | None
    content: bytes
    remark: str | None = None
    others: tuple[Found, ...] = ()
    blank: frozenset[Found] = frozenset()


@dataclass(frozen=True)
class Candidate:
    """A notebook that could be the one, and what is written in it."""

    file: Found
    content: bytes
    written: Written | None

    @property
    def shown(self) -> str:
        """Its name in a sentence."""
        return f"'{printable(self.file.name)}'"

    @property
    def answers(self) -> int:
        """How many answers it has; fewer than none where it cannot be graded."""
        return -1 if self.written is None else len(self.written.answers)


def pick(
    files: Sequence[Found],
    assignment: str,
    read: Reader = lambda name, content: None,
    *,
    shut: bool = False,
) -> Picked:
    """The file to grade, and what to say when others were there too.

    A notebook with answers wins over an archive, and what is in an archive over any
    other file. `read` tells what notebooks hold. With `shut`, archives beside a
    notebook are not opened. Raises ValueError, in words for the student, when there is
    nothing to read.
    """
    if not files:
        raise ValueError("the folder is empty: no file was handed in")
    notebooks = [file for file in files if is_notebook(file)]
    archives = [file for file in files if archive_suffix(file.name)]
    if not notebooks and archives:
        return pick_packed(files, archives, assignment, read)
    likely = notebooks or [file for file in files if may_be_one(file)]
    if not likely:
        names = ", ".join(f"'{printable(file.name)}'" for file in files[:3])
        raise ValueError(f"a notebook was expected, and {names} was handed in")
    problems = []
    found: list[Candidate] = []
    for file in ranked(likely, assignment)[:MAX_TRIES]:
        try:
            content, left_out = content_of(file)
        except ValueError as error:
            problems.append(str(error))
            continue
        problems += [left_out] if left_out else []
        several = len(notebooks) > 1
        written = read(file.name, content) if several or archives else None
        found.append(Candidate(file, content, written))
        if not several:
            break
    if not found:
        raise ValueError(problems[0])
    best = max(found, key=lambda each: each.answers)  # the first of equal ones
    if archives and best.answers <= 0 and not shut:
        packed = answered_in(archives, best, files, assignment, read)
        if packed is not None:
            return packed
    if len(notebooks) > 1:
        rest = [each for each in found if each is not best]
        problems.append(why_this(best, rest, len(notebooks)))
    return Picked(
        best.file,
        best.content,
        "; ".join(problems) or None,
        tuple(file for file in files if file is not best.file),
        frozenset(each.file for each in found if each.answers == 0),
    )


def content_of(file: Found) -> tuple[bytes, str | None]:
    """The bytes of a file; of a notebook too large for a grader without its outputs.

    The second is what to say of that. Raises ValueError with the reason when the bytes
    cannot be had.
    """
    try:
        return file.read(MAX_BYTES), None
    except TooMuchError:
        if not is_notebook(file):
            raise
    try:
        content = file.read(MAX_WITH_OUTPUTS)
    except TooMuchError as error:
        raise ValueError(f"{error}: {CLEAR}") from error
    name, had = printable(file.name), f"{len(content) / 1e6:.0f} MB"
    bare = without_outputs(content)
    if len(bare) > MAX_BYTES:
        raise ValueError(
            f"'{name}' has {had}, and more than {MAX_BYTES / 1e6:.0f} MB without its "
            "outputs: take out what is not part of the answers, save, and hand in again"
        )
    return bare, f"'{name}' has {had}; it was kept without its outputs"


def why_this(best: Candidate, rest: Sequence[Candidate], number: int) -> str:
    """Which of several notebooks was graded, and what is in the others."""
    remark = f"{number} notebooks were handed in; {best.shown} was graded."
    blank = [each.shown for each in rest if each.answers == 0 < best.answers]
    if blank:
        remark += f" Nothing is answered in {', '.join(blank)}."
    doubtful = [
        each.shown
        for each in rest
        if each.answers > 0 and not each.written.within(best.written)
    ]
    if doubtful:
        remark += (
            f" {', '.join(doubtful)} has other answers, and is kept beside it: if that "
            "is the one that counts, hand in that one alone."
        )
    return remark


def answered_in(
    archives: Sequence[Found],
    best: Candidate,
    files: Sequence[Found],
    assignment: str,
    read: Reader,
) -> Picked | None:
    """A notebook with answers in an archive, where none beside it has any.

    None where there is no such notebook: the archives are kept shut.
    """
    try:
        packed = pick_packed(files, archives, assignment, read)
    except ValueError:
        return None  # nothing in them can be graded either
    written = read(packed.file.name, packed.content)
    if written is None or not written.answers:
        return None
    if best.answers < 0:
        return packed
    remark = (
        f"{packed.remark}; nothing is answered in {best.shown}, which lay beside it"
    )
    return replace(packed, remark=remark, blank=packed.blank | {best.file})


def pick_packed(
    files: Sequence[Found],
    archives: Sequence[Found],
    assignment: str,
    read: Reader,
) -> Picked:
    """The same for a student who handed in archives and no notebook beside them.

    Those in an archive stay shut.
    """
    problems = []
    for archive in ranked(archives, assignment)[:MAX_TRIES]:
        name = printable(archive.name)
        try:
            inside = unpacked(name, archive.read(MAX_ARCHIVE))
            if not any(map(is_notebook, inside)):
                raise ValueError(f"no notebook is in '{name}'")
            picked = pick(inside, assignment, read, shut=True)
        except ValueError as error:
            problems.append(str(error))
            continue
        chosen = printable(picked.file.name)
        opened = f"'{name}' was opened; '{chosen}' in it was graded"
        rest = tuple(file for file in files if file is not archive)
        return Picked(
            picked.file,
            picked.content,
            "; ".join(filter(None, [*problems, opened, picked.remark])),
            (*picked.others, *rest),
            picked.blank,
        )
    raise ValueError(problems[0])


def may_be_one(file: Found) -> bool:
    """Whether a file may be a notebook under another name, or is empty.

    What cannot be read is left to whoever reads it.
    """
    try:
        content = file.read(MAX_BYTES)
    except ValueError:
        return True
    text = content.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    return not text or text.startswith(b"{")


def is_notebook(file: Found) -> bool:
    """Whether a file is a notebook by its name."""
    return file.path.suffix.lower() == ".ipynb"


def ranked(files: Sequence[Found], assignment: str) -> list[Found]:
    """The files, the likeliest first."""
    return sorted(
        files,
        key=lambda file: (
            file.path.stem != assignment,
            not begins_as(file.path.stem, assignment),
            len(file.path.parts),
            file.name,
        ),
    )
