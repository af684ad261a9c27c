"""Bytes go to the workers and bytes come back, whatever becomes of the workers."""

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
from grading_process import until
from tiny_assignment import NAME, hand_in, handed_in, tiny_course, tiny_exam

import autograder
from autograder.assignment.exam import exam_from_bytes
from autograder.grade.workers.answer import Answer
from autograder.grade.workers.local import LocalWorkers
from autograder.grade.workers.task import Lost, Task, perform, read_result
from autograder.model import CourseError, Limits, Outcome, Submission


@pytest.fixture(scope="module")
def exam(tmp_path_factory):
    return tiny_exam(tmp_path_factory.mktemp("exam"))


def tasks(number):
    """Submissions that are refused without running anything."""
    for index in range(number):
        yield Task(Submission(f"student{index}", NAME, f"{NAME}.ipynb", b"{"))


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder for temporary files, for this test and its workers alone."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_an_exam_and_a_task_travel_as_bytes(exam):
    assert exam_from_bytes(exam.to_bytes()) == exam
    handed = Submission("ada", NAME, "a\udcff.ipynb", bytes(range(256)), "2026-11-20")
    task = Task(handed, "a note", 7, Limits(cell=1.5, gpu=True), True)
    assert Task.from_bytes(task.to_bytes()) == task


def test_a_worker_gives_what_the_parent_would(exam):
    (task,) = tasks(1)
    result = read_result(task, perform(exam.to_bytes(), task.to_bytes()), exam)
    assert result.outcome == Outcome.INVALID
    assert result.reason


@pytest.mark.parametrize("change", [{"key": "other"}, {"student": "bob"}], ids=str)
def test_an_answer_to_another_question_is_a_failure(exam, change):
    (task,) = tasks(1)
    answer = Answer.from_bytes(perform(exam.to_bytes(), task.to_bytes()))
    other = replace(answer, result=replace(answer.result, **change))
    result = read_result(task, other.to_bytes(), exam)
    assert (result.outcome, result.student) == (Outcome.FAILED, "student0")
    assert "another version" in result.reason


def test_an_answer_that_is_none_is_a_failure(exam):
    (task,) = tasks(1)
    assert "cannot be read" in read_result(task, b"[]", exam).reason
    result = read_result(task, Lost("out of luck"), exam)
    assert result.reason == "The grader failed: no worker graded it (out of luck)."
    assert [cell.points for cell in result.cells] == [0, 0, 0]


@pytest.mark.parametrize("number", [1, 3])
def test_every_task_is_answered_once_and_nothing_is_left(exam, temporary, number):
    with LocalWorkers(exam.to_bytes(), number) as workers:
        found = list(workers.results(tasks(10)))
        processes = [each.process for each in workers.workers]
        assert 0 < len(processes) <= number
    students = [read_result(*each, exam).student for each in found]
    assert sorted(students) == sorted(f"student{index}" for index in range(10))
    assert all(each.returncode is not None for each in processes)
    assert list(temporary.iterdir()) == []


def test_tasks_are_drawn_as_workers_are_free(exam):
    drawn = []

    def watched():
        for task in tasks(20):
            drawn.append(task)
            yield task

    with LocalWorkers(exam.to_bytes(), 2) as workers:
        results = workers.results(watched())
        next(results)
        assert len(drawn) <= 4


def test_a_task_whose_worker_always_dies_is_given_up_after_three(exam, temporary):
    # What is no exam ends each worker that reads it.
    with LocalWorkers(b"{}", 2) as workers:
        found = list(workers.results(tasks(2)))
        assert workers.tried == {"student0": 3, "student1": 3}
    assert [type(answer) for _, answer in found] == [Lost, Lost]
    assert "status 1: TypeError: Exam.__init__()" in found[0][1].reason
    assert list(temporary.iterdir()) == []


def test_a_worker_killed_at_its_task_is_replaced(exam, temporary):
    with LocalWorkers(exam.to_bytes(), 1) as workers:
        source = iter(tasks(3))
        results = workers.results(source)
        next(results)
        os.kill(workers.workers[0].process.pid, signal.SIGKILL)
        found = [read_result(*each, exam) for each in results]
    assert [each.outcome for each in found] == [Outcome.INVALID] * 2
    assert list(temporary.iterdir()) == []


def test_workers_that_do_not_start_are_said(exam, monkeypatch, tmp_path):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no such module >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(broken))
    with (
        LocalWorkers(exam.to_bytes(), 2) as workers,
        pytest.raises(CourseError, match="status 3: no such module"),
    ):
        list(workers.results(tasks(2)))


# --- Dask, with its own processes on this machine -------------------------------------


def dask(*arguments):
    """One of Dask's commands as a process, and a file of what it says."""
    command = [str(Path(sys.executable).with_name("dask")), *arguments]
    return subprocess.Popen(
        command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )


class Cluster:
    """A scheduler and its workers: real processes, on the loopback interface."""

    def __init__(self, folder, number):
        self.file, self.folder = folder / "scheduler.json", folder
        options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        self.processes = [
            dask("scheduler", *options, "--scheduler-file", str(self.file))
        ]
        until(lambda: self.file.exists() and self.file.read_text(), "scheduler")
        self.address = json.loads(self.file.read_text())["address"]
        for _ in range(number):
            self.add_worker()

    def add_worker(self, *options):
        where = ["--local-directory", str(self.folder), "--no-dashboard"]
        usual = ["--nthreads", "1", "--no-nanny", "--host", "127.0.0.1"]
        made = dask("worker", self.address, *usual, *where, *options)
        self.processes.append(made)
        return made

    def end_worker(self):
        worker = self.processes.pop()
        worker.kill()
        worker.wait(30)

    def end(self):
        for process in reversed(self.processes):
            process.terminate()
            process.wait(30)


@pytest.fixture
def cluster(tmp_path):
    made = Cluster(tmp_path, 1)
    yield made
    made.end()


def test_a_cluster_gives_the_grades_that_this_machine_gives(cluster, tmp_path):
    course, _ = tiny_course(tmp_path)
    for student in ("ada", "bob", "cyd"):
        hand_in(course, student, b"{" + student.encode())
    here = autograder.grade_class("t1", course, workers=1, progress=False)
    there = autograder.grade_class(
        "t1", course, scheduler=cluster.address, force=True, progress=False
    )
    assert [replace(r, seconds=0) for r in there] == [
        replace(r, seconds=0) for r in here
    ]


def test_a_cluster_without_workers_says_so_and_goes_on_when_one_comes(
    cluster, exam, capsys
):
    from autograder.grade.workers.dask import ClusterWorkers

    cluster.end_worker()
    with ClusterWorkers(exam.to_bytes(), cluster.address) as workers:
        until(lambda: not workers.client.nthreads(), "end of the only worker")
        workers.seen -= 8  # seconds in which there was none
        results = workers.results(tasks(2))
        answers = []
        asking = Thread(target=lambda: answers.extend(results))
        asking.start()
        until(lambda: workers.said, "word of it")
        cluster.add_worker()
        asking.join(60)
    said = capsys.readouterr().err
    assert "has no workers" in said
    assert "there are workers now" in said
    assert len(answers) == 2


def test_a_scheduler_that_never_answers_is_said(exam, monkeypatch):
    from autograder.grade.workers import dask

    monkeypatch.setattr(dask, "TO_ANSWER", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"tcp://127.0.0.1:{mute.getsockname()[1]}"
        workers = dask.ClusterWorkers(exam.to_bytes(), address)
        with pytest.raises(CourseError, match="no Dask scheduler answers"), workers:
            pass


def test_the_exam_travels_once_and_outlives_the_worker_that_held_it(cluster, exam):
    from autograder.grade.workers.dask import ClusterWorkers

    large = replace(exam, files={"data.csv": "A" * 200_000})
    task, more = tasks(2)
    with ClusterWorkers(large.to_bytes(), cluster.address) as workers:
        (first,) = workers.results([task])
        cluster.end_worker()
        future = workers.submit(more)
        until(lambda: future.key in sizes_of_tasks(workers.client), "task there")
        sizes = sizes_of_tasks(workers.client)
        cluster.add_worker()
        answer = future.result(60)
    assert read_result(*first, large).outcome == Outcome.INVALID
    assert read_result(more, answer, large).outcome == Outcome.INVALID
    assert sizes[future.key] < len(more.to_bytes()) + 5_000
    assert sizes[workers.held.key] > 200_000


def sizes_of_tasks(client):
    """The bytes of each task that a scheduler holds."""
    return client.run_on_scheduler(
        lambda dask_scheduler: {
            key: len(pickle.dumps(each.run_spec))
            for key, each in dask_scheduler.tasks.items()
        }
    )


def test_a_scheduler_that_ends_is_said_and_what_is_done_is_kept(cluster, exam):
    from autograder.grade.workers.dask import ClusterWorkers

    with ClusterWorkers(exam.to_bytes(), cluster.address) as workers:
        results = workers.results(tasks(200))
        next(results)
        cluster.processes[0].kill()
        with pytest.raises(CourseError, match="the same command continues"):
            list(results)


@pytest.mark.grading
def test_a_dask_worker_that_is_killed_costs_no_grade(cluster, tmp_path):
    course, exam = tiny_course(tmp_path)
    slow = handed_in(exam)
    for cell in slow["cells"]:
        if "def square" in cell["source"]:
            cell["source"] = f"import time\ntime.sleep(1)\n{cell['source']}"
    for student in ("ada", "bob", "cyd"):
        hand_in(course, student, slow)
    command = ["grade", "t1", "--scheduler", cluster.address]
    grading = subprocess.Popen(
        [sys.executable, "-m", "autograder", *command, "--course", str(course.root)],
        stderr=subprocess.PIPE,
    )
    until(lambda: course.results(NAME), "first grade")
    victim = cluster.processes[1]
    cluster.add_worker()
    victim.kill()
    _, said = grading.communicate(timeout=120)
    assert grading.returncode == 0, said
    assert [result.points for result in course.results(NAME)] == [5, 5, 5]


def test_a_task_for_the_gpu_waits_for_a_worker_that_has_one(cluster, exam):
    from autograder.grade.workers.dask import ClusterWorkers

    with ClusterWorkers(exam.to_bytes(), cluster.address) as workers:
        gpu = [replace(task, limits=Limits(gpu=True)) for task in tasks(1)]
        done = workers.client.submit(os.getpid)  # the worker without one is there
        done.result(30)
        future = workers.submit(gpu[0])
        cluster.add_worker("--resources", "GPU=1")
        until(future.done, "answer from the worker with a GPU")
        where = workers.client.who_has([future])
        (address,) = where[future.key]
        held = workers.client.scheduler_info(n_workers=-1)["workers"][address]
        assert held["resources"] == {"GPU": 1}
