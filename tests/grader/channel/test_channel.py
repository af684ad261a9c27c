"""A test cell judges functions of another process as it would in its own.

Here the reference answers; every mistake and every other right answer goes the same
way in the demonstration classes.
"""

import re

import pytest
import torch
from channel_pair import IMPORTS, judged, student_of
from quick_runner import (
    FOLDERS,
    assignment,
    cells,
    grade_id,
    graded,
)

from autograder.channel import CellRun, Handle, run_test

OK = CellRun("ok")
MARKER = re.compile(r"^### (?:BEGIN|END) HIDDEN TESTS$", re.MULTILINE)


def failures(notebook):
    """Of each test cell that fails through the channel: how it ended."""
    known = list(cells(notebook))
    tests = graded(notebook)
    given = cells(notebook, locked=True, grade=False)
    namespace = {"__name__": "__main__"}
    for cell in given:
        exec(cell.source, namespace)
    answers = [
        cell.source
        for cell in known
        if cell.cell_type == "code" and not cell.metadata["nbgrader"]["grade"]
    ]
    with student_of(*answers) as student:
        runs = {
            grade_id(cell): run_test(
                MARKER.sub("", cell.source), namespace, student, 60.0
            )
            for cell in tests
        }
    return {name: run for name, run in runs.items() if run != OK}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_the_solution_passes(folder):
    assert failures(assignment(folder)) == {}


VALUES = [
    "None",
    "True",
    "3 ** 500",
    "-0.5",
    "float('inf')",
    "1e-320",
    "2 - 3j",
    r"'a \ud800 \u2260 \n text'",
    "b'\\x00\\xff'",
    "[1, [2.0, ('three', None)], {}]",
    "{'a': 1, 2: [3], (4, 'b'): {5, 6}, None: frozenset([7])}",
    "range(2, 9, 3)",
    "torch.Size([2, 3])",
    "torch.float64",
    "torch.device('cpu')",
    "slice(1, None, 2)",
    "...",
]


@pytest.mark.parametrize("value", VALUES)
def test_plain_values_cross_unchanged_in_both_directions(value):
    test = f"""
value = {value}
got = same(value)
assert type(got) is type(value)
assert got == value
assert repr(same([value])) == repr([value])
"""
    assert judged("def same(x):\n    return x", test) == OK


ARRAYS = "float16 float64 complex128 bool int32 uint8"
DTYPES = "float16 bfloat16 float32 float64 complex64 bool int8 uint8 int64 uint32"


@pytest.mark.parametrize("dtype", DTYPES.split())
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (2, 3)])
def test_tensors_cross_with_their_dtype_and_shape(dtype, shape):
    test = f"""
value = (10 * torch.rand({shape})).to(torch.{dtype})
got = same(value)
assert type(got) is Tensor
assert (got.dtype, got.shape) == (value.dtype, value.shape)
assert torch.equal(got, value)
got = same(value.mT if value.ndim > 1 else value)
assert torch.equal(got, value.mT if value.ndim > 1 else value)
"""
    assert judged("def same(x):\n    return x", test) == OK


@pytest.mark.parametrize("shape", [(1,), (1, 1), (3, 4)])
def test_expanded_tensors_cross(shape):
    test = f"""
value = torch.tensor(2.5).expand({shape})
got = same(value)
assert got.shape == value.shape
assert torch.equal(got, value)
"""
    assert judged("def same(x):\n    return x", test) == OK


@pytest.mark.parametrize(
    "dtype", ["float16", "float64", "complex128", "bool", "int32", "uint8"]
)
@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_arrays_and_their_scalars_cross(dtype, shape):
    test = f"""
value = np.asarray(10 * np.random.rand(*{shape})).astype(np.{dtype})
got = same(value)
assert type(got) is np.ndarray
assert (got.dtype, got.shape) == (value.dtype, value.shape)
assert np.array_equal(got, value)
one = value.dtype.type(1)
assert type(same(one)) is type(one)
assert same(one) == one
"""
    assert judged("def same(x):\n    return x", test) == OK


def test_names_are_fetched_as_values_functions_and_objects():
    cells = "number = 3\ndef f(): ...\nclass C: ...\nc = C()\nimport json"
    with student_of(cells) as student:
        assert {"number", "f", "C", "c", "json"} <= student.names()
        assert student.fetch("number") == 3
        assert type(student.fetch("c")).__name__ == "C"
        assert isinstance(student.fetch("f"), Handle)
        assert student.fetch("f") is student.fetch("f")
        for missing in ("json", "nothing"):
            with pytest.raises(KeyError):
                student.fetch(missing)


def test_what_a_test_defines_stays_and_a_students_names_do_not():
    namespace = {"given": 1}
    with student_of("given = 2\nx = 5\ny = 6\ndef f(): return 7") as student:
        assert run_test("kept = given + x + f()", namespace, student) == OK
        assert namespace["kept"] == 13
        assert "f" not in namespace
        assert run_test("x = 0\nassert kept == 13 and y == 6", namespace, student) == OK
    assert {"kept", "x", "given"} == namespace.keys() - {"__builtins__"}


def test_a_missing_name_is_said_as_in_a_kernel():
    run = judged("pass", "x = 1\n\nmissing_name(x)")
    assert run == CellRun("error", "NameError", "name 'missing_name' is not defined", 3)


def test_the_line_is_that_of_the_cells_own_statement():
    test = "def hidden():\n    f()\n\nx = 1\nhidden()\n"
    assert judged("def f(): raise ValueError('no')", test) == CellRun(
        "error", "ValueError", "no", 5
    )


RAISED = {
    "ValueError('a')": ("ValueError", "a"),
    "KeyError('a')": ("KeyError", "'a'"),
    "NotImplementedError()": ("NotImplementedError", ""),
    "AssertionError('a')": ("RuntimeError", "AssertionError: a"),
    "StopIteration(1)": ("RuntimeError", "StopIteration: 1"),
    "SystemExit(0)": ("RuntimeError", "SystemExit: 0"),
    "KeyboardInterrupt()": ("RuntimeError", "KeyboardInterrupt"),
    "np.linalg.LinAlgError('a')": ("ValueError", "LinAlgError: a"),
    "torch.linalg.LinAlgError('a')": ("RuntimeError", "_LinAlgError: a"),
    "type('Mine', (IndexError,), {})('a')": ("IndexError", "Mine: a"),
    "UnicodeDecodeError('a', b'', 0, 1, 'b')": ("UnicodeError", None),
}


@pytest.mark.parametrize("raised", RAISED)
def test_exceptions_cross_as_builtin_ones(raised):
    run = judged(f"def f(): raise {raised}", "f()")
    name, text = RAISED[raised]
    assert (run.ended, run.name) == ("error", name)
    assert text is None or run.text == text


def test_an_expected_exception_is_recognised():
    test = "check_raises(lambda: f(-1), ValueError, idea='a root of a negative number')"
    assert judged("def f(x): return math.sqrt(x)", test) == OK
    run = judged("def f(x): raise NotImplementedError()", test)
    assert run.name == "CheckFailed"


def test_gradients_pass_through_several_calls():
    answer = """
def half(x, scale):
    return x * scale.exp(), x.sum(-1), x.argmax(), 'text'
def join(a, b):
    return {'loss': (a * b[:, None]).sum(), 'count': len(a)}
"""
    test = """
x = torch.randn(4, 3, requires_grad=True)
scale = torch.tensor(0.3, requires_grad=True)
a, b, index, text = half(2 * x, scale)
assert a.requires_grad and b.requires_grad and not a.is_leaf
assert not index.requires_grad and text == 'text'
loss = join(a, b + 1)['loss']
got = torch.autograd.grad(loss, [x, scale])
y = 2 * x
want = ((y * scale.exp()) * (y.sum(-1) + 1)[:, None]).sum()
for one, other in zip(got, torch.autograd.grad(want, [x, scale]), strict=True):
    torch.testing.assert_close(one, other)
"""
    assert judged(answer, test) == OK


def test_jacobians_and_second_derivatives_pass():
    answer = "def f(x):\n    return (x ** 3) * x.sum()"
    test = """
from torch.autograd.functional import hessian, jacobian
x = torch.randn(3, dtype=torch.float64)
def truth(x):
    return (x ** 3) * x.sum()
torch.testing.assert_close(jacobian(f, x), jacobian(truth, x))
got = hessian(lambda x: f(x).sum(), x)
torch.testing.assert_close(got, hessian(lambda x: truth(x).sum(), x))
"""
    assert judged(answer, test) == OK


def test_the_transforms_of_torch_func_pass():
    answer = """
def layer(z, scale):
    return z * scale.exp() + z.sum(), torch.ones(())
def f(x): return (x ** 2).sum() * x
def g(x): return {'x': x.sum(), 'text': 'a'}
"""
    test = """
from torch.func import grad, jacrev, vjp, vmap
def truth(x): return (x ** 2).sum() * x
x = torch.randn(4, 3, dtype=torch.float64)
close = torch.testing.assert_close
close(jacrev(f)(x[0]), jacrev(truth)(x[0]))
close(vmap(f)(x), vmap(truth)(x))
close(vmap(jacrev(f))(x), vmap(jacrev(truth))(x))
close(vmap(f, in_dims=1, out_dims=1)(x.T.contiguous()), vmap(truth, 1, 1)(x.T))
close(vmap(grad(lambda r: f(r)[0]))(x), vmap(grad(lambda r: truth(r)[0]))(x))
close(grad(lambda x: vmap(f)(x).sum())(x), grad(lambda x: vmap(truth)(x).sum())(x))
close(jacrev(lambda x: vmap(f)(x))(x), jacrev(lambda x: vmap(truth)(x))(x))
close(vmap(vmap(f))(x[:, None]), vmap(vmap(truth))(x[:, None]))
value, back = vjp(f, x[1])
close(back(torch.ones(3, dtype=x.dtype)), vjp(truth, x[1])[1](torch.ones(3).double()))
scale = torch.zeros(3, dtype=x.dtype)
got = vmap(jacrev(lambda row: layer(row[None], scale)[0][0]))(x)
close(got, (torch.eye(3) + 1).double().expand(4, 3, 3))
assert vmap(lambda row: g(row)['x'])(x).shape == (4,) and g(x[0])['text'] == 'a'
leaf = x.clone().requires_grad_()
close(torch.autograd.grad(vmap(f)(leaf).sum(), leaf)[0],
      torch.autograd.grad(vmap(truth)(leaf).sum(), leaf)[0])
"""
    assert judged(answer, test) == OK


HANDED = {
    "vmap(grad(f))(x)": "vmap(grad(steep))(x)",
    "vjp(f, x)[1](torch.ones(()).double())[0]": "grad(steep)(x)",
    "jacobian(f, x[0], vectorize=True)": "grad(steep)(x[0])",
    "vmap(jacrev(f))(x)": "vmap(jacrev(steep))(x)",
    "jacrev(f)(x[0])": "jacrev(steep)(x[0])",
    "vmap(f)(x)": "vmap(steep)(x)",
    "vmap(f, in_dims=1)(x.T.contiguous())": "vmap(steep)(x)",
    "hessian(f, x[0])": "hessian(steep, x[0])",
    "hessian(f, x[0], vectorize=True)": "hessian(steep, x[0])",
}


@pytest.mark.parametrize("used", HANDED)
def test_an_answer_transforms_a_function_that_the_test_hands_over(used):
    names = (
        "from torch.func import grad, jacrev, vjp, vmap\n"
        "from torch.autograd.functional import hessian, jacobian\n"
    )
    test = f"""
def steep(x): return (x ** 3).sum() * x.prod()
x = torch.rand(4, 3, dtype=torch.float64)
torch.testing.assert_close(answer(steep, x), {HANDED[used]})
"""
    assert judged(f"{names}def answer(f, x): return {used}", names + test) == OK


def test_a_test_asks_for_a_batch_of_gradients_of_an_answer():
    test = """
def truth(x): return x ** 2 * x.sum()
x = torch.rand(3, dtype=torch.float64)
jacobian = torch.autograd.functional.jacobian
torch.testing.assert_close(jacobian(f, x, vectorize=True), jacobian(truth, x))
"""
    assert judged("def f(x): return x ** 2 * x.sum()", test) == OK


NUMBERS = {
    "Fraction(1, 3)": "type(got) is Fraction and got == Fraction(1, 3)",
    "Fraction(-2, 4)": "got == -0.5",
    "Decimal('1.50')": "type(got) is Decimal and str(got) == '1.50'",
    "Decimal('NaN')": "got.is_nan()",
    "Decimal('-Infinity')": "got == -math.inf",
    "Decimal('1E-30')": "got == Decimal('1E-30')",
    "enum.IntEnum('Kind', {'a': 3}).a": "type(got) is int and got == 3 != 4",
    "type('Mine', (int,), {'__eq__': yes, '__int__': seven})(3)": "got == 3 != 7",
    "type('Mine', (float,), {'__eq__': yes})(3)": "type(got) is float and got == 3",
    "type('Mine', (complex,), {'__eq__': yes})(3)": "got == 3 and got != 4",
    "np.longdouble(1) / 3": "type(got) is np.longdouble and 3 * got == 1",
    "np.ones(2, np.longdouble)": "got.dtype == np.longdouble and (got == 1).all()",
    "np.clongdouble(1j)": "got == 1j",
}


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_of_other_kinds_cross_as_what_they_are_worth(number):
    names = "import enum\nfrom decimal import Decimal\nfrom fractions import Fraction\n"
    lies = "def yes(*a): return True\ndef seven(*a): return 7\n"
    answer = f"{names}{lies}def f(): return {number}\ndef same(x): return x"
    assert judged(answer, f"{names}got = f()\nassert {NUMBERS[number]}") == OK
    if "Mine" not in number and "enum" not in number:
        test = f"{names}assert repr(same({number})) == repr({number})"
        assert judged(answer, test) == OK


@pytest.mark.parametrize("number", ["1E+99999999", "1E-99999999", "1" * 5000])
def test_a_number_without_measure_is_refused(number):
    answer = f"from decimal import Decimal\ndef f(): return Decimal('{number}')"
    run = judged(answer, "assert int(f()) == 1")
    assert (run.name, "too long" in run.text) == ("ValueError", True)


LIBRARY = {
    "a queue": "deque([1, 2])",
    "a table with a default": "defaultdict(list, a=[1])",
    "a counter": "Counter('abca')",
    "an array of the standard library": "array.array('d', [1.0])",
    "a date": "datetime.date(2020, 1, 1)",
    "a path": "Path('a')",
    "a partial function": "functools.partial(pow, 2)",
}


@pytest.mark.parametrize("made", LIBRARY.values(), ids=LIBRARY)
def test_objects_of_a_library_cross_by_value(made):
    names = (
        "import array, datetime, functools\nfrom pathlib import Path\n"
        "from collections import Counter, defaultdict, deque\n"
    )
    answer = "def shown(x): return type(x).__name__ + repr(x)"
    test = f"{names}x = {made}\nassert shown(x) == type(x).__name__ + repr(x)"
    assert judged(answer, test) == OK


def test_generators_of_numpy_and_python_go_on_by_themselves():
    answer = "def drawn(g): return g.random()"
    test = """
import random
for make in (np.random.default_rng, random.Random):
    g, h = make(3), make(3)
    assert [drawn(g), drawn(g)] == [h.random(), h.random()]
    assert g.random() == make(3).random()
"""
    assert judged(answer, test) == OK


REQUIRES = {
    "x * 2": True,
    "x.detach() * 2": False,
    "(x > 0)": False,
    "x.tolist()": None,
    "torch.tensor(x.tolist())": False,
    "torch.zeros(3, requires_grad=True)": True,
    "torch.zeros(3, requires_grad=True) * 2": True,
}


@pytest.mark.parametrize("result", REQUIRES)
def test_a_result_requires_a_gradient_iff_it_does_for_the_student(result):
    test = f"""
got = f(torch.ones(3, requires_grad=True))
assert getattr(got, 'requires_grad', None) is {REQUIRES[result]}
with torch.no_grad():
    got = f(torch.ones(3, requires_grad=True) + 1)
    assert getattr(got, 'grad_fn', None) is None
"""
    assert judged(f"def f(x): return {result}", test) == OK


MODEL = """
class Model(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(dim, 4), nn.Tanh(), nn.Linear(4, 1))
        self.register_buffer('count', torch.tensor(3))
    def forward(self, x):
        return self.net(x).squeeze(-1)
def loss_of(model, x, y):
    return (model(x) - y).square().mean()
def train(model, x, y, steps):
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(steps):
        optimiser.zero_grad()
        loss_of(model, x, y).backward()
        optimiser.step()
    return model
def clip(model):
    for p in model.parameters():
        p.data.clamp_(-0.1, 0.1)
"""
SAME = """
torch.manual_seed(3)
model = Model(2)
torch.manual_seed(3)
twin = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
x, y = torch.randn(8, 2), torch.randn(8)
def same():
    pairs = zip(model.parameters(), twin.parameters(), strict=True)
    for mine, other in pairs:
        assert type(mine) is nn.Parameter
        torch.testing.assert_close(mine, other)
    return True
"""


def test_a_module_works_as_in_one_kernel():
    test = """
assert isinstance(model, nn.Module) and same()
assert list(model.state_dict()) == ['count'] + [f'net.{n}' for n in twin.state_dict()]
assert int(model.count) == 3 and model.net[0].in_features == 2 and len(model.net) == 3
assert sum(p.numel() for p in model.parameters()) == 17
assert next(iter(model.parameters())) is model.net[0].weight
assert model.train() is model and model.training and not model.eval().training
torch.testing.assert_close(model(x), twin(x).squeeze(-1))
assert model.double()(x.double()).dtype == torch.float64
"""
    assert judged(MODEL, SAME + test) == OK


def test_a_test_trains_a_students_module():
    test = """
params = list(model.parameters())
mine, other = torch.optim.Adam(params), torch.optim.Adam(twin.parameters())
for _ in range(3):
    for optimiser, loss in (
        (mine, loss_of(model, x, y)),
        (other, (twin(x).squeeze(-1) - y).square().mean()),
    ):
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert params[0].grad is not None and same()
model.zero_grad()
assert all(p.grad is None for p in params)
grads = torch.autograd.grad(loss_of(model, x, y), params)
assert [g.shape for g in grads] == [p.shape for p in params]
with torch.no_grad():
    for p in twin.parameters(): p.zero_()
    for p in params: p.zero_()
assert same() and model(x).abs().max() == 0
"""
    assert judged(MODEL, SAME + test) == OK


def test_a_student_trains_a_module_and_the_test_sees_it():
    test = """
params = list(model.parameters())
assert train(model, x, y, 3) is model
optimiser = torch.optim.SGD(twin.parameters(), lr=0.1)
for _ in range(3):
    optimiser.zero_grad()
    (twin(x).squeeze(-1) - y).square().mean().backward()
    optimiser.step()
assert same() and params[0] is next(iter(model.parameters()))
torch.testing.assert_close(params[0].grad, next(twin.parameters()).grad)
clip(model)
assert max(p.abs().max() for p in params) <= 0.1
"""
    assert judged(MODEL, SAME + test) == OK


def test_the_tests_own_modules_and_distributions_can_be_handed_over():
    answer = """
def log_prob(base, layer, x):
    assert isinstance(layer, nn.Linear) and isinstance(x, Tensor)
    return base.log_prob(layer(x)).sum()
"""
    test = """
layer, base = nn.Linear(2, 2), torch.distributions.Normal(0.0, 2.0)
x = torch.randn(3, 2)
got = log_prob(base, layer, x)
want = base.log_prob(layer(x)).sum()
torch.testing.assert_close(got, want)
params = list(layer.parameters())
for one, other in zip(
    torch.autograd.grad(got, params), torch.autograd.grad(want, params), strict=True
):
    torch.testing.assert_close(one, other)
with torch.no_grad():
    layer.weight.zero_()
torch.testing.assert_close(log_prob(base, layer, x), base.log_prob(layer(x)).sum())
"""
    assert judged(answer, test) == OK


def test_functions_of_the_test_can_be_handed_over_and_come_back():
    answer = """
def twice(f, x): return f(f(x))
def same(f): return f
def compose(f, g): return lambda x: f(g(x))
def total(items): return sum(items)
def swallow(f):
    try: f()
    except KeyError: return 'caught'
"""
    test = """
def double(x): return 2 * x
assert twice(double, 3) == 12 and same(double) is double
assert compose(double, torch.sin)(torch.ones(2))[0] == 2 * torch.sin(torch.ones(()))
assert compose(compose(double, double), math.sqrt)(4.0) == 8.0
assert total(n * n for n in range(4)) == 14
def fails(): return {}['a']
assert swallow(fails) == 'caught'
x = torch.tensor(1.5, requires_grad=True)
w = torch.tensor(0.5, requires_grad=True)
def curve(x): return w * x ** 3
dx, dw = torch.autograd.grad(twice(curve, x), [x, w])
rx, rw = torch.autograd.grad(curve(curve(x)), [x, w])
torch.testing.assert_close([dx, dw], [rx, rw])
"""
    assert judged(answer, test) == OK


def test_an_exception_of_the_tests_own_function_comes_back_as_itself():
    test = "def g(x):\n    check(x, 1, idea='an idea')\nf(g)"
    run = judged("def f(g): g(2)", test)
    assert (run.name, run.line) == ("CheckFailed", 3)
    assert "Checked: an idea" in run.text
    silent = "def f(g):\n    try: g(2)\n    except Exception as e: return str(e)"
    test = "def g(x):\n    check(x, 17, idea='an idea')\nassert '17' not in f(g)"
    assert judged(silent, test) == OK


def test_seeded_samplers_draw_what_they_draw_in_one_kernel():
    answer = """
import random
def sample(n): return torch.randn(n), np.random.rand(n), random.random()
def drawn(generator): return torch.rand(2, generator=generator)
"""
    test = """
import random
def draw(n):
    return torch.randn(n), np.random.rand(n), random.random()
def seeded(f):
    torch.manual_seed(5), np.random.seed(5), random.seed(5), torch.rand(3)
    return f(4)
(a, b, c), (d, e, g) = seeded(sample), seeded(draw)
assert torch.equal(a, d) and np.array_equal(b, e) and c == g
torch.manual_seed(1)
before = torch.get_rng_state()
assert not torch.equal(sample(2)[0], sample(2)[0])
assert torch.equal(before, torch.get_rng_state())
g = torch.Generator().manual_seed(7)
first, second = drawn(g), drawn(g)
h = torch.Generator().manual_seed(7)
assert torch.equal(first, torch.rand(2, generator=h))
assert torch.equal(second, torch.rand(2, generator=h))
"""
    assert judged(answer, test) == OK


def test_the_default_dtype_of_the_test_is_the_students_too():
    answer = "def f(): return torch.zeros(2)"
    test = """
assert f().dtype == torch.float32
torch.set_default_dtype(torch.float64)
assert f().dtype == torch.float64
"""
    assert judged(answer, test, "assert f().dtype == torch.float32") == OK
    assert torch.get_default_dtype() == torch.float32


def test_a_change_of_an_argument_is_seen():
    answer = "def f(x, y):\n    x += 1\n    y[0] = 7\n    return x.sum()"
    unseen = """
x, y = torch.zeros(2), np.zeros(2)
check(f(x, y), torch.tensor(2.0), idea='the sum of x + 1')
"""
    assert judged(answer, unseen) == OK
    seen = unseen + "assert x.sum() == 0, 'the input was changed'"
    assert judged(answer, seen).text == "the input was changed"
    assert judged(answer, unseen + "assert y[0] == 0").name == "AssertionError"


def test_functions_with_an_underscore_change_their_arguments():
    answer = "def fill_(x):\n    x.fill_(3)\n    return None"
    assert judged(answer, "x = torch.zeros(2)\nfill_(x)\nassert x.sum() == 6") == OK


def test_a_parameter_of_the_test_can_be_trained():
    answer = """
def step(params, loss):
    with torch.no_grad():
        for p in params: p -= 0.5 * p.grad
def fit(p):
    p.square().sum().backward()
"""
    test = """
p = nn.Parameter(torch.ones(2))
p.square().sum().backward()
in_place(step)([p], None)
check(p, torch.zeros(2), idea='a step')
in_place(fit)(p)
assert p.grad is not None
"""
    assert judged(answer, test) == OK
    unasked = test.replace("in_place(step)", "step")
    assert judged(answer, unasked).name == "CheckFailed"


def test_iterators_are_taken_whole_and_endless_ones_refused():
    answer = """
import itertools
def some(): yield from range(3)
def endless(): return itertools.count()
"""
    assert judged(answer, "assert list(some()) == [0, 1, 2]") == OK
    run = judged(answer, "list(endless())")
    assert (run.name, "no end" in run.text) == ("RuntimeError", True)


def test_objects_are_released_with_their_handles():
    answer = """
import gc
class Thing: ...
def make(): return Thing()
def alive(): return sum(type(o) is Thing for o in gc.get_objects())
"""
    test = """
things = [make() for _ in range(5)]
assert alive() == 5
del things
assert alive() == 0 or alive() == 0
"""
    assert judged(answer, test) == OK


def test_graphs_are_released_with_their_results():
    answer = """
import gc
from autograder.channel.peer import Peer
def f(x): return (x * 2).exp()
def graphs():
    return sum(len(o.graphs) for o in gc.get_objects() if isinstance(o, Peer))
"""
    test = """
x = torch.ones(3, requires_grad=True)
for _ in range(20):
    f(f(x)).sum().backward()
assert graphs() < 10
"""
    assert judged(answer, test) == OK


def test_a_dead_student_ends_the_test_as_died():
    assert judged("import os\ndef f(): os._exit(3)", "f()").ended == "died"
    swallowed = "try:\n    f()\nexcept Exception:\n    pass"
    assert judged("import os\ndef f(): os._exit(3)", swallowed).ended == "died"


def test_a_student_who_takes_too_long_ends_the_test_as_time():
    answer = "import time\ndef f(): time.sleep(2)"
    with student_of(answer) as student:
        assert run_test("f()", {}, student, 0.3).ended == "time"
        assert student.lost == "time"


def test_an_object_of_an_earlier_process_is_refused_with_a_sentence():
    namespace = {}
    for number in range(2):
        with student_of("class C: ...") as student:
            test = "c = C()" if not number else "c.part"
            run = run_test(test, namespace, student)
    assert run.name == "RuntimeError"
    assert run.text == (
        "A student's object from an earlier test cell is gone: make it here."
    )


def test_a_new_test_process_can_take_over_the_channel():
    namespace = {}
    exec(IMPORTS, namespace)
    with student_of("def f(x): return x * torch.ones(1)") as student:
        test = "assert f(torch.ones(1, requires_grad=True)).requires_grad"
        assert run_test(test, namespace, student) == OK
        assert run_test(test, namespace, type(student)(student.channel)) == OK
