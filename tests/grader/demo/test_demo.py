"""The demonstration class: every mistake once, as students would hand it in."""

import json
from collections import Counter
from pathlib import Path

import pytest

from autograder.assignment.cells import grade_id, is_answer, is_test
from autograder.assignment.exam import student_version
from autograder.demo.students import NAMES, make_class, the_class
from autograder.model import CourseError
from autograder.release.variants import read_variants

NAME = "a9_sums"
CELL = """
```{{code-cell}} ipython3
---
nbgrader: {{grade_id: {name}, grade: {grade}, solution: {solution}, {points} \
locked: {grade}, task: false, schema_version: 3, cell_type: code}}
---
{source}
```
"""
VARIANT = """
```{{code-cell}} ipython3
---
replaces: {replaces}
kind: {kind}
name: {name}
loses: [{replaces}-test]
---
{source}
```
"""
DERIVATION = """
+++ {"nbgrader": {"grade_id": "why", "grade": true, "solution": true, "points": 2, \
"locked": false, "task": false, "schema_version": 3, "cell_type": "markdown"}}

### BEGIN SOLUTION
Because $a + b = b + a$.

So it is.

**Marking scheme.** 1 point for each line.
### END SOLUTION
"""


def task(name):
    solution = f"def {name}(a):\n    ### BEGIN SOLUTION\n    return a + 1\n    "
    answer = CELL.format(
        name=name,
        grade="false",
        solution="true",
        points="",
        source=f"{solution}### END SOLUTION",
    )
    hidden = "### BEGIN HIDDEN TESTS\nassert one(7) == 8\n### END HIDDEN TESTS"
    test = CELL.format(
        name=f"{name}-test",
        grade="true",
        solution="false",
        points="points: 1,",
        source=f"assert {name}(1) == 2\n{hidden}",
    )
    return f"## {name}\n{answer}{test}"


def variant(replaces, kind, name):
    source = f"def {replaces}(a):\n    return '{name}'"
    return VARIANT.format(replaces=replaces, kind=kind, name=name, source=source)


HEAD = "---\njupytext: {text_representation: {extension: .md, format_name: myst}}\n"
HEAD += "kernelspec: {name: python3, display_name: Python 3}\n---\n"


@pytest.fixture
def folder(tmp_path):
    """A small assignment: two tasks, a derivation, four mutants, three alternatives."""
    source = tmp_path / "solutions" / NAME
    source.mkdir(parents=True)
    text = HEAD + task("one") + task("two") + DERIVATION
    (source / f"{NAME}.md").write_text(text, "utf-8")
    variants = [
        variant("one", "mutant", "sign"),
        variant("one", "mutant", "off by one"),
        variant("two", "mutant", "sign"),
        variant("two", "mutant", "no sum"),
        variant("one", "alternative", "loop"),
        variant("one", "alternative", "vector"),
        variant("two", "alternative", "loop"),
    ]
    (source / "variants.md").write_text(HEAD + "".join(variants), "utf-8")
    return source


def cells(content):
    return json.loads(content)["cells"]


def sources(content):
    return {
        grade_id(cell): "".join(cell["source"])
        for cell in cells(content)
        if grade_id(cell)
    }


def told(folder, story):
    return [each for each in the_class(folder) if each.story == story]


def test_the_same_seed_gives_the_same_bytes(folder, tmp_path):
    first = make_class(folder, tmp_path / "one")
    second = make_class(folder, tmp_path / "two")
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    assert the_class(folder, seed=1) != the_class(folder, seed=0)


def test_each_student_has_one_file_and_a_name_that_nobody_else_has(folder, tmp_path):
    to = tmp_path / "class"
    paths = make_class(folder, to)
    students = [path.parent.name for path in paths]
    assert len(students) == len(set(students)) >= 12
    assert set(students) <= set(NAMES)
    assert all(path.parent.parent == to for path in paths)
    assert sorted(p for p in to.rglob("*") if p.is_file()) == sorted(paths)
    assert len(NAMES) == len(set(NAMES))


def test_every_mutant_is_handed_in_exactly_once(folder):
    mutants = [v for v in read_variants(folder) if v.kind == "mutant"]
    texts = [text for each in told_all(folder) for text in sources(each).values()]
    count = Counter(texts)
    assert [count[mutant.source] for mutant in mutants] == [1] * 4


def told_all(folder):
    return [e.content for e in the_class(folder) if e.story != "broken JSON"]


def test_every_alternative_is_handed_in(folder):
    handed = told(folder, "right in another way")
    texts = {text for each in handed for text in sources(each.content).values()}
    others = [v for v in read_variants(folder) if v.kind == "alternative"]
    assert len(handed) == 2
    assert {other.source for other in others} <= texts


def test_some_students_make_one_mistake_and_some_make_several(folder):
    mutants = {v.source for v in read_variants(folder) if v.kind == "mutant"}
    made = [len(mutants & set(sources(c).values())) for c in told_all(folder)]
    assert {1, 2} <= set(made)


def test_a_student_changes_nothing_but_the_answers(folder):
    (right,) = told(folder, "right")
    given = cells(student_version(folder / f"{NAME}.md"))
    for ours, theirs in zip(given, cells(right.content), strict=True):
        changed = {key for key in ours if ours[key] != theirs[key]}
        assert changed == ({"source"} if is_answer(ours) else set())


def test_no_student_hands_in_a_marker_a_hidden_test_or_the_marking_scheme(folder):
    for content in told_all(folder):
        for secret in ("### ", "BEGIN SOLUTION", "one(7)", "Marking scheme"):
            assert secret not in content.decode()
    (right,) = told(folder, "right")
    assert sources(right.content)["why"].endswith("So it is.")


def test_the_damaged_and_the_odd_are_what_they_say(folder):
    blank, half = told(folder, "blank"), told(folder, "half finished")
    assert blank[0].content == student_version(folder / f"{NAME}.md")
    left = ["NotImplementedError" in t for t in sources(half[0].content).values()]
    assert True in left
    assert left[0] is False
    with pytest.raises(json.JSONDecodeError):
        json.loads(told(folder, "broken JSON")[0].content)
    assert told(folder, "a renamed file")[0].filename == f"{NAME} (1).ipynb"
    lost = cells(told(folder, "a deleted test cell")[0].content)
    assert sum(map(is_test, lost)) == 1
    extra = cells(told(folder, "extra cells")[0].content)
    assert sum(not grade_id(cell) and "new-" in cell["id"] for cell in extra) == 3
    assert "while residual > 0" in told(folder, "an endless loop")[0].content.decode()
    assert "sys.stderr" in told(folder, "warnings on stderr")[0].content.decode()


def test_a_folder_with_other_things_in_it_is_refused(folder, tmp_path):
    to = tmp_path / "class"
    make_class(folder, to)
    make_class(folder, to)  # the very class may be written again
    (to / "somebody").mkdir()
    (to / "somebody" / "else.ipynb").write_text("{}", "utf-8")
    with pytest.raises(CourseError, match=r"expected an empty folder.*else\.ipynb"):
        make_class(folder, to)


def test_what_is_missing_is_named(folder):
    (folder / "variants.md").unlink()
    with pytest.raises(CourseError, match=r"variants\.md"):
        the_class(folder)
    (folder / "variants.md").write_text(HEAD + variant("one", "typo", "x"), "utf-8")
    with pytest.raises(CourseError, match="'typo'"):
        the_class(folder)
    (folder / "variants.md").write_text(HEAD + variant("three", "mutant", "x"), "utf-8")
    with pytest.raises(CourseError, match="three"):
        the_class(folder)
    (folder / f"{NAME}.md").unlink()
    with pytest.raises(CourseError, match=rf"{NAME}\.md"):
        the_class(folder)


A1 = Path(__file__).parents[3] / "solutions" / "a1_change_of_variables"


@pytest.mark.skipif(not A1.is_dir(), reason="solutions/ may be kept elsewhere")
def test_the_class_of_the_first_assignment_shows_each_of_its_mistakes():
    handed = the_class(A1)
    names = {v.name for v in read_variants(A1) if v.kind == "mutant"}
    assert 12 <= len(handed) <= len(NAMES)
    assert all(any(name in each.story for each in handed) for name in names)
