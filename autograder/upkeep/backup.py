"""The whole course as one file: gradebook, submissions, releases, settings, the secret.

The file is a zip with a list of its contents, `backup.json`: the sha256, the size and
the rights of each file. It holds all that is private in a course, so only its owner may
read it. The rows of a gradebook on a server are in it too, as an SQLite file.
"""

import hashlib
import json
import os
import re
import sqlite3
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from sqlalchemy import make_url
from tqdm import tqdm

from autograder.archives import printable
from autograder.course.folder import Course, alone, whole_file
from autograder.model import CourseError
from autograder.upkeep.rows import copy_gradebook

LIST = "backup.json"
VERSION = 1
GRADEBOOK = "gradebook.db"
# At the top of a course: the lock, what is half made, the parts of an open database.
NOT_KEPT = re.compile(rf"\.grading|\.new-.*|{re.escape(GRADEBOOK)}(-.*)?")
CHUNK = 1 << 20


@dataclass
class BackedUp:
    """What was written where; `problems` are what it lacks, one sentence each."""

    path: Path
    files: int = 0
    problems: list[str] = field(default_factory=list)


def back_up(course: Course, path: Path, *, progress: bool = True) -> BackedUp:
    """Write the course as one file to `path`, whole or not at all.

    No other command may be at work in the course meanwhile; formgrader may: the
    gradebook is copied as it is at one moment. Links are not followed. Raises
    CourseError where there is no course, for a path inside it, and where the
    gradebook's server does not let us in.
    """
    path = path.resolve()
    if not (course.assignments() or (course.root / GRADEBOOK).exists()):
        raise CourseError(f"{course.root}: there is no course to back up.")
    if path.is_relative_to(course.root):
        raise CourseError(
            f"{path}: a place outside the course was expected, or the next backup "
            "would hold this one."
        )
    if path.is_dir():
        raise CourseError(f"{path}: the name of a file was expected, not a folder.")
    with alone(course):
        remove_left(path)
        done = BackedUp(path)
        found = sorted(files_of(course.root, done))
        with whole_file(path, 0o600) as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                write_all(course, archive, found, done, progress)
            file.flush()
            os.fsync(file.fileno())
    return done


def write_all(
    course: Course,
    archive: zipfile.ZipFile,
    found: list[Path],
    done: BackedUp,
    progress: bool,
) -> None:
    """Write the files, then the list of them."""
    files = {}
    hidden = None if progress else True
    for path in tqdm(found, "Backing up", unit="file", disable=hidden):
        name = str(PurePosixPath(path.relative_to(course.root)))
        files[name] = write_file(archive, name, path)
    url = make_url(course.url)
    served = not url.drivername.startswith("sqlite")
    if served or (url.database and Path(url.database).is_file()):
        with tempfile.TemporaryDirectory(dir=course.root, prefix=".new-") as folder:
            copy = Path(folder, GRADEBOOK)
            if served:
                copy_gradebook(course.url, f"sqlite:///{copy}", course.root.name)
            else:
                copied(Path(url.database), copy)
            files[GRADEBOOK] = write_file(archive, GRADEBOOK, copy)
    about = {
        "version": VERSION,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "root": str(course.root),
        "folders": empty_folders(course.root),
        "files": files,
    }
    archive.writestr(LIST, json.dumps(about, indent=1))
    done.files = len(files)


def files_of(root: Path, done: BackedUp) -> Iterator[Path]:
    """The files to keep; what cannot be kept is told."""
    for folder, folders, names in os.walk(root):
        top = Path(folder) == root
        if top:
            folders[:] = [name for name in folders if not NOT_KEPT.fullmatch(name)]
        for name in [*names, *(n for n in folders if Path(folder, n).is_symlink())]:
            path = Path(folder, name)
            if top and NOT_KEPT.fullmatch(name):
                continue
            mode = path.lstat().st_mode
            shown = printable(str(path.relative_to(root)))
            if not stat.S_ISREG(mode):
                what = "a link" if stat.S_ISLNK(mode) else "a special file"
                done.problems.append(f"{shown}: {what}, which is not backed up.")
            elif shown != str(path.relative_to(root)):
                done.problems.append(f"{shown}: its name is not UTF-8; not backed up.")
            else:
                yield path


def empty_folders(root: Path) -> list[str]:
    """The folders without anything in them: a student may have handed one in."""
    return sorted(
        str(PurePosixPath(Path(folder).relative_to(root)))
        for folder, folders, names in os.walk(root)
        if not folders and not names and printable(folder) == folder
        if not NOT_KEPT.fullmatch(Path(folder).relative_to(root).parts[0])
    )


def write_file(archive: zipfile.ZipFile, name: str, path: Path) -> dict[str, str | int]:
    """Write one file; return its entry in the list."""
    digest, size = hashlib.sha256(), 0
    info = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
    info.compress_type = zipfile.ZIP_DEFLATED
    with path.open("rb") as source, archive.open(info, "w") as target:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            target.write(chunk)
    mode = stat.S_IMODE(path.stat().st_mode)
    return {"sha256": digest.hexdigest(), "size": size, "mode": mode}


def copied(database: Path, target: Path) -> Path:
    """A SQLite database as it is at one moment, whoever writes into it.

    Raises CourseError when it cannot be read.
    """
    try:
        copy_database(database, target)
    except sqlite3.Error as error:
        raise CourseError(f"{database}: cannot be copied: {error}.") from error
    return target


def copy_database(database: Path, target: Path) -> None:
    """The same by SQLite's own way of copying."""
    with (
        closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)


def remove_left(path: Path) -> None:
    """Remove what a killed backup to the same place left beside it."""
    left = re.compile(rf"\.{re.escape(path.name)}\.[a-z0-9_]{{8}}")
    if path.parent.is_dir():
        for each in path.parent.iterdir():
            if left.fullmatch(each.name):
                each.unlink(missing_ok=True)
