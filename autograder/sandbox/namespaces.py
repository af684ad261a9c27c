"""Sandboxes made of namespaces: an own file system, network and set of processes."""

import fcntl
import os
import signal
import socket
import struct
from collections.abc import Iterable
from pathlib import Path

from autograder.sandbox import kernel, rights
from autograder.sandbox.box import Box
from autograder.sandbox.family import (
    end_with_report,
    follow_parent,
    follow_pipe,
    hear,
    supervise,
)
from autograder.sandbox.forbidden_calls import Policy, inside, with_devices
from autograder.sandbox.root import build_root
from autograder.sandbox.seccomp import install_filter
from autograder.sandbox.view import HOME, View, view

APART = (
    kernel.CLONE_NEWNS
    | kernel.CLONE_NEWPID
    | kernel.CLONE_NEWNET
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWUTS
)
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
HOST = "box"
OURS = 1  # the supervisor counts among the processes of the box's user


class UserNamespace:
    """For a plain user: a namespace of users in which this one may mount."""

    name = "user namespaces"
    description = (
        "namespaces of a plain user: no network, an own file system and own processes"
    )

    def unfit(self) -> str:
        """Root's own uid, mapped, would still be root's on the host."""
        return "" if os.getuid() else "root uses its own namespaces instead"

    def enter(self, box: Box, keep: Iterable[int]) -> None:
        """Enter as the user that we are."""
        enter(self, box, keep)

    def separate(self) -> int:
        """Leave the namespaces; return the uid and gid in the new ones."""
        user, group = os.getuid(), os.getgid()
        kernel.unshare(kernel.CLONE_NEWUSER | APART)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        return user

    def become(self, user: int) -> None:
        """Nothing: this user has no rights outside."""


class RootNamespace:
    """For root: namespaces, and then a user of its own that has no rights anywhere."""

    name = "root namespaces"
    description = "namespaces made by root, and in them a user that is nobody else"

    def unfit(self) -> str:
        """Only root may make namespaces without one of users."""
        return "only root can use them" if os.getuid() else ""

    def enter(self, box: Box, keep: Iterable[int]) -> None:
        """Enter as a user that nobody else is."""
        enter(self, box, keep)

    def separate(self) -> int:
        """Leave the namespaces; return the uid that everything in them will have."""
        kernel.unshare(APART)
        return rights.free_user()

    def become(self, user: int) -> None:
        """Be nobody else, really: a mapped root would still be root on the host."""
        rights.become(user)


Namespace = UserNamespace | RootNamespace


def enter(tier: Namespace, box: Box, keep: Iterable[int]) -> None:
    """Enter namespaces; what returns is the first process in them.

    When it ends, the kernel ends all that are in them. A fork of a process that has
    imported torch costs 5 to 10 ms, so there is no init beside it: what student's code
    leaves unwaited for stays on the account of its own `processes`.
    """
    sight, parent = view(box), os.getppid()
    rights.usual_signals()
    follow_parent(parent)
    rights.own_session()
    user = tier.separate()
    reports, report = os.pipe()
    inner = os.fork()
    if inner:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.close(report)
        tier.become(user)
        rights.give_up_rights()
        follow_parent(parent)  # forgotten when the uid changes
        hear(reports, inner)
        supervise(inner)
    try:
        confine(tier, sight, box, user, report, {0, 1, 2, *keep})
        os.close(report)
    except BaseException as error:
        end_with_report(report, error)


def confine(
    tier: Namespace, sight: View, box: Box, user: int, report: int, keep: set[int]
) -> None:
    """As the first process in the namespaces: see only the box, hold no rights."""
    os.setsid()
    os.umask(0o022)  # the parents of what is shown must be open to all
    group = os.getgid() if user == os.getuid() else user
    build_root(sight, box, user, group)
    socket.sethostname(HOST)
    if box.loopback:
        start_loopback()
    kernel.no_bounding_set()
    tier.become(user)
    rights.give_up_rights()
    follow_pipe(report)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)
    rights.new_environment(HOME, "/tmp")
    rights.bound(box, box.processes + OURS)
    kernel.close_others(keep | {report})
    install_filter(policy(box))


def policy(box: Box) -> Policy:
    """The system calls that the box refuses."""
    network = (socket.AF_INET, socket.AF_INET6) if box.loopback else ()
    policy = inside(socket.AF_UNIX, *network)
    return with_devices(policy) if box.devices else policy


def start_loopback() -> None:
    """Bring up the one interface of a new network namespace."""
    request = struct.pack("16sH14x", b"lo", IFF_UP)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        fcntl.ioctl(opened, SIOCSIFFLAGS, request)
