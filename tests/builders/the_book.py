"""The book's sources, read once for all test modules. Nobody may change them."""

from functools import cache
from pathlib import Path

from tools.notebooks.tree import Tree


@cache
def the_book() -> Tree:
    return Tree(Path(__file__).parents[2])
