"""Each directive by its name, into what plain Jupyter shows."""

import re
from collections.abc import Callable

from tools.notebooks.blocks import Blocks, display
from tools.notebooks.exercises import EXERCISE
from tools.notebooks.labels import NUMBERED
from tools.notebooks.source import Directive

Translation = Callable[[Blocks, Directive, int], str]


def quote(title: str, body: str) -> str:
    """A block quotation under a bold title.

    Jupyter cuts mathematics out before it reads Markdown: the > of a line within an
    equation would become part of the equation, so an equation gets one line.
    """
    body = re.sub(r"\$\$\n(.*?)\n\$\$", _one_line, body, flags=re.DOTALL)
    lines = [f"**{title}**", "", *body.split("\n")] if title else body.split("\n")
    return "\n".join(f"> {line}".rstrip() for line in lines)


def _one_line(equation: re.Match[str]) -> str:
    return "$$ " + " ".join(equation[1].split()) + " $$"


def folded(summary: str, body: str) -> str:
    """A text that opens at a click; a quotation where it holds mathematics.

    VS Code and Colab show mathematics within <details> as raw TeX. Some of Jupyter's
    themes show no arrow for a summary, so it says what a click does.
    """
    if "$" in body or "$" in summary:
        return quote(summary, body)
    summary = f"<summary><b>{summary}</b> (click to open)</summary>"
    return f"<details>\n{summary}\n\n{body}\n\n</details>"


def _titled(name: str) -> Translation:
    """A box that its kind gives the title; what stands behind the name is text."""

    def box(blocks: Blocks, directive: Directive, line: int) -> str:
        first = blocks.inline.translate(directive.argument, line)
        return _box(directive, name, f"{first}\n{blocks.body(directive)}".strip())

    return box


def _admonition(blocks: Blocks, directive: Directive, line: int) -> str:
    title = blocks.inline.translate(directive.argument, line)
    return _box(directive, title, blocks.body(directive))


def _box(directive: Directive, title: str, body: str) -> str:
    return folded(title, body) if directive.is_folded else quote(title, body)


def _dropdown(blocks: Blocks, directive: Directive, line: int) -> str:
    title = blocks.inline.translate(directive.argument, line) or "More"
    return folded(title, blocks.body(directive))


def _opening(blocks: Blocks, directive: Directive, line: int) -> str:
    if "time" not in directive.options:
        raise blocks.page.error(line, "expected a line :time: in {opening}")
    time = f"**Running time** of all cells: about {directive.options['time']}."
    return quote("After this chapter you can", f"{blocks.body(directive)}\n\n{time}")


def _implements(blocks: Blocks, directive: Directive, line: int) -> str:
    labels = directive.argument.split(",")
    equations = (blocks.inline.role("eq", label.strip(), line) for label in labels)
    return f"*The cell below implements {', '.join(equations)}.*"


def _numbered(blocks: Blocks, directive: Directive, line: int) -> str:
    name, body = _name(blocks, directive, line), blocks.body(directive)
    return folded(name, body) if directive.is_folded else f"**{name}**\n\n{body}"


def _name(blocks: Blocks, directive: Directive, line: int) -> str:
    kind = NUMBERED[directive.name]
    number = blocks.inline.labels.number(blocks.page, line, kind)
    title = blocks.inline.translate(directive.argument, line)
    name = f"{kind} {number}" if number else kind
    return f"{name} ({title})" if title else name


def _exercise(blocks: Blocks, directive: Directive, line: int) -> str:
    name = _name(blocks, directive, line)
    return f"{EXERCISE} {name}\n\n{blocks.body(directive)}"


def _closing(blocks: Blocks, directive: Directive, line: int) -> str:
    # A heading, and no box: it ends the last solution's fold.
    return f"## Where to go from here\n\n{blocks.body(directive)}"


def _proof(blocks: Blocks, directive: Directive, line: int) -> str:
    return f"*Proof.* {blocks.body(directive)}"


def _solution(blocks: Blocks, directive: Directive, line: int) -> str:
    exercise = blocks.inline.find(directive.argument, line)
    title = f"Solution to {exercise.text}"
    body = blocks.body(directive)
    return folded(title, body) if directive.is_folded else f"**{title}**\n\n{body}"


def _solution_start(blocks: Blocks, directive: Directive, line: int) -> str:
    return f"**Solution to {blocks.inline.find(directive.argument, line).text}**"


def _math(blocks: Blocks, directive: Directive, line: int) -> str:
    number = ""
    if directive.label:
        number = blocks.inline.labels.number(blocks.page, line, "Equation")
    return display(f"{directive.argument}\n{directive.content}", number)


def _code(blocks: Blocks, directive: Directive, line: int) -> str:
    return f"```{directive.argument}\n{directive.content}\n```"


def _image(blocks: Blocks, directive: Directive, line: int) -> str:
    alt = str(directive.options.get("alt", "")) or " "
    return "!" + blocks.inline.link(directive.argument, alt, line)


def _figure(blocks: Blocks, directive: Directive, line: int) -> str:
    image = _image(blocks, directive, line)
    if not directive.content:
        return image
    caption = blocks.caption("Figure", directive.content, line, directive.line)
    return f"{image}\n\n{caption}"


def _table(blocks: Blocks, directive: Directive, line: int) -> str:
    body = blocks.body(directive)
    if not directive.argument:
        return body
    return blocks.caption("Table", directive.argument, line) + f"\n\n{body}"


def _glossary(blocks: Blocks, directive: Directive, line: int) -> str:
    return blocks.definitions(directive.content, directive.line)


def _raw(blocks: Blocks, directive: Directive, line: int) -> str:
    if directive.argument != "html":
        raise blocks.page.error(line, f"expected raw html, got {directive.argument}")
    return directive.content


def _silent(blocks: Blocks, directive: Directive, line: int) -> str:
    return ""


DIRECTIVES: dict[str, Translation] = dict.fromkeys(NUMBERED, _numbered) | {
    "exercise": _exercise,
    "attention": _titled("Attention"),
    "caution": _titled("Caution"),
    "danger": _titled("Danger"),
    "error": _titled("Error"),
    "hint": _titled("Hint"),
    "important": _titled("Important"),
    "note": _titled("Note"),
    "seealso": _titled("See also"),
    "tip": _titled("Tip"),
    "warning": _titled("Warning"),
    "opening": _opening,
    "closing": _closing,
    "implements": _implements,
    "admonition": _admonition,
    "margin": _admonition,
    "sidebar": _admonition,
    "dropdown": _dropdown,
    "prf:proof": _proof,
    "solution": _solution,
    "solution-start": _solution_start,
    "solution-end": _silent,
    "exercise-end": _silent,
    "math": _math,
    "code-block": _code,
    "code": _code,
    "image": _image,
    "figure": _figure,
    "table": _table,
    "glossary": _glossary,
    "raw": _raw,
}
