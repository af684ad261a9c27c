"""The first cell of every notebook: it finds this course's flowbook, and no other."""

import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from the_book import the_book

from tests.book.test_notebooks import HEADER, course, tree
from tools.notebooks import library
from tools.notebooks.tree import Tree, check, write

__all__ = ["course", "tree"]  # the fixtures
ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "https://example.org/name/flowbook@main"
IMPORTING = "# A topic\n\n```{code-cell} python3\nimport flowbook\n```\n"


def run(text: str, folder: Path) -> subprocess.CompletedProcess:
    """Run a cell where Python finds nothing but its standard library and a folder."""
    code = f"import sys; sys.path.append({str(folder)!r})\n{text}"
    bare = [sys.executable, "-I", "-S", "-c", code]
    return subprocess.run(bare, capture_output=True, text=True, check=False)


def package(folder: Path, about: str) -> None:
    """A package called flowbook, which says so when it is imported."""
    (folder / "flowbook").mkdir()
    (folder / "flowbook/__init__.py").write_text(f"{about}\nprint('imported')\n")
    (folder / "flowbook/checks.py").write_text("")  # as after two installations


OURS = (ROOT / "flowbook/__init__.py").read_text()


@pytest.mark.parametrize("repository", ["", REPOSITORY])
def test_the_cell_is_silent_where_the_library_is(repository, tmp_path):
    exec(library.cell_text(repository), {})
    package(tmp_path, OURS)
    result = run(library.cell_text(repository), tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_a_missing_library_is_named_with_the_file_to_install(tmp_path):
    result = run(library.cell_text(), tmp_path)
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert f"flowbook is missing: run `%pip install {library.WHEEL}`" in last


def test_a_missing_library_is_installed_from_the_repository(monkeypatch):
    asked = []

    class Shell:
        def run_line_magic(self, name, line):
            asked.append((name, line))

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    exec(library.cell_text(REPOSITORY), {"get_ipython": Shell})
    assert asked == [("pip", f"install --quiet git+{REPOSITORY}")]


@pytest.mark.parametrize("repository", ["", REPOSITORY])
def test_a_strangers_flowbook_is_recognised_and_not_imported(repository, tmp_path):
    package(tmp_path, '"""Flowbook: plan runner and artifact store."""')
    result = run(library.cell_text(repository), tmp_path)
    assert result.returncode == 1
    assert "imported" not in result.stdout
    assert "%pip uninstall -y flowbook" in result.stderr.splitlines()[-1]
    assert str(tmp_path) in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_only_bears_the_name_is_no_library(kind, tmp_path):
    if kind == "file":
        (tmp_path / "flowbook.py").write_text("")
    else:
        (tmp_path / "flowbook").mkdir()
    result = run(library.cell_text(), tmp_path)
    assert "Another flowbook than this course's" in result.stderr.splitlines()[-1]


def test_a_chapter_asks_for_what_it_needs_beside_the_library(tmp_path):
    code = "from flowbook import baselines, plots\nfrom scipy.special import pbdv"
    assert library.needed(code) == ("scikit-learn", "scipy")
    assert library.needed("from flowbook import plots\nimport torch") == ()
    package(tmp_path, OURS)
    result = run(library.cell_text("", ("scikit-learn",)), tmp_path)
    assert "`%pip install scikit-learn`" in result.stderr.splitlines()[-1]


def test_a_chapter_starts_with_the_cell_if_it_needs_the_library(tree):
    (tree / "book/02_topic.md").write_text(HEADER + IMPORTING)
    (tree / "book/03_other.md").write_text(HEADER + IMPORTING.replace("flow", "note"))
    (_, with_it), (_, without) = Tree(tree).chapters()
    first, then = (c for c in with_it.cells if c.cell_type == "code")
    assert first.source == library.cell_text()
    assert first.metadata.jupyter.source_hidden
    assert then.source == "import flowbook"
    code = [c.source for c in without.cells if c.cell_type == "code"]
    assert code == ["import notebook"]


def assignment(course: Path) -> Path:
    """An assignment's source whose code uses the library."""
    source = course / "solutions/a9_topic/a9_topic.md"
    text = source.read_text().replace("assert one() > 0", "import flowbook")
    source.write_text(text)
    return source


def test_an_assignment_gets_the_cell_in_its_source_and_keeps_it_current(course):
    source = assignment(course)
    assert any("does not find flowbook" in problem for problem in check(course))
    assert "solutions/a9_topic/a9_topic.md" in write(course)
    assert check(course) == write(course) == []
    (course / "_config.yml").write_text(
        "repository: {url: https://example.org/name/flowbook, branch: main}\n"
    )
    assert "solutions/a9_topic/a9_topic.md" in write(course)
    assert source.read_text().count("grade_id: a9-library") == 1
    released = course / "notebooks/assignments/a9_topic/a9_topic.ipynb"
    first = nbformat.read(released, as_version=4).cells[1]
    assert REPOSITORY in first.source
    assert first.metadata.nbgrader.locked
    assert first.metadata.jupyter.source_hidden


def test_the_file_to_install_is_the_one_that_is_built():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["name"] == library.DISTRIBUTION
    assert project["version"] == library.VERSION
    wanted = {line.split(">")[0] for line in project["dependencies"]}
    assert wanted == {"torch", "numpy", "matplotlib", "tqdm"}


def test_every_notebook_of_the_course_starts_with_the_cell():
    book = the_book()
    for page, notebook in [*book.chapters(), *book.for_gpu(), *book.solved()]:
        first = next(c for c in notebook.cells if c.cell_type == "code")
        assert first.source.startswith("# Finds flowbook"), page.path
