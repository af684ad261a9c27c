"""Run one test cell against a student's process."""

import ast
import builtins
import contextlib
import io
import math
import random
import types
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from autograder.channel.frames import ChannelError
from autograder.channel.proxies import Student

FILE = "<test>"
CLOSING = 5.0  # seconds for the other side to say that it has heard
LONGEST = 10_000  # characters of an exception's text
BROKEN = (
    "Your notebook's process sent what is no answer to the test's question: it must "
    "leave the grader's own files and connections alone."
)


@dataclass(frozen=True)
class TestRun:
    """How a test cell ended: ok, error, time (no answer in time), died.

    `line` is that of the cell's statement at which an exception stopped it, from 1.
    `value` is the number that the cell ends in, for a part of its points.
    """

    __test__ = False  # it is no test of pytest's

    ended: str
    name: str = ""  # of the exception
    text: str = ""  # of the exception, plain
    line: int | None = None
    value: float | None = None


class Moment:
    """A namespace and the generators as they are now, to begin from here again."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.before = dict(namespace)
        self.states = torch.get_rng_state(), np.random.get_state(), random.getstate()

    def restore(self, namespace: dict[str, Any]) -> None:
        """Put everything back."""
        torch.set_rng_state(self.states[0])
        np.random.set_state(self.states[1])
        random.setstate(self.states[2])
        namespace.clear()
        namespace.update(self.before)


def run_test(
    source: str,
    namespace: dict[str, Any],
    student: Student,
    seconds: float | None = None,
) -> TestRun:
    """Run a full test cell in `namespace`; names that it lacks are the student's.

    What the cell defines stays in the namespace, the student's names do not. All the
    waiting for the student together is at most `seconds`.

    A cell that passes although arguments were changed in place is run once more with
    inputs that a student's function cannot change, and must pass again.
    """
    student.limit(seconds)
    student.changed_arguments = student.protect = False
    moment = Moment(namespace)
    run = attempt(source, namespace, student)
    if run.ended == "ok" and student.changed_arguments:
        student.protect = True
        moment.restore(namespace)
        run = attempt(source, namespace, student)
    if student.lost is None:
        student.limit(CLOSING)
        with contextlib.suppress(ChannelError):
            student.over()
    return run


def attempt(source: str, namespace: dict[str, Any], student: Student) -> TestRun:
    """Run the cell once."""
    fetched: dict[str, Any] = {}
    dtype, grad = torch.get_default_dtype(), torch.is_grad_enabled()
    try:
        tree = ast.parse(source, FILE)
        code = compile(tree, FILE, "exec", dont_inherit=True)
        lacking = [
            name
            for name in names_needed(tree, names_in(code))
            if name not in namespace and not hasattr(builtins, name)
        ]
        last = take_last_expression(tree)
        with quiet():
            fetched = student.fetch_all(lacking)
            namespace.update(fetched)
            exec(compile(tree, FILE, "exec", dont_inherit=True), namespace)
            value = number(eval(last, namespace)) if last else None
        run = TestRun("ok", value=value)
    except (Exception, SystemExit, ChannelError) as error:
        run = failed(error)
    finally:
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(grad)
        for name, value in fetched.items():
            if name in namespace and namespace[name] is value:
                del namespace[name]
    return lost(student) or run


def take_last_expression(tree: ast.Module) -> types.CodeType | None:
    """Cut off the expression that a cell ends in, compiled; None when it has none."""
    if not (tree.body and isinstance(tree.body[-1], ast.Expr)):
        return None
    last = ast.Expression(tree.body.pop().value)
    return compile(last, FILE, "eval", dont_inherit=True)


def number(value: Any) -> float | None:
    """A plain number, or an array or tensor of one, as a float; None for all else.

    What is no finite number is no points.
    """
    if isinstance(value, (np.ndarray, np.generic, torch.Tensor)):
        whole = value.ndim == 0 and not isinstance(value, np.bool_)
        value = value.item() if whole else None
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    try:
        return float(value) if math.isfinite(value) else 0.0
    except OverflowError:
        return 0.0


def names_in(code: types.CodeType) -> set[str]:
    """Return the global names (and attributes) that a cell and its functions use."""
    inner = (part for part in code.co_consts if isinstance(part, types.CodeType))
    return set(code.co_names).union(*(names_in(part) for part in inner))


def names_needed(tree: ast.Module, used: set[str]) -> list[str]:
    """Return those names that a cell reads before it defines them for good itself."""
    defined: set[str] = set()
    needed: dict[str, None] = {}
    for statement in tree.body:
        read = dict.fromkeys(map(name_read, ast.walk(statement)))
        needed |= {name: None for name in read if name in used - defined}
        defined |= names_defined(statement)
    return [name for name in needed if not name.startswith("__")]


def name_read(node: ast.AST) -> str | None:
    """Return the name that a part of the cell reads, if it is a name."""
    if isinstance(node, ast.AugAssign):  # its target is read before it is written
        return getattr(node.target, "id", None)
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
        return node.id
    return None


def names_defined(statement: ast.stmt) -> set[str]:
    """Return the names that a statement of the cell itself binds in any case."""
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        names = (alias.asname or alias.name for alias in statement.names)
        return {name.split(".")[0] for name in names}
    if not isinstance(statement, ast.Assign):
        return set()
    nodes = (node for target in statement.targets for node in ast.walk(target))
    return {
        node.id
        for node in nodes
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Throw away what a test prints and warns of."""
    sink = io.StringIO()
    with (
        contextlib.redirect_stdout(sink),
        contextlib.redirect_stderr(sink),
        warnings.catch_warnings(action="ignore"),
    ):
        yield


def failed(error: BaseException) -> TestRun:
    """Return how a cell ended that raised."""
    try:
        text = str(error)
    except Exception:
        text = ""
    text = text[:LONGEST].encode("utf-8", "replace").decode("utf-8")
    return TestRun("error", type(error).__name__, text, line_of(error))


def line_of(error: BaseException) -> int | None:
    """Return the line of the cell's own statement that raised."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE:
            return trace.tb_lineno
        trace = trace.tb_next
    return None


def lost(student: Student) -> TestRun | None:
    """Return how a cell ended during which the student's process was lost."""
    if student.lost is None:
        return None
    if student.lost == "protocol":
        return TestRun("error", "ProtocolError", BROKEN)
    return TestRun(student.lost)
