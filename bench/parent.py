"""What the parent of a class costs: CPU seconds a submission, and memory.

    python bench/parent.py [--of tiny A1] [--students 2000] [--parts grade report]

Nobody is judged: the workers of this class answer at once, each with the answer that a
worker gave for the one submission that all students hand in, under their own names. So
what remains is the parent's work: to read what was handed in, and to write gradebook,
formgrader's files and journal. The workers' own CPU seconds are taken off. Each part
is a process of its own; "most" is its largest resident set. CPU seconds and not wall
seconds are given: these hardly grow beside other work.

    python bench/parent.py --of apart --students 8000 --parts report

gives the class of `apart` different code, each submission about 150 lines of it.
"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Self

from grading import SOLUTIONS, MadeUp, tiny

import autograder.grade.grade as passes
from autograder.assignment.cache import released_exam
from autograder.assignment.cells import is_answer
from autograder.course.folder import Course
from autograder.course.submitted import Note, write_folder
from autograder.grade.workers.answer import Answer
from autograder.grade.workers.task import Task, perform
from autograder.release.release import find_source, publish
from autograder.results.csv_export import export_csv
from autograder.results.report import write_report

ONE = "student_000000"
LINKS = 60_000  # to one file: fewer than a file system allows


def name_of(number: int) -> str:
    """A student's id; all are of one length."""
    return f"student_{number:06}"


class AtOnce:
    """Workers that answer at once; see `Workforce`.

    `answers` are given in turn, with the student's name put in. `cpu` are the seconds
    that this took, `marks` the CPU time of the process at the first task and the last.
    """

    def __init__(self, answers: list[bytes]) -> None:
        self.answers, self.cpu, self.marks = answers, 0.0, []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        pass

    def results(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, bytes]]:
        """Each task, and the answer."""
        for number, task in enumerate(tasks):
            started = time.process_time()
            self.marks = [*self.marks[:1], started]
            answer = self.answers[number % len(self.answers)]
            answer = answer.replace(ONE.encode(), task.submission.student.encode())
            task.to_bytes()  # it is what travels
            self.cpu += time.process_time() - started
            yield task, answer


def filled(course: Course, made: MadeUp, students: int) -> Task:
    """Have the students hand the same in; the first one's task."""
    content = made.submission(0)
    note = Note(f"{made.assignment}.ipynb", received="2026-11-20T10:00:00+00:00")
    first = course.submitted(made.assignment, ONE)
    write_folder(first, note, content, passes.settings(course).zone)
    linked = first
    for number in range(1, students):
        folder = course.submitted(made.assignment, name_of(number))
        if number % LINKS == 0:
            linked = shutil.copytree(first, folder)
            continue
        folder.mkdir(parents=True)
        for path in linked.iterdir():
            os.link(path, folder / path.name)
    exam = released_exam(course, made.assignment)
    return passes.Grading(course, exam, passes.Limits(), 0).task(ONE)


def grade(root: Path, assignment: str, answers: list[bytes]) -> dict[str, float]:
    """CPU seconds of the parent for each submission, and around them all."""
    workers = AtOnce(answers)
    passes.LocalWorkers = lambda *_, **__: workers
    started = time.process_time()
    done = passes.grade_class(assignment, Course(root), workers=1, progress=False)
    whole, (first, last) = time.process_time() - started, workers.marks
    each = (last - first - workers.cpu) / (len(done) - 1)
    return {"ms each": 1e3 * each, "s around": whole - (last - first)}


def report(root: Path, assignment: str, _: list[bytes]) -> dict[str, float]:
    """CPU seconds of the page on the class."""
    started = time.process_time()
    write_report(Course(root), assignment)
    return {"s": time.process_time() - started}


def export(root: Path, assignment: str, _: list[bytes]) -> dict[str, float]:
    """CPU seconds of the CSV file."""
    started = time.process_time()
    path = export_csv(Course(root), assignment)
    rows = path.read_bytes().count(b"\n") - 1
    return {"s": time.process_time() - started, "rows": rows}


PARTS = {each.__name__: each for each in (grade, report, export)}


def measured(part: str, *given: Any) -> dict[str, float]:
    """What a part gives, and the most memory of this process in MiB."""
    before = most_memory()
    found = PARTS[part](*given)
    return found | {"MiB at first": before, "MiB most": most_memory()}


def most_memory() -> float:
    """The most that this process has had in memory, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    line = next(each for each in lines if each.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def apart(answer: bytes, seed: int) -> bytes:
    """The answer with code of its own in the first answer cell: about 1,000 tokens."""
    draw = random.Random(seed)
    result = Answer.from_bytes(answer).whole
    notebook = json.loads(result.notebook)
    cell = next(filter(is_answer, notebook["cells"]))
    calls = ["abs", "max", "min", "sum", "len", "round", "pow", "divmod", "sorted"]
    lines = [
        f"x{draw.randrange(9)} = {draw.choice(calls)}(y {draw.choice('+-*/%')} "
        f"{draw.randrange(1000)})"
        for _ in range(150)
    ]
    cell["source"] = "\n".join(lines)
    changed = replace(result, notebook=json.dumps(notebook))
    return Answer.of(changed).to_bytes()


def main() -> None:
    """Print a row for each part."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    kinds = ["tiny", "A1", "apart"]
    parser.add_argument("--of", nargs="+", choices=kinds, default=kinds[:2])
    parser.add_argument("--students", type=int, default=2000)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    for kind in options.of:
        with tempfile.TemporaryDirectory(prefix="bench-parent-") as folder:
            here = Path(folder)
            a1 = kind == "A1"
            made = MadeUp(find_source(SOLUTIONS, "A1")[1]) if a1 else tiny(here)
            course = Course(here / "course")
            publish(course, made.assignment, made.source)
            first = filled(course, made, options.students)
            exam = released_exam(course, made.assignment)
            answers = [perform(exam.to_bytes(), first.to_bytes())]
            if kind == "apart":
                answers = [apart(answers[0], n) for n in range(options.students)]
            print(f"{kind}: a task is {len(first.to_bytes()):,} bytes, an answer "
                  f"{len(answers[0]):,}", flush=True)  # fmt: skip
            for part in options.parts:
                with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
                    given = (part, course.root, made.assignment, answers)
                    found = fresh.submit(measured, *given).result()
                said = ", ".join(f"{name} {value:.1f}" for name, value in found.items())
                print(f"{kind} {part} {options.students}: {said}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
