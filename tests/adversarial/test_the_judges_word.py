"""The judge keeps its word: no answer changes what a test sees, and none is cheated.

One assignment whose tests hand over data, layers, objects and functions, and ask for
what an answer does besides its result; judged as a student's work is, in the sandbox.
"""

from contextlib import closing

import pytest
from case import own_cell
from tiny_assignment import cell_of, handed_in, submission, tiny_exam

from autograder.engine.runner import Runner
from autograder.judge.judge import judge_submission
from autograder.model import CourseError, Limits
from autograder.release.soundness import refuse_unsound

pytestmark = pytest.mark.grading

GIVEN = """
import numpy as np
import torch
from torch import nn
from flowbook.checks import check
from flowbook.side_effects import check_generators, in_place
DATA = torch.tensor([1.0, -2.0, 3.0])
ARRAY = np.array([1.0, -2.0, 3.0])
L = nn.Linear(3, 2)
class Bend(nn.Module):
    def forward(self, x):
        return x.tanh()
bend = Bend()
def steep(x):
    return (x ** 3).sum()
"""
# Of each exercise: a right answer, and its test.
EXERCISES = {
    "twice": (
        "def twice(x):\n    return 2 * x",
        "check(twice(DATA), 2 * DATA, idea='twice')",
    ),
    "halved": (
        "def halved(x):\n    return x / 2",
        "check(halved(ARRAY), ARRAY / 2, idea='half')",
    ),
    "layered": (
        "def layered(layer, x):\n    return layer(x) + 1",
        "check(layered(L, DATA), L(DATA) + 1, idea='layer and one')",
    ),
    "bent": (
        "def bent(module, x):\n    return 3 * module(x)",
        "check(bent(bend, DATA), 3 * bend(DATA), idea='three times')",
    ),
    "cube": (
        "def cube(x):\n    return x ** 3",
        "assert cube(0) == 0\ndef oracle(x):\n    return x ** 3",
    ),
    "power": (
        "def power(x):\n    return x ** 3",
        "assert power(2) == 8\nassert power(3) == oracle(3)",
    ),
    "ring": (
        "class Ring:\n    def push(self, x):\n        self.x = x.clone()\n"
        "    def last(self):\n        return self.x",
        "ring, x = Ring(), torch.ones(3)\nring.push(x)\nx.zero_()\n"
        "check(ring.last(), torch.ones(3), idea='a copy')",
    ),
    "doubled": (
        "def doubled(x):\n    return 2 * x",
        "x = torch.ones(3)\ncheck(doubled(x), torch.full((3,), 2.0), idea='double')\n"
        "check(x, torch.ones(3), idea='the argument is left alone')",
    ),
    "drawn": (
        "def drawn(generator):\n    return torch.rand(3, generator=generator)",
        "g = torch.Generator().manual_seed(3)\n"
        "got = check_generators(drawn, g, idea='its own generator')\n"
        "want = torch.rand(3, generator=torch.Generator().manual_seed(3))\n"
        "check(got, want, idea='a draw')",
    ),
    "filled": (
        "def filled(x):\n    x.fill_(3)",
        "x = torch.zeros(3)\nin_place(filled)(x)\n"
        "check(x, torch.full((3,), 3.0), idea='filled with three')",
    ),
    "slope": (
        "def slope(f, x):\n    return torch.func.vmap(torch.func.grad(f))(x)",
        "x = torch.ones(2, 3)\ncheck(slope(steep, x), 3 * x ** 2, idea='the slope')",
    ),
    "share": (
        "from fractions import Fraction\ndef share(a, b):\n    return Fraction(a, b)",
        "assert share(1, 2) == 0.5 and share(1, 4) * 4 == 1",
    ),
}
CELL = """
```{{code-cell}} ipython3
---
nbgrader: {{grade: {grade}, grade_id: {name}, solution: {solution}{more}}}
---
{source}
```
"""
KERNEL = "---\nkernelspec: {name: python3, display_name: Python 3}\n---\n"


def cell(name, source, *, grade="false", solution="false", more=""):
    return CELL.format(
        name=name, source=source, grade=grade, solution=solution, more=more
    )


def source_of(exercises):
    """The text of an assignment."""
    parts = [KERNEL, cell("given", GIVEN, more=", locked: true")]
    for name, (answer, test) in exercises.items():
        hidden = f"### BEGIN SOLUTION\n{answer}\n### END SOLUTION"
        parts += [f"\n## Exercise: {name} (1 point)\n"]
        parts += [cell(name, hidden, solution="true")]
        parts += [cell(f"{name}-test", test, grade="true", more=", points: 1")]
    return "".join(parts)


RIGHT = {name: answer for name, (answer, _) in EXERCISES.items()}
HOOK = "module.register_forward_hook(lambda m, i, o: torch.zeros(3))"
PRE_HOOK = "module.register_forward_pre_hook(lambda m, i: (torch.zeros(3),))"
LATER = "globals().__setitem__('twice', lambda x: 2 * x)"
WRONG = "def twice(x):\n    return x"
# (the answers that are other ones, cells in the end) → the exercises that lose
CASES = {
    "twice: written with zeros": "def twice(x):\n    x.zero_()\n    return x.clone()",
    "twice: through numpy": "def twice(x):\n    x.numpy()[:] = 0\n    return x * 1",
    "twice: through data": "def twice(x):\n    x.data.mul_(0)\n    return x + 0",
    "halved: an array": "def halved(x):\n    x[:] = 0\n    return x.copy()",
    "layered: its parameters": "def layered(layer, x):\n"
    "    layer.weight.data.zero_()\n    layer.bias.data.zero_()\n"
    "    return torch.ones(layer.out_features)",
    "layered: its state": "def layered(layer, x):\n    zeros = {k: 0 * v for k, v in"
    " layer.state_dict().items()}\n    layer.load_state_dict(zeros)\n"
    "    return layer(x) + 1",
    "bent: a hook": f"def bent(module, x):\n    {HOOK}\n    return torch.zeros(3)",
    "bent: a hook before": f"def bent(module, x):\n    {PRE_HOOK}\n"
    "    return torch.zeros(3)",
    "ring: no copy": RIGHT["ring"].replace(".clone()", ""),
    "doubled: in place": "def doubled(x):\n    x *= 2\n    return x.clone()",
    "drawn: a seed": "def drawn(generator):\n    torch.manual_seed(3)\n"
    "    return torch.rand(3, generator=generator)",
    "filled: a copy": "def filled(x):\n    return x.clone().fill_(3)",
}
AS_GOOD = {
    "slope: vjp": "def slope(f, x):\n    y, back = torch.func.vjp(f, x)\n"
    "    return back(torch.ones_like(y))[0]",
    "slope: jacobian": "def slope(f, x):\n    rows = [torch.autograd.functional"
    ".jacobian(f, row, vectorize=True) for row in x]\n    return torch.stack(rows)",
    "slope: jacrev": "def slope(f, x):\n"
    "    return torch.func.vmap(torch.func.jacrev(f))(x)",
    "share: a decimal": "from decimal import Decimal\ndef share(a, b):\n"
    "    return Decimal(a) / Decimal(b)",
    "share: a long double": "import numpy as np\ndef share(a, b):\n"
    "    return np.longdouble(a) / b",
    "cube: an enumeration": "import enum\ndef cube(x):\n"
    "    return enum.IntEnum('N', {'n': x ** 3}).n",
    "bent: it looks on": "def bent(module, x):\n    seen = []\n"
    "    module.register_forward_hook(lambda m, i, o: seen.append(o))\n"
    "    module(x)\n    return 3 * seen[0]",
}


@pytest.fixture(scope="module")
def runner():
    with closing(Runner()) as runner:
        yield runner


@pytest.fixture(scope="module")
def exam(tmp_path_factory):
    return tiny_exam(tmp_path_factory.mktemp("exam"), source_of(EXERCISES))


def lost(exam, runner, answers, *cells):
    """The exercises that lose their point for these answers, with cells in the end."""
    notebook = handed_in(exam, RIGHT | answers)
    notebook["cells"] += [own_cell(source) for source in cells]
    result = judge_submission(submission(notebook), exam, Limits(), 0, runner)
    assert len(result.cells) == len(EXERCISES)
    return {
        cell.grade_id.removesuffix("-test") for cell in result.cells if not cell.points
    }


def test_right_answers_have_every_point(exam, runner):
    assert lost(exam, runner, {}) == set()


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_answer_loses_its_own_point_and_no_other(name, exam, runner):
    exercise = name.partition(":")[0]
    assert lost(exam, runner, {exercise: CASES[name]}) == {exercise}


@pytest.mark.parametrize("name", AS_GOOD)
def test_another_right_answer_has_every_point(name, exam, runner):
    assert lost(exam, runner, {name.partition(":")[0]: AS_GOOD[name]}) == set()


def test_a_name_of_a_test_is_not_the_students_to_answer(exam, runner):
    forged = "def cube(x):\n    return 41\ndef oracle(x):\n    return power(x)"
    wrong = "def power(x):\n    return 8"
    assert lost(exam, runner, {"cube": forged, "power": wrong}) == {"cube", "power"}


@pytest.mark.parametrize(
    "later",
    [
        f"def g(x: {LATER}): ...",
        f"def g(x) -> {LATER}: ...",
        f"class A:\n    x: {LATER} = 3",
        f"def no_grad(f):\n    {LATER}\n    return f",
        "class B:\n    def __init_subclass__(cls):\n        " + LATER,
    ],
)
def test_a_later_cell_changes_nothing_that_an_earlier_test_saw(later, exam, runner):
    use = "@no_grad\ndef g(x): ...\n" if "no_grad" in later else "class C(B): ...\n"
    cells = [later] if "lambda x" in later.partition("\n")[0] else [later, use]
    notebook = handed_in(exam, RIGHT | {"twice": WRONG})
    at = notebook["cells"].index(cell_of(notebook, "twice-test")) + 1
    notebook["cells"][at:at] = [
        own_cell(source, id=f"own{n}") for n, source in enumerate(cells)
    ]
    result = judge_submission(submission(notebook), exam, Limits(), 0, runner)
    assert [c.grade_id for c in result.cells if not c.points] == ["twice-test"]


@pytest.mark.parametrize(
    "asked",
    [
        "y, e = twice(DATA), 2 * DATA\nassert y.allclose(e)",
        "y, e = twice(DATA), 2 * DATA\nassert y.eq(e).all()",
        "y, e = twice(DATA), 2 * DATA\nassert y.sub(e).abs().max() < 1e-6",
        "assert twice(DATA).sum().item() == 4",
        "assert twice(DATA).tolist() == [2, -4, 6]",
    ],
)
def test_a_test_that_asks_the_answers_own_object_is_not_released(
    asked, tmp_path, runner
):
    text = source_of({"twice": (RIGHT["twice"], asked)})
    exam = tiny_exam(tmp_path, text)
    source = next(tmp_path.rglob("*.md"))
    with pytest.raises(CourseError, match="twice-test: it asks the answer's own obj"):
        refuse_unsound(exam, source, runner=runner)
