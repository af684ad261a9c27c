"""An ordinary class, graded by the real command line: nothing written is lost."""

import base64
import copy
import io
import json

import pytest
from PIL import Image
from tiny_assignment import NAME, RIGHT, cell_of, hand_in, handed_in, tiny_course

from autograder.cli import main
from autograder.course.gradebook import given
from autograder.results.scores import read_class

DERIVATION = "It follows, because a square has no sign."
MOUNT = "from google.colab import drive\ndrive.mount('/content/drive')"


def text_cell(source: str) -> dict:
    return {"cell_type": "markdown", "id": "own", "metadata": {}, "source": source}


def code_cell(source: str) -> dict:
    cell = text_cell(source) | {"cell_type": "code", "id": "own-code"}
    return cell | {"outputs": [], "execution_count": None}


def after(notebook: dict, name: str, cell: dict) -> dict:
    at = notebook["cells"].index(cell_of(notebook, name))
    notebook["cells"].insert(at + 1, cell)
    return notebook


def colab_picture() -> str:
    """A photograph as Colab pastes it: 3 MB of base64 in the text."""
    noise = Image.effect_noise((2400, 1800), 90).convert("RGB")
    buffer = io.BytesIO()
    noise.save(buffer, "PNG")
    text = base64.b64encode(buffer.getvalue()).decode()
    return f"![paper.png](data:image/png;base64,{text})"


def retyped(exam) -> dict:
    notebook = handed_in(exam, CODE)
    notebook["cells"].remove(cell_of(notebook, "why"))
    notebook["cells"].append(text_cell(DERIVATION))
    return notebook


def merged_upwards(exam) -> dict:
    notebook = handed_in(exam, CODE)
    cell_of(notebook, "why")
    question = notebook["cells"][-2]
    question["source"] += f"\n\n{DERIVATION}"
    notebook["cells"].pop()
    return notebook


def under_the_question(exam) -> dict:
    notebook = handed_in(exam, CODE)
    notebook["cells"][-2]["source"] += f"\n{DERIVATION}"
    return notebook


CODE = {name: RIGHT[name] for name in ("square", "cube")}
WRITTEN = {
    "newcell": lambda e: after(handed_in(e, CODE), "why", text_cell(DERIVATION)),
    "retyped": retyped,
    "merged": merged_upwards,
    "question": under_the_question,
    "colab": lambda e: after(handed_in(e, CODE), "why", text_cell(colab_picture())),
}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    course, exam = tiny_course(tmp_path_factory.mktemp("class"))
    for student, make in WRITTEN.items():
        hand_in(course, student, make(exam))
    hand_in(course, "blank", handed_in(exam, CODE))
    wrong = handed_in(exam, RIGHT | {"cube": "def cube(x):\n    return 0"})
    wrong["cells"].insert(1, code_cell(MOUNT))
    hand_in(course, "mount", wrong)
    status = main(["grade", "t1", "--course", str(course.root), "--workers", "1"])
    assert status == 0
    return course, {each.result.student: each for each in read_class(course, NAME)}


@pytest.mark.parametrize("student", WRITTEN)
def test_an_answer_outside_its_cell_waits_for_a_person(graded, student):
    assert graded[1][student].waiting == 4


@pytest.mark.parametrize("student", WRITTEN)
def test_the_code_beside_such_an_answer_has_its_points(graded, student):
    assert graded[1][student].points == 5


@pytest.mark.parametrize("student", sorted(set(WRITTEN) - {"colab"}))
def test_the_person_who_grades_sees_such_an_answer(graded, student):
    text = graded[0].autograded(NAME, student).read_text("utf-8")
    assert DERIVATION in text


def test_a_picture_in_a_text_is_an_attachment_for_who_grades(graded):
    notebook = json.loads(graded[0].autograded(NAME, "colab").read_text("utf-8"))
    (cell,) = (c for c in notebook["cells"] if "attachment:" in "".join(c["source"]))
    assert "data:" not in "".join(cell["source"])
    assert list(cell["attachments"]["picture-1.jpeg"]) == ["image/jpeg"]


def test_an_answer_without_a_word_is_blank(graded):
    assert graded[1]["blank"].waiting == 0
    assert given(graded[0], NAME)["blank", "why"].auto == 0


def test_a_wrong_value_is_named_and_not_an_unrelated_error_before(graded):
    (cube,) = (
        s.cell for s in graded[1]["mount"].scores if s.cell.grade_id == "cube-test"
    )
    assert "colab" not in json.dumps([cube.error, cube.idea]).lower()
    assert cube.idea == "the cube"


def test_an_unchanged_copy_of_an_earlier_release_is_no_edit(tmp_path):
    from tiny_assignment import SOURCE, submission, tiny_exam

    from autograder.judge.rebuild import intake

    old = tiny_exam(tmp_path / "old", SOURCE.replace("lines = [f", "rows = lines = [f"))
    new = tiny_exam(tmp_path / "new")
    made = intake(submission(copy.deepcopy(handed_in(old))), new)
    assert "was edited" not in " ".join(made.repairs)
    assert "rows = lines" not in made.notebook


PARTIAL = '''score = 0
if cube(2) == 8:
    score += 1
if cube(3) == 27:
    score += 2
score
'''


def test_a_test_that_ends_in_a_number_gives_so_many_points(tmp_path):
    from tiny_assignment import SOURCE

    course, exam = tiny_course(
        tmp_path, SOURCE.replace('check(cube(2), 8, "the cube")\n', PARTIAL)
    )
    hand_in(course, "half", handed_in(exam, RIGHT | {"cube": "cube = lambda x: 4 * x"}))
    hand_in(course, "full", handed_in(exam))
    hand_in(course, "none", handed_in(exam, RIGHT | {"cube": "cube = lambda x: 0"}))
    main(["grade", "t1", "--course", str(course.root), "--workers", "1"])
    points = {each.result.student: each.points for each in read_class(course, NAME)}
    assert points == {"half": 3, "full": 5, "none": 2}
