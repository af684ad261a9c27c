"""A chapter opens in plain JupyterLab as a student sees it, before anything has run."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = "00_how_to_use.ipynb"
SOURCE = Path(__file__).parents[2] / "book" / "00_how_to_use.md"
EXERCISES = SOURCE.read_text("utf8").count("```{exercise}")
pytestmark = pytest.mark.web


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab that serves a copy of the chapter."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copy(ROOT / "notebooks" / CHAPTER, folder)
    settings = {name: str(folder / name) for name in ("CONFIG_DIR", "DATA_DIR")}
    settings = {f"JUPYTER_{name}": path for name, path in settings.items()}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += ["--port=0", "--ServerApp.token=", f"--ServerApp.root_dir={folder}"]
    with subprocess.Popen(
        command, env=os.environ | settings, stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stderr:
            if found := re.search(r"http://(?:localhost|127\.0\.0\.1):\d+/lab", line):
                yield found[0]
                break
        else:
            pytest.fail("JupyterLab ended before it said its address.")
        process.terminate()  # with its kernel


@pytest.fixture(scope="module")
def page(browser: "Browser", lab: str) -> Iterator["Page"]:
    """The open chapter, in a window that is tall enough for all of it."""
    context = browser.new_context(viewport={"width": 1200, "height": 20_000})
    page = context.new_page()
    page.goto(f"{lab}/tree/{CHAPTER}?reset")
    page.locator(".jp-Notebook h2", has_text="References").wait_for(timeout=90_000)
    yield page
    context.close()


def test_the_course_needs_no_extension_for_myst():
    assert find_spec("jupyterlab_myst") is None


def test_every_solution_is_folded_and_every_exercise_is_open(page):
    exercises = page.locator(".jp-Notebook h3", has_text="Exercise 0.")
    assert exercises.count() == EXERCISES > 0
    assert page.locator(".jp-Notebook", has_text="Polar coordinates").is_visible()
    assert page.get_by_text("1 cell hidden").count() == EXERCISES
    closing = page.locator(".jp-Notebook h2", has_text="Where to go from here")
    assert closing.is_visible()


def test_a_solution_opens_with_its_mathematics_set(page):
    page.get_by_text("1 cell hidden").first.click()
    text = page.locator(".jp-RenderedMarkdown", has_text="every angle gives the same")
    text.wait_for()
    text.locator("mjx-container").first.wait_for(timeout=30_000)
    assert "$" not in text.inner_text()
