"""What is handed out beside an assignment's notebook: data, pictures, helper modules.

Everything that lies in the assignment's folder is, as with nbgrader, but for the
sources that students do not get. When a notebook is graded, the instructor's files lie
where it runs, whatever the student has changed in a copy.
"""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from autograder.course.folder import write_whole
from autograder.model import CourseError

SOURCES = (".md", ".ipynb", ".toml")  # assignments, variants, wrong answers
MAX_FILE = 10_000_000  # bytes: a file crosses in one frame
MAX_FILES = 50_000_000  # of all of them


def beside(source: Path) -> dict[str, bytes]:
    """The files that are handed out with a source, by their path beside it.

    Raises CourseError for a link, which may lead anywhere, and for what is too large.
    """
    found = {}
    for path in sorted(handed_out(source.parent)):
        name = path.relative_to(source.parent).as_posix()
        if path.is_symlink():
            raise CourseError(f"{path}: a link; a file was expected to be handed out.")
        if path.is_file():
            found[name] = path.read_bytes()
    for name, content in found.items():
        if len(content) > MAX_FILE:
            raise CourseError(
                f"{source.parent / name}: {len(content) / 1e6:.1f} MB; a file of at "
                f"most {MAX_FILE / 1e6:.0f} MB can be handed out."
            )
    if (size := sum(map(len, found.values()))) > MAX_FILES:
        raise CourseError(
            f"{source.parent}: its files have {size / 1e6:.1f} MB together; at most "
            f"{MAX_FILES / 1e6:.0f} MB can be handed out."
        )
    return found


def handed_out(folder: Path) -> Iterator[Path]:
    """What lies in a folder and is no source, nothing hidden, and no tool's."""
    for path in folder.rglob("*") if folder.is_dir() else ():
        parts = path.relative_to(folder).parts
        is_hidden = any(part.startswith(".") or part == "__pycache__" for part in parts)
        if not is_hidden and path.suffix not in SOURCES:
            yield path


def packed(files: Mapping[str, bytes]) -> dict[str, str]:
    """Files as text, in base64."""
    return {name: base64.b64encode(content).decode() for name, content in files.items()}


def unpacked(files: Mapping[str, str]) -> dict[str, bytes]:
    """The files that `packed` has made text."""
    return {name: base64.b64decode(text) for name, text in files.items()}


def write_files(files: Mapping[str, bytes], folder: Path) -> None:
    """Write files into a folder, each whole."""
    for name, content in files.items():
        write_whole(folder.joinpath(*PurePosixPath(name).parts), content)
