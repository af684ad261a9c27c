"""A MyST text notebook, read into a page of cells that know their lines."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jupytext.myst import MystMetadataParsingError, myst_to_notebook
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser

# The same as in _config.yml: the page and the notebook must read one syntax.
MYST_EXTENSIONS = {"amsmath", "colon_fence", "deflist", "dollarmath"}
CHAPTER = re.compile(r"(\d\d)_")


class SourceError(Exception):
    """A mistake in a source: the file, the line, and what to write instead."""

    def __init__(self, path: str, line: int, problem: str) -> None:
        super().__init__(f"{path}:{line}: {problem}")


@dataclass(frozen=True)
class Cell:
    """One cell as it is written; `line` is where its text starts in the file."""

    kind: str  # "markdown" or "code"
    text: str
    metadata: dict[str, Any]
    line: int


@dataclass(frozen=True)
class Page:
    """A source and the notebook it becomes, both as paths from the root."""

    path: str
    notebook: str
    cells: list[Cell] = field(repr=False)
    autograder: dict[str, Any] = field(default_factory=dict)  # of an assignment's head

    @property
    def chapter(self) -> int | None:
        """The chapter's number, which is that of its file's name."""
        name = Path(self.path).name
        match = CHAPTER.match(name) if self.path.startswith("book/") else None
        return int(match[1]) if match else None

    def error(self, line: int, problem: str) -> SourceError:
        """An error at a line of this page, to be raised."""
        return SourceError(self.path, line, problem)


def read_page(root: Path, path: str, notebook: str) -> Page:
    """Read the source at `path`; SourceError if its cells cannot be read."""
    text = (root / path).read_text("utf8")
    try:
        parsed = myst_to_notebook(text, add_source_map=True)
    except MystMetadataParsingError as error:
        raise SourceError(path, 1, str(error)) from error
    cells = []
    for cell, start in zip(parsed.cells, parsed.metadata["source_map"], strict=True):
        line = _first_line(text, start, cell.source)
        cells.append(Cell(cell.cell_type, cell.source, dict(cell.metadata), line))
    return Page(path, notebook, cells, dict(parsed.metadata.get("autograder") or {}))


def _first_line(text: str, start: int, source: str) -> int:
    """The line (from 1) of the cell's first line, found from where jupytext began."""
    first = source.split("\n", 1)[0]
    lines = text.split("\n")
    found = (i for i in range(start, len(lines)) if lines[i].strip() == first.strip())
    return next(found, start) + 1


@cache
def _parser() -> MarkdownIt:
    return create_md_parser(
        MdParserConfig(enable_extensions=MYST_EXTENSIONS), RendererHTML
    )


@cache
def tokens(text: str) -> tuple[Token, ...]:
    """The tokens of a piece of MyST text, as the book's own parser reads it."""
    return tuple(_parser().parse(text))


@dataclass(frozen=True)
class Directive:
    """One directive: ```{name} argument, its options, and its content."""

    name: str
    argument: str
    options: dict[str, Any]
    content: str
    line: int  # of the content's first line

    @property
    def label(self) -> str:
        """The name by which others refer to it, or an empty string."""
        return str(self.options.get("label") or self.options.get("name") or "")

    @property
    def is_folded(self) -> bool:
        """Whether it opens at a click."""
        return "dropdown" in str(self.options.get("class", "")).split()


def read_directive(token: Token, line: int) -> Directive | None:
    """The directive that a fence is, if it is one; `line` is that of the fence."""
    head = re.fullmatch(r"\{([\w:+.-]+)\}\s*(.*)", token.info.strip())
    if not head:
        return None
    lines = token.content.split("\n")
    options: dict[str, Any] = {}
    used = 0
    if lines[0].strip() == "---":
        used = next(i for i in range(1, len(lines)) if lines[i].strip() == "---") + 1
        options = yaml.safe_load("\n".join(lines[1 : used - 1])) or {}
    else:
        while option := re.fullmatch(r":([\w-]+):\s*(.*)", lines[used].strip()):
            options[option[1]] = option[2]
            used += 1
    content = "\n".join(lines[used:])
    start = len(content) - len(content.lstrip("\n"))
    return Directive(
        head[1], head[2].strip(), options, content.strip("\n"), line + 1 + used + start
    )


def walk(text: str, line: int) -> Iterator[tuple[Token, Directive | None, int]]:
    """Every block of a text in the order of reading, also within directives."""
    for token in tokens(text):
        at = line + (token.map[0] if token.map else 0)
        directive = None
        if token.type in ("fence", "colon_fence"):
            directive = read_directive(token, at)
        yield token, directive, at
        if directive and directive.name not in LITERAL:
            yield from walk(directive.content, directive.line)


LITERAL = {"math", "code-block", "code", "code-cell", "bibliography", "tableofcontents"}
