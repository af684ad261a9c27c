"""A sandbox where namespaces are refused: Landlock for files, seccomp for the rest."""

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path

from autograder.sandbox import group, kernel, rights
from autograder.sandbox.box import Box, SandboxError
from autograder.sandbox.forbidden_calls import outside
from autograder.sandbox.seccomp import install_filter
from autograder.sandbox.view import View, view

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
TRUNCATE, DEVICE_CONTROL = 1 << 14, 1 << 15
READ = EXECUTE | READ_FILE | READ_DIR
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | DEVICE_CONTROL
# How many of the rights over files a version knows.
RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
NET_VERSION, SCOPE_VERSION = 4, 6
ALL_NET, ALL_SCOPES = 3, 3
# Nothing in these tells one process about another.
PROC = ("cpuinfo", "meminfo", "stat", "version", "uptime", "loadavg", "sys/kernel")


class Landlock:
    """For a machine or a container that gives no namespaces; no multiprocessing."""

    name = "landlock"
    description = (
        "Landlock and seccomp: no network, no files but Python's, the machine's "
        "processes out of reach; no multiprocessing"
    )

    def unfit(self) -> str:
        """Anyone may try."""
        return ""

    def enter(self, box: Box, keep: Iterable[int]) -> None:
        """Enter, as a user of its own when we are root."""
        if hidden := view(box).covered:
            raise SandboxError(f"Landlock cannot hide {hidden[0]}")
        if box.loopback:
            raise SandboxError("Landlock cannot give a process a network of its own")
        group.enter(self, box, keep)

    def offered(self) -> bool:
        """Whether the kernel has Landlock at all."""
        try:
            return version() > 0
        except OSError:
            return False

    def user(self) -> int:
        """The uid that nobody else has, for root; else our own."""
        return os.getuid() or rights.free_user()

    def restrict(self, sight: View, scratch: Path) -> None:
        """Open nothing but what is shown, and signal nobody else."""
        scoped = restrict(sight, scratch)
        install_filter(outside(os.getpid(), scoped))


def version() -> int:
    """The version of Landlock that the kernel has; OSError when it has none."""
    return kernel.syscall("landlock_create_ruleset", 0, 0, 1)


def restrict(sight: View, scratch: Path) -> bool:
    """Allow reading what is shown and writing the scratch; whether signals are kept in.

    Everything that this version can handle is denied elsewhere, for good.
    """
    known = version()
    handled = (1 << RIGHTS.get(known, max(RIGHTS.values()))) - 1
    net = ALL_NET if known >= NET_VERSION else 0
    scopes = ALL_SCOPES if known >= SCOPE_VERSION else 0
    size = 24 if scopes else 16 if net else 8
    attributes = struct.pack("QQQ", handled, net, scopes)[:size]
    rules = kernel.syscall("landlock_create_ruleset", attributes, size, 0)
    own = f"/proc/{os.getpid()}"
    try:
        for path in (*sight.sources, own, *(f"/proc/{name}" for name in PROC)):
            allow(rules, path, READ & handled)
        for name in sight.devices:
            allow(rules, f"/dev/{name}", (READ | WRITE_FILE | DEVICE_CONTROL) & handled)
        for path in (str(scratch), *sight.writable):
            allow(rules, path, handled & ~EXECUTE & ~DEVICE_CONTROL)
        kernel.syscall("landlock_restrict_self", rules, 0)
    finally:
        os.close(rules)
    return bool(scopes)


def allow(rules: int, path: str, rights: int) -> None:
    """Add one path to a set of rules; what does not exist needs none."""
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    except PermissionError as error:
        raise SandboxError(
            f"the user inside may not enter a folder above {path}: install Python and "
            "its environment where every user can read them"
        ) from error
    try:
        if not os.path.isdir(path):
            rights &= OF_FILES
        rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, opened), 12)
        kernel.syscall("landlock_add_rule", rules, 1, rule, 0)
    finally:
        os.close(opened)
