"""Run a submission and judge it: plain data in, a Result out.

This pass is one for now: the tests run in the student's own kernel. What replaces it
keeps `judge`.
"""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from autograder.exam import Exam, grade_id, is_answer, is_manual, is_test, points
from autograder.intake import Rebuilt, intake
from autograder.model import CellResult, Limits, Outcome, Result, Submission
from autograder.notebook_file import RefusedError, one_line
from autograder.processes import GraderError, Runner

JUDGE = "kernel 1"  # grades by another judge are graded again
ATTEMPTS = 2
FIELD = {
    "idea": re.compile(r"^Idea: (.+)$", re.MULTILINE),
    "problem": re.compile(r"^Problem: (.+)$", re.MULTILINE),
    "mistake": re.compile(r"^Looks like: (.+)$", re.MULTILINE),
    "hint": re.compile(r"^Hint: (.+)$", re.MULTILINE),
}
MISSING_NAME = re.compile(r"name '(\w+)' is not defined")
CELL_FILE = re.compile(r"\(\d+\.py, line (\d+)\)")  # a kernel's name for a cell
POINTS = re.compile(r"\s*\([^()]*\bpoints?\)\s*$")


def result_key(submission: Submission, exam: Exam, seed: int = 0) -> str:
    """The hash of all that a grade depends on: the same key, the same grade."""
    parts = [submission.key, submission.filename, exam.key, seed, JUDGE]
    return sha256(json.dumps(parts).encode("utf-8")).hexdigest()


def judge(
    submission: Submission,
    exam: Exam,
    limits: Limits | None = None,
    seed: int = 0,
    runner: Runner | None = None,
) -> Result:
    """Grade one submission: GRADED, INVALID with a reason, or FAILED after two tries.

    Never raises on account of what was submitted.
    """
    started = time.monotonic()
    limits, runner = limits or Limits(), runner or Runner()
    problem = ""
    for _ in range(ATTEMPTS):
        try:
            rebuilt = intake(submission, exam)
            answer = execute(rebuilt, exam, limits, seed, runner)
            graded = Verdict(exam, limits, answer).result(rebuilt.repairs)
            break
        except RefusedError as refusal:
            graded = {"outcome": Outcome.INVALID, "reason": str(refusal)}
            graded["cells"] = no_points(exam)
            break
        except GraderError as error:
            problem = str(error)
        except Exception as error:  # a bug of the grader is no student's fault
            problem = f"{type(error).__name__}: {error}"
    else:
        graded = {"outcome": Outcome.FAILED, "cells": no_points(exam)}
        graded["reason"] = one_line(f"The grader failed twice: {problem}")
    return Result(
        student=submission.student,
        assignment=submission.assignment,
        seconds=round(time.monotonic() - started, 2),
        key=result_key(submission, exam, seed),
        filename=submission.filename,
        **graded,
    )


def refused(submission: Submission, exam: Exam, reason: str, seed: int = 0) -> Result:
    """The Result of a submission in which there is nothing to judge."""
    return Result(
        student=submission.student,
        assignment=submission.assignment,
        outcome=Outcome.INVALID,
        cells=no_points(exam),
        reason=reason,
        key=result_key(submission, exam, seed),
        filename=submission.filename,
    )


def execute(
    rebuilt: Rebuilt, exam: Exam, limits: Limits, seed: int, runner: Runner
) -> dict[str, Any]:
    """Run a rebuilt notebook in a process of its own; GraderError if that fails."""
    request = {
        "notebook": json.loads(rebuilt.notebook),
        "tests": dict(exam.tests),
        "limits": asdict(limits),
        "seed": seed,
    }
    return runner.run(request, limits.notebook)


def no_points(exam: Exam) -> tuple[CellResult, ...]:
    """The cells of a submission that was not judged."""
    titles = cell_titles(exam.cells)
    return tuple(
        CellResult(
            grade_id=grade_id(cell),
            title=titles[grade_id(cell)],
            manual=is_manual(cell),
            points=0.0,
            max_points=points(cell),
        )
        for cell in exam.graded
    )


def cell_titles(cells: list[dict[str, Any]]) -> dict[str, str]:
    """For each named cell the heading that it stands under, less its points."""
    titles, heading = {}, ""
    for cell in cells:
        if cell["cell_type"] == "markdown":
            found = re.findall(r"^#{1,6} +(.+?)\s*$", cell["source"], re.MULTILINE)
            heading = POINTS.sub("", found[-1]) if found else heading
        if name := grade_id(cell):
            titles[name] = heading or name
    return titles


@dataclass(frozen=True)
class Verdict:
    """Reads how the cells ended, and says it in words for the student."""

    exam: Exam
    limits: Limits
    answer: Mapping[str, Any]

    def result(self, repairs: tuple[str, ...]) -> dict[str, Any]:
        """The fields of a graded Result."""
        return {
            "outcome": Outcome.GRADED,
            "cells": tuple(self.cell_results()),
            "repairs": repairs,
            "reason": " ".join(self.accidents()) or None,
            "notebook": self.answer["notebook"],
        }

    @property
    def ran(self) -> list[dict[str, Any]]:
        """The cells as they were run, the student's extra ones included."""
        cells = json.loads(self.answer["notebook"])["cells"]
        return [cell | {"source": "".join(cell["source"])} for cell in cells]

    def cell_results(self) -> list[CellResult]:
        """The points of each graded cell, in the order of the notebook."""
        titles = cell_titles(self.exam.cells)
        results, own_error = [], None
        for cell in self.ran:
            own_error = self.own_error(cell) or own_error
            if points(cell) is None:
                continue
            explained = {} if is_manual(cell) else self.explain(cell, own_error)
            passed = not is_manual(cell) and not explained
            results.append(
                CellResult(
                    grade_id=grade_id(cell),
                    title=titles[grade_id(cell)],
                    manual=is_manual(cell),
                    points=points(cell) if passed else 0.0,
                    max_points=points(cell),
                    **explained,
                )
            )
            own_error = None if is_test(cell) else own_error
        return results

    def own_error(self, cell: Mapping[str, Any]) -> str | None:
        """The error of a cell in which the student wrote, as one sentence."""
        run = self.answer["runs"].get(cell["id"])
        own = is_answer(cell) or cell["metadata"].get("autograder")
        if not own or not run or run["ended"] == "ok":
            return None
        if run["name"] == "NotImplementedError":
            return "It is not answered yet: its cell raises NotImplementedError."
        if run["ended"] == "error":
            return f"Your own cell stopped with {what_raised(run)}"
        return self.sentence(cell, run)

    def explain(self, cell: Mapping[str, Any], own: str | None) -> dict[str, Any]:
        """Why a test cell gives no points; empty when it passed."""
        seen = self.answer["runs"].get(cell["id"])
        hidden = self.answer["hidden"].get(cell["id"])
        if seen is None:
            return {"error": "This test did not run."}
        if seen["ended"] != "ok":
            return self.fields(cell, seen, own, visible=True)
        needs_more = self.exam.tests[grade_id(cell)] != cell["source"]
        if hidden is None and needs_more:
            return {"error": "This test did not run to its end."}
        if hidden is not None and hidden["ended"] != "ok":
            return self.fields(cell, hidden, own, visible=False)
        return {}

    def fields(
        self,
        cell: Mapping[str, Any],
        run: Mapping[str, str],
        own: str | None,
        *,
        visible: bool,
    ) -> dict[str, Any]:
        """The idea, mistake and hint of a failed check, and one line in words."""
        if run["ended"] != "error":
            return {"error": self.sentence(cell, run)}
        found = {}
        if run["name"] == "CheckFailed":
            found = {
                name: one_line(match[1])
                for name, pattern in FIELD.items()
                if (match := pattern.search(run["text"]))
            }
        problem = found.pop("problem", None)
        if found:
            return found | ({"error": problem} if visible else {})
        return {"error": self.stopped(run, own, visible)}

    def stopped(self, run: Mapping[str, str], own: str | None, visible: bool) -> str:
        """One clear sentence on a test that another exception stopped."""
        if own:
            return own
        if run["name"] == "NotImplementedError":
            return "It is not answered yet: your code raises NotImplementedError."
        missing = MISSING_NAME.search(run["text"])
        if missing and re.search(rf"\b{missing[1]}\b", self.exam.release):
            return (
                f"The test needs '{missing[1]}', and your notebook does not define it."
            )
        if visible:
            return f"The test stopped with {what_raised(run)}"
        kind = run["name"] if run["name"].isidentifier() else "an error"
        return (
            f"A hidden test failed ({kind[:40]}): your code gives a wrong answer, or "
            "stops, on an input that the visible tests do not try."
        )

    def accidents(self) -> list[str]:
        """What went wrong on the way: cells that ran too long or lost the kernel."""
        found = []
        for cell in self.ran:
            for runs in (self.answer["runs"], self.answer["hidden"]):
                run = runs.get(cell["id"], {"ended": "ok"})
                if run["ended"] in ("time", "died"):
                    found.append(self.sentence(cell, run))
        skipped = [r for r in self.answer["runs"].values() if r["ended"] == "skipped"]
        if skipped:
            found.append(self.sentence({}, skipped[0]))
        return list(dict.fromkeys(found))

    def sentence(self, cell: Mapping[str, Any], run: Mapping[str, str]) -> str:
        """How a cell ended that neither passed nor raised."""
        if run["ended"] == "skipped" and run["text"] == "notebook":
            return (
                f"The notebook took longer than {self.limits.notebook:g} s: the cells "
                "after that did not run."
            )
        if run["ended"] == "skipped":
            return "Python was lost too often: the cells after that did not run."
        kind = kind_of(cell)
        name = grade_id(cell) or one_line(cell["source"].strip().split("\n")[0][:40])
        if run["ended"] == "time":
            return (
                f"The {kind} cell '{name}' ran longer than {self.limits.cell:g} s and "
                "was stopped."
            )
        return (
            f"The {kind} cell '{name}' ended Python itself (out of memory, or an exit)."
        )


def kind_of(cell: Mapping[str, Any]) -> str:
    """How a sentence to a student calls a cell."""
    if is_test(cell):
        return "test"
    if is_answer(cell):
        return "answer"
    return "added" if cell["metadata"].get("autograder") else "given"


def what_raised(run: Mapping[str, str]) -> str:
    """An exception as one line: its name and its text, if it has one."""
    text = CELL_FILE.sub(r"(line \1)", run["text"])
    return one_line(f"{run['name']}: {text}".rstrip(": "))
