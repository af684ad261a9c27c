"""The course folder: where each thing lies, and the names of its assignments."""

import ast
import fcntl
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from autograder.model import CourseError, GradebookAwayError, Result

# nbgrader takes a second to import, and most commands end before they need it.
if TYPE_CHECKING:
    from nbgrader.api import Gradebook
    from traitlets.config import Config


@dataclass(frozen=True)
class Course:
    """nbgrader's folder layout, plus results/ (the journal) and reports/.

    `db_url` is the gradebook's SQLAlchemy URL. Without it, a server that the folder's
    nbgrader_config.py names; else SQLite in the folder.
    """

    root: Path
    db_url: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root).resolve())

    def source(self, assignment: str) -> Path:
        """The instructor's notebook: solutions and hidden tests included."""
        return self.root / "source" / assignment / f"{assignment}.ipynb"

    def release(self, assignment: str) -> Path:
        """The notebook that students receive."""
        return self.root / "release" / assignment / f"{assignment}.ipynb"

    def submitted(self, assignment: str, student: str) -> Path:
        """The folder with what one student handed in."""
        return self.root / "submitted" / student / assignment

    def autograded(self, assignment: str, student: str) -> Path:
        """The executed notebook that formgrader shows."""
        return self.root / "autograded" / student / assignment / f"{assignment}.ipynb"

    def feedback(self, assignment: str, student: str) -> Path:
        """The page that one student receives."""
        return self.root / "feedback" / student / assignment / f"{assignment}.html"

    def report(self, assignment: str) -> Path:
        """The page on the class."""
        return self.root / "reports" / f"{assignment}.html"

    def result_path(self, assignment: str, student: str) -> Path:
        """The journal's entry of one student."""
        return self.root / "results" / assignment / f"{student}.json"

    def students(self, assignment: str) -> list[str]:
        """The students who handed something in, sorted."""
        folders = self.root.glob(f"submitted/*/{assignment}")
        return sorted(folder.parent.name for folder in folders if folder.is_dir())

    def results(self, assignment: str) -> list[Result]:
        """The journal of an assignment, sorted by student; unreadable entries raise."""
        paths = sorted((self.root / "results" / assignment).glob("*.json"))
        return [Result.from_json(path.read_text("utf-8")) for path in paths]

    def result(self, assignment: str, student: str) -> Result | None:
        """One student's entry in the journal; None when there is none."""
        return _read_result(self.result_path(assignment, student))

    def write_result(self, result: Result) -> Path:
        """Put a result in the journal, whole or not at all."""
        path = self.result_path(result.assignment, result.student)
        write_whole(path, result.to_json().encode("utf-8"))
        return path

    def pending_path(self, assignment: str, student: str) -> Path:
        """A result that is not entered in the gradebook yet."""
        return self.root / "results" / assignment / "pending" / f"{student}.json"

    def pending(self, assignment: str, student: str) -> Result | None:
        """The same, read; None when there is none."""
        return _read_result(self.pending_path(assignment, student))

    def settle(self, assignment: str, student: str) -> None:
        """Have the journal hold the result that waited to be entered."""
        path = self.result_path(assignment, student)
        os.replace(self.pending_path(assignment, student), path)

    def assignments(self) -> list[str]:
        """The assignments that have been released here, sorted."""
        return sorted(path.stem for path in self.root.glob("source/*/*.ipynb"))

    def resolve(self, name: str) -> str:
        """The full name of a released assignment: A1, a1 or all of it."""
        return resolve(name, self.assignments(), f"released in {self.root}")

    def config(self, assignment: str = "") -> "Config":
        """nbgrader's configuration for this course: passed on, never a global."""
        from traitlets.config import Config

        config = Config()
        config.CourseDirectory.root = str(self.root)
        config.CourseDirectory.db_url = self.url
        config.CourseDirectory.course_id = self.root.name
        if assignment:
            config.CourseDirectory.assignment_id = assignment
        return config

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the gradebook, with the driver that is installed."""
        url = self.db_url or self._configured_url() or self._own_url
        kind, slashes, rest = url.partition("://")
        known = kind in ("postgres", "postgresql")
        return f"postgresql+psycopg{slashes}{rest}" if known else url

    @property
    def _own_url(self) -> str:
        return f"sqlite:///{self.root / 'gradebook.db'}"

    def _configured_url(self) -> str | None:
        """The database server in nbgrader_config.py, which formgrader reads too.

        The file is read and not run. A path to an SQLite file there is left alone: it
        is out of date when the course has moved.
        """
        try:
            tree = ast.parse((self.root / "nbgrader_config.py").read_text("utf-8"))
        except (FileNotFoundError, SyntaxError):
            return None
        found = None
        for node in tree.body:
            match node:
                case ast.Assign(targets=[target], value=ast.Constant(value=str(url))):
                    if ast.unparse(target) == "c.CourseDirectory.db_url":
                        found = url
        return None if found is None or found.startswith("sqlite") else found

    def gradebook(self) -> "Gradebook":
        """Open the gradebook; use it in a `with` statement.

        Raises CourseError when a database server does not let us in.
        """
        from nbgrader.api import Gradebook

        if not self.has_gradebook:
            self._make_gradebook()
        with own_tools_on_path(), database_open(self.url):
            return Gradebook(self.url, self.root.name)

    @property
    def has_gradebook(self) -> bool:
        """Whether there is a gradebook; one that is named by a URL is taken to be."""
        return self.url != self._own_url or (self.root / "gradebook.db").exists()

    def _make_gradebook(self) -> None:
        """Make the database whole or not at all: it takes several steps."""
        from nbgrader.api import Gradebook

        self.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.root, prefix=".new-") as folder:
            fresh = Path(folder, "gradebook.db")
            with own_tools_on_path():
                Gradebook(f"sqlite:///{fresh}", self.root.name).close()
            os.replace(fresh, self.root / "gradebook.db")


def _read_result(path: Path) -> Result | None:
    try:
        return Result.from_json(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None  # an entry cut short by a crash is graded again


def resolve(name: str, known: Iterable[str], where: str) -> str:
    """Find the one known assignment that `name` means; CourseError if not exactly one.

    `A1`, `a1` and `a1_change_of_variables` all name `a1_change_of_variables`.
    """
    known = sorted(known)
    found = meant(name, known)
    if len(found) == 1:
        return found[0]
    what = f"{', '.join(found)} all match" if found else "no such assignment is"
    these = f"; there are: {', '.join(known)}" if known else "; there is none"
    raise CourseError(f"{name}: {what} {where}{these}.")


def meant(name: str, known: Iterable[str]) -> list[str]:
    """The known assignments that `name` may mean: the one called so, or the short."""
    wanted, known = name.strip().lower(), sorted(known)
    return [each for each in known if each.lower() == wanted] or [
        each for each in known if each.lower().split("_")[0] == wanted
    ]


def begins_as(title: str, assignment: str) -> bool:
    """Whether a title, or a file's name, begins with an assignment's short name.

    What follows must not go on with it: `a10_codes` does not begin as `a1_maps` does.
    """
    short = re.escape(assignment.split("_")[0])
    return re.match(rf"{short}(?![a-z0-9])", title, re.IGNORECASE) is not None


@contextmanager
def own_tools_on_path() -> Iterator[None]:
    """Let nbgrader find `alembic` although the environment is not activated."""
    before = os.environ.get("PATH", os.defpath)
    here = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([here, before])
    try:
        yield
    finally:
        os.environ["PATH"] = before


@contextmanager
def database_open(url: str) -> Iterator[None]:
    """Say in one sentence that a database does not open, and never its password."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError

    try:
        yield
    except (ArgumentError, ImportError, NoSuchModuleError, OperationalError) as error:
        try:
            shown = make_url(url).render_as_string(hide_password=True)
        except ArgumentError:
            shown = "the URL of the gradebook"
        why = str(getattr(error, "orig", None) or error).strip().split("\n")[0]
        away = isinstance(error, OperationalError)
        kind = GradebookAwayError if away else CourseError
        raise kind(f"{shown}: the gradebook does not open: {why}") from error


@contextmanager
def alone(course: Course, assignment: str = "*") -> Iterator[None]:
    """Work in this course alone, on one assignment or on all of them.

    First what a killed run left half-written is removed. The lock ends with its
    process, however that ends. Raises CourseError when another run holds it.
    """
    course.root.mkdir(parents=True, exist_ok=True)
    with (course.root / ".grading").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CourseError(
                f"{course.root}: another `autograder` command is at work in this "
                "course. Wait until it ends."
            ) from None
        for pattern in (
            f"results/{assignment}/.*.json.*",
            f"results/{assignment}/pending/.*.json.*",
            f"autograded/*/{assignment}/.*.*",
            "exams/.*.json.*",
        ):
            for path in course.root.glob(pattern):
                path.unlink(missing_ok=True)
        for folder in course.root.glob(".new-*"):
            shutil.rmtree(folder, ignore_errors=True)
        yield


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part."""
    with whole_file(path) as file:
        file.write(content)


@contextmanager
def whole_file(path: Path, mode: int = 0o644) -> Iterator[IO[bytes]]:
    """A file to write into that takes its place when all is written, and not before.

    `mode` are the rights that it has then; until then only its owner may read it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
