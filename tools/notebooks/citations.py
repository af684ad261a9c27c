"""References from references.bib: author and year in the text, a list at the end."""

import re
from collections.abc import Iterable
from pathlib import Path

from pybtex.backends.markdown import Backend
from pybtex.database import BibliographyData, Person, parse_file
from pybtex.richtext import Text
from pybtex.style.formatting.plain import Style


class Plain(Backend):
    """Markdown without an escape before every full stop and hyphen."""

    def format_str(self, text: str) -> str:
        """Escape only what Markdown would read in a reference."""
        return re.sub(r"([\\`*_\[\]<])", r"\\\1", text)


class Bibliography:
    """The entries of one .bib file; empty if there is no such file."""

    def __init__(self, path: Path) -> None:
        is_there = path.exists()
        self.data = parse_file(path, "bibtex") if is_there else BibliographyData()

    def __contains__(self, key: str) -> bool:
        return key in self.data.entries

    def authors_and_year(self, key: str) -> tuple[str, str]:
        """("Dinh et al.", "2017"), as the page of the book cites it."""
        entry = self.data.entries[key]
        people = entry.persons.get("author") or entry.persons.get("editor") or []
        names = [_last_name(person) for person in people]
        some = [f"{names[0]} et al."] if len(names) > 2 else names
        return " and ".join(some), entry.fields.get("year", "n.d.")

    def references(self, keys: Iterable[str]) -> list[str]:
        """The full references in Markdown, in the order of authors and years."""
        wanted = sorted(keys)
        if not wanted:
            return []
        formatted = Style().format_bibliography(self.data, wanted)
        return [" ".join(entry.text.render(Plain()).split()) for entry in formatted]


def _last_name(person: Person) -> str:
    parts = " ".join(person.prelast_names + person.last_names)
    return str(Text.from_latex(parts))
