"""Read archives within caps: no entry is trusted, and nothing is unpacked to disk.

An entry that cannot be read is a problem of its own: asking for its bytes raises
ValueError with the reason, in words for the student, and the other entries stay good.
"""

import gzip
import io
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from autograder.judge.read_file import MAX_BYTES

MAX_ARCHIVE = 50_000_000  # bytes of one student's archive
MAX_FILES = 200  # in one student's archive, or folder
MAX_TOTAL = 100_000_000  # bytes that one student's archive may unpack to
CLASS_FILES = 50_000  # in the archive of a whole class
MAX_RATIO, SMALL = 200, 1_000_000  # unpacked to packed, for more than SMALL bytes
OPENED = (".zip", ".tar", ".tar.gz", ".tgz")
NOT_OPENED = (".rar", ".7z", ".gz", ".bz2", ".xz", ".zst", ".lz", ".cab", ".dmg")
SKIPPED = ("__MACOSX", "timestamp.txt", "Thumbs.db", "desktop.ini", "collected.json")
UTF8_NAME, ENCRYPTED = 0x800, 0x1  # bits of a zip entry's flags
DIRECTORY_ENTRY = b"PK\x01\x02"
LOCAL_HEADER = 30  # bytes at the least before an entry's data
CHUNK = 1 << 16
DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    IndexError,
    OverflowError,
    ValueError,
    struct.error,
)


@dataclass(frozen=True)
class Found:
    """One file that was handed in: its path, and how to get at most so many bytes.

    `read(most)` raises ValueError with the reason when the bytes cannot be had.
    """

    path: PurePosixPath
    read: Callable[[int], bytes]

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.path.name


def clean_path(name: str) -> PurePosixPath:
    """A path out of an archive, in one form; ValueError when it leads out of it."""
    path = PurePosixPath(unicodedata.normalize("NFC", name.replace("\\", "/")))
    if path.is_absolute() or ".." in path.parts or path.parts[0][1:2] == ":":
        raise ValueError("its path leads out of the archive")
    return path


def is_skipped(path: PurePosixPath) -> bool:
    """Whether a file is hidden, or one that systems leave behind."""
    return any(part.startswith(".") or part in SKIPPED for part in path.parts)


def opened_zip(file: IO[bytes] | Path, most: int) -> zipfile.ZipFile:
    """Open a zip file; ValueError when it is none, or has more than `most` entries."""
    try:
        archive = zipfile.ZipFile(file)
    except DAMAGED as error:
        raise ValueError(f"not a readable zip file ({reason_of(error)})") from error
    if len(archive.infolist()) > most:
        raise ValueError(f"more than {most} files are in the archive")
    return archive


def zip_files(archive: zipfile.ZipFile) -> tuple[list[Found], dict[str, str]]:
    """The files of an open zip file, and for each entry with a bad path the reason.

    Folders and what is hidden are left out.
    """
    files, bad = [], {}
    overlapping = overlaps(archive.infolist())
    seen: set[PurePosixPath] = set()
    for info in archive.infolist():
        try:
            path = clean_path(entry_name(info))
        except (ValueError, IndexError) as error:
            bad[printable(info.filename)] = str(error) or "it has no name"
            continue
        if info.is_dir() or is_skipped(path):
            continue
        if path in seen:
            bad[printable(str(path))] = "it is in the archive twice; the first is used"
            continue
        seen.add(path)
        files.append(Found(path, partial(read_entry, archive, info, overlapping)))
    return files, bad


def entry_name(info: zipfile.ZipInfo) -> str:
    """An entry's name; programs that write UTF-8 without saying so are understood."""
    if info.flag_bits & UTF8_NAME:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def overlaps(entries: Iterable[zipfile.ZipInfo]) -> frozenset[int]:
    """The offsets of entries that share bytes with another, as bombs do."""
    ordered = sorted(entries, key=lambda info: info.header_offset)
    shared: set[int] = set()
    end, last = -1, -1
    for info in ordered:
        if info.header_offset < end:
            shared |= {info.header_offset, last}
        reach = info.header_offset + LOCAL_HEADER + info.compress_size
        if reach > end:
            end, last = reach, info.header_offset
    return frozenset(shared)


def read_entry(
    archive: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    overlapping: frozenset[int],
    most: int,
) -> bytes:
    """The bytes of an entry, checked against its CRC; ValueError says why not."""
    name = f"'{printable(PurePosixPath(entry_name(info)).name)}'"
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        what = "a link" if kind == stat.S_IFLNK else "a special file"
        raise ValueError(f"{name} is {what}, not a file")
    if info.flag_bits & ENCRYPTED:
        raise ValueError(f"{name} is locked with a password")
    if info.header_offset in overlapping:
        raise ValueError(f"{name} shares its bytes with another file of the archive")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is packed by a method that is not read here")
    try:
        with archive.open(info) as file:
            return drained(file, name, most, info.compress_size)
    except TooMuchError:
        raise
    except DAMAGED as error:
        raise ValueError(
            f"{name} is damaged in the archive ({reason_of(error)})"
        ) from error


class TooMuchError(ValueError):
    """More bytes than the caps allow."""


def drained(file: IO[bytes], name: str, most: int, packed: int) -> bytes:
    """All bytes of an open file, up to `most`, and no more than the ratio allows."""
    content = bytearray()
    while chunk := file.read(CHUNK):
        content += chunk
        if len(content) > most:
            raise TooMuchError(f"{name} is larger than {most / 1e6:.0f} MB")
        if len(content) > max(SMALL, MAX_RATIO * packed):
            raise TooMuchError(f"{name} unpacks to more than {MAX_RATIO} times itself")
    return bytes(content)


def unpacked(name: str, content: bytes) -> list[Found]:
    """The files in a student's archive; ValueError says why it is not opened."""
    suffix = archive_suffix(name)
    if suffix not in OPENED:
        raise ValueError(f"'{name}' is a {suffix} archive, which is not opened")
    try:
        if suffix != ".zip":
            return tar_files(name, content, packed=suffix != ".tar")
        if content.count(DIRECTORY_ENTRY) > MAX_FILES:  # before it is parsed
            raise ValueError(f"more than {MAX_FILES} files are in it")
        files, _ = zip_files(opened_zip(io.BytesIO(content), MAX_FILES))
        return files
    except ValueError as error:
        raise ValueError(f"'{name}' was not opened: {error}") from error


def tar_files(name: str, content: bytes, *, packed: bool) -> list[Found]:
    """The regular files of a tar archive, read in order; ValueError beyond the caps."""
    raw: IO[bytes] = io.BytesIO(content)
    stream = Capped(gzip.GzipFile(fileobj=raw) if packed else raw, MAX_TOTAL)
    files: list[Found] = []
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for number, member in enumerate(archive):
                if number >= MAX_FILES:
                    raise TooMuchError(f"more than {MAX_FILES} files are in it")
                found = tar_file(archive, member)
                files += [found] if found else []
    except TooMuchError:
        raise
    except DAMAGED as error:
        raise ValueError(f"it is damaged ({reason_of(error)})") from error
    return files


def tar_file(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Found | None:
    """One member with its bytes, or with the reason; None for what is left out."""
    try:
        path = clean_path(printable(member.name))
    except (ValueError, IndexError):
        return None
    if member.isdir() or is_skipped(path):
        return None
    if not member.isreg() or member.issparse():
        what = "a link" if member.issym() or member.islnk() else "a special file"
        return Found(path, partial(refuse, f"'{path.name}' is {what}, not a file"))
    if member.size > MAX_BYTES:
        too_large = f"'{path.name}' is larger than {MAX_BYTES / 1e6:.0f} MB"
        return Found(path, partial(refuse, too_large))
    content = archive.extractfile(member).read()
    if len(content) != member.size:
        raise EOFError("it is cut short")
    return Found(path, lambda most: content[:most])


def refuse(reason: str, most: int) -> bytes:
    """The bytes of a file that has none for us."""
    raise ValueError(reason)


class Capped(io.RawIOBase):
    """A stream that ends with TooMuchError after so many bytes."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self.file, self.left, self.most = file, most, most

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        content = self.file.read(self.left + 1 if size < 0 else size)
        self.left -= len(content)
        if self.left < 0:
            raise TooMuchError(f"it unpacks to more than {self.most / 1e6:.0f} MB")
        return content


def archive_suffix(name: str) -> str | None:
    """The ending by which a name is an archive's, such as .tar.gz; None for others."""
    lower = name.lower()
    endings = (s for s in (*OPENED, *NOT_OPENED) if lower.endswith(s))
    return max(endings, key=len, default=None)


def printable(name: str) -> str:
    """A file's name in UTF-8, whatever bytes it was made of."""
    return name.encode("utf-8", "replace").decode("utf-8")


def reason_of(error: BaseException) -> str:
    """What an exception says, in a few printable words."""
    words = " ".join(printable(str(error)).split()) or type(error).__name__
    return "".join(c if c.isprintable() else "\ufffd" for c in words)[:120]
