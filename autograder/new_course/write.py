"""A course of one's own: a small one that works, to begin with, and new assignments."""

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

from autograder.course.folder import write_whole
from autograder.model import CourseError

TEMPLATES = Path(__file__).parent / "templates"
NAME = re.compile(r"[a-z]+[0-9]*(_[a-z0-9]+)+")
SETTINGS = """# Due dates and more: every line may be left out.
timezone = "UTC"        # of every time that names none

[due]
# A1 = 2027-01-15T23:59:00
"""


def new_course(folder: Path) -> list[str]:
    """Write a small working course into a new or empty folder; return its assignments.

    The one on tables is left out where pandas is not installed. Raises CourseError.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CourseError(f"{folder}: a new or an empty folder was expected.")
    names = ["a1_heights", *(["a2_tables"] if find_spec("pandas") else [])]
    for name in names:
        shutil.copytree(TEMPLATES / name, folder / "solutions" / name)
        copy_checks(folder / "solutions" / name)
    write_whole(folder / "README.md", (TEMPLATES / "README.md").read_bytes())
    write_whole(folder / "course" / "course.toml", SETTINGS.encode())
    return names


def new_assignment(name: str, solutions: Path) -> Path:
    """Write an assignment with one exercise among the sources; return its file.

    The tests' words, `checks.py`, are those of the course's other assignments, where
    they have some. Raises CourseError for another kind of name, or one that is taken.
    """
    if not NAME.fullmatch(name):
        raise CourseError(
            f"{name}: a name like a3_loops was expected: small letters and a number, "
            "then words, with underscores between them."
        )
    short = name.split("_")[0]
    for each in sorted(solutions.glob("*/*.md")):
        if each.stem == each.parent.name and each.stem.split("_")[0] == short:
            raise CourseError(f"{each}: {short} is there already; take another name.")
    source = solutions / name / f"{name}.md"
    if source.parent.exists():
        raise CourseError(f"{source.parent}: there is such a folder already.")
    text = (TEMPLATES / "assignment.md").read_text("utf-8")
    title = f"{short.upper()}: {' '.join(name.split('_')[1:])}"
    others = sorted(solutions.glob("*/checks.py"))
    write_whole(source, text.replace("NAME", title, 1).encode("utf-8"))
    copy_checks(source.parent, others[-1] if others else None)
    return source


def copy_checks(folder: Path, words: Path | None = None) -> None:
    """Put the words of the tests beside an assignment."""
    words = words or TEMPLATES / "checks.py"
    write_whole(folder / "checks.py", words.read_bytes())
