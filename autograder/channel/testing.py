"""Run one test cell against a student's process."""

import builtins
import contextlib
import io
import types
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from autograder.channel.frames import ChannelError
from autograder.channel.proxies import Student

FILE = "<test>"
LONGEST = 10_000  # characters of an exception's text
BROKEN = (
    "Your notebook's process sent what is no answer to the test's question: it must "
    "leave the grader's own files and connections alone."
)


@dataclass(frozen=True)
class TestRun:
    """How a test cell ended: ok, error, time (no answer in time), died.

    `line` is that of the cell's statement at which an exception stopped it, from 1.
    """

    __test__ = False  # it is no test of pytest's

    ended: str
    name: str = ""  # of the exception
    text: str = ""  # of the exception, plain
    line: int | None = None


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
    before = dict(namespace)
    state = torch.get_rng_state()
    run = attempt(source, namespace, student)
    if run.ended == "ok" and student.changed_arguments:
        student.protect = True
        torch.set_rng_state(state)
        namespace.clear()
        namespace.update(before)
        run = attempt(source, namespace, student)
    with contextlib.suppress(ChannelError, Exception):
        student.over()
    return run


def attempt(source: str, namespace: dict[str, Any], student: Student) -> TestRun:
    """Run the cell once."""
    fetched: dict[str, Any] = {}
    dtype, grad = torch.get_default_dtype(), torch.is_grad_enabled()
    try:
        code = compile(source, FILE, "exec", dont_inherit=True)
        lacking = [
            name
            for name in dict.fromkeys(names_in(code))
            if name not in namespace and not hasattr(builtins, name)
        ]
        with quiet():
            fetched = student.fetch_all(lacking)
            namespace.update(fetched)
            exec(code, namespace)
        run = TestRun("ok")
    except (Exception, SystemExit, ChannelError) as error:
        run = failed(error)
    finally:
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(grad)
        for name, value in fetched.items():
            if namespace.get(name) is value:
                del namespace[name]
    return lost(student) or run


def names_in(code: types.CodeType) -> Iterator[str]:
    """Yield the names that a cell and its functions use, attributes among them."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from names_in(constant)


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
