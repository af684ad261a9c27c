"""Roles and links inside a paragraph, into what plain Jupyter shows."""

import posixpath
import re
from collections.abc import Callable

from tools.notebooks.citations import Bibliography
from tools.notebooks.labels import Labels, Target
from tools.notebooks.source import Page

# Order matters: what stands in code or mathematics is neither a role nor a link.
INLINE = re.compile(
    r"""
      (?P<escape> \\[\\`$\[{] )
    | \{(?P<role>[A-Za-z][\w:+.-]*)\}(?P<ticks>`+)(?P<body>.+?)(?P=ticks)(?!`)
    | (?P<code> (?P<fence>`+).+?(?P=fence)(?!`) )
    | (?P<math> \$[^$]+\$ )
    | \[\^(?P<note>[\w-]+)\]
    | (?P<image>!?)\[(?P<text>[^\[\]]*)\]\((?P<url>[^()\s]+)\)
    """,
    re.DOTALL | re.VERBOSE,
)
EXTERNAL = re.compile(r"[a-z]+:|//")
Role = Callable[["Inline", str, int], str]


class Inline:
    """Translates the paragraphs of one page, and remembers what they cite."""

    def __init__(self, page: Page, labels: Labels, bibliography: Bibliography) -> None:
        self.page, self.labels, self.bibliography = page, labels, bibliography
        self.cited: set[str] = set()
        self.notes: list[str] = []

    def translate(self, text: str, line: int) -> str:
        """Text that starts at `line` of the page; SourceError for what is unknown."""

        def replace(match: re.Match[str]) -> str:
            at = line + text[: match.start()].count("\n")
            if match["role"]:
                return self.role(match["role"], " ".join(match["body"].split()), at)
            if match["note"]:
                return f"<sup>{self.note(match['note'])}</sup>"
            if match["url"]:
                shown = self.translate(match["text"], at)
                return match["image"] + self.link(match["url"], shown, at)
            return match[0]

        return INLINE.sub(replace, text)

    def role(self, name: str, body: str, line: int) -> str:
        """What a role reads as."""
        if name not in ROLES:
            known = ", ".join(sorted(ROLES))
            problem = (
                f"unknown role {{{name}}}; tools/notebooks/inline.py knows {known}"
            )
            raise self.page.error(line, problem)
        return ROLES[name](self, body, line)

    def note(self, label: str) -> int:
        """The number of a footnote: footnotes count in the order of their marks."""
        if label not in self.notes:
            self.notes.append(label)
        return self.notes.index(label) + 1

    # Links

    def link(self, url: str, text: str, line: int) -> str:
        """A link as it works from the notebook: `[text](url)`."""
        if EXTERNAL.match(url):
            return f"[{text or url}]({url})"
        path, _, fragment = url.partition("#")
        if not path and not fragment:
            raise self.page.error(line, "a link needs a target: [text](target)")
        if not path:
            return self.to_target(self.find(fragment, line), text)
        if "." not in path and (target := self.labels.find(self.page, path)):
            return self.to_target(target, text)
        where = self.resolve(path)
        title = text or self.labels.titles.get(where, posixpath.basename(where))
        target = self.labels.sections.get((where, fragment))
        if fragment and where in self.labels.titles and not target:
            raise self.page.error(line, f"{where} has no heading #{fragment}")
        anchor = target.anchor if target else ""
        shown = text or (target.title if target else title)
        return f"[{shown}]({self.relative(self.generated(where))}{anchor})"

    def find(self, label: str, line: int) -> Target:
        """The target of a label; SourceError when there is none."""
        target = self.labels.find(self.page, label)
        if target is None:
            raise self.page.error(line, f"nothing in the book has the label {label}")
        return target

    def to_target(self, target: Target, text: str = "") -> str:
        """Name a target; link to it if it is a heading or in another notebook."""
        shown = text or target.text
        here = target.page.path == self.page.path
        if here and not target.anchor:
            return shown
        path = "" if here else self.relative(self.generated(target.page.path))
        return f"[{shown}]({path}{target.anchor})"

    def resolve(self, path: str) -> str:
        """A path that the page writes, from the root of the repository."""
        if path.startswith("/"):
            return path.lstrip("/")
        here = posixpath.dirname(self.page.path)
        return posixpath.normpath(posixpath.join(here, path))

    def generated(self, path: str) -> str:
        """The notebook of a source that becomes one, else the file itself."""
        return self.labels.notebooks.get(path, path)

    def relative(self, path: str) -> str:
        """A path from the root, as seen from the notebook."""
        return posixpath.relpath(path, posixpath.dirname(self.page.notebook))


def _split(body: str) -> tuple[str, str]:
    """`text <target>` in its two parts; the text is empty when only the target is."""
    match = re.fullmatch(r"(.+?)\s*<([^<>]+)>", body, re.DOTALL)
    return (match[1], match[2]) if match else ("", body)


def _equation(inline: Inline, body: str, line: int) -> str:
    return inline.to_target(inline.find(body, line))


def _reference(inline: Inline, body: str, line: int) -> str:
    text, label = _split(body)
    return inline.to_target(inline.find(label, line), inline.translate(text, line))


def _numbered(inline: Inline, body: str, line: int) -> str:
    text, label = _split(body)
    target = inline.find(label, line)
    text = text.replace("%s", target.number).replace("{number}", target.number)
    return inline.to_target(target, text.replace("{name}", target.title))


def _page(inline: Inline, body: str, line: int) -> str:
    text, name = _split(body)
    path = inline.resolve(name.removesuffix(".md") + ".md")
    if path not in inline.labels.titles:
        raise inline.page.error(line, f"the book has no page {path}")
    return inline.link("/" + path, text or inline.labels.titles[path], line)


def _download(inline: Inline, body: str, line: int) -> str:
    text, path = _split(body)
    return inline.link(path, text, line)


def _term(inline: Inline, body: str, line: int) -> str:
    text, term = _split(body)
    return text or term


def _cited(inline: Inline, body: str, line: int) -> list[tuple[str, str]]:
    found = []
    for key in (key.strip() for key in body.split(",")):
        if key not in inline.bibliography:
            raise inline.page.error(line, f"book/references.bib has no entry {key}")
        inline.cited.add(key)
        found.append(inline.bibliography.authors_and_year(key))
    return found


def _cite(inline: Inline, body: str, line: int) -> str:
    cited = _cited(inline, body, line)
    return "(" + "; ".join(f"{authors}, {year}" for authors, year in cited) + ")"


def _cite_in_text(inline: Inline, body: str, line: int) -> str:
    cited = _cited(inline, body, line)
    return ", ".join(f"{authors} ({year})" for authors, year in cited)


def _abbreviation(inline: Inline, body: str, line: int) -> str:
    short, long = re.fullmatch(r"(.+?)\s*\((.+)\)", body).groups()
    return f'<abbr title="{long}">{short}</abbr>'


ROLES: dict[str, Role] = {
    "eq": _equation,
    "ref": _reference,
    "numref": _numbered,
    "prf:ref": _reference,
    "doc": _page,
    "download": _download,
    "term": _term,
    "cite": _cite,
    "cite:p": _cite,
    "cite:t": _cite_in_text,
    "math": lambda inline, body, line: f"${body}$",
    "code": lambda inline, body, line: f"`{body}`",
    "kbd": lambda inline, body, line: f"<kbd>{body}</kbd>",
    "sub": lambda inline, body, line: f"<sub>{body}</sub>",
    "sup": lambda inline, body, line: f"<sup>{body}</sup>",
    "abbr": _abbreviation,
}
