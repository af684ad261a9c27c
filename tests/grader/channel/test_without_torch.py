"""The channel in processes that have no torch: all but tensors crosses, lies do not."""

import subprocess
import sys
from pathlib import Path

import pytest

BUILDERS = Path(__file__).parents[2] / "builders"
# Each line of a case is one judged answer; all of them run in one process, forked anew.
PROGRAM = """
import sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
sys.meta_path.insert(0, NoTorch())
import channel_pair
channel_pair.IMPORTS = "import numpy as np"
for line in sys.stdin:
    answer, test = eval(line)
    run = channel_pair.judged(answer, test)
    print(run.ended, run.name)
assert not any(name.split(".")[0] == "torch" for name in sys.modules)
"""
FILL = "def f(x):\n    x[0] = 9\n    return x"
COPY = "def f(x):\n    x = x.copy()\n    x[0] = 9\n    return x"
KEEPS = "kept = []\ndef put(x):\n    kept.append(x)\ndef get():\n    return kept[-1]"
COPIES = KEEPS.replace("(x)\ndef", "(x.copy())\ndef")
ASKED = "a = np.arange(3)\nf.__in_place__()(a)\nassert a.tolist() == [9, 1, 2]"
KEPT = "a = np.arange(3)\nput(a)\na[0] = 5\nassert get()[0] == 0"
DRAW = "np.random.seed(3)\nwant = np.random.rand()\nnp.random.seed(3)\n"
WATCHED = "_, moved = f.__watched__()\nassert moved == ['numpy']"
LIE = """
import gc
from autograder.channel import Channel
from autograder.channel.server import Server
def f():
    channel = next(
        o for o in gc.get_objects() if isinstance(o, Channel) and not o.closed
    )
    peer = next(o for o in gc.get_objects() if isinstance(o, Server))
    channel.send({"n": peer.open[-1]} | HEADER, [bytes(4)])
"""
TENSOR = "['T', 'float32', [1], 'cpu']"
LIES = (
    f"{{'tree': {TENSOR}}}",
    "{'tree': ['size', 2]}",
    "{'tree': ['dtype', 'float32']}",
    "{'tree': ['device', 'cpu']}",
    "{'tree': ['W', -1]}",
    f"{{'tree': 1, 'twins': [[-1, False, True, {TENSOR}, None]]}}",
    f"{{'tree': ['G', 0], 'graph': [1, [{TENSOR}], []]}}",
    f"{{'tree': ['A', 1, {TENSOR}]}}",
)
CASES = {
    "a test that asks sees what is written": ((FILL, ASKED, "ok"),),
    "no other test does": (
        (FILL, "a = np.arange(3)\nassert f(a)[0] == 9\nassert a[0] == 0", "error"),
        (COPY, "a = np.arange(3)\nassert f(a)[0] == 9\nassert a[0] == 0", "ok"),
        (COPY, ASKED, "error"),
    ),
    "an array that is kept is seen": ((KEEPS, KEPT, "error"), (COPIES, KEPT, "ok")),
    "a seeded draw is the same": (
        ("def f():\n    return np.random.rand()", f"{DRAW}assert f() == want", "ok"),
        ("def f():\n    np.random.rand()", WATCHED, "ok"),
    ),
    "what only torch could read is a lie": tuple(
        (LIE.replace("HEADER", lie), "f()", "error ProtocolError") for lie in LIES
    ),
}


@pytest.fixture(scope="module")
def ended():
    """How each answer of all cases ended, by answer and test."""
    lines = [case[:2] for cases in CASES.values() for case in cases]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input="\n".join(map(repr, lines)),
        capture_output=True,
        text=True,
        cwd=BUILDERS,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(lines, done.stdout.splitlines(), strict=True))


@pytest.mark.parametrize("cases", CASES.values(), ids=CASES)
def test_without_torch(ended, cases):
    for answer, test, expected in cases:
        assert ended[answer, test].startswith(expected), (answer, test)
