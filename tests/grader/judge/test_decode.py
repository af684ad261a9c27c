"""A submission's pictures are read in bounds, and what is over costs nothing else."""

import base64
import io
import json
import time

import pytest
from editors import photograph
from PIL import Image
from tiny_assignment import RIGHT, handed_in, submission, tiny_exam

from autograder.course.beside import Beside
from autograder.grade.beside_cell import beside_cell
from autograder.judge.decode import Decoder
from autograder.judge.pictures import TAG, taken_out
from autograder.judge.rebuild import intake

pytestmark = pytest.mark.grading


@pytest.fixture(scope="module")
def exam(tmp_path_factory):
    return tiny_exam(tmp_path_factory.mktemp("exam"))


def plain_picture(width, height, form="PNG", mode="RGB"):
    """A picture of one colour: a few kilobytes, whatever it is decoded to."""
    buffer = io.BytesIO()
    Image.new(mode, (width, height)).save(buffer, form)
    return buffer.getvalue()


def consume(values):
    for _ in values:
        pass


def in_base64(content):
    return base64.b64encode(content).decode("ascii")


@pytest.mark.parametrize(
    ("allowed", "said"),
    [
        ({"pictures": 2}, "more than 2 pictures"),
        ({"pixels": 3_000_000}, "more than 3 million pixels"),
    ],
    ids=["number", "pixels"],
)
def test_what_is_over_the_bound_is_left_out_and_the_first_is_there(allowed, said):
    content = plain_picture(1500, 1500)
    with Decoder(**allowed) as decoder:
        form, made = decoder.shrunk(content)
        assert (form, made) == ("PNG", content)
        content = plain_picture(1500, 1501)
        with pytest.raises(ValueError, match=said):
            consume(decoder.shrunk(content) for _ in range(99))


def test_the_time_of_all_pictures_together_is_bounded():
    with Decoder() as decoder:
        before = decoder.seconds
        decoder.shrunk(plain_picture(1500, 1500))
        assert decoder.seconds < before
        decoder.seconds = 0.0
        with pytest.raises(ValueError, match="more than 10 seconds"):
            decoder.shrunk(plain_picture(1500, 1501))


def test_a_picture_that_is_too_slow_loses_itself_and_no_other(monkeypatch):
    monkeypatch.setattr("autograder.judge.decode.LONGEST", 0.3)
    with Decoder() as decoder:
        with pytest.raises(ValueError, match="too long"):
            decoder.shrunk(plain_picture(10_000, 9_000, "TIFF", "RGBA"))
        assert decoder.shrunk(photograph(300, 200))[0] == "JPEG"
        assert decoder.seconds < 20


def test_a_small_file_of_many_pixels_is_made_small_for_the_browser():
    content = plain_picture(6_000, 5_000, mode="L")
    assert len(content) < 100_000
    with Decoder() as decoder:
        _, made = decoder.shrunk(content)
    assert max(Image.open(io.BytesIO(made)).size) <= 2_000


@pytest.mark.parametrize("kind", ["attachments", "URIs"])
def test_a_hundred_large_pictures_cost_their_own_place_alone(exam, kind):
    content = in_base64(plain_picture(5_400, 5_400))
    notebook = handed_in(exam, RIGHT)
    for number in range(6):
        own = {"cell_type": "markdown", "id": f"own{number}", "metadata": {}}
        names = [f"p{number}-{n}.png" for n in range(10)]
        if kind == "attachments":
            own["attachments"] = {name: {"image/png": content} for name in names}
            own["source"] = "Mine."
        else:
            own["source"] = f"![](data:image/png;base64,{content})\n" * 10
        notebook["cells"].append(own)
    started = time.process_time()
    made = intake(submission(notebook), exam)
    assert time.process_time() - started < 10  # of this process
    assert any("cannot be shown" in said for said in made.repairs)
    cells = json.loads(made.notebook)["cells"]
    assert 3 <= sum(len(cell.get("attachments", {})) for cell in cells) <= 20
    sources = {cell["source"] for cell in cells}
    assert {RIGHT["square"], RIGHT["cube"]} <= sources


@pytest.mark.parametrize(
    "text",
    [
        "<img src=attachment:" * 50_000,
        "<img " + "src=attachment:" * 60_000,
        "<img " * 200_000,
        "<img src = " * 90_000,
    ],
    ids=["tags", "sources", "opened", "spaced"],
)
def test_a_text_made_for_the_search_of_pictures_takes_no_time(text):
    started = time.process_time()
    source, found, _ = taken_out(text, None, None)
    assert (source, found) == (text, {})
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "tag",
    [
        '<img src="attachment:a.png" width=3>',
        "<IMG alt='x'\nsrc = 'attachment:a.png'/>",
        "<img src=attachment:a.png>",
    ],
)
def test_the_tag_of_a_picture_is_found(tag):
    assert TAG.fullmatch(tag)[1].startswith("attachment:a.png")


def test_pictures_beside_the_notebook_have_a_bound_too(tmp_path):
    files = []
    for number in range(25):
        name = f"{number}.png"
        (tmp_path / name).write_bytes(plain_picture(5_400, 5_400))
        files.append(Beside(name, name))
    cell = beside_cell(files, tmp_path)
    assert 3 <= len(cell["attachments"]) <= 20
    assert all(f"`{file.name}`" in cell["source"] for file in files)
    assert "not shown" in cell["source"]
