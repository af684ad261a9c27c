"""The engine runs notebooks as a kernel does, judges them from outside, and is bounded.

With real processes, warm and fresh: both give the same grades.
"""

import json
import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest
import tiny_assignment
from tiny_assignment import (
    CUBE,
    RIGHT,
    SOURCE,
    SQUARE,
    cell_of,
    handed_in,
    submission,
    tiny_exam,
)

from autograder.assignment.cells import grade_id
from autograder.engine.child.forkserver import SETTLES
from autograder.engine.runner import Runner
from autograder.engine.test_cells import Asking
from autograder.judge.judge import judge_submission
from autograder.model import Limits, Outcome
from autograder.processes import GraderError

LIMITS = Limits(cell=3, notebook=40, output=10_000)
SLOW = "def cube(x):\n    while True:\n        pass"
STUBBORN = """def cube(x):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass"""
EXIT = "import os\nos._exit(0)"

NOISE = """import os
os.close(1)
os.close(2)
for fd in range(3, 64):
    try:
        os.write(fd, b"{" * 9)
    except OSError:
        pass"""
BAD = {
    "a stubborn loop": STUBBORN,
    "an exit": EXIT,
    "a kill": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "memory": "data = bytearray(10**11)",
    "quit": "raise SystemExit",
    "a crash": "import ctypes\nctypes.string_at(0)",
    "an exit in a test": "import os\ndef cube(x): os._exit(0)",
    "noise on every descriptor": NOISE,
}

pytestmark = pytest.mark.grading


@pytest.fixture(scope="module")
def exam(tmp_path_factory):
    return tiny_exam(tmp_path_factory.mktemp("exam"))


def stopped_at_the_end(runner):
    yield runner
    runner.stop()


@pytest.fixture(scope="module")
def warm():
    yield from stopped_at_the_end(Runner())


@pytest.fixture(scope="module")
def fresh():
    yield from stopped_at_the_end(Runner(fresh=True))


def judged(exam, runner, answers=None, limits=LIMITS, seed=0):
    handed = submission(handed_in(exam, answers))
    result = judge_submission(handed, exam, limits, seed, runner=runner)
    return result, {cell.grade_id: cell for cell in result.cells}


def printed(result, name):
    return json.dumps(cell_of(json.loads(result.notebook), name)["outputs"])


# --- the two modes --------------------------------------------------------------------

DRAWS = "import random, torch, numpy\n"
DRAWS += "print(random.random(), hash('a'), torch.rand(1), numpy.random.rand())\n"


def test_right_answers_get_full_marks_although_a_warning_is_printed(exam, warm):
    noisy = "import sys, warnings\nprint('w', file=sys.stderr)\nwarnings.warn('w')\n"
    noise = "    import sys; print('loud', file=sys.stderr)\n    return x * x"
    answers = {"square": noisy + "def square(x):\n" + noise, "cube": CUBE}
    result, _ = judged(exam, warm, answers)
    assert (result.points, result.reason) == (5, None)
    assert result.cpu > 0
    assert (result.mode, result.tier) == ("warm", warm.launcher().tier.name)


def test_the_engine_works_warm_on_this_machine(warm):
    assert (warm.launcher().mode, warm.why_fresh) == ("warm", "")


def test_fresh_processes_give_the_same_result(exam, warm, fresh):
    answers = {"square": DRAWS + SQUARE, "cube": "def cube(x): return 9"}
    one, two = (judged(exam, runner, answers)[0] for runner in (warm, fresh))
    assert (one.cells, one.notebook) == (two.cells, two.notebook)
    assert (one.mode, two.mode) == ("warm", "fresh")
    assert one.points == 2


def test_fresh_processes_are_bounded_and_replaced(exam, fresh):
    _, cells = judged(exam, fresh, {"square": EXIT, "cube": SLOW})
    assert (cells["square-test"].points, cells["cube-test"].points) == (0, 0)
    assert "ended Python itself" in cells["square-test"].error
    assert "longer than 3 s" in cells["cube-test"].error


def test_the_same_submission_gets_the_same_result(exam, warm):
    answers = RIGHT | {"square": DRAWS + SQUARE}
    one, two = (judged(exam, warm, answers)[0] for _ in range(2))
    assert one.notebook == two.notebook
    other, _ = judged(exam, warm, answers, seed=1)
    assert other.notebook != one.notebook


TRAINS = """import torch
weight = torch.ones(2, requires_grad=True)
optimiser = torch.optim.Adam([weight], lr=0.5)
(torch.randn(2) * weight).sum().backward()
optimiser.step()
print(weight.tolist(), torch.get_num_threads())
"""


def test_who_is_graded_before_the_template_settles_gets_the_same(exam):
    answers = RIGHT | {"square": TRAINS + SQUARE}
    with closing(Runner()) as runner:
        results = [judged(exam, runner, answers)[0] for _ in range(SETTLES // 2 + 1)]
    first, *others = (result.notebook for result in results)
    assert "] 1\\n" in printed(results[0], "square")
    assert set(others) == {first}
    assert {result.mode for result in results} == {"warm"}


def test_cells_after_a_lost_process_are_still_judged(exam, warm):
    _, cells = judged(exam, warm, {"square": EXIT, "cube": CUBE})
    assert (cells["square-test"].points, cells["cube-test"].points) == (0, 3)


def test_what_ran_before_a_process_was_lost_runs_again_in_the_next(exam, warm):
    answers = {"square": EXIT, "cube": "def cube(x): return power * x * x"}
    handed = handed_in(exam, answers)
    extra = {"cell_type": "code", "id": "new", "metadata": {}, "source": "power = 2"}
    handed["cells"].insert(0, extra | {"outputs": [], "execution_count": None})
    result = judge_submission(submission(handed), exam, LIMITS, runner=warm)
    assert {c.grade_id: c.points for c in result.cells}["cube-test"] == 3


def test_a_loop_costs_its_own_points_and_no_others(exam, warm):
    result, cells = judged(exam, warm, {"square": SQUARE, "cube": SLOW})
    assert result.outcome == Outcome.GRADED
    assert (cells["square-test"].points, cells["cube-test"].points) == (2, 0)
    assert "longer than 3 s" in cells["cube-test"].error


# --- judged from outside --------------------------------------------------------------


def test_the_result_shows_no_hidden_test(exam, warm):
    wrong = "def square(x):\n    if x < 0:\n        raise ValueError\n    return x * x"
    result, cells = judged(exam, warm, {"square": wrong, "cube": CUBE})
    assert (cells["square-test"].points, cells["cube-test"].points) == (0, 3)
    assert "hidden_value" not in result.to_json()
    assert "ValueError" in cells["square-test"].error


def test_a_known_mistake_gets_its_own_hint(exam, warm):
    wrong = "def square(x):\n    return x * abs(x)"
    _, cells = judged(exam, warm, {"square": wrong, "cube": "def cube(x): return 9"})
    assert cells["square-test"].mistake == "sign kept"
    assert cells["square-test"].hint == "A square has no sign."
    assert cells["square-test"].error is None  # the problem is that of a hidden line
    assert cells["cube-test"].error == "expected 8, got 9."


@pytest.mark.parametrize(
    "forged",
    [
        "def check(*given):\n    pass",
        "import builtins\nbuiltins.AssertionError = type('Never', (Exception,), {})",
        "get_ipython().run_cell = lambda *a, **k: None",
        "import sys\nsys.excepthook = lambda *a: None\nsys.settrace(None)",
        "class Equal:\n    def __eq__(self, other): return True\n"
        "    def __ne__(self, other): return False\n"
        "def cube(x): return Equal()\ndef square(x): return Equal()",
        "import os\nos.fork = lambda: 0",
    ],
    ids=["check", "AssertionError", "run_cell", "hooks", "always equal", "fork"],
)
def test_what_a_notebook_changes_in_its_own_process_gives_no_points(exam, warm, forged):
    wrong = {"square": f"def square(x): return 1\n{forged}", "cube": "x = 1"}
    result, _ = judged(exam, warm, wrong)
    assert (result.outcome, result.points) == (Outcome.GRADED, 0)


def test_what_hidden_tests_ask_is_not_there_afterwards(exam, warm):
    spy = "asked = []\ndef square(x):\n    asked.append(x)\n    return x * x"
    answers = {"square": spy, "cube": f"print(asked)\n{CUBE}"}
    result, _ = judged(exam, warm, answers)
    assert result.points == 5
    assert "[3]" in printed(result, "cube")  # the visible one alone


AGAIN = {
    "another function of that name": "def square(x):\n    return 0",
    "an unrelated list": "kept = []",
    "its code": "square.__code__ = (lambda x: 0).__code__",
}
COUNTS = """def square(x, calls=[]):
    calls.append(x)
    return x * x if len(calls) < 3 else 0"""


@pytest.mark.parametrize("later", AGAIN.values(), ids=AGAIN)
def test_what_a_later_cell_does_costs_an_earlier_test_nothing(exam, warm, later):
    _, cells = judged(exam, warm, {"square": SQUARE, "cube": f"{later}\n{CUBE}"})
    assert (cells["square-test"].points, cells["cube-test"].points) == (2, 3)


def test_tests_of_answers_that_only_define_are_asked_of_one_copy(
    exam, warm, monkeypatch
):
    warm.launcher()  # its trial is over
    lend, lent = Asking.lend, []
    monkeypatch.setattr(
        Asking, "lend", lambda *given: (lent.append(len(given[2])), lend(*given))
    )
    assert judged(exam, warm)[0].points == 5
    assert judged(exam, warm, RIGHT | {"cube": f"print(1)\n{CUBE}"})[0].points == 5
    cells = judged(exam, warm, RIGHT | {"square": COUNTS})[1]
    assert (cells["square-test"].points, cells["cube-test"].points) == (0, 3)
    assert lent == [2, 1, 1, 1, 1]


def test_a_test_that_ends_the_copy_costs_its_own_points_and_no_others(exam, warm):
    hidden = "import os\ndef square(x):\n    return os._exit(0) if x < 0 else x * x"
    _, cells = judged(exam, warm, {"square": hidden, "cube": CUBE})
    assert (cells["square-test"].points, cells["cube-test"].points) == (0, 3)
    assert "ended Python itself" in cells["square-test"].error


def test_an_answer_is_written_by_hand_although_its_tests_waited(exam, warm):
    late = "def square(x):\n    __import__('flow' + 'book.flow')\n    return x * x"
    _, cells = judged(exam, warm, {"square": late, "cube": CUBE})
    assert (cells["square-test"].points, cells["cube-test"].points) == (0, 3)


def test_an_earlier_test_is_judged_as_it_was_after_a_later_loss(exam, warm):
    lost = f"{CUBE}\nsquare = None\n{EXIT}"
    for square in (SQUARE, "power = 2\ndef square(x): return x ** power"):
        _, cells = judged(exam, warm, {"square": square, "cube": lost})
        assert (cells["square-test"].points, cells["cube-test"].points) == (2, 0)


def test_a_copy_that_a_test_breaks_is_not_asked_for_the_next(exam, warm):
    breaks = "import os\nfrom autograder.channel import Channel\ndef square(x):\n"
    breaks += "    if x < 0:\n        for fd in range(3, 99):\n            try:\n"
    breaks += "                os.write(fd, b'{' * 99)\n"
    breaks += "            except OSError:\n                pass\n    return x * x"
    _, cells = judged(exam, warm, {"square": breaks, "cube": CUBE})
    assert (cells["square-test"].points, cells["cube-test"].points) == (0, 3)


def test_a_wrong_answer_is_not_asked_twice(exam, warm):
    # Whoever is asked again, in another process, knows that the first answer was wrong.
    guess = "import os\ndef cube(x):\n    me = f'{os.getpid()} '\n"
    guess += "    with open('who', 'a+') as file:\n        file.seek(0)\n"
    guess += "        known = file.read()\n        if me not in known:\n"
    guess += "            file.write(me)\n            known += me\n"
    guess += "    return 0 if known.split().index(me[:-1]) == 1 else x * x * x"
    _, cells = judged(exam, warm, {"square": SQUARE, "cube": guess})
    assert (cells["square-test"].points, cells["cube-test"].points) == (2, 0)


def test_what_a_test_asks_is_never_printed_in_the_students_notebook(exam, warm):
    spy = "import os\ndef square(x):\n    print('asked', x)\n"
    spy += "    os.system(f'echo also {x}')\n    return x * x"
    result, _ = judged(exam, warm, {"square": spy, "cube": CUBE})
    assert result.points == 5
    assert "asked 3" in result.notebook
    assert "also 3" in result.notebook
    assert "-5" not in printed(result, "square-test")


def test_a_ready_made_answer_is_read_and_refused(exam, warm):
    taken = f"from flowbook.flow import Flow as Mine\n{CUBE}"
    _, cells = judged(exam, warm, {"square": SQUARE, "cube": taken})
    assert (cells["square-test"].points, cells["cube-test"].points) == (2, 0)
    assert "ready-made 'flowbook.flow'" in cells["cube-test"].error


def test_a_hidden_import_of_something_ready_made_does_not_import(exam, warm):
    taken = "import importlib\nlayer = importlib.import_module('flow' + 'book.flow')\n"
    _, cells = judged(exam, warm, {"square": SQUARE, "cube": taken + CUBE})
    assert cells["cube-test"].points == 0
    assert "flowbook.flow is ready-made" in cells["cube-test"].error


def test_a_student_has_a_number_of_their_own(tmp_path, warm):
    seed_cell = """```{code-cell} ipython3
---
nbgrader: {grade: false, grade_id: seed, solution: false}
autograder: {per_student: true}
---
# Yours.
student_seed = 0  # handed out
```

## Exercise 1"""
    text = SOURCE.replace("## Exercise 1", seed_cell, 1)
    text = text.replace('check(cube(2), 8, "the cube")', "assert student_seed == 7")
    exam = tiny_exam(tmp_path, text)
    answers = RIGHT | {"cube": f"print('mine', student_seed)\n{CUBE}"}
    result, _ = judged(exam, warm, answers, seed=7)
    assert result.points == 5
    assert "mine 7" in printed(result, "cube")
    assert judged(exam, warm, answers, seed=8)[1]["cube-test"].points == 0


# --- bounded --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cube",
    [pytest.param(source, id=name) for name, source in BAD.items()],
)
def test_one_bad_cell_costs_its_own_points_and_no_others(exam, warm, cube):
    result, cells = judged(exam, warm, {"square": SQUARE, "cube": cube})
    assert result.outcome == Outcome.GRADED
    assert cells["square-test"].points == 2
    assert cells["cube-test"].points == 0
    assert cells["cube-test"].error


def test_memory_of_all_processes_together_is_bounded(exam, warm):
    greedy = """import os, time
for _ in range(4):
    if os.fork() == 0:
        data = bytearray(b'x') * 150_000_000
        time.sleep(60)
time.sleep(60)"""
    limits = Limits(cell=20, notebook=40, memory=400_000_000)
    started = time.monotonic()
    result, cells = judged(exam, warm, {"square": greedy, "cube": CUBE}, limits)
    assert time.monotonic() - started < 15
    assert (cells["square-test"].points, cells["cube-test"].points) == (0, 3)
    assert "out of memory" in result.reason


def test_what_takes_the_notebooks_whole_time_is_said(exam, warm):
    limits = Limits(cell=30, notebook=3)
    answers = {"square": "while True: pass", "cube": CUBE}
    result, _ = judged(exam, warm, answers, limits)
    assert result.outcome == Outcome.GRADED
    assert "took longer than 3 s" in result.reason


def test_a_flood_of_output_is_cut(exam, warm):
    flood = "for i in range(2000): print('x' * 1000)\nprint('y' * 10**6)"
    result, _ = judged(exam, warm, {"square": f"{flood}\n{SQUARE}", "cube": CUBE})
    assert result.points == 5
    assert len(result.notebook) < 40_000
    assert "the rest is cut" in printed(result, "square")


def test_what_was_printed_before_a_process_was_lost_is_kept(exam, warm):
    stop = f"print('so far')\n{EXIT}"
    result, _ = judged(exam, warm, {"square": stop, "cube": CUBE})
    assert "so far" in printed(result, "square")


def test_nothing_that_a_notebook_started_outlives_it(exam, warm):
    sleep = "4242.4242"
    start = f"import subprocess\nsubprocess.Popen(['sleep', '{sleep}'], "
    start += f"start_new_session=True)\n{SQUARE}"
    result, _ = judged(exam, warm, {"square": start, "cube": CUBE})
    assert result.points == 5
    assert not any(sleep in p.info["cmdline"] or () for p in processes())


def processes():
    return [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"]]


WORKER = """
import sys
from tiny_assignment import *
from autograder.engine.runner import Runner
from autograder.judge.judge import judge_submission
from autograder.model import Limits
exam = tiny_exam(Path(sys.argv[1]))
handed = handed_in(exam, {"square": "import time\\nwhile True: time.sleep(4321)"})
runner = Runner()
runner.launcher()
print("ready", flush=True)
judge_submission(submission(handed), exam, Limits(), runner=runner)
"""


def test_a_worker_that_is_killed_leaves_no_process(tmp_path):
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(tmp_path)],
        stdout=subprocess.PIPE,
        cwd=Path(tiny_assignment.__file__).parent,
    )
    with worker:
        assert worker.stdout.readline() == b"ready\n"
        family = psutil.Process(worker.pid).children(recursive=True)
        while len(family) < 3:  # the template, and what it has forked
            time.sleep(0.05)
            family = psutil.Process(worker.pid).children(recursive=True)
        worker.kill()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []


def test_notebooks_leave_nothing_open(exam, warm):
    judged(exam, warm)
    open_before = len(os.listdir("/proc/self/fd"))
    template = psutil.Process(warm.launcher().process.pid)
    for _ in range(5):
        judged(exam, warm, {"square": EXIT, "cube": CUBE})
    assert len(os.listdir("/proc/self/fd")) == open_before
    assert template.children() == []
    assert template.num_fds() < 10


def test_a_template_that_dies_is_replaced(exam):
    runner = Runner()
    assert judged(exam, runner)[0].points == 5
    runner.launcher().process.kill()
    assert judged(exam, runner)[0].points == 5
    runner.stop()


def test_a_stopped_runner_leaves_no_process_and_runs_nothing(exam):
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    runner = Runner()
    judged(exam, runner)
    runner.stop()
    left = psutil.Process().children(recursive=True)
    assert {child.pid for child in left} <= before
    result, _ = judged(exam, runner)
    assert result.outcome == Outcome.FAILED
    assert "was stopped" in result.reason


def test_a_machine_that_cannot_fork_gets_fresh_processes(exam, monkeypatch):
    def fail(launcher):
        raise GraderError("the trial hung")

    monkeypatch.setattr("autograder.engine.runner.probe", fail)
    runner = Runner()
    assert runner.launcher().mode == "fresh"
    assert runner.why_fresh == "the trial hung"
    runner.stop()


# --- as in a kernel -------------------------------------------------------------------

SHOWN = {
    "a value": ("1 + 1", '"text/plain": "2"'),
    "text": ("print('a')", '"name": "stdout", "text": "a'),
    "errors": ("import sys\nprint('b', file=sys.stderr)", '"name": "stderr"'),
    "a figure": ("import matplotlib.pyplot as plt\nplt.plot([1]);", '"image/png": "iV'),
    "a figure after a magic": (
        "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.hist([1]);",
        '"image/png": "iV',
    ),
    "rich display": (
        "class A:\n    def _repr_html_(self): return '<i>a</i>'\nA()",
        '"text/html": "<i>a</i>"',
    ),
    "a program's text": ("!echo $((6 * 7)) from a program", "42 from a program"),
    "text of C code": ("import os\nos.system('echo from C')", "from C"),
    "a magic": ("%%time\n2 + 2", "Wall time"),
    "an exception": ("1 / 0", '"ename": "ZeroDivisionError"'),
    "await": ("import asyncio\nawait asyncio.sleep(0)\n'waited'", "waited"),
    "a file beside the notebook": (
        "open('own.py', 'w').write('x = 5')\nfrom own import x\nprint('own', x)",
        "own 5",
    ),
    "an update": (
        "from IPython.display import display\nshown = display('old', display_id=True)\n"
        "shown.update('new')",
        "'new'",
    ),
}


def test_a_cell_shows_what_it_shows_in_a_kernel(exam, warm):
    handed = handed_in(exam)
    for number, (source, _) in enumerate(SHOWN.values()):
        extra = {"cell_type": "code", "id": f"new{number}", "metadata": {}}
        handed["cells"].append(
            extra | {"source": source, "outputs": [], "execution_count": None}
        )
    result = judge_submission(submission(handed), exam, Limits(cell=20), runner=warm)
    assert result.points == 5
    cells = json.loads(result.notebook)["cells"][-len(SHOWN) :]
    for cell, (source, shown) in zip(cells, SHOWN.values(), strict=True):
        assert cell["source"] == source
        assert shown in json.dumps(cell["outputs"]), source


MAGICS = ["", " notebook", " widget", " qt", " tk", " ipympl", " agg", " inline"]
WAYS = [f"%matplotlib{magic}" for magic in MAGICS]
WAYS += [f"import matplotlib\nmatplotlib.use({each!r})" for each in ("TkAgg", "WebAgg")]


@pytest.mark.parametrize("way", WAYS)
def test_a_way_to_show_figures_costs_no_right_answer(exam, warm, way):
    figure = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
    square = f"{way}\n{figure}\n{SQUARE}"
    result, _ = judged(exam, warm, RIGHT | {"square": square}, Limits(cell=20))
    assert (result.points, result.reason) == (5, None)
    assert '"image/png"' in printed(result, "square")


def test_the_working_folder_is_private_and_empty(exam, warm):
    look = "import os\nprint(sorted(os.listdir()), os.getcwd(), os.environ['HOME'])\n"
    result, _ = judged(exam, warm, RIGHT | {"square": look + SQUARE})
    assert exam.assignment not in printed(result, "square")
    assert os.getcwd() not in printed(result, "square")


def test_given_names_of_the_release_are_run_in_order(exam, warm):
    result, _ = judged(exam, warm)
    ran = [c for c in json.loads(result.notebook)["cells"] if c["cell_type"] == "code"]
    assert [c["execution_count"] for c in ran] == list(range(1, len(ran) + 1))
    assert grade_id(ran[0]) == "checks"
