"""Killed at any moment, graded again: the same gradebook, and nothing left behind."""

import json
import math
import os
import random
import shutil
import signal
import time
from dataclasses import replace

import pytest
from grading_process import Grading, tables, until, until_gone
from sqlalchemy import event
from tiny_assignment import NAME, RIGHT, hand_in, handed_in, tiny_course
from tiny_assignment import submission as handed

import autograder
from autograder.course.folder import Course
from autograder.grade.record import record
from autograder.grade.recorder import Recorder
from autograder.grade.workers.answer import Answer
from autograder.judge.judge import no_points
from autograder.judge.rebuild import intake
from autograder.model import Outcome, Result
from autograder.results.csv_export import export_csv

RECEIVED = "2026-11-20 10:00:00 UTC"
SLOW = "import time\ntime.sleep({})\n"


def csv(course):
    return export_csv(course, NAME).read_bytes()


def journal(course):
    """The journal, less the times."""
    entries = (json.loads(result.to_json()) for result in course.results(NAME))
    return [entry | {"seconds": 0, "cpu": 0, "share": 0} for entry in entries]


def a_class(course, exam, number, pause):
    """Right, wrong, empty and damaged submissions, each of which takes a moment."""
    wrong = {"cube": "cube = 1/0"}, {"square": "square = abs"}
    kinds = [RIGHT, {}, *(RIGHT | each for each in wrong)]
    for index in range(number):
        answers = dict(kinds[index % len(kinds)])
        if "square" in answers:
            answers["square"] = SLOW.format(pause) + answers["square"]
        notebook = b"{" if index % 5 == 4 else handed_in(exam, answers)
        hand_in(course, f"student{index}", notebook)


@pytest.mark.grading
def test_killed_five_times_it_is_continued_to_the_same_gradebook(tmp_path):
    course, exam = tiny_course(tmp_path)
    a_class(course, exam, 10, 0.1)
    shutil.copytree(tmp_path, tmp_path / "whole", ignore=lambda *_: ["whole"])
    whole = Course(tmp_path / "whole" / "course")
    autograder.grade_class("t1", whole, workers=2, progress=False)
    moments, temporary = random.Random(0), tmp_path / "temporary"
    for kills in range(5):
        grading = Grading(course, temporary, "--workers", "2")
        # From before the first worker starts to the middle of the class.
        known = min(len(course.results(NAME)) + moments.randrange(3), 10)
        if kills:
            until(lambda known=known: len(course.results(NAME)) >= known, "grades")
        time.sleep(moments.random())
        status, said = grading.end(signal.SIGKILL)
        assert status in (-signal.SIGKILL, 1), said
        until_gone(grading)
    status, said = Grading(course, temporary, "--workers", "2").end()
    assert status == 1, said  # some are invalid
    assert csv(course) == csv(whole)
    assert tables(course, NAME) == tables(whole, NAME)
    assert journal(course) == journal(whole)


@pytest.mark.grading
def test_a_worker_that_is_killed_is_replaced_and_its_task_tried_again(tmp_path):
    course, exam = tiny_course(tmp_path)
    a_class(course, exam, 3, 3)
    grading = Grading(course, tmp_path / "temporary", "--workers", "2")
    until(lambda: len(grading.workers()) == 2, "workers")
    until(lambda: all(each.children() for each in grading.workers()), "engines")
    victim = grading.workers()[0]
    victim.kill()
    until(lambda: victim not in grading.workers(), "end of the worker")
    until(lambda: len(grading.workers()) == 2, "second worker")
    status, said = grading.end()
    assert status == 0, said
    assert [each.points for each in course.results(NAME)] == [5, 0, 2]
    until_gone(grading)


@pytest.fixture(params=["in front", "in the background"])
def place(request):
    """A shell has what it starts with `&` ignore Ctrl-C, and so do its children."""
    before = signal.getsignal(signal.SIGINT)
    if request.param == "in the background":
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield request.param
    signal.signal(signal.SIGINT, before)


@pytest.mark.grading
def test_an_interruption_keeps_what_is_done_and_leaves_nothing(tmp_path, place):
    course, exam = tiny_course(tmp_path)
    a_class(course, exam, 4, 1)
    grading = Grading(course, tmp_path / "temporary", "--workers", "1")
    until(lambda: course.results(NAME), "grade")
    status, said = grading.end(signal.SIGINT)
    assert status == 2
    assert "the same command continues" in said
    assert "Traceback" not in said
    assert grading.remains() == []
    kept = course.results(NAME)
    assert 0 < len(kept) < 4
    results = autograder.grade_class("t1", course, workers=2, progress=False)
    assert course.results(NAME)[: len(kept)] == kept
    assert [each.points for each in results] == [5, 0, 2, 3]


# --- a kill between each pair of writes -----------------------------------------------


def a_result(exam, student, answers, square):
    """A result as a worker gives it."""
    notebook = intake(handed(handed_in(exam, answers)), exam).notebook
    given = {"square-test": square, "cube-test": 3.0, "why": 0.0}
    cells = tuple(replace(c, points=given[c.grade_id]) for c in no_points(exam))
    key = json.dumps(answers)
    return Result(student, NAME, Outcome.GRADED, cells, notebook=notebook, key=key)


def enter(course, exam, results):
    """What the parent does with results: those that the journal does not hold."""
    with course.gradebook() as gradebook:
        for result in results:
            done = course.result(NAME, result.student)
            if done is None or done.key != result.key:
                record(course, exam, result, gradebook, RECEIVED)


def enter_together(course, exam, results):
    """The same where all come within a moment: one transaction enters them."""
    with course.gradebook() as gradebook:
        recorder = Recorder(course, exam, gradebook, lambda _: RECEIVED)
        recorder.entered = math.inf  # nobody is entered before the last has come
        for result in results:
            done = course.result(NAME, result.student)
            if done is None or done.key != result.key:
                recorder.keep(Answer.of(result))
                with (course.root / "finished").open("a") as file:
                    print(result.key, file=file)
        recorder.finish()


def finished(course):
    """The keys of the results that a recorder had taken."""
    path = course.root / "finished"
    return path.read_text().splitlines() if path.exists() else []


def kept_keys(course):
    """The keys of all results on the disk, entered or not."""
    paths = (course.root / "results" / NAME).rglob("[!.]*.json")
    return {json.loads(path.read_text())["key"] for path in paths}


def killed_before(write, work):
    """Fork; in the child, die by SIGKILL before this write; whether it came to it."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    status = 1
    try:
        count_writes(write)
        work()
        status = 0
    finally:
        os._exit(status)


def count_writes(fatal):
    """Die before the write with this number: a statement, a commit, a file."""
    from sqlalchemy.engine import Engine

    left = iter(range(fatal + 1))

    def another(*_):
        if next(left) == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def statement(connection, cursor, text, *_):
        if text.split()[0] in ("INSERT", "UPDATE", "DELETE"):
            another()

    event.listen(Engine, "before_cursor_execute", statement)
    event.listen(Engine, "commit", another)
    replace_file = os.replace

    def replaced(*paths):
        another()
        replace_file(*paths)

    os.replace = replaced


@pytest.mark.parametrize("way", [enter, enter_together], ids=["one", "together"])
def test_a_kill_before_any_write_changes_nothing_in_the_end(tmp_path, way):
    course, exam = tiny_course(tmp_path / "whole")
    first = [a_result(exam, "ada", RIGHT, 2.0), a_result(exam, "bob", RIGHT, 0.0)]
    enter(course, exam, first)
    with course.gradebook() as gradebook:
        grade = gradebook.find_grade("why", NAME, NAME, "ada")
        grade.manual_score, grade.needs_manual_grade = 3.5, False
        gradebook.db.commit()
    shutil.copytree(course.root, tmp_path / "before")
    changed = RIGHT | {"why": "Otherwise."}
    then = [a_result(exam, "ada", changed, 0.0), a_result(exam, "cyd", RIGHT, 2.0)]
    way(course, exam, then)
    expected, scores = tables(course, NAME), csv(course)
    assert expected["waiting"]["ada", "why"]  # it is flagged: its answer changed
    for write in range(100):
        other = Course(tmp_path / f"killed{write}")
        shutil.copytree(tmp_path / "before", other.root)
        killed = killed_before(write, lambda other=other: way(other, exam, then))
        for key in finished(other):
            assert key in kept_keys(other), write  # it is never graded again
        way(other, exam, then)
        assert tables(other, NAME) == expected, write
        assert csv(other) == scores, write
        assert journal(other) == journal(course), write
        if not killed:
            break
    assert write > 10
    assert not killed
    assert bool(finished(other)) == (way is enter_together)
