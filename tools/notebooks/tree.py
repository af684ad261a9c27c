"""All of notebooks/: what should be there, and what is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from autograder.assignment.exam import student_version
from autograder.model import CourseError
from tools.notebooks import library
from tools.notebooks.chapter import Home, to_json, to_notebook
from tools.notebooks.citations import Bibliography
from tools.notebooks.labels import Labels
from tools.notebooks.source import CHAPTER, Page, SourceError, read_page

REPAIR = "run `make notebooks`"
ANSWER = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def book_pages(root: Path) -> list[Page]:
    """The pages of the book in the order of _toc.yml; chapters become notebooks."""
    toc = yaml.safe_load((root / "_toc.yml").read_text("utf8"))
    files = [
        toc["root"],
        *(c["file"] for part in toc["parts"] for c in part["chapters"]),
    ]
    pages = []
    for file in files:
        if not (root / f"{file}.md").exists():
            raise SourceError(
                "_toc.yml", 1, f"it lists {file}, but {file}.md is absent"
            )
        name = Path(file).name
        notebook = f"notebooks/{name}.ipynb" if CHAPTER.match(name) else ""
        pages.append(read_page(root, f"{file}.md", notebook))
    return pages


def gpu_pages(root: Path) -> list[Page]:
    """The notebooks for a GPU: no pages of the book, which runs everything itself."""
    return [
        read_page(root, f"book/gpu/{source.name}", f"notebooks/gpu/{source.stem}.ipynb")
        for source in sorted((root / "book/gpu").glob("*.md"))
    ]


def assignment_sources(root: Path) -> Iterator[tuple[str, str]]:
    """The text of each assignment and its release, as paths from the root."""
    for folder in sorted((root / "solutions").glob("*/")):
        name = folder.name
        if (folder / f"{name}.md").exists():
            notebook = f"notebooks/assignments/{name}/{name}.ipynb"
            yield f"solutions/{name}/{name}.md", notebook


def home(root: Path) -> Home:
    """Where _config.yml says that the public finds the book."""
    config = yaml.safe_load((root / "_config.yml").read_text("utf8"))
    about = config.get("repository", {})
    repository = f"{about['url']}@{about['branch']}" if about.get("url") else ""
    return Home(repository, config.get("html", {}).get("baseurl") or "")


def stale_sources(root: Path) -> dict[str, str]:
    """The assignments' sources that find the library in another way than now."""
    sources = [source for source, _ in assignment_sources(root)]
    return library.out_of_step(root, sources, home(root).repository)


@dataclass
class Tree:
    """The sources under a root, read once."""

    root: Path

    def __post_init__(self) -> None:
        self.pages = book_pages(self.root)
        self.bibliography = Bibliography(self.root / "book/references.bib")
        self.labels = Labels(self.pages)
        self.home = home(self.root)

    def chapters(self) -> Iterator[tuple[Page, NotebookNode]]:
        """Each chapter with its notebook."""
        for page in self.pages:
            if page.notebook:
                yield (
                    page,
                    to_notebook(page, self.labels, self.bibliography, self.home),
                )

    def for_gpu(self) -> Iterator[tuple[Page, NotebookNode]]:
        """Each source in book/gpu/ with its notebook."""
        for page in gpu_pages(self.root):
            # As of an assignment, its labels are its own.
            labels = Labels([*self.pages, page])
            yield page, to_notebook(page, labels, self.bibliography, self.home)

    def answered(self) -> Iterator[tuple[Page, NotebookNode]]:
        """Each chapter, and at its end the code of its solutions, so that it is run."""
        for page, notebook in self.chapters():
            texts = (c.source for c in notebook.cells if c.cell_type == "markdown")
            answers = [code for text in texts for code in ANSWER.findall(text)]
            notebook.cells += map(new_code_cell, answers)
            yield page, notebook

    def solved(self) -> Iterator[tuple[Page, NotebookNode]]:
        """Each assignment with the instructor's notebook: solutions and all tests."""
        for source, notebook in assignment_sources(self.root):
            page = read_page(self.root, source, notebook)
            # Its labels are its own: two assignments may use the same one.
            labels = Labels([*self.pages, page])
            yield page, to_notebook(page, labels, self.bibliography)

    def generate(self) -> dict[str, tuple[str, str]]:
        """Every file of notebooks/ by its path: its source and its text."""
        files = {}
        for page, notebook in [*self.chapters(), *self.for_gpu()]:
            files[page.notebook] = page.path, to_json(notebook)
        for page, notebook in self.solved():
            files[page.notebook] = page.path, released(page, notebook)
        return files


def released(page: Page, notebook: NotebookNode) -> str:
    """What a student receives: the autograder decides it, and only it."""
    with TemporaryDirectory() as folder:
        source = Path(folder, Path(page.notebook).name)
        source.write_text(to_json(notebook), "utf8", newline="\n")
        try:
            return student_version(source).decode()
        except CourseError as error:
            problem = str(error).removeprefix(f"{source}: ")
            raise page.error(1, problem) from error


def present(root: Path) -> list[str]:
    """The notebooks that are there."""
    found = (root / "notebooks").rglob("*.ipynb")
    hidden = ".ipynb_checkpoints"
    return sorted(
        p.relative_to(root).as_posix() for p in found if hidden not in p.parts
    )


def check(root: Path) -> list[str]:
    """One sentence for each notebook that is not what its source gives."""
    wanted, problems = Tree(root).generate(), []
    for path, (source, text) in wanted.items():
        file = root / path
        if not file.exists():
            problems.append(f"{path} is missing: {REPAIR}.")
        elif file.read_bytes() != text.encode():
            problems.append(f"{path} is not what {source} gives: {REPAIR}.")
    for source in stale_sources(root):
        problem = "does not find flowbook as _config.yml asks"
        problems.append(f"{source} {problem}: {REPAIR}.")
    orphans = [path for path in present(root) if path not in wanted]
    return problems + [f"{path} has no source: {REPAIR}." for path in orphans]


def write(root: Path) -> list[str]:
    """Make notebooks/ what the sources give; return the paths that changed.

    In a source it writes one thing: the cell with which an assignment finds flowbook.
    """
    changed = []
    for source, text in stale_sources(root).items():
        (root / source).write_text(text, "utf8")
        changed.append(source)
    wanted = Tree(root).generate()
    for path, (_, text) in wanted.items():
        file = root / path
        if not file.exists() or file.read_bytes() != text.encode():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode())
            changed.append(path)
    for path in present(root):
        if path not in wanted:
            (root / path).unlink()
            changed.append(path)
    return changed
