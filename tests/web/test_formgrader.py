"""A person opens formgrader, gives points, and they are in the exported scores."""

import contextlib
import csv
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from editors import photograph
from playwright.sync_api import Error
from signals import hear_signals
from tiny_assignment import NAME, RIGHT, handed_in, submission, tiny_course
from visits import Visit

from autograder.course.folder import write_whole
from autograder.grade.record import record
from autograder.judge.judge import no_points
from autograder.judge.rebuild import intake
from autograder.model import Outcome, Result
from autograder.results.csv_export import export_csv

pytestmark = pytest.mark.web
# formgrader has heard that its MathJax is there
LOADED = "() => typeof MathJax !== 'undefined' && MathJax.loaded"
COVER = "{\\rule{40em}{40em}}"
# A page in which something acts would say so here, or change a score.
ACTS = "window.pwned=1;top.pwned=1;parent.pwned=1"
HTML = (
    f"<script>{ACTS}</script><img src=x onerror='{ACTS}'>"
    f"<a href='javascript:{ACTS}'>run</a> <a href='https://example.org/a'>away</a>"
    "<form action='/formgrader/api/submitted_notebook/SUBMISSION/flag' method=post>"
    "<input name=a><button>send</button></form>"
    "<style>*{position:fixed;opacity:0}</style><base href='https://example.org/'>"
    "<meta http-equiv=refresh content='0;url=https://example.org/b'>"
    f"<iframe srcdoc='<script>{ACTS}</script>'></iframe>"
    f"<svg onload='{ACTS}'><a href='javascript:{ACTS}'><text y=20>svg</text></a></svg>"
    f"<math><mtext><a href='javascript:{ACTS}'>m</a></mtext></math>"
)
OUTPUTS = [
    {"text/html": HTML, "text/plain": "a table"},
    {"image/svg+xml": f"<svg onload='{ACTS}'><script>{ACTS}</script></svg>"},
    {"text/markdown": f"[run](javascript:{ACTS}) <img src=x onerror='{ACTS}'>"},
    {"text/latex": f"$\\href{{javascript:{ACTS}}}{{{chr(92)}rule{{40em}}{{40em}}}}$"},
    {"application/javascript": ACTS},
]
ANSWER = (
    "So $x^2 \\ge 0$, $\\boldsymbol{\\mu}$, $\\cancel{x}$. ![far](https://example.org/seen.png)\n\n"
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
    beside = made.submitted(NAME, "ada") / "photo.jpg"
    write_whole(beside.with_name(f"{NAME}.ipynb"), handed.content)
    write_whole(beside, photograph(3000, 2000))
    given = {"square-test": 2.0, "cube-test": 3.0, "why": 0.0}
    cells = tuple(replace(c, points=given[c.grade_id]) for c in no_points(exam))
    made_of = json.loads(intake(handed, exam).notebook)
    code = next(cell for cell in made_of["cells"] if "def square" in cell["source"])
    shown = {"output_type": "display_data", "metadata": {}}
    code["outputs"] = [shown | {"data": data} for data in OUTPUTS]
    notebook = json.dumps(made_of)
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
        preexec_fn=hear_signals,
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


def framed(page, selector):
    """The frame of a student's part in which this is shown."""
    for _ in range(100):
        for frame in page.frames[1:]:
            with contextlib.suppress(Error):  # it is just being loaded
                if frame.query_selector(selector):
                    return frame
        page.wait_for_timeout(100)
    raise AssertionError(f"{selector} is in no frame")


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
    framed(page, "mjx-container")  # the formula of the answer, set
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
    # The student's picture is elsewhere: nobody asks for it.
    assert visit.problems == []


def test_a_photograph_beside_the_notebook_fits_into_the_page(formgrader, visit):
    page = visit.page
    page.goto(formgrader[1])
    page.click(f"a[href$='/gradebook/{NAME}']")
    page.click(f"a[href$='/gradebook/{NAME}/{NAME}']")
    page.click("a[href*='/formgrader/submissions/']")
    frame = framed(page, "img[alt='beside-1']")
    photo = frame.query_selector("img[alt='beside-1']")
    frame.wait_for_function("() => document.images[0].complete")
    assert photo.evaluate("image => image.naturalWidth") == 2000
    page.wait_for_function(
        "() => [...document.querySelectorAll('iframe.own')]"
        ".some((each) => each.offsetHeight > 600)"
    )
    assert photo.bounding_box()["width"] < 1300


REQUESTS = {
    "grading": ("POST", f"formgrader/api/submission/{NAME}/ada/autograde"),
    "releasing": ("POST", f"formgrader/api/assignment/{NAME}/assign"),
    "feedback": ("POST", f"formgrader/api/assignment/{NAME}/generate_feedback"),
    "a kernel": ("POST", "api/kernels"),
    "a session": ("POST", "api/sessions"),
    "a student's file": ("GET", f"files/submitted/ada/{NAME}/beside/a.html"),
    "a student's page": ("GET", f"view/submitted/ada/{NAME}/beside/a.html"),
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_what_would_run_a_students_code_is_refused(formgrader, request_):
    method, path = request_
    parts = urlsplit(formgrader[1])
    token = parts.query.partition("=")[2]
    asked = urllib.request.Request(
        f"{parts.scheme}://{parts.netloc}/{path}",
        data=json.dumps({}).encode() if method == "POST" else None,
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
    frame = framed(page, "mjx-container")
    page.mouse.click(650, 450)
    for formula in frame.query_selector_all("mjx-container *"):
        formula.dispatch_event("click")
    for each in page.frames:
        assert each.evaluate("() => window.pwned") is None
    assert frame.query_selector_all("mjx-container a, mjx-container [href]") == []
    fixed = """() => [...document.querySelectorAll("mjx-container *")]
        .filter((e) => getComputedStyle(e).position == "fixed").length"""
    assert frame.evaluate(fixed) == 0


def open_submission(page, formgrader):
    page.goto(formgrader[1])
    page.click(f"a[href$='/gradebook/{NAME}']")
    page.click(f"a[href$='/gradebook/{NAME}/{NAME}']")
    page.click("a[href*='/formgrader/submissions/']")
    page.wait_for_function(LOADED)


def test_no_script_runs_but_those_of_the_templates(formgrader, visit):
    page = visit.page
    with page.expect_response(
        lambda r: "/formgrader/submissions/" in r.url
    ) as response:
        open_submission(page, formgrader)
    (policy,) = [
        part
        for part in response.value.headers["content-security-policy"].split("; ")
        if part.startswith("script-src")
    ]
    assert "unsafe" not in policy
    page.evaluate(
        """() => {
            const made = document.createElement("div");
            made.innerHTML = "<img src=x onerror='window.pwned = 3'>";
            document.body.append(made);
            const script = document.createElement("script");
            script.textContent = "window.pwned = 4";
            document.body.append(script);
        }"""
    )
    page.wait_for_timeout(500)
    assert page.evaluate("() => window.pwned") is None


def test_usual_tex_is_set(formgrader, visit):
    open_submission(visit.page, formgrader)
    frame = framed(visit.page, "mjx-container")
    assert frame.locator("mjx-container mjx-menclose").count() >= 1  # \\cancel
    assert frame.locator("mjx-container mjx-merror").count() == 0


def test_clicking_on_all_that_a_student_handed_in_changes_nothing(
    course, formgrader, visit
):
    page = visit.page
    open_submission(page, formgrader)
    framed(page, "mjx-container")
    before, address = scores(course), page.url
    opened = []
    page.context.on("page", lambda new: opened.append(new))
    page.context.route("https://example.org/**", lambda route: route.abort())
    frames = page.query_selector_all("iframe.own")
    assert len(frames) >= 5
    for element in frames:
        element.scroll_into_view_if_needed()
        box = element.bounding_box()
        for x in range(8, int(box["width"]), 60):
            for y in range(4, min(int(box["height"]), 700), 24):
                page.mouse.click(box["x"] + x, box["y"] + y)
    for frame in page.frames[1:]:
        for each in frame.query_selector_all("body *"):
            each.dispatch_event("click")
    page.wait_for_timeout(300)
    assert [f.evaluate("() => window.pwned") for f in page.frames] == [None] * len(
        page.frames
    )
    assert page.url.partition("?")[0] == address.partition("?")[0]
    assert scores(course) == before
    # A link opens a window of its own, which knows nothing of this one.
    assert opened
    for new in opened:
        assert new.evaluate("() => window.opener") is None
    inside = ("script:not([nonce])", "form", "svg", "math", "meta", "iframe", "input")
    for frame in page.frames[1:]:
        student = f"body :is({', '.join(inside)}):not(mjx-container *)"
        assert frame.query_selector_all(student) == []


TAKES_OVER = """
const said = [];
const tried = (name, run) => { try { run(); said.push(name); } catch {} };
tried("parent", () => parent.document.body.textContent);
tried("cookie", () => document.cookie.length && said.push(document.cookie));
tried("storage", () => localStorage.length);
tried("away", () => { top.location = "https://example.org/"; });
(async () => {
  for (const method of ["GET", "PUT", "POST"])
    for (const mode of ["cors", "no-cors"])
      for (const path of PATHS)
        try {
          const answer = await fetch(path, {
            method, mode, credentials: "include",
            ...(method === "GET" ? {} : { body: BODY }),
          });
          if (answer.ok) said.push(method + path);
        } catch {}
  const form = document.createElement("form");
  form.method = "post"; form.action = PATHS[0]; document.body.append(form);
  form.submit();
  document.title = JSON.stringify(said);
  document.body.dataset.said = JSON.stringify(said);
})();
"""


def test_even_a_script_in_a_frame_reads_nothing_and_changes_nothing(
    course, formgrader, visit
):
    """As if all that keeps scripts out of the frame had failed."""
    page = visit.page
    open_submission(page, formgrader)
    framed(page, "mjx-container")
    before, address = scores(course), page.url
    grades = page.evaluate(
        "async () => (await fetch(base_url + '/api/grades?submission_id='"
        " + submission_id)).json()"
    )
    given = next(each for each in grades if each["name"] == "why")
    paths = [
        f"/formgrader/api/grade/{given['id']}",
        f"/formgrader/api/submitted_notebook/{page.evaluate('submission_id')}/flag",
        "/formgrader/api/students",
    ]
    body = json.dumps(given | {"manual_score": 4.0})
    script = TAKES_OVER.replace("PATHS", json.dumps(paths)).replace(
        "BODY", json.dumps(body)
    )
    page.evaluate(
        """(script) => {
            const nonce = document.querySelector("script").nonce;
            const frame = document.querySelector("iframe.own");
            frame.srcdoc = `<body><script nonce="${nonce}">${script}<` + "/script>";
        }""",
        script,
    )
    frame = framed(page, "body[data-said]")
    assert json.loads(frame.evaluate("() => document.body.dataset.said")) == []
    assert page.url.partition("?")[0] == address.partition("?")[0]
    assert scores(course) == before


def test_the_keys_stay_with_the_page_after_a_click_into_an_answer(formgrader, visit):
    page = visit.page
    open_submission(page, formgrader)
    framed(page, "mjx-container")
    element = page.query_selector("iframe.own")
    element.click()
    page.wait_for_function("() => document.activeElement.tagName != 'IFRAME'")


def test_a_page_of_another_server_changes_nothing(course, formgrader, visit, browser):
    """Its cookies are those of this host: the port does not count for them."""
    page = visit.page
    open_submission(page, formgrader)
    home = page.evaluate("location.origin")
    number = page.evaluate("submission_id")
    flag = f"{home}/formgrader/api/submitted_notebook/{number}/flag"
    cookie = page.evaluate("document.cookie")
    xsrf = re.search(r"_xsrf=([^;]+)", cookie)[1]  # even if it knew that
    other = page.context.new_page()
    other.route(
        "http://127.0.0.1:9/*", lambda route: route.fulfill(body="<p>Elsewhere.")
    )
    other.goto("http://127.0.0.1:9/")
    answers = []
    other.on("response", lambda each: answers.append((each.url, each.status)))
    form = """([action, token]) => {
        const form = document.createElement("form");
        Object.assign(form, { action, method: "post" });
        form.innerHTML = `<input name="_xsrf" value="${token}">`;
        document.body.append(form);
        form.submit();
    }"""
    with other.expect_navigation():
        other.evaluate(form, [flag, xsrf])
    assert [status for url, status in answers if url == flag] == [403]
    other.goto("http://127.0.0.1:9/")
    with other.expect_navigation():
        other.evaluate("(to) => { location = to; }", f"{home}/formgrader/gradebook")
    assert other.inner_text("body") == "Another page led here. Go on in formgrader"
    other.click("text=Go on")  # a person's own click
    other.wait_for_selector(f"a[href$='/gradebook/{NAME}']")


def test_a_folder_in_the_address_is_no_configuration(course, formgrader, visit):
    """nbgrader runs the nbgrader_config.py of the folder that `path` names."""
    folder = course.root / "submitted" / "eve"
    pwned = course.root.parent / "pwned-by-address"
    write_whole(
        folder / "nbgrader_config.py", f"open({str(pwned)!r}, 'w').close()".encode()
    )
    page = visit.page
    page.goto(formgrader[1])
    home = page.evaluate("location.origin")
    page.goto(f"{home}/formgrader?path={folder}")
    assert "/formgrader/gradebook" in page.url
    assert not pwned.exists()


def test_the_server_ends_with_ctrl_c_and_leaves_nothing(formgrader, folder):
    process, _ = formgrader
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert "Traceback" not in said
    assert list((folder / "temporary").iterdir()) == []
