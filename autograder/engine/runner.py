"""Runs notebooks: a warm template if it works here, fresh processes otherwise."""

import threading
from collections.abc import Mapping
from typing import Any

from autograder.engine.notebook import Notebook
from autograder.engine.spawn import FreshNursery, Nursery, WarmNursery
from autograder.processes import GraderError
from autograder.sandbox import best_tier, unprotected

# A notebook that uses what hangs in a child of a template that had other threads.
PROBE = """import torch
weight = torch.randn(64, 64, requires_grad=True)
(weight @ weight).sum().backward()
torch.optim.Adam([weight]).step()
def double(x):
    return 2 * x"""
PROBES = 2
PROBE_TEST = "assert double(3) == 6"
PROBE_LIMITS = {
    "cell": 20.0,
    "notebook": 40.0,
    "output": 10_000,
    "memory": 2 * 1024**3,
    "disk": 64 * 1024**2,
}


class Runner:
    """Runs notebooks one after the other, or several at once from several threads.

    Nothing is started before the first `run`. `fresh` gives every notebook new
    processes instead of forks of a warm one; `sandbox=False` gives student code the
    rights of whoever runs the grader, and is only for a person who says so.
    """

    def __init__(self, *, fresh: bool = False, sandbox: bool = True) -> None:
        self.fresh, self.sandbox = fresh, sandbox
        self.why_fresh = "it was asked for" if fresh else ""
        self._nurseries: dict[str, Nursery] = {}
        self._lock = threading.Lock()
        self._stopped = False

    def run(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Run and judge a notebook; plain data in, plain data out.

        `request` has the notebook, the full tests by grade_id, the limits and the
        seed. The answer has the run notebook, `runs` and `judged` (how each cell ended
        in S and in T), `ready_made`, and how it was run. `seconds` is the notebook's
        limit. Raises GraderError when the grader's own processes fail.
        """
        request = {**request, "limits": {**request["limits"], "notebook": seconds}}
        nursery = self.nursery(bool(request["limits"].get("gpu")))
        try:
            return Notebook(request, nursery).run()
        except GraderError:
            if self._stopped:
                raise GraderError("the grading was stopped") from None
            raise

    def nursery(self, gpu: bool = False) -> Nursery:
        """Where children come from; the first time, try whether forking works here."""
        with self._lock:
            if self._stopped:
                raise GraderError("the grading was stopped")
            if not self._nurseries:
                self._prepare()
            return self._nurseries["fresh" if gpu or self.fresh else "warm"]

    def _prepare(self) -> None:
        tier = best_tier() if self.sandbox else unprotected()
        self._nurseries["fresh"] = FreshNursery(tier)
        if self.fresh:
            return
        self._nurseries["warm"] = warm = WarmNursery(tier)
        for _ in range(PROBES):  # a loaded machine may fail one by chance
            try:
                probe(warm)
                self.why_fresh = ""
                return
            except GraderError as error:
                self.why_fresh = str(error)
                warm.stop()
        self.fresh = True

    def close(self) -> None:
        """The same as `stop`: for `contextlib.closing`."""
        self.stop()

    def stop(self) -> None:
        """End every process, now; later calls of `run` fail."""
        self._stopped = True
        for nursery in list(self._nurseries.values()):
            nursery.stop()


def probe(nursery: Nursery) -> None:
    """Raise GraderError unless a notebook runs and is judged in this way here."""
    request = {
        "notebook": {"cells": [code("answer", PROBE), code("test", PROBE_TEST)]},
        "tests": {"test": PROBE_TEST},
        "limits": PROBE_LIMITS,
        "seed": 0,
    }
    answer = Notebook(request, nursery).run()
    ended = {**answer["runs"], **answer["judged"]}
    for name, run in ended.items():
        if run["ended"] != "ok":
            said = f"{run['name']} {run['text']}".strip() or "no word"
            raise GraderError(f"the trial's {name} ended with {run['ended']}: {said}")


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
