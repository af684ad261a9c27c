"""What is written for formgrader has bounds, and says what is left out."""

import base64
import copy
import io
import json
import time

import pytest
from editors import added_code, plotted, printed
from nbconvert.filters.markdown_mistune import markdown2html_mistune
from PIL import Image
from tiny_assignment import NAME, RIGHT, handed_in, submission, tiny_exam

from autograder.grade.formgrader_copy import (
    MAX_OUTPUTS,
    MAX_TEXT,
    MOST_TEXT,
    for_formgrader,
    pixels,
)
from autograder.judge.judge import no_points
from autograder.judge.rebuild import intake
from autograder.model import Outcome, Result

pytestmark = pytest.mark.grading


@pytest.fixture(scope="module")
def exam(tmp_path_factory):
    return tiny_exam(tmp_path_factory.mktemp("exam"))


def shown(exam, cells=(), outputs=(), **answers):
    """The cells of the copy of a notebook with these answers, cells and outputs."""
    notebook = handed_in(exam, RIGHT | answers)
    notebook["cells"] += copy.deepcopy(list(cells))
    made = json.loads(intake(submission(notebook), exam).notebook)
    code = next(cell for cell in made["cells"] if "def square" in cell["source"])
    code["outputs"] = list(outputs)
    result = Result(
        "ada", NAME, Outcome.GRADED, no_points(exam), notebook=json.dumps(made), key="k"
    )
    return json.loads(for_formgrader(exam, result))["cells"]


def text_of(cells):
    return "\n".join(
        "".join(cell["source"]) + json.dumps(cell.get("outputs", "")) for cell in cells
    )


def markdown(source):
    return {"cell_type": "markdown", "id": "own", "metadata": {}, "source": source}


TABLE = "|" + "a|" * 100 + "\n|" + "-|" * 100 + "\n" + ("|" + "x|" * 100 + "\n") * 90
TEXTS = {
    "tables": TABLE,
    "pictures": "![" * 9000,
    "brackets": "[a](" * 20_000,
    "nested": "\n".join(" " * i + "- a" for i in range(400)),
    "emphasis": "**a*" * 9000,
    "definitions": "".join(f"[a{i}]: b\n" for i in range(9000)),
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_the_texts_of_one_student_are_set_within_seconds(exam, text):
    cells = shown(exam, [markdown(text)] * 50, why=text)
    started = time.process_time()
    for cell in cells:
        if cell["cell_type"] == "markdown":
            markdown2html_mistune("".join(cell["source"]))
    assert time.process_time() - started < 20


@pytest.mark.parametrize("kind", ["markdown", "code", "printed", "raised", "value"])
def test_what_is_too_long_is_cut_and_says_so(exam, kind):
    long = "y = 1\n" * MAX_TEXT
    value = {"output_type": "display_data", "metadata": {}}
    value["data"] = {"text/html": long, "text/plain": long}
    error = {"output_type": "error", "ename": "E", "evalue": "", "traceback": [long]}
    cells = {"markdown": [markdown(long)], "code": [added_code(long)]}
    outputs = {"printed": [printed(long)], "raised": [error], "value": [value]}
    made = text_of(shown(exam, cells.get(kind, ()), outputs.get(kind, ())))
    assert len(made) < 4 * MAX_TEXT
    assert "more characters are not shown" in made
    assert RIGHT["why"] in made


def test_all_of_a_page_has_a_bound_and_what_is_given_stays(exam):
    cells = [markdown("a" * MAX_TEXT), added_code("b = 1\n" * 3000)] * 60
    made = shown(exam, cells)
    assert len(text_of(made)) < MOST_TEXT + 50_000
    given = [cell["source"] for cell in exam.cells if "check(" in cell["source"]]
    assert given
    assert set(given) <= {"".join(cell["source"]) for cell in made}


def picture(width, height, form):
    buffer = io.BytesIO()
    Image.new("L", (width, height)).save(buffer, form)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_figures_of_too_many_pixels_are_left_out(exam, form):
    large = plotted(picture(5400, 5400, form))
    small = plotted(picture(640, 480, form))
    cells = shown(exam, outputs=[small, *[large] * 5, small])
    outputs = next(cell["outputs"] for cell in cells if cell.get("outputs"))
    found = [output["data"].get("image/png") for output in outputs]
    assert [bool(each) for each in found] == [True, True, True, *[False] * 3, True]
    said = "too large to be shown"
    assert sum(said in "".join(o["data"]["text/plain"]) for o in outputs) == 3


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
@pytest.mark.parametrize("bytes_", [b"", b"\xff" * 9, b"\0" * 99])
def test_a_picture_that_hides_its_size_counts_as_too_large(exam, form, bytes_):
    content = picture(640, 480, form)
    assert pixels(content) == 640 * 480
    hidden = content[:2] + bytes_ + content[4:]
    assert pixels(hidden) > 60_000_000
    cells = shown(exam, outputs=[plotted(hidden)])
    assert base64.b64encode(hidden).decode() not in text_of(cells)


def test_a_cell_shows_its_first_outputs(exam):
    cells = shown(exam, outputs=[printed(f"{n}\n") for n in range(100)])
    outputs = next(cell["outputs"] for cell in cells if cell.get("outputs"))
    assert len(outputs) == MAX_OUTPUTS + 1
    assert "".join(outputs[-1]["text"]) == "[80 more outputs are not shown]\n"
