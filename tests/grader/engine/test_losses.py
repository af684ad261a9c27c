"""One answer that loops, crashes or exits costs its own exercise and no other's.

With real processes, on a notebook of eight exercises.
"""

from contextlib import closing

import pytest

from autograder.engine.request import Request
from autograder.engine.runner import Runner
from autograder.model import Limits

pytestmark = pytest.mark.grading

EXERCISES = 8
RIGHT = "def f{n}(x):\n    return {n} * x"
TEST = "assert f{n}(2) == 2 * {n}"
# Deep enough in C to end Python itself, as a recursion through torch does.
CRASH = "import ctypes\ndef f{n}(x):\n    ctypes.string_at(0)"
EXIT = "import os\ndef f{n}(x):\n    os._exit(0)"
LOOP = "def f{n}(x):\n    while True:\n        pass"
STUBBORN = """def f{n}(x):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass"""
ENDS = {
    "a crash": CRASH,
    "an exit": EXIT,
    "an exit of the cell": "import os\nos._exit(0)",
    "a loop": LOOP,
    "a stubborn loop": STUBBORN,
    "a loop of the cell": "while True:\n    pass",
    "a kill": "import os\ndef f{n}(x):\n    os.kill(os.getpid(), 9)",
    "the kept process": "import os\nfor pid in (os.getppid(), os.getpid()):\n"
    "    pid > 1 and os.kill(pid, 9)\nos._exit(0)",
    "memory": "def f{n}(x):\n    return bytearray(10**11)",
}


@pytest.fixture(scope="module")
def runner():
    with closing(Runner()) as made:
        yield made


def notebook(answers, tests):
    cells = []
    for number in range(1, EXERCISES + 1):
        answer = answers.get(number, RIGHT).format(n=number)
        cells.append(cell(f"answer-{number}", answer, grade=False))
        for turn in range(tests):
            source = TEST.format(n=number)
            cells.append(cell(f"test-{number}-{turn}", source, grade=True))
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def cell(name, source, *, grade):
    settings = {"grade_id": name, "grade": grade, "solution": not grade}
    return {
        "cell_type": "code",
        "id": name,
        "metadata": {"nbgrader": settings | {"locked": grade}},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def run(runner, answers, limits, tests=1):
    """The numbers of the exercises all of whose tests passed, and the answer."""
    made = notebook(answers, tests)
    full = {c["id"]: c["source"] for c in made["cells"] if c["id"].startswith("test")}
    answer = runner.run(Request(made, full, limits))
    lost = {int(i.split("-")[1]) for i, r in answer.judged.items() if r.ended != "ok"}
    assert answer.judged.keys() == full.keys()
    return set(range(1, EXERCISES + 1)) - lost, answer


@pytest.mark.parametrize("bad", [pytest.param(s, id=n) for n, s in ENDS.items()])
def test_bad_answers_cost_their_own_exercises_and_no_others(runner, bad):
    wrong = dict.fromkeys((1, 2, 4, 5), bad)
    passed, _ = run(runner, wrong, Limits(cell=1, notebook=16))
    assert passed == {3, 6, 7, 8}


def test_a_notebook_of_loops_takes_at_most_twice_its_time(runner):
    wrong = dict.fromkeys(range(1, EXERCISES), STUBBORN)
    limits = Limits(cell=4, notebook=8)
    passed, answer = run(runner, wrong, limits, tests=2)
    assert passed == {EXERCISES}
    assert not answer.starved
    # To end what does not stop, and to begin anew, takes a moment each time.
    assert answer.cpu < 2 * limits.notebook + 4 * EXERCISES


def test_the_other_tests_of_a_lost_exercise_do_not_run(runner):
    passed, answer = run(runner, {2: LOOP}, Limits(cell=2, notebook=60), tests=3)
    assert passed == set(range(1, EXERCISES + 1)) - {2}
    ended = [answer.judged[f"test-2-{turn}"].ended for turn in range(3)]
    assert ended == ["time", "skipped", "skipped"]


def test_tests_that_ask_for_other_names_run_although_one_was_lost(runner):
    cells = [
        cell("answers", LOOP.format(n=1) + "\n" + RIGHT.format(n=2), grade=False),
        cell("test-1", TEST.format(n=1), grade=True),
        cell("test-2", TEST.format(n=2), grade=True),
    ]
    full = {c["id"]: c["source"] for c in cells[1:]}
    answer = runner.run(Request({"cells": cells}, full, Limits(cell=2, notebook=60)))
    assert [answer.judged[name].ended for name in full] == ["time", "ok"]


def test_what_was_made_before_is_there_after_each_loss(runner):
    draws = "import torch\nseen = globals().setdefault('seen', [])\n"
    draws += "seen.append(torch.rand(1).item())\ndef f{n}(x):\n    return {n} * x"
    wrong = dict.fromkeys((3, 6, 7), EXIT)
    right = {n: draws for n in range(1, EXERCISES + 1) if n not in wrong}
    count = "def f8(x):\n    assert len(seen) == len(set(seen)) == 4\n    return 8 * x"
    passed, _ = run(runner, right | wrong | {8: count}, Limits(cell=5, notebook=60))
    assert passed == set(range(1, EXERCISES + 1)) - wrong.keys()
