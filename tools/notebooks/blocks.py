"""The blocks of a text, directives among them, into what plain Jupyter shows."""

import re
from collections.abc import Callable, Mapping
from textwrap import dedent

from markdown_it.token import Token

from tools.notebooks.inline import Inline
from tools.notebooks.source import Directive, read_directive, tokens


def display(tex: str, number: str = "") -> str:
    """An equation with its number, with the `split` that Sphinx adds to the page's."""
    tex = "\n".join(part for part in tex.strip().split("\n") if part.strip())
    if r"\\" in tex:
        tex = f"\\begin{{split}}\n{tex}\n\\end{{split}}"
    tag = f" \\tag{{{number}}}" if number else ""
    return f"$$\n{tex}{tag}\n$$"


class Blocks:
    """Translates whole pieces of a page; `directives` has each one's translation.

    A translation takes this object, the directive and its line, and gives the text.
    """

    def __init__(
        self,
        inline: Inline,
        directives: Mapping[str, Callable[["Blocks", Directive, int], str]],
    ) -> None:
        self.inline, self.page, self.directives = inline, inline.page, directives

    def translate(self, text: str, line: int) -> str:
        """Text that starts at `line` of the page; SourceError for what is unknown.

        Blocks that Jupyter does not know are replaced; the lines between them are
        paragraphs, and go through `Inline`.
        """
        lines, out, done = text.split("\n"), [], 0
        for token in tokens(text):
            if token.type not in BLOCKS or token.map[0] < done:
                continue
            start, end = token.map
            if token.type == "amsmath":  # its map ends a line early
                end = start + token.content.count("\n") + 1
            # A list takes the blank lines behind it along: they stay where they are.
            while end - 1 > start and not lines[end - 1].strip():
                end -= 1
            out += self.paragraphs(lines[done:start], line + done)
            block = BLOCKS[token.type](self, token, lines[start:end], line + start)
            if block is None:
                out += lines[start:end]
            elif block:
                out += _indent(block, lines[start])
            done = end
        out += self.paragraphs(lines[done:], line + done)
        return re.sub(r"\n{3,}", "\n\n", "\n".join(out)).strip("\n")

    def paragraphs(self, lines: list[str], line: int) -> list[str]:
        """The lines between two blocks, translated."""
        if not lines:
            return []
        return self.inline.translate("\n".join(lines), line).split("\n")

    def directive(self, directive: Directive, line: int) -> str:
        """What a directive becomes."""
        name = directive.name
        if name not in self.directives:
            known = ", ".join(sorted(self.directives))
            problem = f"unknown directive {{{name}}}; directives.py knows {known}"
            raise self.page.error(line, problem)
        return self.directives[name](self, directive, line)

    def body(self, directive: Directive) -> str:
        """A directive's content, translated."""
        return self.translate(directive.content, directive.line)

    def caption(self, kind: str, text: str, line: int, at: int | None = None) -> str:
        """A caption with its number, in italics: *Figure 2.1. What to see.*"""
        number = self.inline.labels.number(self.page, line, kind)
        text = " ".join(self.inline.translate(text, at or line).split())
        return f"*{kind} {number}. {text}*" if number else f"*{text}*"

    def definitions(self, text: str, line: int) -> str:
        """A definition list as a list of bold terms."""
        lines, items = dedent(text).split("\n"), []
        for mark in (i for i, each in enumerate(lines) if re.match(r":\s", each)):
            start, end = mark, mark + 1
            while start and re.match(r"[^:\s]", lines[start - 1]):
                start -= 1
            while end < len(lines) and re.match(r"\s|$", lines[end]):
                end += 1
            terms = [self.inline.translate(term, line) for term in lines[start:mark]]
            rest = dedent("\n".join(lines[mark + 1 : end])).rstrip()
            meaning = self.translate(f"{lines[mark][1:].strip()}\n{rest}", line + mark)
            items.append(f"- **{', '.join(terms)}**: {meaning}".replace("\n", "\n  "))
        return "\n".join(items)


def _indent(block: str, first: str) -> list[str]:
    """Give a block within a list or a quotation the prefix that it had there."""
    prefix = re.match(r"(?:\s*(?:[-*+>]|\d+[.)])(?=\s))*\s*", first)[0]
    rest = re.sub(r"[^>\s]", " ", prefix)
    start, *others = block.split("\n")
    return [prefix + start, *(rest + line for line in others)]


# Blocks by the type of their token


def _fence(blocks: Blocks, token: Token, lines: list[str], line: int) -> str | None:
    directive = read_directive(token, line)
    if directive:
        return blocks.directive(directive, line)
    if token.type == "colon_fence":
        raise blocks.page.error(line, f"expected :::{{name}}, got :::{token.info}")
    return None


def _equation(blocks: Blocks, token: Token, lines: list[str], line: int) -> str:
    label = token.info if token.type == "math_block_label" else ""
    number = blocks.inline.labels.number(blocks.page, line, "Equation") if label else ""
    return display(token.content, number)


def _amsmath(blocks: Blocks, token: Token, lines: list[str], line: int) -> str:
    # Inside $$ only the inner forms may stand: aligned for align, gathered for gather.
    tex = re.sub(r"\\(begin|end)\{align(?:at)?\*?\}", r"\\\1{aligned}", token.content)
    tex = re.sub(r"\\(begin|end)\{gather\*?\}", r"\\\1{gathered}", tex)
    tex = re.sub(r"\\(begin|end)\{equation\*?\}\n?", "", tex)
    return f"$$\n{tex.strip()}\n$$"


def _definitions(blocks: Blocks, token: Token, lines: list[str], line: int) -> str:
    return blocks.definitions("\n".join(lines), line)


def _footnote(blocks: Blocks, token: Token, lines: list[str], line: int) -> str:
    label, first = re.fullmatch(r"\[\^([\w-]+)\]:\s*(.*)", lines[0]).groups()
    text = first + "\n" + dedent("\n".join(lines[1:]))
    return f"<sup>{blocks.inline.note(label)}</sup> " + blocks.translate(text, line)


def _as_it_is(blocks: Blocks, token: Token, lines: list[str], line: int) -> None:
    return None


def _nothing(blocks: Blocks, token: Token, lines: list[str], line: int) -> str:
    return ""


# Each gives the block's new text, or None for a block that stays as it is.
BLOCKS: dict[str, Callable[[Blocks, Token, list[str], int], str | None]] = {
    "fence": _fence,
    "colon_fence": _fence,
    "math_block": _equation,
    "math_block_label": _equation,
    "amsmath": _amsmath,
    "dl_open": _definitions,
    "footnote_reference_open": _footnote,
    "code_block": _as_it_is,
    "html_block": _as_it_is,
    # A label is gone once the references to it are words; a comment is for authors.
    "myst_target": _nothing,
    "myst_line_comment": _nothing,
}
