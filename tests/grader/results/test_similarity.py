"""Near-identical submissions are found, renamed or not; what all write is not one."""

import json
import random

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from autograder.model import Outcome, Result
from autograder.results import similarity
from autograder.results.similarity import (
    LEAST,
    MOST,
    SHARE,
    answers,
    pieces,
    similar_pairs,
)

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


def drafts(seed: int, number: int) -> list[Result]:
    """A class in which many have taken lines of a few others, more or less of them."""
    draw = random.Random(seed)
    sources = [essay(i).splitlines() for i in range(number // 4)]
    found = []
    for i in range(number):
        lines = list(draw.choice(sources))
        for _ in range(draw.randrange(12)):
            lines[draw.randrange(1, 20)] = draw.choice(essay(1000 + i).splitlines()[1:])
        found.append(submitted(f"s{i:03}", "\n".join(lines)))
    return found


def every_pair(results: list[Result]) -> list[tuple[float, str, str]]:
    """All pairs by the whole product, as scikit-learn weighs them; the best first."""
    bags = [pieces(answers(each)["answer"][1]) for each in results]
    weigh = TfidfVectorizer(analyzer=lambda bag: bag, max_df=0.5, sublinear_tf=True)
    weights = weigh.fit_transform(bags).toarray()
    cosine, enough = weights @ weights.T, (weights > 0).sum(axis=1) >= LEAST
    found = [
        (round(float(cosine[i, j]), 4), results[i].student, results[j].student)
        for i in range(len(results))
        for j in range(i + 1, len(results))
        if enough[i] and enough[j] and cosine[i, j] >= SHARE
    ]
    return sorted(found, key=lambda pair: -pair[0])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("room", [1, 4_000_000], ids=["a row at once", "all at once"])
def test_the_best_pairs_are_those_of_the_whole_product(seed, room, monkeypatch):
    monkeypatch.setattr(similarity, "ENTRIES", room)
    results = drafts(seed, 80)
    expected = every_pair(results)
    assert len(expected) > MOST
    found = similar_pairs(results)
    shares = [round(pair.share, 4) for pair in found]
    assert shares == pytest.approx([share for share, *_ in expected[:MOST]], abs=2e-4)
    assert {(p.first, p.second) for p in found} <= {(a, b) for _, a, b in expected}


def test_all_pairs_are_there_where_they_are_few():
    results = [*a_class(40), *(submitted(f"c{i}", essay(i)) for i in range(5))]
    found = {(pair.first, pair.second) for pair in similar_pairs(results)}
    assert found == {(f"s{i}", f"c{i}") for i in range(5)}
