"""Play a class through the real command line, in a folder of its own.

`record_all` enters what the tests would give without running a notebook: `square` and
`cube` are right where the answer is the expected text. The tests that need the real
judge are marked `grading`.
"""

import csv
import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from downloads import Student
from tiny_assignment import NAME, RIGHT, cell_of, handed_in, tiny_course

from autograder.assignment.cache import released_exam
from autograder.assignment.exam import Exam
from autograder.cli import main
from autograder.collect.read_back import read_submission
from autograder.course.folder import Course
from autograder.grade.record import record
from autograder.judge.judge import no_points, result_key
from autograder.model import Outcome, Result
from autograder.release.release import write_config

MANUAL = 4.0


@dataclass
class Played:
    """A course in which commands are run; `root` is the folder where one stands."""

    root: Path
    course: Course
    exam: Exam
    capsys: pytest.CaptureFixture

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Run a command: its status, and what it printed."""
        self.capsys.readouterr()
        status = main(arguments)
        out, err = self.capsys.readouterr()
        return status, out, err

    def rules(self, text: str) -> None:
        """Write the course file."""
        (self.course.root / "course.toml").write_text(text)

    def submitted(self, student: str) -> Path:
        """The folder of what counts of one student."""
        return self.course.submitted(NAME, student)

    def record_all(self, manual: float | None = 0.0) -> None:
        """Enter the scores of all that was collected."""
        with self.course.gradebook() as gradebook:
            for student in self.course.students(NAME):
                result = self.judged(student)
                found, _ = read_submission(self.course, NAME, student)
                record(self.course, self.exam, result, gradebook, found.received)
                if manual is not None and result.outcome is Outcome.GRADED:
                    grade = gradebook.find_grade("why", NAME, NAME, student)
                    grade.manual_score, grade.needs_manual_grade = manual, False
                    gradebook.db.commit()

    def judged(self, student: str) -> Result:
        """What the tests give for the answers as they are written."""
        found, note = read_submission(self.course, NAME, student)
        key = result_key(found, self.exam, 0)
        if not found.content.startswith(b"{"):
            cells = tuple(no_points(self.exam))
            return Result(student, NAME, Outcome.INVALID, cells, reason=note, key=key)
        notebook = json.loads(found.content)
        cells = []
        for cell in no_points(self.exam):
            name = cell.grade_id.removesuffix("-test")
            right = "".join(cell_of(notebook, name)["source"]) == RIGHT[name]
            points = cell.max_points if right and not cell.manual else 0.0
            cells.append(replace(cell, points=points))
        return Result(
            student,
            NAME,
            Outcome.GRADED,
            tuple(cells),
            key=key,
            notebook=found.content.decode(),
            content=found.key,
            exam=self.exam.key,
        )

    def score(self, student: str) -> str:
        """The score of one student in the exported CSV, without points by hand."""
        self.run("export", "T1", "-o", "score.csv")
        with (self.root / "score.csv").open(encoding="utf-8") as file:
            rows = {row["student"]: row for row in csv.DictReader(file)}
        return rows[student]["score"]


def played_course(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> Played:
    """A course with the tiny assignment released."""
    monkeypatch.chdir(tmp_path)
    course, exam = tiny_course(tmp_path)
    return Played(tmp_path, course, exam, capsys)


def played_copy(
    made: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> Played:
    """A copy of a folder in which `tiny_course` made a course: that takes seconds."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    course = Course(tmp_path / "course")
    (course.root / "nbgrader_config.py").unlink(missing_ok=True)
    write_config(course)
    return Played(tmp_path, course, released_exam(course, NAME), capsys)


def work(played: Played, student: Student, **answers: str) -> bytes:
    """A student's notebook: all right but these answers; nobody's is another's."""
    notebook = handed_in(played.exam, RIGHT | answers)
    cell_of(notebook, "why")["source"] = answers.get(
        "why", f"Because, says {student.name}."
    )
    return json.dumps(notebook).encode("utf-8")
