"""The passes that turn a page into a notebook, in their order."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import nbformat
from nbformat import NotebookNode

from tools.notebooks import exercises, library
from tools.notebooks.blocks import Blocks
from tools.notebooks.citations import Bibliography
from tools.notebooks.directives import DIRECTIVES
from tools.notebooks.inline import Inline
from tools.notebooks.labels import Labels
from tools.notebooks.source import Cell, Page

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
KNOWN_METADATA = {"autograder", "jupyter", "mystnb", "nbgrader", "tags"}
KNOWN_METADATA |= {exercises.FOLDED, *library.METADATA}

# What a reader of a notebook must never meet; code and mathematics may look like it.
RESIDUE = re.compile(
    r"\{[A-Za-z][\w:+.-]*\}`|^\s*:::|^\s*(?:`{3,}|~{3,})\s*\{|^\([\w:-]+\)=|^\+\+\+"
    r"|\{(?:eq|ref|numref|cite|term|doc|prf)\b|\[\^[\w-]+\]|^:[a-z-]+:\s",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Home:
    """Where the public finds the book; empty texts while it has no public home."""

    repository: str = ""  # as pip takes it, with its branch
    pages: str = ""  # the address under which the pages stand


@dataclass(frozen=True)
class Draft:
    """A page on its way: its cells, and what translates their text."""

    page: Page
    blocks: Blocks
    bibliography: Bibliography
    home: Home
    cells: list[Cell] = field(repr=False)


def number_title(draft: Draft) -> Iterator[Cell]:
    """Write the chapter's number into its title, where Sphinx puts it on the page."""
    for index, cell in enumerate(draft.cells):
        if index == 0 and draft.page.chapter is not None:
            number = f"# {draft.page.chapter}. "
            cell = replace(
                cell, text=re.sub(r"^# ", number, cell.text, count=1, flags=re.M)
            )
        yield cell


def find_library(draft: Draft) -> Iterator[Cell]:
    """Before a page's first code, find flowbook, or say how to get it.

    An assignment's source holds that cell itself: see `library.complete`.
    """
    code = [cell for cell in draft.cells if cell.kind == "code"]
    text = "\n".join(cell.text for cell in code)
    is_needed = "flowbook" in text and draft.page.path.startswith("book/")
    for cell in draft.cells:
        if cell in code[:1] and is_needed:
            found = library.cell_text(draft.home.repository, library.needed(text))
            yield Cell("code", found, library.METADATA, cell.line)
        yield cell


def split_exercises(draft: Draft) -> Iterator[Cell]:
    """Give exercises and solutions cells of their own, and each an empty one."""
    for cell in draft.cells:
        if cell.kind == "markdown":
            yield from exercises.split(cell)
        else:
            yield cell


def refuse_swallowed(draft: Draft) -> Iterator[Cell]:
    """Stop where a folded solution would hide what comes after it."""
    exercises.refuse_swallowed(draft.page, draft.cells)
    yield from draft.cells


def translate_text(draft: Draft) -> Iterator[Cell]:
    """Translate all Markdown; a cell of which nothing remains (a label) goes."""
    for cell in draft.cells:
        if cell.kind == "markdown":
            cell = replace(cell, text=draft.blocks.translate(cell.text, cell.line))
        if cell.text or cell.kind == "code":
            yield cell


def write_captions(draft: Draft) -> Iterator[Cell]:
    """Put a figure's caption under the cell that draws it; Jupyter shows no other."""
    for cell in draft.cells:
        yield cell
        figure = cell.metadata.get("mystnb", {}).get("figure", {})
        if figure.get("caption"):
            caption = draft.blocks.caption("Figure", figure["caption"], cell.line)
            yield Cell("markdown", caption, {}, cell.line)


def list_references(draft: Draft) -> Iterator[Cell]:
    """List at the end what the page cites: after all text, captions too, was read."""
    yield from draft.cells
    references = draft.bibliography.references(draft.blocks.inline.cited)
    if references:
        items = "\n".join(f"- {reference}" for reference in references)
        yield Cell("markdown", f"## References\n\n{items}", {}, 0)


def link_to_page(draft: Draft) -> Iterator[Cell]:
    """Under the title, lead to the chapter's page: a notebook stores no figures."""
    first, *others = draft.cells
    if draft.home.pages and draft.page.chapter is not None:
        path = draft.page.path.removesuffix(".md")
        url = f"{draft.home.pages.rstrip('/')}/{path}.html"
        line = f"[This chapter in the online book]({url}), with all its figures."
        text = re.sub(r"^# .*$", rf"\g<0>\n\n{line}", first.text, count=1, flags=re.M)
        first = replace(first, text=text)
    yield first
    yield from others


def refuse_leftovers(draft: Draft) -> Iterator[Cell]:
    """Stop at MyST syntax that no pass has read, rather than show it to a reader."""
    for cell in draft.cells:
        if cell.kind == "markdown" and (found := RESIDUE.search(prose(cell.text))):
            problem = f"cannot translate {found[0].strip()!r} in the text from here on"
            raise draft.page.error(cell.line, problem)
        yield cell


def prose(text: str) -> str:
    """A text without its code and mathematics."""
    text = re.sub(
        r"^\s*(`{3,})(?!`)(?!\s*\{).*?\n\s*\1", "", text, flags=re.M | re.DOTALL
    )
    text = re.sub(r"\$\$.*?\$\$", "", text, flags=re.DOTALL)
    return re.sub(r"(?<![`}])(`+)(?!`).+?(?<!`)\1(?!`)", "", text)


def plain_metadata(draft: Draft) -> Iterator[Cell]:
    """Keep what Jupyter, nbval and nbgrader read; hide code in Jupyter's own way."""
    for cell in draft.cells:
        if unknown := set(cell.metadata) - KNOWN_METADATA:
            known = ", ".join(sorted(KNOWN_METADATA))
            problem = f"expected only {known} in a cell's metadata, got {unknown}"
            raise draft.page.error(cell.line, problem)
        metadata = {k: v for k, v in cell.metadata.items() if k != "mystnb"}
        if {"hide-input", "hide-cell", "checks"} & set(metadata.get("tags", [])):
            metadata["jupyter"] = {"source_hidden": True}
        yield replace(cell, metadata=metadata)


PASSES: list[Callable[[Draft], Iterator[Cell]]] = [
    number_title,
    find_library,
    split_exercises,
    translate_text,
    write_captions,
    list_references,
    link_to_page,
    refuse_swallowed,
    refuse_leftovers,
    plain_metadata,
]


NO_HOME = Home()


def to_notebook(
    page: Page, labels: Labels, bibliography: Bibliography, home: Home = NO_HOME
) -> NotebookNode:
    """The notebook of a page, without outputs; SourceError for what is unknown."""
    blocks = Blocks(Inline(page, labels, bibliography), DIRECTIVES)
    draft = Draft(page, blocks, bibliography, home, page.cells)
    for each in PASSES:
        draft = replace(draft, cells=list(each(draft)))
    new = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
    cells = [new[c.kind](source=c.text, metadata=c.metadata) for c in draft.cells]
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    if page.autograder:
        metadata["autograder"] = page.autograder
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def to_json(notebook: NotebookNode) -> str:
    """The notebook's file: the same bytes whenever its content is the same."""
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        seen[digest := _digest(cell)] += 1
        # Two equal cells need two ids; a graded cell has a name of its own.
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        again = f"-{seen[digest]}" if seen[digest] > 1 else ""
        cell.id = name or digest + again
    exercises.fold_in_colab(notebook)
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def _digest(cell: NotebookNode) -> str:
    return hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
