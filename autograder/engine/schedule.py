"""Says how long tests may wait to be judged: until a cell could change what they see.

A copy of the student's process for the tests of each exercise is the costliest part of
judging. Where the exercises only define functions and classes, one copy after all of
them gives the same grades. This is read from the sources; in doubt no test waits.
"""

from functools import lru_cache

from autograder.engine.prepare import Cell
from autograder.static_analysis.effects import Facts, facts_of
from autograder.static_analysis.inert import Known
from autograder.static_analysis.names import needed_by

# Given cells and tests are the same in a whole class.
facts_of_given = lru_cache(maxsize=1000)(facts_of)
needed_by_test = lru_cache(maxsize=100)(needed_by)


class Waiting:
    """Follows a notebook's cells; says before which of them tests must be judged."""

    def __init__(self) -> None:
        self.own: dict[str, Facts] = {}  # of the student's cells, by id
        self.waiting = False  # tests wait
        self.may_remember = False  # what a student wrote may remember earlier calls
        self.in_tests = False  # the last cell was a test
        self.known = Known()  # what names certainly stand for
        self.imports: set[tuple[str, str]] = set()
        self.values: set[str] = set()  # names of what may be changed in place
        self.student_values: set[str] = set()  # those of them that T does not know
        self.read: set[str] = set()  # what the answers so far look up, ever
        self.called: set[str] = set()  # what functions look up when they are called
        self.needed: set[str] = set()  # what the waiting tests ask the student for

    def ends_before(self, cell: Cell, *, risky: bool = False) -> bool:
        """Whether this cell could change what waiting tests see, or waiting is `risky`.

        Tests that follow each other are judged together whatever they do.
        """
        if not self.waiting or (self.in_tests and cell.full is not None):
            return False
        facts = self.facts(cell)
        if risky or self.may_remember or facts is None or facts.stirs:
            return True
        if cell.own and not self.known.certain(facts):
            return True
        again = {name for name, path in facts.imports & self.imports}
        changes = (facts.bound - again) & (self.called | self.needed)
        return bool(changes or self.needed & self.student_values)

    def facts(self, cell: Cell) -> Facts | None:
        """What this cell does; None if that is not known."""
        return self.own.get(cell.id) if cell.own else facts_of_given(cell.source)

    def over(self) -> None:
        """Nothing waits any more."""
        self.waiting, self.needed = False, set()

    def note(self, cell: Cell, *, whole: bool = True) -> None:
        """Take note of a cell that has run, to its end or not."""
        facts = self.facts(cell)
        self.in_tests = cell.full is not None
        if self.in_tests:
            self.waiting = True
            self.needed |= needed_by_test(cell.full)
        if facts is None:
            self.may_remember = True
            return
        if cell.own:
            self.read |= facts.read | facts.called
            opaque = facts.makes and not self.known.certain(facts)
            self.may_remember = self.may_remember or facts.keeps or opaque
        if not self.in_tests:
            self.called |= facts.called
        self.known.note(facts, trusted=cell.trusted, whole=whole)
        kept = {pair for pair in self.imports if pair[0] not in facts.bound}
        self.imports = kept | (facts.imports if whole else set())
        self.values |= facts.values
        if not cell.trusted:
            self.student_values |= facts.values
        self.may_remember = self.may_remember or bool(self.read & self.values)
