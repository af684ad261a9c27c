"""Keep a student's code away from the machine: limits, an own view, no rights.

    tier, box = best_tier(), Box()
    prepare(box)  # once, before forking
    pid = os.fork()
    if not pid:
        enter(tier, box)  # what goes on from here is sandboxed
        ...
    watch = Watch(pid)

Imports the standard library alone, so that a process that starts with it starts fast.
"""

from collections.abc import Iterable

from autograder.sandbox.box import Box, SandboxError
from autograder.sandbox.namespaces import policy
from autograder.sandbox.processes import Use
from autograder.sandbox.seccomp import program
from autograder.sandbox.tiers import (
    Probe,
    Tier,
    best_tier,
    tier,
    tiers,
    unprotected,
)
from autograder.sandbox.view import view
from autograder.sandbox.watch import Watch

__all__ = [
    "Box",
    "Probe",
    "SandboxError",
    "Tier",
    "Use",
    "Watch",
    "best_tier",
    "enter",
    "prepare",
    "tier",
    "tiers",
    "unprotected",
]


def prepare(box: Box) -> None:
    """Look up once, before forking, what `enter` needs to know about this machine."""
    view(box)
    program(policy(box))


def enter(tier: Tier, box: Box, keep: Iterable[int] = ()) -> None:
    """Sandbox this freshly forked, single-threaded process; return inside.

    What returns is another process than the one that called: that one stays outside,
    waits, and ends with the status of the one inside (128 + N after a signal N), when
    nothing is left inside. All of it ends when its parent does. Open files other than
    0, 1, 2 and those in `keep` are closed, the environment is rebuilt, signals are
    handled as in a new Python, and the working folder is a new, empty home.

    Raises SandboxError, in the process that called, when it cannot be done: it may be
    half-way in then and should end. OSError likewise.
    """
    tier.enter(box, keep)
