"""Forging: wrong answers that try to look right. None of them may get a point."""

from case import FULL, NONE, SCALE, SQUARE, WRONG, Case, forged, handed

EQUAL = """class Equal:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __lt__ = __le__ = __gt__ = __ge__ = __contains__ = __eq__
    __hash__ = object.__hash__
    def __bool__(self): return True
    def __float__(self): return 9.0
    def __getattr__(self, name): return lambda *a, **k: self
    def __getitem__(self, key): return self
    def __array__(self, *a, **k): return np.full(7, 2.0)
    def __torch_function__(self, *a, **k): return True
"""
FRAMES = """import gc, sys
def seek(name):
    frame = sys._getframe()
    while frame:
        for scope in (frame.f_locals, frame.f_globals):
            if name in scope: return scope[name]
        frame = frame.f_back
    for found in gc.get_objects():
        if isinstance(found, dict) and name in found: return found[name]
"""
WIRE = """import json, os, struct
for end in ({"ended": "ok"}, {"ended": "ok", "name": "", "text": "", "line": 0}):
    for number in range(60):
        data = json.dumps({"number": number, "end": end}).encode()
        for fd in range(64):
            try:
                os.set_blocking(fd, False)
                os.write(fd, struct.pack("!I", len(data)) + data)
            except OSError:
                pass
"""

SHELL = {
    "exception handler": "def ignore(*a, **k): return None\n"
    "get_ipython().set_custom_exc((BaseException,), ignore)",
    "showtraceback": "get_ipython().showtraceback = lambda *a, **k: None\n"
    "get_ipython().showsyntaxerror = lambda *a, **k: None",
    "AST transformer": """import ast
class NoAsserts(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.Pass()
    def visit_Expr(self, node): return ast.Pass()
get_ipython().ast_transformers.append(NoAsserts())""",
    "input transformer": "get_ipython().input_transformers_cleanup.append("
    "lambda lines: ['pass\\n'])\n"
    "get_ipython().input_transformer_manager.line_transforms.clear()",
    "run_code": """async def run_code(*a, **k): return False
get_ipython().run_code = run_code""",
    "run_cell": "get_ipython().run_cell = lambda *a, **k: None\n"
    "type(get_ipython()).run_cell = lambda *a, **k: None",
    "run_ast_nodes": """async def nothing(*a, **k): return False
type(get_ipython()).run_ast_nodes = nothing
type(get_ipython()).run_cell_async = nothing""",
    "optimised compiler": """import builtins, functools
builtins.compile = functools.partial(compile, optimize=2)
get_ipython().compile.flags |= 0
import sys
sys.flags = type("Flags", (), {"optimize": 2})()""",
    "the kernel's session": """try:
    kernel = get_ipython().kernel
    send = kernel.session.send
    def lie(socket, kind, content=None, *a, **k):
        if kind == "error": kind, content = "stream", {"name": "stdout", "text": ""}
        if kind == "execute_reply": content = {"status": "ok", "execution_count": 1}
        return send(socket, kind, content, *a, **k)
    kernel.session.send = lie
except AttributeError:
    pass""",
    "displayhook": "import sys\nsys.displayhook = lambda value: None\n"
    "get_ipython().displayhook.quiet = lambda: True\n9",
    "excepthook": "import sys\nsys.excepthook = sys.unraisablehook = lambda *a: None",
    "cell events": """def after(result=None):
    if result is not None:
        result.error_in_exec = result.error_before_exec = None
get_ipython().events.register("post_run_cell", after)
get_ipython().events.register("pre_run_cell", lambda *a: None)""",
    "user namespace": """class Space(dict):
    def __getitem__(self, key): return (lambda *a, **k: None)
    def __missing__(self, key): return (lambda *a, **k: None)
get_ipython().user_ns = Space(get_ipython().user_ns)""",
    "a new process image": """import os, sys
os.execv(sys.executable, [sys.executable, "-O", "-c", "print('passed')"])""",
    "the engine's classes": """import sys
for name, module in list(sys.modules.items()):
    if name.startswith("autograder."):
        for key, value in list(vars(module).items()):
            if key in ("run_cell", "run_test", "check", "judge"):
                setattr(module, key, lambda *a, **k: {"ended": "ok"})""",
    "words to the engine": WIRE,
}
TOOLS = {
    "AssertionError": "import builtins\n"
    "builtins.AssertionError = type('Never', (Exception,), {})",
    "builtins": """import builtins
builtins.isinstance = builtins.all = builtins.any = lambda *a: True
builtins.abs = builtins.len = lambda *a: 0""",
    "torch's comparisons": """torch.allclose = torch.equal = lambda *a, **k: True
torch.testing.assert_close = lambda *a, **k: None
torch.Tensor.__eq__ = lambda self, other: torch.ones((), dtype=torch.bool)
torch.Tensor.all = lambda self, *a: True""",
    "numpy's comparisons": """np.allclose = np.isclose = lambda *a, **k: True
np.testing.assert_allclose = np.testing.assert_equal = lambda *a, **k: None""",
    "check redefined": "def check(*a, **k): pass",
    "check's module": """import flowbook.checks, sys
flowbook.checks.check = check = lambda *a, **k: None
for name in dir(flowbook.checks):
    if name.startswith("_") and not name.startswith("__"):
        setattr(flowbook.checks, name, lambda *a, **k: None)""",
    "another torch": """import sys, types
fake = types.ModuleType("torch")
fake.allclose = lambda *a, **k: True
torch = sys.modules["torch"] = fake
class Any:
    def __getattr__(self, name): return lambda *a, **k: Any()
scale = lambda x: Any()""",
    "the given function": "def reference(x): return torch.full_like(x, 41.0)",
    "a function mode": """from torch.overrides import TorchFunctionMode
class Yes(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "")
        if name in ("allclose", "equal", "all", "isfinite"): return True
        return func(*args, **(kwargs or {}))
mode = Yes()
mode.__enter__()""",
    "tracing": """import sys
def trace(frame, event, argument):
    if event == "exception": return None
    return trace
sys.settrace(trace)
sys.setprofile(lambda *a: None)""",
    "warnings and types": "torch.set_default_dtype(torch.float16)\n"
    "np.seterr(all='ignore')",
    "the codec of the channel": """import autograder.channel.codec as codec
for name in list(vars(codec)):
    if "tensor" in name or "encode" in name:
        setattr(codec, name, lambda *a, **k: np.zeros(3, np.float32))""",
}
BOTH = "def square(x): return {0}\ndef scale(x): return {0}"
VALUES = {
    "nothing": BOTH.format("None"),
    "true": BOTH.format("True"),
    "not a number": BOTH.format("x * float('nan')"),
    "infinity": BOTH.format("x * float('inf')"),
    "an empty tensor": BOTH.format("torch.empty(0)"),
    "an empty list": BOTH.format("[]"),
    "the function itself": "def square(x): return square\ndef scale(x): return scale",
    "a class": BOTH.format("type(x)"),
    "an always-equal object": EQUAL + BOTH.format("Equal()"),
    "an equal metaclass": """class Meta(type):
    __eq__ = lambda self, other: True
    __ne__ = lambda self, other: False
    __hash__ = type.__hash__
    __instancecheck__ = __subclasscheck__ = lambda self, other: True
class Same(metaclass=Meta): pass
"""
    + BOTH.format("Same"),
    "a subclass of float": """class Mine(float):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __hash__ = float.__hash__
"""
    + BOTH.format("Mine(1)"),
    "a subclass of int": """class Mine(int):
    def __eq__(self, other): return True
    __hash__ = int.__hash__
"""
    + BOTH.format("Mine(1)"),
    "a subclass of Tensor": """class Mine(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None): return True
    def __eq__(self, other): return True
"""
    + BOTH.format("torch.zeros(3).as_subclass(Mine)"),
    "a subclass of ndarray": """class Mine(np.ndarray):
    def __eq__(self, other): return np.bool_(True)
    def __array_function__(self, *a, **k): return True
    def __array_ufunc__(self, *a, **k): return np.True_
"""
    + BOTH.format("np.zeros(7).view(Mine)"),
    "an array of objects": EQUAL + BOTH.format("np.array([Equal()] * 3, dtype=object)"),
    "an object that claims a class": EQUAL
    + "Equal.__class__ = property(lambda self: torch.Tensor)\n"
    + BOTH.format("Equal()"),
    "a mock": "from unittest.mock import MagicMock\n" + BOTH.format("MagicMock()"),
    "ANY of mock": "from unittest.mock import ANY\n" + BOTH.format("ANY"),
    "a sparse tensor": BOTH.format("torch.zeros(7).to_sparse()"),
    "a meta tensor": BOTH.format("torch.empty(3, device='meta')"),
    "a generator": "def square(x):\n    yield 9\ndef scale(x):\n    yield 2 * x",
    "a coroutine": "async def square(x): return 9\nasync def scale(x): return 2 * x",
    "a string": "def square(x): return '9'\ndef scale(x): return str(2 * x)",
    "the input changed": "def square(x): return x\n"
    "def scale(x):\n    x.zero_()\n    return x",
    "the input changed through numpy": "def square(x): return x\n"
    "def scale(x):\n    x.detach().numpy()[:] = 0\n    return torch.zeros_like(x)",
}
RAISED = "def square(x): raise {0}\ndef scale(x): raise {0}"
ENDS = {
    "AssertionError": RAISED.format("AssertionError('all passed')"),
    "StopIteration": RAISED.format("StopIteration"),
    "GeneratorExit": RAISED.format("GeneratorExit"),
    "SystemExit": RAISED.format("SystemExit(0)"),
    "KeyboardInterrupt": RAISED.format("KeyboardInterrupt"),
    "CheckFailed": "from flowbook.checks import CheckFailed\n"
    + RAISED.format("CheckFailed('idea', 'Problem: none', 'right', 'Full marks.')"),
    "an exception that lies": """class Lie(Exception):
    __name__ = property(lambda self: "ok")
    def __str__(self): return "ended: ok"
Lie.__name__ = Lie.__qualname__ = "ok"
"""
    + RAISED.format("Lie"),
    "an exit": "import os\n" + RAISED.replace("raise {0}", "os._exit(0)"),
    "a child that goes on": """import os
def square(x):
    if os.fork(): os._exit(0)
    return 9
def scale(x):
    return torch.zeros(7)""",
}


def half_read(texts: str) -> str:
    """Answers that look up what the tests expect, in what `texts()` finds.

    The visible test gives its number away; only the hidden one must not be found.
    """
    return f"""import re
def texts():
    {texts}
def square(x):
    for text in texts():
        if found := re.search(r"square\\({{}}\\) == (\\d+)".format(
                r"\\w*tests" if x < 0 else "3"), text):
            return int(found[1])
    return 41
def scale(x): return None"""


PEEKS = {
    "the test in In": half_read("return map(str, get_ipython().user_ns['In'])"),
    "the history": half_read(
        "return [source for *_, source in get_ipython().history_manager.get_range(0)]"
    ),
    "frames": FRAMES
    + "def square(x):\n    return seek('expected') or seek('want') or 41\n"
    "def scale(x):\n    found = seek('expected')\n"
    "    return found if found is not None else torch.zeros_like(x)",
    "the tests' source": half_read(
        "import linecache\n"
        "    return [''.join(each[2]) for each in linecache.cache.values() "
        "if len(each) > 2]"
    ),
    "texts in memory": half_read(
        "import gc\n    found = []\n    for each in gc.get_objects():\n"
        "        if type(each) in (list, tuple, dict):\n"
        "            parts = each.values() if type(each) is dict else each\n"
        "            found += [part for part in parts if type(part) is str]\n"
        "    return found"
    ),
    "the code of frames": half_read(
        "import sys\n    found, frame = [], sys._getframe()\n    while frame:\n"
        "        scopes = (frame.f_locals, frame.f_globals)\n"
        "        found += [repr(v) for s in scopes for v in list(s.values())\n"
        "                  if type(v) in (str, bytes, tuple, list, dict)]\n"
        "        frame = frame.f_back\n    return found"
    ),
}
PRINTED = {
    "a score in the output": "from IPython.display import display, JSON, HTML\n"
    "print('Score: 9 / 9'); print('{\"score\": 9, \"max_score\": 9}')\n"
    "display(JSON({'nbgrader': {'score': 9}})); display(HTML('<b>9/9</b>'))",
    "a score at the end": "import atexit\natexit.register(print, '9 points')",
    "a thread that answers": """import os, struct, json, threading, time
def shout():
    data = json.dumps({"kind": "value", "value": 25}).encode()
    for _ in range(200):
        for fd in range(3, 40):
            try:
                os.write(fd, struct.pack("!I", len(data)) + data)
            except OSError:
                pass
        time.sleep(0.005)
threading.Thread(target=shout, daemon=True).start()""",
}
# What the judge's own channel is told, when the judge asks for the square.
CHANNEL = """import gc, struct
from autograder.channel import Channel
def square(x):
    for channel in gc.get_objects():
        if isinstance(channel, Channel) and not channel.closed:
            try:
                {0}
            except BaseException: pass
    return 41"""
SERVERS = """from autograder.channel.server import Server
                for n in [s.open[-1] for s in gc.get_objects()
                          if isinstance(s, Server) and s.open]:
                    channel.send("""
CHANNELS = {
    "answers in advance": "[channel.send({'n': n, 'tree': x * x}) for n in range(99)]",
    "its own token": "from autograder.channel.server import Server\n"
    "                for peer in gc.get_objects():\n"
    "                    if isinstance(peer, Server):\n"
    "                        channel.send({'n': peer.open[-1], 'tree': x * x})",
    "a verdict": "channel.send({'ended': 'ok', 'verdict': 'ok', 'points': 2})",
    "a header that lies": "channel._socket.sendall(struct.pack('>IQ', 4, 1 << 60) "
    "+ b'null')",
    "a header without end": "channel._socket.sendall(b'\\xff' * 65536)",
    "a pickle": "channel.send({'n': 1, 'tree': ['pickle', 'cos\\nsystem']})",
    "a list of the test's": SERVERS + "{'n': n, 'tree': ['K', 1, ['l', [9]]]})",
    "a refresh": SERVERS + "{'n': 1, 'op': 'refresh', 'in': n, 'tree': ['t', []]})",
    "a change of what it was not handed": SERVERS
    + "{'n': n, 'tree': 41, 'changed': [[0, ['l', []]]]})",
    "a number of a change": SERVERS
    + "{'n': n, 'tree': 41, 'changed': [[-1, 9], [1.0, 9]]})",
}


def by_value(source: str) -> Case:
    """Both answers are what the source defines last."""
    return handed(NONE, square=source, scale="pass", why="?")


def half(source: str) -> Case:
    """An attack in the square alone: the honest scale keeps its points."""
    return handed((0.0, FULL[1]), square=source)


CASES = {
    **{f"shell: {name}": forged(source) for name, source in SHELL.items()},
    **{f"tools: {name}": forged(source) for name, source in TOOLS.items()},
    **{f"value: {name}": by_value(source) for name, source in VALUES.items()},
    **{f"end: {name}": by_value(source) for name, source in ENDS.items()},
    **{f"peek: {name}": by_value(source) for name, source in PEEKS.items()},
    **{
        f"channel: {name}": half(CHANNEL.replace("{0}", source))
        for name, source in CHANNELS.items()
    },
    **{f"printed: {name}": forged(source) for name, source in PRINTED.items()},
    "the visible tests by heart": half("def square(x): return {3: 9}.get(x)"),
    "right in S, wrong when asked": half(
        "calls = []\ndef square(x):\n    calls.append(x)\n"
        "    return x * x if len(calls) < 2 else 41"
    ),
    "the other answer's name": handed(
        (FULL[0], 0.0), scale=f"{SQUARE}\nscale = square\n"
    ),
    "a test redefined as an answer": handed(
        NONE, **WRONG | {"scale": f"{WRONG['scale']}\nx = torch.zeros(0)\nnp = None"}
    ),
    "an attack that leaves the honest answer alone": handed(
        (0.0, FULL[1]), square=f"{EQUAL}def square(x): return Equal()", scale=SCALE
    ),
}
