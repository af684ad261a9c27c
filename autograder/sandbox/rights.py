"""What a process gives up for good: rights, resources, environment, open files."""

import contextlib
import os
import resource
import signal
import sys
import tempfile
from pathlib import Path

from autograder.sandbox import kernel
from autograder.sandbox.box import Box

FIRST_USER = 2_000_000_000  # no system gives such numbers to anybody
# What a student's process knows of the instructor's environment.
FOR_STUDENTS = (
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "VIRTUAL_ENV",
)
ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
GRACE = 1  # seconds of CPU between the signal that can be handled and the other


def die_with_parent(number: int) -> None:
    """Have the kernel send us a signal when our parent ends."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, number)


def own_session() -> None:
    """Leave the terminal's session, unless we lead a group of our own already."""
    if os.getpgrp() != os.getpid():
        os.setsid()


def free_user() -> int:
    """A uid of nobody, another one for each process that asks."""
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        first, _, count = map(int, line.split())
        if first <= FIRST_USER and first + count > FIRST_USER + (1 << 22):
            return FIRST_USER + os.getpid()
    return 60_000 + os.getpid() % 5_000  # in a container that knows 65536 of them


def become(user: int) -> None:
    """Be another user in no group; for root only."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def hand_over(folder: str, user: int, group: int) -> None:
    """Give a folder of the host, and what lies in it, to the user of a box."""
    for top, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.lchown(os.path.join(top, name), user, group)
    os.lchown(folder, user, group)


def give_up_rights() -> None:
    """Hold no capability, and let no executed file give one."""
    kernel.no_capabilities()
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)


def bound(box: Box, processes: int) -> None:
    """Set the limits of this process and its children."""
    limits = {
        resource.RLIMIT_DATA: data_size() + box.memory,
        resource.RLIMIT_FSIZE: box.disk,
        resource.RLIMIT_NOFILE: box.files,
        resource.RLIMIT_NPROC: processes,
        resource.RLIMIT_CORE: 1,  # too small for a file; and no handler is started
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_SIGPENDING: 1024,
        resource.RLIMIT_RTPRIO: 0,
    }
    for kind, value in limits.items():
        set_limit(kind, value, value)
    seconds = max(1, round(box.cpu))
    set_limit(resource.RLIMIT_CPU, seconds, seconds + GRACE)


def set_limit(kind: int, soft: int, hard: int) -> None:
    """Set a limit, or leave the stricter one that there is."""
    _, most = resource.getrlimit(kind)
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    resource.setrlimit(kind, (soft, hard))


def data_size() -> int:
    """The bytes that RLIMIT_DATA counts in this process already."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0


def new_environment(home: str, scratch: str) -> None:
    """Forget the environment that there was, also as the kernel shows it."""
    kept = {name: os.environ[name] for name in FOR_STUDENTS if name in os.environ}
    os.environ.clear()
    kernel.wipe_environment()
    os.environ.update(
        {
            "LANG": "C.UTF-8",
            **kept,
            **dict.fromkeys(ONE_THREAD, "1"),
            "HOME": home,
            "TMPDIR": scratch,
            "PATH": f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin",
            "USER": "student",
            "LOGNAME": "student",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
        }
    )
    tempfile.tempdir = None  # it is looked up once and kept
    os.umask(0o022)
    os.chdir(home)


def usual_signals() -> None:
    """Handle signals as a new Python does, whatever the parent had set."""
    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError):  # some belong to the C library
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_IGN)
