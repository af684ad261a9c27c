"""The gradebook, through nbgrader's own API, holds what was judged, and is safe."""

import json
from dataclasses import replace
from html.parser import HTMLParser

import nbformat
import pytest
from grading_process import tables
from postgres_server import postgres
from tiny_assignment import (
    NAME,
    RIGHT,
    handed_in,
    submission,
    tiny_course,
    write_source,
)

from autograder.assignment.cells import grade_id
from autograder.assignment.exam import read_exam
from autograder.course.folder import Course
from autograder.course.late import enter_penalties
from autograder.course.submitted import Note, store
from autograder.grade.formgrader_copy import harmless
from autograder.grade.record import CHANGED, NO_RESPONSE, record
from autograder.judge.judge import no_points, refused
from autograder.judge.rebuild import intake
from autograder.model import Outcome, Result
from autograder.release.release import publish

LATE = f"""
timezone = "UTC"
[due]
{NAME} = 2026-11-20T10:00:00
[late]
per_day = 0.25
"""
__all__ = ["postgres"]  # a fixture


@pytest.fixture(params=["sqlite", "postgresql"])
def made(request, tmp_path):
    """A course whose gradebook is a file, and one whose gradebook is on a server."""
    if request.param == "sqlite":
        return tiny_course(tmp_path)
    url = request.getfixturevalue("postgres")()
    course = Course(tmp_path / "course", url)
    source = write_source(tmp_path / "solutions")
    publish(course, NAME, source)
    assert course.url.startswith("postgresql+psycopg://")
    return course, read_exam(source, NAME)


@pytest.fixture
def on_file(tmp_path):
    return tiny_course(tmp_path)


def graded(exam, answers=RIGHT, student="ada", square=2.0, cube=3.0):
    """A result as the judge makes it, without a kernel."""
    given = {"square-test": square, "cube-test": cube, "why": 0.0}
    notebook = intake(submission(handed_in(exam, dict(answers))), exam).notebook
    cells = tuple(replace(c, points=given[c.grade_id]) for c in no_points(exam))
    key = json.dumps(sorted(answers.items()))
    return Result(student, NAME, Outcome.GRADED, cells, notebook=notebook, key=key)


def enter(course, exam, result, received=None):
    with course.gradebook() as gradebook:
        record(course, exam, result, gradebook, received)


def book(course, student="ada"):
    """What nbgrader's API says of a student: score, look, and each cell."""
    with course.gradebook() as gradebook:
        found = gradebook.find_submission(NAME, student)
        (notebook,) = found.notebooks
        cells = {
            grade.name: (grade.auto_score, grade.manual_score, grade.needs_manual_grade)
            for grade in notebook.grades
        }
        comments = {each.name: each.auto_comment for each in notebook.comments}
        return found.score, found.needs_manual_grade, cells, comments


def grade_by_hand(course, name, score):
    """What formgrader does when a person enters a score."""
    with course.gradebook() as gradebook:
        grade = gradebook.find_grade(name, NAME, NAME, "ada")
        grade.manual_score, grade.needs_manual_grade = score, False
        gradebook.db.commit()


def test_the_gradebook_holds_the_scores(made):
    course, exam = made
    enter(course, exam, graded(exam, cube=0.0))
    score, look, cells, comments = book(course)
    assert (score, look) == (2, True)
    assert cells == {
        "square-test": (2, None, False),
        "cube-test": (0, None, False),
        "why": (None, None, True),
    }
    assert set(comments.values()) == {None}


def test_recording_twice_changes_nothing(made):
    course, exam = made
    enter(course, exam, graded(exam))
    before = tables(course, NAME)
    enter(course, exam, graded(exam))
    assert tables(course, NAME) == before


def test_an_answer_left_blank_needs_no_grader(made):
    course, exam = made
    enter(course, exam, graded(exam, {"square": RIGHT["square"]}))
    _, look, cells, comments = book(course)
    assert (look, cells["why"]) == (False, (0, None, False))
    assert comments == {"square": None, "cube": NO_RESPONSE, "why": NO_RESPONSE}


def test_a_score_given_by_hand_survives_regrading(made):
    course, exam = made
    enter(course, exam, graded(exam))
    grade_by_hand(course, "why", 3.5)
    enter(course, exam, graded(exam))
    score, look, cells, _ = book(course)
    assert (score, look, cells["why"]) == (8.5, False, (None, 3.5, False))


def test_a_score_given_by_hand_is_flagged_when_its_answer_changed(made):
    course, exam = made
    enter(course, exam, graded(exam))
    grade_by_hand(course, "why", 3.5)
    enter(course, exam, graded(exam, RIGHT | {"why": "Otherwise."}))
    score, look, cells, comments = book(course)
    assert (score, look, cells["why"]) == (8.5, True, (None, 3.5, True))
    assert comments["why"] == CHANGED


def test_the_flag_stays_until_a_person_has_looked(made):
    course, exam = made
    changed = graded(exam, RIGHT | {"why": "Otherwise."})
    enter(course, exam, graded(exam))
    grade_by_hand(course, "why", 3.5)
    enter(course, exam, changed)
    enter(course, exam, changed)
    assert book(course)[2]["why"] == (None, 3.5, True)
    grade_by_hand(course, "why", 1.0)
    enter(course, exam, changed)
    assert book(course)[2]["why"] == (None, 1.0, False)
    assert book(course)[3]["why"] is None


def test_a_score_given_by_hand_outlives_a_late_regrading(made):
    course, exam = made
    (course.root / "course.toml").write_text(LATE)
    note = Note(f"{NAME}.ipynb", received="2026-11-21T10:00:00+00:00")
    store(course, NAME, "ada", note, b"{}")
    enter(course, exam, graded(exam))
    grade_by_hand(course, "why", 3.0)
    changed = graded(exam, RIGHT | {"why": "Otherwise."}, cube=2.0)
    enter(course, exam, changed, note.received)
    with course.gradebook() as gradebook:
        enter_penalties(course, NAME, gradebook)
        enter_penalties(course, NAME, gradebook)
    with course.gradebook() as gradebook:
        found = gradebook.find_submission(NAME, "ada")
        penalty = found.notebooks[0].late_submission_penalty
        assert (found.score, penalty) == (7, 0.25 * 7)  # not 8: it covers a person's
        assert found.total_seconds_late == 86_400
    assert book(course)[2]["why"] == (None, 3.0, True)


def test_another_answer_does_not_flag_this_one(made):
    course, exam = made
    enter(course, exam, graded(exam))
    grade_by_hand(course, "why", 3.5)
    enter(course, exam, graded(exam, RIGHT | {"cube": "other"}, cube=0.0))
    assert book(course)[2]["why"] == (None, 3.5, False)


def test_an_overruled_test_keeps_its_score_and_is_flagged_when_it_ends_otherwise(made):
    course, exam = made
    enter(course, exam, graded(exam, cube=0.0))
    grade_by_hand(course, "cube-test", 2.0)
    enter(course, exam, graded(exam, cube=0.0))
    assert book(course)[2]["cube-test"] == (0, 2.0, False)
    enter(course, exam, graded(exam, cube=3.0))
    assert book(course)[2]["cube-test"] == (3, 2.0, True)


def test_an_invalid_submission_scores_zero_and_waits_for_nobody(made):
    course, exam = made
    enter(course, exam, refused(submission(b"{"), exam, "cut short"))
    score, look, cells, _ = book(course)
    assert (score, look) == (0, False)
    assert {each[0] for each in cells.values()} == {0}


def test_a_failure_of_the_grader_gives_no_score(made):
    course, exam = made
    cells = no_points(exam)
    enter(course, exam, Result("ada", NAME, Outcome.FAILED, cells, reason="no kernel"))
    _, look, cells, comments = book(course)
    assert look
    assert {each[0] for each in cells.values()} == {None}
    assert set(comments.values()) == {None}


def test_a_failure_of_the_grader_keeps_what_a_person_gave(made):
    course, exam = made
    enter(course, exam, graded(exam))
    grade_by_hand(course, "why", 3.5)
    failed = Result("ada", NAME, Outcome.FAILED, no_points(exam), reason="x")
    enter(course, exam, failed)
    assert book(course)[2]["why"] == (None, 3.5, True)


@pytest.mark.parametrize("step", ["for_formgrader", "write_whole"])
def test_a_kill_between_the_steps_is_repaired_by_the_next_run(
    made, monkeypatch, step, tmp_path
):
    course, exam = made
    enter(course, exam, graded(exam))
    grade_by_hand(course, "why", 3.5)
    changed = graded(exam, RIGHT | {"why": "Otherwise."}, cube=0.0)
    with monkeypatch.context() as patch:
        patch.setattr(f"autograder.grade.record.{step}", interrupt)
        with pytest.raises(KeyboardInterrupt):
            enter(course, exam, changed)
    assert course.result(NAME, "ada").key != changed.key  # so it is graded again
    enter(course, exam, changed)
    score, look, cells, comments = book(course)
    assert (score, look, cells["why"]) == (5.5, True, (None, 3.5, True))
    assert comments["why"] == CHANGED
    assert course.result(NAME, "ada") == changed


def interrupt(*_):
    raise KeyboardInterrupt


def test_the_notebook_for_formgrader_is_valid_and_named(on_file):
    course, exam = on_file
    enter(course, exam, graded(exam))
    notebook = nbformat.read(course.autograded(NAME, "ada"), as_version=4)
    nbformat.validate(notebook)
    names = [
        c.metadata.nbgrader.grade_id for c in notebook.cells if "nbgrader" in c.metadata
    ]
    assert names == [grade_id(cell) for cell in exam.cells if grade_id(cell)]
    assert "why" in names


def test_formgrader_gets_a_page_for_an_invalid_submission_too(on_file):
    course, exam = on_file
    enter(course, exam, refused(submission(b"{"), exam, "cut short \ud800"))
    notebook = nbformat.read(course.autograded(NAME, "ada"), as_version=4)
    assert "cut short" in notebook.cells[0].source


EVIL = {
    "a script": "<script>evil()</script>",
    "a picture's handler": "<img src=x onerror=evil()>",
    "a link": "[look](javascript:evil())",
    "a link in brackets": "[look](<JavaScript:evil()>)",
    "a reference": "[look][1]\n\n[1]: javascript:evil()",
    "a link to data": "[look](data:text/html,<script>evil()</script>)",
    "a comment": "<!-- --><style>*{}</style>",
    "a frame": "<iframe srcdoc='<script>evil()</script>'>",
}
EVIL_OUTPUTS = {
    "application/javascript": "evil()",
    "text/html": "<b onclick=evil()>b</b><script>evil()</script>",
    "text/latex": "<script>evil()</script>",
    "text/markdown": "<script>evil()</script>",
    "image/svg+xml": "<svg onload=evil()/>",
    "image/png": "'\"><script>evil()</script>",
    "text/plain": "<script>evil()</script>",
}


def formgrader_page(course):
    """The page that formgrader's own template makes of a submission."""
    from nbconvert.exporters import HTMLExporter
    from nbgrader.server_extensions.formgrader import handlers

    page = HTMLExporter(
        template_name="formgrade", extra_template_basedirs=[handlers.template_path]
    )
    names = ("assignment_id", "notebook_id", "submission_id", "base_url", "student")
    more = ("last_name", "first_name", "notebook_path")
    resources = dict.fromkeys((*names, *more), "x") | {"index": 0, "total": 1}
    html, _ = page.from_filename(str(course.autograded(NAME, "ada")), resources)
    return html


class Acting(HTMLParser):
    """Collects what in a page would run a student's text."""

    def __init__(self):
        super().__init__()
        self.found, self.inside = [], None

    def handle_starttag(self, tag, attributes):
        self.inside = tag
        self.found += [v for _, v in attributes if v and "evil" in v]
        self.found += [tag] if tag in ("iframe", "svg") else []

    def handle_data(self, data):
        if self.inside in ("script", "style") and ("evil" in data or "*{}" in data):
            self.found.append(data)


def acting(html):
    parser = Acting()
    parser.feed(html)
    return parser.found


@pytest.mark.parametrize(
    "html", ["<a href='javascript:evil()'>", "<script>evil()</script>", "<svg>"]
)
def test_what_acts_is_found(html):
    assert acting(f"<p>{html}</p>")


def test_formgraders_own_template_has_a_box_for_each_score(on_file):
    course, exam = on_file
    enter(course, exam, graded(exam))
    html = formgrader_page(course)
    for name in ("square-test", "cube-test", "why"):
        assert f'id="{name}"' in html


@pytest.mark.parametrize("text", EVIL.values(), ids=EVIL)
def test_no_written_answer_acts_in_formgrader(on_file, text):
    course, exam = on_file
    enter(course, exam, graded(exam, RIGHT | {"why": f"so\n\n{text}\n\n$a<b$"}))
    assert acting(formgrader_page(course)) == []


@pytest.mark.parametrize("kind", EVIL_OUTPUTS)
def test_no_output_acts_in_formgrader(on_file, kind):
    course, exam = on_file
    result = graded(exam)
    notebook = json.loads(result.notebook)
    output = {"output_type": "display_data", "metadata": {}}
    output["data"] = {kind: EVIL_OUTPUTS[kind]}
    notebook["cells"][1]["outputs"] = [output]
    enter(course, exam, replace(result, notebook=json.dumps(notebook)))
    assert acting(formgrader_page(course)) == []


def test_pages_pictures_and_mathematics_stay_in_a_written_answer():
    text = "$a < b$ [p](https://x.org) ![i](attachment:i.png) $f[x]$ `x<y`"
    assert harmless(text) == text.replace("x<y", "x< y")


def test_formgrader_lists_the_submission_as_graded(on_file):
    from nbgrader.apps.api import NbGraderAPI

    course, exam = on_file
    received = "2026-11-20 10:00:00 UTC"
    folder = course.submitted(NAME, "ada")
    folder.mkdir(parents=True)
    (folder / "timestamp.txt").write_text(received)
    enter(course, exam, graded(exam), received)
    api = NbGraderAPI(config=course.config(NAME))
    assert api.get_autograded_students(NAME) == {"ada"}
    (found,) = api.get_submissions(NAME)
    assert (found["score"], found["max_score"], found["autograded"]) == (5, 9, True)
