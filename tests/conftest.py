"""What every test shares: one thread, fixed seeds, the device, and one browser."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "agg")

import pytest
import torch

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# The folders in which the Makefile's phases look for marked tests.
LOOKED_FOR = {
    "web": ("web", "grader"),
    "grading": ("adversarial", "assignments", "grader"),
}
ARGUMENTS = [
    f"--{name}"
    for name in (
        "headless",
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
    )
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--device", default="cpu", help="torch device of every new tensor: cpu or cuda"
    )


def pytest_configure(config: pytest.Config) -> None:
    device = config.getoption("--device")
    if device.startswith("cuda") and not torch.cuda.is_available():
        pytest.exit("no GPU: torch finds no CUDA device on this machine", returncode=2)
    torch.set_num_threads(1)
    torch.set_default_device(device)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a mark where `make test` does not look for it."""
    for item in items:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        for mark, folders in LOOKED_FOR.items():
            if item.get_closest_marker(mark) and folder not in folders:
                raise pytest.UsageError(f"{item.nodeid}: no phase runs {mark} there")


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def float64() -> None:
    """Make float64 the default of this one test."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """One Chromium. Without it: skipped at home, a failure in CI."""
    chromium = shutil.which("chromium")
    if not chromium:
        missing = "chromium is not installed: sudo apt-get install chromium"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield running
        running.close()
