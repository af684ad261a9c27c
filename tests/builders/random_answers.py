"""Random answers to random tests: programs over all that an answer can do to a test.

An answer reads what it was handed, writes into it, keeps it, hooks into it, renames
things, raises; and returns the right value, computed before all that, or a wrong one.
"""

import random
from dataclasses import dataclass

GIVEN = """
from collections import Counter, deque
DATA = torch.tensor([1.0, -2.0, 3.0])
ARRAY = np.array([1.0, -2.0, 3.0])
NUMBERS, TABLE, KINDS = [1, 2, 3], {"a": 1, "b": [2]}, {1, 2}
QUEUE, COUNT = deque([1, 2]), Counter("abca")
L = nn.Linear(3, 2)
WEIGHT = nn.Parameter(torch.ones(3))
class Bend(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.register_buffer("shift", torch.ones(3))
    def forward(self, x):
        return self.weight * x.tanh() + self.shift
class Log(list):
    kind = "log"
    def total(self): return sum(self)
class Point:
    def __init__(self): self.where, self.parts = torch.ones(2), [1]
    def norm(self): return float(self.where.norm())
bend, log, point = Bend(), Log([1, 2]), Point()
def cube(x, scale=WEIGHT.detach()):
    return x ** 3 * scale.sum() + DATA.sum()
def oracle(x):
    return 2 * x
"""
STATE = """
(DATA, ARRAY, NUMBERS, TABLE, KINDS, QUEUE, COUNT, dict(L.state_dict()), WEIGHT,
 WEIGHT.grad, WEIGHT.requires_grad, dict(bend.state_dict()), bend.training, L.training,
 [(p.grad, p.requires_grad) for p in (*bend.parameters(), *L.parameters())],
 [len(v) for m in (bend, L) for k, v in vars(m).items() if 'hooks' in k],
 sorted(bend._modules), list(log), vars(log), vars(point), Log.kind, cube(2.0),
 torch.get_rng_state().sum(), torch.get_default_dtype(), torch.is_grad_enabled())
"""
# What is handed over, and the right value: by the test's names, and by x, the answer's.
TASKS = {
    "DATA": ("2 * DATA", "2 * x"),
    "DATA[1:]": ("2 * DATA[1:]", "2 * x"),
    "ARRAY": ("2 * ARRAY", "2 * x"),
    "ARRAY[::2].copy()": ("2 * ARRAY[::2]", "2 * x"),
    "NUMBERS": ("[2 * n for n in NUMBERS]", "[2 * n for n in x]"),
    "[DATA, NUMBERS]": ("DATA * len(NUMBERS)", "x[0] * len(x[1])"),
    "TABLE": ("sorted(TABLE) + TABLE['b']", "sorted(x) + x['b']"),
    "KINDS": ("sum(KINDS)", "sum(x)"),
    "QUEUE": ("list(QUEUE)", "list(x)"),
    "COUNT": ("COUNT['a'] + len(COUNT)", "x['a'] + len(x)"),
    "WEIGHT": ("3 * WEIGHT.detach()", "3 * x.detach()"),
    "L": ("L(torch.ones(3)).detach()", "x(torch.ones(3)).detach()"),
    "bend": ("2 * bend(torch.ones(3)).detach()", "2 * x(torch.ones(3)).detach()"),
    "[bend, DATA]": ("bend(DATA).detach()", "x[0](x[1]).detach()"),
    "log": ("log.total()", "x.total()"),
    "point": ("point.norm() + len(point.parts)", "x.norm() + len(x.parts)"),
    "cube": ("cube(3.0)", "x(3.0)"),
    "oracle": ("oracle(3)", "x(3)"),
}
WRONG = (
    *("None", "True", "x", "f", "41", "Equal()", "[Equal()]", "float('nan')", "[]"),
    *("torch.zeros(3)", "torch.zeros(0)", "np.zeros(3)", "{}", "Mine(1)", "KEPT[-1:]"),
    *("lambda *a: 1", "object()", "'right'", "torch.full((3,), torch.nan)"),
    *("np.array([Equal()], dtype=object)", "torch.zeros(3).as_subclass(Sub)"),
)
PLACES = ("x", "x[0]", "x[-1]", "x['b']", "KEPT[-1]", "KEPT[0]", "x.where", "x.parts")
WRITES = (
    *(".zero_()", ".clear()", ".sort()", ".append(9)", ".update(a=9)", ".pop()"),
    *("[:] = 0", "[...] = 0", "[0] = 9", ".data = torch.zeros(3)", ".add(9)"),
    *(".numpy()[:] = 0", ".data.zero_()", ".detach().fill_(9)", ".resize_(0)"),
    *(".weight.data.zero_()", ".weight.grad = torch.ones(3)", ".shift.fill_(9)"),
    *(".requires_grad_(False)", ".requires_grad_()", ".grad = torch.ones(3)"),
    *(".weight = None", ".total = lambda: 9", ".where = torch.zeros(2)", ".kind = 9"),
    *(".backward(torch.ones(3))", ".set_(torch.zeros(3))", ".setflags(write=False)"),
    *(".load_state_dict({'weight': torch.zeros(3), 'shift': torch.zeros(3)})",),
    *(".register_forward_hook(lambda *a: torch.zeros(3))", ".double()", ".half()"),
    *(".register_forward_pre_hook(lambda *a: (torch.zeros(3),))", ".eval()"),
    *(".register_buffer('shift', torch.zeros(3))", ".apply(lambda m: m.double())"),
    *(".add_module('more', nn.ReLU())", ".register_full_backward_hook(print)"),
    *(".get_parameter('weight').data.zero_()", ".to_empty(device='cpu')"),
    *(".__init__()", ".__setstate__({})", ".extend([9])"),
    *(".register_hook(lambda g: 0 * g)", ".forward(torch.zeros(3)).sum().backward()"),
    *(".named_parameters().__next__()[1].data.zero_()", ".norm = 9", ".zero_grad()"),
)
ELSE = (
    *(
        "torch.manual_seed(1)",
        "np.random.seed(1)",
        "torch.set_default_dtype(torch.half)",
    ),
    *("torch.set_grad_enabled(False)", "globals().update(DATA=torch.zeros(3))"),
    *("globals().update(check=None, np=None)", "globals().update(oracle=None)"),
    *("raise ValueError('a')", "raise AssertionError", "raise StopIteration"),
    *("raise KeyboardInterrupt", "raise SystemExit(0)", "raise GeneratorExit"),
    *("Tensor.__eq__ = lambda *a: True", "torch.equal = lambda *a: True"),
    *(
        "x(DATA.zero_())",
        "KEPT.append(x.register_forward_hook)",
        "KEPT.append(x.clear)",
    ),
    *("KEPT[-1](lambda *a: torch.zeros(3))", "KEPT[-1]()", "x.total.__func__(9)"),
)
STUDENT = """
DATA = torch.zeros(3)
KEPT = [torch.zeros(3)]
class Equal:
    def __eq__(self, other): return True
    def __getattr__(self, name): return lambda *a, **k: self
    def __bool__(self): return True
    __hash__ = None
class Mine(int):
    def __eq__(self, other): return True
    __hash__ = int.__hash__
class Sub(Tensor):
    @classmethod
    def __torch_function__(cls, *a, **k): return True
EQ, EQUAL = Tensor.__eq__, torch.equal
def answer(source):  # alone: what one answer ruins is not another's
    space = dict(globals())
    exec(source, space)
    def answered(x):
        Tensor.__eq__, torch.equal = EQ, EQUAL
        torch.set_default_dtype(torch.float32)
        torch.set_grad_enabled(True)
        return space["f"](x)
    return answered
"""


@dataclass(frozen=True)
class Program:
    """An answer and a test for it; `right`: its value is, so it must pass."""

    answer: str
    test: str
    right: bool


def program(seed: int) -> Program:
    """The program with this number."""
    draw = random.Random(seed)
    handed = draw.choice(list(TASKS))
    want, right = TASKS[handed]
    is_right = draw.random() < 0.4
    lines = [verb(draw) for _ in range(draw.randint(0, 5))]
    body = [f"try: {line}\n    except BaseException: pass" for line in lines]
    value = right if is_right else draw.choice(WRONG)
    if not is_right and draw.random() < 0.15:
        body.append(draw.choice(ELSE))
    start = [f"value = {value}"] if is_right else ["KEPT.append(x)"]
    result = "value" if is_right else value
    answer = "\n    ".join(["def f(x):", *start, *body, f"return {result}"])
    return Program(answer, test(draw, handed, want, is_right and bool(lines)), is_right)


def verb(draw: random.Random) -> str:
    """One thing that an answer does to what it was handed, or to the rest."""
    kind = draw.random()
    if kind < 0.65:
        return draw.choice(PLACES) + draw.choice(WRITES)
    if kind < 0.85:
        return draw.choice(ELSE)
    return "KEPT.append(x)"


def test(draw: random.Random, handed: str, want: str, writes: bool) -> str:
    """A well-formed test; where a right answer `writes`, it sees the value alone."""
    before = f"want = repr({want})\nassert repr(f({handed})) == want"
    after = f"assert repr(f({handed})) == repr({want})"
    twice = f"{before}\nassert repr(f({handed})) == want"
    kinds = (before,) if writes else (before, after, twice, f"{after}\n{after}")
    return draw.choice(kinds)


test.__test__ = False
