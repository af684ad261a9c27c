"""Judge from outside: a test's process asks the student's over a narrow channel.

`serve` runs in the student's process, `run_test` in the other one, which never runs a
student's code and takes nothing but plain data.
"""

from autograder.channel.frames import (
    Channel,
    ChannelError,
    ClosedError,
    LateError,
    ProtocolError,
)
from autograder.channel.handles import Handle
from autograder.channel.proxies import Student
from autograder.channel.server import serve
from autograder.channel.testing import Moment, TestRun, run_test

__all__ = [
    "Channel",
    "ChannelError",
    "ClosedError",
    "Handle",
    "LateError",
    "Moment",
    "ProtocolError",
    "Student",
    "TestRun",
    "run_test",
    "serve",
]
