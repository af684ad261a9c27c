"""A student's process and a test's: two real processes and a socket between them."""

import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from autograder.channel import CellRun, Channel, RemoteStudent, run_test, serve

IMPORTS = """
import math
import numpy as np
import torch
from torch import Tensor, nn
from flowbook.checks import Mistake, check, check_raises, check_samples
from flowbook.side_effects import check_generators, in_place
"""


def be_the_student(sock: socket.socket, cells: tuple[str, ...]) -> None:
    """Run a student's cells and answer tests; never returns."""
    try:
        warnings.simplefilter("ignore")
        namespace: dict[str, Any] = {"__name__": "__main__"}
        channel = Channel(sock)
        namespace["__builtins__"] = __builtins__
        for cell in cells:
            with suppress(Exception):  # a notebook goes on after a failed cell
                exec(cell, namespace)
        while serve(channel, namespace):
            pass
    finally:
        os._exit(0)


@contextmanager
def student_of(*cells: str, seconds: float | None = 20.0) -> Iterator[RemoteStudent]:
    """A student's process that has run these cells after the usual imports."""
    here, there = socket.socketpair()
    with warnings.catch_warnings(action="ignore"):  # pytest-xdist has threads
        pid = os.fork()
    if pid == 0:
        here.close()
        be_the_student(there, (IMPORTS, *cells))
    there.close()
    channel = Channel(here)
    try:
        yield RemoteStudent(channel, seconds)
    finally:
        channel.close()
        os.waitpid(pid, 0)


def judged(answer: str, *tests: str, seconds: float = 20.0) -> CellRun:
    """How the last of these test cells ends for this answer."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(IMPORTS, namespace)
    with student_of(answer) as student:
        for test in tests:
            run = run_test(test, namespace, student, seconds)
    return run
