"""Where the worker gets its children from, and how it talks to them and ends them.

Two launchers: the warm one asks a template to fork; the fresh one starts a process for
each child. Neither keeps anything on disk.
"""

import contextlib
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from autograder.engine.control import Message, WireError, receive, send
from autograder.engine.handle import Child
from autograder.processes import GraderError, environment
from autograder.sandbox import Box, Tier

TEMPLATE = "autograder.engine.child.forkserver"
START = 90.0  # seconds for a template to import everything, on a loaded machine
Started = tuple[int, Callable[[], float]]  # a pid, and what reaps it: CPU seconds
# How a template and its children get memory, where the C library is glibc: in huge
# pages, 64 MB at once, and what is freed, up to 256 MB, is used again. The kernel's
# work for each small page is up to a tenth of the time of a notebook with large arrays.
MALLOC = "glibc.malloc.hugetlb=1:glibc.malloc.top_pad=67108864"
MALLOC += ":glibc.malloc.trim_threshold=268435456:glibc.malloc.mmap_threshold=33554432"


def start_template(*options: str) -> tuple[subprocess.Popen, socket.socket]:
    """Start a template's process; it says on the socket when it is ready."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", TEMPLATE, str(theirs.fileno()), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            cwd="/",
            env=environment() | {"GLIBC_TUNABLES": MALLOC},
            # Ctrl-C is the worker's to handle; a sandbox makes a session of its own.
            start_new_session="--once" not in options,
        )
    ours.settimeout(START)
    return process, ours


def answer(sock: socket.socket) -> Message:
    """The next message of a process that runs no student's code; GraderError if bad."""
    try:
        message, _ = receive(sock)
    except (WireError, OSError) as error:
        raise GraderError(f"a process of the grader is gone: {error}") from error
    if "failed" in message:
        raise GraderError(f"the grader could not start: {message['failed']}")
    return message


def connect(launch: Callable[[int], Started], most: int) -> Child:
    """Launch a child with a socket of its own; `launch` takes its end."""
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            pid, reap = launch(theirs.fileno())
        except BaseException:
            ours.close()
            raise
    return Child(ours, pid, most, reap)


class Launcher:
    """Starts children for notebooks; a subclass says where they come from.

    They have imported the large `libraries`.
    """

    mode = ""

    def __init__(self, tier: Tier, libraries: Collection[str] = ()) -> None:
        self.tier, self.libraries = tier, sorted(libraries)

    def children(
        self, roles: Mapping[str, Box], seed: int, most: int
    ) -> dict[str, Child]:
        """A child for each role, sandboxed and ready; GraderError if one is not."""
        children: dict[str, Child] = {}
        try:
            self.launch_all(children, roles, seed, most)
            for child in children.values():
                child.sock.settimeout(START)
                answer(child.sock)
                child.sock.setblocking(False)
        except BaseException:
            for child in children.values():
                child.kill()
                child.close()
            raise
        return children

    def launch_all(
        self, children: dict[str, Child], roles: Mapping[str, Box], seed: int, most: int
    ) -> None:
        """Order a child for each role, into `children`."""
        for role, box in roles.items():
            order = self.order_for(role, box, seed)
            children[role] = connect(lambda fd, o=order: self.launch(o, fd), most)

    def order_for(self, role: str, box: Box, seed: int) -> Message:
        """What a template is told about a child."""
        tier, plain = self.tier.name, box.to_json()
        return {"do": "fork", "role": role, "tier": tier, "box": plain, "seed": seed}

    def launch(self, order: Message, fd: int) -> Started:
        """The pid of a new child, and what reaps it."""
        raise NotImplementedError

    def stop(self) -> None:
        """End what it has started."""


class WarmLauncher(Launcher):
    """Forks children from one template, which is started at the first order."""

    mode = "warm"

    def __init__(self, tier: Tier, libraries: Collection[str] = ()) -> None:
        super().__init__(tier, libraries)
        self.process: subprocess.Popen | None = None
        self.sock: socket.socket | None = None
        self.lock = threading.Lock()

    def launch(self, order: Message, fd: int) -> Started:
        """Have the template fork."""
        pid = self.ask(order, [fd])["pid"]

        def reap() -> float:
            with contextlib.suppress(GraderError):  # without a template, init reaps
                return self.ask({"do": "reap", "pid": pid})["cpu"]
            return 0.0

        return pid, reap

    def ask(self, order: Message, fds: Sequence[int] = ()) -> Message:
        """Order something of the template, and wait for its answer."""
        with self.lock:
            if self.process is None:
                if order["do"] == "reap":
                    raise GraderError("its template is gone")
                self.process, self.sock = start_template(*self.libraries)
                answer(self.sock)
            try:
                send(self.sock, order, fds)
                return answer(self.sock)
            except (OSError, GraderError) as error:
                self._end()
                raise GraderError(f"the template is gone: {error}") from error

    def stop(self) -> None:
        """End the template; its children end with it."""
        if process := self.process:
            process.kill()  # whoever waits for its answer gets none
        with self.lock:
            self._end()

    def _end(self) -> None:
        if self.process is not None:
            self.sock.close()
            self.process.kill()
            self.process.wait()
        self.process = self.sock = None


class FreshLauncher(Launcher):
    """Starts a process for each child: for the GPU, or where forking does not work."""

    mode = "fresh"

    def launch_all(
        self, children: dict[str, Child], roles: Mapping[str, Box], seed: int, most: int
    ) -> None:
        """Start them side by side: each takes seconds to import everything.

        From this thread, which waits for them: they end with the thread they come from.
        """
        started = {r: start_template("--once", *self.libraries) for r in roles}
        try:
            for role, box in roles.items():
                process, sock = started[role]
                order = self.order_for(role, box, seed)
                launch = partial(begin, process, sock, order)
                children[role] = connect(launch, most)
        except BaseException:
            for process, _ in started.values():
                process.kill()
                process.wait()
            children.clear()
            raise
        finally:
            for _, sock in started.values():
                sock.close()


def begin(
    process: subprocess.Popen, sock: socket.socket, order: Message, fd: int
) -> Started:
    """Make a fresh process the child that is ordered."""
    answer(sock)
    send(sock, order, [fd])
    answer(sock)

    def reap() -> float:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        return usage.ru_utime + usage.ru_stime

    return process.pid, reap


def await_any(children: Sequence[Child], seconds: float) -> None:
    """Wait until one of them says something or ends, at most so long."""
    poll = select.poll()
    for child in children:
        for fd in child.ends():
            poll.register(fd, select.POLLIN)
        if not child.reader.ended:
            poll.register(child.sock, select.POLLIN)
    poll.poll(max(0.0, seconds) * 1000)
