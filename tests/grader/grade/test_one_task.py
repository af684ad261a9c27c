"""One task is graded again: its points alone change, and who was changed is told."""

import json
from dataclasses import replace
from datetime import UTC

import pytest
from class_commands import played_course
from tiny_assignment import NAME, RIGHT, SOURCE, hand_in, handed_in, write_source

from autograder.assignment.exam import read_exam
from autograder.course import attempts
from autograder.course.submitted import Note
from autograder.judge.judge import no_points, result_key
from autograder.model import Outcome, Result
from autograder.release.release import publish

WRONG = {"square": "def square(x):\n    return 2 * x"}


class Workers:
    """Gives what a table says, for each student: outcome, and points by cell."""

    def __init__(self, played, gives):
        self.played, self.gives = played, gives

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        pass

    def results(self, tasks):
        for task in tasks:
            student = task.submission.student
            outcome, points = self.gives[student]
            result = self.played.judged(student)
            cells = tuple(
                replace(cell, points=points.get(cell.grade_id, cell.points))
                for cell in result.cells
            )
            key = result_key(task.submission, self.played.exam, task.seed)
            result = replace(result, cells=cells, outcome=outcome, key=key)
            yield task, result.to_json().encode()


@pytest.fixture
def played(tmp_path, monkeypatch, capsys):
    """Three with the same answers, graded; then released with other tests."""
    played = played_course(tmp_path, monkeypatch, capsys)
    for student in ("ada", "ben", "cem"):
        hand_in(played.course, student, handed_in(played.exam, RIGHT | WRONG))
    played.record_all(3.0)
    source = write_source(
        tmp_path / "new", SOURCE.replace("square(3), 9", "square(2), 4")
    )
    publish(played.course, NAME, source)
    played.exam = read_exam(source, NAME)
    return played


def grade(played, monkeypatch, gives, *options):
    module = "autograder.grade.grade.LocalWorkers"
    monkeypatch.setattr(module, lambda *some, **more: Workers(played, gives))
    return played.run("grade", "T1", *options)


def points(played):
    return {
        result.student: [cell.points for cell in result.cells]
        for result in played.course.results(NAME)
    }


def test_only_the_points_of_the_task_change(played, monkeypatch):
    assert points(played)["ada"] == [0.0, 3.0, 0.0]
    found = {"square-test": 2.0, "cube-test": 0.0}
    gives = dict.fromkeys(("ada", "ben"), (Outcome.GRADED, found))
    gives["cem"] = (Outcome.GRADED, {"cube-test": 0.0})
    status, out, _ = grade(played, monkeypatch, gives, "--task", "square")
    assert status == 0
    assert points(played) == {
        "ada": [2.0, 3.0, 0.0],
        "ben": [2.0, 3.0, 0.0],
        "cem": [0.0, 3.0, 0.0],
    }
    assert (
        "ada: square-test: 0 → 2 of 2\nben: square-test: 0 → 2 of 2\n2 students" in out
    )
    with played.course.gradebook() as gradebook:
        grades = {
            n: gradebook.find_grade(n, NAME, NAME, "ada").score
            for n in ("square-test", "cube-test", "why")
        }
    assert grades == {"square-test": 2.0, "cube-test": 3.0, "why": 3.0}
    status, out, _ = grade(played, monkeypatch, {}, "--student", "ada")  # it stands
    assert (status, points(played)["ada"]) == (0, [2.0, 3.0, 0.0])


def test_one_student_may_ask_and_the_others_stay(played, monkeypatch):
    gives = {"ben": (Outcome.GRADED, {"square-test": 2.0})}
    options = ("--task", "1", "--student", "ben")
    status, out, _ = grade(played, monkeypatch, gives, *options)
    assert (status, "1 student has other points in 1" in out) == (0, True)
    assert points(played)["ben"] == [2.0, 3.0, 0.0]
    assert points(played)["ada"] == [0.0, 3.0, 0.0]


def test_a_grade_is_not_lost_where_the_grader_fails_now(played, monkeypatch):
    gives = {"ada": (Outcome.FAILED, {}), "ben": (Outcome.INVALID, {})}
    options = ("--task", "1", "--student", "ada", "--student", "ben")
    status, out, _ = grade(played, monkeypatch, gives, *options)
    assert status == 1  # of an older release: they must be graded again
    assert "Nobody has other points in 1" in out
    assert points(played)["ada"] == points(played)["ben"] == [0.0, 3.0, 0.0]


def test_what_was_handed_in_anew_is_graded_whole(played, monkeypatch):
    hand_in(played.course, "ada", handed_in(played.exam, RIGHT))
    gives = {"ada": (Outcome.GRADED, {"cube-test": 1.0})}
    grade(played, monkeypatch, gives, "--task", "square-test", "--student", "ada")
    assert points(played)["ada"] == [2.0, 1.0, 0.0]


class AttemptWorkers(Workers):
    """Gives what a table says for each attempt, known by what was handed in."""

    def results(self, tasks):
        for task in tasks:
            points = self.gives[task.submission.student, task.submission.content]
            result = Result(
                task.submission.student,
                NAME,
                Outcome.GRADED,
                tuple(
                    replace(cell, points=points.get(cell.grade_id, 0.0))
                    for cell in no_points(self.played.exam)
                ),
                key=result_key(task.submission, self.played.exam, task.seed),
                content=task.submission.key,
                exam=self.played.exam.key,
            )
            yield task, result.to_json().encode()


def test_of_several_attempts_the_best_counts_by_the_new_points_of_the_task_alone(
    tmp_path, monkeypatch, capsys
):
    played = played_course(tmp_path, monkeypatch, capsys)
    played.rules('attempts = "best"')
    handed = [
        json.dumps(handed_in(played.exam, RIGHT | {"why": text})).encode()
        for text in ("First.", "Second.")
    ]
    note = Note(filename=f"{NAME}.ipynb")
    for student in ("ada", "ben"):
        for content in handed:
            number = attempts.keep(played.course, NAME, student, note, content, UTC)
            attempts.place(played.course, NAME, student, number)

    def given(square, cube):
        return {"square-test": square, "cube-test": cube}

    def run(found, *options):
        gives = {
            (student, content): points
            for student, both in found.items()
            for content, points in zip(handed, both, strict=True)
        }
        monkeypatch.setattr(
            "autograder.grade.grade.LocalWorkers",
            lambda *some, **more: AttemptWorkers(played, gives),
        )
        assert played.run("grade", "T1", *options)[0] == 0

    before = [given(0.0, 3.0), given(0.0, 2.0)]
    run(dict.fromkeys(("ada", "ben"), before))
    assert points(played) == {"ada": [0.0, 3.0, 0.0], "ben": [0.0, 3.0, 0.0]}
    text = SOURCE.replace("square(3), 9", "square(2), 4")
    source = write_source(tmp_path / "new", text)
    publish(played.course, NAME, source)
    played.exam = read_exam(source, NAME)
    # Today's other tests would say less of both, and in ben's case of the first alone.
    now = {
        "ada": [given(0.0, 0.0), given(2.0, 0.0)],
        "ben": [given(0.0, 0.0), given(0.0, 2.0)],
    }
    run(now, "--task", "square")
    assert points(played) == {"ada": [2.0, 2.0, 0.0], "ben": [0.0, 3.0, 0.0]}
    assert attempts.placed(played.course, NAME, "ada") == 2
    assert attempts.placed(played.course, NAME, "ben") == 1


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("why", "why: a person grades it"),
        ("3", "3: a person grades it"),
        ("4", "there are: square-test, cube-test, or the number of an exercise"),
    ],
)
def test_another_task_is_refused_in_a_sentence(played, monkeypatch, task, said):
    status, out, err = grade(played, monkeypatch, {}, "--task", task)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert said in err
