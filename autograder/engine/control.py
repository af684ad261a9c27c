"""Frames between the worker and its children: length-prefixed JSON, and descriptors."""

import json
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

HEADER = struct.Struct("!I")
MAX_FRAME = 16_000_000  # bytes
CHUNK = 1 << 16
MAX_FDS = 4

Message = dict[str, Any]


class WireError(Exception):
    """What came is no frame of this protocol, or nothing can come any more."""


def encode(message: Message) -> bytes:
    """One frame; lone surrogates and infinities cross as JSON escapes them."""
    data = json.dumps(message).encode("ascii")
    if len(data) > MAX_FRAME:
        raise WireError(f"a frame of {len(data)} bytes")
    return HEADER.pack(len(data)) + data


def decode(data: bytes) -> Message:
    """The message of a frame; WireError if it is no strict JSON object."""
    try:
        message = json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise WireError(f"not JSON: {error}") from error
    if not isinstance(message, dict):
        raise WireError("not an object")
    return message


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def send(sock: socket.socket, message: Message, fds: Sequence[int] = ()) -> None:
    """Send one frame, with descriptors beside its header; blocks until it is out."""
    data = encode(message)
    if fds:
        socket.send_fds(sock, [data[: HEADER.size]], list(fds))
        data = data[HEADER.size :]
    sock.sendall(data)


def receive(sock: socket.socket) -> tuple[Message, list[int]]:
    """Wait for one frame, and the descriptors that came with it.

    Raises WireError at the end of the stream. For the side that trusts its peer.
    """
    header, fds = _exactly(sock, HEADER.size)
    try:
        (size,) = HEADER.unpack(header)
        if size > MAX_FRAME:
            raise WireError(f"a frame of {size} bytes")
        data, more = _exactly(sock, size)
        fds += more
        return decode(data), fds
    except WireError:
        for fd in fds:
            os.close(fd)
        raise


def _exactly(sock: socket.socket, size: int) -> tuple[bytes, list[int]]:
    data, fds = bytearray(), []
    while len(data) < size:
        part, new, _, _ = socket.recv_fds(sock, min(size - len(data), CHUNK), MAX_FDS)
        fds += new
        if not part:
            raise WireError("the other side is gone")
        data += part
    return bytes(data), fds


class Reader:
    """Reads frames from a peer that may send anything, without ever waiting.

    `limit` bytes are the most that is read in all. Descriptors are never taken: they
    are dropped by the kernel, because no room is given for them.
    """

    def __init__(self, sock: socket.socket, limit: int) -> None:
        sock.setblocking(False)
        self.sock, self.left = sock, limit
        self.buffer = bytearray()
        self.ended = False

    def read(self) -> Iterator[Message]:
        """The whole frames that are there now; WireError on anything else."""
        self._fill()
        while len(self.buffer) >= HEADER.size:
            (size,) = HEADER.unpack_from(self.buffer)
            if size > MAX_FRAME:
                raise WireError(f"a frame of {size} bytes")
            if len(self.buffer) < HEADER.size + size:
                return
            data = bytes(self.buffer[HEADER.size : HEADER.size + size])
            del self.buffer[: HEADER.size + size]
            yield decode(data)

    def forget(self) -> None:
        """Drop what has come: whoever sent it has ended, perhaps within a frame."""
        self._fill()
        self.buffer.clear()

    def _fill(self) -> None:
        while len(self.buffer) <= MAX_FRAME and not self.ended:
            try:
                part = self.sock.recv(CHUNK)
            except BlockingIOError:
                return
            except OSError:
                part = b""
            self.ended = not part
            self.left -= len(part)
            if self.left < 0:
                raise WireError("too many bytes in all")
            self.buffer += part
