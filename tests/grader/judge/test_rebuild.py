"""Whatever is handed in is rebuilt on the release's cells, or refused with a reason."""

import copy
import json

import nbformat
import pytest
from tiny_assignment import (
    CUBE,
    NAME,
    RIGHT,
    SQUARE,
    cell_of,
    handed_in,
    submission,
    tiny_exam,
)

from autograder.assignment.cells import grade_id, is_added, is_answer
from autograder.judge.read_file import MAX_BYTES, RefusedError
from autograder.judge.rebuild import MAX_CELLS, intake

DOT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9aw"
    "AAAABJRU5ErkJggg=="
)
IMAGE = {"photo.png": {"image/png": DOT}}


@pytest.fixture(scope="module")
def exam(tmp_path_factory):
    return tiny_exam(tmp_path_factory.mktemp("exam"))


def rebuilt(exam, notebook, filename=f"{NAME}.ipynb"):
    """The rebuilt notebook's cells, and the repairs as one text."""
    made = intake(submission(notebook, filename), exam)
    notebook = json.loads(made.notebook)
    nbformat.validate(nbformat.from_dict(notebook))
    return notebook, "\n".join(made.repairs)


def code(source, **metadata):
    return {"cell_type": "code", "metadata": metadata, "source": source, "id": "own"}


def position(notebook, name):
    return notebook["cells"].index(cell_of(notebook, name))


def is_the_exam_with_right_answers(notebook, exam):
    """Nothing of the student's is in the notebook but the sources of the answers."""
    given = [cell for cell in notebook["cells"] if not is_added(cell)]
    assert len(given) == len(exam.cells)
    for cell, original in zip(given, exam.cells, strict=True):
        if is_answer(original):
            assert cell["source"] == RIGHT[grade_id(original)]
            cell = cell | {"source": original["source"]}
        assert cell == original
    return True


def test_an_honest_submission_needs_no_repair(exam):
    notebook, repairs = rebuilt(exam, handed_in(exam))
    assert is_the_exam_with_right_answers(notebook, exam)
    assert repairs == ""


# --- harmless damage: (what is done to the notebook, what the student is told) -------


def edit_test(notebook):
    cell_of(notebook, "cube-test")["source"] = "assert True"


def delete_test(notebook):
    notebook["cells"].remove(cell_of(notebook, "cube-test"))


def delete_prose(notebook):
    del notebook["cells"][0]


def duplicate_test(notebook):
    cell = copy.deepcopy(cell_of(notebook, "cube-test"))
    notebook["cells"].append(cell | {"source": "assert True"})


def move(notebook):
    cells = notebook["cells"]
    cells.insert(0, cells.pop(position(notebook, "cube")))


def swap_ids(notebook):
    one, two = cell_of(notebook, "square-test"), cell_of(notebook, "cube-test")
    one["metadata"], two["metadata"] = two["metadata"], one["metadata"]


def retype_answer(notebook):
    cell = cell_of(notebook, "cube")
    cell["cell_type"] = "markdown"
    del cell["outputs"], cell["execution_count"]


def change_points(notebook):
    cell_of(notebook, "cube-test")["metadata"]["nbgrader"]["points"] = 1000


def change_lock(notebook):
    cell_of(notebook, "cube-test")["metadata"]["nbgrader"]["solution"] = True


def skip_test(notebook):
    cell_of(notebook, "cube-test")["metadata"]["tags"] = ["skip-execution"]


def future_schema(notebook):
    cell_of(notebook, "cube-test")["metadata"]["nbgrader"]["schema_version"] = 99


def lose_metadata(notebook):
    for cell in notebook["cells"]:
        cell["metadata"] = {}


def rename_id(notebook):
    cell_of(notebook, "cube")["metadata"]["nbgrader"]["grade_id"] = "kube"


def other_kernel(notebook):
    notebook["metadata"] = {"kernelspec": {"name": "evil", "display_name": "x"}}


def windows(notebook):
    for name in ("square", "cube"):
        cell = cell_of(notebook, name)
        cell["source"] = cell["source"].replace("\n", "\r\n")


def minor(notebook):
    notebook["nbformat_minor"] = 99


def old_minor(notebook):
    notebook["nbformat_minor"] = 0
    for cell in notebook["cells"]:
        del cell["id"]


def damaged_cells(notebook):
    notebook["cells"] += [
        None,
        7,
        {},
        {"cell_type": 3},
        {"cell_type": "code", "source": [1]},
    ]


def lists(notebook):
    for cell in notebook["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)


def wild_metadata(notebook):
    notebook["cells"][0]["metadata"] = []
    notebook["cells"][1]["metadata"] = {"nbgrader": [1], "tags": {"a": 1}}
    notebook["cells"][3]["metadata"]["nbgrader"]["points"] = {"a": [float("nan")]}


HARMLESS = {
    "an edited test": (edit_test, "test cell 'cube-test' was edited"),
    "a deleted test": (delete_test, "test cell 'cube-test' was deleted"),
    "deleted prose": (delete_prose, "text cell '# A tiny assignment' was deleted"),
    "a duplicated test": (duplicate_test, "test cell 'cube-test' was edited"),
    "a moved answer": (move, "moved"),
    "swapped tests": (swap_ids, "edited"),
    "a retyped answer": (retype_answer, "turned back into code"),
    "changed points": (change_points, "'cube-test' was changed (points)"),
    "a changed lock": (change_lock, "'cube-test' was changed (solution)"),
    "a skipped test": (skip_test, "'cube-test' was changed (tags)"),
    "a future schema": (future_schema, ""),
    "lost metadata": (lose_metadata, "'cube' had lost its name"),
    "a renamed cell": (rename_id, "'cube' had lost its name"),
    "an unknown kernel": (other_kernel, ""),
    "Windows line ends": (windows, "Windows"),
    "an unknown minor version": (minor, ""),
    "format 4.0": (old_minor, ""),
    "cells that are none": (damaged_cells, "damaged cells"),
    "sources as lists": (lists, ""),
    "wild metadata": (wild_metadata, ""),
}


@pytest.mark.parametrize("case", HARMLESS.values(), ids=HARMLESS)
def test_harmless_damage_is_repaired_and_reported(exam, case):
    damage, told = case
    notebook = handed_in(exam)
    damage(notebook)
    made, repairs = rebuilt(exam, notebook)
    assert is_the_exam_with_right_answers(made, exam)
    assert told in repairs


@pytest.mark.parametrize(
    ("encode", "told"),
    [
        (lambda text: text.encode("utf-8-sig"), "byte-order mark"),
        (lambda text: text.encode("utf-16"), "byte-order mark"),
        (lambda text: text.replace("\n", "\r\n").encode(), ""),
        (lambda text: text.replace("It follows", "\xe9").encode("latin-1"), "Latin-1"),
        (lambda text: b"\n\n " + text.encode(), ""),
    ],
    ids=["BOM", "UTF-16", "CRLF between tokens", "latin-1", "blank lines first"],
)
def test_other_encodings_are_read(exam, encode, told):
    text = json.dumps(handed_in(exam), ensure_ascii=False, indent=1)
    made, repairs = rebuilt(exam, encode(text))
    assert cell_of(made, "cube")["source"] == CUBE
    assert told in repairs


@pytest.mark.parametrize("character", ["\ud800", "\0"])
def test_characters_that_are_no_text_are_replaced(exam, character):
    answers = RIGHT | {"why": f"so{character}"}
    made, repairs = rebuilt(exam, handed_in(exam, answers))
    assert cell_of(made, "why")["source"] == "so\ufffd"
    assert "no text" in repairs
    json.dumps(made, ensure_ascii=False).encode("utf-8")


@pytest.mark.parametrize("name", ["t1 (1).ipynb", "notebook.json", "t1_tiny.ipynb.txt"])
def test_a_renamed_notebook_is_graded_and_told(exam, name):
    made, repairs = rebuilt(exam, handed_in(exam), name)
    assert is_the_exam_with_right_answers(made, exam)
    assert name in repairs


@pytest.mark.parametrize("version", [3])
def test_an_older_format_is_converted(exam, version):
    new = nbformat.from_dict(handed_in(exam))
    old = json.loads(nbformat.writes(new, version=version))  # as on the disk
    code = [c for c in old["worksheets"][0]["cells"] if c["cell_type"] == "code"]
    assert any(isinstance(cell["input"], list) for cell in code)
    made, repairs = rebuilt(exam, old)
    assert cell_of(made, "cube")["source"] == CUBE
    assert "old format 3" in repairs


# --- what the student adds ----------------------------------------------------------


@pytest.mark.parametrize("name", ["square", "square-test", "cube"])
def test_an_added_cell_stays_where_it_stands(exam, name):
    notebook = handed_in(exam)
    notebook["cells"].insert(position(notebook, name), code("helper = 1"))
    made, repairs = rebuilt(exam, notebook)
    assert made["cells"][position(made, name) - 1]["source"] == "helper = 1"
    assert "1 added cell was kept" in repairs


def test_cells_added_at_both_ends_stay_there(exam):
    notebook = handed_in(exam)
    notebook["cells"] = [code("first"), *notebook["cells"], code("last")]
    made, _ = rebuilt(exam, notebook)
    assert made["cells"][0]["source"] == "first"
    assert made["cells"][-1]["source"] == "last"


def test_an_added_cell_keeps_no_metadata_and_no_type_of_its_own(exam):
    notebook = handed_in(exam)
    nbgrader = {"grade": True, "grade_id": "mine", "points": 99, "solution": False}
    own = code("x = 1", nbgrader=nbgrader, tags=["skip-execution"])
    notebook["cells"] += [own, own | {"cell_type": "evil"}]
    made, _ = rebuilt(exam, notebook)
    assert [cell["metadata"] for cell in made["cells"][-2:]] == [
        {"autograder": {"extra": True}}
    ] * 2
    assert made["cells"][-1]["cell_type"] == "raw"


def test_a_split_answer_runs_in_the_students_order(exam):
    notebook = handed_in(exam, RIGHT | {"cube": "def cube(x):\n    return p(x)"})
    at = position(notebook, "cube")
    first = copy.deepcopy(notebook["cells"][at]) | {"source": "def p(x): return x**3"}
    notebook["cells"][at:at] = [first, code("between = 1")]
    made, repairs = rebuilt(exam, notebook)
    at = position(made, "cube")
    sources = [cell["source"] for cell in made["cells"][at - 2 : at + 1]]
    assert sources == [
        "def p(x): return x**3",
        "between = 1",
        "def cube(x):\n    return p(x)",
    ]
    assert "is there 2 times" in repairs


def test_an_untouched_copy_does_not_undo_an_answer(exam):
    notebook = handed_in(exam)
    stub = next(cell for cell in exam.cells if grade_id(cell) == "cube")
    notebook["cells"].append(copy.deepcopy(stub))
    made, _ = rebuilt(exam, notebook)
    assert is_the_exam_with_right_answers(made, exam)
    assert len(made["cells"]) == len(exam.cells)


def test_an_edited_given_cell_runs_after_the_original(exam):
    notebook = handed_in(exam)
    notebook["cells"][1]["source"] += "\nimport math"
    made, repairs = rebuilt(exam, notebook)
    assert is_the_exam_with_right_answers(made, exam)
    assert made["cells"][2]["source"].endswith("import math")
    assert "the original runs first" in repairs


def test_a_deleted_answer_counts_as_not_answered(exam):
    notebook = handed_in(exam)
    notebook["cells"].remove(cell_of(notebook, "cube"))
    made, repairs = rebuilt(exam, notebook)
    assert "NotImplementedError" in cell_of(made, "cube")["source"]
    assert "answer cell 'cube' was deleted; it counts as not answered" in repairs


def test_a_pasted_photograph_of_a_derivation_is_kept(exam):
    notebook = handed_in(exam)
    cell_of(notebook, "why")["attachments"] = IMAGE
    made, _ = rebuilt(exam, notebook)
    (picture,) = cell_of(made, "why")["attachments"].values()
    assert picture == {"image/png": DOT}


@pytest.mark.parametrize(
    "attachments",
    [
        {"x.svg": {"image/svg+xml": "<svg onload='x'/>"}},
        {"x.png": {"image/png": '"><script>'}},
        {"x.png": {"image/png": ["a"]}},
        {"x.png": "text"},
        [1],
        {"x.png": {"image/png": "A" * 6_000_000}},
    ],
    ids=["svg", "not base64", "a list", "no bundle", "no mapping", "too large"],
)
def test_other_attachments_are_left_out(exam, attachments):
    notebook = handed_in(exam)
    cell_of(notebook, "why")["attachments"] = attachments
    made, _ = rebuilt(exam, notebook)
    assert "attachments" not in cell_of(made, "why")


# --- refused ------------------------------------------------------------------------


def text_of(exam):
    return json.dumps(handed_in(exam), indent=1)


def merged(exam):
    lines = text_of(exam).split("\n")
    lines[3:3] = ["<<<<<<< HEAD", "=======", ">>>>>>> theirs"]
    return "\n".join(lines).encode()


def other_assignment(exam):
    notebook = handed_in(exam)
    for cell in notebook["cells"]:
        cell["id"] = "x" + cell["id"]
        if grade_id(cell):
            cell["metadata"]["nbgrader"]["grade_id"] = "other-" + grade_id(cell)
    return json.dumps(notebook).encode()


def no_answers(exam):
    notebook = handed_in(exam)
    notebook["cells"] = [code("print(1)")]
    return json.dumps(notebook).encode()


def as_json(value):
    return lambda exam: json.dumps(value).encode()


REFUSED = {
    "empty": (lambda exam: b"", "empty"),
    "blank": (lambda exam: b" \n ", "empty"),
    "truncated": (lambda exam: text_of(exam).encode()[:-200], "cut short"),
    "truncated in a string": (lambda exam: b'{"cells": [{"source": "def', "cut short"),
    "merge markers": (merged, "merge markers"),
    "another assignment": (other_assignment, "another assignment"),
    "no answer cell": (no_answers, "None of the answer cells"),
    "no cells": (as_json({"cells": [], "nbformat": 4}), "no cells"),
    "cells of no kind": (as_json({"cells": 7, "nbformat": 4}), "not a Jupyter"),
    "a list": (as_json([]), "not a Jupyter notebook"),
    "other JSON": (as_json({"a": 1}), "not a Jupyter notebook"),
    "format 5": (as_json({"cells": [{}], "nbformat": 5}), "format 5"),
    "format x": (as_json({"cells": [{}], "nbformat": "x"}), "format x"),
    "a broken format 3": (as_json({"worksheets": 7, "nbformat": 3}), "old format 3"),
    "worksheets of no format": (as_json({"worksheets": [{}]}), "old format None"),
    "deep": (lambda exam: b'{"cells":' + b"[" * 10**6, "nested too deeply"),
    "a huge number": (lambda exam: b'{"cells":' + b"9" * 5000 + b"}", "damaged"),
    "damaged": (lambda exam: b'{"cells": [,]}' + b" " * 9 + b"{}", "damaged at line 1"),
    "bytes": (lambda exam: bytes(range(256)), "not a Jupyter notebook"),
    "too large": (lambda exam: b"{" + b" " * MAX_BYTES + b"}", "40 MB is the most"),
    "too many cells": (
        as_json({"cells": [{"cell_type": "code"}] * (MAX_CELLS + 1), "nbformat": 4}),
        "1000 is the most",
    ),
    "one huge cell": (
        as_json({"cells": [{"cell_type": "code", "source": "x" * 2_000_000}]}),
        "characters",
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_is_no_notebook_is_refused_with_a_reason(exam, case):
    make, reason = case
    with pytest.raises(RefusedError, match=reason) as refusal:
        intake(submission(make(exam)), exam)
    said = str(refusal.value)
    assert "and hand in" in said or "Hand in" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("name", "content"),
    [("answers.pdf", b"%PDF-1.4 \xff\x00"), ("a.py", b"def square(x):\n    pass")],
)
def test_another_kind_of_file_is_named_in_the_reason(exam, name, content):
    with pytest.raises(RefusedError, match=rf"A \.{name.split('.')[1]} file"):
        intake(submission(content, name), exam)


def test_equal_submissions_are_rebuilt_to_equal_notebooks(exam):
    notebook = handed_in(exam, {"square": SQUARE})
    assert rebuilt(exam, notebook) == rebuilt(exam, notebook)
