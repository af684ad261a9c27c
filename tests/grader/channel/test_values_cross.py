"""What a test hands over is a value: nobody sees what an answer writes into it.

Unless the test asks, by `in_place` or by a name that ends in an underscore. A cell that
passes must pass in one process too, where writes are seen.
"""

import copy

import pytest
import torch
from channel_pair import IMPORTS, judged, student_of

from autograder.channel import CellRun, run_test
from autograder.channel.one_test import Moment

OK = CellRun("ok")
GIVEN = """
from collections import Counter, OrderedDict, defaultdict, deque
DATA = torch.tensor([1.0, -2.0, 3.0])
ARRAY = np.array([1.0, -2.0, 3.0])
NUMBERS, TABLE, KINDS = [1, 2, 3], {"a": 1, "b": [2]}, {1, 2}
QUEUE, COUNT = deque([1, 2]), Counter("abca")
GENERATOR, RNG = torch.Generator().manual_seed(3), np.random.default_rng(3)
L = nn.Linear(3, 2)
WEIGHT = nn.Parameter(torch.ones(3))
class Bend(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.register_buffer("shift", torch.ones(3))
        self.drop = nn.Dropout(0.0)
    def forward(self, x):
        return self.weight * x.tanh() + self.shift
class Log(list):
    def note(self, x): self.append(x)
class Point:
    def __init__(self): self.where, self.parts = torch.ones(2), [1]
bend, log, point = Bend(), Log([1]), Point()
"""
STATE = """
(DATA, ARRAY, NUMBERS, TABLE, KINDS, QUEUE, COUNT, GENERATOR.get_state(),
 RNG.bit_generator.state, dict(L.state_dict()), WEIGHT, WEIGHT.grad,
 WEIGHT.requires_grad, dict(bend.state_dict()), bend.training, L.training,
 [p.grad for p in bend.parameters()], [len(v) for k, v in vars(bend).items()
 if 'hooks' in k], list(log), vars(point))
"""
ATTACKS = {
    "zero_": ("DATA", "x.zero_()", "2 * DATA", "torch.zeros(3)"),
    "the numbers behind": ("DATA", "x.numpy()[:] = 0", "2 * DATA", "torch.zeros(3)"),
    "data": ("DATA", "x.data = torch.zeros(3)", "2 * DATA", "torch.zeros(3)"),
    "set_": ("DATA", "x.set_(torch.zeros(3))", "2 * DATA", "torch.zeros(3)"),
    "a view": ("DATA[:]", "x.zero_()", "2 * DATA", "torch.zeros(3)"),
    "an array": ("ARRAY", "x[:] = 0", "2 * ARRAY", "np.zeros(3)"),
    "an array's view": ("ARRAY[1:]", "x[:] = 0", "2 * ARRAY[1:]", "np.zeros(2)"),
    "a list": ("NUMBERS", "x.clear()", "NUMBERS * 2", "[]"),
    "a dictionary": ("TABLE", "x.clear()", "len(TABLE) + 1", "1"),
    "a list in a dictionary": ("TABLE", "x['b'].clear()", "TABLE['b'] * 2", "[]"),
    "a set": ("KINDS", "x.clear()", "2 * len(KINDS)", "0"),
    "a queue": ("QUEUE", "x.clear()", "2 * len(QUEUE)", "0"),
    "a counter": ("COUNT", "x.clear()", "2 * len(COUNT)", "0"),
    "a parameter": (
        "WEIGHT",
        "x.data.zero_()",
        "2 * WEIGHT.detach()",
        "torch.zeros(3)",
    ),
    "no gradient": ("WEIGHT", "x.grad = x.detach()", "WEIGHT.grad is None", "False"),
    "a layer": (
        "L, DATA",
        "x[0].weight.data.zero_(); x[0].bias.data.zero_()",
        "L(DATA).detach() + 1",
        "torch.ones(2)",
    ),
    "a layer's hook": (
        "L, DATA",
        "x[0].register_forward_hook(lambda m, i, o: torch.zeros(2))",
        "L(DATA).detach() + 1",
        "torch.ones(2)",
    ),
    "an object's part": (
        "point",
        "x.where.zero_()",
        "2 * point.where",
        "torch.zeros(2)",
    ),
    "an object's list": ("point", "x.parts.clear()", "2 * len(point.parts)", "0"),
    "an inherited method": ("log", "x.clear()", "2 * len(log)", "0"),
}
MUTATORS = (
    "register_forward_hook(lambda m, i, o: torch.zeros(3))",
    "register_forward_pre_hook(lambda m, i: torch.zeros(3))",
    "register_module('drop', nn.ReLU())",
    "register_parameter('more', nn.Parameter(torch.ones(1)))",
    "load_state_dict({'weight': torch.zeros(3), 'shift': torch.zeros(3)})",
    "register_buffer('shift', torch.zeros(3))",
    "requires_grad_(False)",
    "double()",
    "apply(lambda m: m.eval())",
    "eval()",
    "zero_grad()",
    "add_module('drop', None)",
    "get_parameter('weight').data.zero_()",
)
ATTACKS |= {
    f"a module's {name.partition('(')[0]}": (
        "bend, DATA",
        f"x[0].{name}",
        "3 * bend(DATA).detach()",
        "torch.zeros(3)",
    )
    for name in MUTATORS
}


def given():
    namespace = {"__name__": "__main__"}
    exec(IMPORTS + GIVEN, namespace)
    return namespace


def state(namespace):
    return repr(eval(STATE, namespace))


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_what_an_answer_writes_makes_no_wrong_value_right_and_stays_nowhere(attack):
    handed, write, expected, result = attack
    star = "*x" if ", " in handed else "x"
    answer = f"def f({star}):\n    try:\n        {write}\n    except Exception: pass\n"
    namespace = given()
    before = state(namespace)
    test = f"assert repr(f({handed})) == repr({expected})"
    later = f"assert repr({result}) == repr({expected})"
    with student_of(f"{answer}    return {result}") as student:
        runs = [run_test(each, namespace, student) for each in (test, test, later)]
    assert {run.ended for run in runs} == {"error"}, runs
    assert {run.name for run in runs} == {"AssertionError"}, runs
    assert state(namespace) == before


HONEST = {
    "one that writes": "def f(x):\n    y = 2 * x\n    x.zero_()\n    return y",
    "one that writes first": "def f(x):\n    x *= 2\n    return x",
}


@pytest.mark.parametrize("answer", HONEST.values(), ids=HONEST)
def test_a_right_value_is_right_whatever_was_written(answer):
    test = "want = 2 * DATA\ncheck(f(DATA), want, idea='twice')"
    assert judged(answer, GIVEN + test) == OK
    again = test + "\ncheck(f(DATA), want, idea='twice, again')"
    assert judged(answer.replace("x.zero_()", "pass"), GIVEN + test) == OK
    assert judged("def f(x): return 2 * x", GIVEN + again) == OK


UNCHANGED = {
    "x": ("x = torch.ones(3)", "x *= 2"),
    "an array": ("x = np.ones(3)", "x *= 2"),
    "a list": ("x = [3, 1]", "x.sort()"),
    "a dictionary": ("x = {'a': 1}", "x.pop('a')"),
    "a set": ("x = {1}", "x.add(2)"),
    "what is in a list": ("x = [torch.ones(3)]", "x[0].mul_(2)"),
    "a list in a list": ("x = [[1]]", "x[0].append(2)"),
    "a parameter": ("x = nn.Parameter(torch.ones(3))", "x.data.mul_(2)"),
}


@pytest.mark.parametrize("made", UNCHANGED.values(), ids=UNCHANGED)
def test_a_test_sees_that_its_argument_was_changed(made):
    make, change = made
    test = f"import copy\n{make}\nbefore = repr(x)\nf(x)\nassert repr(x) == before"
    assert judged("def f(x): return x", test) == OK
    assert (
        judged(f"def f(x):\n    {change}\n    return x", test).name == "AssertionError"
    )


KEPT = {
    "a tensor": ("torch.ones(3)", "x.zero_()", "x.clone()"),
    "a tensor's numbers": ("torch.ones(3)", "x[1:] = 0", "torch.clone(x)"),
    "an array": ("np.ones(3)", "x[:] = 0", "x.copy()"),
    "a list": ("[1, 2]", "x.append(3)", "list(x)"),
    "a list's items": ("[3, 1]", "x[0] = 9", "x[:]"),
    "a list in a list": ("[[1], [2]]", "x[0].append(3)", "[y[:] for y in x]"),
    "a dictionary": ("{'a': 1}", "x['b'] = 2", "dict(x)"),
    "a list in a dictionary": ("{'a': [1]}", "x['a'].clear()", "{'a': [*x['a']]}"),
    "an ordered one": ("OrderedDict(a=1)", "x.popitem()", "x.copy()"),
    "a set": ("{1, 2}", "x.add(3)", "set(x)"),
    "a list in a tuple": ("([1],)", "x[0].pop()", "([*x[0]],)"),
    "a tensor in a list": ("[torch.ones(2)]", "x[0].zero_()", "[x[0].clone()]"),
}
IMPORT = "from collections import OrderedDict\n"


GIVEN_BACK = {
    "a tensor": ("torch.ones(3)", "x.clone()"),
    "an array": ("np.ones(3)", "x.copy()"),
    "a list": ("[1, 2]", "x[:]"),
    "a dictionary": ("{'a': 1}", "dict(x)"),
    "a set": ("{1, 2}", "set(x)"),
    "a parameter": ("nn.Parameter(torch.ones(3))", "x.clone()"),
}


@pytest.mark.parametrize(("given", "copied"), GIVEN_BACK.values(), ids=GIVEN_BACK)
def test_what_an_answer_gives_back_is_the_tests_own_object(given, copied):
    test = f"a = {given}\nassert f(a)[0] is not a\nassert f(a)[1] == 7"
    assert judged("def f(x): return x, 7", test).name == "AssertionError"
    assert judged(f"def f(x): return {copied}, 7", test) == OK


def test_an_answer_that_gives_back_what_it_was_given_may_do_so():
    test = "a = [1, 2]\nb = f(a)\nb.append(3)\nassert a == [1, 2, 3]"
    assert judged("def f(x): return x", test) == OK


@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT)
def test_a_test_sees_that_its_argument_was_kept_without_a_copy(kept):
    make, change, copied = kept
    ring = (
        "class Ring:\n    def push(self, x): self.x = {0}\n"
        "    def last(self): return self.x"
    )
    test = (
        f"{IMPORT}ring, x = Ring(), {make}\nbefore = repr(x)\nring.push(x)\n{change}\n"
        "assert repr(ring.last()) == before"
    )
    assert judged(ring.format(copied), test) == OK
    assert judged(ring.format("x"), test).name == "AssertionError"


@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT)
def test_what_is_handed_over_again_was_changed_too(kept):
    make, change, copied = kept
    ring = "rings = {{}}\ndef push(key, x): rings[key] = {0}; return rings['first']"
    test = (
        f"{IMPORT}x = {make}\nbefore = repr(x)\npush('first', x)\n{change}\n"
        "assert repr(push('second', x)) == before"
    )
    assert judged(ring.format(copied), test) == OK
    assert judged(ring.format("x"), test).name == "AssertionError"


def test_an_answer_that_counts_its_calls_loses_nothing_by_a_second_run():
    answer = "calls = []\ndef f(x):\n    calls.append(list(x))\n    return len(calls)\n"
    test = "x = [1]\nassert f(x) == 1\nx.append(2)\nassert f(x) == 2"
    assert judged(answer, test) == OK
    tensors = "x = torch.ones(1)\nassert f(x) == 1\nx += 2\nassert f([3]) == 2"
    assert judged(answer, tensors) == OK
    assert judged(answer.replace("(calls)\n", "(calls) + 1\n"), test).ended == "error"


def test_a_generator_that_is_to_be_left_alone_is_watched():
    test = (
        "g = torch.Generator().manual_seed(1)\ncheck_generators(f, g, idea='its own')"
    )
    assert judged("def f(g): return torch.rand(2, generator=g)", test) == OK
    for used in ("torch.manual_seed(1)", "torch.rand(1)", "np.random.rand(1)"):
        run = judged(f"def f(g):\n    {used}\n    return 1", test)
        assert run.text.startswith("Checked: its own\nProblem: "), run
    assert judged("import random\ndef f(g): return random.random()", test) != OK


IN_PLACE = {
    "a tensor": ("torch.zeros(3)", "x.fill_(3)", "torch.full((3,), 3.0)"),
    "an array": ("np.zeros(3)", "x[:] = 3", "np.full(3, 3.0)"),
    "a list": ("[3, 1]", "x.sort()", "[1, 3]"),
    "a dictionary": ("{}", "x['a'] = 3", "{'a': 3}"),
    "a set": ("set()", "x.add(3)", "{3}"),
    "a parameter": (
        "nn.Parameter(torch.zeros(3))",
        "x.data.fill_(3)",
        "nn.Parameter(torch.full((3,), 3.0))",
    ),
}


@pytest.mark.parametrize("contract", IN_PLACE.values(), ids=IN_PLACE)
def test_a_test_asks_for_what_is_written_in_so_many_words(contract):
    make, write, want = contract
    answer = f"def f(x):\n    {write}\nf_ = f"
    for call, asked in (("in_place(f)(x)", True), ("f_(x)", True), ("f(x)", False)):
        test = f"x = {make}\n{call}\nassert repr(x) == repr({want})"
        assert (judged(answer, test) == OK) is asked, call
        assert judged("def f(x): pass\nf_ = f", test) != OK


def test_an_optimiser_may_step_what_the_test_names():
    answer = """
class Descent:
    def __init__(self, params): self.params = list(params)
    def step(self):
        with torch.no_grad():
            for p in self.params: p -= 0.5 * p.grad
"""
    test = """
p, q = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
rule = Descent([p, q])
(p.square() + q.square()).sum().backward()
in_place(rule.step, p, q)()
check(p.detach(), torch.zeros(2), idea='a step')
check(q.detach(), torch.zeros(2), idea='another step')
"""
    assert judged(answer, test) == OK
    for unasked, idea in (("in_place(rule.step, p)", "another"), ("rule.step", "a")):
        run = judged(answer, test.replace("in_place(rule.step, p, q)", unasked))
        assert run.text.startswith(f"Checked: {idea} step")


def test_what_a_test_asked_for_lasts_as_long_as_the_test():
    namespace = given()
    with student_of("def fill_(x): x.fill_(7)") as student:
        test = "fill_(DATA)\nassert DATA.tolist() == [7, 7, 7]"
        assert run_test(test, namespace, student) == OK
        assert run_test("assert DATA[0] == 1", namespace, student) == OK


def test_only_what_a_call_was_handed_is_written_by_it():
    answer = """
kept = []
def keep(layer): kept.append(layer)
def fill_(x):
    kept[0].weight.data.zero_()
    x.fill_(0)
"""
    test = """
keep(L)
x = torch.ones(3)
fill_(x)
assert x.sum() == 0 and L.weight.abs().sum() > 0
"""
    assert judged(answer, GIVEN + test) == OK


def test_a_student_sees_its_own_writes_and_the_gradients_of_the_test_pass():
    answer = """
def f(module, x):
    seen = []
    module.register_forward_hook(lambda m, i, o: seen.append(o))
    module.eval()
    y = module(x)
    assert len(seen) == 1 and not module.training and 'weight' in module.state_dict()
    return 3 * y
"""
    test = """
(g,) = torch.autograd.grad(f(bend, DATA).sum(), bend.weight)
check(g, 3 * DATA.tanh(), idea='the gradient of the weight')
assert bend.training and not bend._forward_hooks
"""
    assert judged(answer, GIVEN + test) == OK


def test_the_tests_own_methods_may_change_its_objects():
    answer = "def f(log, visit):\n    log.note(5)\n    visit(6)\n    return 2"
    test = """
found = []
assert f(log, found.append) == 2
assert log == [1, 5] and found == [6]
"""
    assert judged(answer, GIVEN + test) == OK


def test_a_moment_brings_back_what_the_objects_held():
    namespace = given()
    before = state(namespace)
    numbers = namespace["DATA"]
    moment = Moment(namespace)
    exec(
        "DATA.zero_()\nARRAY[:] = 0\nNUMBERS.clear()\nTABLE['b'].append(1)\n"
        "KINDS.add(9)\nL.weight.data.zero_()\nWEIGHT.grad = torch.ones(3)\n"
        "WEIGHT.requires_grad_(False)\nbend.register_forward_hook(print)\nbend.eval()\n"
        "log.append(2)\npoint.where.zero_()\npoint.more = 1\nGENERATOR.manual_seed(1)\n"
        "RNG.random()\nBend.forward = None\nNEW = 1\ndel point",
        namespace,
    )
    moment.restore(namespace)
    assert state(namespace) == before
    assert "NEW" not in namespace
    assert namespace["DATA"] is numbers
    assert namespace["Bend"].forward is not None
    copy.deepcopy(namespace["bend"])(torch.ones(3))


def test_an_answer_is_never_asked_for_a_name_of_a_test():
    answer = "def cube(x): return 41\ndef oracle(x): return 41"
    first = "assert cube(0) == 0\ndef oracle(x): return x ** 3"
    second = "assert cube(2) == oracle(2)"
    namespace = given()
    with student_of(answer) as student:
        own = frozenset({"oracle"})
        runs = [run_test(test, namespace, student, own=own) for test in (first, second)]
    assert [run.ended for run in runs] == ["error", "error"]
    assert runs[1].name == "NameError"
