"""Keep what nbval sees in the notebooks that it runs, so that nothing runs twice.

    PYTHONPATH=tests/builders pytest -p kept_outputs --nbval-lax _build/answered

A notebook that passes is written again with its outputs, and the seconds that it took
in its metadata: `python -m tools.execute --from _build/answered` gives them to the
book. One with a failure stays as it was.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbval.plugin import IPyNbCell, IPyNbFile

PASSED = pytest.StashKey[list[bool]]()
START = pytest.StashKey[float]()


def pytest_runtest_setup(item: pytest.Item) -> None:
    if isinstance(item, IPyNbCell):
        item.parent.stash.setdefault(START, time.perf_counter())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo
) -> Iterator[None]:
    report = yield
    if isinstance(item, IPyNbCell) and report.when == "call":
        item.parent.stash.setdefault(PASSED, []).append(report.passed)
    return report


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    if not isinstance(item, IPyNbCell):
        return
    item.cell.outputs = item.test_outputs or []
    if nextitem is None or nextitem.parent is not item.parent:
        keep(item.parent)


def keep(file: IPyNbFile) -> None:
    """Write a notebook with its outputs, if each of its cells ran and passed."""
    notebook = file.nb
    number = sum(cell.cell_type == "code" for cell in notebook.cells)
    if file.stash[PASSED] != [True] * number:
        return
    seconds = round(time.perf_counter() - file.stash[START], 1)
    notebook.metadata["execution_seconds"] = seconds
    Path(file.path).write_text(nbformat.writes(notebook), "utf-8")
