"""From an assignment's source to what a student receives and what the judge asks."""

import ast
import copy
import hashlib
import io
import json
import logging
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from autograder.assignment.cells import (
    grade_id,
    is_answer,
    is_manual,
    is_positive,
    is_test,
    nbgrader_of,
    points,
)
from autograder.assignment.files import beside, packed
from autograder.model import CourseError

KERNELSPEC = {
    "display_name": "Python 3 (ipykernel)",
    "language": "python",
    "name": "python3",
}
# What must never leave the instructor's side, in any notebook that is handed out.
SECRETS = ("BEGIN SOLUTION", "END SOLUTION", "HIDDEN TESTS", "MARK SCHEME")
MODULE_RULES = ("not_from", "allowed")
MARKER = re.compile(r"^.*(BEGIN|END) (SOLUTION|HIDDEN TESTS)\b.*\n?", re.MULTILINE)


@dataclass(frozen=True)
class Exam:
    """What a submission is judged by: plain data, without any solution.

    `release` is the handed-out notebook as JSON text. `tests` holds, for each test
    cell, its full source: the visible checks and the hidden ones. `handed_out` are the
    marks of the cells of earlier releases: a submission may begin from one of them.
    `files` are handed out beside the notebook: path → content in base64.
    """

    assignment: str
    release: str
    tests: Mapping[str, str]
    handed_out: Collection[str] = frozenset()
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The sha256 of the cells, the tests and the files, in hex."""
        parts = [self.assignment, self.release, sorted(self.tests.items())]
        text = json.dumps([*parts, self.files] if self.files else parts)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()

    def to_bytes(self) -> bytes:
        """The exam as JSON; `exam_from_bytes` gives back an equal one."""
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        plain |= {"tests": dict(self.tests), "handed_out": sorted(self.handed_out)}
        plain |= {"files": dict(self.files)}
        return json.dumps(plain).encode("utf-8")

    @cached_property
    def cells(self) -> list[dict[str, Any]]:
        """The handed-out cells, as plain dictionaries with `source` as one string."""
        return json.loads(self.release)["cells"]

    @property
    def graded(self) -> list[dict[str, Any]]:
        """The cells that carry points."""
        return [cell for cell in self.cells if points(cell) is not None]


@lru_cache(maxsize=2)
def exam_from_bytes(data: bytes) -> Exam:
    """Read what `Exam.to_bytes` wrote."""
    plain = json.loads(data)
    return Exam(**plain | {"handed_out": frozenset(plain.get("handed_out", ()))})


@lru_cache(maxsize=32)
def _parsed(content: bytes, suffix: str) -> Any:
    """A file as a notebook: nobody may change it. Who makes a class reads one often."""
    import jupytext
    import nbformat

    text = io.StringIO(content.decode("utf-8"), newline=None).read()
    if suffix == ".ipynb":
        return nbformat.reads(text, as_version=4)
    return jupytext.reads(text, suffix.lstrip("."))


def read_source(source: Path) -> Any:
    """Read an assignment (.md through jupytext, or .ipynb) as a notebook of format 4.

    nbgrader's metadata may leave out what follows from the rest: `grade`, `solution`,
    `task` where they are false, `locked`, `cell_type`, `schema_version`. The kernel is
    python3, and nothing names a tool's version. What the file's head says under
    `autograder` about ready-made modules holds for each answer that says nothing else:

        autograder: {not_from: [flowbook, zuko], allowed: [flowbook.checks]}

    Raises CourseError when the file cannot be read.
    """
    import nbformat

    try:
        notebook = copy.deepcopy(_parsed(source.read_bytes(), source.suffix))
    except FileNotFoundError as error:
        raise CourseError(f"{source}: no such file.") from error
    except Exception as error:
        raise CourseError(f"{source}: not a readable notebook: {error}") from error
    rules = module_rules(source, notebook.metadata.get("autograder", {}))
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNELSPEC})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for cell in notebook.cells:
        complete(cell)
        if rules and is_answer(cell):
            cell.metadata["autograder"] = rules | cell.metadata.get("autograder", {})
    identify(notebook.cells)
    return notebook


def module_rules(source: Path, rules: Any) -> dict[str, list[str]]:
    """From which modules an assignment's answers may not come, checked."""
    good = isinstance(rules, Mapping) and set(rules) <= set(MODULE_RULES)
    for names in rules.values() if good else ():
        good = good and isinstance(names, list) and all(map(is_name, names))
    if not good:
        raise CourseError(
            f"{source}: under autograder, lists of module names called "
            f"{' and '.join(MODULE_RULES)} were expected, not {rules!r}."
        )
    return {key: list(names) for key, names in rules.items()}


def is_name(name: Any) -> bool:
    """Whether this is a module's dotted name."""
    return isinstance(name, str) and all(map(str.isidentifier, name.split(".")))


def complete(cell: Any) -> None:
    """Fill in what nbgrader's metadata may leave out, and drop what a run left."""
    if cell.cell_type == "code":
        cell.outputs, cell.execution_count = [], None
    for left in ("execution", "collapsed", "scrolled"):
        cell.metadata.pop(left, None)
    meta = cell.metadata.get("nbgrader")
    if meta is not None:
        meta.setdefault("cell_type", cell.cell_type)
        meta.setdefault("grade", False)
        meta.setdefault("solution", False)
        meta.setdefault("task", False)
        meta.setdefault("locked", not meta["solution"] and not meta["task"])
        meta["schema_version"] = 3


def identify(cells: list[Any]) -> None:
    """Give each cell an id that depends on what it is, never on when it was made.

    A graded cell keeps its id when its text is edited; two equal cells differ by
    their number.
    """
    seen: dict[str, int] = {}
    for cell in cells:
        what = grade_id(cell) or f"{cell['cell_type']}\n{cell['source']}"
        number = seen[what] = seen.get(what, -1) + 1
        text = f"{what}\n{number}"
        cell["id"] = hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]


def student_notebook(source: Path) -> Any:
    """The notebook that a student receives, made by nbgrader's own preprocessors.

    Raises CourseError when nbgrader refuses the source, or when a solution or a
    hidden test would be handed out.
    """
    from nbgrader import preprocessors as steps

    # The order of nbgrader's generate_assignment, less what needs a gradebook.
    order = [
        steps.LockCells,
        steps.ClearSolutions,
        steps.ClearOutput,
        steps.ClearHiddenTests,
        steps.ClearMarkScheme,
        steps.ComputeChecksums,
        steps.CheckCellMetadata,
    ]
    notebook = read_source(source)
    check_metadata(source, notebook.cells)
    ids = [cell.id for cell in notebook.cells]
    quiet = logging.getLogger("autograder.nbgrader")
    quiet.addHandler(logging.NullHandler())  # what it says is in the exception too
    quiet.propagate = False
    try:
        for step in order:
            notebook, _ = step(log=quiet).preprocess(notebook, {})
    except Exception as error:
        raise CourseError(f"{source}: nbgrader refuses it: {error}") from error
    for cell, name in zip(notebook.cells, ids, strict=True):
        cell.id = name
        for secret in SECRETS:
            if secret in json.dumps(cell, ensure_ascii=False):
                where = grade_id(cell) or cell.source.split("\n")[0]
                raise CourseError(f"{source}: '{secret}' is left in cell '{where}'.")
    return notebook


def check_metadata(source: Path, cells: list[Any]) -> None:
    """Refuse graded cells without a name of their own or without points."""
    names: set[str] = set()
    for cell in cells:
        if not nbgrader_of(cell):
            continue
        name, first = grade_id(cell), cell["source"].split("\n")[0]
        if not name:
            raise CourseError(f"{source}: the cell '{first}' has no grade_id.")
        if name in names:
            raise CourseError(f"{source}: two cells have the grade_id '{name}'.")
        names.add(name)
        if is_test(cell) and cell["cell_type"] != "code":
            raise CourseError(f"{source}: the test cell '{name}' is not a code cell.")
        worth = nbgrader_of(cell).get("points")
        if (is_test(cell) or is_manual(cell)) and not is_positive(worth):
            raise CourseError(
                f"{source}: the cell '{name}' needs points above 0, not {worth!r}."
            )


def write_notebook(notebook: Any) -> bytes:
    """Write a notebook so that equal notebooks give equal bytes."""
    import nbformat

    nbformat.validate(notebook)
    return as_bytes(notebook)


def as_bytes(notebook: Any) -> bytes:
    """Write a notebook that is known to be valid."""
    import nbformat

    # `nbformat.writes` would validate it again.
    text = nbformat.versions[notebook.nbformat].writes_json(notebook)
    return (text + "\n").encode()


def student_version(source: Path) -> bytes:
    """The file that a student receives, byte-identical each time.

    Raises CourseError, as `student_notebook` does.
    """
    return write_notebook(student_notebook(source))


def read_exam(source: Path, assignment: str | None = None) -> Exam:
    """What submissions are judged by; `source` is the instructor's notebook.

    Raises CourseError when the source cannot be released.
    """
    released = student_notebook(source)
    tests = {
        grade_id(cell): MARKER.sub("", cell.source)
        for cell in read_source(source).cells
        if is_test(cell)
    }
    for name, text in tests.items():
        parse_test(source, name, text)
    text = json.dumps(released, sort_keys=True)  # the same from .md and from .ipynb
    files = beside(source)
    for name, content in files.items():
        for secret in SECRETS:
            if secret.encode() in content:
                raise CourseError(f"{source.parent / name}: '{secret}' is in it.")
    return Exam(assignment or source.stem, text, tests, files=packed(files))


def parse_test(source: Path, name: str, text: str) -> None:
    """Refuse a test cell that is empty or is not Python; IPython magics are not."""
    try:
        if not ast.parse(text).body:
            raise CourseError(f"{source}: the test cell '{name}' tests nothing.")
    except SyntaxError as error:
        raise CourseError(
            f"{source}: the test cell '{name}' is not Python: {error}."
        ) from error


def reference_answers(source: Path) -> dict[str, str]:
    """The source of each answer cell in the instructor's notebook, by grade_id."""
    return {
        grade_id(cell): MARKER.sub("", cell.source)
        for cell in read_source(source).cells
        if is_answer(cell)
    }


class FilledIn:
    """Students' files with the reference answers of one source, read once.

    Raises CourseError when the source cannot be released.
    """

    def __init__(self, source: Path) -> None:
        self.source = source
        self.answers = reference_answers(source)
        self.notebook = student_notebook(source)
        write_notebook(self.notebook)  # other answers leave it as valid as it is

    def __call__(self, replace: Mapping[str, str] | None = None) -> bytes:
        """A file in which some answers are replaced by others.

        `replace` maps a grade_id to the source of that answer cell: this is how a wrong
        variant or another right answer is made. Raises CourseError on an unknown id.
        """
        if unknown := sorted(set(replace or {}) - set(self.answers)):
            raise CourseError(
                f"{self.source}: no answer cell is called {', '.join(unknown)}."
            )
        answers = self.answers | dict(replace or {})
        for cell in filter(is_answer, self.notebook.cells):
            cell.source = answers[grade_id(cell)]
        return as_bytes(self.notebook)
