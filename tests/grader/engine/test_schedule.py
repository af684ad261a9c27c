"""Tests wait to be judged only as long as no cell can change what they see."""

import itertools
import json

import pytest

from autograder.engine.prepare import Cell
from autograder.engine.schedule import Waiting
from autograder.static_analysis.effects import LONGEST, MOST, Facts, facts_of, read_all
from autograder.static_analysis.names import needed_by

F = "def f(x):\n    return 2 * x"
TEST = "assert f(1) == 2"
numbers = itertools.count()


def own(source):
    return cell(source, own=True)


def given(source, trusted=False):
    return cell(source, trusted=trusted)


def asks(source=TEST):
    return cell(source, full=source)


def cell(source, *, own=False, trusted=False, full=None):
    name = f"cell-{next(numbers)}"
    return Cell(name, name, 1, source, own, trusted, full, 0, None, {})


def judged_before(cells, failing=()):
    """Before which cells waiting tests are judged, by their place from 0."""
    waiting, found = Waiting(), []
    sources = [{"id": each.id, "source": each.source} for each in cells if each.own]
    plain = json.loads(json.dumps(read_all(sources)))
    waiting.own = {key: Facts.from_plain(each) for key, each in plain.items()}
    for number, each in enumerate(cells):
        if waiting.ends_before(each):
            found.append(number)
            waiting.over()
        waiting.note(each, whole=number not in failing)
    return found


HARMLESS = {
    "another function": own("def g(x, k=2, *, m=-1.5, t=(1, 2)):\n    return f(x) * k"),
    "a class": own(
        "class Flow(nn.Module):\n    'A flow.'\n    size = 2\n    kind: str = 'a'\n\n"
        "    def __init__(self, n):\n        super().__init__()\n        self.n = n\n\n"
        "    @torch.no_grad()\n    def forward(self, x):\n"
        "        y = x.clone()\n        y[0] = 1\n        return y * self.n"
    ),
    "an import": own("import math\nfrom torch import nn\nEPS = 1e-6\nN: int = -3"),
    "the release's picture": given("x = f(2)\nfor i in range(3):\n    print(f(i))"),
    "the release's function": given("def show(x):\n    return f(x)", trusted=True),
    "another test": asks("idea = 'g'\nassert g(1) == 2"),
}
HARMFUL = {
    "the same name again": own("def f(x):\n    return 0"),
    "the same name by the release": given("f = None"),
    "the same name in a loop": given("for f in range(3):\n    pass"),
    "the same name from a module": own("from math import floor as f"),
    "a part of the function": given("f.calls = 0"),
    "code that runs": own("print(f(3))"),
    "a decorator that may do anything": own("@register\ndef g(x):\n    return x"),
    "a default that is made": own("def g(x, seen=[]):\n    return x"),
    "a base that is made": own("class A(make()):\n    pass"),
    "a class that runs code": own("class A:\n    print(1)"),
    "a name deleted": given("del f"),
    "every name of a module": own("from math import *"),
    "no Python": own("%run other.py"),
    "a name exchanged through the walrus": given("print(f := 3)"),
    "how a library behaves": given("np.seterr(all='raise')"),
}
# They look as if they only defined something, and run what a student wrote.
CHANGE = "globals().__setitem__('f', better)"
DRESSED = {
    "an annotation": own(f"def g(x: {CHANGE}):\n    return x"),
    "the annotation of a result": own(f"def g(x) -> {CHANGE}:\n    return x"),
    "the annotation of the rest": own(f"def g(*x: {CHANGE}, **y):\n    return x"),
    "a name's annotation": own(f"x: {CHANGE} = 3"),
    "an annotation in a class": own(f"class A:\n    x: {CHANGE} = 3"),
    "a method's annotation": own(f"class A:\n    def g(self, x: {CHANGE}): pass"),
    "an annotation's brackets": own("def g(x: evil[0]): pass"),
    "an annotation's stroke": own("def g(x: evil | None): pass"),
    "what is in an annotation's brackets": own("def g(x: list[evil]): pass"),
    "an annotation's attribute": own("def g(x: evil.kind): pass"),
    "a default's attribute": own("def g(x=evil.kind): pass"),
    "a decorator of a student's": own("@evil\ndef g(x): pass"),
    "a decorator that is named as torch's": own("@no_grad\ndef g(x): pass"),
    "a part of an object, so named": own("@evil.no_grad\ndef g(x): pass"),
    "a property that is none": own("class A:\n    @property\n    def g(self): pass"),
    "a base of a student's": own("class A(Base): pass"),
    "a base's part": own("class A(evil.Base): pass"),
    "a class with a metaclass": own("class A(metaclass=evil): pass"),
    "what the shell keeps": own("def g(x: _.kind): pass"),
    "a file of a student's": own("import mine"),
    "a part of a file": own("from mine import g"),
    "a library's name, bound anew": own("def g(x: nn.Module): pass"),
}
MADE = """
evil = make()
no_grad = evil
property = evil
from torch import nn
nn = evil
class Base:
    def __init_subclass__(cls): change()
"""
INERT = {
    "annotations": "def g(x: Tensor, y: int = 2, *z: float, k: 'a' = 3) -> str: pass",
    "types in brackets": "def g(x: list[int], y: tuple[Tensor, ...] | None): pass",
    "types of typing": "def g(x: t.Any, y: t.Callable[[], int]): pass",
    "torch's decorators": "@no_grad()\ndef g(x): pass\n@torch.no_grad()\n"
    "def h(x): pass",
    "a base of its own": "class A:\n    pass\nclass B(A, Exception):\n    x: int = 2",
    "an abstract one": "import abc\nclass A(abc.ABC):\n"
    "    @abc.abstractmethod\n    def g(self) -> Tensor: pass",
    "a default of torch's": "def g(x, dtype=torch.float32, k=EPS): pass",
}


@pytest.mark.parametrize("between", DRESSED.values(), ids=DRESSED)
def test_what_only_looks_inert_is_not_waited_past(between):
    before = [own(F), own(MADE), given("1"), asks(), between]
    assert judged_before(before)[-1:] == [4]


@pytest.mark.parametrize("source", INERT.values(), ids=INERT)
def test_the_certainly_inert_is_waited_past(source):
    imports = "import torch\nimport typing as t\nfrom torch import Tensor, no_grad"
    cells = [given(imports, trusted=True), own(F), own("EPS = 1e-3"), asks()]
    assert judged_before([*cells, own(source)]) == []


def test_a_class_that_runs_code_when_it_is_a_base_is_not_plain():
    base = own("class Base:\n    def __init_subclass__(cls): change()")
    plain = own("class Base:\n    pass")
    for first, ends in ((base, [3]), (plain, [])):
        cells = [own(F), first, asks(), own("class A(Base): pass")]
        assert judged_before(cells) == ends


KEEPING = {
    "a list": "seen = []\ndef f(x):\n    seen.append(x)\n    return 2 * x",
    "a default": "def f(x, seen=[]):\n    return 2 * x",
    "a global name": "n = 0\ndef f(x):\n    global n\n    n += 1\n    return 2 * x",
    "itself": "def f(x):\n    f.n = 1\n    return 2 * x",
    "its class": "class A:\n    n = 0\n    def f(self):\n        type(self).n += 1",
    "its class by name": "class A:\n  @classmethod\n  def f(cls):\n    cls.n = 1",
    "a module": "import torch\ndef f(x):\n    torch.seen = x\n    return 2 * x",
    "the names": "def f(x):\n    globals()['n'] = x\n    return 2 * x",
    "its code": "def f(x):\n    f.__dict__['n'] = x\n    return 2 * x",
    "a cache": "@functools.cache\ndef f(x):\n    return 2 * x",
    "a function of a function": "f = make(lambda x: x)",
    "a frame": "import torch\ndef f(x):\n    torch.g(0).f_globals.update(f=x)",
    "a module by another": "def f(x):\n    torch.sys.modules['a'].f = x",
    "the notebook itself": "import __main__ as all\ndef f(x):\n    return all.n * x",
}


@pytest.mark.parametrize("between", HARMLESS.values(), ids=HARMLESS)
def test_they_wait_while_nothing_that_they_see_can_change(between):
    assert judged_before([own(F), asks(), between, own("def h(x): return x")]) == []


@pytest.mark.parametrize("between", HARMFUL.values(), ids=HARMFUL)
def test_they_are_judged_before_what_could_change_it(between):
    assert judged_before([own(F), asks(), between])[:1] == [2]


@pytest.mark.parametrize("answer", KEEPING.values(), ids=KEEPING)
def test_no_test_waits_where_an_answer_may_remember_calls(answer):
    cells = [own(answer), asks(), own("def g(x): return x"), asks("assert g(1)")]
    assert judged_before([*cells, given("g(3)")]) == [2, 4]


def test_tests_that_follow_each_other_are_judged_together():
    cells = [own("seen = []\n" + F), asks(), asks(), own("pass"), asks()]
    assert judged_before(cells) == [3]


def test_a_test_of_a_value_does_not_wait():
    of_a_value = asks("assert total == 3")
    assert judged_before([given("total = f(1)"), of_a_value, given("1 + 1")]) == [2]
    known_to_t = given("total = [3]", trusted=True)
    assert judged_before([known_to_t, of_a_value, given("1 + 1")]) == []


def test_no_test_waits_where_an_answer_uses_a_value():
    answer = own("def f(x):\n    return x * scale")
    for scale, waits in (("scale = 2", True), ("scale = torch.ones(1)", False)):
        cells = [given(scale, trusted=True), answer, asks(), given("f(3)")]
        assert judged_before(cells) == ([] if waits else [3])


def test_the_same_import_again_changes_nothing():
    cells = [own("import numpy as np\n" + F.replace("2 *", "np.array(2) *")), asks()]
    assert judged_before([*cells, own("import numpy as np")]) == []
    assert judged_before([*cells, own("import torch as np")]) == [2]
    shadowed = [*cells, own("np = 1"), own("import numpy as np"), asks()]
    assert judged_before(shadowed) == [2]
    assert judged_before([*shadowed, own("np = 1")]) == [2, 5]


def test_an_import_is_the_same_only_if_it_was_done_and_has_the_same_path():
    uses = own("def f(x):\n    return math.floor(x)")
    first = [own("import missing\nimport math"), uses, asks()]
    assert judged_before([*first, own("import math")]) == []
    assert judged_before([*first, own("import math")], failing=[0]) == [3]
    part = [own("import xml\ndef f(x):\n    return xml.sax"), asks()]
    assert judged_before([*part, own("import xml.sax")]) == [2]


def test_what_the_releases_functions_look_up_counts_too():
    power = given("POWER = 2\ndef power(x):\n    return x ** POWER", trusted=True)
    answer = own("def f(x):\n    return power(x)")
    assert judged_before([power, answer, asks(), own("POWER = 3")]) == [3]


def test_what_a_class_in_a_function_looks_up_counts_too():
    answer = "K = 2\ndef f(x):\n    class P:\n        k = K\n    return x * P.k"
    assert judged_before([own(answer), asks(), own("K = 3")]) == [2]


def test_what_is_risky_ends_the_waiting():
    waiting = Waiting()
    waiting.note(given(F))
    assert not waiting.ends_before(given("pass"), risky=True)  # nothing waits
    waiting.note(asks())
    assert not waiting.ends_before(given("pass"))
    assert waiting.ends_before(given("pass"), risky=True)


def test_annotations_are_no_use_of_a_value():
    kind = given("Kind = Callable[[float], float]", trusted=True)
    typed = own("def f(x: Kind, y: 'Kind' = None) -> Kind:\n    return 2 * x")
    assert judged_before([kind, typed, asks(), given("f(1)")]) == []


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("y = f(2)\nassert y == g(y)", {"f", "g"}),
        ("for k in (1, 2):\n    got = f(k)\n    assert got == k", {"f"}),
        ("n += 1", {"n"}),
        ("def see(x):\n    return f(x) + n\nn = 3\nassert see(1)", {"f", "n"}),
        ("assert sum([a.b for a in rows]) == 1", {"sum", "rows"}),
        ("k = [n for n in (1, 2)]\nassert n == 5", {"n"}),
        ("no python", set()),
    ],
)
def test_what_a_test_takes_from_the_student(source, names):
    assert needed_by(source) == names


def test_a_name_is_firm_only_if_every_binding_is():
    assert facts_of("x = 1\nx = [2]").values == {"x"}
    assert facts_of("x = 1\nx = 'b', -2").values == set()
    assert facts_of("try:\n    1\nexcept ValueError as x:\n    pass").values == {"x"}


def test_what_is_written_and_read_again_is_the_same():
    facts = facts_of("import math as m\nx = [1]\ndef f(y):\n    return m.pi * y * x")
    assert Facts.from_plain(json.loads(json.dumps(facts.plain()))) == facts


def test_only_so_much_of_a_student_is_read():
    long = {"id": "long", "source": "#" * (LONGEST + 1)}
    full = [{"id": f"{n}", "source": "#" * LONGEST} for n in range(MOST // LONGEST)]
    short = {"id": "short", "source": "#"}
    assert list(read_all([long, *full, short])) == [each["id"] for each in full]


def test_what_is_too_deep_is_not_read():
    assert facts_of("x = " + "+".join("1" * 3000)) is None
