"""The test process: runs given cells and full test cells, never an answer.

What a test cell needs of the student's, it asks the student process for, over a
channel of its own.
"""

import socket
from typing import Any

from autograder.channel import Channel, Moment, RemoteStudent, run_test
from autograder.engine.child.commands import Commands
from autograder.engine.child.send_outputs import Outlet
from autograder.engine.child.shell import Shell, connect, run_cell
from autograder.engine.control import Message

LONGEST = 10_000  # characters of an exception's text


class Tester(Commands):
    """Runs given cells and tests."""

    def __init__(self, sock: socket.socket, shell: Shell) -> None:
        super().__init__(sock, shell)
        self.channel: Channel | None = None
        self.moment: Moment | None = None  # before the last test
        connect(shell, Outlet(lambda outputs: None))  # what tests print is for nobody

    def do(self, command: Message, fds: list[int]) -> dict[str, Any]:
        """Run a given cell, or a test cell."""
        match command["do"]:
            case "given":
                return run_cell(self.shell, command["source"], quiet=True)
            case "test":
                if fds:
                    if self.channel:
                        self.channel.close()
                    self.channel = Channel(socket.socket(fileno=fds[0]))
                return self.test(command)
        raise ValueError(f"no such command: {command['do']}")

    def test(self, command: Message) -> dict[str, Any]:
        """Run a test cell against the student's process at the channel's other end.

        The channel serves several tests; it is closed after the last, or when a test
        has spoiled it. A test that comes `again` begins where it began before.
        """
        source, seconds = command["source"], command["patience"]
        names = self.shell.user_ns
        if command["again"] and self.moment:
            self.moment.restore(names)
        self.moment = Moment(names)
        spoiled = True
        try:
            student = RemoteStudent(self.channel, seconds)
            own = frozenset(command["own"])
            run = run_test(source, names, student, seconds, self.moment, own)
            spoiled = run.ended not in ("ok", "error") or student.lost is not None
        finally:
            if spoiled or command["last"]:
                self.channel.close()
        return {
            "spoiled": spoiled,
            "ended": run.ended,
            "name": run.name[:LONGEST],
            "text": run.text[:LONGEST],
            "line": run.line,
            "value": run.value,
        }


def serve_worker(sock: socket.socket, shell: Shell) -> None:
    """Be the test process until the worker hangs up (WireError)."""
    Tester(sock, shell).serve()
