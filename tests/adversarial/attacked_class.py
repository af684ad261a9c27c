"""A class of hostile and honest students, graded once through the whole pipeline.

`python attacked_class.py FOLDER CASE...` grades some cases in a folder, as whoever runs
it, and prints what came of them as JSON: the suite does so as a plain user.
"""

import hashlib
import importlib
import json
import os
import re
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import psutil
from case import RIGHT, SOURCE, Case, Folder, Places, as_bytes, notebook_of
from tiny_assignment import NAME, tiny_course

from autograder.assignment.exam import Exam
from autograder.collect.collect import collect_class
from autograder.course import gradebook
from autograder.course.folder import Course
from autograder.grade.grade import grade_class
from autograder.model import Limits, Result
from autograder.results.feedback import write_feedback
from autograder.results.report import write_report

GROUPS = (
    "forging",
    "reaching_out",
    "exhausting",
    "damaging",
    "reading",
    "honest_but_odd",
)
LIMITS = Limits(
    cell=3.0, notebook=60.0, output=20_000, memory=512 * 1024**2, disk=32 * 1024**2
)
SLACK = 30.0  # seconds beyond a notebook's limit, on a loaded machine
HONEST = ("honest-0", "honest-1", "honest-2")
SECRET = "the-secret-of-the-instructor"
NOTE = "the-note-of-another"
# Words of the hidden tests, of other students, of the machine: no page may have them.
SECRETS = (SECRET, NOTE, "a_line_of_the_hidden_tests", "another_line_of_the_hidden")
OUTSIDE = ("/", "/tmp", "/dev/shm", "/var/tmp", "/etc", "/etc/cron.d", "/etc/profile.d")
ENGINE = "autograder.engine"
SLEEP = "4242."  # how long the processes sleep that attacks leave behind


def all_cases() -> dict[str, Case]:
    """Every case by its name: the group, a slash, what it does."""
    modules = {group: importlib.import_module(group) for group in GROUPS}
    return {
        f"{group.replace('_', ' ')}: {name}": case
        for group, module in modules.items()
        for name, case in module.CASES.items()
    }


@dataclass
class Graded:
    """What came of a class: what each test of the suite looks at."""

    course: Course
    exam: Exam
    places: Places
    results: dict[str, Result] = field(default_factory=dict)
    again: dict[str, Result] = field(default_factory=dict)
    rows: dict[str, dict] = field(default_factory=dict)
    alone: dict[str, dict] = field(default_factory=dict)  # before the attackers came
    changed: list[str] = field(default_factory=list)  # files that nobody may touch
    left: list[str] = field(default_factory=list)  # files and processes
    visitors: list[str] = field(default_factory=list)  # of the open port
    collected: dict[str, str | None] = field(default_factory=dict)
    seconds: float = 0.0

    def page(self, student: str) -> str:
        """The feedback of one student."""
        return self.course.feedback(NAME, student).read_text("utf-8")

    def said(self, student: str) -> str:
        """All the sentences that one student reads."""
        result = self.results[student]
        cells = [cell.error or "" for cell in result.cells]
        return "\n".join([*result.repairs, result.reason or "", *cells])


def student_of(number: int) -> str:
    """The id of the student who hands in a case; its name tells the grader nothing."""
    return f"student-{number:04d}"


def grade_cases(
    folder: Path, cases: Mapping[str, Folder | Case], workers: int = 2
) -> Graded:
    """Collect and grade these cases and some honest students; look at what is left.

    The honest ones are graded alone first, and again, unchanged, with everybody.
    """
    home = folder / "home"
    home.mkdir()
    (home / "secret").write_text(SECRET)
    with listener() as (port, visitors):
        course, exam = tiny_course(folder, SOURCE)
        places = Places(course.root, home, port)
        graded = Graded(course, exam, places, visitors=visitors)
        incoming = folder / "incoming"
        for number, (name, case) in enumerate(cases.items()):
            given = case.folder(exam) if isinstance(case, Case) else case
            write(incoming / student_of(number), given, places, name)
        for student in HONEST:
            honest = notebook_of(exam, RIGHT | {"why": f"{student} {SECRET}"})
            write(incoming / student, {f"{NAME}.ipynb": as_bytes(honest)}, places)
        environment = {"INSTRUCTORS_TOKEN": SECRET, "HOME": str(home)}
        with mock.patch.dict(os.environ, environment):
            run(graded, incoming, workers)
    return graded


def run(graded: Graded, incoming: Path, workers: int) -> None:
    """The pipeline, and a look at the world before and after."""
    course = graded.course
    taken = collect_class(course, NAME, incoming)
    graded.collected = {each.student: each.problem for each in taken}
    options = {"workers": workers, "limits": LIMITS, "progress": False}
    grade_class(NAME, course, students=HONEST, **options)
    graded.alone = rows_of(course)
    before, began, started = prints(graded), time.time(), time.monotonic()
    grade_class(NAME, course, **options)
    graded.seconds = time.monotonic() - started
    graded.results = {result.student: result for result in course.results(NAME)}
    after = prints(graded)
    graded.changed = sorted(p for p in before | after if before.get(p) != after.get(p))
    graded.left = [*files_left(graded), *processes_left(began)]
    graded.rows = rows_of(course)
    write_feedback(course, NAME)
    write_report(course, NAME)


def write(place: Path, files: Folder, places: Places, name: str = "") -> None:
    """Put a student's folder where the collector looks."""
    place.mkdir(parents=True)
    for file, content in files.items():
        path = place / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(places.put_into(content))
        else:
            content(path)


@contextmanager
def listener(port: int = 0) -> Iterator[tuple[int, list[str]]]:
    """A port of this machine that an attacker would like to reach; who came."""
    visitors: list[str] = []

    def accept() -> None:
        while True:
            try:
                connection, address = server.accept()
            except OSError:
                return
            visitors.append(str(address))
            connection.close()

    with socket.create_server(("127.0.0.1", port)) as server:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1], visitors
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


# --- what must not have changed, or be there --------------------------------------


def prints(graded: Graded) -> dict[str, str]:
    """The hash of every file that grading has no business to touch."""
    course, home = graded.course, graded.places.home
    found = {}
    for place in ("source", "release", "submitted", "exams"):
        found |= hashes(course.root / place)
    for student in HONEST:
        found |= hashes(course.result_path(NAME, student))
        found |= hashes(course.autograded(NAME, student))
    return found | hashes(home) | hashes(home.parent / "incoming")


def hashes(place: Path) -> dict[str, str]:
    """The hash of each regular file."""
    paths = [place] if place.is_file() else sorted(place.rglob("*"))
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.is_file() and not path.is_symlink()
    }


def files_left(graded: Graded) -> list[str]:
    """Files that an attack left behind, by their name."""
    everywhere = graded.places.home.parent.rglob("*pwned*")
    flat = {*OUTSIDE, os.getcwd(), tempfile.gettempdir(), str(Path.home())}
    flat |= {path for path in sys.path if Path(path).is_dir()}
    around = (path for place in flat for path in glob(place, "*pwned*"))
    return [
        str(path) for path in (*everywhere, *around) if "pwned-name" not in str(path)
    ]


def glob(place: str, pattern: str) -> list[Path]:
    """What lies in a folder; nothing where we may not look."""
    try:
        return list(Path(place).glob(pattern))
    except PermissionError:
        return []


def processes_left(since: float) -> list[str]:
    """Processes that are younger than this and belong to a notebook."""
    deadline = time.monotonic() + 10
    while True:
        found = []
        for process in psutil.process_iter(["cmdline", "create_time", "ppid"]):
            line = " ".join(process.info["cmdline"] or ())
            young = process.info["create_time"] > since
            # Others may run the engine on this machine too; theirs has its parent.
            orphan = ENGINE in line and process.info["ppid"] == 1
            if young and (SLEEP in line or orphan):
                found.append(f"{process.pid} {line}")
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def rows_of(course: Course) -> dict[str, dict]:
    """The gradebook's rows by student."""
    rows: dict[str, dict] = {}
    for (student, cell), given in gradebook.recorded(course, NAME).items():
        rows.setdefault(student, {})[cell] = given
    return rows


# --- one of them ------------------------------------------------------------------


def problems(case: Case, student: str, graded: Graded) -> list[str]:
    """What is wrong with how a case ended; empty if it ended as it must."""
    result = graded.results[student]
    given = tuple(cell.points for cell in result.cells if not cell.manual)
    found = []
    outcome = "invalid" if case.points is None else "graded"
    if result.outcome != outcome:
        found.append(f"{result.outcome}, not {outcome}: {result.reason}")
    if given != (case.points or (0.0, 0.0)):
        found.append(f"points {given}, not {case.points}")
    if [cell.max_points for cell in result.cells] != [2.0, 3.0, 4.0]:
        found.append("it has lost a cell")
    if not re.search(case.said, graded.said(student)):
        found.append(f"nothing says {case.said!r}")
    if result.outcome == "invalid" and not result.reason:
        found.append("no reason")
    if result.seconds > LIMITS.notebook + SLACK:
        found.append(f"it took {result.seconds} s")
    told = [word for word in SECRETS if word in (result.notebook or "")]
    told += [word for word in SECRETS if word in graded.page(student)]
    return found + [f"it has seen {word!r}" for word in told]


def main(folder: str, names: Iterable[str]) -> None:
    """Grade some cases and print what came of them."""
    cases = all_cases()
    chosen = {name: cases[name] for name in names}
    graded = grade_cases(Path(folder), chosen)
    students = {name: student_of(n) for n, name in enumerate(chosen)}
    found = {name: problems(chosen[name], students[name], graded) for name in chosen}
    tiers = sorted({r.tier for r in graded.results.values() if r.tier})
    print(
        json.dumps(
            {
                "problems": found,
                "left": graded.left,
                "changed": graded.changed,
                "visitors": graded.visitors,
                "tiers": tiers,
                "uid": os.getuid(),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
