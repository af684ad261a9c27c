"""What both kinds of children do: serve the worker's commands, one after the other."""

import base64
import os
import signal
import socket
from pathlib import Path
from typing import Any

from autograder.engine.child.shell import Alarm, Shell, TimeUp
from autograder.engine.child.warm_up import threads
from autograder.engine.control import Message, receive, send

WAKE = signal.SIGUSR1  # the worker's, for what waits as it was


class Commands:
    """Serves a worker at a socket; a subclass says what each command does."""

    def __init__(self, sock: socket.socket, shell: Shell) -> None:
        self.sock, self.shell = sock, shell
        self.alarm = Alarm()
        self.number = 0
        self.pid = os.getpid()

    def serve(self) -> None:
        """Serve until the worker hangs up (WireError)."""
        while True:
            self.serve_command()

    def serve_command(self) -> None:
        """Wait for one command, do it, report how it ended."""
        command, fds = receive(self.sock)
        self.number = command["number"]
        if command["do"] == "copy":
            self.go_on_in_a_copy()
            return
        ended: dict[str, Any] = {"ended": "time"}
        try:
            with self.alarm.within():
                try:
                    writes = command["do"] == "write"
                    ended = write(command) if writes else self.do(command, fds)
                finally:
                    self.finish(command)
        except TimeUp:
            self.alarm.rang = True
        if os.getpid() != self.pid:  # a fork of the cell's that has come to its end
            os._exit(0)
        if self.alarm.rang and ended["ended"] != "ok":
            ended = {"ended": "time"}
        self.tell({"end": ended})

    def tell(self, message: Message) -> None:
        """Send a message about the command that is being served."""
        send(self.sock, {"number": self.number} | message)

    def go_on_in_a_copy(self) -> None:
        """Let a copy serve what follows; wait as it is now until it is needed again.

        A process with threads cannot be copied safely, and goes on itself.
        """
        pid = -1
        signal.pthread_sigmask(signal.SIG_BLOCK, [WAKE])
        if threads() == 1:
            usual = signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody is a zombie
            try:
                pid = os.fork()
            except OSError:  # not every sandbox lets it fork
                pid = -1
            if pid > 0:
                signal.sigwait([WAKE])
            signal.signal(signal.SIGCHLD, usual or signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [WAKE])
        if pid == 0:
            self.pid = os.getpid()
            self.copied()
        if pid <= 0:
            self.tell({"end": {"ended": "ok", "copied": pid == 0}})

    def copied(self) -> None:
        """Be the copy."""

    def do(self, command: Message, fds: list[int]) -> dict[str, Any]:
        """Do what is commanded; how it ended."""
        raise NotImplementedError

    def finish(self, command: Message) -> None:
        """Clear up after a command, whatever it did."""


def write(command: Message) -> dict[str, Any]:
    """Put a file of the assignment beside the notebook, before anything has run."""
    path = Path(command["path"])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(command["content"]))
    except OSError as error:
        return {"ended": "error", "text": str(error)}
    return {"ended": "ok"}
