"""Release an assignment: refuse it unless its solution passes and its stubs fail."""

import json
import shutil
import tempfile
from pathlib import Path

from autograder.assignment.cache import note_handed_out
from autograder.assignment.exam import (
    SECRETS,
    read_exam,
    read_source,
    student_version,
    write_notebook,
)
from autograder.assignment.files import beside, write_files
from autograder.assignment.per_student import seed_cell
from autograder.course.folder import Course, resolve, write_whole
from autograder.engine.runner import Runner
from autograder.model import CourseError, Limits
from autograder.release.soundness import refuse_unsound

CONFIG = '''"""nbgrader's configuration of this course, for formgrader."""

c = get_config()  # noqa: F821
c.CourseDirectory.root = {root!r}
c.CourseDirectory.course_id = {name!r}
c.CourseDirectory.db_url = {url!r}
# A submission is shown in the grader's browser: a second lock on its door.
c.HTMLExporter.sanitize_html = True
'''


def find_source(solutions: Path, name: str) -> tuple[str, Path]:
    """The full name and the file of an assignment in a folder of solutions.

    An assignment NAME lies in NAME/NAME.md or NAME/NAME.ipynb. Raises CourseError.
    """
    found = {}
    for suffix in ("ipynb", "md"):  # text is what people write: it wins
        for path in solutions.glob(f"*/*.{suffix}"):
            if path.stem == path.parent.name:
                found[path.stem] = path
    full = resolve(name, found, f"in {solutions}")
    return full, found[full]


def release_assignment(
    course: Course,
    name: str,
    solutions: Path = Path("solutions"),
    limits: Limits | None = None,
    *,
    variants: bool = True,
    runner: Runner | None = None,
) -> Path:
    """Check an assignment and put it in the course; return the student's file.

    Its tests must tell right answers from wrong ones: see `soundness`. Writes
    source/, release/ and the gradebook. Raises CourseError, with the cells' names, and
    then changes nothing.
    """
    assignment, source = find_source(Path(solutions), name)
    exam = read_exam(source, assignment)
    seed_cell(exam)  # refuses one that could not do its work
    refuse_unsound(exam, source, limits, variants=variants, runner=runner)
    return publish(course, assignment, source)


def publish(course: Course, assignment: str, source: Path) -> Path:
    """Write source/, release/ and the gradebook; return the student's file.

    Raises CourseError when nbgrader refuses, and then changes nothing.
    """
    with tempfile.TemporaryDirectory(prefix="release-") as folder:
        trial = Course(Path(folder), course.url)
        write_whole(trial.source(assignment), instructor_version(source))
        course.gradebook().close()  # made now, if there is none
        before = beside(course.source(assignment))
        fill_gradebook(trial, course.root.name, assignment)
        shutil.rmtree(course.source(assignment).parent, ignore_errors=True)
        write_whole(course.source(assignment), trial.source(assignment).read_bytes())
    files = beside(source)
    for folder in (course.source(assignment).parent, course.release(assignment).parent):
        write_files(files, folder)
    for name in before.keys() - files.keys():  # of an earlier release
        (course.release(assignment).parent / name).unlink(missing_ok=True)
    note_handed_out(course, assignment)  # of a course that has kept no marks so far
    write_whole(course.release(assignment), student_version(source))
    note_handed_out(course, assignment)
    write_config(course)
    return course.release(assignment)


def instructor_version(source: Path) -> bytes:
    """The notebook with solutions and hidden tests, as nbgrader's source/ keeps it."""
    return write_notebook(read_source(source))


def fill_gradebook(trial: Course, course_id: str, assignment: str) -> None:
    """Let nbgrader's generate_assignment write the cells into the gradebook.

    It runs in a folder of its own, so that a refusal leaves the course as it was.
    """
    from nbgrader.converters import GenerateAssignment
    from nbgrader.coursedir import CourseDirectory
    from nbgrader.utils import capture_log

    config = trial.config(assignment)
    config.CourseDirectory.course_id = course_id
    folder = CourseDirectory(config=config)
    outcome = capture_log(GenerateAssignment(coursedir=folder, config=config))
    if not outcome["success"]:
        log = (outcome.get("log") or outcome.get("error") or "").strip()
        if "there are submissions associated with it" in log:
            raise CourseError(
                f"{assignment}: cells were added, removed or renamed, but submissions "
                "are in the gradebook. Release it under another name."
            )
        raise CourseError(f"{assignment}: nbgrader refuses it: {log[-500:]}")
    released = trial.release(assignment).read_text("utf-8")
    if any(secret in json.dumps(json.loads(released)) for secret in SECRETS):
        raise CourseError(f"{assignment}: nbgrader left a solution in the release.")


def write_config(course: Course) -> None:
    """Leave a configuration for formgrader, unless a person wrote one."""
    path = course.root / "nbgrader_config.py"
    if not path.exists():
        text = CONFIG.format(
            root=str(course.root), name=course.root.name, url=course.url
        )
        write_whole(path, text.encode("utf-8"))
        if not course.url.startswith("sqlite"):
            path.chmod(0o600)  # a server's URL may hold a password
