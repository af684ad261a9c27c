"""The autograder against stock nbgrader: rates, overhead, a large class, kills.

    python bench/grading.py [rate] [--rounds 3] [--submissions 120] [--stock 10]
    python bench/grading.py big [--big 1000] [--kills 5] [--tiny]

Both grade the same made-up class: right answers to assignment 1 from the reference and
the alternatives, mixed at random, each with a comment of its own. Those that loop are
left out: their seconds would be most of what both graders take. In a round stock
nbgrader and ours with one and two workers take turns, so that a busy neighbour slows
all; ratios are medians over rounds. CPU seconds are of a command and of all that it
started and waited for. Memory is the proportional set size of the whole family.

The classes are honest; hostile, every tenth of whom is; and trying, whose answers also
run something, so that the tests of each exercise need a copy of the process.
"""

import argparse
import ast
import contextlib
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import psutil

from autograder.assignment.cells import grade_id, is_test
from autograder.assignment.exam import MARKER, read_exam, read_source
from autograder.collect.collect import collect_class
from autograder.course.folder import Course, own_tools_on_path, write_whole
from autograder.demo.students import Stories
from autograder.engine.child.warm_up import settle, warm_up
from autograder.engine.runner import Runner
from autograder.judge.judge import judge_submission
from autograder.model import Outcome, Submission
from autograder.release.release import find_source, publish, write_config
from autograder.results.csv_export import export_csv

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "builders"))
import written  # noqa: E402

SOLUTIONS = ROOT / "solutions"
UNSETTLED = 6  # notebooks, after which the judge's template has settled
CELL_SECONDS = 5  # of the class with hostile ones; the same for both graders
HOSTILE = {
    "an endless loop": "while True:\n    pass\n",
    "the process ended": "import os\n\nos._exit(0)\n",
    "3 GB of memory": "hog = [b'x' * 100_000_000 for _ in range(30)]\ndel hog\n",
    "50 MB of output": "for _ in range(500):\n    print('x' * 100_000)\n",
    "a process left": "import subprocess\n\nsubprocess.Popen(['sleep', '20'])\n",
}
TRIES = "\nprint('tried')"
TINY = written.assignment(
    "A tiny assignment",
    written.SQUARE,
    written.check("square-test", 2, "assert square(3) == 9", "assert square(-5) == 25"),
)


# --- the class ------------------------------------------------------------------------


class MadeUp:
    """Submissions to one assignment, as many as one likes; the same ones each time.

    `after` stands after each answer.
    """

    def __init__(self, source: Path) -> None:
        self.source, self.assignment, self.after = source, source.stem, ""
        stories = Stories(source.parent, random.Random(0))
        self.notebook = json.loads(stories.right())
        self.ways = {name: [text] for name, text in stories.answers.items()}
        for each in stories.alternatives:
            if not loops(each.source):
                self.ways[each.replaces].append(each.source)

    def submission(self, number: int, hostile: str = "") -> bytes:
        """What a student hands in; `hostile` code stands before the last answer."""
        draw = random.Random(number)
        notebook = json.loads(json.dumps(self.notebook))
        for cell in notebook["cells"]:
            name = grade_id(cell)
            if name in self.ways:
                text = draw.choice(self.ways[name])
                before = hostile if name == list(self.ways)[-1] else ""
                text = f"# draft {draw.randrange(10**6)}\n{text}{self.after}"
                cell["source"] = before + text
        return json.dumps(notebook, indent=1).encode()

    def course(self, root: Path, size: int, hostile: Sequence[str] = ()) -> Course:
        """A course with such a class, collected; one in ten hostile if any is."""
        course, downloads = Course(root), root / "downloads"
        publish(course, self.assignment, self.source)
        for number in range(size):
            bad = hostile[number // 10 % len(hostile)] if hostile else ""
            content = self.submission(number, bad if number % 10 == 5 else "")
            folder = downloads / f"student_{number:04}"
            write_whole(folder / f"{self.assignment}.ipynb", content)
        collect_class(course, self.assignment, downloads)
        shutil.rmtree(downloads)
        return course


def loops(source: str) -> bool:
    """Whether an answer goes through rows one by one."""
    kinds = ast.For | ast.While | ast.ListComp | ast.GeneratorExp
    return any(isinstance(node, kinds) for node in ast.walk(ast.parse(source)))


def copy_of(course: Course, root: Path) -> Course:
    """The same course in another place."""
    shutil.copytree(course.root, root)
    (root / "nbgrader_config.py").unlink()
    write_config(Course(root))
    return Course(root)


# --- a command ------------------------------------------------------------------------


@dataclass
class Cost:
    """What a command took: wall and CPU seconds, bytes at its peak, grades a minute.

    `steady` counts from the first grade to the last, without the start.
    """

    wall: float
    cpu: float
    status: int
    peak: int = 0
    rate: float = 0.0
    steady: float = 0.0


class Running:
    """A command with its family; `memory` has a thread look at it twice a second."""

    def __init__(self, command: Sequence[str], course: Course, memory: bool) -> None:
        self.started, self.peak = time.monotonic(), 0
        self.log = tempfile.TemporaryFile()  # noqa: SIM115
        threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        with own_tools_on_path():
            self.process = subprocess.Popen(
                command,
                cwd=course.root,
                env=os.environ | dict.fromkeys(threads, "1"),
                stdout=self.log,
                stderr=self.log,
                start_new_session=True,
            )
        self.over = threading.Event()
        self.watcher = threading.Thread(target=self.watch)
        if memory:
            self.watcher.start()

    def family(self) -> list[psutil.Process]:
        """The process and all that descend from it."""
        with contextlib.suppress(psutil.NoSuchProcess):
            top = psutil.Process(self.process.pid)
            return [top, *top.children(recursive=True)]
        return []

    def watch(self) -> None:
        """Note the most memory that the family has used."""
        while not self.over.wait(0.5):
            self.peak = max(self.peak, sum(pss(each.pid) for each in self.family()))

    def end(self) -> Cost:
        """Wait for its end."""
        _, status, usage = os.wait4(self.process.pid, 0)
        wall = time.monotonic() - self.started
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.over.set()
        if self.watcher.ident:
            self.watcher.join()
        cpu = usage.ru_utime + usage.ru_stime
        return Cost(wall, cpu, self.process.returncode, self.peak)

    def said(self) -> str:
        """The end of what it has printed."""
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-1500:]


def pss(pid: int) -> int:
    """The proportional set size of a process in bytes; 0 when it has just ended."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        line = next(each for each in lines if each.startswith("Pss:"))
        return 1024 * int(line.split()[1])
    return 0


def ours(assignment: str, course: Course, workers: int, *options: str) -> list[str]:
    """Our command."""
    command = [sys.executable, "-m", "autograder", "grade", assignment, "--json"]
    command += ["--course", str(course.root), "--workers", str(workers)]
    return [*command, *options]


def stock(assignment: str, *options: str) -> list[str]:
    """nbgrader's own command, without the sandbox that we can give it."""
    nbgrader = Path(sys.executable).with_name("nbgrader")
    return [str(nbgrader), "autograde", assignment, *options]


def timed(command: Sequence[str], course: Course, marks: str) -> Cost:
    """Run a command; `marks` is the pattern of the files of which it writes one each.

    Raises RuntimeError if it could not do its work at all.
    """
    running = Running(command, course, memory=False)
    cost = running.end()
    times = sorted(path.stat().st_mtime for path in course.root.glob(marks))
    if len(times) < 2:
        raise RuntimeError(f"{command}: {running.said()}")
    cost.rate = 60 * len(times) / cost.wall
    cost.steady = 60 * (len(times) - 1) / (times[-1] - times[0])
    return cost


# --- how much, how fast ---------------------------------------------------------------


def start_of(name: str, course: Course) -> float:
    """CPU seconds that our command takes for the first student, less the notebook's."""
    student = course.students(name)[0]
    command = ours(name, course, 1, "--force", "--student", student)
    cost = Running(command, course, memory=False).end()
    return cost.cpu - course.result(name, student).cpu


def in_turn(made: MadeUp, numbers: Sequence[int]) -> tuple[float, float]:
    """CPU seconds of notebooks alone, and judged, in turn; means.

    Alone are the same cells with the full tests in one process, figures made to PNG,
    without a sandbox; it is forked from this one, in which everything has been imported
    and used once, as in the judge's after a few notebooks; those are not counted.
    Called in a fresh process.
    """
    warm_up(["torch"])
    settle()
    exam = read_exam(made.source)
    tests = {
        grade_id(cell): MARKER.sub("", cell.source)
        for cell in read_source(made.source).cells
        if is_test(cell)
    }
    alone, judged = [], []
    with contextlib.closing(Runner()) as runner:
        for number in (*range(UNSETTLED), *numbers):
            notebook = made.submission(number)
            bare = forked(lambda n=notebook: run_cells(json.loads(n), tests))
            alone.append(bare)
            handed_in = Submission(
                student="one",
                assignment=exam.assignment,
                filename=f"{exam.assignment}.ipynb",
                content=notebook,
            )
            judged.append(judge_submission(handed_in, exam, runner=runner).cpu)
    counted = slice(UNSETTLED, None)
    return statistics.mean(alone[counted]), statistics.mean(judged[counted])


def forked(work: Callable[[], None]) -> float:
    """CPU seconds of some work in a child; RuntimeError if it fails."""
    if not (pid := os.fork()):
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise RuntimeError("the bare run failed")
    return usage.ru_utime + usage.ru_stime


def run_cells(notebook: dict, tests: dict[str, str]) -> None:
    """Execute a notebook's code cells, and draw what they leave."""
    import matplotlib.pyplot as plt
    from IPython.core.pylabtools import print_figure

    namespace: dict = {"__name__": "__main__"}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            source = tests.get(grade_id(cell), "".join(cell["source"]))
            with contextlib.redirect_stdout(None):
                exec(compile(source, "cell", "exec"), namespace)
            for number in plt.get_fignums():
                print_figure(plt.figure(number))
            plt.close("all")


def rounds(made: MadeUp, options: argparse.Namespace, kind: str) -> None:
    """Print the rows of one class."""
    name, hostile = made.assignment, kind == "hostile"
    made.after = TRIES if kind == "trying" else ""
    seconds = [f"--cell-seconds={CELL_SECONDS}"] if hostile else []
    timeout = [f"--Execute.timeout={CELL_SECONDS}"] if hostile else []
    found: dict[str, list[Cost]] = {"stock": [], "one": [], "two": []}
    bare: list[float] = []
    beside: list[float] = []  # what our command takes besides the cells alone
    starts: list[float] = []
    sample = [number for number in range(10) if number != 5]  # nobody hostile
    journal = f"results/{name}/*.json"
    for turn in range(options.rounds):
        kinds = list(HOSTILE.values()) if hostile else []
        kinds = kinds[turn % len(HOSTILE) :] + kinds[: turn % len(HOSTILE)]
        with folder() as here:
            few = made.course(here / "stock", options.stock, kinds)
            cost = timed(stock(name, *timeout), few, "autograded/*/*/*.ipynb")
            found["stock"].append(cost)
            many = made.course(here / "one", options.submissions, kinds)
            again = copy_of(many, here / "two")
            for workers, course in ((1, many), (2, again)):
                command = ours(name, course, workers, *seconds)
                which = ("one", "two")[workers - 1]
                found[which].append(timed(command, course, journal))
                check_complete(course, name, options.submissions, hostile)
            with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
                alone, judged = fresh.submit(in_turn, made, sample).result()
            inside = [each.cpu for each in many.results(name)]
            start = start_of(name, copy_of(many, here / "start"))
            outside = (found["one"][-1].cpu - start - sum(inside)) / len(inside)
            bare.append(alone)
            beside.append(judged - alone + outside)
            starts.append(start)
        print(f"<!-- round {turn}: {found} alone {alone:.2f}, judged {judged:.2f}, "
              f"outside {outside:.2f}, start {start:.2f} -->",
              flush=True)  # fmt: skip
    title = "10 % hostile" if hostile else kind
    print_rows(found, bare, beside, starts, options, title)


def print_rows(
    found: dict[str, list[Cost]],
    bare: list[float],
    beside: list[float],
    starts: list[float],
    options: argparse.Namespace,
    title: str,
) -> None:
    """Print medians over rounds as rows of a table."""

    def median(numbers: Iterator[float]) -> float:
        return statistics.median(numbers)

    def ratio(a: str, b: str, what: str) -> float:
        pairs = zip(found[a], found[b], strict=True)
        return median(getattr(x, what) / getattr(y, what) for x, y in pairs)

    rows = (("stock", options.stock), ("one", options.submissions))
    rows += (("two", options.submissions),)
    print("| class | grader | a minute | once started | CPU-s each | times stock |")
    print("|---|---|---|---|---|---|")
    for which, size in rows:
        costs = found[which]
        cells = [
            f"{median(c.rate for c in costs):.1f}",
            f"{median(c.steady for c in costs):.1f}",
            f"{median(c.cpu / size for c in costs):.2f}",
            f"{ratio(which, 'stock', 'rate'):.1f}",
        ]
        print(f"| {title} | {which} | {' | '.join(cells)} |")
    print(
        f"\ntwo workers against one: {ratio('two', 'one', 'rate'):.2f}, once started "
        f"{ratio('two', 'one', 'steady'):.2f}; the cells alone "
        f"{median(iter(bare)):.2f} CPU-s, ours besides them "
        f"{median(iter(beside)):.2f}, and once for the class "
        f"{median(iter(starts)):.1f}\n",
        flush=True,
    )


def check_complete(course: Course, name: str, size: int, hostile: bool = False) -> None:
    """Raise RuntimeError unless everybody was graded, and the honest ones well."""
    results = course.results(name)
    wrong = [r.student for r in results if r.outcome != Outcome.GRADED]
    if not hostile:
        wrong += [
            r.student for r in results for c in r.cells
            if not c.manual and c.points != c.max_points
        ]  # fmt: skip
    if len(results) != size or wrong:
        raise RuntimeError(f"{len(results)} of {size} were graded; look at {wrong}")


# --- a large class --------------------------------------------------------------------


def large(made: MadeUp, size: int, kills: int, seed: int) -> None:
    """Grade a large class, whole and killed at random moments; print what it took."""
    draw, name = random.Random(seed), made.assignment
    with folder() as here:
        whole = made.course(here / "whole", size)
        broken = copy_of(whole, here / "broken")
        cost = Running(ours(name, whole, 2), whole, memory=True).end()
        check_complete(whole, name, size)
        print(f"{size} of {name}: {cost.wall:.0f} s, {60 * size / cost.wall:.0f} a "
              f"minute, {cost.cpu / size:.2f} CPU-s each, at most "
              f"{cost.peak / 2**20:.0f} MiB; lost: 0", flush=True)  # fmt: skip
        again = Running(ours(name, whole, 2), whole, memory=True).end()
        print(f"again, nothing changed: {again.wall:.1f} s, {again.cpu:.1f} CPU-s, "
              f"{again.peak / 2**20:.0f} MiB", flush=True)  # fmt: skip
        for _ in range(kills):
            running = Running(ours(name, broken, 2), broken, memory=False)
            time.sleep(draw.uniform(0.02, 0.9 / kills) * cost.wall)
            kill(running, broken, name)
        rest = Running(ours(name, broken, 2), broken, memory=True).end()
        check_complete(broken, name, size)
        files = [export_csv(course, name).read_bytes() for course in (whole, broken)]
        same = "the same" if files[0] == files[1] else "ANOTHER"
        print(f"killed {kills} times, then resumed: {rest.wall:.0f} s for the rest; "
              f"{same} CSV of {len(files[0])} bytes", flush=True)  # fmt: skip


def kill(running: Running, course: Course, name: str) -> None:
    """Kill the parent as it works; wait until its family has gone too."""
    family = running.family()
    running.process.kill()
    running.end()
    gone, left = psutil.wait_procs(family, timeout=20)
    done = len(list((course.root / "results" / name).glob("[!.]*.json")))
    print(f"killed with {done} graded; processes: {len(gone)} gone, {len(left)} left",
          flush=True)  # fmt: skip


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-grading-") as name:
        yield Path(name)


def tiny(here: Path) -> MadeUp:
    """The tiny assignment; grading it costs little besides the grader."""
    source = here / "t1_tiny" / "t1_tiny.md"
    write_whole(source, TINY.encode())
    write_whole(source.with_name("variants.md"), b"# none\n")
    return MadeUp(source)


def main() -> None:
    """Print the tables as Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("rate", "big"), nargs="?", default="rate")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--submissions", type=int, default=120)
    parser.add_argument("--stock", type=int, default=10, help="submissions to stock")
    kinds = ["honest", "hostile", "trying"]
    parser.add_argument("--classes", nargs="+", choices=kinds, default=kinds[:2])
    parser.add_argument("--big", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--tiny", action="store_true", help="a tiny assignment")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with folder() as here:
        made = tiny(here) if options.tiny else MadeUp(find_source(SOLUTIONS, "A1")[1])
        if options.what == "big":
            large(made, options.big, options.kills, options.seed)
            return
        for kind in options.classes:
            rounds(made, options, kind)


if __name__ == "__main__":
    main()
