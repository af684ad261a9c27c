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
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from autograder.assignment.cells import cell_titles, grade_id, is_answer
from autograder.model import Result

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

PIECE = 5  # tokens
LEAST = 40  # different unusual pieces, below which chance makes alike
SHARE = 0.7
MOST = 20  # pairs that a person is asked to read
HASHES = 2**31 - 1  # different hashes of pieces
DIGITS = 6  # of a share: what is beyond is the rounding of its sum
SLACK = 1e-5  # for the rounding of weights
RISE = 0.02  # of the bound, after which fewer pieces are looked at
ENTRIES = 4_000_000  # of the part of the product that is in memory
AT_ONCE = 4096  # rows
KEPT = frozenset(keyword.kwlist) | frozenset(dir(builtins))
SILENT = (
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
)


def as_it_is(given: Any) -> Any:
    """The same."""
    return given


@dataclass(frozen=True)
class Pair:
    """Two students, the share of unusual code in common (0 to 1), and what to read.

    `cells` holds the answers that are alike: title, the first one's, the second's.
    """

    first: str
    second: str
    share: float
    cells: tuple[tuple[str, str, str], ...]


def similar_pairs(
    results: Iterable[Result], whole: Callable[[Result], Result] = as_it_is
) -> list[Pair]:
    """The pairs of near-identical submissions, the most alike first; at most MOST.

    `whole` gives a result with its notebook. One notebook is in memory at a time, and
    of each submission only the hashes of its pieces stay.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    written: list[Result] = []

    def bags() -> Iterator[list[str]]:
        for each in results:
            code = answers(whole(each)).values()
            if bag := [piece for _, text in code for piece in pieces(text)]:
                written.append(each)
                yield bag

    count = HashingVectorizer(
        analyzer=as_it_is,
        n_features=HASHES,
        alternate_sign=False,
        norm=None,
        dtype=np.float32,
    )
    rest = bags()
    if (first := next(rest, None)) is None:  # nobody wrote anything
        return []
    try:
        weights = weighed(count.transform(chain([first], rest)))
    except ValueError:  # nothing is left that fewer than half of them wrote
        return []
    enough = np.flatnonzero(np.diff(weights.indptr) >= LEAST)
    closest = closest_rows(weights[enough])
    pairs = [(share, written[enough[i]], written[enough[j]]) for share, i, j in closest]
    return [
        Pair(
            one.student,
            other.student,
            share,
            in_common(answers(whole(one)), answers(whole(other))),
        )
        for share, one, other in pairs
    ]


def weighed(counts: "csr_matrix") -> "csr_matrix":
    """The weights of pieces (a row a submission, of length 1), the rarest piece first.

    Raises ValueError where nothing is left to weigh.
    """
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import TfidfTransformer

    rows = counts.shape[0]
    found, columns = np.unique(counts.indices, return_inverse=True)
    frequency = np.bincount(columns, minlength=len(found))
    order = np.argsort(frequency, kind="stable")
    rank = np.empty(len(found), dtype=np.int32)
    rank[order] = np.arange(len(found), dtype=np.int32)
    # In a class of two or three there is no rest of the class to compare with.
    common = 0.5 if rows > 3 else 1.0
    kept = int((frequency <= common * rows).sum())
    ranked = csr_matrix(
        (counts.data, rank[columns], counts.indptr), shape=(rows, len(found))
    )[:, :kept]
    weights = TfidfTransformer(sublinear_tf=True).fit_transform(ranked)
    weights.sort_indices()
    return weights


def closest_rows(weights: "csr_matrix") -> list[tuple[float, int, int]]:
    """The MOST pairs of rows with the largest cosine of at least SHARE, and which.

    Exact, and without the product of all rows: two rows that are so alike share a piece
    among the rarest of both, of which each has a few (prefix filtering, Bayardo, Ma and
    Srikant 2007). The bound rises with the best pairs found so far.
    """
    number = weights.shape[0]
    best = np.empty((3, 0))
    floor, filtered, start, rows = SHARE, 0.0, 0, 1
    while start < number and floor < 1.0:
        if floor >= filtered + RISE:
            rare, filtered = rare_part(weights, floor), floor
            by_piece = rare.T.tocsr()
        stop = min(start + rows, number)
        near = np.unique((rare[start:stop] @ by_piece).indices)
        near = near[near > start]
        shares = (weights[start:stop] @ weights[near].T).tocoo()
        first, second = shares.row + start, near[shares.col]
        share = shares.data.round(DIGITS)
        good = (first < second) & (share >= floor)
        found = np.vstack([share[good], first[good], second[good]])
        best = np.hstack([best, found])
        best = best[:, np.lexsort((best[2], best[1], -best[0]))[:MOST]]
        floor = best[0, -1] if best.shape[1] == MOST else SHARE
        start, rows = stop, min(2 * rows, max(1, ENTRIES // number))
    return [(float(share), int(i), int(j)) for share, i, j in best.T]


def rare_part(weights: "csr_matrix", floor: float) -> "csr_matrix":
    """Of each row the rarest pieces: what is after them is too little for the floor."""
    from scipy.sparse import csr_matrix

    kept, lengths = np.empty(weights.nnz, dtype=bool), np.diff(weights.indptr)
    number = weights.shape[0]
    for start in range(0, number, AT_ONCE):
        stop = min(start + AT_ONCE, number)
        begin, end = weights.indptr[start], weights.indptr[stop]
        squares = weights.data[begin:end].astype(float) ** 2
        before = np.cumsum(squares) - squares
        heads = before[weights.indptr[start:stop] - begin]
        before -= np.repeat(heads, lengths[start:stop])
        kept[begin:end] = before <= 1.0 - floor**2 + SLACK
    ends = np.concatenate([[0], np.cumsum(kept)])[weights.indptr]
    data, indices = weights.data[kept], weights.indices[kept]
    return csr_matrix((data, indices, ends), shape=weights.shape)


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
