"""What every label stands for, in words and numbers: the same as on the page."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from markdown_it.token import Token
from mdit_py_plugins.anchors.index import slugify

from tools.notebooks.source import Cell, Directive, Page, walk

# What a numbered directive is called; each kind has its own count in a chapter.
PROOFS = """algorithm assumption axiom conjecture corollary criterion definition example
lemma notation observation property proposition remark theorem"""
NUMBERED = {"exercise": "Exercise", "exercise-start": "Exercise"} | {
    f"prf:{kind}": kind.capitalize() for kind in str.split(PROOFS)
}


@dataclass(frozen=True)
class Target:
    """Something that can be referred to."""

    page: Page
    kind: str  # "Equation", "Figure", "Exercise", "Section", "Page", ...
    number: str  # "2.1", or empty
    title: str  # of a section or an exercise

    @property
    def text(self) -> str:
        """How prose names it: "(2.1)", "Figure 2.1", a section's title."""
        if self.kind == "Equation":
            return f"({self.number})"
        return f"{self.kind} {self.number}" if self.number else self.title

    @property
    def anchor(self) -> str:
        """The fragment that Jupyter gives a heading; other things have none."""
        if self.kind != "Section":
            return ""
        return "#" + re.sub(r"[`*]", "", self.title).replace(" ", "-")


class Labels:
    """The labels of all pages, and the numbers of all that carries one."""

    def __init__(self, pages: Iterable[Page]) -> None:
        self.targets: dict[str, Target] = {}
        self.sections: dict[tuple[str, str], Target] = {}  # by page and slug
        self.titles: dict[str, str] = {}
        self.notebooks: dict[str, str] = {}  # from source to notebook
        self.numbers: dict[tuple[str, int, str], str] = {}
        for page in pages:
            _Collector(self, page).collect()

    def number(self, page: Page, line: int, kind: str) -> str:
        """The number of the equation, figure or directive at a line of a page."""
        return self.numbers.get((page.path, line, kind), "")

    def find(self, page: Page, label: str) -> Target | None:
        """What a label means on a page: a label of the book, or a heading there."""
        # docutils compares names without regard to case and white space.
        name = " ".join(label.lower().split())
        return self.targets.get(name) or self.sections.get((page.path, label))


class _Collector:
    """Reads one page in order, as Sphinx does when it numbers things."""

    def __init__(self, labels: Labels, page: Page) -> None:
        self.labels, self.page = labels, page
        self.counts: Counter[str] = Counter()
        self.waiting: list[str] = []  # labels that stand before a heading
        self.heading = 0  # the level of the heading whose text comes next

    def collect(self) -> None:
        if self.page.notebook:
            self.labels.notebooks[self.page.path] = self.page.notebook
        for cell in self.page.cells:
            if cell.kind == "code":
                self.code(cell)
            else:
                for token, directive, line in walk(cell.text, cell.line):
                    self.block(token, directive, line)

    def code(self, cell: Cell) -> None:
        figure = cell.metadata.get("mystnb", {}).get("figure", {})
        if figure.get("caption"):
            self.add("Figure", figure.get("name", ""), cell.line)

    def block(self, token: Token, directive: Directive | None, line: int) -> None:
        if directive:
            self.directive(directive, line)
        elif token.type == "math_block_label":
            self.add("Equation", token.info, line)
        elif token.type == "myst_target":
            self.waiting.append(token.content)
        elif token.type == "heading_open":
            self.heading = int(token.tag[1])
        elif token.type == "inline" and self.heading:
            self.title(token.content, line)

    def directive(self, directive: Directive, line: int) -> None:
        if directive.name == "math" and directive.label:
            self.add("Equation", directive.label, line)
        elif directive.name == "figure" and directive.content:
            self.add("Figure", directive.label, line)
        elif directive.name == "table" and directive.argument:
            self.add("Table", directive.label, line)
        elif directive.name in NUMBERED and "nonumber" not in directive.options:
            kind = NUMBERED[directive.name]
            self.add(kind, directive.label, line, directive.argument)
        elif directive.name in ("solution", "solution-start") and directive.label:
            of = self.labels.targets.get(directive.argument.lower())
            title = f"Solution to {of.text}" if of else "Solution"
            self.name(directive.label, Target(self.page, "Solution", "", title), line)

    def title(self, title: str, line: int) -> None:
        is_page, self.heading = self.heading == 1, 0
        if is_page and self.page.path not in self.labels.titles:
            self.labels.titles[self.page.path] = title
            target = Target(self.page, "Page", "", title)
        else:
            target = Target(self.page, "Section", "", title)
        self.labels.sections[self.page.path, slugify(title)] = target
        for label in self.waiting:
            self.name(label, target, line)
        self.waiting = []

    def add(self, kind: str, label: str, line: int, title: str = "") -> None:
        self.counts[kind] += 1
        chapter, count = self.page.chapter, self.counts[kind]
        number = f"{count}" if chapter is None else f"{chapter}.{count}"
        self.labels.numbers[self.page.path, line, kind] = number
        if label:
            self.name(label, Target(self.page, kind, number, title), line)

    def name(self, label: str, target: Target, line: int) -> None:
        name = " ".join(label.lower().split())
        if other := self.labels.targets.get(name):
            problem = f"the label {label} is already in {other.page.path}: rename one"
            raise self.page.error(line, problem)
        self.labels.targets[name] = target
