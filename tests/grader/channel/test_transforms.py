"""Derivatives of every kind through a function of the other side are right.

Each is taken by the test of the student's function, and by the student of the test's.
The oracle is the same expression with everything in one process.
"""

import pytest
from channel_pair import judged

from autograder.model import CellRun

OK = CellRun("ok")
NAMES = """
import torch.autograd.forward_ad as forward
import torch.autograd.functional as functional
from torch.func import (
    functional_call, grad, grad_and_value, hessian, jacfwd, jacrev, jvp, linearize,
    vjp, vmap,
)
def tangent(f, x, v):
    with forward.dual_level():
        return forward.unpack_dual(f(forward.make_dual(x, v))).tangent
"""
FUNCTIONS = {
    "steep": "return (x ** 3).sum() * x.prod()",
    "bent": "return x.tanh() * x.sum() + x[..., :1] ** 2",
    "straight": "return 2 * x + x.sum()",
    "still": "return torch.ones(2, dtype=x.dtype)",
    "exact": "return x.exp().cumsum(-1).log()",
}
DUAL = "a dual number"
FORWARD = {
    "jacfwd": "jacfwd(f)(x)",
    "jvp": "jvp(f, (x,), (v,))",
    "linearize": "(lambda y, along: (y, along(v), along(3 * v)))(*linearize(f, x))",
    DUAL: "tangent(f, x, v)",
    "vmap(jacfwd)": "vmap(jacfwd(f))(rows)",
    "vmap(jvp)": "vmap(lambda r, v: jvp(f, (r,), (v,))[1])(rows, rows.sin())",
    "jvp of a batch": "jvp(vmap(f), (rows,), (rows.sin(),))[1]",
    "jacfwd of a part": "jacfwd(lambda a, b: f(a * b), argnums=1)(x, v)",
    "functional.jvp": "functional.jvp(f, x, v)",
    "forward-mode": (
        "functional.jacobian(f, x, vectorize=True, strategy='forward-mode')"
    ),
}
SECOND = {
    "hessian": "hessian(f)(x)",
    "jacrev(jacrev)": "jacrev(jacrev(f))(x)",
    "jacfwd(jacfwd)": "jacfwd(jacfwd(f))(x)",
    "jacrev(jacfwd)": "jacrev(jacfwd(f))(x)",
    "vmap(hessian)": "vmap(hessian(f))(rows)",
    "hessian times vector": "jvp(jacrev(f), (x,), (v,))[1]",
    "a slope's slope": "grad(lambda x: (jacrev(f)(x) ** 2).sum())(x)",
    "a batch's": "vmap(grad(lambda r: jvp(f, (r,), (v,))[1].sum()))(rows)",
    "third": "jacfwd(jacrev(jacrev(f)))(x)",
}
NUMBERS = """
x = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
v = torch.tensor([0.3, 1.0, -1.0], dtype=torch.float64)
rows = torch.stack([x, v, x * v, x - v])
"""
USED = FORWARD | SECOND


def functions(name):
    return "\n".join(f"def {name}_{key}(x): {FUNCTIONS[key]}" for key in FUNCTIONS)


@pytest.mark.parametrize("used", USED.values(), ids=USED)
def test_derivatives_of_what_the_other_side_has_are_right(used):
    # Where nothing depends on x, torch says None for a bare tangent; we say zero.
    kinds = [key for key in FUNCTIONS if (used, key) != (FORWARD[DUAL], "still")]
    pairs = ", ".join(f"(answer_{key}, truth_{key})" for key in kinds)
    by_test = f"""{NAMES}{NUMBERS}{functions("truth")}
for mine, own in [{pairs}]:
    torch.testing.assert_close((lambda f: {used})(mine), (lambda f: {used})(own))
"""
    assert judged(functions("answer"), by_test) == OK
    by_student = f"{NAMES}def answer(f, x, v, rows): return {used}"
    given = ", ".join(f"given_{key}" for key in kinds)
    test = f"""{NAMES}{NUMBERS}{functions("given")}
for given in [{given}]:
    want = (lambda f: {used})(given)
    torch.testing.assert_close(answer(given, x, v, rows), want)
"""
    assert judged(by_student, test) == OK


@pytest.mark.parametrize("used", FORWARD.values(), ids=FORWARD)
def test_a_wrong_derivative_fails(used):
    wrong = "torch.where(x > 0, 2.0, 3.0) * x"
    test = f"""{NAMES}{NUMBERS}
def truth(x): return 2 * x
torch.testing.assert_close((lambda f: {used})(answer), (lambda f: {used})(truth))
"""
    assert judged(f"def answer(x): return {wrong}", test).ended == "error"


@pytest.mark.parametrize("large", ["x.sum().expand(4_000_000)", "x.repeat(10 ** 6)"])
def test_a_result_of_too_many_numbers_fails_and_takes_no_memory(large):
    test = f"{NAMES}{NUMBERS}\njvp(answer, (x,), (v,))"
    run = judged(f"def answer(x): return 1.0 * {large}", test)
    assert (run.ended, "too large" in run.text) == ("error", True), run


@pytest.mark.parametrize("pair", ["{'a': 2 * x, 'b': x.sum()}", "(x ** 2, [x.sum()])"])
def test_several_results_have_their_tangents(pair):
    test = f"""{NAMES}{NUMBERS}
def truth(x): return {pair}
torch.testing.assert_close(jvp(answer, (x,), (v,)), jvp(truth, (x,), (v,)))
torch.testing.assert_close(jacfwd(answer)(x), jacfwd(truth)(x))
"""
    assert judged(f"def answer(x): return {pair}", test) == OK


def test_whole_numbers_beside_the_real_ones_have_none():
    body = "return x * n.sum() - x, n + 1"
    test = f"""{NAMES}{NUMBERS}
def truth(x, n): {body}
n = torch.tensor([1, 2])
got = jvp(lambda x: answer(x, n)[0], (x,), (v,))
torch.testing.assert_close(got, jvp(lambda x: truth(x, n)[0], (x,), (v,)))
value, tangents, more = jvp(lambda x: answer(x, n), (x,), (v,), has_aux=True)
assert more.tolist() == [2, 3]
"""
    assert judged(f"def answer(x, n): {body}", test) == OK
