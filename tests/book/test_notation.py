"""Every symbol of the book's formulas has its row in the notation, and in its chapters.

A row of `notation.md` whose meaning begins with *ch. 6, 11* holds in those chapters,
another one in the whole book. The table of letters for a moment lists, chapter by
chapter, what only a proof, an example or an exercise uses.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from the_book import the_book

from tools.notebooks.source import Page, tokens, walk

ROOT = Path(__file__).resolve().parents[2]
PAGES = {Path(page.path).stem: page for page in the_book().pages}
CHAPTERS = {name[:2].lstrip("0") or "0": name for name in PAGES if name[0].isdigit()}
CHAPTERS |= {"A": "appendix_a_problems"}

# What all of mathematics writes alike; any other macro is a symbol.
LAYOUT = """
begin end left right bigl bigr Bigl Bigr biggl biggr big Big bigg quad qquad frac
dfrac tfrac sqrt boxed underbrace overline cdot cdots dots times pm setminus lvert
rvert lVert rVert vert Vert mid lfloor rfloor lceil rceil to mapsto longrightarrow
leftarrow Rightarrow Longrightarrow in ne neq le ge ll gg approx sim propto infty sum
prod int circ ast star perp blacksquare min max sup inf lim log exp sin cos tan sinh
cosh tanh arctan det top nabla partial mathbf
"""
LAYOUT_NAMES = set(LAYOUT.split())
WORDS = {"Var", "Cov", "sign", "softplus", "softmax", "sigmoid", "arsinh", "vol", "d"}
WORDS |= {"logsumexp", "mean", "bound", "ELBO"}
NUMBERS = {"e", r"\pi"}  # 2.718..., 3.141...
ACCENTS = [rf"\{name}" for name in ("hat", "tilde", "bar", "dot", "mathcal", "mathbb")]
NAMES = [r"\mathrm", r"\operatorname", r"\operatorname*"]
TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|\S", re.DOTALL)


class Symbol(NamedTuple):
    """A letter with its accent, and what stands below it: `z`, `_a`."""

    letter: str
    below: str = ""

    @property
    def name(self) -> str:
        """How the notation lists it."""
        below = self.below.replace(" ", "")
        return f"{self.letter}_{below}" if below else self.letter


def symbols(formula: str) -> Iterator[Symbol]:
    r"""The symbols of a formula, in the order of reading.

    Words, layout and operators are left out, and so is the d of dx and d/dx.
    """
    formula = re.sub(r"\\(text\w*|begin|end)\s*\{[^{}]*\}", " ", formula)
    formula = formula.replace("{d}{d", "{}{d").replace(r"\rVert_F", r"\rVert")
    left = TOKEN.findall(formula)
    while left:
        letter = _letter(left)
        below, scripts = "", ""
        while left and left[0] in ("_", "^", "'"):
            mark = left.pop(0)
            script = " ".join(_argument(left)) if mark != "'" else ""
            if mark == "^" and script == "*":
                letter += "^*"
            elif mark == "_" and letter:
                below = script
            else:
                scripts += f" {script}"
        if letter:
            yield Symbol(letter, below)
        yield from symbols(scripts)


def _argument(left: list[str]) -> list[str]:
    """Take the tokens of an argument: one, or those in braces."""
    taken = [left.pop(0)] if left else []
    depth = int(taken == ["{"])
    while depth and left:
        taken.append(left.pop(0))
        depth += (taken[-1] == "{") - (taken[-1] == "}")
    return taken[1:-1] if taken[:1] == ["{"] else taken


def _letter(left: list[str]) -> str:
    """Take the next token; return it if it is a symbol, with its accent."""
    token = left.pop(0)
    if token in NAMES:
        word = "".join(_argument(left))
        return "" if word in WORDS else word
    if token in ACCENTS:
        return f"{token} {''.join(_argument(left))}"
    if token == r"\Delta" and left and left[0] not in ("_", "^"):
        return f"{token} {_letter(left)}"
    if token == "d" and left and re.match(r"[A-Za-z]|\\(?!cdot|odot)[a-z]", left[0]):
        return ""
    is_symbol = token.isalpha() or (token[0] == "\\" and token[1:].isalpha())
    return token if is_symbol and token[1:] not in LAYOUT_NAMES else ""


def formulas(text: str, line: int = 1) -> Iterator[tuple[str, int]]:
    """Every formula of a MyST text, and the line where its block begins."""
    for token, directive, at in walk(text, line):
        if directive and directive.name == "math":
            yield directive.content, at
        for block in tokens(directive.argument) if directive else [token]:
            for piece in [block, *(block.children or [])]:
                if piece.type.startswith(("math", "amsmath")):
                    yield piece.content, at


class Table(NamedTuple):
    """The notation: where each symbol may stand; None is the whole book."""

    everywhere: set[str]
    chapters: dict[str, set[str]]  # of a symbol
    momentary: dict[str, set[str]]  # of a chapter, the letters

    def of(self, chapter: str) -> set[str]:
        """All symbols that a chapter may use."""
        named = {name for name, where in self.chapters.items() if chapter in where}
        return self.everywhere | named | self.momentary.get(chapter, set()) | NUMBERS


def heads(cell: str) -> set[str]:
    """The symbols that a table's cell explains: the first of each formula and comma."""
    found = set()
    for formula, _ in formulas(cell):
        for part in re.split(r",(?![^({\[]*[)}\]])", formula):
            if not part.lstrip().startswith((r"\lVert", r"\log", r"\partial", "dx")):
                found.add(next(symbols(part)).name)
    return found


@cache
def table(text: str) -> Table:
    """Read the notation."""
    everywhere, chapters, momentary = set(), {}, {}
    for row in re.findall(r"^\| (.*) \|$", text, re.MULTILINE):
        first, second, *_ = re.split(r"(?<!\\) \| ", row)
        of = re.match(r"\*ch\. ([\dA, ]+)\* ", second)
        if re.fullmatch(r"[\dA]+", first):
            momentary[first] = heads(second)
        elif first.startswith("$") and of:
            for symbol in heads(first):
                chapters.setdefault(symbol, set()).update(of[1].split(", "))
        elif first.startswith("$"):
            everywhere |= heads(first)
    return Table(everywhere, chapters, momentary)


def strangers(notation: Table, chapter: str, text: str, line: int = 1) -> list[str]:
    """The symbols of a text that the notation does not have for this chapter."""
    here, anywhere = notation.of(chapter), notation.everywhere | set(notation.chapters)

    def is_known(symbol: Symbol) -> bool:
        if symbol.name in anywhere or symbol.name == symbol.letter:
            return symbol.name in here
        return symbol.letter in here and all(map(is_known, symbols(symbol.below)))

    return [
        f"line {at}: {symbol.name} in {formula}"
        for formula, at in formulas(text, line)
        for symbol in symbols(formula)
        if not is_known(symbol)
    ]


def prose(page: Page) -> list[tuple[str, int]]:
    """The texts of a page and their lines."""
    return [(cell.text, cell.line) for cell in page.cells if cell.kind == "markdown"]


@cache
def used_in(chapter: str) -> set[str]:
    """The symbols of a chapter, with and without what stands below them."""
    texts = prose(PAGES[CHAPTERS[chapter]])
    found = {s for text, _ in texts for f, _ in formulas(text) for s in symbols(f)}
    found |= {inner for symbol in found for inner in symbols(symbol.below)}
    return {s.letter for s in found} | {s.name for s in found}


NOTATION = table((ROOT / "book/notation.md").read_text("utf8"))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_uses_the_symbols_of_the_notation_alone(chapter):
    found = [
        stranger
        for text, line in prose(PAGES[CHAPTERS[chapter]])
        for stranger in strangers(NOTATION, chapter, text, line)
    ]
    assert not found


def test_the_glossary_uses_symbols_that_the_notation_has():
    names = NOTATION.everywhere | set(NOTATION.chapters)
    every = Table(names, {}, {})
    assert not [
        each
        for text, line in prose(PAGES["glossary"])
        for each in strangers(every, "", text, line)
    ]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_letter_for_a_moment_is_used_and_has_no_other_meaning_there(chapter):
    own = NOTATION.momentary.get(chapter, set())
    others = NOTATION._replace(momentary={}).of(chapter)
    assert not own & others
    assert own <= used_in(chapter)


def test_a_row_that_takes_a_symbol_of_the_whole_book_says_what_it_is_elsewhere():
    text = (ROOT / "book/notation.md").read_text("utf8")
    rows = re.findall(r"^\| (\$.*?) \| (\*ch\. .*?) \|", text, re.MULTILINE)
    assert len(rows) > 40
    taken = [row for row in rows if heads(row[0]) & NOTATION.everywhere]
    assert taken
    assert not [first for first, meaning in taken if "elsewhere" not in meaning]


def test_a_row_holds_in_chapters_that_use_it():
    text = (ROOT / "book/notation.md").read_text("utf8")
    for first, of in re.findall(
        r"^\| (\$.*?) \| \*ch\. ([\dA, ]+)\*", text, re.MULTILINE
    ):
        for chapter in of.split(", "):
            used = used_in(chapter)
            assert heads(first) & used, (first, chapter)


@pytest.mark.parametrize(
    ("chapter", "text", "symbol"),
    [
        ("7", r"Let $\zeta$ be positive.", r"\zeta"),
        ("3", r"The weight $\tilde w_k$ counts.", r"\tilde w_k"),
        ("2", "$$\nx = \\frac{\\hat z}{2}\n$$", r"\hat z"),
        ("2", r"Points $x_u$ and $x_v$.", "x_v"),
        ("14", "$$\n\\mathrm{DKL}(p, q) = 0\n$$ (dkl)", "DKL"),
        ("5", "```{admonition} For $D^*$\n:class: tip\nAll.\n```", "D^*"),
        ("6", "```{admonition} Proof\nTake $e_0 = 1$.\n```", "e_0"),
    ],
)
def test_a_planted_symbol_is_found(chapter, text, symbol):
    (found,) = strangers(NOTATION, chapter, text)
    assert f": {symbol} in" in found


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (r"\tfrac12 \mathrm{KL}(p_Z \,\Vert\, q_{\phi})", ["KL", "p_Z", r"q_\phi"]),
        (
            r"\frac{dx}{dz} + d\varphi\, d_0 \frac{d}{dt}",
            ["x", "z", r"\varphi", "d_0", "t"],
        ),
        (r"z^{(k)} A^\top q^* \hat p_K", ["z", "k", "A", "q^*", r"\hat p_K"]),
        (
            r"\operatorname{Var}[\Delta z]\text{ if } \log e^{\mathbb E x}",
            [r"\Delta z", "e", r"\mathbb E", "x"],
        ),
        (r"\lVert A\rVert_F \le \sum_{i=1}^n x_{<i}", ["A", "i", "n", "x_<i"]),
    ],
)
def test_a_formula_is_read_symbol_by_symbol(formula, expected):
    assert [symbol.name for symbol in symbols(formula)] == expected
