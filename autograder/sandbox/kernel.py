"""The system calls that Python does not offer, each raising OSError when it fails."""

import ctypes
import os
import platform
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
MACHINE = platform.machine()

# The numbers of the calls that libc has no name for: x86-64, 64-bit ARM.
NUMBERS = {
    "capset": (126, 91),
    "pivot_root": (155, 41),
    "close_range": (436, 436),
    "mount_setattr": (442, 442),
    "landlock_create_ruleset": (444, 444),
    "landlock_add_rule": (445, 445),
    "landlock_restrict_self": (446, 446),
}
COLUMN = {"x86_64": 0, "aarch64": 1}

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE = 1 << 12, 1 << 14, 1 << 18
MNT_DETACH = 2
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
ATTR_RDONLY, ATTR_NOSUID, ATTR_NODEV, ATTR_NOEXEC = 1, 2, 4, 8

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
CLONE_NEWCGROUP, CLONE_NEWTIME = 0x02000000, 0x00000080

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP = 1, 4, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4


def checked(name: str, result: int, path: str | None = None) -> int:
    """The result of a C call, or the OSError that it left behind."""
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}", path)
    return result


def syscall(name: str, *arguments: int | bytes | ctypes.Array | None) -> int:
    """Make one of the calls in NUMBERS."""
    if MACHINE not in COLUMN:
        raise OSError(f"no system call numbers are known for {MACHINE}")
    number = ctypes.c_long(NUMBERS[name][COLUMN[MACHINE]])
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return checked(name, LIBC.syscall(number, *words))


def prctl(option: int, *arguments: int) -> int:
    """prctl(2); what is not given is 0."""
    words = [ctypes.c_ulong(a) for a in (*arguments, 0, 0, 0, 0)[:4]]
    return checked("prctl", LIBC.prctl(option, *words))


def unshare(flags: int) -> None:
    """Leave the namespaces in `flags` for new ones."""
    checked("unshare", LIBC.unshare(flags))


def mount(
    source: str | None, target: str, kind: str | None, flags: int, data: str = ""
) -> None:
    """mount(2)."""
    words = [a.encode() if a else None for a in (source, target, kind)]
    result = LIBC.mount(*words, ctypes.c_ulong(flags), data.encode() or None)
    checked("mount", result, target)


def bind(source: str, target: str, flags: int) -> None:
    """Show `source` and what is mounted under it at `target`, with ATTR flags."""
    mount(source, target, None, MS_BIND | MS_REC)
    set_attributes(target, flags, AT_RECURSIVE)


def set_attributes(target: str, flags: int, recursive: int = 0) -> None:
    """Set ATTR flags on a mount, and on those under it (Linux 5.12)."""
    attributes = (ctypes.c_uint64 * 4)(flags, 0, 0, 0)
    size = ctypes.sizeof(attributes)
    path = target.encode()
    syscall("mount_setattr", AT_FDCWD, path, recursive, attributes, size)


def change_root(folder: str) -> None:
    """Make `folder`, a mount, the root; nothing of the old one can be reached."""
    os.chdir(folder)
    syscall("pivot_root", b".", b".")
    checked("umount2", LIBC.umount2(b".", MNT_DETACH))
    os.chdir("/")


def close_others(keep: set[int]) -> None:
    """Close every file descriptor that is not in `keep`."""
    first = 0
    for number in [*sorted(keep), 1 << 32]:
        if number > first:
            syscall("close_range", first, number - 1, 0)
        first = number + 1


def no_capabilities() -> None:
    """Give up every capability, now and for whatever is executed later."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    nothing = (ctypes.c_uint32 * 6)()
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    syscall("capset", header, nothing)


def no_bounding_set() -> None:
    """Let no executed file give a capability back; needs CAP_SETPCAP."""
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    for number in range(last + 1):
        prctl(PR_CAPBSET_DROP, number)


def wipe_environment() -> None:
    """Overwrite the block behind /proc/self/environ, after the environment is empty."""
    LIBC.clearenv()
    with open("/proc/self/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    start, end = int(fields[47]), int(fields[48])
    if 0 < start < end:
        ctypes.memset(start, 0, end - start)
