"""Formgrader's averages, asked of the running server: a refused file is no zero."""

import json
import os
import socket
import subprocess
import sys
import urllib.request
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from tiny_assignment import NAME, submission, tiny_course

from autograder.grade.record import record
from autograder.judge.judge import no_points, refused
from autograder.model import Outcome, Result


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Two graded with 5 and 2 points, two refused, one on which the grader failed."""
    made, exam = tiny_course(tmp_path_factory.mktemp("served"))
    with made.gradebook() as gradebook:
        for student, cube in (("ada", 3.0), ("bob", 0.0)):
            given = {"square-test": 2.0, "cube-test": cube, "why": 0.0}
            cells = [replace(c, points=given[c.grade_id]) for c in no_points(exam)]
            result = Result(student, NAME, Outcome.GRADED, tuple(cells))
            record(made, exam, result, gradebook)
        for student in ("cleo", "dora"):
            handed = replace(submission(b"{"), student=student)
            record(made, exam, refused(handed, exam, "It is damaged."), gradebook)
        lost = Result("emil", NAME, Outcome.FAILED, no_points(exam), reason="Lost.")
        record(made, exam, lost, gradebook)
    return made


@pytest.fixture(scope="module")
def asked(course, tmp_path_factory):
    """Asks the running server; gives what the JSON holds."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, "-m", "autograder", "serve", "--port", port]
    with subprocess.Popen(
        [*command, "--course", str(course.root)],
        env=os.environ | {"TMPDIR": str(tmp_path_factory.mktemp("temporary"))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        first = process.stdout.readline()
        assert first.startswith("Formgrader: "), process.stderr.read()
        parts = urlsplit(first.split()[1])

        def ask(path: str) -> dict | list:
            request = urllib.request.Request(
                f"{parts.scheme}://{parts.netloc}/formgrader/api/{path}",
                headers={"Authorization": f"token {parts.query.partition('=')[2]}"},
            )
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)

        yield ask
        process.kill()


def test_the_average_of_an_assignment_is_over_those_with_a_score(asked):
    about = asked(f"assignment/{NAME}")
    assert about["average_score"] == pytest.approx(3.5)
    assert about["average_code_score"] == pytest.approx(3.5)
    (listed,) = asked("assignments")
    assert listed["average_score"] == pytest.approx(3.5)


def test_the_average_of_a_notebook_is_so_too(asked):
    (notebook,) = asked(f"notebooks/{NAME}")
    assert notebook["average_score"] == pytest.approx(3.5)


def test_a_persons_score_for_a_refused_file_is_in_the_average(asked, course):
    with course.gradebook() as gradebook:
        grade = gradebook.find_grade("why", NAME, NAME, "cleo")
        grade.manual_score, grade.needs_manual_grade = 2.0, False
        gradebook.db.commit()
    about = asked(f"assignment/{NAME}")
    assert about["average_score"] == pytest.approx((5 + 2 + 2) / 3)
