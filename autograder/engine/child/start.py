"""What a child of the template does: enter the sandbox, draw a fresh start, serve."""

import contextlib
import socket
import sys

from autograder.engine.child import student, tester
from autograder.engine.child.shell import Shell
from autograder.engine.child.warm_up import seed_all
from autograder.engine.control import Message, WireError, send
from autograder.sandbox import Box, enter, tier

ROLES = {"student": student.serve_worker, "tester": tester.serve_worker}


def live(order: Message, sock: socket.socket, shell: Shell) -> None:
    """Do as ordered until the worker hangs up; runs in a process of its own.

    `order` has the role (student or tester), the tier and the box of the sandbox, and
    the seed; `sock` leads to the worker.
    """
    try:
        enter(tier(order["tier"]), Box.from_json(order["box"]), keep=(sock.fileno(),))
    except Exception as error:
        send(sock, {"failed": f"{type(error).__name__}: {error}"})
        raise
    sys.path.insert(0, "")  # as in a kernel: files beside the notebook can be imported
    seed_all(order["seed"])
    send(sock, {"ready": True})
    with contextlib.suppress(WireError, ConnectionError):  # the worker hung up
        ROLES[order["role"]](sock, shell)
