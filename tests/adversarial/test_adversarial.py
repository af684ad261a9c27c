"""Every hostile or damaged submission ends as its case says, and harms nobody else.

`pytest tests/adversarial`. The cases are data: one module for each group, see `case`.
All of them, 100 random mutants and some honest students are one class, which is
collected and graded once, with what an instructor runs; each test then looks at what
came of one student, or of the world. `MUTANTS=500 pytest` makes so many.
"""

import fcntl
import json
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from attacked_class import (
    HONEST,
    LIMITS,
    SECRET,
    SECRETS,
    SLACK,
    Graded,
    all_cases,
    grade_cases,
    problems,
    student_of,
)
from case import FULL, Case
from mutants import mutant
from page_elements import Elements, assert_harmless
from plain_user import NOBODY, python_of
from tiny_assignment import empty_gradebook

from autograder.course.folder import write_whole
from autograder.model import Outcome
from autograder.results.pages import TEMPLATES

pytestmark = pytest.mark.grading

CASES = all_cases()
MUTANTS = int(os.environ.get("MUTANTS", "100"))
BATCH = 50
NUMBER = {name: number for number, name in enumerate(CASES)}
GROUPS = ("forging", "reaching out", "exhausting", "damaging", "reading", "honest")
# A few of every group, and what touches the sandbox, again as a plain user.
SAMPLE = (
    "forging: shell: words to the engine",
    "forging: tools: torch's comparisons",
    "forging: value: an always-equal object",
    "reaching out: read: the tests in the source",
    "reaching out: read: the environment",
    "reaching out: write: a grade",
    "reaching out: write: everywhere",
    "reaching out: outside: a connection",
    "reaching out: lasting: a daemon that ignores signals",
    "reaching out: signal: everybody",
    "reaching out: raised: a real-time priority",
    "reaching out: raised: a session's key ring",
    "exhausting: loop: a loop that ignores interrupts",
    "exhausting: size: large pictures",
    "exhausting: memory: a growing list",
    "exhausting: memory: a fork bomb",
    "exhausting: filled: the disk",
    "damaging: cells: deleted tests",
    "damaging: folder: a link to a secret",
    "reading: html: a script",
    "honest but odd: answer: a program of its own",
)


def mutant_student(seed: int) -> str:
    """The id of the student who hands in a mutant."""
    return student_of(len(CASES) + seed)


def with_mutants(cases: dict[str, Case]) -> dict[str, Case]:
    """The cases and the mutants, which are students like others."""
    made = {
        f"mutant {seed}": Case(lambda exam, seed=seed: mutant(exam, seed)[0])
        for seed in range(MUTANTS)
    }
    return cases | made


@pytest.fixture(scope="session")
def graded(tmp_path_factory) -> Graded:
    """The class, graded once: by whichever of pytest's processes comes first."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    done = shared / "attacked-class.pickle"
    with (shared / "attacked-class.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            folder = shared / "attacked"
            folder.mkdir()
            made = grade_cases(folder, with_mutants(CASES))
            done.write_bytes(pickle.dumps(made))
        return pickle.loads(done.read_bytes())


# --- one submission -------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_a_case_ends_as_it_must(name, graded, ran_in):
    student = student_of(NUMBER[name])
    assert problems(CASES[name], student, graded) == [], graded.said(student)
    ran_in(graded.results[student].tier)


def test_the_suite_has_cases_of_every_group():
    assert len(CASES) >= 120
    for group in GROUPS:
        assert sum(name.startswith(group) for name in CASES) >= 15


@pytest.mark.parametrize("first", range(0, MUTANTS, BATCH))
def test_mutants_are_graded_or_refused_and_never_gain(first, graded, ran_in):
    for seed in range(first, first + BATCH):
        result = graded.results[mutant_student(seed)]
        _, most = mutant(graded.exam, seed)
        points = [cell.points for cell in result.cells if not cell.manual]
        assert result.outcome in (Outcome.GRADED, Outcome.INVALID), (seed, result)
        assert all(got <= top for got, top in zip(points, most, strict=True)), seed
        assert len(result.cells) == 3, seed
        assert result.seconds <= LIMITS.notebook + SLACK, seed
        assert (result.outcome == Outcome.INVALID) == (result.notebook is None), seed
        assert result.reason or result.outcome == Outcome.GRADED, seed
    ran_in(result.tier or graded.results[HONEST[0]].tier)


def test_most_mutants_are_graded(graded):
    found = [graded.results[mutant_student(seed)].outcome for seed in range(MUTANTS)]
    assert found.count(Outcome.GRADED) > MUTANTS / 2


# --- the others and the world ---------------------------------------------------------


def test_nobody_is_lost_and_everybody_has_a_row(graded):
    students = {*map(student_of, range(len(CASES) + MUTANTS)), *HONEST}
    assert set(graded.results) == students == set(graded.rows) == set(graded.collected)


def test_the_gradebook_holds_what_the_judge_gave(graded):
    for student, result in graded.results.items():
        for cell in result.cells:
            row = graded.rows[student][cell.grade_id]
            assert row.manual is None
            if not cell.manual and result.outcome == Outcome.GRADED:
                assert row.auto == cell.points, student


@pytest.mark.parametrize("student", HONEST)
def test_the_honest_keep_their_points_and_their_rows(student, graded):
    points = [cell.points for cell in graded.results[student].cells]
    assert points == [*FULL, 0.0]
    assert graded.rows[student] == graded.alone[student]
    assert graded.results[student].repairs == ()


def test_no_file_is_touched_that_is_not_the_graders_to_write(graded):
    assert graded.changed == []


def test_no_file_and_no_process_is_left(graded):
    assert graded.left == []


def test_nobody_came_out_to_the_open_port(graded):
    assert graded.visitors == []


def test_no_page_of_the_class_can_act_or_tells_a_secret(graded):
    for student in graded.results:
        page = graded.page(student)
        assert_harmless(page)
        policy = Elements(page).attributes
        assert any("default-src 'none'" in value for *_, value in policy), student
        own = {SECRET} if student in HONEST else set()  # they wrote it themselves
        assert not any(secret in page for secret in {*SECRETS} - own), student


def test_the_report_on_the_class_cannot_act(graded):
    page = graded.course.report("t1_tiny").read_text("utf-8")
    ours = "<script>" + (TEMPLATES / "course.js").read_text("utf-8")
    assert page.count(ours.rstrip()) == 1
    assert page.lower().count("<script") == 1
    assert "script-src &#39;sha256-" in page  # and no other runs
    assert "javascript:" not in page.lower()


# --- as a plain user ------------------------------------------------------------------


@pytest.fixture
def open_folder():
    """A folder that a plain user reaches: any start of pytest closes pytest's own."""
    with tempfile.TemporaryDirectory(prefix="adversarial-") as made:
        os.chmod(made, 0o755)
        yield Path(made)


@pytest.mark.skipif(os.getuid() != 0, reason="this run is a plain user's")
@pytest.mark.parametrize("sandbox", ["user namespaces", "landlock"])
def test_a_sample_ends_the_same_as_a_plain_user(open_folder, ran_in, sandbox):
    command, environment = python_of("user namespaces")
    place = open_folder / "plain"
    place.mkdir()
    # nbgrader makes a gradebook by a program that lies where only root may look.
    write_whole(place / "course" / "gradebook.db", empty_gradebook())
    for path in (place, *place.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    here = Path(__file__).parent
    paths = [here, here.parent / "builders", here.parents[1], environment["PYTHONPATH"]]
    environment["PYTHONPATH"] = ":".join(map(str, paths))
    environment["AUTOGRADER_SANDBOX"] = sandbox
    done = subprocess.run(
        [*command, str(here / "attacked_class.py"), str(place), *SAMPLE],
        env=os.environ | environment | {"HOME": str(place), "TMPDIR": str(place)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["uid"] == NOBODY
    assert {name: wrong for name, wrong in found["problems"].items() if wrong} == {}
    assert found["left"] == found["changed"] == found["visitors"] == []
    assert found["tiers"] == [sandbox]
    for tier in found["tiers"]:
        ran_in(f"{tier} (a sample of {len(SAMPLE)} cases)", NOBODY)


def test_the_sample_is_of_this_suite():
    assert set(SAMPLE) <= set(CASES)
    assert sys.version_info[:2] >= (3, 11)
