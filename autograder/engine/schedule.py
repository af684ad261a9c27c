"""Says how long tests may wait to be judged: until a cell could change what they see.

A copy of the student's process for the tests of each exercise is the costliest part of
judging. Where the exercises only define functions and classes, one copy after all of
them gives the same grades. This is read from the sources; in doubt no test waits.
"""

import ast
import symtable
from functools import lru_cache

from autograder.engine.prepare import Cell
from autograder.static_analysis.effects import Facts, facts_of
from autograder.static_analysis.ready_made import loads

COMPOUND = ast.For | ast.While | ast.If | ast.With | ast.Try | ast.Match
facts_of_given = lru_cache(maxsize=1000)(facts_of)  # the same in a whole class


class Waiting:
    """Follows a notebook's cells; says before which of them tests must be judged."""

    def __init__(self) -> None:
        self.own: dict[str, Facts] = {}  # of the student's cells, by id
        self.some = False  # tests wait
        self.doubt = False  # what a student wrote may remember earlier calls
        self.in_tests = False  # the last cell was a test
        self.imports: set[tuple[str, str]] = set()
        self.values: set[str] = set()  # names of what may be changed in place
        self.values_of_s: set[str] = set()  # those of them that T does not know
        self.read: set[str] = set()  # what the answers so far look up, ever
        self.called: set[str] = set()  # what functions look up when they are called
        self.needed: set[str] = set()  # what the waiting tests ask the student for

    def ends_before(self, cell: Cell, *, risky: bool = False) -> bool:
        """Whether this cell could change what waiting tests see, or waiting is `risky`.

        Tests that follow each other are judged together whatever they do.
        """
        if not self.some or (self.in_tests and cell.full is not None):
            return False
        facts = self.facts(cell)
        if risky or self.doubt or facts is None or facts.stirs:
            return True
        if cell.own and not facts.only_defines:
            return True
        again = {name for name, path in facts.imports & self.imports}
        changes = (facts.bound - again) & (self.called | self.needed)
        return bool(changes or self.needed & self.values_of_s)

    def facts(self, cell: Cell) -> Facts | None:
        """What this cell does; None if that is not known."""
        return self.own.get(cell.id) if cell.own else facts_of_given(cell.source)

    def over(self) -> None:
        """Nothing waits any more."""
        self.some, self.needed = False, set()

    def note(self, cell: Cell, *, whole: bool = True) -> None:
        """Take note of a cell that has run, to its end or not."""
        facts = self.facts(cell)
        self.in_tests = cell.full is not None
        if self.in_tests:
            self.some = True
            self.needed |= needed_by(cell.full)
        if facts is None:
            self.doubt = True
            return
        if cell.own:
            self.read |= facts.read | facts.called
            self.doubt = self.doubt or facts.keeps
        if not self.in_tests:
            self.called |= facts.called
        kept = {pair for pair in self.imports if pair[0] not in facts.bound}
        self.imports = kept | (facts.imports if whole else set())
        self.values |= facts.values
        if not cell.trusted:
            self.values_of_s |= facts.values
        self.doubt = self.doubt or bool(self.read & self.values)


@lru_cache(maxsize=100)
def needed_by(test: str) -> frozenset[str]:
    """The names that a test cell takes from the student."""
    try:
        tree = ast.parse(test)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()  # it cannot run
    needed: set[str] = set()
    made: set[str] = set()
    for statement in tree.body:
        read, makes = loads(statement), made_by(statement)
        parts = ast.walk(statement)
        added_to = [node.target for node in parts if isinstance(node, ast.AugAssign)]
        read |= {node.id for node in added_to if isinstance(node, ast.Name)}
        inside = makes if isinstance(statement, COMPOUND) else set()
        needed |= read - made - inside
        made |= makes
    return frozenset(needed)


def made_by(statement: ast.stmt) -> set[str]:
    """The names that a statement of a test binds in the cell's own scope."""
    try:
        top = symtable.symtable(ast.unparse(statement), "test", "exec")
    except (SyntaxError, ValueError, RecursionError):
        return set()
    symbols = top.get_symbols()
    return {s.get_name() for s in symbols if s.is_assigned() or s.is_imported()}
