"""A person opens formgrader, gives points, and they are in the exported scores."""

import csv
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from tiny_assignment import NAME, RIGHT, handed_in, submission, tiny_course
from visits import Visit

from autograder.grade.record import record
from autograder.judge.judge import no_points
from autograder.judge.rebuild import intake
from autograder.model import Outcome, Result
from autograder.results.csv_export import export_csv

pytestmark = pytest.mark.web
# formgrader has heard that its MathJax is there
LOADED = "() => typeof MathJax !== 'undefined' && MathJax.loaded"
COVER = "{\\rule{40em}{40em}}"
ANSWER = (
    "So $x^2 \\ge 0$. ![far](https://example.org/seen.png)\n\n"
    "$$\\style{position:fixed;top:0;left:0;z-index:99999;opacity:0}"
    "{\\href{javascript:void(window.pwned=1)}" + COVER + "}$$\n\n"
    '$$\\mmlToken{mi}[href="javascript:void(window.pwned=2)" '
    'style="position:fixed;top:0;left:0;font-size:400px"]{M}$$\n'
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for the course, and one for the server's temporary files."""
    made = tmp_path_factory.mktemp("formgrader")
    (made / "temporary").mkdir()
    return made


@pytest.fixture(scope="module")
def course(folder):
    """One graded submission whose derivation waits for a person."""
    made, exam = tiny_course(folder)
    handed = submission(handed_in(exam, RIGHT | {"why": ANSWER}))
    given = {"square-test": 2.0, "cube-test": 3.0, "why": 0.0}
    cells = tuple(replace(c, points=given[c.grade_id]) for c in no_points(exam))
    notebook = intake(handed, exam).notebook
    result = Result("ada", NAME, Outcome.GRADED, cells, notebook=notebook, key="k")
    with made.gradebook() as gradebook:
        record(made, exam, result, gradebook)
    return made


@pytest.fixture(scope="module")
def formgrader(course, folder):
    """The running server: its process and the address that it printed."""
    command = [sys.executable, "-m", "autograder", "serve", "--course"]
    with subprocess.Popen(
        [*command, str(course.root), "--port", "18899"],
        env=os.environ | {"TMPDIR": str(folder / "temporary")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        first = process.stdout.readline()
        assert first.startswith("Formgrader: http://127.0.0.1:"), process.stderr.read()
        yield process, first.split()[1]
        if process.poll() is None:
            process.kill()


@pytest.fixture
def visit(browser, formgrader):
    """A fresh window that notes every error and every request that leaves."""
    parts = urlsplit(formgrader[1])
    context = browser.new_context(viewport={"width": 1300, "height": 900})
    yield Visit(context, f"{parts.scheme}://{parts.netloc}/")
    context.close()


def scores(course):
    """The exported row of the one student."""
    with export_csv(course, NAME).open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    return row


def test_points_that_a_person_gives_arrive_in_the_export(course, formgrader, visit):
    assert (scores(course)["score"], scores(course)["waiting"]) == ("5", "4")
    page = visit.page
    page.goto(formgrader[1])
    page.click(f"a[href$='/gradebook/{NAME}']")
    page.click(f"a[href$='/gradebook/{NAME}/{NAME}']")
    page.click("a[href*='/formgrader/submissions/']")
    page.wait_for_selector("mjx-container")  # the formula of the answer, set
    page.wait_for_function(
        "() => typeof MathJax !== 'undefined' && MathJax.loaded"
    )  # formgrader has heard of it
    page.fill("input#why", "3.5")
    page.fill("textarea#why-comment", "Say why the square is not negative.")
    with page.expect_response(lambda r: "/api/comment/" in r.url and r.ok):
        page.press("textarea#why-comment", "Tab")
    page.wait_for_function("() => document.querySelector('#why').value == '3.5'")
    page.reload()
    page.wait_for_function("() => document.querySelector('#why').value == '3.5'")
    row = scores(course)
    assert (row["score"], row["why"], row["waiting"]) == ("8.5", "3.5", "0")
    # The student's picture is elsewhere: the policy stops the browser asking for it.
    blocked = [each for each in visit.problems if "example.org" in each]
    assert any("Content Security Policy" in each for each in blocked)
    assert sorted(set(visit.problems) - set(blocked)) == []


REQUESTS = {
    "grading": ("POST", f"formgrader/api/submission/{NAME}/ada/autograde"),
    "releasing": ("POST", f"formgrader/api/assignment/{NAME}/assign"),
    "feedback": ("POST", f"formgrader/api/assignment/{NAME}/generate_feedback"),
    "a kernel": ("POST", "api/kernels"),
    "a session": ("POST", "api/sessions"),
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_what_would_run_a_students_code_is_refused(formgrader, request_):
    method, path = request_
    parts = urlsplit(formgrader[1])
    token = parts.query.partition("=")[2]
    asked = urllib.request.Request(
        f"{parts.scheme}://{parts.netloc}/{path}",
        data=json.dumps({}).encode(),
        headers={"Authorization": f"token {token}"},
        method=method,
    )
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(asked, timeout=30)
    with refusal.value:
        assert refusal.value.code == 403
        assert b"use the autograder command" in refusal.value.read()


def test_without_the_token_there_is_only_a_door(formgrader):
    parts = urlsplit(formgrader[1])
    page = f"{parts.scheme}://{parts.netloc}/formgrader/gradebook"
    with urllib.request.urlopen(page, timeout=30) as answer:
        assert "/login" in answer.url


def test_a_formula_makes_no_link_and_lies_over_nothing(formgrader, visit):
    page = visit.page
    page.goto(formgrader[1])
    page.click(f"a[href$='/gradebook/{NAME}']")
    page.click(f"a[href$='/gradebook/{NAME}/{NAME}']")
    page.click("a[href*='/formgrader/submissions/']")
    page.wait_for_function(LOADED)
    page.wait_for_selector("mjx-container")
    page.mouse.click(650, 450)
    for formula in page.query_selector_all("mjx-container *"):
        formula.dispatch_event("click")
    assert page.evaluate("() => window.pwned") is None
    assert page.query_selector_all("mjx-container a, mjx-container [href]") == []
    fixed = """() => [...document.querySelectorAll("mjx-container *")]
        .filter((e) => getComputedStyle(e).position == "fixed").length"""
    assert page.evaluate(fixed) == 0


def test_the_server_ends_with_ctrl_c_and_leaves_nothing(formgrader, folder):
    process, _ = formgrader
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert "Traceback" not in said
    assert list((folder / "temporary").iterdir()) == []
