"""No answer but the right one passes: forged results, lies on the channel, floods.

Each attack is code in a student's answer cell. An honest answer passes all the tests
that the attacks meet.
"""

import contextlib
import time

import pytest
from channel_pair import IMPORTS, judged, student_of

from autograder.channel import CellRun, run_test
from autograder.channel import shared_tensors as twins

OK = CellRun("ok")
HONEST = "def f(x): return 2 * x"
TESTS = {
    "check": "check(f(x), 2 * x, idea='twice x')",
    "allclose": "assert torch.allclose(f(x), 2 * x)",
    "equal": "assert torch.equal(f(x), 2 * x)",
    "all": "assert (f(x) == 2 * x).all()",
    "any": "assert not (f(x) != 2 * x).any()",
    "not": "assert not torch.any(f(x) - 2 * x)",
    "list": "assert f(x).tolist() == [2.0, -4.0, 6.0]",
    "numpy": "np.testing.assert_allclose(np.asarray(f(x)), [2.0, -4.0, 6.0])",
    "close": "torch.testing.assert_close(f(x), 2 * x)",
    "number": "assert abs(float(f(x)[1]) + 4) < 1e-6",
    "items": "for got, want in zip(f(x), [2, -4, 6], strict=True): assert got == want",
    "reversed": "assert 2 * x[0] == f(x)[0] and -4.0 == f(x)[1]",
    "contains": "assert f(x)[0] in [2.0]",
}

FORGED = {
    "nothing": "def f(x): return None",
    "truth": "def f(x): return True",
    "not a number": "def f(x): return x * torch.nan",
    "infinite": "def f(x): return x * torch.inf",
    "the input": "def f(x): return x",
    "the function itself": "def f(x): return f",
    "a class": "class f:\n    def __init__(self, x): pass",
    "an object that equals everything": """
class Equal:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __lt__ = __le__ = __ge__ = __gt__ = __contains__ = __eq__
    __hash__ = object.__hash__
    def __bool__(self): return True
    def __float__(self): return -4.0
    def __abs__(self): return 0.0
    def __getattr__(self, name): return lambda *a, **k: self
    def __getitem__(self, key): return self
    def __add__(self, other): return 0.0
    __radd__ = __sub__ = __rsub__ = __add__
    def __array__(self, *a, **k): return np.array([2.0, -4.0, 6.0])
    def __torch_function__(self, *a, **k): return True
def f(x): return Equal()
""",
    "an object of no length": """
class None_:
    def __len__(self): return 0
    def __iter__(self): return iter(())
def f(x): return None_()
""",
    "a subclass of Tensor": """
class Mine(Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None): return True
def f(x): return torch.zeros(3).as_subclass(Mine)
""",
    "a subclass of Parameter": """
class Mine(nn.Parameter):
    def __eq__(self, other): return torch.ones(3, dtype=bool)
def f(x): return Mine(torch.zeros(3))
""",
    "a subclass of ndarray": """
class Mine(np.ndarray):
    def __eq__(self, other): return np.ones(3, bool)
def f(x): return np.zeros(3).view(Mine)
""",
    "subclasses of float": """
class Mine(float):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
def f(x): return [Mine(0)] * 3
""",
    "an array of objects": """
class Mine:
    def __eq__(self, other): return True
def f(x): return np.array([Mine(), Mine(), Mine()], dtype=object)
""",
    "an array of records": "def f(x): return np.zeros(3, dtype=[('a', float)])",
    "a meta tensor": "def f(x): return torch.empty(3, device='meta')",
    "a sparse tensor": "def f(x): return torch.zeros(3).to_sparse()",
    "a nested tensor": "def f(x): return torch.nested.nested_tensor([x])",
    "a class that claims to be Tensor": """
class Mine:
    __class__ = Tensor
    __module__ = 'torch.nn.modules.linear'
    __qualname__ = 'Linear'
def f(x): return Mine()
""",
    "patched comparisons": """
import builtins, flowbook.checks
def yes(*a, **k): return True
torch.allclose = torch.equal = torch.testing.assert_close = yes
np.testing.assert_allclose = np.allclose = np.isclose = yes
Tensor.__eq__ = lambda self, other: torch.ones(3, dtype=torch.bool)
Tensor.all = yes
flowbook.checks.check = check = yes
flowbook.checks._value_problem = flowbook.checks._kind_problem = lambda *a: None
builtins.all = builtins.isinstance = yes
def f(x): return torch.zeros(3)
""",
    "a test redefined": """
def check(*a, **k): return None
x = torch.zeros(0)
torch = np = None
def f(x): return 0 * x
""",
    "an input changed in place": "def f(x):\n    x.zero_()\n    return x.clone()",
    "an input changed behind autograd's back": """
def f(x):
    x.detach().numpy()[:] = 0
    return torch.zeros(3)
""",
    "a seed": "def f(x):\n    torch.manual_seed(0)\n    return torch.randn(3)",
    "AssertionError": "def f(x): raise AssertionError",
    "StopIteration": "def f(x): raise StopIteration",
    "GeneratorExit": "def f(x): raise GeneratorExit",
    "SystemExit": "def f(x): raise SystemExit(0)",
    "KeyboardInterrupt": "def f(x): raise KeyboardInterrupt",
    "a channel's own error": """
from autograder.channel import ClosedError
def f(x): raise ClosedError
""",
    "an end": "import os\ndef f(x): os._exit(0)",
    "a search for the test": """
import gc, sys
def f(x):
    frame = sys._getframe()
    while frame:
        if "want" in frame.f_locals: return frame.f_locals["want"]
        frame = frame.f_back
    for found in gc.get_objects():
        if type(found) is str and "twice x" in found and found is not SELF: return 2 * x
        if type(found) is dict and "expected" in found: return found["expected"]
    return torch.zeros(3)
SELF = f.__code__.co_consts
""",
    "a lie in its own codec": """
import autograder.channel.codec as codec
codec.tensor_bytes = lambda value: np.zeros(3, np.float32)
def f(x): return 2 * x
""",
}
FLOODS = {
    "a huge tensor": "def f(x): return torch.zeros(1 << 26)",
    "a huge text": "def f(x): return 'a' * (1 << 23)",
    "a cycle": "def f(x):\n    found = []\n    found.append(found)\n    return found",
    "a tree without end": """
def f(x):
    found = None
    for _ in range(30): found = [found, found]
    return found
""",
    "many objects": "def f(x): return [object() for _ in range(150_000)]",
    "an endless iterator": "import itertools\ndef f(x): return itertools.count()",
    "a bottomless object": """
class Deep:
    def __getitem__(self, key): return Deep()
    def __len__(self): return 3
def f(x): return Deep()
""",
}
DRAW = "torch.manual_seed(4)\nx = torch.tensor([1.0, -2.0, 3.0])\n"


def test_an_honest_answer_passes_every_test():
    assert passed(HONEST, TESTS) == list(TESTS)


def passed(answer, tests):
    """The names of the tests that an answer passes."""
    found, namespace = [], {"__name__": "__main__"}
    exec(IMPORTS, namespace)
    with contextlib.ExitStack() as stack:
        student = stack.enter_context(student_of(answer))
        for name, test in tests.items():
            if student.lost:
                student = stack.enter_context(student_of(answer))
            if run_test(DRAW + test, namespace, student, 20.0) == OK:
                found.append(name)
    return found


@pytest.mark.parametrize("answer", FORGED.values(), ids=FORGED)
def test_a_forged_result_fails_every_test(answer):
    assert passed(answer, TESTS) == []


def test_texts_are_numbers_only_to_a_test_that_makes_them_so():
    for texts in ("['2', '-4', '6']", "np.array(['2', '-4', '6'])"):
        assert passed(f"def f(x): return {texts}", TESTS) == ["number"]


@pytest.mark.parametrize("answer", FLOODS.values(), ids=FLOODS)
def test_a_flood_fails_and_ends(answer):
    assert passed(answer, {"check": TESTS["check"]}) == []


LIAR = """
import gc, struct, time
from autograder.channel import Channel
from autograder.channel.server import Server
channel = next(
    o for o in gc.get_objects() if isinstance(o, Channel) and not o.closed
)
def peer():
    return next(o for o in gc.get_objects() if isinstance(o, Server))
def lie(tree=None, *buffers, **header):
    header = {"n": peer().open[-1], "tree": tree} | header
    kept = {key: value for key, value in header.items() if value is not ...}
    channel.send(kept, buffers)
def ask(op, *parts, **header):
    token = peer().open[-1]
    tree = ["t", list(parts)]
    channel.send({"n": 1, "in": token, "op": op, "tree": tree, "around": True} | header)
def raw(data):
    channel._socket.sendall(data)
def header(length, size):
    return struct.pack(">IQ", length, size)
def f(x, *rest):
    LIE
    return 2 * x
"""
BYTES = "bytes(12)"
TENSOR = "['T', 'float32', [3], 'cpu']"
ROWS = "['rangeindex', 0, 2, 1, None]"
COLUMN = "['numbers', ['a', 'float64', [2]]]"
LONG = "['numbers', ['a', 'float64', [3]]]"
NAMES = "['index', ['cells', ['a']], None, None]"
SERIES = f"['series', {ROWS}, {COLUMN}, None]"


def series(cells: str, size: int = 0) -> str:
    """The lie of a Series of two cells, with so many bytes."""
    return f"lie(['series', {ROWS}, {cells}, None], bytes({size}))"


LIES = {
    "a wrong token": f"lie({TENSOR}, {BYTES}, n='0' * 16)",
    "no token": f"lie({TENSOR}, {BYTES}, n=...)",
    "a number for a token": f"lie({TENSOR}, {BYTES}, n=0)",
    "no value": "lie(...)",
    "a value and an exception": "lie(1, error=['ValueError', 'a'])",
    "an unknown part": "lie(1, verdict='ok')",
    "a list for a message": "channel.send([1, 2])",
    "a number for a message": "channel.send(1)",
    "no JSON": "raw(header(5, 0) + b'{\"n\":')",
    "no text": "raw(header(4, 0) + b'\\xff\\xfe\\x00\\x01')",
    "an endless header": "raw(header(0xFFFFFFFF, 0))",
    "an endless body": "raw(header(2, 1 << 60) + b'{}')",
    "brackets without end": "raw(header(1 << 20, 0) + b'[' * (1 << 20))",
    "a number without end": "raw(header(1 << 20, 0) + b'1' * (1 << 20))",
    "a value nested too deeply": (
        "node = 1\n    for _ in range(60): node = ['l', [node]]\n    lie(node)"
    ),
    "too many items": "lie(['l', [['l', []]] * 450_000])",
    "an unknown tag": "lie(['pickle', 'cos\\nsystem'])",
    "no tag": "lie([])",
    "a tag that is no text": "lie([['l'], []])",
    "an object for a node": "lie({'l': []})",
    "an unknown dtype": f"lie(['T', 'object', [3], 'cpu'], {BYTES})",
    "an array of objects": f"lie(['a', 'object', [3]], {BYTES})",
    "a dtype that is no text": f"lie(['T', 7, [3], 'cpu'], {BYTES})",
    "too few bytes": "lie(['T', 'float64', [3], 'cpu'], bytes(12))",
    "too many bytes": "lie(['T', 'float32', [2], 'cpu'], bytes(12))",
    "bytes without a value": "lie(1.0, bytes(12))",
    "a negative size": f"lie(['T', 'float32', [-3], 'cpu'], {BYTES})",
    "two negative sizes": f"lie(['T', 'float32', [-3, -1], 'cpu'], {BYTES})",
    "a size that is no whole number": f"lie(['T', 'float32', [3.0], 'cpu'], {BYTES})",
    "a size that is a truth value": "lie(['T', 'float32', [True], 'cpu'], bytes(4))",
    "a size beyond all bounds": "lie(['T', 'float32', [0, 1 << 62], 'cpu'])",
    "sizes whose product is beyond": "lie(['T', 'bool', [0] + [1 << 40] * 9, 'cpu'])",
    "too many dimensions": "lie(['T', 'float32', [1] * 17, 'cpu'], bytes(4))",
    "a truth value that is neither": "lie(['T', 'bool', [3], 'cpu'], b'\\2\\0\\1')",
    "truths in an array that are neither": "lie(['a', 'bool', [3]], b'\\2\\0\\1')",
    "a device that is no text": f"lie(['T', 'float32', [3], 3], {BYTES})",
    "a dictionary keyed by lists": "lie(['d', [[['l', []], 1]]])",
    "a dictionary of equal hashes": (
        "lie(['d', [[i * (2**61 - 1), 0] for i in range(60_000)]])"
    ),
    "a fraction without a number below": "lie(['frac', 1, 0])",
    "a fraction of texts": "lie(['frac', '1', '2'])",
    "a decimal without measure": "lie(['dec', '1E+999999999'])",
    "a decimal that is none": "lie(['dec', '__import__'])",
    "a decimal of other digits": "lie(['dec', '\u0661'])",
    "a day that is none": "lie(['date', 2026, 2, 30])",
    "a day of texts": "lie(['date', '2026', 1, 1])",
    "a year without measure": "lie(['date', 10**30, 1, 1])",
    "a span without measure": "lie(['span', 10**12, 0, 0])",
    "a zone of a day": "lie(['moment', 2026, 1, 1, 0, 0, 0, 0, 0, 86_400])",
    "an hour too many": "lie(['clock', 24, 0, 0, 0, 0, None])",
    "texts longer than they say": "lie(['u', 1, [1], ['ab']])",
    "more texts than it says": "lie(['u', 1, [1], ['a', 'b']])",
    "texts that are none": "lie(['u', 1, [1], [1]])",
    "texts without measure": "lie(['u', 1 << 19, [100], ['a'] * 100])",
    "a column too few": f"lie(['frame', {ROWS}, {ROWS}, [{COLUMN}]], bytes(16))",
    "a longer column": f"lie(['frame', {ROWS}, {ROWS}, [{COLUMN}, {LONG}]], bytes(40))",
    "an index that lies": f"lie(['series', {ROWS}, {LONG}, None], bytes(24))",
    "an index beyond all bounds": (
        f"lie(['series', ['rangeindex', 0, 1 << 62, 1, None], {COLUMN}, None], "
        "bytes(16))"
    ),
    "an index without a step": "lie(['rangeindex', 0, 2, 0, None])",
    "a table for an index": f"lie(['series', {SERIES}, {COLUMN}, None], bytes(32))",
    "an object for a cell": series("['cells', [['mine', 1, 'a', None], 1]]"),
    "a list for a cell": series("['cells', [['l', []], 1]]"),
    "an object for a name": "lie(['rangeindex', 0, 2, 1, ['mine', 1, 'a', None]])",
    "a number among texts": series("['strings', 'str', 'python', ['a', 1]]"),
    "texts of an unknown kind": series("['strings', 'bytes', 'python', ['a', 'b']]"),
    "a column of objects": series("['numbers', ['a', 'object', [2]]]", 16),
    "a column of two dimensions": series("['numbers', ['a', 'int64', [2, 1]]]", 16),
    "rows without end": "lie(['rangeindex', 0, 1 << 40, 1, None])",
    "levels without end": (
        f"lie(['multiindex', [{NAMES}] * 99, [['a', 'int64', [1]]] * 99, [None] * 99],"
        " bytes(8 * 99))"
    ),
    "categories of equal hashes": (
        "node = ['cells', [-i * (2**61 - 1) for i in range(10_001)]]\n    "
        "node = ['category', ['a', 'int64', [2]], ['index', node, None, None], False]"
        f"\n    lie(['series', {ROWS}, node, None], bytes(16))"
    ),
    "working days without end": (
        "lie(['index', ['numbers', ['a', 'datetime64[ns]', [200_000]]], 'B', None], "
        "bytes(1_600_000))"
    ),
    "texts that need much room": (
        "lie(['l', [['u', 1_000_000, [10], [''] * 10]] * 3])"
    ),
    "a column of unknown kind": series("['pickle', ['b', 4]]", 4),
    "codes beyond the categories": (
        f"lie(['series', {ROWS}, ['category', ['a', 'int64', [2]], {NAMES}, False], "
        "None], struct.pack('qq', 0, 5))"
    ),
    "categories that are the same": (
        f"lie(['series', {ROWS}, ['category', ['a', 'int64', [2]], "
        "['index', ['cells', ['a', 'a']], None, None], False], None], bytes(16))"
    ),
    "codes beyond the levels": (
        f"lie(['multiindex', [{NAMES}], [['a', 'int64', [2]]], [None]], "
        "struct.pack('qq', 0, 5))"
    ),
    "a mask of another length": series(
        "['masked', 'Int64', ['a', 'int64', [2]], ['a', 'bool', [1]]]", 17
    ),
    "numbers of another dtype": series(
        "['masked', 'Int64', ['a', 'float64', [2]], ['a', 'bool', [2]]]", 18
    ),
    "days that do not follow": (
        "lie(['index', ['numbers', ['a', 'datetime64[ns]', [3]]], 'D', None], "
        "bytes(24))"
    ),
    "a rhythm that is none": (
        "lie(['index', ['numbers', ['a', 'datetime64[ns]', [3]]], 'D; 1', None], "
        "bytes(24))"
    ),
    "a moment of no unit": "lie(['stamp', 'M', 'fortnight', 0, False])",
    "categories without end": (
        f"node = {NAMES}\n    for _ in range(60): "
        "node = ['index', ['category', ['a', 'int64', [0]], node, False], None, None]\n"
        "    lie(node)"
    ),
    "an array that is shared": "lie(['N', 1])",
    "a library's object": "lie(['made', 1, False, ['l', []]])",
    "a broken pair": "lie(['d', [[1]]])",
    "an object that was never handed over": "lie(['yours', 1])",
    "an object of the test's, guessed": "lie(['yours', 0])",
    "an object with a negative number": "lie(['mine', -1, 'a', None])",
    "an object with a long number": "lie(['mine', 1 << 80, 'a', None])",
    "an object without a class": "lie(['mine', 1])",
    "a module": "lie(['module', 'os'])",
    "a function of a module": "lie(['global', 'os', 'system'])",
    "an object made here": "lie(['object', 1, 'torch.nn', 'Linear', ['d', []]])",
    "a generator": "lie(['gen', 1, 'cpu', ['b', 0]])",
    "a tensor that was never shared": "lie(['W', 17])",
    "a tensor of the student's, not shared": "lie(['W', -17])",
    "a tensor under the test's number": (
        f"lie(['W', 1], {BYTES}, twins=[[1, False, True, {TENSOR}, None]])"
    ),
    "a shared tensor without parts": "lie(1, twins=[[-1]])",
    "a shared number that is no tensor": "lie(1, twins=[[-1, False, True, 5, None]])",
    "a shared truth that is none": (
        f"lie(1, {BYTES}, twins=[[-1, 1, True, {TENSOR}, None]])"
    ),
    "a whole number with a gradient": (
        "lie(['W', -1], bytes(8), "
        "twins=[[-1, False, True, ['T', 'int64', [1], 'cpu'], None]])"
    ),
    "an output that is not there": "lie(['G', 0])",
    "an output before the first": "lie(['G', -1])",
    "a graph of unknown inputs": f"lie(['G', 0], {BYTES}, graph=[1, [{TENSOR}], [5]])",
    "a graph of no tensors": "lie(['G', 0], graph=[1, [1.0], []])",
    "a graph without parts": "lie(1, graph=[1])",
    "an anchor": f"lie(['A', 1, {TENSOR}], {BYTES})",
    "a slot again": "lie(['again', 0])",
    "an argument that was not given": "lie(['given', 99])",
    "an argument before the first": "lie(['given', -1])",
    "a change of an unknown argument": f"lie(1, {BYTES}, changed=[[7, {TENSOR}]])",
    "a change before the first": f"lie(1, {BYTES}, changed=[[-1, {TENSOR}]])",
    "an exception of a forbidden name": "lie(..., error=['SystemExit', '0'])",
    "a verdict": "lie(..., error=['CheckFailed', 'a'])",
    "an exception without text": "lie(..., error=['ValueError'])",
    "an exception that is a text": "lie(..., error='ValueError')",
    "numbers that are freed and no numbers": "lie(1, free=['a'])",
    "a loose question": "channel.send({'n': 1, 'op': 'tensor', 'tree': ['t', [1]]})",
    "a question of the past": "ask('tensor', 1, **{'in': 'a'})",
    "an unknown question": "ask('eval', '1')",
    "a question for names": "ask('fetch', ['l', ['x', 'want']])",
    "a question without an operation": "ask(None)",
    "a question that is no tuple": "ask('tensor', tree=['l', []])",
    "a question for a tensor": "ask('tensor', 1)",
    "a question with an unknown part": "ask('tensor', 1, more=2)",
    "a question that drops objects": "ask('tensor', 1, drop=[[1, 1]])",
    "a call of what was not handed over": "ask('call', ['yours', 9], 1, 2)",
    "a call of a plain value": "ask('call', 'exit', ['t', []], ['d', []])",
    "a graph of the test's": "ask('vjp', 1, ['l', []])",
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_lie_on_the_channel_ends_the_test(lie):
    """The answer is right, but for the lie that comes before it."""
    run = judged(LIAR.replace("LIE", lie), DRAW + TESTS["check"])
    assert (run.ended, run.name) == ("error", "ProtocolError"), run
    assert run.text.startswith("Your notebook's process sent what is no answer")


@pytest.mark.parametrize(
    "value",
    [
        f"lie({SERIES}, bytes(16))",
        f"lie(['frame', {ROWS}, {ROWS}, [{COLUMN}, {COLUMN}]], bytes(32))",
        series("['strings', 'str', 'python', ['a', None]]"),
        series("['category', ['a', 'int64', [2]], " + NAMES + ", False]", 16),
        series("['masked', 'Int64', ['a', 'int64', [2]], ['a', 'bool', [2]]]", 18),
        f"lie(['multiindex', [{NAMES}], [['a', 'int64', [2]]], [None]], bytes(16))",
        "lie(['moment', 2026, 1, 1, 0, 0, 0, 0, 0, 3600])",
        "lie(['u', 2, [1], ['ab']])",
    ],
)
def test_what_those_lies_are_made_of_is_a_value_like_any_other(value):
    pytest.importorskip("pandas", reason="without pandas no table is a value")
    test = DRAW + "got = f(x)\nassert False, type(got).__name__"
    run = judged(LIAR.replace("LIE", value), test)
    kinds = ("Series", "DataFrame", "MultiIndex", "datetime", "ndarray")
    assert (run.name, run.text in kinds) == ("AssertionError", True), run


def test_the_liar_is_honest_without_a_lie():
    assert judged(LIAR.replace("LIE", "pass"), DRAW + TESTS["check"]) == OK


def test_a_result_written_in_advance_ends_the_test():
    answer = LIAR.replace("LIE", "pass") + (
        "for _ in range(9):\n"
        "    message = {'n': '0' * 16, 'tree': ['T', 'float32', [3], 'cpu']}\n"
        "    channel.send(message, [np.float32([2, -4, 6]).tobytes()])\n"
    )
    assert judged(answer, DRAW + TESTS["check"]).name == "ProtocolError"


def test_a_second_answer_ends_the_test():
    answer = LIAR.replace("LIE", f"lie({TENSOR}, np.float32([2, -4, 6]).tobytes())")
    run = judged(answer, DRAW + TESTS["check"] + "\n" + TESTS["check"])
    assert run.name == "ProtocolError"


def test_an_object_cannot_claim_to_be_a_tensor():
    answer = """
class Mine: ...
Mine.__module__, Mine.__qualname__ = 'torch.nn.modules.linear', CLAIM
def f(x): return Mine()
"""
    for claim in ("Tensor", "math", "Linear.forward", "__name__"):
        test = "assert not isinstance(f(1), (Tensor, float, list, nn.Module))"
        assert judged(answer.replace("CLAIM", repr(claim)), test) == OK


def test_a_lost_process_cannot_be_swallowed_by_a_test():
    answer = LIAR.replace("LIE", "lie(['W', 5])")
    test = DRAW + "try:\n    f(x)\nexcept BaseException:\n    pass"
    assert judged(answer, test).name == "ProtocolError"
    raises = DRAW + "check_raises(lambda: f(x), ValueError, idea='an idea')"
    assert judged(answer, raises).name == "ProtocolError"


def test_a_gradient_of_another_shape_ends_the_test():
    answer = """
from autograder.channel import server as student
student.PERFORM['vjp'] = lambda server, number, grads: [torch.ones(2)]
def f(x): return x * 2
"""
    test = "x = torch.ones(3, requires_grad=True)\nf(x).sum().backward()"
    assert judged(answer, test).name == "ProtocolError"


def test_a_right_value_with_a_wrong_gradient_fails():
    answer = "def f(x): return 2 * x.detach() + 0 * x"
    test = """
x = torch.ones(3, requires_grad=True)
(got,) = torch.autograd.grad(f(x).sum(), x)
check(got, torch.full((3,), 2.0), idea='the gradient of twice x')
"""
    assert judged(HONEST, test) == OK
    assert judged(answer, test).name == "CheckFailed"


def test_a_gradient_cannot_be_written_into_the_tests_tensors():
    answer = """
def f(x):
    x.grad = torch.full((3,), 2.0)
    return 2 * x.detach()
"""
    test = """
x = torch.ones(3, requires_grad=True)
y = f(x)
if y.requires_grad:
    y.sum().backward()
check(x.grad, torch.full((3,), 2.0), idea='the gradient of twice x')
"""
    assert judged(HONEST, test) == OK
    assert judged(answer, test).name == "CheckFailed"


def test_a_changed_input_does_not_change_the_truth():
    answer = """
def f(x):
    x.fill_(-1.0)
    return torch.full_like(x, -torch.inf)
"""
    honest = "def f(x): return torch.where(x > 0, x, -torch.inf)"
    test = DRAW + "check(f(x) != -torch.inf, x > 0, idea='where it is positive')"
    assert judged(honest, test) == OK
    assert judged(answer, test).name == "CheckFailed"


def test_a_test_that_stops_at_stop_iteration_does_not_pass():
    test = "assert all(map(lambda n: f(n) == 2 * n, [1, 2]))"
    assert judged(HONEST, test) == OK
    assert judged("def f(x): raise StopIteration", test).name == "RuntimeError"


SECRETS = {
    "globals": "ask('getattr', ['yours', 1], '__globals__')",
    "code": "ask('getattr', ['yours', 1], '__code__')",
    "a class's parts": "ask('getattr', ['yours', 1], 'mro')",
}


@pytest.mark.parametrize("look", SECRETS.values(), ids=SECRETS)
def test_a_function_of_the_test_can_be_called_and_not_looked_into(look):
    answer = LIAR.replace("LIE", f"{look}\n    reply = channel.receive()[0]") + (
        "    return reply['error'][0]\n"
    )
    answer = answer.replace("    return 2 * x\n", "")
    assert judged(answer, "def g(): ...\nassert f(1, g) == 'AttributeError'") == OK


def test_public_parts_of_a_tests_object_can_be_seen_and_no_others():
    answer = """
def f(thing):
    for name in ('_secret', '__dict__', '__init__', '__class__'):
        try: thing.__getattr__(name)
        except AttributeError: continue
        return name
    return thing.shown + thing.more(2)
"""
    test = """
class Thing:
    shown, _secret = 1, 'a'
    def more(self, n): return n
assert f(Thing()) == 3
"""
    assert judged(answer, test) == OK


def test_functions_that_call_each_other_without_end_are_stopped():
    answer = "def f(g, n): return g(n)"
    run = judged(answer, "def g(n): return f(g, n)\nf(g, 1)")
    assert (run.ended, run.name) == ("error", "RecursionError")


def test_calling_back_without_end_is_stopped_in_time():
    answer = "def f(g):\n    while True: g()"
    started = time.monotonic()
    assert judged(answer, "f(lambda: 1)", seconds=1.0).ended == "time"
    assert time.monotonic() - started < 10


def test_a_thread_that_writes_to_the_channel_passes_nothing():
    answer = (
        LIAR.replace("LIE", "pass")
        + """
import threading
def flood():
    try:
        while True:
            for message in ({'n': 'a', 'tree': 1}, {'op': 'tensor', 'tree': 1}):
                channel.send(message)
    except BaseException: pass
threading.Thread(target=flood, daemon=True).start()
def f(x): return 0 * x
"""
    )
    run = judged(answer, DRAW + TESTS["check"])
    assert run.ended in ("error", "died", "time")


def test_shared_tensors_have_a_bound(monkeypatch):
    monkeypatch.setattr(twins, "BYTES", 1 << 20)
    answer = """
kept = []
def f(): return [kept.append(nn.Parameter(torch.zeros(1 << 14))) or kept[-1]]
"""
    assert judged(answer, "got = [f() for _ in range(8)]") == OK
    assert judged(answer, "got = [f() for _ in range(20)]").name == "ProtocolError"


PATCHED_EXERCISES = """
import flowbook.checks
import flowbook.exercises.a4_coupling as a4
from flowbook.exercises import known

seen = []
for name in ("waves", "still", "two_waves", "check_mirror", "part", "check"):
    setattr(a4, name, lambda *args: seen.append(args))
a4.Mirror.compare = known.Known.compare = classmethod(lambda *args, **options: None)
known.numbers = lambda module: {}


def times_called():
    return len(seen)


def mirror(z, mask, conditioner):
    return z, z[:, 0]


def right(z, mask, conditioner):
    shift = conditioner(mask * z)
    return mask * z + (1 - mask) * (shift - z), z.new_zeros(len(z))
"""


def test_a_check_decides_in_the_tests_process_whatever_the_student_patches():
    test = "from flowbook.exercises import a4_coupling as a4\na4.check_mirror({})"
    wrong = judged(PATCHED_EXERCISES, test.format("mirror"))
    assert (wrong.ended, wrong.name) == ("error", "CheckFailed")
    assert judged(PATCHED_EXERCISES, test.format("right")).ended == "ok"


def test_what_an_exercise_hands_over_stays_with_the_test():
    # The student's own copy, patched above, would have been called instead.
    test = """
from flowbook.exercises import a4_coupling as a4
right(torch.ones(1, 3), torch.ones(3), a4.waves)
assert times_called() == 0
"""
    assert judged(PATCHED_EXERCISES, test).ended == "ok"
