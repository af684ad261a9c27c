"""What a class handed in, as a folder or as the zip file of an LMS: who has what."""

import os
import stat
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from autograder.archives import (
    CLASS_FILES,
    MAX_FILES,
    SKIPPED,
    Found,
    TooMuchError,
    entry_name,
    opened_zip,
    printable,
    read_entry,
    zip_files,
)
from autograder.judge.read_file import MAX_BYTES
from autograder.lms.base import Top
from autograder.lms.nbgrader import TIME
from autograder.model import CourseError

MAX_DEPTH = 3
SMALL_TEXT = 1_000  # bytes of a file that holds a time


@contextmanager
def tops_of(source: Path) -> Iterator[tuple[list[Top], dict[str, str]]]:
    """What lies at the top of a folder or zip file, and the entries with bad paths."""
    if source.is_dir():
        yield folder_tops(source), {}
    elif source.is_file() and zipfile.is_zipfile(source):
        try:
            archive = opened_zip(source, CLASS_FILES)
        except ValueError as error:
            raise CourseError(f"{source}: {error}.") from error
        with archive:
            yield zip_tops(archive)
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
        if path.is_dir() and not path.is_symlink():
            top = Top(
                normal(path.name),
                True,
                partial(files_in, path),
                partial(tops_inside, path),
                partial(small_text, path),
            )
        else:
            top = Top(normal(path.name), False, partial(file_alone, path))
        tops.append(top)
    return tops


def tops_inside(folder: Path) -> list[Top]:
    """The same for a student's folder, which may be one that cannot be opened."""
    try:
        return folder_tops(folder)
    except OSError:
        return []  # its files() says why


def zip_tops(archive: zipfile.ZipFile) -> tuple[list[Top], dict[str, str]]:
    """The same for an archive."""
    files, bad = zip_files(archive)
    texts = {
        normal(entry_name(info)): info
        for info in archive.infolist()
        if PurePosixPath(info.filename).name == TIME and info.file_size < SMALL_TEXT
    }
    return grouped(files, "", partial(text_in, archive, texts)), bad


def grouped(
    files: list[Found], at: str, text: Callable[[str], str | None]
) -> list[Top]:
    """The files of an archive by what lies at the top of the folder `at`."""
    groups: dict[tuple[str, bool], list[Found]] = {}
    for file in files:
        is_folder = len(file.path.parts) > 1
        groups.setdefault((normal(file.path.parts[0]), is_folder), []).append(file)
    tops = []
    for (name, is_folder), found in sorted(groups.items(), key=lambda item: item[0]):
        if not is_folder:
            tops.append(Top(name, False, partial(not_too_many, found)))
            continue
        below = [replace(f, path=PurePosixPath(*f.path.parts[1:])) for f in found]
        get = partial(not_too_many, below)
        here = f"{at}{name}/"
        inside = partial(grouped, below, here, text)
        tops.append(Top(name, True, get, inside, partial(text_below, text, here)))
    return tops


def text_below(text: Callable[[str], str | None], at: str, path: str) -> str | None:
    """A small file in a folder of an archive."""
    return text(f"{at}{path}")


def text_in(
    archive: zipfile.ZipFile, texts: Mapping[str, zipfile.ZipInfo], path: str
) -> str | None:
    """A small file of an archive; None where it is not, or cannot be read."""
    info = texts.get(path)
    try:
        content = info and read_entry(archive, info, frozenset(), SMALL_TEXT)
    except ValueError:
        return None
    return content.decode("utf-8", "replace").strip() or None if content else None


def small_text(folder: Path, path: str) -> str | None:
    """A small file in a folder; None where it is not, or is no plain file."""
    try:
        content = read_plainly(folder / path, SMALL_TEXT)
    except ValueError:
        return None
    return content.decode("utf-8", "replace").strip() or None


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
        raise TooMuchError(f"'{name}' is larger than {most / 1e6:.0f} MB")
    return content
