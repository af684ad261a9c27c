"""Reaching out: right answers that then try to read, change or outlive what is outside.

The answers are right, so the tests give their points; the suite then looks for what
must not have come in (the secrets), gone out (a connection) or been left behind (files
called `pwned...`, processes). Each attack tries on when one of its ways is closed.
"""

from case import FULL, Case, attempted, handed

DESTROYS = "it would change the machine itself, beyond the course and the home"
READ = """import glob, os
def show(pattern):
    for path in glob.glob(pattern, recursive=True)[:200]:
        try:
            print(path, open(path, "rb").read()[:200_000])
        except OSError as error:
            print(type(error).__name__)
"""
WRITE = """import os
def put(path, content="pwned"):
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "a") as file:
            file.write(content)
    except OSError as error:
        print(type(error).__name__)
"""
C = """import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *given):
    print(name, getattr(libc, name)(*given), ctypes.get_errno())
"""


def reads(*patterns: str) -> Case:
    """An attempt to show files."""
    return attempted(READ + "\n".join(f"show({pattern!r})" for pattern in patterns))


def writes(*paths: str, stock: str = "") -> Case:
    """An attempt to write files."""
    lines = (f"put({path!r})" for path in paths)
    return attempted(WRITE + "\n".join(lines), stock)


READING = {
    "the gradebook": reads("@COURSE@/gradebook.db", "@COURSE@/*.db*"),
    "the tests in the source": reads("@COURSE@/source/**", "@COURSE@/exams/**"),
    "other students": reads("@COURSE@/submitted/**", "@COURSE@/../incoming/**"),
    "grades of others": reads("@COURSE@/results/**", "@COURSE@/autograded/**"),
    "the home folder": reads("@HOME@/**", "@HOME@/.*", "/home/*/.*", "/root/.*"),
    "the environment": reads("/proc/*/environ", "/proc/*/cmdline", "/proc/1/maps"),
    "its own environment": attempted("import os, subprocess\nprint(dict(os.environ))"),
    "environment by a shell": attempted(
        "import subprocess\nprint(subprocess.run('env; cat /proc/$PPID/environ; "
        "set', shell=True, capture_output=True).stdout)"
    ),
    "open descriptors": reads("/proc/*/fd/*", "/dev/fd/*"),
    "memory of its own": attempted(
        """import re
for line in open("/proc/self/maps"):
    low, high = (int(n, 16) for n in line.split()[0].split("-"))
    if line.split()[1][0] != "r" or high - low > 1 << 26: continue
    try:
        with open("/proc/self/mem", "rb") as memory:
            memory.seek(low)
            block = memory.read(high - low)
    except (OSError, ValueError, OverflowError):
        continue
    for found in re.findall(rb"the_hidden_test[s] = [^\\n]*", block): print(found)"""
    ),
    "objects in memory": attempted(
        """import gc
for found in gc.get_objects():
    if type(found) in (dict, list, tuple):
        for part in (found.values() if type(found) is dict else found):
            if type(part) is str and "of_the_hidden" + "_tests" in part: print(part)"""
    ),
    "memory of others": attempted(
        C
        + """for pid in range(1, 400):
    call("ptrace", 16, pid, None, None)
buffer = ctypes.create_string_buffer(64)
vector = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 64)
for pid in range(1, 100):
    libc.process_vm_readv(pid, vector, 1, vector, 1, 0)""",
        DESTROYS,
    ),
    "the shadow file": reads("/etc/shadow", "/etc/sudoers", "/etc/ssh/*", "/var/**"),
}
WRITING = {
    "a grade": attempted(
        """import sqlite3
try:
    base = sqlite3.connect("@COURSE@/gradebook.db")
    base.execute("UPDATE grade SET auto_score = 9, manual_score = 9")
    base.commit()
except sqlite3.Error as error:
    print(error)""",
    ),
    "results of others": attempted(
        """import glob
for path in glob.glob("@COURSE@/results/**/*.json", recursive=True):
    open(path, "w").write("{}")""",
    ),
    "submissions of others": attempted(
        """import os
for place, _, names in os.walk("@COURSE@/submitted"):
    for name in names: open(os.path.join(place, name), "w").close()
for place, _, names in os.walk("@COURSE@/../incoming"):
    for name in names: open(os.path.join(place, name), "w").close()""",
    ),
    "the course, removed": attempted(
        'import shutil\nshutil.rmtree("@COURSE@", ignore_errors=True)\n'
        'shutil.rmtree("@HOME@", ignore_errors=True)',
    ),
    "links into the course": attempted(
        """import os
for way in (os.symlink, os.link, os.rename):
    try:
        way("@COURSE@/gradebook.db", "/tmp/pwned-link")
        print(open("/tmp/pwned-link", "rb").read())
    except OSError as error: print(error.errno)""",
    ),
    "configuration": writes("@COURSE@/nbgrader_config.py", "@COURSE@/course.toml"),
    "the course folder": writes("@COURSE@/pwned", "@COURSE@/source/pwned"),
    "start-up files": writes(
        "@HOME@/.ipython/profile_default/startup/pwned.py",
        "@HOME@/.bashrc",
        "@HOME@/.jupyter/pwned.py",
        "@HOME@/.ssh/pwned",
        "/etc/cron.d/pwned",
        "/etc/profile.d/pwned.sh",
    ),
    "everywhere": writes(
        "/tmp/pwned",
        "/dev/shm/pwned",
        "/var/tmp/pwned",
        "/etc/pwned",
        "/pwned",
        stock=DESTROYS,
    ),
    "Python's packages": attempted(
        WRITE
        + """import sys, sysconfig
ours = sys.modules["flow" + "book"].__path__  # named aloud it is a ready-made answer
for base in (*sysconfig.get_paths().values(), *torch.__path__, *ours):
    put(base + "/pwned.pth", "import os")
    put(base + "/pwned.py", "import os")""",
        DESTROYS,
    ),
    "the grader": attempted(
        WRITE
        + """import autograder, sys
for base in autograder.__path__: put(base + "/pwned.py")
for path in sys.path: put(path + "/pwned.py")""",
        DESTROYS,
    ),
    "at the end": attempted(
        """import atexit, weakref, threading
def late():
    for path in ("/tmp/pwned-atexit", "@COURSE@/pwned-atexit", "@HOME@/pwned-atexit"):
        try: open(path, "w").write("x")
        except OSError: pass
atexit.register(late)
threading._register_atexit(late)
class Last:
    __del__ = lambda self: late()
last = Last()
weakref.finalize(last, late)""",
    ),
    "a note for the next": attempted(
        WRITE
        + 'for place in ("/tmp", "/dev/shm", "/var/tmp", ".", "~"):\n'
        + '    put(os.path.expanduser(place) + "/pwned-note", '
        + '"the-note-" + "of-another")',
    ),
    "the note of another": reads("/tmp/*", "/dev/shm/*", "/var/tmp/*", "./*", "~/*"),
    "rights": attempted(
        C
        + """for name, *given in (("setuid", 0), ("setgid", 0), ("unshare", 0x10020000),
        ("mount", b"none", b"/tmp", b"tmpfs", 0, None), ("chroot", b"/"),
        ("setns", 3, 0), ("prctl", 4, 1), ("sethostname", b"pwned", 5), ("reboot", 0)):
    call(name, *given)
import os
for path in ("/proc/sys/kernel/core_pattern", "/proc/self/uid_map", "/sys/power/state"):
    try: open(path, "w").write("|/tmp/pwned")
    except OSError as error: print(error.errno)""",
        DESTROYS,
    ),
    "a terminal": attempted(
        """import fcntl, os
for fd in (0, 1, 2):
    try:
        for letter in b"touch pwned\\n": fcntl.ioctl(fd, 0x5412, bytes([letter]))
    except OSError as error: print(error.errno)
try: open("/dev/tty", "w").write("pwned")
except OSError as error: print(error.errno)""",
        DESTROYS,
    ),
}
OUTSIDE = {
    "a connection": attempted(
        """import socket, urllib.request
for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0"):
    try:
        with socket.create_connection((host, @PORT@), 0.5) as made: made.send(b"pwned")
    except OSError as error: print(error)
try: urllib.request.urlopen("http://127.0.0.1:@PORT@/pwned", timeout=0.5)
except OSError as error: print(error)"""
    ),
    "a connection by a program": attempted(
        """import subprocess
for command in ("curl -m 1 http://127.0.0.1:@PORT@/", "ping -c1 -W1 127.0.0.1",
        "exec 3<>/dev/tcp/127.0.0.1/@PORT@ && echo pwned >&3"):
    print(subprocess.run(["bash", "-c", command], capture_output=True))"""
    ),
    "a datagram": attempted(
        """import socket
for family, kind in ((2, 2), (10, 2), (2, 3), (16, 3), (17, 3), (40, 1)):
    try:
        with socket.socket(family, kind) as made:
            made.sendto(b"pwned", ("127.0.0.1", @PORT@))
    except (OSError, TypeError) as error: print(error)"""
    ),
    "sockets of services": attempted(
        """import glob, socket
paths = glob.glob("/run/**/*sock*", recursive=True) + glob.glob("/tmp/**/*sock*")
for name in [*paths, "\\0pwned", "/run/docker.sock", "/run/dbus/system_bus_socket"]:
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.settimeout(0.5)
            made.connect(name)
            print("connected", name)
    except OSError as error: print(error.errno)"""
    ),
    "a package from the network": attempted(
        "import subprocess, sys\nprint(subprocess.run([sys.executable, '-m', 'pip', "
        "'install', '--no-input', '--retries', '0', '--timeout', '1', "
        "'http://127.0.0.1:@PORT@/pwned.whl'], capture_output=True))"
    ),
}
LASTING = {
    "a process": attempted(
        """import subprocess
subprocess.Popen(["sleep", "4242.1"], start_new_session=True)
subprocess.Popen("nohup setsid sleep 4242.2 & disown", shell=True)"""
    ),
    "a daemon": attempted(
        """import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", "4242.3"])
    os._exit(0)"""
    ),
    "a daemon that ignores signals": attempted(
        """import os, signal, time
if os.fork() == 0:
    os.setsid()
    for number in range(1, 65):
        try: signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError): pass
    os.execvp("sleep", ["sleep", "4242.4"])"""
    ),
    "a thread": attempted(
        """import threading, time
def forever():
    while True: time.sleep(0.01)
for daemon in (True, False):
    threading.Thread(target=forever, daemon=daemon).start()"""
    ),
    "a pool": attempted(
        """from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(4)
print(list(pool.map(abs, range(4))))"""
    ),
    "a stopped process": attempted(
        """import os, signal, subprocess
made = subprocess.Popen(["sleep", "4242.5"])
os.kill(made.pid, signal.SIGSTOP)"""
    ),
}
# In namespaces the parent is outside and has the number 0, which means oneself.
KILLS = """import os, signal
parent = os.getppid() or 1 << 21
def kill(pid, number=signal.SIGKILL):
    try: os.kill(pid, number)
    except OSError as error: print(error.errno)
"""
SIGNALS = {
    "the parent": attempted(KILLS + "kill(parent)\nkill(parent, 15)"),
    "low numbers": attempted(
        KILLS + "for pid in range(1, 3000):\n    if pid != os.getpid(): kill(pid)",
        DESTROYS,
    ),
    # It may hit its own process, and with it the first answer.
    "everybody": handed(
        (0.0, FULL[1]),
        square=KILLS + "kill(-1)\nkill(0)\nkill(os.getpid())",
        stock=DESTROYS,
    ),
    "stop and continue": attempted(
        KILLS + "for number in (signal.SIGSTOP, signal.SIGTSTP, signal.SIGINT):\n"
        "    kill(parent, number)"
    ),
}
# Each is refused; whoever succeeds has a wrong answer.
RAISED = {
    "a real-time priority": "os.sched_setscheduler(0, os.SCHED_FIFO, "
    "os.sched_param(9))",
    "a better niceness": "os.setpriority(os.PRIO_PROCESS, 0, -5)",
    "locked memory": "if ctypes.CDLL(None).mlockall(3): raise OSError",
    "a session's key ring": "if libc.syscall(248, b'user', b'a', b'b', 1, -3) < 0: "
    "raise OSError",
    "a queue between processes": "if libc.msgget(4242, 0o1666) < 0: raise OSError",
}


def raises(source: str) -> Case:
    """A right answer, unless something that is refused succeeds."""
    return handed(
        FULL,
        square="import ctypes, os, resource\nlibc = ctypes.CDLL(None)\nwon = True\n"
        f"try:\n    {source}\nexcept (OSError, ValueError): won = False\n"
        "def square(x): return 41 if won else x * x",
    )


CASES = {
    **{f"raised: {name}": raises(source) for name, source in RAISED.items()},
    **{f"read: {name}": case for name, case in READING.items()},
    **{f"write: {name}": case for name, case in WRITING.items()},
    **{f"outside: {name}": case for name, case in OUTSIDE.items()},
    **{f"lasting: {name}": case for name, case in LASTING.items()},
    **{f"signal: {name}": case for name, case in SIGNALS.items()},
}
