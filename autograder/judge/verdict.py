"""Reads how the cells of a notebook ended, and says it in words for the student.

Points come from the judge's process alone. What the student's process says about its
own cells explains a lost point, and never gives one.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from autograder.assignment.cells import (
    cell_titles,
    grade_id,
    is_added,
    is_answer,
    is_manual,
    is_test,
    points,
)
from autograder.assignment.exam import Exam
from autograder.engine.pair import OUT_OF_TIME
from autograder.engine.request import Answer
from autograder.judge.read_file import one_line
from autograder.model import CellResult, CellRun, Limits, Outcome

# A line for each, and the rest of a long one indented under it.
LABELS = {
    "Checked": "idea",
    "Problem": "problem",
    "Looks like": "mistake",
    "Hint": "hint",
    "Read": "read",
}
FIELD = re.compile(rf"^({'|'.join(LABELS)}): (.+(?:\n +.+)*)", re.MULTILINE)
MISSING_NAME = re.compile(r"name '(\w+)' is not defined")
CELL_FILE = re.compile(r"\(<ipython-input-[\w-]+>, line (\d+)\)")


# What a cell of the student's stopped with, what it binds (ANY where that could not be
# read: never here, a source can be made to take all that its reader has), and whether
# it is an answer.
ANY = "*"
OwnError = tuple[str, frozenset[str], bool]


@dataclass(frozen=True)
class Verdict:
    """Reads how the cells ended, and says it in words for the student."""

    exam: Exam
    limits: Limits
    answer: Answer

    def result(self, repairs: tuple[str, ...]) -> dict[str, Any]:
        """The fields of a graded Result."""
        return {
            "outcome": Outcome.GRADED,
            "cells": tuple(self.cell_results()),
            "repairs": repairs,
            "reason": " ".join(self.accidents()) or None,
            "notebook": self.answer.notebook,
            "tier": self.answer.tier,
            "mode": self.answer.mode,
            "cpu": round(self.answer.cpu, 2),
            "share": round(self.answer.share, 3),
            "ran_out": asdict(self.limits) if self.met_a_limit() else None,
        }

    @property
    def ran(self) -> list[dict[str, Any]]:
        """The cells as they were run, the student's extra ones included."""
        cells = json.loads(self.answer.notebook)["cells"]
        return [cell | {"source": "".join(cell["source"])} for cell in cells]

    def cell_results(self) -> list[CellResult]:
        """The points of each graded cell, in the order of the notebook."""
        titles = cell_titles(self.exam.cells)
        results, copied = [], None
        own_errors: list[OwnError] = []
        for cell in self.ran:
            if found := self.own_error(cell):
                names = self.answer.binds.get(cell["id"], frozenset({ANY}))
                own_errors.append((found, names, is_answer(cell)))
            if is_answer(cell):
                copied = self.answer.ready_made.get(cell["id"])
            if points(cell) is None:
                continue
            explained = {} if is_manual(cell) else self.explain(cell, own_errors)
            if copied and not is_manual(cell):
                explained = {"error": ready_made(copied)}
            passed = not is_manual(cell) and not explained
            worth = self.worth(cell) if passed else 0.0
            if passed and worth < points(cell):
                what = f"Some of its checks hold: {worth:g} of {points(cell):g} points."
                explained = {"error": what}
            results.append(
                CellResult(
                    grade_id=grade_id(cell),
                    title=titles[grade_id(cell)],
                    manual=is_manual(cell),
                    points=worth,
                    max_points=points(cell),
                    **explained,
                )
            )
            if is_test(cell):  # an answer's error explains its own tests alone
                own_errors = [each for each in own_errors if not each[2]]
        return results

    def worth(self, cell: Mapping[str, Any]) -> float:
        """The points of a test cell that passed: all, or what it says in its last line.

        A cell that ends in a number gives that many points, as in nbgrader.
        """
        most = points(cell)
        value = self.answer.judged[cell["id"]].value
        if value is None:
            return most
        return min(most, max(0.0, value)) if math.isfinite(value) else 0.0

    def own_error(self, cell: Mapping[str, Any]) -> str | None:
        """The error of a cell in which the student wrote, as one sentence."""
        run = self.answer.runs.get(cell["id"])
        own = is_answer(cell) or is_added(cell)
        if not own or not run or run.ended == "ok":
            return None
        if run.name == "NotImplementedError":
            return "It is not answered yet: its cell raises NotImplementedError."
        if run.name == "ModuleNotFoundError" and (
            found := re.search(r"named '([\w.]+)'", run.text)
        ):
            return (
                f"Your own cell stopped: the module '{found[1]}' is not there when the "
                "notebook is graded. A file of your own beside the notebook is not run:"
                " copy what you need of it into the notebook."
            )
        if run.ended == "error":
            return f"Your own cell stopped with {what_raised(run)}"
        return self.sentence(cell, run)

    def explain(
        self, cell: Mapping[str, Any], own: Sequence[OwnError]
    ) -> dict[str, Any]:
        """Why a test cell gives no points; empty when it passed."""
        run = self.answer.judged.get(cell["id"])
        if run is None:
            return {"error": "This test did not run."}
        if run.ended == "ok":
            return {}
        full = self.exam.tests[grade_id(cell)]
        visible = is_visible(full, cell["source"], run.line)
        found = self.fields(cell, run, own, visible=visible)
        if run.ended == "error" and not ("mistake" in found or is_explained(own, run)):
            found["alike"] = words_of(run)
        return found

    def fields(
        self,
        cell: Mapping[str, Any],
        run: CellRun,
        own: Sequence[OwnError],
        *,
        visible: bool,
    ) -> dict[str, Any]:
        """What a failed check says, field by field, and one line in words."""
        if run.ended != "error":
            return {"error": self.sentence(cell, run)}
        found = {}
        if run.name == "CheckFailed":
            for label, text in FIELD.findall(run.text):
                found.setdefault(LABELS[label], one_line(text))
        problem = found.pop("problem", None)
        if found:
            return found | ({"error": problem} if visible else {})
        return {"error": self.stopped(run, own, visible)}

    def stopped(self, run: CellRun, own: Sequence[OwnError], visible: bool) -> str:
        """One clear sentence on a test that another exception stopped."""
        if reason := reason_among(own, run):
            return reason
        if run.name == "NotImplementedError":
            return "It is not answered yet: your code raises NotImplementedError."
        missing = MISSING_NAME.search(one_line(run.text))
        if missing and re.search(rf"\b{missing[1]}\b", self.exam.release):
            return (
                f"The test needs '{missing[1]}', and your notebook does not define it."
            )
        if visible and run.name == "AnswerStopped":
            return one_line(run.text)
        if visible:
            return f"The test stopped with {what_raised(run)}"
        kind = run.name if run.name.isidentifier() else "an error"
        return (
            f"A hidden test failed ({kind[:40]}): your code gives a wrong answer, or "
            "stops, on an input that the visible tests do not try."
        )

    def accidents(self) -> list[str]:
        """What went wrong on the way: cells that ran too long or lost the kernel."""
        found = []
        for cell in self.ran:
            for runs in (self.answer.runs, self.answer.judged):
                run = runs.get(cell["id"], CellRun("ok"))
                if run.ended in ("time", "died"):
                    found.append(self.sentence(cell, run))
            found += self.disagreement(cell)
        everything = (*self.answer.runs.values(), *self.answer.judged.values())
        skipped = [run for run in everything if out_of_time(run)]
        if skipped:
            found.append(self.sentence({}, skipped[0]))
        return list(dict.fromkeys(found))

    def disagreement(self, cell: Mapping[str, Any]) -> list[str]:
        """What to say of a test that fails in the student's own process alone."""
        own = self.answer.runs.get(cell["id"], CellRun("ok"))
        judged = self.answer.judged.get(cell["id"])
        if own.ended != "error" or judged is None or judged.ended != "ok":
            return []
        return [
            f"The visible test '{grade_id(cell)}' stops in your notebook and passes "
            "when it is judged from outside, which is what counts. Perhaps something "
            "of the test's has another meaning in your notebook, or your code depends "
            "on what ran before it."
        ]

    def met_a_limit(self) -> bool:
        """Whether other limits could have given another grade."""
        runs = (*self.answer.runs.values(), *self.answer.judged.values())
        return any(run.ended in ("time", "died", "skipped") for run in runs)

    def sentence(self, cell: Mapping[str, Any], run: CellRun) -> str:
        """How a cell ended that neither passed nor raised."""
        if out_of_time(run):
            return (
                f"The notebook took longer than {self.limits.notebook:g} s: the cells "
                "after that did not run."
            )
        if run.ended == "skipped":
            return (
                "It did not run: another test of this exercise ran too long or ended "
                "Python."
            )
        kind = kind_of(cell)
        name = grade_id(cell) or one_line(cell["source"].strip().split("\n")[0][:40])
        if run.ended == "time" and run.text:
            return (
                f"The {kind} cell '{name}' was stopped after {run.text} s: the "
                f"notebook took longer than {self.limits.notebook:g} s."
            )
        if run.ended == "time":
            return (
                f"The {kind} cell '{name}' ran longer than {self.limits.cell:g} s and "
                "was stopped."
            )
        return (
            f"The {kind} cell '{name}' ended Python itself (out of memory, or an exit)."
        )


def is_explained(own: Sequence[OwnError], run: CellRun) -> bool:
    """Whether a test failed for want of an answer, or for a cell that stopped."""
    is_open = one_line(run.text).startswith("Not answered yet")
    if is_open or run.name == "NotImplementedError":
        return True
    return reason_among(own, run) is not None


def words_of(run: CellRun) -> str:
    """A mark for the line and the words with which a test failed.

    A check says what came: answers of the same wrong value have the same mark.
    """
    words = f"{run.line} {run.name} {one_line(run.text)}"
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def reason_among(own: Sequence[OwnError], run: CellRun) -> str | None:
    """The error of the student's own cells that explains a test's; None for none.

    A cell that stopped explains a name that it did not bind. An answer's cell that
    stopped also explains an error that is no wrong value.
    """
    missing = MISSING_NAME.search(one_line(run.text))
    if missing:
        for error, names, _ in reversed(own):
            if names & {missing[1], ANY}:
                return error
    if run.name in ("AssertionError", "CheckFailed"):
        return None
    return next((error for error, _, answer in reversed(own) if answer), None)


def kind_of(cell: Mapping[str, Any]) -> str:
    """How a sentence to a student calls a cell."""
    if is_test(cell):
        return "test"
    if is_answer(cell):
        return "answer"
    return "added" if is_added(cell) else "given"


def is_visible(full: str, shown: str, line: int) -> bool:
    """Whether a line of a full test cell is one that the student has, too.

    What stands before the hidden part, and what stands after it, is; where there are
    several hidden parts, what is between them counts as hidden.
    """
    lines, known = full.rstrip().split("\n"), shown.rstrip().split("\n")
    if lines == known:
        return True
    before = common(lines, known)
    rest = len(known) - before
    after = min(rest, common(lines[::-1], known[::-1]))
    return 0 < line <= before or line > len(lines) - after


def common(one: list[str], other: list[str]) -> int:
    """How many lines two texts have in common at their beginnings."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))


def ready_made(module: str) -> str:
    """Tell the student why an answer counts nothing."""
    return (
        f"This answer uses the ready-made '{one_line(module[:60])}', but it is to be "
        "written by hand. So its tests give no points."
    )


def what_raised(run: CellRun) -> str:
    """An exception as one line: its name and its text, if it has one."""
    text = CELL_FILE.sub(r"(line \1)", run.text)
    return one_line(f"{run.name}: {text}".rstrip(": "))


def out_of_time(run: CellRun) -> bool:
    """Whether a cell did not run because the notebook's time was used up."""
    return (run.ended, run.text) == (OUT_OF_TIME.ended, OUT_OF_TIME.text)
