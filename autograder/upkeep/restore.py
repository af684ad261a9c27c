"""A course out of its backup: all of it, checked, or nothing."""

import hashlib
import json
import re
import shutil
import sqlite3
import tempfile
import zipfile
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from autograder.archives import DAMAGED, clean_path, opened_zip, printable, reason_of
from autograder.course.folder import Course, write_whole
from autograder.model import CourseError
from autograder.upkeep.backup import CHUNK, GRADEBOOK, LIST, VERSION
from autograder.upkeep.rows import copy_gradebook

MOST_FILES = 5_000_000
MOST_LIST = 2_000_000_000  # bytes of the list
CONFIG = "nbgrader_config.py"  # where nbgrader wrote down the course's old place
DB_URL = re.compile(r"^c\.CourseDirectory\.db_url\s*=.*\n?", re.MULTILINE)
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Entry:
    """What the backup's list says of one file."""

    sha256: str
    size: int
    mode: int


@dataclass(frozen=True)
class Contents:
    """The list of a backup; `made` is when, `root` where the course lay."""

    made: datetime
    root: str
    files: Mapping[str, Entry]
    folders: list[str] = field(default_factory=list)


def restore(
    archive: Path, into: Path, server: str | None = None
) -> tuple[Course, Contents]:
    """Unpack a backup into a new or an empty folder, whole or not at all.

    Every file must be in the backup's list with its size and hash, and no path may
    lead out of the folder. The gradebook becomes a file there, also where it was on a
    server, which is left alone; with `server`, a URL, it goes into that empty database.
    Raises CourseError, one sentence, and then nothing has changed.
    """
    into = into.resolve()
    if into.exists() and not (into.is_dir() and not any(into.iterdir())):
        raise CourseError(f"{into}: a new or an empty folder was expected.")
    if not archive.is_file():
        raise CourseError(f"{archive}: no such file.")
    into.parent.mkdir(parents=True, exist_ok=True)
    left = f".{into.name}.restoring-"
    for each in into.parent.glob(f"{glob_escaped(left)}*"):
        shutil.rmtree(each, ignore_errors=True)  # of a killed restore
    fresh = Path(tempfile.mkdtemp(dir=into.parent, prefix=left))
    try:
        with opened_zip(archive, MOST_FILES) as packed:
            contents = contents_of(packed)
            unpack(packed, contents, fresh)
        check_gradebook(fresh / GRADEBOOK)
        correct_place(fresh / CONFIG, contents.root, into)
        place_gradebook(fresh, into, server)
        fresh.chmod(0o755)
        fresh.replace(into)  # an empty folder may be there
    except ValueError as error:
        raise CourseError(f"{archive}: {error}; nothing was restored.") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return Course(into), contents


def contents_of(packed: zipfile.ZipFile) -> Contents:
    """The backup's list, checked against what is there; ValueError says what is off."""
    names = [info.filename for info in packed.infolist() if not info.is_dir()]
    if LIST not in names:
        raise ValueError(
            f"a file that `autograder backup` wrote was expected; it has no {LIST}"
        )
    try:
        found = json.loads(bytes_of(packed, LIST, MOST_LIST))
        if found["version"] != VERSION:
            raise ValueError(
                f"its version is {found['version']!r}, and {VERSION} was expected"
            )
        contents = Contents(
            datetime.fromisoformat(found["made"]),
            str(found["root"]),
            {name: entry_of(about) for name, about in found["files"].items()},
            [str(each) for each in found["folders"]],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its list {LIST} is not one of a backup") from error
    for name in [*contents.files, *contents.folders]:
        check_path(name)
    strange = sorted(set(names) ^ {*contents.files, LIST})
    strange += [name for name, times in Counter(names).items() if times > 1]
    if strange:
        what = printable(strange[0])
        raise ValueError(f"its list and its entries disagree about “{what}”")
    return contents


def entry_of(about: Mapping[str, Any]) -> Entry:
    """A line of the list; ValueError for one that is none."""
    found = Entry(about["sha256"], about["size"], about["mode"])
    numbers = all(type(each) is int and each >= 0 for each in (found.size, found.mode))
    if not numbers or not DIGEST.fullmatch(str(found.sha256)):
        raise ValueError(f"its list {LIST} is not one of a backup")
    return found


def check_path(name: str) -> None:
    """Refuse a path that leads out of the course, or that is not written plainly."""
    path = PurePosixPath(name)
    try:
        plain = str(clean_path(name)) in (name, str(path)) and name == str(path)
    except (ValueError, IndexError):
        plain = False
    if not plain or "\0" in name or "\\" in name:
        raise ValueError(f"the path “{printable(name)}” leads out of the course")


def bytes_of(packed: zipfile.ZipFile, name: str, most: int) -> bytes:
    """All bytes of an entry; ValueError when it is damaged or larger than `most`."""
    try:
        with packed.open(name) as file:
            content = file.read(most + 1)
    except DAMAGED as error:
        raise ValueError(f"“{name}” is damaged ({reason_of(error)})") from error
    if len(content) > most:
        raise ValueError(f"“{name}” is larger than its list says")
    return content


def unpack(packed: zipfile.ZipFile, contents: Contents, folder: Path) -> None:
    """Write all files of the list, each checked."""
    needed = sum(entry.size for entry in contents.files.values())
    if needed > (free := shutil.disk_usage(folder).free):
        raise ValueError(
            f"it needs {needed / 1e6:.0f} MB, and the disk has {free / 1e6:.0f} MB left"
        )
    for name, entry in contents.files.items():
        target = folder / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                digest = copy(packed, name, entry.size, file)
        except (FileExistsError, NotADirectoryError) as error:
            raise ValueError(f"“{name}” is a file and a folder at once") from error
        if digest != entry.sha256:
            raise ValueError(f"“{name}” is not what was backed up: its hash differs")
        target.chmod(entry.mode & 0o777)
    for name in contents.folders:
        (folder / name).mkdir(parents=True, exist_ok=True)


def copy(packed: zipfile.ZipFile, name: str, size: int, target: Any) -> str:
    """Copy an entry of this size into a file; return its sha256."""
    digest, done = hashlib.sha256(), 0
    try:
        source = packed.open(name)
    except DAMAGED as error:
        raise ValueError(f"“{name}” is damaged ({reason_of(error)})") from error
    with source:
        while chunk := read(source, name):
            done += len(chunk)
            if done > size:
                raise ValueError(f"“{name}” is larger than its list says")
            digest.update(chunk)
            target.write(chunk)
    return digest.hexdigest()


def read(source: Any, name: str) -> bytes:
    """The next bytes of an entry."""
    try:
        return source.read(CHUNK)
    except DAMAGED as error:
        raise ValueError(f"“{name}” is damaged ({reason_of(error)})") from error


def check_gradebook(path: Path) -> None:
    """ValueError where the gradebook is no sound database."""
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(path)) as database:
            (found,) = database.execute("PRAGMA integrity_check").fetchone()
    except sqlite3.Error as error:
        found = str(error)
    if found != "ok":
        raise ValueError(f"its gradebook is damaged ({found})")


def place_gradebook(fresh: Path, into: Path, server: str | None) -> None:
    """Put the gradebook where it shall be, and have the configuration say so."""
    made = fresh / GRADEBOOK
    if not made.exists():
        return  # of an older backup, whose gradebook stayed on its server
    url = f"sqlite:///{into / GRADEBOOK}"
    if server:
        url = Course(into, server).url
        copy_gradebook(f"sqlite:///{made}", url, into.name)
        made.unlink()
    config = fresh / CONFIG
    line = f"c.CourseDirectory.db_url = {url!r}\n"
    text = config.read_text("utf-8") if config.is_file() else "c = get_config()\n"
    changed, times = DB_URL.subn(lambda found: line, text)
    changed = changed if times or not server else text + line
    if changed != text:
        rights = 0o600 if server else config.stat().st_mode & 0o777
        write_whole(config, changed.encode("utf-8"))
        config.chmod(rights)  # a server's URL may hold a password


def correct_place(config: Path, before: str, now: Path) -> None:
    """Have nbgrader's configuration name the place where the course lies now."""
    if config.is_file() and before not in ("", "/"):
        text = config.read_bytes()
        config.write_bytes(text.replace(before.encode(), str(now).encode()))


def glob_escaped(name: str) -> str:
    """A name in which nothing is a pattern."""
    return re.sub(r"([*?[])", r"[\1]", name)
