"""A student's page: it explains, it hides the tests, and nothing on it can act."""

import base64
import http.server
import io
import json
import os
import threading

import pytest
from page_elements import Elements, assert_harmless
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from autograder.course.folder import Course
from autograder.model import CellResult, Outcome, Result
from autograder.results.feedback import (
    feedback_page,
    hidden_lines,
    what_passed,
    write_feedback,
)
from autograder.results.sanitise import markdown_html, output_html, picture_uri, plain
from autograder.results.scores import Scored, read_class

NAME = "a1_maps"
# What would run or load something, each written as an attacker writes it. HOST stands
# for a server that listens.
HOSTILE = [
    "<script>window.ran = 1; fetch('HOST/fetch')</script>",
    "<ScRiPt src=HOST/s.js></sCrIpT>",
    "<img src=x onerror='window.ran = 2'><img src='HOST/i.png'>",
    "<svg onload='window.ran = 3'><image href='HOST/v.png'/><script>1</script></svg>",
    "<iframe src='HOST/f.html' srcdoc='<script>parent.ran = 4</script>'></iframe>",
    "<a href='javascript:window.ran = 5' id=click>a</a>",
    "<a href=' jav&#x09;ascript:window.ran = 6' id=click>b</a>",
    "<a href='data:text/html,<script>1</script>'>c</a>",
    "<link rel=stylesheet href='HOST/l.css'><style>@import 'HOST/i.css';</style>",
    "<div style='position:fixed;inset:0;background:url(HOST/b.png)'>Score 20/20</div>",
    "<meta http-equiv=refresh content='0;url=HOST/m.html'><base href='HOST/'>",
    "<form action='HOST/form'><button id=click>go</button><input autofocus onfocus=x>",
    "<math><mtext><table><mglyph><style><img src=x onerror='ran = 7'></style></math>",
    "<noscript><p title='</noscript><img src=x onerror=ran=8>'></noscript>",
    "<object data='HOST/o.swf'></object><embed src='HOST/e'><video src='HOST/v'>",
    "</pre></div></section></main></body><script>window.ran = 9</script>",
    "--><!--><img src=x onerror=ran=10>-->",
    "]]></title></style><script>window.ran = 11</script>",
    "[x](javascript:window.ran=12) ![y](HOST/md.png) <HOST/auto>",
    "[z]: javascript:window.ran=13\n\n[z] ![t][u]\n\n[u]: HOST/ref.png",
    "$$</code><script>window.ran = 14</script>$$",
    "{{ 7 * 7 }}{% raw %}",
    "\ud800\x00\x1b]8;;HOST\x07 lone \x1b[31mred\x1b[0m",
]


def code(source, *outputs, **nbgrader):
    cell = {"cell_type": "code", "source": source, "outputs": list(outputs)}
    return cell | {"metadata": {"nbgrader": nbgrader} if nbgrader else {}}


def answer(source, *outputs, name="maps"):
    return code(source, *outputs, grade_id=name, grade=False, solution=True)


def check_cell(source, *outputs, name="maps-test"):
    return code(source, *outputs, grade_id=name, grade=True, solution=False, points=3)


def notebook(*cells):
    return json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5})


def graded(*cells, student="amina", outcome=Outcome.GRADED, results=None, **fields):
    """A result by hand: one test cell of 3 points that gave none."""
    results = results or (CellResult("maps-test", "Exercise 1", False, 0.0, 3.0),)
    fields.setdefault("notebook", notebook(*cells))
    return Result(student, NAME, outcome, tuple(results), **fields)


@pytest.fixture
def page_of(tmp_path):
    """A function that writes a result's page through the real pass, and reads it."""

    def write(result):
        course = Course(tmp_path)
        course.write_result(result)
        (path,) = write_feedback(course, result.assignment)
        assert path == course.feedback(result.assignment, result.student)
        return path.read_bytes()

    return write


def png(size=(3, 2), **fields):
    buffer = io.BytesIO()
    Image.new("RGB", size, "red").save(buffer, "PNG", **fields)
    return buffer.getvalue()


def base64_of(content):
    return base64.b64encode(content).decode()


def hostile_result(host="http://host.invalid"):
    """A result in which every field and every cell attacks the reader."""
    texts = [text.replace("HOST", host) for text in HOSTILE]
    cells = [cell for text in texts for cell in hostile_cells(text)]
    results = tuple(
        CellResult(f"test-{i}", text, False, 0.0, 1.0, text, text, text, text)
        for i, text in enumerate(texts)
    )
    return Result(
        "amina",
        NAME,
        Outcome.GRADED,
        results,
        repairs=tuple(texts),
        reason=" ".join(texts),
        notebook=notebook(*cells),
        filename=" ".join(texts),
    )


def hostile_cells(text):
    kinds = ["text/html", "text/markdown", "text/latex", "text/plain", text]
    kinds += ["image/svg+xml", "image/png", "application/javascript"]
    outputs = [{"output_type": "display_data", "data": {kind: text}} for kind in kinds]
    outputs.append({"output_type": "stream", "text": [text]})
    outputs.append({"output_type": "error", "ename": text, "traceback": [text]})
    added = {
        "cell_type": "markdown",
        "source": text,
        "metadata": {"autograder": {"extra": True}},
        "attachments": {text: {"image/svg+xml": text, "image/png": text}},
    }
    return answer(text, *outputs), added


def test_hostile_text_in_every_place_leaves_nothing_that_acts(page_of):
    page = page_of(hostile_result())
    assert_harmless(page)
    assert "window.ran = 9" in Elements(page).text  # the source is shown, as text


def test_a_students_markup_cannot_look_like_the_graders():
    html = markdown_html('<div class="score" id="top"><b class="mark">20</b></div>')
    assert Elements(html).attributes == []
    assert "20" in html


@pytest.mark.web
@pytest.mark.parametrize("bypass", [False, True], ids=["policy", "sanitiser alone"])
def test_in_a_browser_no_script_runs_and_no_request_leaves(
    page_of, tmp_path, browser, bypass
):
    asked = []

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        host = f"http://127.0.0.1:{server.server_port}"
        page_of(hostile_result(host))
        path = Course(tmp_path).feedback(NAME, "amina")
        seen = visit(browser, path.as_uri(), bypass)
    finally:
        server.shutdown()
        server.server_close()
    assert asked == []
    assert seen == {"ran": None, "dialogs": [], "elsewhere": [], "console": []}


def visit(browser, uri, bypass):
    """Open a page, with or without its policy, and click what invites a click."""
    seen = {"dialogs": [], "elsewhere": [], "console": []}
    context = browser.new_context(bypass_csp=bypass)
    page = context.new_page()
    page.on("dialog", lambda box: (seen["dialogs"].append(box.message), box.dismiss()))
    page.on("console", lambda line: seen["console"].append(line.text))
    page.on(
        "request",
        lambda request: (
            request.url.startswith(("file:", "data:"))
            or seen["elsewhere"].append(request.url)
        ),
    )
    page.goto(uri)
    page.evaluate("document.querySelectorAll('#click').forEach(e => e.click())")
    page.wait_for_timeout(300)
    seen["ran"] = page.evaluate("window.ran ?? null")
    context.close()
    return seen


def test_a_page_forbids_scripts_and_requests_by_its_own_policy(page_of):
    page = page_of(graded(answer("x = 1")))
    (policy,) = [
        value for _, name, value in Elements(page).attributes if "default-src" in value
    ]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")


def test_a_tests_cell_and_its_output_are_never_shown(page_of):
    leak = {"output_type": "stream", "text": "the secret is 42"}
    page = page_of(graded(answer("mine = 1"), check_cell("assert secret == 42", leak)))
    assert "mine" in Elements(page).text
    assert "secret" not in Elements(page).text


def test_a_hidden_line_quoted_in_an_output_is_withheld(tmp_path):
    line = "check(density(odd_inputs), oracle)"
    source = f"x = density(z)\n### BEGIN HIDDEN TESTS\n{line}\nx = density(z)\n"
    source += "### END HIDDEN TESTS"
    path = tmp_path / "source.ipynb"
    path.write_text(notebook(check_cell(source)), "utf-8")
    hidden = hidden_lines(path)
    coloured = f"\x1b[31m----> 3 {line[:9]}\x1b[0m{line[9:]}\nValueError"
    error = {"output_type": "error", "ename": "E", "traceback": [coloured]}
    printed = {"output_type": "stream", "text": ["In: ", line]}
    shown = {"output_type": "display_data", "data": {"text/html": f"<p>{line}</p>"}}
    result = graded(answer("density", error, printed, shown), check_cell("assert"))
    (scored,) = [Scored(result, ())]
    text = Elements(feedback_page(scored, hidden)).text
    assert hidden == {line}
    assert "oracle" not in text
    assert text.count("a line of the tests is not shown") == 3
    assert "ValueError" in text


def test_the_failed_idea_the_mistake_and_the_hint_are_told(page_of):
    failed = CellResult(
        "t", "Exercise 1", False, 0.0, 3.0, "equal mass", "log-det sign", "Look again."
    )
    text = Elements(page_of(graded(results=[failed]))).text
    for words in ("equal mass", "log-det sign", "Look again.", "0 / 3"):
        assert words in " ".join(text.split())


def test_an_invalid_submission_is_told_the_reason_and_what_to_do(page_of):
    reason = "The file ends in the middle of a line."
    result = graded(outcome=Outcome.INVALID, reason=reason, notebook=None)
    text = Elements(page_of(result)).text
    assert reason in text
    assert "What to do" in text
    assert "not a zero" in text
    assert "of 3 points" not in text


def test_a_failure_of_the_grader_is_not_the_students_fault(page_of):
    result = graded(outcome=Outcome.FAILED, reason="OSError: /srv/x", notebook=None)
    text = Elements(page_of(result)).text
    assert "this is not your fault" in text
    assert "/srv/x" not in text  # the machine's own matters are the instructor's
    assert "of 3 points" not in text


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "{",
        "[]",
        '{"cells": 3}',
        '{"cells": [1, null, {"metadata": 2}, {"metadata": {"nbgrader": {}}}]}',
        '{"cells": [{"metadata": {"nbgrader": {"solution": true}}, "source": 7}]}',
        '{"cells": [{"metadata": {"nbgrader": 5}}, {"metadata": {"nbgrader": []}}]}',
        '{"cells": ' + "[" * 100_000,
    ],
)
def test_a_damaged_notebook_costs_only_the_cells_on_the_page(page_of, damaged):
    assert "0 of 3 points" in Elements(page_of(graded(notebook=damaged))).text


def test_a_check_that_passed_says_what_is_right(page_of):
    said = {
        "output_type": "stream",
        "name": "stdout",
        "text": "✓ 3 of 3 points: <b>.\n",
    }
    right = CellResult("maps-test", "Exercise 1", False, 3.0, 3.0)
    page = page_of(graded(check_cell("check(f)", said), results=[right]))
    assert "Right: &lt;b&gt;." in page.decode("utf-8")


def test_what_a_passed_check_prints_tells_no_line_of_a_hidden_test():
    line = "assert f(17) == hidden_value"
    said = {"output_type": "stream", "name": "stdout", "text": f"✓ 3 of 3: {line}\n"}
    result = graded(check_cell("check(f)", said))
    shown = what_passed(Scored(result, ()), frozenset({line}))
    assert line not in str(shown)


def test_one_damaged_notebook_does_not_stop_the_others(tmp_path):
    course = Course(tmp_path)
    for student, text in (
        ("a", '{"cells": [{"metadata": {"nbgrader": 5}}]}'),
        ("b", ""),
    ):
        course.write_result(graded(student=student, notebook=text))
    broken = course.result_path(NAME, "c")
    broken.write_text("{", "utf-8")
    pages = write_feedback(course, NAME)
    assert [path.parts[-3] for path in pages] == ["a", "b", "c"]
    assert "not your fault" in pages[-1].read_text("utf-8")


def test_nothing_but_the_page_is_written(tmp_path):
    course = Course(tmp_path)
    course.write_result(graded(answer("x")))
    handed = course.submitted(NAME, "amina")
    handed.mkdir(parents=True)
    (handed / "private.csv").write_text("mine", "utf-8")
    (page,) = write_feedback(course, NAME)
    files = [path for path in (tmp_path / "feedback").rglob("*") if path.is_file()]
    assert files == [page]


def test_a_picture_is_encoded_anew_without_what_hides_in_it():
    notes = PngInfo()
    notes.add_text("comment", "<script>")
    content = png(pnginfo=notes) + b"<script>after the end</script>"
    uri = picture_uri("image/png", base64_of(content))
    shown = base64.b64decode(uri.partition(",")[2])
    assert b"script" in content
    assert b"script" not in shown
    with Image.open(io.BytesIO(shown)) as image:
        assert image.convert("RGB").getpixel((1, 1)) == (255, 0, 0)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("image/png", b"<svg onload=x>"),
        ("image/svg+xml", b"<svg/>"),
        ("image/png", png()[:40]),
        ("image/jpeg", png()),
        ("image/png", png()[:16] + b"\x00\x10\x00\x00" * 2 + png()[24:]),
    ],
    ids=["no picture", "svg", "cut short", "another kind", "a million million pixels"],
)
def test_what_is_not_a_small_picture_of_its_kind_is_not_shown(kind, content):
    assert picture_uri(kind, base64_of(content)) is None


def test_a_large_photograph_is_shrunk_and_stands_upright():
    image = Image.new("RGB", (3000, 1500), "red")
    exif = image.getexif()
    exif[0x0112] = 6  # the camera was turned
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif)
    uri = picture_uri("image/jpeg", base64_of(buffer.getvalue()))
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as shown:
        assert shown.size == (700, 1400)
        assert not shown.getexif()


def test_a_photograph_attached_to_a_derivation_is_shown():
    attached = {"page.png": {"image/png": base64_of(png())}}
    html = markdown_html("See ![my page](attachment:page.png).", attached)
    assert "data:image/png;base64," in html
    assert "picture not shown: gone" in markdown_html("![gone](attachment:b)", attached)


@pytest.mark.parametrize("before", ["**So**", "# So\n\nand", "- a\n- **So**", "`So`"])
def test_what_stands_before_a_picture_keeps_its_form(before):
    attached = {"page.png": {"image/png": base64_of(png())}}
    html = markdown_html(f"{before} ![my page](attachment:page.png) *end*", attached)
    assert "&lt;" not in html
    assert "So" in Elements(html).text
    assert "<em>end</em>" in html


def test_formulas_are_shown_as_their_source_untouched():
    html = markdown_html("Let $a_1 * b_2 * c$ be.\n\n$$\n\\int_a^b <f>\n$$")
    text = Elements(html).text
    assert "a_1 * b_2 * c" in text
    assert "\\int_a^b <f>" in text


def test_a_progress_bar_is_shown_at_its_last_state():
    assert plain("a 1%\ra 50%\ra 100%\nb\r\n\x1b[32mc\x1b[0m") == "a 100%\nb\nc"


def test_an_endless_output_is_cut_and_says_so():
    html = output_html({"output_type": "stream", "text": "x" * 1_000_000})
    assert len(html) < 30_000
    assert "more characters are not shown" in html


def test_a_page_stays_small_however_much_a_student_prints(page_of):
    flood = {"output_type": "stream", "text": "<" * 20_000}
    cells = [answer("x", *[flood] * 15) for _ in range(40)]
    page = page_of(graded(*cells))
    assert len(page) < 15_000_000
    assert "Not all of your cells" in page.decode()


@pytest.mark.parametrize(
    "text",
    ["[a]: b\n" * 2800, "[" * 20_000, "$a" * 10_000, "*a_ " * 5_000, "> " * 10_000],
)
def test_hostile_markdown_takes_no_long_time(text):
    assert isinstance(str(markdown_html(text)), str)  # minutes, with link references


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
def test_a_persons_score_and_comment_come_from_the_gradebook(tmp_path, page_of):
    cells = (
        CellResult("maps-test", "Exercise 1", False, 3.0, 3.0),
        CellResult("why", "Exercise 2", True, 0.0, 4.0),
    )
    result = graded(results=cells)
    text = " ".join(Elements(page_of(result)).text.split())
    assert "3 of 7 points so far; 4 more wait for a person" in text
    give(Course(tmp_path), "amina", "why", 2.5, "Say why the lengths are positive.")
    text = " ".join(Elements(page_of(result)).text.split())
    assert "5.5 of 7 points" in text
    assert "wait" not in text
    assert "Say why the lengths are positive." in text


def give(course, student, name, score, comment):
    """Put one manual score in a gradebook, as formgrader does."""
    with course.gradebook() as book:
        book.add_assignment(NAME)
        book.add_notebook(NAME, NAME)
        book.add_grade_cell(name, NAME, NAME, cell_type="markdown", max_score=4)
        book.add_solution_cell(name, NAME, NAME)
        book.add_student(student)
        book.add_submission(NAME, student)
        grade = book.find_grade(name, NAME, NAME, student)
        grade.manual_score, grade.needs_manual_grade = score, False
        book.find_comment(name, NAME, NAME, student).manual_comment = comment
        book.db.commit()


def test_reading_the_class_makes_no_gradebook(tmp_path):
    course = Course(tmp_path)
    course.write_result(graded())
    assert read_class(course, NAME)[0].points == 0.0
    assert not (tmp_path / "gradebook.db").exists()


COSTLY = {
    "pictures that end nowhere": "![" * 9_000,
    "tables": "\n\n".join(["|a|b|\n|-|-|\n" + "|1|2|\n" * 1_000] * 50),
    "a large picture": "![](attachment:a.png)",
}


@pytest.mark.parametrize("name", COSTLY)
def test_a_page_that_takes_long_costs_its_own_cells_and_no_other_page(
    tmp_path, monkeypatch, name
):
    monkeypatch.setattr("autograder.results.feedback.PAGE_SECONDS", 2.0)
    picture = {"a.png": {"image/png": base64_of(png((6_000, 4_900)))}}
    settings = {"grade_id": "maps", "grade": False, "solution": True}
    text = {"cell_type": "markdown", "source": COSTLY[name], "attachments": picture}
    course = Course(tmp_path)
    course.write_result(graded(text | {"metadata": {"nbgrader": settings}}))
    course.write_result(graded(answer("mine = 7"), student="ben"))
    started = os.times()
    first, second = (path.read_text("utf-8") for path in write_feedback(course, NAME))
    spent = os.times()
    assert spent.children_user - started.children_user < 8
    assert spent.user - started.user < 8
    assert "0 of 3 points" in Elements(first.encode()).text
    assert "mine" in Elements(second.encode()).text
