"""What the sandbox's tests run inside a box: plain functions with plain answers."""

import contextlib
import ctypes
import fcntl
import json
import mmap
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
MEGABYTE = 1024**2


def failure(call, *arguments):
    """The name of the exception that a call ends with; None if it succeeds."""
    try:
        call(*arguments)
    except Exception as error:
        return type(error).__name__
    return None


def read(*paths):
    return [failure(lambda p=path: Path(p).read_bytes()) for path in paths]


def write(*paths):
    return [failure(lambda p=path: Path(p).write_bytes(b"x")) for path in paths]


def content(path):
    return Path(path).read_text()


def listing(folder):
    return sorted(os.listdir(folder))


def environment():
    blocks = [Path(f"/proc/{who}/environ") for who in ("self", "1", str(os.getppid()))]
    raw = b""
    for block in blocks:
        with contextlib.suppress(OSError):
            raw += block.read_bytes()
    return [dict(os.environ), raw.decode(errors="replace")]


def network(abstract, path):
    def connect(family, kind, address):
        with socket.socket(family, kind) as opened:
            opened.settimeout(2)
            opened.connect(address)

    return [
        failure(connect, socket.AF_INET, socket.SOCK_STREAM, ("192.0.2.1", 80)),
        failure(connect, socket.AF_INET, socket.SOCK_DGRAM, ("192.0.2.1", 80)),
        failure(connect, socket.AF_UNIX, socket.SOCK_STREAM, "\0" + abstract),
        failure(connect, socket.AF_UNIX, socket.SOCK_STREAM, path),
    ]


def signals(*pids):
    return [failure(os.kill, pid, signal.SIGTERM) for pid in pids]


def end_everybody():
    with contextlib.suppress(OSError):
        os.kill(-1, signal.SIGTERM)
    os.kill(0, signal.SIGKILL)


def daemon():
    """Leave a process behind that hears nothing and has no parent."""
    if os.fork() == 0:
        with contextlib.suppress(OSError):
            os.setsid()
        if os.fork() == 0:
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            time.sleep(60)
        os._exit(0)
    return "left"


def sessions():
    """Of two children: how `setsid` fails, and whether the session is still ours."""
    found = []
    for _ in range(2):
        reading, writing = os.pipe()
        if os.fork() == 0:
            before = os.getsid(0)
            failed = failure(os.setsid)
            os.write(writing, json.dumps([failed, os.getsid(0) == before]).encode())
            os._exit(0)
        os.wait()
        found.append(json.loads(os.read(reading, 100)))
    return found


def lock_and_tell(path=os.__file__):
    """Lock what others may read, in each way; whether another process sees that."""
    seen = []
    with open(path, "rb") as file:
        for lock in (fcntl.flock, fcntl.lockf):
            kind = fcntl.LOCK_EX if lock is fcntl.flock else fcntl.LOCK_SH
            failed = failure(lock, file, kind)
            reading, writing = os.pipe()
            if os.fork() == 0:
                with open(path, "rb") as again:
                    how = fcntl.LOCK_NB | kind
                    os.write(writing, repr(failure(lock, again, how)).encode())
                    asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
                    with contextlib.suppress(OSError):
                        answer = fcntl.fcntl(again, fcntl.F_GETLK, asked)
                        os.write(writing, b" who" * (answer != asked))
                os._exit(0)
            os.wait()
            seen.append([failed, os.read(reading, 100).decode()])
    watches = [getattr(LIBC, name)(0) for name in ("inotify_init", "inotify_init1")]
    with open(path, "rb") as file:
        lease = failure(fcntl.fcntl, file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    return seen, watches, lease


def fork_bomb():
    made = 0
    with contextlib.suppress(BlockingIOError):
        while os.fork():
            made += 1
        else:
            time.sleep(60)
    return made


def allocate(megabytes):
    return failure(lambda: bytearray(megabytes * MEGABYTE))


def allocate_together(children, megabytes):
    for _ in range(children):
        if os.fork() == 0:
            held = bytearray(os.urandom(MEGABYTE) * megabytes)
            time.sleep(60)
            del held
    time.sleep(60)


def uncharged_memory():
    """The ways to memory that no process maps, each of which must be closed."""
    return [
        failure(os.memfd_create, "x"),
        failure(lambda: mmap.mmap(-1, MEGABYTE)),
        LIBC.shmget(0, ctypes.c_size_t(MEGABYTE), 0o1600),
        os.path.exists("/dev/zero"),
    ]


def fill(*folders):
    """Bytes that can be written under folders in all, in files of 1 MB."""
    written, chunk = 0, bytes(MEGABYTE)
    for folder in folders:
        with contextlib.suppress(OSError):
            for number in range(200):
                Path(folder, f"{number}").write_bytes(chunk)
                written += MEGABYTE
    return written


def fill_and_wait():
    fill(tempfile.gettempdir())
    time.sleep(30)


def one_file(size):
    with tempfile.TemporaryFile() as file:
        return failure(lambda: (file.write(bytes(size)), file.flush()))


def open_files():
    kept = []
    with contextlib.suppress(OSError):
        while True:
            kept.append(os.open("/dev/null", os.O_RDONLY))
    return len(kept)


def descriptors():
    return sorted(int(name) for name in os.listdir("/proc/self/fd"))[:-1]


def spin():
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    while True:
        pass


def powers():
    status = Path("/proc/self/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines())
    calls = {
        "unshare": LIBC.unshare(0x10000000),
        "mount": LIBC.mount(b"none", b"/tmp", b"tmpfs", 0, None),
        "remount": LIBC.mount(None, b"/", None, 32 | 4096, None),
        "chroot": LIBC.chroot(b"/tmp"),
        "ptrace": LIBC.ptrace(0, 0, 0, 0),
        "setns": LIBC.setns(0, 0),
        "setuid": LIBC.setuid(0),
        "dumpable": LIBC.prctl(4, 0, 0, 0, 0),
        "keyring": LIBC.syscall(250 if os.uname().machine == "x86_64" else 219, 0),
        "clone": LIBC.syscall(56 if os.uname().machine == "x86_64" else 220, 1 << 28),
    }
    rights = [int(fields[name], 16) for name in ("CapEff", "CapPrm", "CapInh")]
    return [calls, rights, fields["NoNewPrivs"], fields["Seccomp"]]


def user():
    return [os.getuid(), os.getgid(), os.getgroups()]


def terminal():
    import fcntl

    ours, theirs = os.openpty() if os.path.exists("/dev/ptmx") else (0, 0)
    return failure(fcntl.ioctl, theirs or ours, 0x5412, b"x")


def python_works():
    """Lazy imports, a picture, a program, a temporary file, a name for the user."""
    import getpass
    import sqlite3

    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    axes.set_title("$\\int p(x)\\,dx$")
    figure.savefig("x.png")
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"x")
    said = subprocess.run(["echo", "x"], capture_output=True, check=True).stdout
    sqlite3.connect(":memory:").execute("select 1")
    from flowbook import checks

    assert checks.__doc__
    return [os.path.getsize("x.png") > 0, said.decode(), getpass.getuser()]


def double(number):
    return 2 * number


def workers():
    with get_context("fork").Pool(2) as pool:
        return pool.map(double, [1, 2, 3])


def import_from(folder, name):
    sys.path.insert(0, folder)
    return __import__(name).VALUE


def end(how):
    endings = {
        "exit": lambda: os._exit(3),
        "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "segfault": lambda: ctypes.string_at(0),
        "abort": os.abort,
    }
    endings[how]()
    time.sleep(1)


def wait_for_interrupt():
    try:
        time.sleep(30)
    except KeyboardInterrupt:
        return "interrupted"
