"""Near-identical submissions are found, renamed or not; what all write is not one."""

import json
import random

from autograder.model import Outcome, Result
from autograder.results.similarity import LEAST, pieces, similar_pairs

WORDS = ("exp", "log", "sum", "mean", "tanh", "sqrt", "sin", "cos", "square", "abs")


def essay(seed: int, names: str = "abcdefgh", lines: int = 20) -> str:
    """A program of its own for each seed, with the names given."""
    draw = random.Random(seed)
    body = []
    for _ in range(lines):
        left, one, two = draw.choices(range(len(names)), k=3)
        calls = ".".join(f"{word}()" for word in draw.choices(WORDS, k=3))
        sign, number = draw.choice("+-*/"), draw.randint(2, 99)
        body.append(
            f"    {names[left]} = {names[one]}.{calls} {sign} {number} * {names[two]}"
        )
    return "\n".join([f"def f({', '.join(names)}):", *body, f"    return {names[0]}"])


def submitted(student: str, code: str, cell: str = "answer") -> Result:
    meta = {"nbgrader": {"grade_id": cell, "solution": True, "grade": False}}
    cells = [
        {"cell_type": "markdown", "id": "h", "metadata": {}, "source": "## Exercise 1"},
        {"cell_type": "code", "id": "a", "metadata": meta, "source": code},
    ]
    return Result(student, "a1", Outcome.GRADED, notebook=json.dumps({"cells": cells}))


def a_class(n: int = 9) -> list[Result]:
    return [submitted(f"s{i}", essay(i)) for i in range(n)]


def test_independent_programs_are_not_alike():
    assert similar_pairs(a_class()) == []


def test_a_copy_is_found_and_shown_side_by_side():
    (pair,) = similar_pairs([*a_class(), submitted("copy", essay(3))])
    assert {pair.first, pair.second} == {"s3", "copy"}
    assert pair.share > 0.999
    assert pair.cells == (("Exercise 1", essay(3), essay(3)),)


def test_new_names_comments_and_spaces_hide_nothing():
    disguised = essay(3, "pqrstuvw").replace("    ", "  # mine\n    ")
    (pair,) = similar_pairs([*a_class(), submitted("copy", disguised)])
    assert {pair.first, pair.second} == {"s3", "copy"}
    assert pair.share > 0.9


def test_half_a_copy_is_not_called_the_same():
    half = essay(3, lines=20).splitlines()[:11] + essay(77).splitlines()[11:]
    assert similar_pairs([*a_class(), submitted("half", "\n".join(half))]) == []


def test_what_most_of_the_class_wrote_is_no_likeness():
    shared = [submitted(f"s{i}", essay(0)) for i in range(8)]
    assert similar_pairs([*shared, submitted("other", essay(1))]) == []


def test_short_answers_are_never_called_the_same():
    short = "def f(x):\n    return x.exp() - 3 * x"
    assert len(pieces(short)) < LEAST
    assert similar_pairs([submitted("a", short), submitted("b", short)]) == []


def test_two_students_alone_are_compared():
    results = [submitted("a", essay(1)), submitted("b", essay(1))]
    assert len(similar_pairs(results)) == 1


def test_code_that_is_no_python_is_compared_as_far_as_it_goes():
    broken = essay(5) + "\n    x = (1,\n"
    (pair,) = similar_pairs(
        [*a_class(5), submitted("a", broken), submitted("b", broken)]
    )
    assert {pair.first, pair.second} == {"a", "b"}


def test_a_submission_that_did_not_run_is_left_out():
    nothing = Result("none", "a1", Outcome.INVALID, reason="broken")
    assert similar_pairs([nothing, *a_class()]) == []
