"""The cases given to stock nbgrader, in a sandbox of ours around all of it.

Stock grades some cases at a time, each time in a new copy of a course in which one
honest student was graded before, and another comes last. A batch in which anybody else
is harmed is graded again in halves, until each harm has its case.
"""

import html.parser
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from attacked_class import SECRETS, SLEEP, hashes, listener, write
from case import RIGHT, SOURCE, TESTS, Case, Places, as_bytes, notebook_of
from tiny_assignment import NAME, tiny_course

from autograder.assignment.cells import grade_id

HERE = Path(__file__).resolve()
PROJECT = HERE.parents[2]
FIRST, LAST = "an-honest", "z-honest"  # graded before the attackers, and after them
CELL = 15  # seconds that stock gives a cell, of which importing torch takes some
NOTEBOOK = 40  # seconds for one notebook, before a whole run counts as stopped
START = 40  # seconds more for a run
CONFIG = "c = get_config()\nc.CourseDirectory.course_id = 'course'\n"
BOX = {"memory": 3 * 1024**3, "disk": 512 * 1024**2, "processes": 250, "files": 1024}
# Groups in which points beyond the case's are points for a wrong answer.
JUDGED = ("forging", "damaging")


@dataclass
class Seen:
    """What came of one case: the points of the test cells, and the harms."""

    points: tuple[float | None, ...] = (None, None)
    harms: set[str] = field(default_factory=set)


def judge(name: str, case: Case, seen: Seen) -> None:
    """Add the harms that the points and their absence are."""
    wanted = case.points
    if None in seen.points:
        if wanted is not None:  # a file that cannot be graded may go without a score
            seen.harms.add("unscored")
        return
    pairs = list(zip(seen.points, wanted or seen.points, strict=True))
    if name.startswith(JUDGED) and any(got > most for got, most in pairs):
        seen.harms.add("gained")
    if any(got < least for got, least in pairs):
        seen.harms.add("lost")


class Acts(html.parser.HTMLParser):
    """Whether a page holds something of a student's that acts when it is opened."""

    MARKS = ("alert(1)", "127.0.0.1", "parent.alert", "x.swf")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found, self.inside = False, ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Handlers, links that run, and what is loaded or sent."""
        self.inside = tag
        for name, value in attrs:
            text = (value or "").lower()
            runs = name.startswith("on") or "javascript:" in "".join(text.split())
            loads = name in ("src", "srcdoc", "data", "action")
            theirs = any(mark in text for mark in self.MARKS)
            self.found |= (runs or loads) and theirs
            self.found |= (tag, name, text) == ("meta", "http-equiv", "refresh")

    def handle_data(self, data: str) -> None:
        """Scripts."""
        self.found |= self.inside == "script" and data.strip() in ("alert(1)", "1")


def printed(notebook: str) -> str:
    """What the cells without tests printed: stock shows every hidden test beside it."""
    try:
        cells = json.loads(notebook)["cells"]
    except (ValueError, KeyError):
        return ""
    mine = (cell for cell in cells if grade_id(cell) not in TESTS)
    return json.dumps([cell.get("outputs") for cell in mine])


def read_pages(notebook: str, page: str) -> set[str]:
    """The harms that an executed notebook and a feedback page show."""
    told = any(secret in printed(notebook) for secret in SECRETS)
    return ({"seen"} if told else set()) | ({"acts"} if Acts(page).found else set())


class Stock:
    """Courses for stock nbgrader, copied from one in which one student was graded."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.template = folder, folder / "template"
        self.template.mkdir()
        course, self.exam = tiny_course(self.template, SOURCE)
        shutil.rmtree(course.root / "exams", ignore_errors=True)
        (course.root / "nbgrader_config.py").write_text(CONFIG)
        (self.template / "home").mkdir()
        (self.template / "home" / "secret").write_text(SECRETS[0])
        self.number = 0
        self.honest(self.template, FIRST)
        self.run(self.template, 1)
        self.before = self.prints(self.template)
        if None in self.points(self.template, FIRST):
            raise RuntimeError(f"stock does not work: {self.said(self.template)}")

    def honest(self, place: Path, student: str) -> None:
        """Hand in a right answer that another should not see."""
        answers = RIGHT | {"why": f"{student} {SECRETS[0]}"}
        content = as_bytes(notebook_of(self.exam, answers))
        target = place / "course" / "submitted" / student / NAME / f"{NAME}.ipynb"
        target.parent.mkdir(parents=True)
        target.write_bytes(content)

    def grade(self, cases: dict[str, Case]) -> dict[str, Seen]:
        """Grade some cases together; alone, if anybody else is harmed."""
        self.number += 1
        place = self.folder / f"course-{self.number}"
        shutil.copytree(self.template, place)
        students = {name: f"s{n:03}" for n, name in enumerate(cases)}
        with listener() as (port, _):  # for its number: inside, another one listens
            places = Places(place / "course", place / "home", port)
        for name, case in cases.items():
            target = place / "course" / "submitted" / students[name] / NAME
            write(target, case.folder(self.exam), places)
        self.honest(place, LAST)
        looked = self.run(place, len(cases) + 1, port)
        shared = self.shared(place, looked)
        if shared and len(cases) > 1:
            shutil.rmtree(place)
            items, half = list(cases.items()), len(cases) // 2
            return self.grade(dict(items[:half])) | self.grade(dict(items[half:]))
        found = {name: self.seen(place, students[name]) for name in cases}
        for name, each in found.items():
            each.harms |= shared
            judge(name, cases[name], each)
        shutil.rmtree(place)
        return found

    def run(self, place: Path, notebooks: int, port: int = 0) -> dict:
        """Run stock in the sandbox, over all that was handed in; what it left there."""
        seconds = notebooks * NOTEBOOK + START
        box = json.dumps(BOX | {"cpu": seconds, "writable": [str(place)],
                                "readable": [str(PROJECT / "tests")],
                                "loopback": True})  # fmt: skip
        command = [sys.executable, "-m", "autograder.sandbox", "--box", box]
        paths = ":".join(
            map(str, (HERE.parent, PROJECT / "tests" / "builders", PROJECT))
        )
        command += ["--env", f"PYTHONPATH={paths}", "--env", f"HOME={place / 'home'}"]
        command += ["--", sys.executable, str(HERE)]
        command += [str(place), str(port), str(seconds)]
        with (place / "log").open("wb") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True,
                cwd=PROJECT,
            )  # fmt: skip
            try:
                process.wait(seconds + 120)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        try:
            return json.loads((place / "looked.json").read_text())
        except (OSError, ValueError):
            return {}

    def shared(self, place: Path, looked: dict) -> set[str]:
        """The harms that are not of one student's grade."""
        harms = set()
        if not looked or looked["stopped"] or None in self.points(place, LAST):
            harms.add("stopped")
        if self.prints(place) != self.before:
            harms.add("others")
        if looked.get("left"):
            harms.add("left")
        if looked.get("visitors"):
            harms.add("seen")
        return harms

    def prints(self, place: Path) -> dict[str, str]:
        """The files and the row that no other student has to touch."""
        course, found = place / "course", {}
        for part in ("source", "release", f"submitted/{FIRST}", f"autograded/{FIRST}"):
            found |= hashes(course / part)
        found |= hashes(course / "nbgrader_config.py")
        found |= {path: value for path, value in hashes(place / "home").items()
                  if "secret" in path or "pwned" in path}  # fmt: skip
        found = {path.removeprefix(str(place)): text for path, text in found.items()}
        return found | {"row": str(self.points(place, FIRST))}

    def points(self, place: Path, student: str) -> tuple[float | None, ...]:
        """The points of the test cells in the gradebook; None is no score."""
        query = """SELECT base_cell.name, coalesce(manual_score, auto_score)
            FROM grade JOIN base_cell ON grade.cell_id = base_cell.id
            JOIN submitted_notebook ON grade.notebook_id = submitted_notebook.id
            JOIN submitted_assignment
            ON submitted_notebook.assignment_id = submitted_assignment.id
            WHERE submitted_assignment.student_id = ?"""
        try:
            with closing(sqlite3.connect(place / "course" / "gradebook.db")) as base:
                found = dict(base.execute(query, [student]).fetchall())
        except sqlite3.Error:
            found = {}
        return tuple(found.get(cell) for cell in TESTS)

    def seen(self, place: Path, student: str) -> Seen:
        """What came of one student."""
        texts = []
        for kind, suffix in (("autograded", "ipynb"), ("feedback", "html")):
            file = place / "course" / kind / student / NAME / f"{NAME}.{suffix}"
            texts.append(file.read_text("utf-8", "replace") if file.is_file() else "")
        return Seen(self.points(place, student), read_pages(*texts))

    def said(self, place: Path) -> str:
        """The end of what stock said."""
        return (place / "log").read_text(errors="replace")[-2000:]


def inside(place: Path, port: int, seconds: float) -> None:
    """In the sandbox: run stock, and look at what is left when it has ended."""
    began, course = time.time(), place / "course"
    with listener(port) as (_, visitors):
        stopped = not nbgrader(
            course, seconds, "autograde", NAME, f"--Execute.timeout={CELL}"
        )
        time.sleep(0.5)
        around = {"/tmp", "/dev/shm", "/var/tmp", str(place), str(Path.home())}
        left = [str(path) for top in around for path in Path(top).rglob("*pwned*")
                if "pwned-name" not in path.name]  # fmt: skip
        left += [line for line in running() if SLEEP in line]
        nbgrader(course, seconds, "generate_feedback", NAME)
    looked = {"stopped": stopped, "left": left, "visitors": visitors, "began": began}
    (place / "looked.json").write_text(json.dumps(looked))


def nbgrader(course: Path, seconds: float, *arguments: str) -> bool:
    """Run one of its commands; whether that ended in time."""
    command = [sys.executable, "-m", "nbgrader", *arguments]
    process = subprocess.Popen(command, cwd=course, stdin=subprocess.DEVNULL)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        return False
    return process.returncode >= 0


def running() -> Iterator[str]:
    """The command lines of the processes here."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue


if __name__ == "__main__":
    inside(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
