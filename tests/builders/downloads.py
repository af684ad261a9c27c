"""A class as Moodle, Canvas and nbgrader write it, and as people pass it on.

Moodle (mod/assign/classes/downloader.php): a folder a student, or files without
folders; a team's is called by the group and the group's own number. Canvas
(lib/content_zipper.rb): files; of a group one member's. nbgrader: a tree with a time.
"""

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SUBMITTED, DRAFT = "Submitted for grading - ", "Draft (not submitted) - "


@dataclass(frozen=True)
class Student:
    """Somebody in a class; `number` is the one in the LMS."""

    name: str
    number: int
    email: str
    received: str = "Friday, 27 November 2026, 9:00 PM"
    status: str = SUBMITTED
    grade: str = ""
    comment: str = ""
    group: str = ""


ADA = Student("Ada Abel", 501, "ada@example.org")
BORIS = Student("Boris Orlov", 502, "boris@example.org")
CARLA = Student("Carla Diaz", 503, "carla@example.org")
CLASS = (ADA, BORIS, CARLA)


def zipped(path: Path, files: Mapping[str, bytes]) -> Path:
    """A zip file on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(zip_of(files))
    return path


def zip_of(files: Mapping[str, bytes]) -> bytes:
    """A zip file in memory."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def moodle_name(student: Student, file: str, *, folders: bool = True) -> str:
    """The path of a student's file in Moodle's download."""
    start = f"{student.name}_{student.number}_assignsubmission_file"
    return f"{start}/{file}" if folders else f"{start}_{file}"


def moodle_files(
    work: Mapping[Student, bytes], file: str, *, folders: bool = True
) -> dict[str, bytes]:
    """Moodle's download."""
    return {moodle_name(s, file, folders=folders): each for s, each in work.items()}


def moodle_team(group: str, number: int, file: str, content: bytes) -> dict[str, bytes]:
    """A team's part of Moodle's download; Moodle takes underscores out of the name."""
    name = f"{group.replace('_', ' ')}_{number}_assignsubmission_file/{file}"
    return {name: content}


def moodle_sheet(
    students: Iterable[Student],
    most: str = "9.00",
    delimiter: str = ",",
    *,
    teams: bool = False,
) -> str:
    """Moodle's grading worksheet; with semicolons as a German Excel saves it."""
    header = ["Identifier", "Full name", "Email address", "Status"]
    header += ["Group"] * teams
    header += ["Grade", "Maximum grade", "Grade can be changed"]
    header += ["Last modified (submission)", "Last modified (grade)"]
    rows = [[*header, "Feedback comments"]]
    for s in students:
        row = [f"Participant {s.number}", s.name, s.email, s.status]
        row += [s.group] * teams
        rows.append([*row, s.grade, most, "Yes", s.received or "-", "-", s.comment])
    return "\ufeff" + "".join(
        delimiter.join(f'"{cell}"' for cell in row) + "\r\n" for row in rows
    )


def canvas_name(student: Student, file: str, late: str = "") -> str:
    """The name of a student's file in Canvas's download."""
    first, _, last = student.name.partition(" ")
    called = f"{last}{first}".lower() if last else first.lower()
    return f"{called}_{late}{4000 + student.number % 100}_90{student.number}_{file}"


def canvas_sheet(students: Iterable[Student], title: str, most: str = "9.00") -> str:
    """Canvas's gradebook, with a column of another assignment."""
    lines = [
        f"Student,ID,SIS User ID,SIS Login ID,Section,{title} (777),Other (778)",
        ",,,,,Manual Posting,",
        f"    Points Possible,,,,,{most},10.00",
    ]
    for s in students:
        first, _, last = s.name.partition(" ")
        shown = f'"{last}, {first}"' if last else first
        number = 4000 + s.number % 100
        login = s.email.partition("@")[0]
        lines.append(f"{shown},{number},S{number},{login},Section 1,{s.grade},7.00")
    return "".join(f"{line}\r\n" for line in lines)


def nbgrader_tree(
    root: Path, assignment: str, work: Mapping[str, tuple[bytes, str | None]]
) -> Path:
    """nbgrader's submitted/: STUDENT/ASSIGNMENT/ with timestamp.txt."""
    for student, (content, time) in work.items():
        folder = root / student / assignment
        folder.mkdir(parents=True)
        (folder / f"{assignment}.ipynb").write_bytes(content)
        if time is not None:
            (folder / "timestamp.txt").write_text(time)
    return root


def around(files: Mapping[str, bytes], *folders: str) -> dict[str, bytes]:
    """The same files zipped again inside folders, as a file manager does."""
    return {"/".join([*folders, name]): content for name, content in files.items()}


def on_disk(root: Path, files: Mapping[str, bytes]) -> Path:
    """The same files unpacked."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def groups_sheet(groups: Mapping[str, Sequence[Student]]) -> str:
    """A list of one's own that says who hands in together."""
    lines = [f"{s.email},{name}" for name, members in groups.items() for s in members]
    return "\n".join(["student,group", *lines, ""])
