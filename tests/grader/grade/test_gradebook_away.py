"""A gradebook that is away, a disk that is full: nothing is lost, and all heals.

A real PostgreSQL server is stopped and started; the disk is a small one of memory, or
a limit on the size of files; the commands are the real ones.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from grading_process import Grading, until
from postgres_server import MISSING, binary, cluster, new_database, running
from tiny_assignment import NAME, RIGHT, hand_in, handed_in, tiny_course, write_source

from autograder.assignment.exam import read_exam
from autograder.cli import main
from autograder.course.folder import Course
from autograder.course.gradebook import recorded
from autograder.release.release import publish

pytestmark = pytest.mark.grading

STUDENTS = ("ada", "bob", "cleo", "dora", "emil", "fay")
SLOW = "import time\ntime.sleep(1.5)\n"


class Server:
    """A server that can be stopped and started."""

    def __init__(self, folder: str) -> None:
        self.folder, self.life = folder, ExitStack()

    def start(self) -> None:
        self.life.enter_context(running(self.folder))

    def stop(self) -> None:
        self.life.close()


@pytest.fixture
def server() -> Iterator[Server]:
    if not binary("initdb"):
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
    with cluster() as folder:
        made = Server(folder)
        made.start()
        yield made
        made.stop()


@pytest.fixture
def on_server(server, tmp_path) -> Course:
    """A class of six whose notebooks take a while; one answer is wrong."""
    course = Course(tmp_path / "course", new_database(server.folder))
    source = write_source(tmp_path / "solutions")
    publish(course, NAME, source)
    fill(course, read_exam(source, NAME), SLOW)
    return course


def fill(course: Course, exam, start: str = "") -> None:
    for student in STUDENTS:
        right = RIGHT["cube"] if student != "bob" else "def cube(x):\n    return 0"
        answers = RIGHT | {"cube": start + right}
        hand_in(course, student, handed_in(exam, answers))


def scores(course: Course) -> dict[str, float | None]:
    held = recorded(course, NAME)
    return {s: held[s, "cube-test"].auto for s in STUDENTS if (s, "cube-test") in held}


EXPECTED = {student: 0.0 if student == "bob" else 3.0 for student in STUDENTS}


def journal(course: Course, where: str = "") -> list[Path]:
    return list((course.root / "results" / NAME / where).glob("*.json"))


def run(course: Course, capsys, command: str = "grade") -> tuple[int, str, str]:
    capsys.readouterr()
    options = ["--workers", "1"] if command == "grade" else []
    words = [command, "t1", "--course", str(course.root), *options]
    status = main(words)
    out, err = capsys.readouterr()
    return status, out, err


def test_a_server_that_is_away_for_six_seconds_costs_no_grade(
    server, on_server, tmp_path
):
    url = on_server.db_url
    grading = Grading(on_server, tmp_path / "t", "--workers", "1", "--db", url)
    until(lambda: journal(on_server), "first grade")
    server.stop()
    time.sleep(6)
    server.start()
    status, said = grading.end()
    assert status == 0, said
    assert "the gradebook is away" in said
    assert "the gradebook is back" in said
    assert scores(on_server) == EXPECTED
    assert journal(on_server, "pending") == []
    assert {r.outcome for r in on_server.results(NAME)} == {"graded"}


def test_what_a_lost_server_did_not_take_is_entered_without_grading_again(
    server, on_server, capsys, monkeypatch
):
    from autograder.engine.runner import Runner
    from autograder.grade import recorder

    monkeypatch.setattr(recorder, "PATIENCE", 1.0)
    enter = recorder.Recorder.enter

    def then_stop(self, result):
        made = enter(self, result)
        server.stop()
        return made

    with monkeypatch.context() as patch:
        patch.setattr(recorder.Recorder, "enter", then_stop)
        course = Course(on_server.root)
        status, _, err = run(course, capsys)
    last = err.strip().splitlines()[-1]
    assert status == 2
    assert last.startswith("autograder: the gradebook stays away")
    assert "the same command continues" in last
    assert len(journal(on_server, "pending")) == len(STUDENTS) - 1
    server.start()
    monkeypatch.setattr(Runner, "run", lambda *rest: pytest.fail("graded again"))
    monkeypatch.setattr(subprocess, "Popen", lambda *rest, **more: pytest.fail("again"))
    status, out, _ = run(course, capsys)
    assert (status, "6 graded" in out) == (0, True)
    assert scores(on_server) == EXPECTED
    assert journal(on_server, "pending") == []


def test_a_grade_that_waits_is_not_exported_as_final(
    server, on_server, capsys, monkeypatch
):
    monkeypatch.setattr("autograder.grade.recorder.PATIENCE", 0.0)
    result = "autograder.grade.recorder.record_all"
    course = Course(on_server.root)
    from sqlalchemy.exc import OperationalError

    def lost(*rest):
        raise OperationalError("x", {}, Exception("server closed the connection"))

    with monkeypatch.context() as patch:
        patch.setattr(result, lost)
        assert run(course, capsys)[0] == 2
    status, out, _ = run(course, capsys, "export")
    assert (status, out.count("not in the gradebook yet")) == (1, len(STUDENTS))
    run(course, capsys)
    status, out, _ = run(course, capsys, "export")
    assert "not in the gradebook yet" not in out


# --- a file that cannot be written ----------------------------------------------------


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of our own: what a killed test leaves mounted is in nobody's way."""
    made = Path(tempfile.mkdtemp(prefix="disk-", dir="/tmp"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def on_disk(place) -> Course:
    course, exam = tiny_course(place)
    fill(course, exam)
    return course


def mounted(*words: str) -> bool:
    return subprocess.run(["mount", *words], capture_output=True).returncode == 0


def unmount(path: Path) -> None:
    subprocess.run(["umount", "-l", str(path)], check=True)


@pytest.fixture
def read_only(on_disk) -> Iterator[Path]:
    """A gradebook that may be read alone, for root too."""
    book = on_disk.root / "gradebook.db"
    if os.getuid() != 0:
        book.chmod(0o444)
        yield book
        return
    if not mounted("--bind", str(book), str(book)):
        pytest.skip("root cannot be kept from writing here")
    try:
        assert mounted("-o", "remount,bind,ro", str(book))
        yield book
    finally:
        unmount(book)


def freed(book: Path) -> None:
    if os.getuid() == 0:
        mounted("-o", "remount,bind,rw", str(book))
    else:
        book.chmod(0o644)


def test_a_read_only_gradebook_is_one_sentence_and_heals(on_disk, read_only, capsys):
    status, _, err = run(on_disk, capsys)
    assert status == 2
    assert "readonly database" in err.strip().splitlines()[-1]
    assert "Traceback" not in err
    freed(read_only)
    status, _, err = run(on_disk, capsys)
    assert status == 0, err
    assert scores(on_disk) == EXPECTED
    assert {r.outcome for r in on_disk.results(NAME)} == {"graded"}


@pytest.fixture
def small_disk(place) -> Iterator[Path]:
    """A disk of memory with 4 MB."""
    if not mounted("-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)):
        pytest.skip("only root mounts a disk")
    try:
        yield place
    finally:
        unmount(place)


def filled(place: Path, but: int) -> Path:
    """A file that leaves so many bytes of the disk."""
    free = os.statvfs(place)
    hog = place / "hog"
    hog.write_bytes(b"\0" * max(0, free.f_bavail * free.f_bsize - but))
    return hog


@pytest.mark.parametrize("room", [0, 40_000, 120_000])
def test_a_full_disk_is_one_sentence_and_heals(small_disk, capsys, room):
    course, exam = tiny_course(small_disk)
    fill(course, exam)
    hog = filled(small_disk, room)
    status, _, err = run(course, capsys)
    last = err.strip().splitlines()[-1]
    assert (status, "Traceback" in err) == (2, False)
    assert "No space left" in last or "disk is full" in last
    assert "the same command continues" in last
    hog.unlink()
    status, _, err = run(course, capsys)
    assert status == 0, err
    assert scores(course) == EXPECTED
    assert {r.outcome for r in course.results(NAME)} == {"graded"}
    assert not list(course.root.rglob(".*.json.*"))


def test_collect_on_a_full_disk_loses_nobody(small_disk, tmp_path, capsys):
    course, exam = tiny_course(small_disk)
    for student in STUDENTS:
        folder = tmp_path / "in" / student
        folder.mkdir(parents=True)
        (folder / f"{NAME}.ipynb").write_bytes(exam.release.encode())
        (folder / "photo.jpg").write_bytes(os.urandom(50_000))
    hog = filled(small_disk, 200_000)
    words = ["collect", "t1", str(tmp_path / "in"), "--course", str(course.root)]
    assert main(words) == 2
    err = capsys.readouterr().err
    assert ("No space left" in err, len(err.splitlines())) == (True, 1)
    hog.unlink()
    assert main(words) == 0
    assert course.students(NAME) == sorted(STUDENTS)
    kept = [course.submitted(NAME, student) / "beside" for student in STUDENTS]
    assert all((folder / "photo.jpg").stat().st_size == 50_000 for folder in kept)
    assert not list(course.root.glob("submitted/*/.collect-*"))


@pytest.mark.parametrize("command", ["grade", "feedback", "report", "export"])
def test_a_limit_on_the_size_of_files_is_one_sentence(on_disk, command, tmp_path):
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000));"
        "from autograder.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    words = [sys.executable, "-c", limited, command, "t1"]
    done = subprocess.run(
        [*words, "--course", str(on_disk.root)], capture_output=True, text=True
    )
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert "the same command continues" in done.stderr.strip().splitlines()[-1]
    assert sqlite3.connect(on_disk.root / "gradebook.db").execute(
        "PRAGMA integrity_check"
    ).fetchone() == ("ok",)
