"""What a class handed in, as a folder or as the zip file of an LMS: who has what."""

import os
import stat
import unicodedata
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from autograder.archives import (
    CLASS_FILES,
    MAX_FILES,
    SKIPPED,
    Found,
    opened_zip,
    printable,
    zip_files,
)
from autograder.judge.read_file import MAX_BYTES
from autograder.lms.base import Top
from autograder.lms.moodle import NAME as MOODLE
from autograder.model import CourseError

MAX_DEPTH = 3


@contextmanager
def tops_of(
    source: Path, assignment: str
) -> Iterator[tuple[list[Top], dict[str, str]]]:
    """What lies at the top of a folder or zip file, and the entries with bad paths."""
    if source.is_dir():
        yield folder_tops(source), {}
    elif source.is_file() and zipfile.is_zipfile(source):
        try:
            archive = opened_zip(source, CLASS_FILES)
        except ValueError as error:
            raise CourseError(f"{source}: {error}.") from error
        with archive:
            yield zip_tops(archive, assignment)
    elif source.is_file() and source.suffix.lower() == ".zip":
        raise CourseError(f"{source}: not a whole zip file; download it again.")
    else:
        raise CourseError(
            f"{source}: a folder of submissions was expected, or the zip file that the "
            "LMS gives."
        )


def folder_tops(folder: Path) -> list[Top]:
    """Each subfolder and each file of a folder that is not hidden."""
    tops = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in SKIPPED:
            continue
        is_folder = path.is_dir() and not path.is_symlink()
        get = partial(files_in, path) if is_folder else partial(file_alone, path)
        tops.append(Top(normal(path.name), is_folder, get))
    return tops


def zip_tops(
    archive: zipfile.ZipFile, assignment: str
) -> tuple[list[Top], dict[str, str]]:
    """The same for an archive; one folder around everything is looked through."""
    files, bad = zip_files(archive)
    if has_wrapping(files, assignment):
        files = [replace(f, path=PurePosixPath(*f.path.parts[1:])) for f in files]
    groups: dict[tuple[str, bool], list[Found]] = {}
    for file in files:
        is_folder = len(file.path.parts) > 1
        groups.setdefault((normal(file.path.parts[0]), is_folder), []).append(file)
    tops = [
        Top(name, is_folder, partial(not_too_many, found))
        for (name, is_folder), found in sorted(groups.items(), key=lambda item: item[0])
    ]
    return tops, bad


def has_wrapping(files: list[Found], assignment: str) -> bool:
    """Whether one folder, which is no student's, lies around everything."""
    around = {file.path.parts[0] for file in files}
    if len(around) != 1 or any(len(file.path.parts) < 3 for file in files):
        return False
    inside = {file.path.parts[1] for file in files}
    return inside != {assignment} and not MOODLE.fullmatch(normal(around.pop()))


def not_too_many(found: list[Found]) -> list[Found]:
    """The files; ValueError when they are more than anybody needs."""
    if len(found) > MAX_FILES:
        raise ValueError(f"more than {MAX_FILES} files were handed in")
    return found


def normal(name: str) -> str:
    """A name in one of Unicode's forms, whatever system wrote it."""
    return unicodedata.normalize("NFC", printable(name))


def file_alone(path: Path) -> list[Found]:
    """A file that lies in no folder of a student."""
    return [Found(PurePosixPath(path.name), partial(read_plainly, path))]


def files_in(folder: Path) -> list[Found]:
    """What lies in a student's folder and is no folder; hidden files left out."""
    found: list[Found] = []
    for place, folders, names in os.walk(folder, followlinks=False):
        here = PurePosixPath(Path(place).relative_to(folder))
        folders[:] = sorted(
            name
            for name in folders
            if len(here.parts) < MAX_DEPTH
            and not name.startswith(".")
            and name not in SKIPPED
        )
        # A folder that is called like a notebook, or a link to a folder, is no file.
        found += [
            Found(here / name, partial(read_plainly, Path(place, name)))
            for name in [*sorted(names), *(n for n in folders if n.endswith(".ipynb"))]
            if not name.startswith(".") and name not in SKIPPED
        ]
        not_too_many(found)
    return found


def read_plainly(path: Path, most: int = MAX_BYTES) -> bytes:
    """The bytes of a regular file; ValueError for links, pipes, folders, huge files."""
    name = printable(path.name)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if path.is_symlink():
            raise ValueError(f"'{name}' is a link, not a file") from error
        raise ValueError(f"'{name}' cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ValueError(f"'{name}' is not a file")
    with os.fdopen(handle, "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"'{name}' is larger than {most / 1e6:.0f} MB")
    return content
