"""T, the instructor's process: runs given cells and full test cells, never an answer.

What a test cell needs of the student's, it asks S for over a channel of its own.
"""

import socket
from typing import Any

from autograder.channel import Channel, Moment, Student, run_test
from autograder.engine.child.send_outputs import Outlet
from autograder.engine.child.shell import Alarm, Shell, TimeUp, connect, run_cell
from autograder.engine.control import Message, receive, send

SLACK = 0.5  # seconds: the wait for S ends first, if it is S that takes so long
LONGEST = 10_000  # characters of an exception's text


class Tester:
    """Serves the worker's commands one after the other."""

    def __init__(self, sock: socket.socket, shell: Shell) -> None:
        self.sock, self.shell = sock, shell
        self.alarm = Alarm()
        self.channel: Channel | None = None
        self.moment: Moment | None = None  # before the last test
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
        source, seconds = command["source"], command["seconds"]
        names = self.shell.user_ns
        if command["again"] and self.moment:
            self.moment.restore(names)
        self.moment = Moment(names)
        spoiled = True
        try:
            student = Student(self.channel, seconds)
            run = run_test(source, names, student, seconds)
            spoiled = run.ended not in ("ok", "error") or student.lost is not None
        finally:
            if spoiled or command["last"]:
                self.channel.close()
        return {
            "spoiled": spoiled,
            "ended": run.ended,
            "name": run.name[:LONGEST],
            "text": run.text[:LONGEST],
            "line": run.line or 0,
            "value": run.value,
        }


def serve_worker(sock: socket.socket, shell: Shell) -> None:
    """Be T until the worker hangs up (WireError)."""
    tester = Tester(sock, shell)
    while True:
        tester.serve_command()
