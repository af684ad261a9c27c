"""What a cell does to the notebook's names, read from its source.

A student's cells are read where they will run, in the sandbox: a source can be made to
take all the memory of who reads it.
"""

import ast
import symtable
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from autograder.static_analysis.inert import Need, constant, needs_of, plain_classes
from autograder.static_analysis.names import Definition, bound, imports, read

LONGEST = 20_000  # characters of a cell that are read
MOST = 200_000  # of all cells of a student
# Ways to the notebook's names that no reader of the source can follow.
DYNAMIC = frozenset(
    {"__import__", "delattr", "eval", "exec", "get_ipython", "globals", "locals"}
    | {"__builtins__", "__loader__", "__spec__", "setattr", "vars"}
)
HIDDEN = frozenset(
    {"__builtins__", "__class__", "__closure__", "__code__", "__defaults__"}
    | {"__dict__", "__func__", "__globals__", "__kwdefaults__", "__wrapped__"}
    | {"ag_frame", "cr_frame", "f_back", "f_builtins", "f_globals", "f_locals"}
    | {"gi_frame", "tb_frame"}
)
# Modules by which a function reaches the notebook's names, or anybody's.
REACHING = frozenset(
    {"IPython", "__main__", "builtins", "gc", "importlib", "inspect", "sys"}
)
# Functions of these libraries, by how their names begin, set what others do.
LIBRARIES = frozenset({"np", "numpy", "torch", "warnings"})
SETTERS = ("filter", "reset", "set", "simple", "use_")


@dataclass(frozen=True)
class Facts:
    """What a cell does to the notebook's names.

    `bound` are those that it binds, deletes, or changes a part of; of them, `imports`
    says what an import binds, and `values` may stand for what can be changed in place.
    `read` are those that it looks up at once, `called` those that its functions look up
    when they are called. `needs` says what names must stand for so that it runs nothing
    but definitions, None: it does run something. `classes` are those that run nothing
    where they are named. `keeps`: what it defines may remember earlier calls; `makes`:
    it defines functions. `stirs`: it may change what a library does.
    """

    bound: frozenset[str]
    imports: frozenset[tuple[str, str]]
    values: frozenset[str]
    read: frozenset[str]
    called: frozenset[str]
    needs: frozenset[Need] | None
    classes: frozenset[str]
    keeps: bool
    makes: bool
    stirs: bool

    def plain(self) -> dict[str, Any]:
        """The facts as JSON has them; `from_plain` gives back equal ones."""
        return {
            key: sorted(v) if isinstance(v, frozenset) else v
            for key, v in asdict(self).items()
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Facts":
        """Read what `plain` gave."""
        pairs = ("imports", "needs")
        return cls(
            **{
                key: frozenset(map(tuple, v) if key in pairs else v)
                if isinstance(v, list)
                else v
                for key, v in plain.items()
            }
        )


def read_all(cells: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The facts of those of a student's cells that can be read, by id."""
    found, left = {}, MOST
    for cell in cells:
        size = len(cell["source"])
        if size > min(LONGEST, left):
            continue
        left -= size
        if facts := facts_of(cell["source"]):
            found[cell["id"]] = facts.plain()
    return found


def facts_of(source: str) -> Facts | None:
    """Read a cell; None when it is not plain Python, or too deep."""
    try:
        tree = ast.parse(source)
        return facts_in(tree, symtable.symtable(source, "cell", "exec"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def facts_in(tree: ast.Module, top: symtable.SymbolTable) -> Facts | None:
    """The facts of a cell that has been parsed; None when no reader can know them."""
    scopes = [table for child in top.get_children() for table in functions(child)]
    called = {s.get_name() for t in scopes for s in t.get_symbols() if s.is_global()}
    at_once = {name for node in tree.body for name in read_at_once(node)}
    stars = any(isinstance(n, ast.alias) and n.name == "*" for n in ast.walk(tree))
    if stars or any(isinstance(node, ast.Global) for node in ast.walk(tree)):
        return None
    assigned = {s.get_name() for s in top.get_symbols() if s.is_assigned()}
    taken = dict(pair for node in tree.body for pair in imports(node))
    changed = {name for node in tree.body for name in changed_parts(node)}
    every = set().union(*map(bound, tree.body))
    fixed_names, others = set(), set()
    for node in tree.body:
        fixed_names |= (found := set(bound_to_fixed(node)))
        others |= bound(node) - found
    nodes = list(ast.walk(tree))
    return Facts(
        bound=frozenset(every | changed),
        imports=frozenset(p for p in taken.items() if p[0] not in assigned),
        values=frozenset((every - (fixed_names - others)) | changed),
        read=frozenset(at_once),
        called=frozenset(called),
        needs=needs_of(tree.body),
        classes=plain_classes(tree.body),
        stirs=any(map(stirs, nodes)),
        keeps=any(keeps(node, at_once | called) for node in nodes),
        makes=any(map(makes_functions, nodes)),
    )


def read_at_once(node: ast.stmt) -> Iterator[str]:
    """The names that a statement looks up when it runs; no annotations."""
    if not isinstance(node, Definition):
        yield from read(node)
        return
    heads = list(node.decorator_list)
    if isinstance(node, ast.ClassDef):
        heads += [*node.bases, *(each.value for each in node.keywords)]
        for each in node.body:
            yield from read_at_once(each)
    else:
        heads += [*node.args.defaults, *filter(None, node.args.kw_defaults)]
    for head in heads:
        yield from (n.id for n in ast.walk(head) if isinstance(n, ast.Name))


def functions(
    table: symtable.SymbolTable, inside: bool = False
) -> Iterator[symtable.SymbolTable]:
    """The scopes in which names are looked up only when something is called."""
    inside = inside or table.get_type() == "function"
    if inside:
        yield table
    for child in table.get_children():
        yield from functions(child, inside)


def bound_to_fixed(node: ast.stmt) -> Iterator[str]:
    """The names that a statement binds to what does not change by use."""
    yield from (name for name, _ in imports(node))
    if isinstance(node, Definition):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign) and constant(node.value):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        yield from (each.id for each in targets if isinstance(each, ast.Name))


def changed_parts(statement: ast.stmt) -> Iterator[str]:
    """The names of which a statement that runs sets a part: `name.a = 1`."""
    if isinstance(statement, Definition):
        return
    for node in ast.walk(statement):
        if part(node) and isinstance(root := root_of(node), ast.Name):
            yield root.id


def part(node: ast.AST) -> bool:
    """Whether this sets or deletes a part of something."""
    parts = ast.Attribute | ast.Subscript
    return isinstance(node, parts) and not isinstance(node.ctx, ast.Load)


def root_of(node: ast.expr) -> ast.expr:
    """What a chain of attributes and indices begins with."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node


def keeps(node: ast.AST, read: set[str]) -> bool:
    """Whether code with this node may keep something from one call to the next."""
    if isinstance(node, ast.Name):
        return node.id in DYNAMIC
    if isinstance(node, ast.Attribute) and node.attr in HIDDEN | REACHING:
        return True
    if isinstance(node, ast.Import | ast.ImportFrom):
        return any(path.split(".")[0] in REACHING for _, path in imports(node))
    if not part(node):
        return False
    root = root_of(node)
    of_a_call = isinstance(root, ast.Call) and isinstance(node, ast.Attribute)
    of_a_name = isinstance(root, ast.Name) and root.id in {"cls", *read}
    return of_a_call or of_a_name


def stirs(node: ast.AST) -> bool:
    """Whether this calls what sets how a library behaves: `torch.set_default_dtype`."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    root = root_of(node.func)
    library = isinstance(root, ast.Name) and root.id in LIBRARIES
    return library and node.func.attr.startswith(SETTERS)


def makes_functions(node: ast.AST) -> bool:
    """Whether this makes a function or a class."""
    return isinstance(node, Definition | ast.Lambda)
