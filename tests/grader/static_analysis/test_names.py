"""What code binds, reads and needs: what the reader says, against what Python does."""

import ast
import builtins
import contextlib

import pytest

from autograder.static_analysis.names import (
    bound,
    imports,
    needed,
    needed_by,
    read,
    statements,
)

WORLD = {"flag": False, "f": abs, "x": 3, "xs": [1, 2], "box": {}, "note": type}
PROGRAMS = """
if flag: y = 1
f(y)
---
if flag: y = 1
else: y = 2
f(y)
---
for i in xs: total = f(i)
f(total)
---
for i in []: pass
f(i)
---
for box[x] in xs: pass
---
while flag: y = 1
y
---
with open("/dev/null") as handle: y = handle.closed
y
---
from contextlib import suppress
with suppress(Exception):
    raise ValueError
    y = 1
y
---
try: y = 1 / 0
except ZeroDivisionError as error: y = error
y
---
e = 1
try: 1 / 0
except ZeroDivisionError as e: pass
e
---
try: pass
finally: y = 1
y
---
y = 1
try: del y
finally: pass
y
---
y = 1
del y
y
---
del x
---
x += 1
---
x: int = 1
---
y: note
y
---
y = y + 1
---
def g(a=x): return a + later
later = 1
g()
---
def g():
    global y
    y = 1
g()
y
---
def g(): return [h for h in xs] + [y]
y = 2
g()
---
[a for a in xs if (c := a)]
c
---
f = lambda n: n + x
f(1)
---
class A:
    x = x
    def m(self): return self.x
A().m()
---
class A:
    global y
    y = 5
y
---
match x:
    case 4: y = 1
    case [a, *b]: pass
    case int() as n: y = n
y
---
match xs:
    case [first, *rest] if first == flag: y = rest
    case _: z = 1
z
---
flag and (y := 1)
y
---
0 < x < (y := 1)
y
---
1 < 0 < (y := 1)
y
---
y = 1 if flag else (w := 2)
w
---
import os.path as p, math
from json import loads as read_json
p, math, read_json
---
@note
def g(a: x = 1, *b: xs, **c) -> flag: pass
---
(lambda y=x: y)()
y
---
{k: v for k, v in box.items()}
k
""".strip().split("---\n")


class Recorder(dict):
    """A namespace that notes which names of the world outside are looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def __missing__(self, name: str) -> object:
        if name in WORLD or not hasattr(builtins, name):
            self.asked.add(name)
        return WORLD[name]


def taken(program: str) -> tuple[set[str], set[str]]:
    """The names that a program takes from outside when it runs, and those it binds."""
    outside = dict(WORLD)
    inside = Recorder()
    code = compile(program, "cell", "exec")
    space = dict(outside)
    with contextlib.suppress(NameError, KeyError):
        exec(code, space, inside)  # a class-like scope: every lookup is seen
    changed = {name for name in space if space[name] is not outside.get(name)}
    return inside.asked, (set(inside) | changed) - {"__builtins__", "__annotations__"}


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_a_program_takes_and_binds_is_among_what_is_read(program):
    body = ast.parse(program).body
    asked, made = taken(program)
    assert asked <= set(needed(body)), program
    assert asked <= set().union(*map(read, body))
    assert made <= set().union(*map(bound, body))


@pytest.mark.parametrize(
    ("program", "names"),
    [
        ("if flag: y = 1\nf(y)", ["flag", "f", "y"]),
        ("if flag: y = 1\nelse: y = 2\nf(y)", ["flag", "f"]),
        ("y = 1\nf(y)", ["f"]),
        ("y: int\nf(y)", ["int", "f", "y"]),
        ("for i in xs: f(i)", ["xs", "f"]),
        ("for i in xs: y = f(i)\ny", ["xs", "f", "y"]),
        ("def g(a, *, b=c): return a + b + d\ng(1)", ["c", "d"]),
        ("[a for a in xs]", ["xs"]),
        ("with f() as g: g.h = 1\ng", ["f"]),
        ("try: import a\nexcept E as e: e\ne", ["E", "e"]),
        ("import a.b, c as d\na, d, b", ["b"]),
        ("class A(B):\n    y = z\n    def m(self): return y", ["B", "z", "y"]),
        ("x += 1", ["x"]),
        ("del x", ["x"]),
        ("match v:\n    case K(a, b=c) if a: c\n", ["v", "K"]),
    ],
)
def test_needed_names_and_their_order(program, names):
    assert sorted(needed(ast.parse(program).body)) == sorted(names)
    assert needed_by(program) == frozenset(names)


def test_names_that_only_an_inner_scope_binds_are_not_the_cells():
    program = "[a for a in xs]\ndef g(b): c = b\nclass D:\n    e = 1\nlambda h: h"
    made = set().union(*map(bound, ast.parse(program).body))
    assert made == {"g", "D"}


def test_imports_name_what_they_stand_for():
    source = "import a.b, c.d as e\nfrom f.g import h as i, j\nfrom ..k import l"
    found = [pair for node in ast.parse(source).body for pair in imports(node)]
    assert found == [
        ("a", "a.b"),
        ("e", "c.d"),
        ("i", "f.g.h"),
        ("j", "f.g.j"),
        ("l", "..k.l"),
    ]


def test_a_cell_with_magics_is_read_and_what_is_no_python_is_not():
    assert [type(each) for each in statements("%matplotlib inline\nx = 1")][1:] == [
        ast.Assign
    ]
    assert statements("this is no Python") == []
    assert needed_by("def") == frozenset()


@pytest.mark.parametrize("deep", ["x" + ".y" * 900, "-" * 900 + "x", "x" + "()" * 900])
def test_an_expression_of_any_depth_is_read(deep):
    try:
        body = ast.parse(deep).body
    except (RecursionError, MemoryError):
        pytest.skip("Python itself does not read it")
    assert set(needed(body)) == {"x"}
    assert bound(body[0]) == set()
