"""Exhausting: what takes all the time, memory, disk, processes or output there is.

Each costs its own points at most, and no others: the honest scale keeps its three.
A right answer that stands before an endless loop is kept when the loop can be
interrupted, as it is in Jupyter; what must be killed takes the answer with it.
"""

import base64
from io import BytesIO

from case import (
    FULL,
    NONE,
    SQUARE,
    Case,
    Notebook,
    beside,
    changed,
    handed,
    own_cell,
    rewritten,
)
from damaging import zipped
from PIL import Image
from tiny_assignment import NAME

LOST, KEPT = (0.0, FULL[1]), FULL
MACHINE = "it would take the whole machine"
STOPPED = {
    "a loop": "while True: pass",
    "a loop in C": "9 ** 9 ** 9",
    "a regular expression": "import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')",
    "a sleep": "import time\ntime.sleep(3600)",
    "a deadlock": "import threading\nlock = threading.Lock()\nlock.acquire()\n"
    "lock.acquire()",
    "a wait for a child": "import os, time\nif os.fork() == 0: time.sleep(3600)\n"
    "os.wait()",
    "an endless event loop": "import asyncio\nawait asyncio.sleep(3600)",
}
# What takes the interruption for its own, and goes on.
SURVIVED = {
    "a shell that never ends": "!sleep 3600",
    "a loop in a finaliser": """class Never:
    def __del__(self):
        while True: pass
never = Never()
del never""",
}
KILLED = {
    "a loop that ignores interrupts": """import signal
for number in (signal.SIGALRM, signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
while True:
    try:
        while True: pass
    except BaseException: pass""",
    "a sum": "sum(range(10 ** 15))",
}
ASKED = {
    "a loop when asked": "def square(x):\n    while True: pass",
    "a loop when the hidden test asks": "def square(x):\n    while x < 0: pass\n"
    "    return x * x",
    "a sleep when asked": "import time\ndef square(x): time.sleep(3600)",
    "an endless generator": "import itertools\ndef square(x): return itertools.count()",
    "a recursion": "def square(x): return square(x)",
    "a recursion in C": "import sys\nsys.setrecursionlimit(10 ** 9)\n"
    "def square(x): return square(x)",
    "a huge number": "def square(x): return 10 ** 10 ** 6",
    "a huge text": "def square(x): return 'a' * 10 ** 8",
    "a huge tensor": "def square(x): return torch.zeros(10 ** 8)",
    "a list of lists": "def square(x):\n    found = None\n"
    "    for _ in range(40): found = [found, found]\n    return found",
    "a list in itself": "def square(x):\n    found = []\n    found.append(found)\n"
    "    return found",
    "a long exception": "def square(x): raise ValueError('a' * 10 ** 7)",
    "an exit": "import os\ndef square(x): os._exit(0)",
    "a crash": "import ctypes\ndef square(x): ctypes.string_at(0)",
    "a comparison that never ends": """class Slow:
    def __eq__(self, other):
        while True: pass
def square(x): return Slow()""",
}
MEMORY = {
    "a huge array": "data = bytearray(10 ** 12)",
    "a growing list": "data = []\nwhile True: data.append(bytearray(10 ** 6))",
    "a huge tensor": "data = torch.ones(10 ** 11)",
    "memory of many": """import os, time
for _ in range(6):
    if os.fork() == 0:
        data = bytearray(b"x") * 150_000_000
        time.sleep(60)
time.sleep(60)""",
    "shared memory": """import mmap
data = []
while True:
    part = mmap.mmap(-1, 50_000_000)
    part.write(b"x" * 50_000_000)
    data.append(part)""",
    "a fork bomb": "import os\nwhile True: os.fork()",
    "a fork bomb that swallows": """import os
while True:
    try: os.fork()
    except OSError: pass""",
    "a thread bomb": """import threading, time
while True: threading.Thread(target=time.sleep, args=(60,)).start()""",
    "a bomb of the shell": "!:(){ :|:& };:\nimport time\ntime.sleep(60)",
}
# What fails by itself within the limits, without costing the answer that stood before.
FILLED = {
    "forty busy sessions": """import os
for _ in range(40):
    if os.fork() == 0:
        os.setsid()
        while True: pass""",
    "the disk": """try:
    with open("/tmp/pwned-full", "wb") as file:
        while True: file.write(b"x" * 10 ** 6)
except OSError as error: print(error.errno)""",
    "shared memory": """try:
    with open("/dev/shm/pwned-full", "wb") as file:
        while True: file.write(b"x" * 10 ** 6)
except OSError as error: print(error.errno)""",
    "a sparse file": """try:
    with open("/tmp/pwned-sparse", "wb") as file: file.truncate(10 ** 15)
except OSError as error: print(error.errno)""",
    "many small files": """try:
    for number in range(10 ** 6): open(f"/tmp/pwned{number}", "w").close()
except OSError as error: print(error.errno)""",
    "open files": """files = []
try:
    while True: files.append(open("/dev/null"))
except OSError as error: print(error.errno)
files.clear()""",
    "pipes": """import os, socket
pipes = []
try:
    while True: pipes.append(socket.socketpair())
except OSError as error: print(error.errno)
pipes.clear()""",
}
FLOODS = {
    "lines": "for number in range(200_000): print(number)",
    "one line": "print('x' * 10 ** 7)",
    "errors": "import sys\nfor _ in range(100): print('x' * 10 ** 5, file=sys.stderr)",
    "without an end of line": "for _ in range(10 ** 5): print('x', end='\\r')",
    "descriptors": "import os\nfor _ in range(300): os.write(1, b'x' * 10 ** 5)",
    "a program": "!head -c 10000000 /dev/zero",
    "displays": "from IPython.display import display\n"
    "for number in range(3000): display(number)",
    "a giant picture": "from IPython.display import display, Image\n"
    "display(Image(data=b'\\x89PNG\\r\\n\\x1a\\n' + b'x' * 10 ** 7, format='png'))",
    "a giant figure": """import matplotlib.pyplot as plt
figure = plt.figure(figsize=(40, 40), dpi=100)
plt.plot([1, 2])""",
    "a long representation": "class Long:\n    def __repr__(self): "
    "return 'x' * 10 ** 7\nLong()",
    "a traceback": "def down(n): return down(n + 1)\ndown(0)",
}


def cells(number: int, source: str):
    def change(notebook: Notebook) -> None:
        for each in range(number):
            notebook["cells"].append(own_cell(source, id=f"own{each}"))

    return change


def heavy_outputs(notebook: Notebook) -> None:
    text = {"output_type": "stream", "name": "stdout", "text": "x" * 50_000_000}
    notebook["cells"][-2]["outputs"] = [text]


def long_source(notebook: Notebook) -> None:
    notebook["cells"].append(own_cell("#" * 2_000_000))


def chain(notebook: Notebook) -> None:
    names = [own_cell(f"a{n} = a{n + 1}") for n in range(900)]
    notebook["cells"] += [*names, own_cell("a900 = 0")]


def long_texts(notebook: Notebook) -> None:
    notebook["cells"] += [own_cell(f"x = '{'a' * 150_000}'") for _ in range(9)]


def deep_metadata(content: bytes) -> bytes:
    deep = b"[" * 5_000 + b"]" * 5_000
    return content.replace(b'"metadata": {', b'"metadata": {"a": ' + deep + b", ", 1)


def deep_source(notebook: Notebook) -> None:
    notebook["cells"].insert(0, own_cell("(" * 3_000 + ")" * 3_000))
    notebook["cells"].insert(0, own_cell("x = " + "-" * 50_000 + "1"))
    notebook["cells"].insert(0, own_cell("x" + ".a" * 2_000))
    notebook["cells"].insert(0, own_cell("x = " + "+".join("1" * 3_000)))


def huge_markdown(notebook: Notebook) -> None:
    notebook["cells"].append(own_cell("*" * 300_000 + "[" * 300_000, "markdown"))


def half_open(notebook: Notebook) -> None:
    """A text for a search that tries every way to divide it."""
    notebook["cells"].append(own_cell("<img src=attachment:" * 45_000, "markdown"))


def large_pictures(notebook: Notebook) -> None:
    """A few kilobytes each, a few hundred megabytes when they are decoded."""
    buffer = BytesIO()
    Image.new("RGB", (5_400, 5_400)).save(buffer, "PNG")
    picture = base64.b64encode(buffer.getvalue()).decode("ascii")
    for number in range(8):
        attached = {f"{number}-{each}.png": {"image/png": picture} for each in range(9)}
        cell = own_cell("Mine.", "markdown", id=f"own{number}", attachments=attached)
        notebook["cells"].append(cell)


def deep_quotes(notebook: Notebook) -> None:
    notebook["cells"].append(own_cell(">" * 100_000 + "a", "markdown"))
    notebook["cells"].append(own_cell("- " * 50_000 + "a", "markdown"))


def bomb(exam) -> dict[str, bytes]:
    """200 MB of spaces in a zip of 200 kB."""
    return {"bomb.zip": zipped({f"{NAME}.ipynb": b" " * 200_000_000})}


SIZES = {
    "a notebook of 50 MB": changed(heavy_outputs, said="kept without its outputs"),
    "a cell of 2 MB": changed(long_source, None, "the most that is graded"),
    "five thousand cells": changed(cells(5_000, ""), None, "1000 is the most"),
    "hundreds of cells": changed(cells(300, "x = 1"), said="added cells were kept"),
    "a cell of brackets": changed(deep_source),
    "hundreds of magics": handed(LOST, square=f"{SQUARE}\n" + "%time 1\n" * 600),
    "a chain of names": changed(chain, said="added cells were kept"),
    "long texts": changed(long_texts, said="added cells were kept"),
    "markdown that is hard to parse": changed(huge_markdown),
    "half-open pictures": changed(half_open),
    "large pictures": changed(large_pictures, said="cannot be shown"),
    "deep quotations": changed(deep_quotes),
    "nested too deeply": rewritten(
        lambda b: b'{"cells":' + b"[" * 10**6, None, "nested too deeply"
    ),
    "deep metadata": rewritten(deep_metadata, None, "nested too deeply"),
    "a number of a million digits": rewritten(
        lambda b: b'{"cells":' + b"9" * 10**6 + b"}", None
    ),
    "a zip bomb": Case(bomb, None, "unpacks to more than"),
    "zips in zips": beside(
        {"a.zip": zipped({"b.zip": zipped({"c.zip": b""})})}, None, alone=True
    ),
    "a file of 45 MB": rewritten(lambda b: b" " * 45_000_000, None, "40 MB"),
}
# What a cell breaks in its own process: at most that process is replaced.
BROKEN = {
    "closed descriptors": """import os
for fd in range(256):
    try: os.close(fd)
    except OSError: pass""",
    "other descriptors": """import os
null = os.open("/dev/null", os.O_RDWR)
for fd in range(3, 64):
    if fd != null: os.dup2(null, fd)""",
    "the engine's modules": "import json, struct\n"
    "json.dumps = json.loads = struct.pack = None",
    "the system's calls": "import os, signal, time\nos.environ.clear()\n"
    "os.fork = signal.setitimer = signal.signal = time.monotonic = None",
    "built-in functions": "import builtins\n"
    "for name in ('len', 'isinstance', 'getattr', 'str', 'type', 'Exception'):\n"
    "    delattr(builtins, name)",
    "an abort": "import os\nos.abort()",
}
MENDED = {
    "no streams": "import sys\nsys.stdout = sys.stderr = sys.stdin = None",
    "closed streams": "import sys\nsys.stdout = open('said.txt', 'w')\nprint(1)\n"
    "sys.stdout.close()\nsys.stderr.close()",
    "little recursion": "import sys\nsys.setrecursionlimit(60)",
    "waiting for children": "import os\nos.waitpid = os.kill = lambda *a: 0\n"
    "os._exit = lambda *a: None",
    "names of the shell": "get_ipython = In = Out = _ = __ = None\n"
    "__builtins__ = {}\n__name__ = 'x'",
    "a child that raises": "import os\nif os.fork() == 0: raise ValueError",
    "a clock that rings": "import signal\n"
    "signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)",
    "another device": "torch.set_default_device('meta')",
    "an interrupt": "raise KeyboardInterrupt",
    "a farewell": "exit()",
}
BLOCKED = {
    "input": "input('your grade? ')",
    "the debugger": "breakpoint()",
    "post-mortem": "%pdb on\n1 / 0",
    "standard input": "import sys\nprint(sys.stdin.read())",
}
CASES = {
    **{
        f"loop: {name}": handed(KEPT, "ran longer than", square=f"{SQUARE}\n{source}")
        for name, source in STOPPED.items()
    },
    **{
        f"loop: {name}": handed(KEPT, square=f"{SQUARE}\n{source}")
        for name, source in SURVIVED.items()
    },
    **{
        f"loop: {name}": handed(LOST, "ran longer than", square=f"{SQUARE}\n{source}")
        for name, source in KILLED.items()
    },
    **{f"asked: {name}": handed(LOST, square=source) for name, source in ASKED.items()},
    **{
        f"memory: {name}": handed(LOST, square=source, stock=MACHINE)
        for name, source in MEMORY.items()
    },
    **{
        f"filled: {name}": handed(KEPT, square=f"{SQUARE}\n{source}", stock=MACHINE)
        for name, source in FILLED.items()
    },
    **{
        f"flood: {name}": handed(KEPT, square=f"{SQUARE}\n{source}")
        for name, source in FLOODS.items()
    },
    **{
        f"blocked: {name}": handed(KEPT, square=f"{SQUARE}\n{source}")
        for name, source in BLOCKED.items()
    },
    **{
        f"broken: {name}": handed(LOST, square=f"{SQUARE}\n{source}")
        for name, source in BROKEN.items()
    },
    **{
        f"mended: {name}": handed(KEPT, square=f"{SQUARE}\n{source}")
        for name, source in MENDED.items()
    },
    "mended: names thrown away": handed(KEPT, square=f"%reset -f\n{SQUARE}"),
    **{f"size: {name}": case for name, case in SIZES.items()},
    "loop: in every cell": handed(
        NONE, square="while True: pass", scale="while True: pass"
    ),
}
