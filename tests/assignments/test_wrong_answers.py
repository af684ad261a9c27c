"""Wrong answers that are no known mistakes: what a student is told of them.

Each loses points. Most are told the name of a mistake, or what is right about them: a
shape, a factor, the simpler cases in which they are right. And none is told the name of
another mistake: which name each gets stands beside it, looked through by a person.
"""

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from quick_runner import (
    FOLDERS,
    HIDDEN,
    Failures,
    assignment,
    cells,
    concerned,
    grade_id,
    run,
)

from flowbook.checks import CheckFailed
from flowbook.exercises.assignment import AnswerStopped
from tools.numbers import changed

SHARE = 0.8
KIND = re.compile(r"expected (shape|dtype|an? |the (pair|triple))")
SEEN = re.compile(r"(got|chance:) \S+\. \S")  # a sentence behind the numbers
COUNTED = ("the number of", "the shape")  # ideas that say themselves what is wrong
COPIED = re.compile(r"got \S+\. Right (is|are) the columns? [\d, ]+\.$")
COPYING = ("a4-mirror", "a4-rational")  # that copied features are right is no help


class Wrong(NamedTuple):
    """A wrong answer: `group` says when it was thought of."""

    group: str
    answer: str
    name: str
    changes: list[str]
    called: str | None


@cache
def wrong_answers(folder: Path) -> list[Wrong]:
    with (folder / "wrong_answers.toml").open("rb") as file:
        groups = tomllib.load(file)
    named = groups.pop("named")
    return [
        Wrong(group, answer, name, changes, named.get(answer, {}).get(name))
        for group, answers in groups.items()
        for answer, each in answers.items()
        for name, changes in each.items()
    ]


WITH = [folder for folder in FOLDERS if (folder / "wrong_answers.toml").is_file()]
each_wrong = pytest.mark.parametrize(
    ("folder", "wrong"),
    [
        pytest.param(folder, wrong, id=f"{wrong.answer}-{wrong.name}")
        for folder in WITH
        for wrong in wrong_answers(folder)
    ],
)


@cache
def failures(folder: Path, name: str, answer: str) -> Failures:
    (wrong,) = (
        w for w in wrong_answers(folder) if (w.name, w.answer) == (name, answer)
    )
    notebook = assignment(folder)
    tests = concerned(notebook, answer)
    for cell in cells(notebook, solution=True, grade=False):
        if grade_id(cell) == answer:
            cell.source = changed(cell.source, wrong.changes)
    for cell in cells(notebook, grade=True, solution=False):
        cell.source = HIDDEN.split(cell.source)[0]  # what a student sees
    torch.manual_seed(0)
    return run(notebook, tests=tests)


def first(folder: Path, wrong: Wrong) -> Exception | None:
    """What the first failing check of the notebook says."""
    found = failures(folder, wrong.name, wrong.answer).values()
    return next((each["visible"][0] for each in found), None)


def is_told(wrong: Wrong, said: Exception) -> bool:
    """Whether a sentence names the mistake, or says what of the answer is right."""
    if isinstance(said, AnswerStopped):
        return True
    assert isinstance(said, CheckFailed), repr(said)
    if said.mistake or said.idea.startswith(COUNTED) or KIND.match(said.problem):
        return True
    if wrong.answer in COPYING and COPIED.search(said.problem):
        return False
    return bool(SEEN.search(said.problem))


@each_wrong
def test_a_wrong_answer_fails_a_visible_check(folder, wrong):
    assert first(folder, wrong) is not None


@each_wrong
def test_a_wrong_answer_is_called_by_its_own_name_or_by_none(folder, wrong):
    assert getattr(first(folder, wrong), "mistake", None) == wrong.called


@pytest.mark.parametrize(
    ("folder", "group"),
    [
        pytest.param(folder, group, id=f"{group}-{folder.name}")
        for folder in WITH
        for group in dict.fromkeys(wrong.group for wrong in wrong_answers(folder))
    ],
)
def test_four_in_five_wrong_answers_are_told_what_is_wrong_or_right(folder, group):
    chosen = [wrong for wrong in wrong_answers(folder) if wrong.group == group]
    untold = [w for w in chosen if not is_told(w, first(folder, w))]
    assert len(chosen) >= 8
    share = 1 - len(untold) / len(chosen)
    assert share >= SHARE, "\n".join(f"{w.answer}: {w.name}" for w in untold)


@pytest.mark.parametrize("folder", WITH, ids=lambda path: path.name)
def test_some_wrong_answers_were_thought_of_before_the_known_ones_were_read(folder):
    assert {"before", "after"} <= {wrong.group for wrong in wrong_answers(folder)}


@pytest.mark.parametrize("folder", WITH, ids=lambda path: path.name)
def test_every_name_belongs_to_a_wrong_answer(folder):
    with (folder / "wrong_answers.toml").open("rb") as file:
        named = tomllib.load(file)["named"]
    known = {(wrong.answer, wrong.name) for wrong in wrong_answers(folder)}
    assert {(a, n) for a, names in named.items() for n in names} <= known
