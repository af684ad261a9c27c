"""Where a running cell's outputs go: to the worker, in order, and never too many."""

import io
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TOO_MUCH = "\n[the cell printed too much: the rest is cut]\n"
PAUSE = 0.02  # seconds between two messages about the same stream
MOST_PENDING = 32_768  # characters kept back at the most

Output = dict[str, Any]


class Outlet:
    """Sends the outputs of one cell at a time, cut after `left` bytes of JSON."""

    def __init__(self, send: Callable[[list[Output]], None]) -> None:
        self.send = send
        self.left = 0
        self.cut, self.muted = False, True
        self.pending: list[str] = []
        self.pending_size = 0
        self.pending_name = ""
        self.sent = 0.0
        self.pid = os.getpid()

    def begin(self, limit: int) -> None:
        """A new cell starts, which may print `limit` bytes."""
        self.left, self.cut, self.muted = limit, False, False
        self.pending, self.pending_size = [], 0

    def mute(self) -> None:
        """From here on nothing is shown, until a cell begins."""
        self.muted = True

    def stream(self, name: str, text: str) -> None:
        """Something was printed."""
        if os.getpid() != self.pid:  # a fork of the student's: the pipe is not its own
            os.write(1 if name == "stdout" else 2, text.encode("utf-8", "replace"))
            return
        if name != self.pending_name:
            self.flush()
        self.pending_name = name
        if self.pending_size <= self.left:  # what comes after that is cut anyway
            self.pending.append(text)
        self.pending_size += len(text)
        due = time.monotonic() - self.sent > PAUSE and "\n" in text
        if due or self.pending_size > MOST_PENDING:
            self.flush()

    def put(self, output: Output) -> None:
        """An output that is not text of a stream."""
        if os.getpid() == self.pid:
            self.flush()
            self._emit(output, keep=output["output_type"] == "error")

    def flush(self) -> None:
        """Send what was kept back."""
        text, self.pending, self.pending_size = "".join(self.pending), [], 0
        if text:
            name = self.pending_name
            self._emit({"output_type": "stream", "name": name, "text": text})

    def _emit(self, output: Output, keep: bool = False) -> None:
        """Send one output; an error is always kept, with less of its text."""
        if self.muted or (self.cut and not keep):
            return
        size = len(json.dumps(output, default=str))
        if size > self.left and not keep:
            text = str(output.get("text", ""))[: max(0, self.left)] + TOO_MUCH
            name = output.get("name", "stdout")
            output = {"output_type": "stream", "name": name, "text": text}
            self.cut = True
        self.left -= size
        self.send([output])
        self.sent = time.monotonic()


class Stream(io.TextIOBase):
    """sys.stdout or sys.stderr of a notebook."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, name: str, outlet: Outlet) -> None:
        self.name, self.outlet = name, outlet

    def write(self, text: str) -> int:
        """Print a string; returns its length."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self.outlet.stream(self.name, str(text))
        return len(text)

    def writable(self) -> bool:
        """It is written to, and never read."""
        return True

    def isatty(self) -> bool:
        """No person is there."""
        return False

    def fileno(self) -> int:
        """The descriptor that a started program prints to; read after each cell."""
        return 1 if self.name == "stdout" else 2

    def flush(self) -> None:
        """Nothing to do: the cell's end sends all."""


class Descriptors:
    """Catches what programs and C code write to descriptors 1 and 2, in files."""

    def __init__(self) -> None:
        for fd in (1, 2):
            path = Path(os.environ["HOME"], f".printed-{fd}")
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            path.unlink()
            os.dup2(file, fd)
            os.close(file)

    def drain(self, outlet: Outlet) -> None:
        """Hand over what came since the last time, as much as there is room for."""
        limit = max(0, outlet.left)
        for fd, name in ((1, "stdout"), (2, "stderr")):
            try:
                size = os.fstat(fd).st_size
                data = os.pread(fd, limit + 1, 0) if size and not outlet.muted else b""
                if size:
                    os.ftruncate(fd, 0)
            except OSError:  # the student closed it, or put a pipe there
                continue
            if data:
                outlet.stream(name, data.decode("utf-8", "replace"))
