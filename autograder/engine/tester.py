"""T, the instructor's process: runs given cells and full test cells, never an answer.

What a test cell needs of the student's, it asks S for over a channel of its own.
"""

import socket
from typing import Any

from autograder.channel import Channel, Student, run_test
from autograder.engine.outlet import Outlet
from autograder.engine.shell import Alarm, Shell, TimeUp, connect, run_cell
from autograder.engine.wire import Message, receive, send

SLACK = 0.5  # seconds: S is stopped first, if it is S that takes so long
LONGEST = 10_000  # characters of an exception's text


class Tester:
    """Serves the worker's commands one after the other."""

    def __init__(self, sock: socket.socket, shell: Shell) -> None:
        self.sock, self.shell = sock, shell
        self.alarm = Alarm()
        connect(shell, Outlet(lambda outputs: None))  # what tests print is for nobody

    def serve_command(self) -> None:
        """Wait for one command, do it, say how it ended."""
        command, fds = receive(self.sock)
        ended: dict[str, Any] = {"ended": "time"}
        try:
            with self.alarm.within(command["seconds"] + SLACK):
                ended = self.do(command, fds)
        except TimeUp:
            self.alarm.rang = True
        if self.alarm.rang and ended["ended"] != "ok":
            ended = {"ended": "time"}
        send(self.sock, {"number": command["number"], "end": ended})

    def do(self, command: Message, fds: list[int]) -> dict[str, Any]:
        """Run a given cell, or a test cell."""
        match command["do"]:
            case "given":
                return run_cell(self.shell, command["source"], quiet=True)
            case "test":
                return self.test(command, fds[0])
        raise ValueError(f"no such command: {command['do']}")

    def test(self, command: Message, fd: int) -> dict[str, Any]:
        """Run a test cell against the student's process at the other end of `fd`."""
        channel = Channel(socket.socket(fileno=fd))
        try:
            student = Student(channel, command["seconds"] + SLACK / 2)
            run = run_test(
                command["source"],
                self.shell.user_ns,
                student,
                command["seconds"] + SLACK / 2,
            )
        finally:
            channel.close()
        return {
            "ended": run.ended,
            "name": run.name[:LONGEST],
            "text": run.text[:LONGEST],
            "line": run.line or 0,
        }


def serve_worker(sock: socket.socket, shell: Shell) -> None:
    """Be T until the worker hangs up (WireError)."""
    tester = Tester(sock, shell)
    while True:
        tester.serve_command()
