"""Only what is new or changed is graded; an interruption costs nothing that is done."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from tiny_assignment import CUBE, NAME, SOURCE, SQUARE, hand_in, handed_in, tiny_course

import autograder
from autograder.judge import refused, result_key
from autograder.model import CourseError, Outcome, Result


@pytest.fixture
def course(tmp_path):
    course, exam = tiny_course(tmp_path)
    for student in ("ada", "bob", "cyd"):
        hand_in(course, student, handed_in(exam, {"why": student}))
    return course


@pytest.fixture
def judged(monkeypatch):
    """Replace the judge by one without a kernel; return whom it judged."""
    names = []

    def judge(submission, exam, limits, seed, runner):
        names.append(submission.student)
        if submission.student == "bob" and submission.content == b"broken":
            key = result_key(submission, exam, seed)
            return Result("bob", NAME, Outcome.FAILED, key=key)
        if submission.content == b"stop":
            raise KeyboardInterrupt
        return refused(submission, exam, "not really judged", seed)

    # The package exports a function of the module's name, so by the module itself.
    monkeypatch.setattr(sys.modules["autograder.grade"], "judge", judge)
    return names


def run(course, **options):
    return autograder.grade("t1", course, workers=2, progress=False, **options)


def test_everybody_is_graded_once(course, judged):
    results = run(course)
    assert [result.student for result in results] == ["ada", "bob", "cyd"]
    assert sorted(judged) == ["ada", "bob", "cyd"]


def test_a_second_run_grades_nobody_and_changes_nothing(course, judged):
    first = run(course)
    del judged[:]
    before = (course.root / "gradebook.db").read_bytes()
    assert run(course) == first
    assert judged == []
    assert (course.root / "gradebook.db").read_bytes() == before


def test_a_changed_submission_alone_is_graded_again(course, judged):
    run(course)
    del judged[:]
    hand_in(course, "bob", b"other")
    run(course)
    assert judged == ["bob"]


def test_changed_tests_grade_everybody_again(course, judged, tmp_path):
    run(course)
    del judged[:]
    tiny_course(tmp_path, SOURCE.replace("cube(2), 8", "cube(3), 27"))
    run(course)
    assert sorted(judged) == ["ada", "bob", "cyd"]


def test_another_seed_grades_everybody_again(course, judged):
    run(course)
    del judged[:]
    run(course, seed=1)
    assert sorted(judged) == ["ada", "bob", "cyd"]


def test_force_grades_again_and_students_limits_it(course, judged):
    run(course)
    del judged[:]
    results = run(course, force=True, students=["cyd"])
    assert judged == ["cyd"]
    assert [result.student for result in results] == ["cyd"]


def test_what_the_grader_failed_on_is_tried_in_the_next_run(course, judged):
    hand_in(course, "bob", b"broken")
    run(course)
    del judged[:]
    run(course)
    assert judged == ["bob"]


def test_a_folder_without_a_file_is_invalid_and_not_lost(course, judged):
    course.submitted(NAME, "dan").mkdir(parents=True)
    found = {result.student: result for result in run(course)}["dan"]
    assert found.outcome == Outcome.INVALID
    assert "no file was handed in" in found.reason
    assert "dan" not in judged


def test_what_the_collector_said_reaches_the_student(course, judged):
    folder = course.submitted(NAME, "ada")
    (folder / "other.ipynb").write_bytes(b"{}")
    found = {result.student: result for result in run(course)}["ada"]
    assert found.repairs[0].startswith("2 notebooks were handed in")


def test_an_interruption_keeps_what_is_done_and_is_continued(course, judged):
    run(course, students=["ada"])
    hand_in(course, "bob", b"stop")
    with pytest.raises(KeyboardInterrupt):
        run(course)
    assert course.result(NAME, "bob") is None
    hand_in(course, "bob", b"fine")
    del judged[:]
    assert len(run(course)) == 3
    assert "ada" not in judged


def test_a_new_gradebook_gets_the_grades_that_are_there(course, judged, tmp_path):
    run(course)
    del judged[:]
    (course.root / "gradebook.db").unlink()
    tiny_course(tmp_path)
    run(course)
    with course.gradebook() as gradebook:
        submissions = gradebook.assignment_submissions(NAME)
        assert {each.student.id for each in submissions} == {"ada", "bob", "cyd"}
    assert judged == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"students": ["eve"]}, "eve: nothing was collected"),
        ({"assignment": "t2"}, "no such assignment"),
    ],
    ids=["a student", "an assignment"],
)
def test_what_is_not_there_is_said(course, judged, options, said):
    options = {"assignment": "t1", "course": course} | options
    with pytest.raises(CourseError, match=said):
        autograder.grade(**options)


def test_a_course_without_submissions_says_what_to_do(tmp_path, judged):
    course, _ = tiny_course(tmp_path)
    with pytest.raises(CourseError, match="autograder collect"):
        run(course)


def test_an_assignment_that_is_not_in_the_gradebook_is_said(course, judged):
    (course.root / "gradebook.db").unlink()
    with pytest.raises(CourseError, match="release it again"):
        run(course)


def test_one_grade_that_cannot_be_recorded_stops_no_other(course, judged, monkeypatch):
    module = sys.modules["autograder.grade"]
    whole = module.record

    def record(course, exam, result, *rest):
        if result.student == "ada":
            raise OSError("the disk is full")
        whole(course, exam, result, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(module, "record", record)
        outcomes = [result.outcome for result in run(course)]
    assert outcomes == [Outcome.FAILED, Outcome.INVALID, Outcome.INVALID]
    assert "the disk is full" in course.result(NAME, "ada").reason
    assert [result.outcome for result in run(course)] == [Outcome.INVALID] * 3


def test_a_time_that_is_none_is_left_out(course, judged):
    (course.submitted(NAME, "ada") / "timestamp.txt").write_text("yesterday, I think")
    assert len(run(course)) == 3
    with course.gradebook() as gradebook:
        assert gradebook.find_submission(NAME, "ada").timestamp is None


# --- with kernels ---------------------------------------------------------------------


def state(course):
    """What the gradebook and the journal hold, less the times."""
    with course.gradebook() as gradebook:
        scores = {
            (each.student.id, grade.name): (grade.auto_score, grade.needs_manual_grade)
            for each in gradebook.assignment_submissions(NAME)
            for grade in each.notebooks[0].grades
        }
    journal = [json.loads(result.to_json()) for result in course.results(NAME)]
    return scores, [entry | {"seconds": 0} for entry in journal]


@pytest.mark.grading
def test_a_killed_run_is_continued_to_the_same_gradebook(tmp_path):
    course, exam = tiny_course(tmp_path)
    right = {"square": SQUARE, "cube": CUBE}
    for number, answers in enumerate([right, {}, right | {"cube": "1/0"}]):
        hand_in(course, f"student{number}", handed_in(exam, answers))
    hand_in(course, "student3", b"{")
    command = "import sys; from autograder import grade; grade('t1', sys.argv[1])"
    process = subprocess.Popen(
        [sys.executable, "-c", command, str(course.root)], stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not course.results(NAME) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = {result.student: result for result in course.results(NAME)}
    assert kept
    results = autograder.grade("t1", course, progress=False)
    assert [result.points for result in results] == [5, 0, 2, 0]
    for result in results:
        assert kept.get(result.student, result) == result  # not graded twice
    continued = state(course)
    autograder.grade("t1", course, force=True, progress=False)
    assert state(course) == continued
