"""Files that a student handed in beside the notebook: kept, listed, and never run.

They lie in the folder beside/ of a submission, under plain names. They are untrusted:
nothing here imports, executes or serves them.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import PurePosixPath
from typing import Any

FOLDER = "beside"
NAME_BYTES = 120  # of a kept file's name, before its ending
# What holds code or numbers; anything else may hold a written answer.
CODE = (".py", ".pyi", ".r", ".jl", ".sh", ".c", ".cpp", ".h", ".toml", ".yml", ".yaml")
DATA = (".csv", ".tsv", ".json", ".npy", ".npz", ".pt", ".pth", ".pkl", ".pickle")
DATA += (".h5", ".hdf5", ".mat", ".parquet", ".lock", ".log", ".ini", ".cfg", ".pyc")
# In the cell that lists the files for a grader: what may name the student.
PLACE = re.compile(r"\n\nThey lie in `[^`\n]*`:")
LISTED = re.compile(r"^- `[^`\n]*?(\.\w+)?`", re.MULTILINE)
NO_PLACE = (
    "\n\n`autograder marking {assignment} -o FOLDER` copies them without names, as "
    "`beside-1` and so on, to `FOLDER/{number}`. `autograder serve --names` shows "
    "where they lie:"
)


@dataclass(frozen=True)
class Beside:
    """One such file.

    `name` is what the student called it, folders included; `path` is where it lies in
    the submission's folder, None where it was not kept, and then `why` says the reason.
    `digest` is the sha256 of its bytes, in hex.
    """

    name: str
    path: str | None = None
    digest: str = ""
    why: str | None = None
    blank: bool = False  # a notebook in which nothing was answered

    @property
    def ending(self) -> str:
        """The ending of its name, such as .pdf."""
        return PurePosixPath(self.name).suffix.lower()

    @property
    def is_document(self) -> bool:
        """Whether a written answer may be in it, also where it was not kept."""
        return not self.blank and self.ending not in (*CODE, *DATA)


def read_beside(plain: object) -> tuple[Beside, ...]:
    """The files as the collector's note holds them; none where it holds none."""
    listed = plain if isinstance(plain, list) else []
    names = {field.name for field in fields(Beside)}
    return tuple(
        Beside(**{name: each[name] for name in names & each.keys()})
        for each in listed
        if isinstance(each, Mapping) and isinstance(each.get("name"), str)
    )


def beside_key(files: Iterable[Beside]) -> str:
    """The hash of what was handed in beside a notebook; empty for nothing."""
    parts = sorted((file.name, file.digest) for file in files)
    text = json.dumps(parts).encode("utf-8")
    return hashlib.sha256(text).hexdigest() if parts else ""


def short_name(name: str, most: int) -> str:
    """A file's name in at most so many bytes before its ending, which stays."""
    suffix = PurePosixPath(name).suffix[:20]
    stem = name.removesuffix(PurePosixPath(name).suffix).encode("utf-8")[:most]
    return stem.decode("utf-8", "ignore") + suffix


def plain_name(name: str, taken: Container[str]) -> str:
    """A name that is a file's in every system, and none of those `taken`.

    Those are compared without case: some file systems know none.
    """
    text = unicodedata.normalize("NFC", PurePosixPath(name).name)
    text = re.sub(r"[^\w.+ -]", "-", text).lstrip(".+- ").rstrip(". ")
    plain = short_name(text, NAME_BYTES) or "file"
    path, number = PurePosixPath(plain), 2
    while plain.casefold() in taken:
        plain, number = f"{path.stem}-{number}{path.suffix}", number + 1
    return plain


def is_beside(cell: Mapping[str, Any]) -> bool:
    """Whether this is the cell that lists such files for the person who grades."""
    return bool(cell["metadata"].get("autograder", {}).get("beside"))


def without_names(text: str, assignment: str, number: str) -> str:
    """That cell's text without the folder and the files' names.

    It says instead where a grader finds copies, by the submission's `number`.
    """
    place = NO_PLACE.format(assignment=assignment, number=number)
    return LISTED.sub(r"- a file \1", PLACE.sub(lambda _: place, text))
