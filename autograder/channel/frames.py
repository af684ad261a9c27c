"""Messages on a socket: a JSON header and raw bytes, with a length before each.

Nothing here believes the other side: what is too long, cut off or no JSON raises
ProtocolError before it is used. There is no pickle.
"""

import json
import socket
import struct
import time
from collections.abc import Sequence
from typing import Any

PREFIX = struct.Struct(">IQ")
HEADER = 4 << 20  # bytes of JSON in one message
BODY = 128 << 20  # bytes of numbers in one message
CHUNK = 1 << 20


class ChannelError(BaseException):
    """The other process cannot be asked any more.

    No Exception: neither a test nor a student's function takes it for an answer.
    """


class ProtocolError(ChannelError):
    """The other side broke the rules of the channel; the text says how."""


class ClosedError(ChannelError):
    """The other process has ended."""


class LateError(ChannelError):
    """The other process did not answer in time."""


class TooLargeError(ValueError):
    """A value is too large to cross; nothing of it was sent."""


class Channel:
    """One end of a stream socket, which it owns."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self.closed = False
        self.deadline: float | None = None  # of time.monotonic, for both directions

    def fileno(self) -> int:
        """Return the socket's file descriptor."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close this end; the other one reads that it is alone."""
        self.closed = True
        self._socket.close()

    def send(self, header: Any, buffers: Sequence[Any] = ()) -> None:
        """Send plain data and bytes.

        Raises TooLargeError before anything is sent, ClosedError, LateError.
        """
        text = json.dumps(header, separators=(",", ":")).encode("ascii")
        size = sum(memoryview(buffer).nbytes for buffer in buffers)
        if len(text) > HEADER or size > BODY:
            raise TooLargeError("the value is too large to be passed on")
        whole = [PREFIX.pack(len(text), size), text, *buffers]
        parts = whole if size > CHUNK else [b"".join(whole)]
        try:
            for part in parts:
                self._wait()
                self._socket.sendall(part)
        except TimeoutError:
            raise LateError from None
        except OSError:
            raise ClosedError from None

    def receive(self) -> tuple[Any, memoryview]:
        """Return the next message's header and bytes.

        Raises ProtocolError, ClosedError, LateError.
        """
        length, size = PREFIX.unpack(self._read(PREFIX.size))
        if length > HEADER or size > BODY:
            raise ProtocolError("a message is too long")
        text = self._read(length)
        body = self._read(size)
        try:
            header = json.loads(text.decode("ascii"))
        except (ValueError, RecursionError):
            raise ProtocolError("a message is no JSON") from None
        return header, memoryview(body)

    def _read(self, size: int) -> bytearray:
        # Grows with what has come, so that a length alone takes no memory.
        data = bytearray(min(size, CHUNK))
        done = 0
        while done < size:
            if done == len(data):
                data.extend(bytes(min(size - done, len(data))))
            done += self._read_some(memoryview(data)[done:])
        return data

    def _read_some(self, room: memoryview) -> int:
        with room:
            try:
                self._wait()
                count = self._socket.recv_into(room)
            except TimeoutError:
                raise LateError from None
            except OSError:
                raise ClosedError from None
        if not count:
            raise ClosedError
        return count

    def _wait(self) -> None:
        """Let the next operation take as long as is left."""
        left = None
        if self.deadline is not None:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise LateError
        self._socket.settimeout(left)
