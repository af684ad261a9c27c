"""The gate of a release: its tests must tell right answers from wrong ones.

Judged as students' work is: the reference solution passes every test cell, and no
stand-in passes any; the mutants and alternatives of `variants.md`, where there are
some, lose what they declare, by name, and nothing.
"""

import ast
import builtins
import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.assignment.cells import grade_id, is_answer, is_given, is_test
from autograder.assignment.exam import (
    Exam,
    FilledIn,
    reference_answers,
    student_version,
)
from autograder.assignment.per_student import seed_cell
from autograder.channel.handles import OWN_JUDGE
from autograder.engine.request import Answer, Request
from autograder.engine.runner import Runner
from autograder.judge.judge import judge_submission
from autograder.model import (
    CellResult,
    CellRun,
    CourseError,
    Limits,
    Outcome,
    Result,
    Submission,
)
from autograder.release.advice import in_full
from autograder.release.variants import Variant, read_variants
from autograder.static_analysis.names import bound, read, statements

KINDS = ("None", "NaN", "empty", "zero", "always equal", "obliging")
SEEDS = (0, 20_011)  # of two students, where each has a number of their own
WORKERS = 2
SPOIL = """

from autograder.engine.child.spoiled import spoil as _spoil
_spoil(globals(), {names!r}, {kind!r}, {returning!r})
"""


def refuse_unsound(
    exam: Exam,
    source: Path,
    limits: Limits | None = None,
    *,
    variants: bool = True,
    runner: Runner | None = None,
) -> None:
    """Raise CourseError, with the cell's name, unless the tests are sound.

    `variants=False` leaves out the mutants and alternatives of `variants.md`.
    """
    refuse_open_names(exam, source)
    if runner is None:
        with closing(Runner()) as runner:
            refuse_wrongly_judged(Gate(exam, source, limits, runner), variants)
    else:
        refuse_wrongly_judged(Gate(exam, source, limits, runner), variants)


def refuse_wrongly_judged(gate: "Gate", variants: bool) -> None:
    """Raise CourseError at the first trial that loses more or less than it must."""
    gate.solution()
    gate.leave_out_pictures()
    trials = [*gate.stand_ins(), *(gate.variants() if variants else ())]
    with ThreadPoolExecutor(WORKERS) as pool:
        for problems in pool.map(lambda trial: trial.problems(), trials):
            if problems:
                pool.shutdown(wait=True, cancel_futures=True)
                name = gate.exam.assignment
                raise CourseError(f"{name} is not released: {problems[0]}")


# --- what can be seen without running -------------------------------------------------


def refuse_open_names(exam: Exam, source: Path) -> None:
    """Refuse tests that ask the student's process for what is the instructor's own.

    The judge's process runs locked given cells alone. A helper of a cell that is not
    locked would come from the student; an answer that has the name of a locked helper
    would never be asked for.
    """
    answers = reference_answers(source)
    code = [cell for cell in exam.cells if cell["cell_type"] == "code"]
    own = defined(answers.values())
    locked = defined(cell["source"] for cell in code if is_given(cell))
    tests = defined(exam.tests.values())
    free = [c for c in code if not (is_given(c) or is_test(c) or is_answer(c))]
    helpers = defined(cell["source"] for cell in free) - own - locked - tests
    helpers -= set(dir(builtins))
    for name, text in exam.tests.items():
        if taken := sorted(used([text]) & helpers):
            raise CourseError(
                f"{exam.assignment} is not released: the test cell '{name}' uses "
                f"'{taken[0]}' of a given cell that is not locked. Give that cell a "
                "grade_id, with grade and solution false and locked true."
            )
    if clash := sorted(own & locked & used(exam.tests.values())):
        raise CourseError(
            f"{exam.assignment} is not released: '{clash[0]}' is defined by an answer "
            "and by a locked given cell; the tests would never see the answer."
        )


def defined(sources: Iterable[str]) -> set[str]:
    """The names that these cells bind."""
    cells = [statements(source) for source in sources]
    return {name for body in cells for each in body for name in bound(each)}


def used(sources: Iterable[str]) -> set[str]:
    """The names that these cells read."""
    cells = [statements(source) for source in sources]
    return {name for body in cells for each in body for name in read(each)}


# --- what is judged -------------------------------------------------------------------


@dataclass(frozen=True)
class Trial:
    """A submission of which is known what it must lose: cell → mistake, or any (None).

    `what` names it in a sentence.
    """

    gate: "Gate"
    what: str
    content: bytes
    loses: Mapping[str, str | None]

    def problems(self) -> list[str]:
        """What is not as it must be, as sentences."""
        found = []
        for cell in self.gate.judged(self.what, self.content).cells:
            if cell.manual:
                continue
            expected, lost = cell.grade_id in self.loses, cell.points < cell.max_points
            if expected and not lost:
                found.append(f"{self.what} passes {cell.grade_id}.")
            elif lost and not expected:
                found.append(f"{self.what} fails {cell.grade_id} ({why(cell)}).")
            elif lost and (name := self.loses[cell.grade_id]) != cell.mistake and name:
                found.append(
                    f"{self.what} is told {cell.mistake or 'no mistake'!r} by "
                    f"{cell.grade_id}, not {name!r}."
                )
        return found


class Heard:
    """A runner of which is kept how the tests ended."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.judged: Mapping[str, CellRun] = {}

    def run(self, request: Request) -> Answer:
        """Run and judge a notebook."""
        answer = self.runner.run(request)
        self.judged = answer.judged
        return answer


class Gate:
    """Makes the trials of one assignment."""

    def __init__(
        self, exam: Exam, source: Path, limits: Limits | None, runner: Runner
    ) -> None:
        self.exam, self.source = exam, source
        self.limits, self.runner = limits, runner
        self.filled_in = FilledIn(source)
        self.answers = {
            grade_id(cell): self.filled_in.answers[grade_id(cell)]
            for cell in exam.cells
            if is_answer(cell) and cell["cell_type"] == "code"
        }

    def judged(self, what: str, content: bytes, seed: int = 0) -> Result:
        """The grade of a submission; CourseError when it cannot be judged."""
        name = f"{self.exam.assignment}.ipynb"
        kept = {cell["id"] for cell in self.exam.cells}
        notebook = json.loads(content)
        notebook["cells"] = [c for c in notebook["cells"] if c["id"] in kept]
        content = json.dumps(notebook).encode("utf-8")
        submission = Submission("nobody", self.exam.assignment, name, content)
        result = judge_submission(submission, self.exam, self.limits, seed, self.runner)
        if result.outcome != Outcome.GRADED:
            raise CourseError(f"{self.exam.assignment}: {what}: {result.reason}")
        return result

    def leave_out_pictures(self) -> None:
        """From here on leave out the cells that nothing needs, if that is true."""
        lean = replace(self.exam, release=without_pictures(self.exam.release))
        trial = Gate(lean, self.source, self.limits, self.runner)
        cells = trial.judged("the solution", self.filled_in()).cells
        if all(cell.manual or cell.points == cell.max_points for cell in cells):
            self.exam = lean

    def solution(self) -> None:
        """Refuse a reference solution that loses points, whoever's number it has."""
        content = self.filled_in()
        for seed in SEEDS if seed_cell(self.exam) else SEEDS[:1]:
            cells = self.judged("the reference solution", content, seed).cells
            lost = [c for c in cells if not c.manual and c.points < c.max_points]
            if lost:
                said = self.in_full(content, seed, lost[0].grade_id)
                raise CourseError(
                    f"{self.exam.assignment} is not released: the reference solution "
                    f"fails {', '.join(c.grade_id for c in lost)} "
                    f"{said or f'({why(lost[0])}).'}"
                )

    def in_full(self, content: bytes, seed: int, name: str) -> str:
        """What a test cell said, hidden or not: its author may know all of it."""
        heard = Heard(self.runner)
        gate = Gate(self.exam, self.source, self.limits, heard)
        gate.judged("the reference solution", content, seed)
        (cell,) = (c["id"] for c in self.exam.cells if grade_id(c) == name)
        run = heard.judged.get(cell)
        return in_full(run) if run and run.ended == "error" else ""

    def stand_ins(self) -> Iterator[Trial]:
        """The release as handed out, and answers whose results are all spoiled."""
        every = dict.fromkeys(self.exam.tests)
        yield Trial(self, "an unsolved notebook", student_version(self.source), every)
        built = {
            grade_id(cell)
            for cell in self.exam.cells
            if cell["metadata"].get("autograder", {}).get("structure")
        }
        for kind in KINDS:
            exempt = set() if kind == "None" else built
            content = self.filled_in(
                {name: self.spoiled(text, kind) for name, text in self.answers.items()}
            )
            what = f"an answer whose every result is {kind}"
            loses = dict.fromkeys(every.keys() - exempt)
            trial = Obliged if kind == "obliging" else Spoiled
            yield trial(self, what, content, loses)

    def spoiled(self, answer: str, kind: str) -> str:
        """An answer with a line that spoils the names which the tests ask for."""
        names = sorted(defined([answer]) & used(self.exam.tests.values()))
        returning = sorted(name for name in returning_functions(statements(answer)))
        return answer + SPOIL.format(names=names, kind=kind, returning=returning)

    def variants(self) -> Iterator[Trial]:
        """The mutants and alternatives, several in one notebook where they allow it."""
        if not (self.source.parent / "variants.md").is_file():
            return
        variants = read_variants(self.source.parent)
        for kind in ("alternative", "mutant"):
            for group in groups(v for v in variants if v.kind == kind):
                content = self.filled_in({v.replaces: v.source for v in group})
                names = "; ".join(f"'{v.name}' for {v.replaces}" for v in group)
                loses = {cell: v.name for v in group for cell in v.loses}
                yield Trial(self, f"the {kind} {names}", content, loses)


class Spoiled(Trial):
    """A stand-in: what else it fails says nothing."""

    advice = (
        "it tests nothing. If it tests only how a class is built, its metadata must "
        "say autograder: {structure: true}."
    )

    def problems(self) -> list[str]:
        """The test cells that it passes."""
        return [
            f"{self.what} passes {cell.grade_id}: {self.advice}"
            for cell in self.gate.judged(self.what, self.content).cells
            if cell.grade_id in self.loses and cell.points > 0
        ]


class Obliged(Spoiled):
    """An answer of objects that are no values, and that answer whatever is asked."""

    advice = (
        "it asks the answer's own object, as in `y.allclose(e)` or `y.item()`, which "
        "can say what it likes. Ask a function about the value: `check(y, e, ...)`, "
        "`torch.allclose(y, e)`, `float(y)`."
    )

    def problems(self) -> list[str]:
        """The test cells that it passes, or that ask for its judgement in vain."""
        heard = Heard(self.gate.runner)
        gate = copy(self.gate)
        gate.runner = heard
        found = Spoiled.problems(replace(self, gate=gate))
        for cell in self.gate.exam.cells:
            run, name = heard.judged.get(cell["id"]), grade_id(cell)
            if run and name in self.loses and OWN_JUDGE in run.text:
                found.append(f"{self.what} is its own judge in {name}: {self.advice}")
        return found


def without_pictures(release: str) -> str:
    """A release without the code cells that have no name: pictures and examples."""
    notebook = json.loads(release)
    notebook["cells"] = [
        cell
        for cell in notebook["cells"]
        if cell["cell_type"] != "code" or grade_id(cell)
    ]
    return json.dumps(notebook)


def groups(variants: Iterable[Variant]) -> list[list[Variant]]:
    """Variants that one notebook can hold: of other answers, losing other cells."""
    found: list[list[Variant]] = []
    for variant in variants:
        for group in found:
            taken = {v.replaces for v in group} | {c for v in group for c in v.loses}
            if not taken & {variant.replaces, *variant.loses}:
                group.append(variant)
                break
        else:
            found.append([variant])
    return found


def returning_functions(body: Iterable[ast.stmt], within: str = "") -> Iterator[str]:
    """The functions, `f` or `Class.method`, that return a value or yield some."""
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            yield from returning_functions(statement.body, f"{statement.name}.")
        elif isinstance(statement, ast.FunctionDef) and returns(statement):
            yield within + statement.name
        elif isinstance(statement, ast.Assign) and isinstance(
            statement.value, ast.Lambda
        ):
            yield from (within + name for name in bound(statement))


def returns(function: ast.AST) -> bool:
    """Whether a function returns a value, its inner functions left aside."""
    for child in ast.iter_child_nodes(function):
        if isinstance(child, ast.Return) and child.value is not None:
            return True
        if isinstance(child, ast.Yield | ast.YieldFrom):
            return True
        inner = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
        if not isinstance(child, inner) and returns(child):
            return True
    return False


def why(cell: CellResult) -> str:
    """Why a cell gave no points, in a few words."""
    return (cell.error or cell.idea or "the test failed").rstrip(".")
