"""Downloads as Canvas and Moodle make them: names, columns and quirks."""

import io
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

MOODLE_ROSTER = (
    "\ufeffIdentifier,Full name,Email address,Status,Grade,Maximum grade,"
    "Grade can be changed,Last modified (submission),Last modified (grade),"
    "Feedback comments\r\n"
    "Participant 101,Ada Lovelace,ada@example.org,Submitted for grading - ,,9.00,Yes,"
    '"Friday, 27 November 2026, 11:00 PM",-,\r\n'
    "Participant 102,Émilie du Châtelet,emilie@example.org,"
    "Submitted for grading - 2 days late - ,,9.00,Yes,"
    '"Sunday, 29 November 2026, 10:30 PM",-,\r\n'
    "Participant 103,Sofia Kovalevskaya,sofia@example.org,No submission - ,,9.00,Yes,"
    "-,-,\r\n"
)
CANVAS_ROSTER = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Notes,A1: tiny (777),"
    "t1_tiny (778),Final Score\r\n"
    ",,,,,,Manual Posting,,\r\n"
    "    Points Possible,,,,,,10.00,9.00,(read only)\r\n"
    '"Lovelace, Ada",4001,S1,ada,Section 1,"likes, commas",7.00,,70.0\r\n'
    '"du Châtelet, Émilie",4002,S2,emilie,Section 1,,8.00,,80.0\r\n'
    '"Student, Test",4003,,f00d,Section 1,,,,\r\n'
)


def make_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    """A zip file with these entries, as the standard library writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def zip_bytes(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The same in memory."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def canvas_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    """Canvas writes UTF-8 names and does not say so: the flag is cleared."""
    make_zip(path, files)
    content = bytearray(path.read_bytes())
    for mark, where in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        start = content.find(mark)
        while start >= 0:
            content[start + where] &= 0xFF ^ 0x08
            start = content.find(mark, start + 4)
    path.write_bytes(content)
    return path


def zip_with(info: zipfile.ZipInfo, content: bytes, *others: str) -> bytes:
    """A zip file with one entry of one's own making, and empty others."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, content)
        for name in others:
            archive.writestr(name, b"{}")
    return buffer.getvalue()


def link_entry(name: str, target: str) -> bytes:
    """A zip file with a symbolic link, as Info-ZIP stores it."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return zip_with(info, target.encode())
