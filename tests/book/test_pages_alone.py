"""Pages are run on their own, kept for the book's build, and built one at a time."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from jupyter_cache import get_cache
from myst_nb.core.read import read_myst_markdown_notebook
from nbformat.v4 import new_code_cell

from tools import execute, page

ROOT = Path(__file__).resolve().parents[2]
HEADER = """---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {name: python3, display_name: Python 3, language: python}
---

"""
PAGE = "# {}\n\nSome words.\n\n```{{code-cell}} python3\n{}\n```\n"


@pytest.fixture
def root(tmp_path) -> Path:
    """A book of two pages with code, with our settings."""
    (tmp_path / "book").mkdir()
    for name in ("_static", "_ext"):
        (tmp_path / "book" / name).symlink_to(ROOT / "book" / name)
    shutil.copy(ROOT / "_config.yml", tmp_path)
    (tmp_path / "book/references.bib").write_text("")
    (tmp_path / "book/index.md").write_text("# The cover\n\nWhat it is.\n")
    write(tmp_path, "01_first", "print(6 * 7)")
    write(tmp_path, "02_second", "print(10**3)")
    files = [{"file": f"book/{name}"} for name in ("01_first", "02_second")]
    toc = {"format": "jb-book", "root": "book/index", "chapters": files}
    (tmp_path / "_toc.yml").write_text(yaml.safe_dump(toc, sort_keys=False))
    (tmp_path / "notebooks").mkdir()
    for name in ("01_first", "02_second"):
        (tmp_path / "notebooks" / f"{name}.ipynb").write_text("{}")
    return tmp_path


def write(root: Path, name: str, code: str) -> None:
    (root / f"book/{name}.md").write_text(HEADER + PAGE.format(name, code))


def kept(root: Path) -> int:
    """How many pages the cache has."""
    return len(get_cache(str(root / execute.CACHE)).list_cache_records())


def test_only_pages_that_changed_are_run_and_the_times_are_kept(root, capsys):
    assert execute.main([], root) == 0
    assert re.findall(r"\[\d/2\]", capsys.readouterr().out) == ["[1/2]", "[2/2]"]
    assert kept(root) == 2
    assert (root / execute.TIMES).exists()
    write(root, "02_second", "print(10**4)")
    assert execute.main([], root) == 0
    assert capsys.readouterr().out.startswith("[1/1] 02_second: ")


def test_a_page_that_fails_is_named_and_not_kept(root, capsys):
    write(root, "01_first", "1 / 0")
    assert execute.main([], root) == 1
    told = capsys.readouterr().err
    assert "01_first.md: a cell failed." in told
    assert "ZeroDivisionError" in told
    assert kept(root) == 1


SEVERAL = """import matplotlib.pyplot as plt
from IPython.display import HTML, display
print("one", flush=True)
display(HTML("<b>two</b>"))
plt.plot([1, 3])
"three"
"""


def run_by_nbval(root: Path) -> Path:
    """Run the notebooks of the pages, each with one more cell, and keep the outputs."""
    folder = root / "ran"
    folder.mkdir(exist_ok=True)
    for name in ("01_first", "02_second"):
        text = (root / f"book/{name}.md").read_text("utf-8")
        notebook = read_myst_markdown_notebook(text)
        notebook.cells.insert(1, new_code_cell("more = 1"))
        (folder / f"{name}.ipynb").write_text(nbformat.writes(notebook))
    options = ["-q", "-p", "kept_outputs", "--nbval-lax", "--nbval-current-env"]
    subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--rootdir", folder, folder],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT / "tests/builders")},
        stdout=subprocess.DEVNULL,
    )
    return folder


def outputs(root: Path, name: str) -> list[dict]:
    """What the book shows of a page."""
    page = root / f"book/{name}.md"
    nb = read_myst_markdown_notebook(page.read_text("utf-8"))
    _, found = get_cache(str(root / execute.CACHE)).merge_match_into_notebook(nb)
    shown = [cell.outputs for cell in found.cells if cell.cell_type == "code"]
    return json.loads(json.dumps(shown))


def test_outputs_of_run_notebooks_are_those_of_a_run_page(root, capsys, monkeypatch):
    monkeypatch.delenv("MPLBACKEND", raising=False)  # figures are shown, as in the book
    write(root, "02_second", SEVERAL)
    assert execute.main([], root) == 0
    own = [outputs(root, name) for name in ("01_first", "02_second")]
    assert len(own[1][0]) == 4
    shutil.rmtree(root / execute.CACHE)
    assert execute.main(["--from", str(run_by_nbval(root))], root) == 0
    assert "2 of 2 pages took their outputs." in capsys.readouterr().out
    taken = [outputs(root, name) for name in ("01_first", "02_second")]
    for shown in (own, taken):  # the other notebook has a cell more
        shown[1][0] = [o | {"execution_count": None} for o in shown[1][0]]
    assert taken == own


def test_outputs_are_not_taken_of_a_notebook_that_failed_or_is_another(root, capsys):
    write(root, "01_first", "1 / 0")
    folder = run_by_nbval(root)
    write(root, "02_second", "print(10**5)")
    assert execute.main(["--from", str(folder)], root) == 1
    told = capsys.readouterr()
    assert "0 of 2 pages" in told.out
    assert told.err.count("no run notebook of it is in") == 2
    assert kept(root) == 0


def test_one_page_is_built_with_its_outputs(root):
    code = "import sys, pathlib; from tools import page; "
    code += "sys.exit(page.main([sys.argv[2]], pathlib.Path(sys.argv[1])))"
    done = subprocess.run(
        [sys.executable, "-c", code, root, "02"],
        cwd=ROOT,
        env=os.environ | {"BROWSER": "true"},
        capture_output=True,
        text=True,
    )
    built = root / "_build/html/book/02_second.html"
    assert (done.returncode, done.stdout.split()[-1:]) == (0, [built.as_uri()])
    assert "1000" in built.read_text("utf-8")


@pytest.mark.parametrize(("name", "named"), [("", "index, 01"), ("9", "02_second")])
def test_a_name_that_is_not_one_page_is_answered_by_those_there_are(
    root, capsys, name, named
):
    assert page.main([name], root) == 2
    assert named in capsys.readouterr().err
