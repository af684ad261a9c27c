"""The template's process: imports once, then forks a child for each order.

`python -m autograder.engine.child.forkserver FD [--once] [LIBRARY ...]`; FD is a socket
to the worker, and each large LIBRARY is imported too. With
`--once` it becomes the child itself: a fresh process, for what cannot be forked. It
holds nothing secret, because its children hold whatever it holds, and it ends with the
worker, whose end of the socket closes then.
"""

import os
import signal
import socket
import sys
from collections.abc import Collection

from autograder.engine.child import start as child
from autograder.engine.child import warm_up as warm
from autograder.engine.child.fork import run_and_end
from autograder.engine.child.shell import Shell, make_shell, run_cell
from autograder.engine.control import Message, WireError, receive, send
from autograder.sandbox import Box, prepare

SETTLES = 12  # children: those of the trial notebook and of five more
# First uses that load modules: the picture at a cell's end, a traceback.
FIRST_USES = (
    "import matplotlib.pyplot as plt\nplt.plot([0, 1])\nNone",
    "def f():\n    1 / 0\nf()",
)


def ready_shell(libraries: Collection[str]) -> Shell:
    """A shell in a process that has imported and used what notebooks use."""
    warm.warm_up(libraries)
    shell = make_shell()
    for source in FIRST_USES:
        run_cell(shell, source)
    shell.reset(new_session=True)
    warm.freeze()
    return shell


class Template:
    """Forks children as the worker orders, and reaps them."""

    def __init__(self, sock: socket.socket, shell: Shell) -> None:
        self.sock, self.shell = sock, shell
        self.forks = 0
        self.prepared: set[str] = set()

    def serve_order(self) -> None:
        """Wait for one order of the worker and carry it out."""
        order, fds = receive(self.sock)
        if order["do"] == "reap":
            _, _, usage = os.wait4(order["pid"], 0)
            send(self.sock, {"cpu": usage.ru_utime + usage.ru_stime})
        else:
            self.fork(order, socket.socket(fileno=fds[0]))

    def fork(self, order: Message, sock: socket.socket) -> None:
        """Make a child; this process goes on."""
        self.forks += 1
        if self.forks == SETTLES:
            warm.settle()
        self.prepare(order)
        warm.assert_single_threaded()
        pid = os.fork()
        if pid == 0:
            run_and_end(lambda: child.live(order, sock, self.shell))
        sock.close()
        send(self.sock, {"pid": pid})

    def once(self) -> None:
        """Become the child that the first order asks for."""
        order, fds = receive(self.sock)
        self.prepare(order)
        send(self.sock, {"pid": os.getpid()})
        sock = socket.socket(fileno=fds[0])
        run_and_end(lambda: child.live(order, sock, self.shell))

    def prepare(self, order: Message) -> None:
        """Work out once what each sandbox of this kind needs."""
        if order["box"] not in self.prepared:
            prepare(Box.from_json(order["box"]))
            self.prepared.add(order["box"])


def main() -> None:
    """Get ready, say so, serve until the worker is gone."""
    os.environ.pop("GLIBC_TUNABLES", None)  # it has done its work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the worker's to handle
    sock = socket.socket(fileno=int(sys.argv[1]))
    try:
        template = Template(sock, ready_shell(sys.argv[2:]))
        warm.assert_single_threaded()
    except Exception as error:
        send(sock, {"failed": f"{type(error).__name__}: {error}"})
        raise
    send(sock, {"ready": True})
    try:
        if "--once" in sys.argv:
            template.once()
        while True:
            template.serve_order()
    except (WireError, ConnectionError):
        os._exit(0)


if __name__ == "__main__":
    main()
