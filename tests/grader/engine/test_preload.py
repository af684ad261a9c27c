"""What a template imports before it forks: what the assignment itself uses, no more."""

import base64

import pytest

from autograder.engine.preload import libraries_used
from autograder.engine.request import Request


def request(*cells, tests="", **files):
    made = [
        {
            "cell_type": "code",
            "metadata": {"nbgrader": {"solution": kind == "answer", "grade": False}},
            "source": source,
        }
        for kind, source in cells
    ]
    packed = {
        f"{name}.py": base64.b64encode(text.encode()).decode()
        for name, text in files.items()
    }
    return Request({"cells": made}, {"test": tests}, files=packed)


@pytest.mark.parametrize(
    ("source", "used"),
    [
        ("import numpy as np\nimport math", set()),
        ("import torch.nn as nn", {"torch"}),
        ("from pandas import DataFrame", {"pandas"}),
        ("import of_another_course", {"torch"}),  # who knows what that imports
        ("import matplotlib.pyplot, sklearn.svm, scipy", set()),
    ],
)
def test_the_imports_of_given_cells_count(source, used):
    assert libraries_used(request(("given", source))) == used
    assert libraries_used(request(tests=source)) == used


def test_a_students_cells_are_searched_for_a_line_and_never_parsed():
    nested = "(" * 100_000
    answer = f"import numpy\n  import torch.nn as nn\n{nested}"
    assert libraries_used(request(("answer", answer))) == {"torch"}
    assert libraries_used(request(("answer", "# import torch\nx = 'pandas'"))) == set()


def test_a_module_beside_the_notebook_counts_by_what_it_imports():
    given = ("given", "from checks import check")
    assert libraries_used(request(given, checks="import numpy")) == set()
    assert libraries_used(request(given, checks="import pandas")) == {"pandas"}
