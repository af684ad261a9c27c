"""An ordinary class, graded by the real command line: nothing written is lost."""

import base64
import copy
import io
import json

import pytest
from PIL import Image
from tiny_assignment import NAME, RIGHT, cell_of, hand_in, handed_in, tiny_course

from autograder.cli import main
from autograder.course.gradebook import recorded
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


def in_the_test_above(exam) -> dict:
    notebook = handed_in(exam, CODE)
    cell_of(notebook, "cube-test")["source"] += f"\n\n# {DERIVATION}"
    return notebook


CODE = {name: RIGHT[name] for name in ("square", "cube")}
WRITTEN = {
    "newcell": lambda e: after(handed_in(e, CODE), "why", text_cell(DERIVATION)),
    "retyped": retyped,
    "merged": merged_upwards,
    "question": under_the_question,
    "test": in_the_test_above,
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
    assert recorded(graded[0], NAME)["blank", "why"].auto == 0


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


PARTIAL = """score = 0
if cube(2) == 8:
    score += 1
if cube(3) == 27:
    score += 2
score
"""


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


# --- what a person did ----------------------------------------------------------------


@pytest.fixture
def marked(tmp_path, capsys):
    """A class of one, graded, with 3 points by hand and a word under the code."""
    course, exam = tiny_course(tmp_path)
    hand_in(course, "ada", handed_in(exam))
    run(course, "grade")
    by_hand(course, "why", 3.0)
    capsys.readouterr()
    return course, exam


def run(course, *words: str) -> int:
    command, *rest = words
    return main([command, "t1", *rest, "--course", str(course.root)])


def by_hand(course, name: str, points: float) -> None:
    with course.gradebook() as gradebook:
        grade = gradebook.find_grade(name, NAME, NAME, "ada")
        grade.manual_score, grade.needs_manual_grade = points, False
        comment = gradebook.find_comment("cube", NAME, NAME, "ada")
        comment.manual_comment = "Neat, but name it."
        gradebook.db.commit()


def page(course) -> str:
    run(course, "feedback")
    return course.feedback(NAME, "ada").read_text("utf-8")


def test_an_answer_changed_under_a_persons_score_is_flagged(marked, capsys):
    course, exam = marked
    hand_in(course, "ada", handed_in(exam, RIGHT | {"why": "Otherwise."}))
    assert run(course, "grade") == 1
    assert "the answer changed after 3 points" in capsys.readouterr().out
    assert run(course, "export") == 1
    assert "look again" in capsys.readouterr().out
    assert "will look at it again" in page(course)


def test_a_score_above_the_points_of_today_is_flagged(marked, capsys):
    course, _ = marked
    by_hand(course, "why", 7.0)
    assert run(course, "export") == 1
    assert "7 points were given by hand, and now it has 4" in capsys.readouterr().out


def test_a_release_after_grading_is_told_by_the_export(marked, capsys):
    from tiny_assignment import SOURCE

    course, _ = marked
    tiny_course(course.root.parent, SOURCE.replace("cube(2), 8", "cube(3), 27"))
    assert run(course, "export") == 1
    assert "released anew" in capsys.readouterr().out
    run(course, "grade")
    capsys.readouterr()
    assert run(course, "export") == 0


def test_a_hand_in_after_grading_is_told_by_the_export(marked, capsys):
    course, exam = marked
    hand_in(course, "ada", handed_in(exam, CODE))
    assert run(course, "export") == 1
    assert "handed in anew" in capsys.readouterr().out


def test_a_comment_under_code_is_on_the_students_page(marked):
    assert "Neat, but name it." in page(marked[0])


def test_a_test_that_a_person_overrode_says_so(marked):
    by_hand(marked[0], "cube-test", 1.0)
    assert "Set by a person; the tests gave 3." in page(marked[0])


def test_a_persons_score_on_a_refused_notebook_counts(tmp_path):
    course, _ = tiny_course(tmp_path)
    hand_in(course, "ada", b"{")
    run(course, "grade")
    by_hand(course, "why", 3.0)
    (ada,) = read_class(course, NAME)
    assert (ada.points, ada.unsettled) == (3.0, None)
    assert "A person looked at it" in page(course)


def test_who_ran_out_of_time_is_graded_again_with_more_time(tmp_path):
    course, exam = tiny_course(tmp_path)
    slow = "import time\ntime.sleep(4)\n" + RIGHT["cube"]
    hand_in(course, "ada", handed_in(exam, RIGHT | {"cube": slow}))
    run(course, "grade", "--cell-seconds", "1")
    (before,) = read_class(course, NAME)
    run(course, "grade", "--cell-seconds", "60")
    (later,) = read_class(course, NAME)
    assert (before.points, later.points) == (2, 5)


# --- the machine ----------------------------------------------------------------------


def test_a_locked_gradebook_is_one_sentence_and_heals(marked, capsys, monkeypatch):
    import sqlite3

    monkeypatch.setattr("autograder.grade.recorder.PATIENCE", 1.0)
    course, exam = marked
    hand_in(course, "ada", handed_in(exam, CODE))
    other = sqlite3.connect(course.root / "gradebook.db")
    other.execute("BEGIN EXCLUSIVE")
    assert run(course, "grade") == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "database is locked" in said
    assert "the same command continues" in said
    other.rollback()
    other.close()
    run(course, "grade")
    assert recorded(course, NAME)["ada", "cube-test"].auto == 3


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_ends_with_a_word(tmp_path, name):
    import signal

    from grading_process import Grading, until

    course, exam = tiny_course(tmp_path)
    slow = "import time\ntime.sleep(30)"
    hand_in(course, "ada", handed_in(exam, RIGHT | {"cube": slow}))
    grading = Grading(course, tmp_path / "temporary", "--workers", "1")
    until(grading.workers, "worker")
    status, said = grading.end(getattr(signal, name))
    assert (status, f"stopped by {name}" in said) == (2, True)
