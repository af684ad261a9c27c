"""What a command asks a person at a terminal: a real one, of the system's."""

import os
import pty
import select
import subprocess
import sys
import time

import pytest
from downloads import zipped
from signals import hear_signals
from tiny_assignment import NAME, SOURCE, handed_in, tiny_course, write_source

from autograder.release.release import publish

OTHER = "t2_other"
PATIENCE = 60.0  # seconds, on a loaded machine


class Terminal:
    """A command at a terminal of its own."""

    def __init__(self, *words: str) -> None:
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "autograder", *words]
        self.process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=hear_signals,
        )
        os.close(theirs)
        self.ours, self.said = ours, ""

    def read(self, text: str | None = None) -> None:
        """Read up to a text, or to the end."""
        deadline = time.monotonic() + PATIENCE
        while text is None or text not in self.said:
            ready, _, _ = select.select([self.ours], [], [], 0.2)
            try:
                more = os.read(self.ours, 4096) if ready else b"?"
            except OSError:  # nobody holds the other end: the command has ended
                return
            self.said += more.decode() if ready else ""
            assert more, self.said
            assert time.monotonic() < deadline, self.said

    def answer(self, text: str) -> int:
        """Type an answer to the question; return the command's status."""
        self.read("[y/N]")
        os.write(self.ours, text.encode())
        self.read()
        os.close(self.ours)
        return self.process.wait(PATIENCE)


@pytest.fixture
def asked(tmp_path):
    """`collect` at a terminal, with a download of another assignment."""
    course, exam = tiny_course(tmp_path)
    publish(course, OTHER, write_source(tmp_path / "solutions", SOURCE, OTHER))
    work = str(handed_in(exam)).encode()
    files = {f"{name}/{OTHER}.ipynb": work for name in ("ada", "bob")}
    download = zipped(tmp_path / "in.zip", files)
    made = Terminal("collect", "t1", str(download), "--course", str(course.root))
    yield course, made
    made.process.kill()


@pytest.mark.parametrize("typed", ["y\n", "yes\n", "Y\n"])
def test_yes_takes_the_files_all_the_same(asked, typed):
    course, terminal = asked
    assert terminal.answer(typed) in (0, 1)
    assert course.students(NAME) == ["ada", "bob"]


@pytest.mark.parametrize("typed", ["\n", "n\n", "later\n", "\x04"])
def test_anything_else_takes_nothing(asked, typed):
    course, terminal = asked
    assert terminal.answer(typed) == 2
    assert course.students(NAME) == []
    assert "Nothing was collected" in terminal.said
    assert "Traceback" not in terminal.said


def test_ctrl_c_at_the_question_takes_nothing(asked):
    course, terminal = asked
    terminal.read("[y/N]")
    os.killpg(terminal.process.pid, 2)
    terminal.read()
    assert (terminal.process.wait(PATIENCE), course.students(NAME)) == (2, [])
    assert "Traceback" not in terminal.said


def test_with_the_answer_in_a_pipe_nobody_is_asked(tmp_path):
    course, _ = tiny_course(tmp_path)
    publish(course, OTHER, write_source(tmp_path / "solutions", SOURCE, OTHER))
    download = zipped(tmp_path / "in.zip", {f"ada/{OTHER}.ipynb": b"{}"})
    words = [sys.executable, "-m", "autograder", "collect", "t1", str(download)]
    done = subprocess.run(
        [*words, "--course", str(course.root)],
        input="y\n",
        capture_output=True,
        text=True,
    )
    assert (done.returncode, course.students(NAME)) == (2, [])
    assert "--anyway" in done.stderr
