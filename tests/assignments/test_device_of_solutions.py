"""The reference solutions pass their own tests with every tensor on `--device`.

They do on torch's `meta` device too, which every machine has. Needs torch and pytest
only, so that it runs on a bare GPU machine (`make test-gpu`).
"""

import re
import sys
from pathlib import Path

import pytest
import torch
from meta_values import META, meta_with_values

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


def run_graded_part(path: Path) -> None:
    namespace: dict[str, object] = {}
    cells = graded_part(path.read_text(encoding="utf-8"))
    assert len(cells) > 3
    for source in cells:
        exec(compile(source, str(path), "exec"), namespace)


@pytest.fixture(autouse=True)
def _no_plots(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # as on a bare machine


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_the_solution_passes_its_own_tests_on_the_device(path, request):
    run_graded_part(path)
    wanted = torch.device(request.config.getoption("--device")).type
    assert torch.empty(0).device.type == wanted


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_the_solution_passes_its_own_tests_where_the_cpu_is_another_device(
    path, request
):
    if request.config.getoption("--device") != "cpu":
        pytest.skip("the device itself is tested")
    with meta_with_values(), torch.device(META):
        run_graded_part(path)
        assert torch.empty(0).device == META
