"""Take in what a student handed in beside the notebook: as bytes, within caps."""

import hashlib
from collections.abc import Container, Sequence

from autograder.archives import MAX_TOTAL, Found, printable
from autograder.course.beside import FOLDER, Beside, plain_name
from autograder.judge.read_file import MAX_BYTES

TOO_MUCH = f"more than {MAX_TOTAL / 1e6:.0f} MB were handed in beside the notebook"


def beside(
    files: Sequence[Found], blank: Container[Found] = ()
) -> tuple[tuple[Beside, ...], dict[str, bytes]]:
    """The files as the note lists them, and the bytes that are kept by their paths.

    One that cannot be kept is listed with the reason. In those that are `blank` nothing
    is answered.
    """
    listed: list[Beside] = []
    kept: dict[str, bytes] = {}
    taken: set[str] = set()
    for file in in_order(files):
        name = printable(str(file.path))
        room = MAX_TOTAL - sum(map(len, kept.values()))
        try:
            content = file.read(MAX_BYTES)
            if not content:
                raise ValueError(f"'{printable(file.name)}' is empty")
            if len(content) > room:
                raise ValueError(f"'{printable(file.name)}': {TOO_MUCH}")
        except (OSError, ValueError) as error:
            listed.append(Beside(name, why=str(error), blank=file in blank))
            continue
        plain = plain_name(name, taken)
        taken.add(plain.casefold())
        path = f"{FOLDER}/{plain}"
        kept[path] = content
        digest = hashlib.sha256(content).hexdigest()
        listed.append(Beside(name, path, digest, blank=file in blank))
    return tuple(listed), kept


def in_order(files: Sequence[Found]) -> list[Found]:
    """The files by their names: the order of an archive is no news."""
    return sorted(files, key=lambda file: str(file.path))
