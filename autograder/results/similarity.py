"""Which submissions share code that the rest of the class did not write.

A hint to read both, never a verdict. Each submission is a bag of five-token pieces of
its code, with the names that a student chose replaced by one sign: renaming hides
nothing. What half the class has is left out (the handed-out text, the obvious line),
the rest is weighted by how rare it is (tf-idf), and two submissions are compared by
the cosine of the angle between their bags, by scikit-learn.
"""

import builtins
import io
import json
import keyword
import tokenize
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from autograder.assignment.cells import cell_titles, grade_id, is_answer
from autograder.model import Result

PIECE = 5  # tokens
LEAST = 40  # different unusual pieces, below which chance makes alike
SHARE = 0.7
MOST = 20  # pairs that a person is asked to read
KEPT = frozenset(keyword.kwlist) | frozenset(dir(builtins))
SILENT = (
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
)


@dataclass(frozen=True)
class Pair:
    """Two students, the share of unusual code in common (0 to 1), and what to read.

    `cells` holds the answers that are alike: title, the first one's, the second's.
    """

    first: str
    second: str
    share: float
    cells: tuple[tuple[str, str, str], ...]


def similar_pairs(results: Sequence[Result]) -> list[Pair]:
    """The pairs of near-identical submissions, the most alike first; at most MOST."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    written = [(each.student, answers(each)) for each in results]
    bags = [
        (
            student,
            cells,
            [piece for _, code in cells.values() for piece in pieces(code)],
        )
        for student, cells in written
    ]
    bags = [bag for bag in bags if bag[2]]
    if len(bags) < 2:
        return []
    # In a class of two or three there is no rest of the class to compare with.
    common = 0.5 if len(bags) > 3 else 1.0
    weigh = TfidfVectorizer(analyzer=lambda bag: bag, max_df=common, sublinear_tf=True)
    try:
        weights = weigh.fit_transform([bag[2] for bag in bags])
    except ValueError:  # nothing is left that fewer than half of them wrote
        return []
    enough = weights.getnnz(axis=1) >= LEAST
    alike = (weights @ weights.T).tocoo()
    found = [
        (share, i, j)
        for i, j, share in zip(alike.row, alike.col, alike.data, strict=True)
        if i < j and share >= SHARE and enough[i] and enough[j]
    ]
    found.sort(key=lambda pair: (-pair[0], pair[1], pair[2]))
    return [
        Pair(bags[i][0], bags[j][0], float(share), in_common(bags[i][1], bags[j][1]))
        for share, i, j in found[:MOST]
    ]


def answers(result: Result) -> dict[str, tuple[str, str]]:
    """The title and the code of each cell that a student wrote, by its name."""
    if result.notebook is None:
        return {}
    cells: list[dict[str, Any]] = json.loads(result.notebook)["cells"]
    cells = [cell | {"source": "".join(cell["source"])} for cell in cells]
    titles, found = cell_titles(cells), {}
    for cell in cells:
        own = is_answer(cell) or cell["metadata"].get("autograder")
        if own and cell["cell_type"] == "code":
            name = grade_id(cell) or cell["id"]
            found[name] = (titles.get(name, "Added cell"), cell["source"])
    return found


def pieces(code: str) -> list[str]:
    """The overlapping pieces of PIECE tokens, without the names that one may choose."""
    signs = []
    after_dot = False
    with suppress(tokenize.TokenError, SyntaxError):  # what comes before still counts
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type in SILENT:
                continue
            sign = token.string
            if token.type == tokenize.NAME and not after_dot and sign not in KEPT:
                sign = "name"
            elif token.type in (tokenize.INDENT, tokenize.DEDENT):
                sign = tokenize.tok_name[token.type]
            after_dot = sign == "."
            signs.append(sign)
    return [" ".join(signs[i : i + PIECE]) for i in range(len(signs) - PIECE + 1)]


def in_common(
    first: dict[str, tuple[str, str]], second: dict[str, tuple[str, str]]
) -> tuple[tuple[str, str, str], ...]:
    """The cells whose pieces are mostly the same in both."""
    alike = []
    for name in first.keys() & second.keys():
        (title, one), (_, other) = first[name], second[name]
        mine, theirs = set(pieces(one)), set(pieces(other))
        if mine and len(mine & theirs) >= SHARE * len(mine | theirs):
            alike.append((title, one, other))
    return tuple(sorted(alike))
