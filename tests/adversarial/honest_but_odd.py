"""Honest but odd: right work in an unusual form, which keeps its full marks."""

from case import FULL, NONE, SCALE, SQUARE, Notebook, changed, handed, own_cell
from tiny_assignment import cell_of


def insert(name: str, source: str):
    def change(notebook: Notebook) -> None:
        at = notebook["cells"].index(cell_of(notebook, name))
        notebook["cells"].insert(at, own_cell(source))

    return change


def helper_in_a_new_cell(notebook: Notebook) -> None:
    insert("square", "def times(a, b):\n    return a * b")(notebook)
    cell_of(notebook, "square")["source"] = "def square(x): return times(x, x)"


def helper_after_its_use(notebook: Notebook) -> None:
    insert("square-test", "def times(a, b):\n    return a * b")(notebook)
    cell_of(notebook, "square")["source"] = "def square(x): return times(x, x)"


def helpers_in_another_order(notebook: Notebook) -> None:
    insert("square", "def times(a, b):\n    return plus(a, b, b)")(notebook)
    insert("square", "def plus(a, *many):\n    return a * many[0]")(notebook)
    cells, at = notebook["cells"], notebook["cells"].index
    helper = cells.pop(at(cell_of(notebook, "square")) - 1)
    cells.insert(0, helper)
    cell_of(notebook, "square")["source"] = "def square(x): return times(x, x)"


def answer_in_a_new_cell(notebook: Notebook) -> None:
    insert("square-test", SQUARE)(notebook)
    cell_of(notebook, "square")["source"] = "# my answer is in the next cell"


def scratch_work(notebook: Notebook) -> None:
    for number in range(12):
        source = ["1 / 0", "plot?", "!ls", "square(7)", "x = input"][number % 5]
        notebook["cells"].append(own_cell(source, id=f"own{number}"))


def tried_and_deleted(notebook: Notebook) -> None:
    insert("scale-test", "square(5)\ndel x")(notebook)


def notes(notebook: Notebook) -> None:
    notebook["cells"].insert(
        0, own_cell("# Ada's notes: \u00e9\u4e2d\U0001f600", "raw")
    )
    notebook["cells"].append(own_cell("I am *not* sure.", "markdown"))


def cleared(notebook: Notebook) -> None:
    notebook["metadata"] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["execution_count"] = None


def from_colab(notebook: Notebook) -> None:
    notebook["metadata"] |= {"colab": {"provenance": []}, "accelerator": "GPU"}
    for cell in notebook["cells"]:
        cell["metadata"] |= {"id": "xYz", "outputId": "1", "colab": {"base_uri": "x"}}


def from_vs_code(notebook: Notebook) -> None:
    for cell in notebook["cells"]:
        cell["metadata"] |= {"vscode": {"languageId": "python"}, "scrolled": True}
        cell["source"] = cell["source"] + "\n\n"


def not_attempted(notebook: Notebook) -> None:
    notebook["cells"] = [dict(cell) for cell in notebook["cells"]]


ANSWERS = {
    "a warning on stderr": "import sys, warnings\nwarnings.warn('w')\n"
    "print('loud', file=sys.stderr)\ndef square(x):\n    warnings.warn('again')\n"
    "    return x * x",
    "logging": "import logging\nlogging.basicConfig(level='DEBUG')\n"
    "def square(x):\n    logging.error('x')\n    return x * x",
    "a lambda": "square = lambda x: x ** 2",
    "types": "from typing import Any\n"
    "def square(x: 'Any') -> Any:\n    return pow(x, 2)",
    "a recursion": "def square(x):\n    x = abs(x)\n"
    "    return x if x < 2 else square(x - 1) + 2 * x - 1",
    "a loop": "def square(x):\n    found = 0\n    for _ in range(abs(x)):\n"
    "        found += abs(x)\n    return found",
    "a float": "def square(x): return float(x) ** 2",
    "a complex number": "def square(x): return complex(x) ** 2",
    "a numpy number": "def square(x): return np.square(x)",
    "a tensor": "def square(x): return torch.tensor(x) ** 2",
    "a fraction": "from fractions import Fraction\n"
    "def square(x): return int(Fraction(x) ** 2)",
    "a decorator": "import functools\n@functools.lru_cache\n"
    "def square(x): return x * x",
    "a partial": "import functools\nsquare = functools.partial(lambda n, x: x ** n, 2)",
    "a class": "class Square:\n    def __call__(self, x): return x * x\n"
    "square = Square()",
    "a static method": "class Maths:\n    @staticmethod\n"
    "    def power(x): return x * x\nsquare = Maths.power",
    "a closure": "def power(n):\n    def inner(x): return x ** n\n    return inner\n"
    "square = power(2)",
    "defaults": "def square(x, *rest, power=2, **more): return x ** power",
    "a global": "calls = 0\ndef square(x):\n    global calls\n    calls += 1\n"
    "    return x * x",
    "imports within": "def square(x):\n    import math\n    return int(math.pow(x, 2))",
    "everything of math": "from math import *\ndef square(x): return int(pow(x, 2))",
    "names of built-ins": "list = 7\nsum = 8\nlen = None\ndef square(x): return x * x",
    "other words": "def square(\u03c7):\n    '''\u4e2d\u6587 \U0001f600'''\n"
    "    return \u03c7 * \u03c7",
    "semicolons": "def square(x): y = x; return x * y;",
    "tabs": "def square(x):\n\treturn x * x",
    "a magic": "%matplotlib inline\n%load_ext autoreload\ndef square(x): return x * x",
    "a cell magic": "%%time\ndef square(x): return x * x",
    "a shell command": f"!echo hello\n{SQUARE}",
    "a picture": "import matplotlib.pyplot as plt\nplt.plot([1, 2]);\n" + SQUARE,
    "a help page": f"{SQUARE}\nsquare?",
    "its own assertions": f"{SQUARE}\nassert square(2) == 4",
    "a failed assertion of its own": f"{SQUARE}\nassert square(2) == 5",
    "an error after the answer": f"{SQUARE}\n1 / 0",
    "a slow answer": "import time\ntime.sleep(1)\n"
    "def square(x):\n    time.sleep(0.2)\n    return x * x",
    "much output": "def square(x):\n    for i in range(500): print(i, x)\n"
    "    return x * x",
    "files of its own": "open('mine.txt', 'w').write('2')\ndef square(x):\n"
    "    return x ** int(open('mine.txt').read())",
    "another folder": "import os\nos.makedirs('work', exist_ok=True)\n"
    f"os.chdir('work')\n{SQUARE}",
    "a program of its own": "import subprocess, sys\nsubprocess.run([sys.executable, "
    "'-c', 'print(1)'], check=True)\n" + SQUARE,
    "threads, joined": "import threading\nmade = threading.Thread(target=print)\n"
    "made.start(); made.join()\n" + SQUARE,
    "seeds of its own": "import random\nrandom.seed(1); np.random.seed(2)\n"
    "torch.manual_seed(3)\n" + SQUARE,
    "another default type": f"torch.set_default_dtype(torch.float64)\n{SQUARE}",
    "no gradients": f"torch.set_grad_enabled(False)\n{SQUARE}",
    "strict warnings": f"import warnings\nwarnings.simplefilter('error')\n{SQUARE}",
    "an exception of its own": "class Mine(Exception): pass\ndef square(x):\n"
    "    try:\n        raise Mine\n    except Mine:\n        return x * x",
    "an await": f"import asyncio\nawait asyncio.sleep(0)\n{SQUARE}",
    "a hundred megabytes": f"data = bytearray(10 ** 8)\n{SQUARE}",
}
SCALES = {
    "in place on a copy": "def scale(x):\n    y = x.clone()\n    y *= 2\n    return y",
    "by numpy": "def scale(x): return torch.from_numpy(2 * x.numpy())",
    "by a list": "def scale(x): return torch.tensor([2 * n for n in x.tolist()])",
    "by a module": "class Twice(torch.nn.Module):\n"
    "    def forward(self, x): return 2 * x\nscale = Twice()",
    "by a linear layer": "layer = torch.nn.Linear(1, 1, bias=False)\n"
    "layer.weight.data.fill_(2)\ndef scale(x): return layer(x[:, None])[:, 0].detach()",
    "not contiguous": "def scale(x): return torch.stack([2 * x, x], -1)[:, 0]",
    "an expanded view": "def scale(x): return (2 * x)[None].expand(3, -1)[1]",
    "by the given function": "def scale(x): return reference(x)",
}
CELLS = {
    "a helper in a new cell": helper_in_a_new_cell,
    "a helper after its use": helper_after_its_use,
    "helpers in another order": helpers_in_another_order,
    "the answer in a new cell": answer_in_a_new_cell,
    "scratch work": scratch_work,
    "tried and deleted": tried_and_deleted,
    "notes": notes,
    "cleared": cleared,
    "saved by Colab": from_colab,
    "saved by VS Code": from_vs_code,
}
CASES = {
    **{f"answer: {name}": handed(FULL, square=text) for name, text in ANSWERS.items()},
    **{f"scale: {name}": handed(FULL, scale=text) for name, text in SCALES.items()},
    **{f"cells: {name}": changed(change) for name, change in CELLS.items()},
    "nothing attempted": changed(not_attempted, NONE, "not answered", answers={}),
    "half attempted": changed(
        not_attempted, (0.0, FULL[1]), "not answered", answers={"scale": SCALE}
    ),
}
