"""The reference solutions pass their own tests with every tensor on `--device`.

Needs torch and pytest only, so that it runs on a bare GPU machine (`make test-gpu`).
"""

import re
import sys
from pathlib import Path

import pytest
import torch

SOLUTIONS = sorted((Path(__file__).parents[2] / "solutions").glob("a*/a*.md"))
CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def graded_part(page: str) -> list[str]:
    """Return the sources of the cells that nbgrader knows: answers, tests, imports."""
    sources = []
    for cell in CELL.findall(page):
        if cell.startswith("---\n"):
            metadata, source = cell.removeprefix("---\n").split("\n---\n", 1)
            sources += [source] if "nbgrader:" in metadata else []
    return sources


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_the_solution_passes_its_own_tests_on_the_device(path, request, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # as on a bare machine
    namespace: dict[str, object] = {}
    cells = graded_part(path.read_text(encoding="utf-8"))
    assert len(cells) > 3
    for source in cells:
        exec(compile(source, str(path), "exec"), namespace)
    wanted = torch.device(request.config.getoption("--device")).type
    assert torch.empty(0).device.type == wanted
