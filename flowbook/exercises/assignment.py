"""What the checks of one assignment share: the points, the words, the summing up.

    A4 = Assignment("Assignment 4: coupling flows", by_hand=3)

    @A4.check("4.3 masks", points=1, passes="every part has its turn", read=MASKS)
    def check_mask(turning_mask):
        check(turning_mask(5, 0, parts=3), torch.tensor(...), idea=..., mistakes=...)

A notebook then calls `check_mask(turning_mask)`: it prints a line, or raises
CheckFailed. Tensors are made inside the functions, so that they have the default
dtype and device of the moment.
"""

import functools
import linecache
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from torch import Tensor

from flowbook.checks import WIDTH, BadCheckError, CheckFailed, wrapped

HOME = ""
"""The public home of the book, as `baseurl` in `_config.yml` has it."""

OURS = ("flowbook", "torch", "numpy")  # what runs between a check and an answer


class Section(NamedTuple):
    """A section of the book: the page's file name, and the heading.

    As text it is one line: both, or the address alone where both are too long.
    """

    page: str
    heading: str

    def __str__(self) -> str:
        words = "".join(c for c in self.heading.lower() if c.isalnum() or c in " -")
        anchor = "-".join(words.split())
        address = f"{HOME}{'book/' if HOME else ''}{self.page}.html#{anchor}"
        chapter = int(self.page.split("_")[0])
        words = f"chapter {chapter}, “{self.heading}” ({address})"
        return words if len(words) <= WIDTH - len("Read: ") else address


class AnswerStopped(CheckFailed):
    """An answer gave nothing that could be checked; the text is one sentence.

    The line of the student's own code that raised stands under it, where there is one.
    """

    def __init__(
        self, sentence: str, line: str | None = None, unanswered: bool = False
    ) -> None:
        super().__init__("", sentence)
        self.line, self.unanswered = line, unanswered

    def __str__(self) -> str:
        line = f"\n    {self.line}" if self.line else ""
        return wrapped(self.problem or "") + line


@dataclass
class Checked:
    """A check, and how its last run ended: None, if there was no answer to judge."""

    title: str
    points: int
    passes: str
    read: Section
    passed: bool | None = None


@dataclass
class Assignment:
    """The checks of an assignment, in the order of the notebook.

    `by_hand` is the number of points that a person gives, 0 without a derivation.
    With `copies` the answers, which are functions, get copies of the tensors, as in
    grading: what one changes in place is not asked for again.
    """

    title: str
    by_hand: int
    copies: bool = False
    checks: dict[str, Checked] = field(default_factory=dict)

    def check(
        self, title: str, *, points: int, passes: str, read: Section
    ) -> Callable[[Callable[..., None]], Callable[..., None]]:
        """Make a function that raises CheckFailed into a check of this assignment.

        It then says what `passes` when it returns, and every exception that comes from
        an answer is one sentence.
        """

        def decorate(ask: Callable[..., None]) -> Callable[..., None]:
            known = self.checks[ask.__name__] = Checked(title, points, passes, read)

            @functools.wraps(ask)
            def checked(*answers: Any) -> None:
                if self.copies:
                    answers = tuple(map(on_copies, answers))
                failure = failure_of(ask, answers, read)
                unanswered = getattr(failure, "unanswered", False)
                known.passed = None if unanswered else failure is None
                if failure is not None:
                    hide_the_way(failure)
                    raise failure
                print(f"✓ {points} of {plural(points)}: {passes}")

            return checked

        return decorate

    @staticmethod
    def run(answer: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call an answer; while it is not written, say so and return None.

        A check that is given None says "not answered yet", as for the answer itself.
        """
        try:
            return answer(*args, **options)
        except NotImplementedError as error:
            if str(error):  # torch's own, which says what
                raise
            name = getattr(answer, "__name__", "its function")
            print(f"Nothing to run yet: {name} is not answered.")
            return None

    def summary(self) -> None:
        """Print what passes, what does not, and how many points that is so far."""
        signs = {True: "✓", False: "✗", None: "·"}
        known = list(self.checks.values())
        width = max(len(each.title) for each in known)
        lines = [self.title]
        for each in known:
            said = {
                True: f"{each.points} of {plural(each.points)}",
                False: f"0 of {plural(each.points)}: read what its check says",
                None: f"open: not answered and checked yet ({plural(each.points)})",
            }[each.passed]
            lines.append(f"{signs[each.passed]} {each.title:{width}}  {said}")
        seen = sum(each.points for each in known if each.passed)
        most = sum(each.points for each in known)
        rest = (
            f"; a person gives up to {plural(self.by_hand)} more for the derivation"
            if self.by_hand
            else ""
        )
        lines.append(
            wrapped(
                f"{seen} of {plural(most)} are seen from here. Hidden tests ask the "
                f"same on other inputs and have the last word{rest}."
            )
        )
        print("\n".join(lines))


def on_copies(answer: Any) -> Any:
    """Return a function that calls the answer with copies of the tensors it is given.

    What is no function stays as it is.
    """
    if not callable(answer):
        return answer

    def ask(*args: Any) -> Any:
        return answer(*(a.clone() if isinstance(a, Tensor) else a for a in args))

    return ask


def plural(points: int) -> str:
    """A number of points, in words."""
    return f"{points} point" + "s" * (points != 1)


def failure_of(
    ask: Callable[..., None], answers: tuple[Any, ...], read: Section
) -> CheckFailed | None:
    """Ask answers; return what failed, without the way that led there."""
    if any(answer is None for answer in answers):
        sentence = "Not answered yet: None came, where an answer was expected."
        return AnswerStopped(sentence, unanswered=True)
    try:
        ask(*answers)
    except CheckFailed as failed:
        failed.read = str(read)
        return failed.with_traceback(None)
    except BadCheckError:
        raise
    except Exception as error:  # whatever an answer, or what it returned, raises
        return stopped(error)
    return None


def stopped(error: Exception) -> AnswerStopped:
    """Say in one sentence what an answer raised, and show its own line."""
    if isinstance(error, NotImplementedError) and not str(error):  # torch's say more
        sentence = "Not answered yet: your code raises NotImplementedError."
        return AnswerStopped(sentence, unanswered=True)
    said = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}".rstrip(": ")
    way = way_of(error)[2:]  # behind `failure_of` and the check itself
    frames = [f for f in way if not is_ours(f[0].f_globals)]
    if not frames:
        return AnswerStopped(f"What your code returned cannot be used: {said}.")
    own = [f for f in frames if f[0].f_globals.get("__name__") in (None, "__main__")]
    if not own:
        return AnswerStopped(f"Your code stopped with {said}.")
    frame, number = own[-1]
    code = frame.f_code
    line = linecache.getline(code.co_filename, number).strip()
    where = "" if code.co_name == "<module>" else f" of {code.co_name}"
    where = f"In line {number} of its cell" if line else f"Within{where}"
    return AnswerStopped(f"{where} your code stopped with {said}.", line or None)


def way_of(error: BaseException) -> list[tuple[types.FrameType, int]]:
    """The frames, with their lines, that an exception came through."""
    frames, trace = [], error.__traceback__
    while trace is not None:
        frames.append((trace.tb_frame, trace.tb_lineno))
        trace = trace.tb_next
    return frames


def is_ours(names: dict[str, Any]) -> bool:
    """Whether a module with these names is the course's, or one that it calls."""
    return str(names.get("__name__")).split(".")[0] in OURS


def hide_the_way(failure: CheckFailed) -> None:
    """Let plain Python print this failure alone, as notebooks do.

    A notebook asks the exception how it is shown; plain Python asks `sys.excepthook`.
    """
    usual = sys.excepthook
    if usual is not sys.__excepthook__:
        return

    def show(kind: type, error: BaseException, trace: Any) -> None:
        if isinstance(error, CheckFailed):
            print(error, file=sys.stderr)
        else:
            usual(kind, error, trace)

    sys.excepthook = show
