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
from typing import Any

import numpy as np

from autograder.channel.frames import ChannelError
from autograder.channel.libraries import is_tensor, loaded
from autograder.channel.proxies import RemoteStudent
from autograder.channel.snapshot import Snapshot
from autograder.model import CellRun
from autograder.static_analysis.names import needed

FILE = "<test>"
CLOSING = 5.0  # seconds for the other side to say that it has heard
LONGEST = 10_000  # characters of an exception's text
BROKEN = (
    "Your notebook's process sent what is no answer to the test's question: it must "
    "leave the grader's own files and connections alone."
)


class Moment:
    """A namespace, what its objects hold, and the generators, to begin here again."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.before = dict(namespace)
        own = namespace.get("__name__", "__main__")
        self.contents = Snapshot(self.before.values(), own)
        torch = loaded("torch")
        self.of_torch = torch.get_rng_state() if torch else None
        self.states = np.random.get_state(), random.getstate()

    def restore(self, namespace: dict[str, Any]) -> None:
        """Put everything back."""
        if self.of_torch is not None:
            loaded("torch").set_rng_state(self.of_torch)
        np.random.set_state(self.states[0])
        random.setstate(self.states[1])
        self.contents.restore()
        namespace.clear()
        namespace.update(self.before)


def run_test(
    source: str,
    namespace: dict[str, Any],
    student: RemoteStudent,
    seconds: float | None = None,
    moment: Moment | None = None,
    own: frozenset[str] = frozenset(),
) -> CellRun:
    """Run a full test cell in `namespace`; names that it lacks are the student's.

    What the cell defines stays in the namespace, the student's names do not; nor are
    the names in `own` ever the student's: some test cell defines them. All the waiting
    for the student together is at most `seconds`. `moment` is the namespace as it is.

    What the test hands over crosses by value: what a student's function writes into it
    is seen by nobody else. When something was written, here or there, a cell that
    passes is run once more as in one process, where writes are seen, and must pass
    again; nothing of that second run stays.
    """
    student.limit(seconds)
    moment = moment or Moment(namespace)
    student.begin(one_kernel=False)
    run = attempt(source, namespace, student, own)
    student.take_back()
    if run.ended == "ok" and (student.wrote or student.rewrote()):
        run = in_one_kernel(run, source, namespace, student, moment, own)
    if student.lost is None:
        student.limit(CLOSING)
        with contextlib.suppress(ChannelError):
            student.over()
    return run


def in_one_kernel(
    run: CellRun,
    source: str,
    namespace: dict[str, Any],
    student: RemoteStudent,
    moment: Moment,
    own: frozenset[str],
) -> CellRun:
    """Run a cell that passed as in one process; return its first run if it passes.

    A cell that fails then is run by values once more: if that fails too, the answer
    counts its calls, say, and a second run shows nothing.
    """
    after = Moment(namespace)

    def run_again(*, one_kernel: bool) -> CellRun:
        moment.restore(namespace)
        student.begin(one_kernel=one_kernel)
        again = attempt(source, namespace, student, own)
        student.take_back()
        moment.contents.restore()
        return again

    again = run_again(one_kernel=True)
    # The time that a second run takes is not the student's fault.
    passes = again.ended in ("ok", "time")
    if again.ended == "error" and student.lost is None:
        passes = run_again(one_kernel=False).ended != "ok"
    after.restore(namespace)
    return run if passes else again


def attempt(
    source: str,
    namespace: dict[str, Any],
    student: RemoteStudent,
    own: frozenset[str] = frozenset(),
) -> CellRun:
    """Run the cell once."""
    fetched: dict[str, Any] = {}
    ways = ways_of_torch()
    try:
        tree = ast.parse(source, FILE)
        compile(tree, FILE, "exec", dont_inherit=True)  # what Python refuses, ends here
        asked = (name for name in needed(tree.body) if name not in own)
        lacking = [name for name in asked if lacks(namespace, name)]
        last = take_last_expression(tree)
        with quiet():
            fetched = student.fetch_all(lacking)
            namespace.update(fetched)
            exec(compile(tree, FILE, "exec", dont_inherit=True), namespace)
            value = number(eval(last, namespace)) if last else None
        run = CellRun("ok", value=value)
    except (Exception, SystemExit, ChannelError) as error:
        run = failed(error)
    finally:
        if ways:
            loaded("torch").set_default_dtype(ways[0])
            loaded("torch").set_grad_enabled(ways[1])
        for name, value in fetched.items():
            if name in namespace and namespace[name] is value:
                del namespace[name]
    return lost(student) or run


def ways_of_torch() -> tuple[Any, bool] | None:
    """The dtype of new tensors, and whether gradients are recorded; None without it."""
    torch = loaded("torch")
    return (torch.get_default_dtype(), torch.is_grad_enabled()) if torch else None


def lacks(namespace: dict[str, Any], name: str) -> bool:
    """Whether a test that reads this name has to ask the student for it."""
    known = name in namespace or hasattr(builtins, name)
    return not known and not name.startswith("__")


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
    if is_tensor(value) or isinstance(value, (np.ndarray, np.generic)):
        whole = value.ndim == 0 and not isinstance(value, np.bool_)
        value = value.item() if whole else None
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    try:
        return float(value) if math.isfinite(value) else 0.0
    except OverflowError:
        return 0.0


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


def failed(error: BaseException) -> CellRun:
    """Return how a cell ended that raised."""
    try:
        text = str(error)
    except Exception:
        text = ""
    text = text[:LONGEST].encode("utf-8", "replace").decode("utf-8")
    return CellRun("error", type(error).__name__, text, line_of(error))


def line_of(error: BaseException) -> int:
    """Return the line of the cell's own statement that raised; 0 if none did."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE:
            return trace.tb_lineno
        trace = trace.tb_next
    return 0


def lost(student: RemoteStudent) -> CellRun | None:
    """Return how a cell ended during which the student's process was lost."""
    if student.lost is None:
        return None
    if student.lost == "protocol":
        return CellRun("error", "ProtocolError", BROKEN)
    return CellRun(student.lost)
