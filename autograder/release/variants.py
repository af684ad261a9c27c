"""The right and wrong answers that lie beside a solution, in `variants.md`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.model import CourseError


@dataclass(frozen=True)
class Variant:
    """Another answer to one answer cell: an alternative (right) or a mutant (wrong).

    `name` of a mutant is the mistake that its student must be told; `loses` are the
    test cells that it fails.
    """

    replaces: str
    kind: str
    name: str
    loses: tuple[str, ...]
    source: str


def read_variants(source_dir: Path) -> list[Variant]:
    """The variants of an assignment: each code cell of variants.md with `replaces`.

    Raises CourseError when there is no such file, or a variant lacks a field.
    """
    import jupytext

    path = source_dir / "variants.md"
    if not path.is_file():
        raise CourseError(
            f"{path}: expected the variants of the answers; no such file."
        )
    cells = [c for c in jupytext.read(path).cells if "replaces" in c.metadata]
    return [_variant(path, cell.metadata, cell.source) for cell in cells]


def _variant(path: Path, fields: Mapping[str, Any], source: str) -> Variant:
    kind, name = fields.get("kind"), fields.get("name")
    if kind not in ("mutant", "alternative") or not name:
        raise CourseError(
            f"{path}: a variant of {fields['replaces']} needs `name`, and `kind` as "
            f"mutant or alternative; it has {name!r} and {kind!r}."
        )
    return Variant(
        fields["replaces"], kind, str(name), tuple(fields.get("loses", ())), source
    )


def assignment_source(source_dir: Path) -> Path:
    """The notebook of an assignment's folder: NAME/NAME.md, or .ipynb."""
    for suffix in (".md", ".ipynb"):
        path = source_dir / f"{source_dir.name}{suffix}"
        if path.is_file():
            return path
    raise CourseError(f"{source_dir}: expected {source_dir.name}.md in it.")
