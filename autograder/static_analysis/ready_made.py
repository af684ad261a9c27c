"""Finds ready-made layers in answers that a student should write by hand.

By reading the sources before they run: what an answer imports or names, under any
alias, also through the cells that a student added. A second lock refuses the import
when the answer runs; hostile code can pick that one, and gains nothing that reading
does not see unless it also hides the name from the reader.
"""

import ast
import importlib
import symtable
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

NOT_FROM = ("flowbook", "zuko", "normflows", "nflows")
ALLOWED = tuple(
    f"flowbook.{name}" for name in ("checks", "densities", "digits", "plots")
)
IMPORTERS = frozenset(
    {"__import__", "import_module", "find_spec", "run_module", "resolve_name"}
)
RUNNERS = frozenset(
    {"exec", "eval", "compile", "ex", "ev", "run_cell", "run_code", "runcode"}
    | {"run_line_magic", "run_cell_magic", "runsource", "timeit"}
)
Cell = Mapping[str, Any]


@dataclass(frozen=True)
class Rules:
    """Which modules an answer may not come from; `given` ones are always allowed."""

    not_from: tuple[str, ...] = NOT_FROM
    allowed: tuple[str, ...] = ALLOWED
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
    """The rules for an answer: the release's metadata, or the usual ones."""
    said = cell["metadata"].get("autograder", {})
    return Rules(
        tuple(said.get("not_from", NOT_FROM)),
        tuple(said.get("allowed", ALLOWED)),
        frozenset(given),
    )


@dataclass
class Names:
    """What names stand for: modules, or things that came from a forbidden one."""

    modules: dict[str, str] = field(default_factory=dict)
    # name → the forbidden module, and the number of the last cell that took it
    taken: dict[str, tuple[str, int]] = field(default_factory=dict)

    def take(self, name: str, module: str, number: int) -> None:
        """Remember that a name came from a forbidden module."""
        _, last = self.taken.get(name, (module, number))
        self.taken[name] = (module, max(number, last))


def scan(cells: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """For each answer that uses a ready-made module: its id → the module.

    A cell has `id`, `source`, `answer` (False: one that the student added) and
    `rules`, the fields of Rules. Sources that are no Python are skipped: they do not
    run.
    """
    parsed = [
        (cell, Rules(**cell["rules"]), statements(cell["source"])) for cell in cells
    ]
    names, found = Names(), {}
    for _ in range(len(cells) + 1):  # until nothing new is known
        before = (dict(names.modules), dict(names.taken), dict(found))
        for number, (cell, rules, body) in enumerate(parsed):
            own = {name for statement in body for name in bound(statement)}
            look = Look(names, rules, number, own)
            for statement in body:
                module = look.at(statement)
                if module and cell["answer"]:
                    found.setdefault(cell["id"], module)
                elif module:
                    for name in bound(statement):
                        names.take(name, module, number)
        if before == (names.modules, names.taken, found):
            break
    return found


def statements(source: str) -> list[ast.stmt]:
    """The top-level statements of a cell; none if it is not Python."""
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        return ast.parse(TransformerManager().transform_cell(source)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def imported(sources: Iterable[str]) -> set[str]:
    """The modules that these cells import: `import a.b`, `from a import b`."""
    return set().union(*map(imported_by, sources))


@lru_cache(maxsize=1000)  # given cells are the same in a whole class
def imported_by(source: str) -> frozenset[str]:
    """The modules that one cell imports."""
    nodes = (node for each in statements(source) for node in ast.walk(each))
    return frozenset(path for node in nodes for _, path in imports(node))


def imports(node: ast.AST) -> Iterator[tuple[str, str]]:
    """(the name that is bound, the dotted path that it stands for) of an import."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.asname or alias.name.split(".")[0], alias.name
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        for alias in node.names:
            yield alias.asname or alias.name, f"{node.module}.{alias.name}"


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

    `own` are the names that the cell binds itself: what an earlier cell took under
    such a name is gone.
    """

    def __init__(self, names: Names, rules: Rules, number: int, own: set[str]) -> None:
        self.names, self.rules, self.number, self.own = names, rules, number, own

    def at(self, statement: ast.stmt) -> str | None:
        """The first forbidden module in the statement; remembers its imports."""
        found = [self.node(node) for node in ast.walk(statement)]
        found += [self.taken(name) for name in sorted(loads(statement))]
        return next((module for module in found if module), None)

    def taken(self, name: str) -> str | None:
        """The forbidden module that a name came from, if the name still means that."""
        module, last = self.names.taken.get(name, (None, -1))
        if not module or (name in self.own and last < self.number):
            return None
        return self.rules.culprit(module)

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
            if culprit:
                culprits.append(culprit)
                for each in public(culprit) if name == "*" else (name,):
                    self.names.take(each, culprit, self.number)
            elif any(within(path, root) for root in self.rules.not_from):
                full = path if "." not in path or name != path.split(".")[0] else name
                self.names.modules.setdefault(name, full)
        return culprits[0] if culprits else None

    def call(self, node: ast.Call) -> str | None:
        """A call that imports by a name in quotes, or runs code in quotes."""
        function = node.func
        name = getattr(function, "attr", getattr(function, "id", ""))
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        if name in RUNNERS:
            for text in literals(arguments):
                for statement in statements(text):
                    if module := self.at(statement):
                        return module
        if name == "getattr" and len(node.args) > 1:
            root, member = dotted(node.args[0]), next(literals(node.args[1:2]), None)
            if root in self.names.modules and member:
                return self.rules.culprit(f"{self.names.modules[root]}.{member}")
        return self.texts(arguments, whole=name in IMPORTERS)

    def texts(self, nodes: Iterable[ast.AST], *, whole: bool) -> str | None:
        """A forbidden module's dotted name in quotes; `whole`: also without a dot."""
        for text in literals(nodes):
            a_name = all(part.isidentifier() for part in text.split("."))
            if not a_name or not (whole or "." in text):
                continue
            if module := self.rules.culprit(text):
                return module
        return None


def loads(statement: ast.stmt) -> set[str]:
    """The names that a statement reads from the notebook's own scope."""
    try:
        tables = [symtable.symtable(ast.unparse(statement), "cell", "exec")]
    except (SyntaxError, ValueError, RecursionError):  # `return` outside a function
        return {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
    found: set[str] = set()
    top = tables[0]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        found |= {
            symbol.get_name()
            for symbol in table.get_symbols()
            if symbol.is_referenced() and (table is top or symbol.is_global())
        }
    return found


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


def bound(statement: ast.AST) -> Iterator[str]:
    """The names that a statement binds in the cell's own scope."""
    left = [statement]  # no recursion: a student's expression may be of any depth
    while left:
        node = left.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif not isinstance(node, ast.Lambda):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
            yield from (name for name, _ in imports(node))
            left += ast.iter_child_nodes(node)


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
