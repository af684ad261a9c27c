"""Build the file system that the sandboxed process sees, and change into it."""

import os

from autograder.sandbox import kernel, rights
from autograder.sandbox.box import Box
from autograder.sandbox.kernel import (
    ATTR_NODEV,
    ATTR_NOEXEC,
    ATTR_NOSUID,
    ATTR_RDONLY,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
)
from autograder.sandbox.view import HOME, View

BASE = "/tmp"  # any folder: it is covered for a moment, in a namespace of our own
NEW, OLD, SCRATCH = "/new", "/old", "/scratch"
PRIVATE = {HOME: "home", "/tmp": "tmp", "/dev/shm": "shm"}  # of one sized tmpfs
READ_ONLY = ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV
SAFE = MS_NOSUID | MS_NODEV
DEVICE_LINKS = {"fd": "fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
EMPTY = NEW + "/etc/empty"
SMALLEST = 4096  # bytes that a file takes of a tmpfs


def build_root(view: View, box: Box, user: int, group: int) -> None:
    """Make the new root on a tmpfs and leave the old one behind.

    In a mount namespace of our own, with the right to mount. `user` and `group` will
    own what can be written. Raises OSError with the path that could not be mounted.
    """
    stand_aside()
    kernel.mount("tmpfs", NEW, "tmpfs", SAFE, "mode=755,size=4m")
    inodes = max(1024, box.disk // SMALLEST)
    kernel.mount(
        "tmpfs",
        SCRATCH,
        "tmpfs",
        SAFE,
        f"mode=755,size={box.disk},nr_inodes={inodes}",
    )
    private_folders(user, group)
    for path, target in view.links:
        os.symlink(target, NEW + path)
    for inside, outside in view.shown:
        show(OLD + outside, NEW + inside, READ_ONLY)
    for path in view.covered:
        cover(NEW + path)
    for path in view.writable:
        rights.hand_over(OLD + path, user, group)
        show(OLD + path, NEW + path, ATTR_NOSUID | ATTR_NODEV | ATTR_NOEXEC)
    devices(view.devices)
    names(user, group)
    make_folder(NEW + "/proc")
    flags = SAFE | MS_NOEXEC | MS_RDONLY
    kernel.mount("proc", NEW + "/proc", "proc", flags, "hidepid=2")
    kernel.set_attributes(NEW, READ_ONLY)
    kernel.change_root(NEW)


def stand_aside() -> None:
    """Put the old root at OLD and stand in an empty one that has room for the new."""
    kernel.mount(None, "/", None, MS_REC | MS_PRIVATE)
    kernel.mount("tmpfs", BASE, "tmpfs", SAFE, "mode=755,size=1m")
    for name in (NEW, OLD, SCRATCH):
        os.mkdir(BASE + name, 0o755)
    os.chdir(BASE)
    kernel.syscall("pivot_root", b".", OLD[1:].encode())
    os.chdir("/")


def private_folders(user: int, group: int) -> None:
    """The only places that can be written; what else lies there is shown on top."""
    for path, name in PRIVATE.items():
        source = f"{SCRATCH}/{name}"
        os.mkdir(source, 0o700)
        make_folder(NEW + path)
        kernel.bind(source, NEW + path, ATTR_NOSUID | ATTR_NODEV)
        os.chown(source, user, group)


def show(source: str, target: str, flags: int) -> None:
    """Bind a file or a folder at a path that is made for it."""
    if os.path.isdir(source):
        make_folder(target)
    else:
        make_file(target)
    kernel.bind(source, target, flags)


def cover(path: str) -> None:
    """Put something empty over a file or a folder."""
    if os.path.isdir(path):
        kernel.mount("tmpfs", path, "tmpfs", SAFE | MS_RDONLY, "mode=755,size=4k")
    else:
        make_file(EMPTY)
        kernel.bind(EMPTY, path, READ_ONLY)


def devices(names: tuple[str, ...]) -> None:
    """The few device nodes that a program needs, from the host's /dev."""
    for name in names:
        flags = ATTR_RDONLY | ATTR_NOSUID | ATTR_NOEXEC
        show(f"{OLD}/dev/{name}", f"{NEW}/dev/{name}", flags)
    for name, target in DEVICE_LINKS.items():
        os.symlink(f"/proc/self/{target}", f"{NEW}/dev/{name}")


def names(user: int, group: int) -> None:
    """Files in which a program looks up who it is."""
    make_file(NEW + "/etc/passwd", f"student:x:{user}:{group}::{HOME}:/bin/sh\n")
    make_file(NEW + "/etc/group", f"student:x:{group}:\n")
    make_file(NEW + "/etc/hosts", "127.0.0.1 localhost\n")
    make_file(NEW + "/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")


def make_folder(path: str) -> None:
    """A folder with its parents, which anyone may enter."""
    os.makedirs(path, 0o755, exist_ok=True)


def make_file(path: str, text: str = "") -> None:
    """A small file with its parents."""
    make_folder(os.path.dirname(path))
    if not os.path.lexists(path):
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
