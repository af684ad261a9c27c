"""The ways to keep a student's code in, best first, and which of them work here."""

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

from autograder.model import CourseError
from autograder.sandbox.box import Box
from autograder.sandbox.group import Unprotected
from autograder.sandbox.landlock import Landlock
from autograder.sandbox.namespaces import RootNamespace, UserNamespace

TRIAL = 60.0  # seconds
CHOICE = "AUTOGRADER_SANDBOX"
# Settings that refuse a plain user's namespaces, when they allow, and what to set.
SWITCHES = (
    ("user.max_user_namespaces", lambda value: value > 0, 15000),
    ("kernel.unprivileged_userns_clone", lambda value: value == 1, 1),
    ("kernel.apparmor_restrict_unprivileged_userns", lambda value: value == 0, 0),
)
CONTAINER = (
    "in a container: docker run --security-opt seccomp=unconfined "
    "--security-opt systempaths=unconfined --security-opt apparmor=unconfined"
)
OLDEST = (5, 12)
NEWER = "Linux 5.13 or newer, with 'landlock' in the kernel's lsm= parameter"


class Tier(Protocol):
    """A way to sandbox: a short `name`, and a `description` of one sentence."""

    name: str
    description: str

    def unfit(self) -> str:
        """Why this is no tier for the user that we are; empty when it may be tried."""

    def enter(self, box: Box, keep: Iterable[int]) -> None:
        """Sandbox this freshly forked process; see `autograder.sandbox.enter`."""


TIERS: tuple[Tier, ...] = (UserNamespace(), RootNamespace(), Landlock())


@dataclass(frozen=True)
class Probe:
    """How the trial of a tier ended; `why` and `remedy` are for one that fails."""

    tier: Tier
    works: bool
    why: str = ""
    remedy: str = ""


def unprotected() -> Tier:
    """No sandbox at all, for a person who asked for that in so many words."""
    return Unprotected()


def tier(name: str) -> Tier:
    """Find a tier by its name; ValueError if there is none."""
    for known in (*TIERS, unprotected()):
        if known.name == name:
            return known
    raise ValueError(f"there is no sandbox {name!r}")


def best_tier() -> Tier:
    """The best tier that works on this machine; CourseError when none does.

    The environment's AUTOGRADER_SANDBOX can name the only one that will do.
    """
    only = os.environ.get(CHOICE, "")
    for known in TIERS:
        if only in ("", known.name) and probe(known).works:
            return known
    raise CourseError(
        "this machine offers no sandbox, so students' code is not run; "
        "'autograder doctor' says what is missing"
    )


def tiers() -> list[Probe]:
    """Every tier, tried."""
    return [probe(known) for known in TIERS]


@cache
def probe(known: Tier) -> Probe:
    """Try a tier in a process of its own; the answer is kept."""
    if reason := known.unfit():
        return Probe(known, False, reason)
    with tempfile.TemporaryDirectory(prefix="probe-") as folder:
        secret = Path(folder) / "secret"
        secret.write_text("not for students")
        problems = try_out(known, secret)
    why = "; ".join(problems)
    return Probe(known, not problems, why, remedy(known) if problems else "")


def try_out(known: Tier, secret: Path) -> list[str]:
    """What a trial found wrong; one that says nothing failed."""
    command = [sys.executable, "-m", "autograder.sandbox.trial", known.name]
    try:
        ran = subprocess.run(
            [*command, str(secret)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TRIAL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return [f"the trial does not run: {error}"]
    try:
        return [str(problem) for problem in json.loads(ran.stdout)]
    except ValueError:
        last = ran.stderr.decode(errors="replace").strip().split("\n")[-1]
        return [f"the trial ended with status {ran.returncode}: {last}"]


def remedy(known: Tier) -> str:
    """The line that a person can type to make a tier work here."""
    if isinstance(known, Landlock):
        return "" if known.offered() else NEWER
    for name, enough, value in SWITCHES:
        path = Path("/proc/sys") / name.replace(".", "/")
        if path.exists() and not enough(int(path.read_text())):
            return f"sudo sysctl -w {name}={value}"
    if tuple(map(int, re.findall(r"\d+", platform.release())[:2])) < OLDEST:
        return "Linux 5.12 or newer"
    return CONTAINER
