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
from autograder.channel.one_test import Moment, run_test
from autograder.channel.proxies import RemoteStudent
from autograder.channel.server import serve
from autograder.model import CellRun

__all__ = [
    "CellRun",
    "Channel",
    "ChannelError",
    "ClosedError",
    "Handle",
    "LateError",
    "Moment",
    "ProtocolError",
    "RemoteStudent",
    "run_test",
    "serve",
]
