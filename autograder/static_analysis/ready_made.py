"""Finds ready-made layers in answers that a student should write by hand.

By reading the sources before they run: what an answer imports or names, under any
alias, also through the cells that a student added. A second lock refuses the import
when the answer runs; hostile code can pick that one, and gains nothing that reading
does not see unless it also hides the name from the reader.
"""

import ast
import importlib
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import ModuleType
from typing import Any

from autograder.static_analysis.names import (
    bound,
    imported_by,
    imports,
    needed,
    read,
    statements,
)

IMPORTERS = frozenset(
    {"__import__", "import_module", "find_spec", "run_module", "resolve_name"}
)
RUNNERS = frozenset(
    {"exec", "eval", "compile", "ex", "ev", "run_cell", "run_code", "runcode"}
    | {"run_line_magic", "run_cell_magic", "runsource", "timeit"}
)
USERS = (ast.Import, ast.ImportFrom, ast.Attribute, ast.Subscript, ast.Call)
LONG_ROW, LONG_TEXT = 20, 100  # of constants, of characters: what is kept of more
Cell = Mapping[str, Any]


@dataclass(frozen=True)
class Rules:
    """Which modules an answer may not come from; `given` ones are always allowed."""

    not_from: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    given: frozenset[str] = frozenset()

    def forbids(self, module: str) -> bool:
        """Whether this dotted path is in a forbidden module, or is one."""
        if not any(within(module, root) for root in self.not_from):
            return False
        if any(within(module, kept) for kept in (*self.allowed, *self.given)):
            return False
        return not any(within(kept, module) for kept in (*self.allowed, *self.given))

    def culprit(self, path: str) -> str | None:
        """The shortest forbidden part of a dotted path."""
        parts = path.split(".")
        heads = (".".join(parts[:n]) for n in range(1, len(parts) + 1))
        return next((head for head in heads if self.forbids(head)), None)


def within(module: str, root: str) -> bool:
    """Whether a module is `root` or in it."""
    return module == root or module.startswith(root + ".")


def rules_of(cell: Cell, given: Iterable[str]) -> Rules:
    """The rules for an answer: what the release says in its metadata."""
    settings = cell["metadata"].get("autograder", {})
    return Rules(
        tuple(settings.get("not_from", ())),
        tuple(settings.get("allowed", ())),
        frozenset(given),
    )


@dataclass
class Names:
    """What names stand for: modules, or things that came from a forbidden one."""

    modules: dict[str, str] = field(default_factory=dict)
    # name → of each cell, by number, in which it means that: the forbidden module
    taken: dict[str, dict[int, str]] = field(default_factory=dict)

    def take(self, name: str, module: str, number: int) -> bool:
        """Remember that a name comes from a forbidden module when this cell has run.

        Whether that is news.
        """
        cells = self.taken.setdefault(name, {})
        news = number not in cells
        cells.setdefault(number, module)
        return news


@dataclass(frozen=True, eq=False)
class Statement:
    """A statement of a student's cell, read once.

    `nodes` are those that could use a module, also in code in quotes; `reads` and
    `binds` are names.
    """

    cell: Cell
    look: "Look"
    nodes: tuple[ast.AST, ...]
    reads: tuple[str, ...]
    binds: frozenset[str]

    def uses(self) -> list[tuple[str, int]]:
        """The forbidden modules in the statement, and since which cell that is so.

        What it imports is remembered.
        """
        modules = (self.look.node(node) for node in self.nodes)
        found = [(module, self.look.number) for module in modules if module]
        for name in self.reads:
            found += self.look.taken(name)
        return sorted(found, key=lambda pair: pair[1])


def scan(cells: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """For each answer that uses a ready-made module: its id → the module.

    A cell has `id`, `source`, `answer` (False: one that the student added), `rules`,
    the fields of Rules, and `until`: how many of these cells have run when the last
    test of the answer is judged; what names mean later is nothing to it. Sources that
    are no Python are skipped: they do not run. What is read once grows with the
    sources' length; what follows from it, with the number of names that are handed on.
    """
    names = Names()
    parsed = [each for n, cell in enumerate(cells) for each in parse(cell, n, names)]
    readers: dict[str, list[Statement]] = {}
    for each in parsed:
        for name in each.reads:
            readers.setdefault(name, []).append(each)
        each.uses()  # after this, all imports are known
    found: dict[str, str] = {}
    waiting = deque((each, use) for each in parsed for use in each.uses())
    while waiting:
        each, (module, since) = waiting.popleft()
        if each.cell["answer"] and since < each.cell.get("until", len(cells)):
            found.setdefault(each.cell["id"], module)
            continue
        for name in each.binds:
            if names.take(name, module, since):
                for one in readers.get(name, ()):
                    waiting.extend((one, use) for use in one.look.since(name, since))
    return found


def parse(cell: Cell, number: int, names: Names) -> list[Statement]:
    """Read the statements of one cell."""
    body = statements(cell["source"])
    for statement in body:
        shorten(statement)
    look = Look(names, Rules(**cell["rules"]), number, set(needed(body)))
    return [
        Statement(cell, look, *parts(each), frozenset(bound(each))) for each in body
    ]


def parts(statement: ast.stmt) -> tuple[tuple[ast.AST, ...], tuple[str, ...]]:
    """The nodes that could use a module, and the names that are read.

    Those of code in quotes are among them.
    """
    nodes: list[ast.AST] = []
    reads: set[str] = set()
    left = [statement]
    while left:
        each = left.pop()
        reads |= read(each)
        for node in ast.walk(each):
            if isinstance(node, USERS):
                nodes.append(node)
            if isinstance(node, ast.Call) and called(node) in RUNNERS:
                for text in literals(arguments(node)):
                    left += statements(text)
    return tuple(nodes), tuple(sorted(reads))


def shorten(statement: ast.stmt) -> None:
    """Cut data out of a statement: long rows of constants, and long texts.

    They name nothing. A text that is handed to a function may be code: it stays.
    """
    handed = {
        id(each)
        for node in ast.walk(statement)
        if isinstance(node, ast.Call)
        for each in arguments(node)
    }
    data: set[int] = set()  # constants, and rows of data
    for node in reversed(list(ast.walk(statement))):  # what is within comes first
        if isinstance(node, ast.Constant):
            data.add(id(node))
            if isinstance(node.value, str | bytes) and id(node) not in handed:
                node.value = node.value[:LONG_TEXT]
        elif isinstance(node, ast.UnaryOp) and id(node.operand) in data:
            data.add(id(node))
        elif isinstance(node, ast.List | ast.Tuple | ast.Set):
            if not all(id(each) in data for each in node.elts):
                continue
            data.add(id(node))
            del node.elts[LONG_ROW:]


def arguments(node: ast.Call) -> list[ast.expr]:
    """What a call hands over."""
    return [*node.args, *(keyword.value for keyword in node.keywords)]


def called(node: ast.Call) -> str:
    """The last part of the name by which something is called; "" if it has none."""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def imported(sources: Iterable[str]) -> set[str]:
    """The modules that these cells import: `import a.b`, `from a import b`."""
    return set().union(*map(imported_by, sources))


@lru_cache(maxsize=100)
def homes(module: str) -> Mapping[str, str]:
    """The names in a module → the module in which what they stand for was made.

    Numbers and the like have none, and are left out; all are if it is not installed.
    """
    try:
        loaded = vars(importlib.import_module(module))
    except ImportError:
        return {}
    found = {
        name: value.__name__
        if isinstance(value, ModuleType)
        else getattr(value, "__module__", None)
        for name, value in loaded.items()
    }
    return {name: home for name, home in found.items() if isinstance(home, str)}


@lru_cache(maxsize=100)
def public(module: str) -> list[str]:
    """The names that `from module import *` binds; none if it is not installed."""
    try:
        loaded = importlib.import_module(module)
    except ImportError:
        return []
    names = getattr(loaded, "__all__", None)
    return list(names or (name for name in vars(loaded) if not name.startswith("_")))


class Look:
    """Looks through the statements of one cell for what is from a forbidden module.

    `needed` are the names that the cell takes from outside. What an earlier cell took
    under another name is gone when this cell reads the name: it has bound it anew.
    """

    def __init__(
        self, names: Names, rules: Rules, number: int, needed: set[str]
    ) -> None:
        self.names, self.rules, self.number = names, rules, number
        self.needed = needed

    def taken(self, name: str) -> Iterator[tuple[str, int]]:
        """The forbidden modules that a name comes from, and since which cell."""
        for number in list(self.names.taken.get(name, ())):
            yield from self.since(name, number)

    def since(self, name: str, number: int) -> Iterator[tuple[str, int]]:
        """The same, of what the name means since one cell."""
        anew = name not in self.needed and number < self.number
        if not anew and (culprit := self.rules.culprit(self.names.taken[name][number])):
            yield culprit, max(number, self.number)

    def node(self, node: ast.AST) -> str | None:
        """The forbidden module that this one node uses."""
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            return self.imports(node)
        if isinstance(node, ast.Attribute) and (path := dotted(node)):
            root, _, rest = path.partition(".")
            if root in self.names.modules:
                return self.rules.culprit(f"{self.names.modules[root]}.{rest}")
        if isinstance(node, ast.Subscript):
            return self.texts([node.slice], whole=False)
        if isinstance(node, ast.Call):
            return self.call(node)
        return None

    def imports(self, node: ast.AST) -> str | None:
        """Remember what an import binds; the first forbidden module of it."""
        culprits = []
        for name, path in imports(node):
            culprit = self.rules.culprit(path)
            if culprit and name == "*":
                culprits.append(culprit)
                for each in public(culprit):
                    path = f"{homes(culprit).get(each, '')}.{each}"
                    if home := self.rules.culprit(path):
                        self.names.take(each, home, self.number)
            elif culprit and self.made_there(node, path):
                culprits.append(culprit)
                self.names.take(name, culprit, self.number)
            elif culprit:
                continue
            elif any(within(path, root) for root in self.rules.not_from):
                full = path if "." not in path or name != path.split(".")[0] else name
                self.names.modules.setdefault(name, full)
        return culprits[0] if culprits else None

    def made_there(self, node: ast.AST, path: str) -> bool:
        """Whether an import takes what was made in a forbidden module, or a module."""
        module, _, name = path.rpartition(".")
        home = homes(module).get(name) if isinstance(node, ast.ImportFrom) else None
        return home is None or self.rules.culprit(f"{home}.{name}") is not None

    def call(self, node: ast.Call) -> str | None:
        """A call that imports by a name in quotes."""
        name = called(node)
        if name == "getattr" and len(node.args) > 1:
            root, member = dotted(node.args[0]), next(literals(node.args[1:2]), None)
            if root in self.names.modules and member:
                return self.rules.culprit(f"{self.names.modules[root]}.{member}")
        return self.texts(arguments(node), whole=name in IMPORTERS)

    def texts(self, nodes: Iterable[ast.AST], *, whole: bool) -> str | None:
        """A forbidden module's dotted name in quotes; `whole`: also without a dot."""
        for text in literals(nodes):
            a_name = all(part.isidentifier() for part in text.split("."))
            if not a_name or not (whole or "." in text):
                continue
            if module := self.rules.culprit(text):
                return module
        return None


def literals(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The strings among these nodes."""
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def dotted(node: ast.AST) -> str | None:
    """`a.b.c` of a chain of attributes; None if it does not begin with a name."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(parts)])


class Lock:
    """Refuses to import forbidden modules, except for modules of the same package."""

    def __init__(self) -> None:
        self.rules: Rules | None = None
        sys.meta_path.insert(0, self)

    def forbid(self, rules: Mapping[str, Any] | None) -> None:
        """From here on these rules hold; None: no rules."""
        self.rules = Rules(**rules) if rules else None

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Part of every import that is not done yet; None leaves it to others."""
        if self.rules is None or not self.rules.forbids(name):
            return
        frame = sys._getframe(1)
        while frame and frame.f_code.co_filename.startswith("<frozen importlib"):
            frame = frame.f_back
        importer = frame.f_globals.get("__name__", "") if frame else ""
        if not within(importer, name.partition(".")[0]):
            raise ImportError(f"{name} is ready-made: write this answer yourself.")
