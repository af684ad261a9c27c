"""Graders mark answers in formgrader: by the scheme, blind, each their own share."""

import csv
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urljoin, urlsplit

import pytest
from editors import photograph
from signals import hear_signals
from tiny_assignment import NAME, RIGHT, SOURCE, handed_in, submission, tiny_course
from visits import Visit

from autograder.course.folder import write_whole
from autograder.course.gradebook import numbers
from autograder.course.marks import marks, write_share
from autograder.grade.record import record
from autograder.judge.judge import no_points
from autograder.judge.rebuild import intake
from autograder.model import Outcome, Result
from autograder.results.course_page import write_course_page
from autograder.results.csv_export import export_csv
from autograder.results.report import write_report
from autograder.results.standings import read_course

pytestmark = pytest.mark.web
# Formulas are set, and formgrader has scrolled to where it begins.
STILL = (
    "() => typeof MathJax !== 'undefined' && MathJax.loaded && !$(':animated').length"
)
SCHEME = """Because $x^2 \\ge 0$.

**Marking scheme.**

- 1 point: the sign of $x^2$.
- 2.5 points: the *reason*.
- 0.5 points: the case $x = 0$.

Any sound route gets the points."""
STUDENTS = ("ada-lovelace", "ben-bitdiddle", "eva-lu-ator")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Three graded submissions; two are ann's share, one is bob's."""
    source = SOURCE.replace("Because it is so.", SCHEME)
    made, exam = tiny_course(tmp_path_factory.mktemp("marking"), source)
    given = {"square-test": 2.0, "cube-test": 3.0, "why": 0.0}
    cells = tuple(replace(c, points=given[c.grade_id]) for c in no_points(exam))
    with made.gradebook() as gradebook:
        for student in STUDENTS:
            handed = submission(handed_in(exam, RIGHT | {"why": "It is $x \\cdot x$."}))
            beside = made.submitted(NAME, student) / f"{student}.jpg"
            write_whole(beside.with_name(f"{NAME}.ipynb"), handed.content)
            write_whole(beside, photograph(300, 200))
            notebook = intake(handed, exam).notebook
            result = Result(
                student, NAME, Outcome.GRADED, cells, notebook=notebook, key="k"
            )
            record(made, exam, result, gradebook)
    for student, grader in zip(STUDENTS, ("ann", "ann", "bob"), strict=True):
        write_share(made, NAME, student, grader)
    (made.root / "course.toml").write_text("port = 18999\n", "utf-8")
    return made


@contextmanager
def served(course, *more):
    """The address that a running server printed."""
    command = [sys.executable, "-m", "autograder", "serve", "--course", course.root]
    with subprocess.Popen(
        [*map(str, command), *more],
        env=os.environ | {"TMPDIR": str(course.root.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=hear_signals,
        text=True,
    ) as process:
        first = process.stdout.readline()
        assert first.startswith("Formgrader: http://127.0.0.1:"), process.stderr.read()
        try:
            yield first.split()[1]
            process.send_signal(signal.SIGINT)
            assert "Traceback" not in process.communicate(timeout=30)[1]
        finally:
            process.kill()


@pytest.fixture(scope="module")
def anns(course):
    """The address of ann's server."""
    with served(course, "--as", "ann") as address:
        yield address


@pytest.fixture
def visit(browser, anns):
    """A fresh window that notes every error."""
    parts = urlsplit(anns)
    context = browser.new_context(viewport={"width": 1300, "height": 900})
    yield Visit(context, f"{parts.scheme}://{parts.netloc}/")
    context.close()


def open_list(page, address):
    page.goto(address)
    page.click(f"a[href$='/gradebook/{NAME}']")
    page.click(f"a[href$='/gradebook/{NAME}/{NAME}']")
    page.wait_for_selector("a[href*='/formgrader/submissions/']")


def open_first(page, address):
    open_list(page, address)
    page.click("a.name-hidden[href*='/formgrader/submissions/']")
    page.wait_for_function(STILL)
    page.wait_for_selector("button.mark:enabled")


def rows(course):
    with export_csv(course, NAME).open(encoding="utf-8") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def click(page, line, gives):
    """Click a line of the scheme; wait until what it gives is saved."""
    with page.expect_response(lambda r: "/api/grade/" in r.url and r.ok):
        page.click(f"button.mark >> nth={line}")
    page.wait_for_function(f"() => document.querySelector('#why').value == '{gives}'")


def pressed(page):
    lines = page.query_selector_all("button.mark")
    return [line.get_attribute("aria-pressed") == "true" for line in lines]


def test_lines_of_the_scheme_give_points_and_take_them_back(course, anns, visit):
    page = visit.page
    open_first(page, anns)
    assert page.locator("button.mark mjx-container").count() == 2  # set, not TeX
    assert page.locator("aside.scheme details").get_attribute("open") is None
    click(page, 0, "1")
    click(page, 1, "3.5")
    click(page, 0, "2.5")
    assert pressed(page) == [False, True, False]
    page.reload()
    page.wait_for_selector("button.mark:enabled")
    assert pressed(page) == [False, True, False]
    (who,) = [s for s, row in rows(course).items() if row["why"]]
    assert rows(course)[who]["why"] == "2.5"
    assert rows(course)[who]["score"] == "7.5"
    given = marks(course, NAME, who)["why"]
    assert (given.by, given.points, given.lines) == ("ann", 2.5, (1,))
    assert visit.problems == []


def test_a_person_may_type_and_a_click_goes_on_from_there(course, anns, visit):
    page = visit.page
    open_first(page, anns)
    with page.expect_response(lambda r: "/api/grade/" in r.url and r.ok):
        page.fill("#why", "1.25")
        page.press("#why", "Tab")
    assert pressed(page) == [False, False, False]
    click(page, 2, "1.75")
    click(page, 1, "4")  # not more than the cell's points
    with page.expect_response(lambda r: "/api/grade/" in r.url and r.ok):
        page.click(".nbgrader_cell:has(.scheme) .no-credit")
    click(page, 1, "2.5")
    assert pressed(page) == [False, True, False]


def test_a_grader_sees_the_own_share_and_nobodys_name(course, anns, visit):
    page, shown, framed = visit.page, [], []
    open_list(page, anns)
    links = page.locator("a.name-hidden[href*='/formgrader/submissions/']")
    assert links.count() == 2
    assert not page.locator("#toggle_names").is_visible()
    answer = "async (path) => (await fetch(base_url + path)).text()"
    path = f"/formgrader/api/submitted_notebooks/{NAME}/{NAME}"
    shown += [page.content(), page.evaluate(answer, path)]
    links.first.click()
    for number in (1, 2):
        page.wait_for_selector("button.mark:enabled")
        shown.append(page.content())
        assert f"Submission {number} / 2" in shown[-1]
        page.wait_for_function(STILL)
        framed.append("".join(frame.content() for frame in page.frames[1:]))
        assert f"<code>autograder marking {NAME} -o FOLDER</code>" in framed[-1]
        folder = page.evaluate("submission_id")
        assert f"<code>FOLDER/{folder}</code>" in framed[-1]
        assert folder in numbers(course, NAME).values()
        for kind in ("grades", "comments"):
            path = f"/api/{kind}?submission_id={page.evaluate('submission_id')}"
            shown.append(page.evaluate(answer, path))
        page.click("text=Next →")
    page.wait_for_url("**/gradebook/**")
    assert [len(text) > 100 for text in shown] == [True] * 8
    for student in STUDENTS:
        assert [text for text in shown + framed if student in text] == []


def test_the_pages_on_the_class_lead_to_where_it_is_served(course, anns):
    pages = write_report(course, NAME), write_course_page(course, read_course(course))
    for page in pages:
        links = re.findall(
            r'href="(http://[^"]*/submissions/)', page.read_text("utf-8")
        )
        assert set(links) == {urljoin(anns, "/formgrader/submissions/")}


def test_a_link_to_another_share_leads_back_to_the_list(course, anns, visit):
    page = visit.page
    open_list(page, anns)
    number = numbers(course, NAME)[STUDENTS[2]]
    page.evaluate(f"location = base_url + '/formgrader/submissions/{number}/'")
    page.click("text=Next →")
    page.wait_for_selector(f"a[href$='/gradebook/{NAME}']")


@pytest.mark.parametrize(
    "path", ["manage_students", "api/students", f"api/submissions/{NAME}"]
)
def test_what_is_about_students_by_name_is_refused(anns, path):
    parts = urlsplit(anns)
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(
            f"{parts.scheme}://{parts.netloc}/formgrader/{path}?{parts.query}"
        )
    with refusal.value:
        assert b"autograder serve --names" in refusal.value.read()


def test_with_names_the_buttons_show_whose_it_is(course, browser):
    with served(course, "--names", "--port", "19099") as address:
        page = browser.new_page()
        open_list(page, address)
        page.click("#toggle_names")
        assert not page.locator("a.name-hidden").first.is_visible()
        page.click("text=eva-lu-ator")  # without --as all are listed
        page.wait_for_function(STILL)
        page.click("span.glyphicon.name-hidden")
        assert page.locator("text=eva-lu-ator").first.is_visible()
        page.close()
