"""Of all that one student handed in, the one file that is graded."""

from collections.abc import Sequence

from autograder.archives import (
    MAX_ARCHIVE,
    Found,
    archive_suffix,
    printable,
    unpacked,
)
from autograder.judge.read_file import MAX_BYTES

MAX_TRIES = 10  # files of one student that are looked into


def pick(files: Sequence[Found], assignment: str) -> tuple[Found, bytes, str | None]:
    """The file to grade, its bytes, and what to say when others were there too.

    The handed-out name wins over a similar one, any notebook over an archive, and what
    is in an archive over any other file. Raises ValueError, in words for the student,
    when there is nothing to read.
    """
    if not files:
        raise ValueError("the folder is empty: no file was handed in")
    notebooks = [file for file in files if is_notebook(file)]
    archives = [file for file in files if archive_suffix(file.name)]
    if not notebooks and archives:
        return pick_packed(archives, assignment)
    problems = []
    for file in ranked(notebooks or files, assignment)[:MAX_TRIES]:
        try:
            content = file.read(MAX_BYTES)
        except ValueError as error:
            problems.append(str(error))
            continue
        if len(notebooks) > 1:
            shown = f"'{printable(file.name)}' was graded"
            problems.append(f"{len(notebooks)} notebooks were handed in; {shown}.")
        return file, content, "; ".join(problems) or None
    raise ValueError(problems[0])


def pick_packed(
    archives: Sequence[Found], assignment: str
) -> tuple[Found, bytes, str | None]:
    """The same for a student who handed in archives alone; those in them stay shut."""
    problems = []
    for archive in ranked(archives, assignment)[:MAX_TRIES]:
        name = printable(archive.name)
        try:
            inside = unpacked(name, archive.read(MAX_ARCHIVE))
            if not any(map(is_notebook, inside)):
                raise ValueError(f"no notebook is in '{name}'")
            chosen, content, problem = pick(inside, assignment)
        except ValueError as error:
            problems.append(str(error))
            continue
        opened = f"'{name}' was opened; '{printable(chosen.name)}' in it was graded"
        return chosen, content, "; ".join(filter(None, [*problems, opened, problem]))
    raise ValueError(problems[0])


def is_notebook(file: Found) -> bool:
    """Whether a file is a notebook by its name."""
    return file.path.suffix.lower() == ".ipynb"


def ranked(files: Sequence[Found], assignment: str) -> list[Found]:
    """The files, the likeliest first."""
    short = assignment.split("_")[0].lower()
    return sorted(
        files,
        key=lambda file: (
            file.path.stem != assignment,
            not file.path.stem.lower().startswith(short),
            len(file.path.parts),
            file.name,
        ),
    )
