"""Runs notebooks: a warm template if it works here, fresh processes otherwise."""

import threading
from collections.abc import Collection
from importlib.util import find_spec
from typing import Any

from autograder.engine.notebook import Notebook
from autograder.engine.preload import libraries_used
from autograder.engine.request import Answer, Request
from autograder.engine.spawn import FreshLauncher, Launcher, WarmLauncher
from autograder.engine.turns import alone, side_by_side
from autograder.model import Limits
from autograder.processes import GraderError
from autograder.sandbox import Tier, best_tier, unprotected

# A notebook that uses what hangs in a child of a template that had other threads.
PROBE = """import numpy as np
weight = np.random.standard_normal((64, 64))
weight @ weight
def double(x):
    return 2 * x"""
TORCH_PROBE = """
import torch
weight = torch.randn(64, 64, requires_grad=True)
(weight @ weight).sum().backward()"""
PROBES = 2
PROBE_TEST = "assert double(3) == 6"
PROBE_LIMITS = Limits(cell=20.0, notebook=40.0, output=10_000, disk=64 * 1024**2)


class Runner:
    """Runs notebooks one after the other, or several at once from several threads.

    Nothing is started before the first `run`. `fresh` gives every notebook new
    processes instead of forks of a warm one; `sandbox=False` gives student code the
    rights of whoever runs the grader, and is only for a person who says so.
    """

    def __init__(self, *, fresh: bool = False, sandbox: bool = True) -> None:
        self.fresh, self.sandbox = fresh, sandbox
        self.why_fresh = "it was asked for" if fresh else ""
        self._fresh: dict[frozenset[str], Launcher] = {}
        self._warm: dict[frozenset[str], Launcher] = {}  # by large libraries
        self._tier: Tier | None = None
        self._lock = threading.Lock()
        self._stopped = False

    def run(self, request: Request) -> Answer:
        """Run and judge a notebook; once more, alone, if the machine starved it.

        Raises GraderError when the grader's own processes fail.
        """
        launcher = self.launcher(request.limits.gpu, libraries_used(request))
        try:
            with side_by_side():
                answer = Notebook(request, launcher).run()
            if answer.starved:
                with alone():
                    answer = Notebook(request, launcher).run()
            return answer
        except GraderError:
            if self._stopped:
                raise GraderError("the grading was stopped") from None
            raise

    def launcher(self, gpu: bool = False, libraries: Collection[str] = ()) -> Launcher:
        """Where children come from that have imported these large libraries.

        The first time, try whether forking works here.
        """
        libraries = frozenset(libraries)
        with self._lock:
            if self._stopped:
                raise GraderError("the grading was stopped")
            self._tier = self._tier or (best_tier() if self.sandbox else unprotected())
            if not (gpu or self.fresh):
                have = [known for known in self._warm if libraries <= known]
                if have or self._prepare(libraries):
                    return self._warm[have[0] if have else libraries]
            if libraries not in self._fresh:
                self._fresh[libraries] = FreshLauncher(self._tier, libraries)
            return self._fresh[libraries]

    def _prepare(self, libraries: frozenset[str]) -> bool:
        """Start a template with these libraries; False if forking does not work."""
        self._warm[libraries] = warm = WarmLauncher(self._tier, libraries)
        for _ in range(PROBES):  # a loaded machine may fail one by chance
            try:
                probe(warm)
                self.why_fresh = ""
                return True
            except GraderError as error:
                self.why_fresh = str(error)
                warm.stop()
        self.fresh = True
        return False

    def close(self) -> None:
        """The same as `stop`: for `contextlib.closing`."""
        self.stop()

    def stop(self) -> None:
        """End every process, now; later calls of `run` fail."""
        self._stopped = True
        for launcher in (*self._warm.values(), *self._fresh.values()):
            launcher.stop()


def probe(launcher: Launcher) -> None:
    """Raise GraderError unless a notebook runs and is judged in this way here."""
    torch = "torch" in launcher.libraries and find_spec("torch")
    answer = PROBE + (TORCH_PROBE if torch else "")
    cells = [code("answer", answer), code("test", PROBE_TEST)]
    request = Request({"cells": cells}, {"test": PROBE_TEST}, PROBE_LIMITS)
    answer = Notebook(request, launcher).run()
    for name, run in {**answer.runs, **answer.judged}.items():
        if run.ended != "ok":
            how = f"{run.name} {run.text}".strip() or "it does not say why"
            raise GraderError(f"the trial's {name} ended with {run.ended}: {how}")


def code(name: str, source: str) -> dict[str, Any]:
    """A code cell of the trial notebook."""
    grade = {"grade": name == "test", "solution": name == "answer", "locked": False}
    return {
        "cell_type": "code",
        "id": name,
        "metadata": {"nbgrader": {"grade_id": name, **grade}},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }
