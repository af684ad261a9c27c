"""Only what is new or changed is graded; an interruption costs nothing that is done."""

import json
import sys
from dataclasses import replace
from datetime import datetime

import pytest
from postgres_server import postgres
from tiny_assignment import NAME, SOURCE, hand_in, handed_in, tiny_course

import autograder
from autograder.course.folder import Course, alone
from autograder.course.gradebook import entered
from autograder.course.submitted import Note, store
from autograder.model import CourseError, Outcome
from autograder.release.release import publish

__all__ = ["postgres"]  # a fixture

STUDENTS = ("ada", "bob", "cyd")


@pytest.fixture
def course(tmp_path):
    """Three submissions that are no notebooks: real workers refuse them at once."""
    course, _ = tiny_course(tmp_path)
    for student in STUDENTS:
        hand_in(course, student, b"{" + student.encode())
    return course


def run(course, **options):
    options = {"workers": 2, "progress": False} | options
    return autograder.grade_class("t1", course, **options)


def entries(course):
    """Each student's entry in the journal, as a file that was written once."""
    paths = (course.root / "results" / NAME).glob("*.json")
    return {(path.stem, path.stat().st_ino, path.stat().st_mtime_ns) for path in paths}


def graded_by(course, **options):
    """The students whose entries in the journal a run wrote, and its results."""
    before = entries(course)
    results = run(course, **options)
    return sorted({name for name, *_ in entries(course) - before}), results


def test_everybody_is_graded_once(course):
    names, results = graded_by(course)
    assert [result.student for result in results] == names == list(STUDENTS)
    assert {result.outcome for result in results} == {Outcome.INVALID}


def test_a_second_run_grades_nobody_and_changes_nothing(course):
    _, first = graded_by(course)
    before = (course.root / "gradebook.db").read_bytes()
    assert graded_by(course) == ([], first)
    assert (course.root / "gradebook.db").read_bytes() == before


def test_a_second_run_imports_neither_nbgrader_nor_torch(course, tmp_path):
    import subprocess

    run(course)
    command = (
        "import sys; from autograder.cli import main;"
        f"status = main(['grade', 't1', '--course', {str(course.root)!r}]);"
        "heavy = {'nbgrader', 'torch', 'jupytext', 'distributed'} & set(sys.modules);"
        "sys.exit(f'{status} {heavy}' if heavy or status != 1 else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_changed_submission_alone_is_graded_again(course):
    run(course)
    hand_in(course, "bob", b"other")
    assert graded_by(course)[0] == ["bob"]


def test_changed_tests_grade_everybody_again(course, tmp_path):
    run(course)
    tiny_course(tmp_path, SOURCE.replace("cube(2), 8", "cube(3), 27"))
    assert graded_by(course)[0] == list(STUDENTS)


def test_force_grades_again_and_students_limits_it(course):
    run(course)
    names, results = graded_by(course, force=True, students=["cyd"])
    assert names == ["cyd"]
    assert [result.student for result in results] == ["cyd"]


def test_what_the_grader_failed_on_is_tried_in_the_next_run(course):
    whole = {result.student: result for result in run(course)}
    course.write_result(replace(whole["bob"], outcome=Outcome.FAILED))
    names, results = graded_by(course)
    assert names == ["bob"]
    assert results[1] == whole["bob"]


def test_an_entry_cut_short_is_graded_again(course):
    first = run(course)
    path = course.result_path(NAME, "cyd")
    path.write_text(path.read_text("utf-8")[:100], "utf-8")
    assert graded_by(course) == (["cyd"], first)


def test_a_folder_without_a_file_is_invalid_and_not_lost(course):
    course.submitted(NAME, "dan").mkdir(parents=True)
    found = {result.student: result for result in run(course)}["dan"]
    assert found.outcome == Outcome.INVALID
    assert "no file was handed in" in found.reason


def test_a_new_gradebook_gets_the_grades_that_are_there(course, tmp_path):
    run(course)
    (course.root / "gradebook.db").unlink()
    tiny_course(tmp_path)
    assert graded_by(course)[0] == list(STUDENTS)  # written again, not judged again
    with course.gradebook() as gradebook:
        submissions = gradebook.assignment_submissions(NAME)
        assert {each.student.id for each in submissions} == set(STUDENTS)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"students": ["eve"]}, "eve: nothing was collected"),
        ({"assignment": "t2"}, "no such assignment"),
        ({"scheduler": "tcp://127.0.0.1:1"}, "no Dask scheduler answers"),
        ({"scheduler": "nonsense://x"}, "no Dask scheduler answers"),
        ({"scheduler": "tls://127.0.0.1:1"}, "has no certificate for TLS"),
    ],
    ids=["a student", "an assignment", "a scheduler", "a kind of address", "TLS"],
)
def test_what_is_not_there_is_said(course, options, said, monkeypatch):
    monkeypatch.setattr("autograder.grade.workers.dask.TO_ANSWER", 1)
    options = {"assignment": "t1", "course": course} | options
    with pytest.raises(CourseError, match=said):
        autograder.grade_class(**options)


def test_a_course_without_submissions_says_what_to_do(tmp_path):
    course, _ = tiny_course(tmp_path)
    with pytest.raises(CourseError, match="autograder collect"):
        run(course)


def test_an_assignment_that_is_not_in_the_gradebook_is_said(course):
    (course.root / "gradebook.db").unlink()
    with pytest.raises(CourseError, match="release it again"):
        run(course)


def test_two_runs_in_one_course_do_not_meet(course):
    with (
        alone(course, NAME),
        pytest.raises(CourseError, match="another `autograder` command is at work"),
    ):
        run(course)
    assert len(run(course)) == 3


def test_what_a_killed_run_left_half_written_is_removed(course):
    run(course)
    left = [
        course.result_path(NAME, "ada").with_name(".ada.json.x1y2"),
        course.autograded(NAME, "ada").with_name(f".{NAME}.ipynb.x1y2"),
    ]
    for path in left:
        path.write_text("half")
    assert graded_by(course)[0] == []
    assert not any(path.exists() for path in left)


def test_one_grade_that_cannot_be_recorded_stops_no_other(course, monkeypatch):
    module = sys.modules["autograder.grade.recorder"]
    whole = module.record_all

    def record(course, exam, answers, *rest):
        if any(answer.result.student == "ada" for answer in answers):
            raise OSError("the disk is full")
        return whole(course, exam, answers, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(module, "record_all", record)
        patch.setattr(module, "TOGETHER", 1e9)  # all that come after the first
        results = run(course)
    outcomes = [result.outcome for result in results]
    assert outcomes == [Outcome.FAILED, Outcome.INVALID, Outcome.INVALID]
    assert results[0] == course.result(NAME, "ada")
    assert "the disk is full" in results[0].reason
    assert [result.outcome for result in run(course)] == [Outcome.INVALID] * 3


def test_a_time_that_is_none_is_left_out(course):
    (course.submitted(NAME, "ada") / "timestamp.txt").write_text("yesterday, I think")
    assert len(run(course)) == 3
    with course.gradebook() as gradebook:
        assert gradebook.find_submission(NAME, "ada").timestamp is None


def test_a_server_named_at_the_release_is_found_by_all_that_follows(
    course, postgres, tmp_path
):
    (course.root / "gradebook.db").unlink()
    (course.root / "nbgrader_config.py").unlink()
    url = postgres()
    publish(Course(course.root, url), NAME, tmp_path / f"solutions/{NAME}/{NAME}.md")
    names, results = graded_by(course)
    assert names == list(STUDENTS)
    assert graded_by(course) == ([], results)
    assert entered(course, NAME) == set(STUDENTS)
    assert course.url == url.replace("postgresql:", "postgresql+psycopg:")
    assert not (course.root / "gradebook.db").exists()


def test_the_file_that_names_a_server_is_not_for_everybody(course, postgres, tmp_path):
    path = course.root / "nbgrader_config.py"
    assert path.stat().st_mode & 0o077  # a path to a file is no secret
    path.unlink()
    source = tmp_path / f"solutions/{NAME}/{NAME}.md"
    publish(Course(course.root, postgres()), NAME, source)
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "url",
    ["postgresql://ada:secret@127.0.0.1:1/book", "nonsense://ada:secret@host", "x y"],
)
def test_a_gradebook_that_does_not_open_is_said_without_its_password(course, url):
    with pytest.raises(CourseError, match="the gradebook") as caught:
        run(Course(course.root, url))
    assert "secret" not in str(caught.value)
    with pytest.raises(CourseError, match="does not open"):
        Course(course.root, url).gradebook()


def test_late_penalties_follow_the_course_file_without_a_new_grade(course):
    note = Note(f"{NAME}.ipynb", received="2026-11-21T10:00:00+00:00")
    store(course, NAME, "ada", note, b"{")
    run(course)

    def due():
        with course.gradebook() as gradebook:
            return gradebook.find_assignment(NAME).duedate

    assert due() is None
    (course.root / "course.toml").write_text(f"[due]\n{NAME} = 2026-11-20T10:00:00Z\n")
    assert graded_by(course)[0] == []
    assert due() == datetime(2026, 11, 20, 10)


# --- with notebooks that run ----------------------------------------------------------


@pytest.mark.grading
def test_what_the_collector_said_reaches_the_student(tmp_path):
    course, exam = tiny_course(tmp_path)
    hand_in(course, "ada", handed_in(exam))
    (course.submitted(NAME, "ada") / "other.ipynb").write_bytes(b"{}")
    (result,) = run(course)
    assert result.repairs[0].startswith("2 notebooks were handed in")
    assert result.points == 5


@pytest.mark.grading
def test_the_number_of_workers_changes_no_grade(tmp_path):
    course, exam = tiny_course(tmp_path)
    for number, answers in enumerate([None, {}, {"square": "1/0"}, None]):
        hand_in(course, f"student{number}", handed_in(exam, answers))
    found = []
    for workers in (1, 2):
        results = run(course, workers=workers, force=True, seed=7)
        plain = [json.loads(result.to_json()) for result in results]
        found.append([entry | {"seconds": 0, "cpu": 0, "share": 0} for entry in plain])
    assert found[0] == found[1]
    assert [entry["outcome"] for entry in found[0]] == ["graded"] * 4
