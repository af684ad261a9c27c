"""An exercise in a notebook: its text, an empty cell to work in, its folded solution.

No editor but JupyterLab shows mathematics within <details>. All of them fold what
stands under a heading: a solution has a heading of its own, folded where the notebook
can say so.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from nbformat import NotebookNode

from tools.notebooks.source import Cell, Directive, Page, read_directive, tokens

FOLDED = "jp-MarkdownHeadingCollapsed"  # as JupyterLab 4 and Notebook 7 write it
EXERCISE, SOLUTION = "###", "####"
ENDS_FOLD = re.compile(r"#{1,4} ")
OF_THEIR_OWN = {"exercise", "solution", "closing"}


def split(cell: Cell) -> Iterator[Cell]:
    """A text cell in pieces: each exercise and solution becomes cells of its own."""
    lines, done = cell.text.split("\n"), 0
    for token in tokens(cell.text):
        if token.level or token.type not in ("fence", "colon_fence"):
            continue
        start, end = token.map
        directive = read_directive(token, cell.line + start)
        if directive and directive.name in OF_THEIR_OWN:
            yield from _text(cell, lines, done, start)
            yield from _cells(cell, directive, lines, start, end)
            done = end
    yield from _text(cell, lines, done, len(lines))


def _text(cell: Cell, lines: list[str], start: int, end: int) -> Iterator[Cell]:
    while start < end and not lines[start].strip():
        start += 1
    if start < end:
        text = "\n".join(lines[start:end]).rstrip()
        yield replace(cell, text=text, line=cell.line + start)


def _cells(
    cell: Cell, directive: Directive, lines: list[str], start: int, end: int
) -> Iterator[Cell]:
    if directive.name == "solution":
        title = f"{SOLUTION} Solution to {{ref}}`{directive.argument}`"
        fold = {FOLDED: True} if directive.is_folded else {}
        yield Cell("markdown", title, fold, cell.line + start)
        yield Cell("markdown", directive.content, {}, directive.line)
        return
    yield from _text(cell, lines, start, end)
    if directive.name == "exercise":
        yield Cell("code", "", {}, cell.line + start)


def refuse_swallowed(page: Page, cells: list[Cell]) -> None:
    """Stop where a folded solution would hide what comes after it: SourceError."""
    for index, cell in enumerate(cells):
        after = cells[index + 2 : index + 3]
        if FOLDED in cell.metadata and after and not ENDS_FOLD.match(after[0].text):
            problem = (
                "a notebook folds all that follows a solution up to the next heading: "
                "begin this with an exercise, a heading or {closing}"
            )
            raise page.error(after[0].line, problem)


def fold_in_colab(notebook: NotebookNode) -> None:
    """Say which headings are folded as Colab keeps it: a list of ids of cells."""
    folded = [cell for cell in notebook.cells if cell.metadata.get(FOLDED)]
    for cell in folded:
        cell.metadata["id"] = cell.id
    if folded:
        ids = [cell.id for cell in folded]
        notebook.metadata["colab"] = {"collapsed_sections": ids}
