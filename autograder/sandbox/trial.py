"""Try one tier for real: `python -m autograder.sandbox.trial NAME SECRET`.

Enters it, tries from inside to do what must work and what must not, and prints the
problems as a JSON list; an empty one means that the tier keeps its promise.
"""

import importlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from autograder.sandbox.box import Box, SandboxError
from autograder.sandbox.tiers import tier

LAZY = ("wave", "sqlite3", "numpy")  # a module, one with a library, an installed one
INTERNET = ("192.0.2.1", 80)  # an address that is nobody's


def main(name: str, secret: str) -> int:
    """Report on one tier; 0 when the report could be made."""
    ours = os.getpid()
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 1
    try:
        problems = inside(name, secret, ours)
        os.write(1, json.dumps(problems).encode())
        status = 0
    finally:
        os._exit(status)


def inside(name: str, secret: str, outer: int) -> list[str]:
    """Enter, and try everything."""
    try:
        tier(name).enter(Box(), ())
    except (SandboxError, OSError) as error:
        return [str(error)]
    tried = (readable(), writable(), closed(secret, outer), powerless())
    return [problem for found in tried for problem in found]


def readable() -> Iterator[str]:
    """Python must go on working: its lazy imports, its programs."""
    for module in LAZY:
        if raised(importlib.import_module, module):
            yield f"Python cannot import {module} inside: the user there cannot read it"
    if raised(subprocess.run, ["true"], check=True):
        yield "no program can be started inside"


def writable() -> Iterator[str]:
    """The folder for temporary files must be there."""
    if raised(lambda: tempfile.TemporaryFile().close()):
        yield "nothing can be written inside"


def closed(secret: str, outer: int) -> Iterator[str]:
    """The machine must be out of reach."""
    if not raised(Path(secret).read_bytes):
        yield "the machine's files can be read inside"
    if not raised(Path(secret).write_bytes, b""):
        yield "the machine's files can be written inside"
    if not raised(os.kill, outer, 0):
        yield "the machine's processes can be signalled inside"
    if not raised(connect):
        yield "the network can be reached inside"


def powerless() -> Iterator[str]:
    """No right must be left, nor a way to get one."""
    status = Path("/proc/self/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    if int(fields["CapEff"], 16) or int(fields["CapPrm"], 16):
        yield "capabilities are left inside"
    if fields["NoNewPrivs"] != "1" or fields["Seccomp"] != "2":
        yield "system calls are not filtered inside"
    if os.getuid() == 0:
        yield "the user inside is root"


def connect() -> None:
    """Send one packet out; OSError when that is not possible."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.sendto(b"x", INTERNET)


def raised(call: Callable[..., object], *arguments: object, **named: object) -> bool:
    """Whether a call fails, as the machine makes calls fail."""
    try:
        call(*arguments, **named)
    except (OSError, ImportError, subprocess.SubprocessError):
        return True
    return False


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
