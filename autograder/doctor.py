"""Say what the grader finds on this machine: versions, a trial run, the course."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from autograder.course.folder import Course
from autograder.model import CourseError, Limits
from autograder.processes import GraderError
from autograder.sandbox import Probe, tiers

NEEDED = ("nbgrader", "nbclient", "ipykernel", "jupytext", "nh3", "tqdm")
NEEDED += ("psutil", "sqlalchemy", "jinja2", "pillow", "numpy")
LEAST_DISK = 1024**3
INSTALL = "pip install"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; `detail` holds the remedy when it is not good."""

    name: str
    good: bool
    detail: str


def examine(course: Course) -> list[Check]:
    """Look at everything; no check stops another."""
    return [*packages(), *sandboxes(), *(check(course) for check in CHECKS)]


def packages() -> Iterator[Check]:
    """Whether what the grader imports is installed."""
    yield Check("python", sys.version_info >= (3, 11), sys.version.split()[0])
    for name in NEEDED:
        try:
            yield Check(name, True, version(name))
        except PackageNotFoundError:
            yield Check(name, False, f"not installed: {INSTALL} {name}")


def kernel(course: Course) -> Check:
    """Whether a notebook runs, in a process of its own and within its limits."""
    cell = {
        "cell_type": "code",
        "id": "probe",
        "metadata": {},
        "source": "6 * 7",
        "outputs": [],
        "execution_count": None,
    }
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    try:
        from autograder.engine.request import Request
        from autograder.engine.runner import Runner  # it loads what may be missing

        runner = Runner()
    except ImportError as error:
        return Check("kernel", False, missing(error))
    try:
        answer = runner.run(Request(notebook, {}, Limits(cell=30, notebook=60)))
    except ImportError as error:
        return Check("kernel", False, missing(error))
    except GraderError as error:
        return Check("kernel", False, str(error))
    except CourseError as error:
        return Check("kernel", False, str(error))
    finally:
        runner.stop()
    good = answer.runs["probe"].ended == "ok"
    detail = f"a notebook ran in {answer.seconds:.1f} s"
    if runner.why_fresh:
        detail += f", in processes of its own, which is slow: {runner.why_fresh}"
    return Check("kernel", good, detail)


def missing(error: ImportError) -> str:
    """What to do about a module that is not there."""
    return f"{error.name} is missing: {INSTALL} {error.name}"


def room(course: Course) -> Check:
    """Whether there is disk left for the runs."""
    free = shutil.disk_usage(tempfile.gettempdir()).free
    detail = f"{free / 1024**3:.0f} GB free in {tempfile.gettempdir()}"
    return Check("disk", free > LEAST_DISK, detail)


def gradebook(course: Course) -> Check:
    """Whether the course's gradebook opens."""
    if not course.has_gradebook:
        return Check("gradebook", True, "there is none yet: autograder release A1")
    try:
        with course.gradebook() as book:
            names = [assignment.name for assignment in book.assignments]
    except Exception as error:
        line = str(error).split("\n")[0]
        return Check("gradebook", False, f"{course.url} does not open: {line}")
    return Check("gradebook", True, f"{len(names)} assignments: {', '.join(names)}")


def sandboxes() -> Iterator[Check]:
    """What keeps a student's code away from this machine, and what else might."""
    probes = tiers()
    chosen = next((found for found in probes if found.works), None)
    if chosen is None:
        detail = "none works here, so students' code is not run"
        yield Check("sandbox", False, detail)
    else:
        yield Check("sandbox", True, f"{chosen.tier.name} ({chosen.tier.description})")
    for found in probes:
        if found is not chosen:
            good = chosen is not None
            yield Check(f"sandbox by {found.tier.name}", good, spare(found))


def spare(found: Probe) -> str:
    """One line on a sandbox that is not the chosen one."""
    if found.works:
        return "works too, and is not needed"
    remedy = f"; to enable it: {found.remedy}" if found.remedy else ""
    return f"not here: {found.why}{remedy}"


CHECKS: tuple[Callable[[Course], Check], ...] = (kernel, room, gradebook)
