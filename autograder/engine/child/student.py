"""The student process: runs cells in the shell, and lends its names to the tests.

Nothing that it reports is believed: the worker reads its outputs as data, and the test
process asks for values over the channel. It is not the place for secrets, and has none.
"""

import contextlib
import json
import os
import signal
import socket
from typing import Any

from autograder.channel import Channel, serve
from autograder.engine.child.commands import Commands
from autograder.engine.child.fork import run_and_end
from autograder.engine.child.send_outputs import Descriptors, Outlet, Output
from autograder.engine.child.shell import Shell, connect, mend_streams, run_cell
from autograder.engine.child.warm_up import threads
from autograder.engine.control import Message
from autograder.static_analysis import ready_made
from autograder.static_analysis.effects import read_all


class StudentProcess(Commands):
    """Runs cells, and answers tests in copies of itself."""

    def __init__(self, sock: socket.socket, shell: Shell) -> None:
        super().__init__(sock, shell)
        self.copy = -1  # the process that answers the tests
        self.outlet = Outlet(self.show)
        self.descriptors = Descriptors()
        connect(shell, self.outlet)
        self.lock = ready_made.Lock()

    def show(self, outputs: list[Output]) -> None:
        """Send outputs of the running cell."""
        self.tell({"outputs": outputs})

    def tell(self, message: Message) -> None:
        """Send a message about the command that is being served, uncut."""
        with self.alarm.later():
            super().tell(plain(message))

    def copied(self) -> None:
        """What is printed here is the notebook's."""
        self.outlet.pid = os.getpid()

    def finish(self, command: Message) -> None:
        """Send what the cell has printed and not sent."""
        with self.alarm.later():
            self.descriptors.drain(self.outlet)
            self.outlet.flush()

    def do(self, command: Message, fds: list[int]) -> dict[str, Any]:
        """Run a cell, lend the names to the tests, or read the answers."""
        match command["do"]:
            case "run":
                self.outlet.begin(command["limit"])
                mend_streams(self.shell)
                self.lock.forbid(command["forbidden"])
                return run_cell(self.shell, command["source"], command["quiet"])
            case "lend":
                return self.lend(fds[0], command["forbidden"])
            case "take back":
                return self.take_back()
            case "scan":
                found = ready_made.scan(command["cells"])
                facts = read_all(command["cells"])
                return {"ended": "ok", "found": found, "facts": facts}
        raise ValueError(f"no such command: {command['do']}")

    def lend(self, fd: int, rules: list[Any]) -> dict[str, str]:
        """Answer tests, each by its rules, in a copy of this process if possible.

        What a test does to the student's variables is undone so, and a call that ends
        Python itself ends the copy. A process with threads cannot be copied safely.
        """
        self.outlet.mute()
        self.copy = -1
        with contextlib.suppress(OSError):  # not every sandbox lets it fork
            self.copy = os.fork() if threads() == 1 else -1
        if self.copy == 0:
            run_and_end(lambda: self.answer_in_copy(fd, rules))
        if self.copy > 0:
            os.close(fd)
        else:
            self.answer(fd, rules)
        return {"ended": "ok"}

    def take_back(self) -> dict[str, str]:
        """End the copy that answered the tests."""
        if self.copy > 0:
            os.kill(self.copy, signal.SIGKILL)
            os.waitpid(self.copy, 0)
        self.copy = -1
        return {"ended": "ok"}

    def answer_in_copy(self, fd: int, rules: list[Any]) -> None:
        """Answer in a forked child, which shows and tells nobody else anything."""
        self.sock.close()
        nothing = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nothing, stream)
        self.answer(fd, rules)

    def answer(self, fd: int, rules: list[Any]) -> None:
        """Answer as many tests as there are rules, until the test process hangs up."""
        channel = Channel(socket.socket(fileno=fd))
        try:
            for each in rules:
                self.lock.forbid(each)
                if not serve(channel, self.shell.user_ns):
                    break
        finally:
            channel.close()


def plain(message: Message) -> Message:
    """The message without what JSON cannot hold: a student's metadata may be anything.

    Raises nothing: what is left out is the student's own picture.
    """
    return json.loads(json.dumps(message, default=str, skipkeys=True))


def serve_worker(sock: socket.socket, shell: Shell) -> None:
    """Be the student process until the worker hangs up (WireError)."""
    os.environ.pop("PYTHONINSPECT", None)
    StudentProcess(sock, shell).serve()
