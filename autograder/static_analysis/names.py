"""What code binds, reads and takes from outside, read from its source: one answer.

Everybody who asks such a question asks it here: which names a test takes from the
student, what an answer may have from a forbidden module, how long tests may wait.
Where only a run could tell (`if flag: y = 1`), a name counts as *perhaps* bound, and as
needed by what reads it later. Sources are students', so no function here recurses into
expressions, which may be of any depth; blocks nest at most 100 deep in Python.
"""

import ast
import symtable
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
COMPREHENSION = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


def statements(source: str) -> list[ast.stmt]:
    """The top-level statements of a notebook's cell; none if it is not Python."""
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        return ast.parse(TransformerManager().transform_cell(source)).body
    except (*UNREADABLE, RuntimeError):  # IPython gives up after 500 magics
        return []


def imports(node: ast.AST) -> Iterator[tuple[str, str]]:
    """(the name that is bound, the dotted path that it stands for) of an import."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.asname or alias.name.split(".")[0], alias.name
    elif isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            yield alias.asname or alias.name, f"{module}.{alias.name}"


def bound(statement: ast.AST) -> set[str]:
    """The names that a statement perhaps binds or deletes in the cell's own scope.

    What a function declares global is among them: it binds when it is called.
    """
    found: set[str] = set()
    left = [(statement, "cell")]
    while left:
        node, scope = left.pop()
        if isinstance(node, ast.Global):
            found |= set(node.names)
        if scope == "cell":
            found |= own_names(node)
        elif scope == "comprehension" and isinstance(node, ast.NamedExpr):
            found.add(node.target.id)
        if isinstance(node, Definition | ast.Lambda):
            now, later = parts(node)
            left += [(part, scope) for part in now]
            left += [(part, "function") for part in later]
        else:
            inside = scope == "cell" and isinstance(node, COMPREHENSION)
            scope = "comprehension" if inside else scope
            left += [(part, scope) for part in ast.iter_child_nodes(node)]
    return found


def own_names(node: ast.AST) -> set[str]:
    """The names that this one node binds or deletes in the scope in which it stands."""
    match node:
        case ast.Name(id=name) if not isinstance(node.ctx, ast.Load):
            return {name}
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return {node.name}
        case ast.Import() | ast.ImportFrom():
            return {name for name, _ in imports(node)} - {"*"}
        case ast.ExceptHandler(name=name) | ast.MatchAs(name=name):
            return {name} - {None}
        case ast.MatchStar(name=name) | ast.MatchMapping(rest=name):
            return {name} - {None}
    return set()


def parts(node: ast.AST) -> tuple[list[ast.AST], list[ast.AST]]:
    """What of a definition or a lambda runs in the scope around it, and what does not.

    A class's body runs at once, and in a scope of its own.
    """
    if isinstance(node, ast.Lambda):
        return defaults(node.args), [node.body]
    if isinstance(node, ast.ClassDef):
        heads = [*node.bases, *(each.value for each in node.keywords)]
        return [*node.decorator_list, *heads], list(node.body)
    arguments = [n for n in ast.walk(node.args) if isinstance(n, ast.arg)]
    notes = [each.annotation for each in arguments]
    heads = [*node.decorator_list, *defaults(node.args), *filter(None, notes)]
    return [*heads, *([node.returns] if node.returns else [])], list(node.body)


def defaults(arguments: ast.arguments) -> list[ast.AST]:
    """The expressions of an argument list's default values."""
    return [*arguments.defaults, *filter(None, arguments.kw_defaults)]


def read(statement: ast.AST) -> set[str]:
    """The names that a statement looks up in the cell's scope, now or when called.

    What it adds to or deletes is read too. Python's own scoping rules decide.
    """
    nodes = list(ast.walk(statement))
    try:
        top = symtable.symtable(ast.unparse(statement), "cell", "exec")
    except UNREADABLE:  # `return` outside a function, or too deep
        return {node.id for node in nodes if isinstance(node, ast.Name)}
    found: set[str] = set()
    tables = [top]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        outer = table is top or table.get_type() == "class"  # `class A: x = x`
        found |= {
            symbol.get_name()
            for symbol in table.get_symbols()
            if symbol.is_referenced() and (outer or symbol.is_global())
        }
    changed = [node.target for node in nodes if isinstance(node, ast.AugAssign)]
    changed += [node for node in nodes if isinstance(getattr(node, "ctx", 0), ast.Del)]
    here = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned()}
    return found | {n.id for n in changed if isinstance(n, ast.Name) and n.id in here}


def needed(body: Sequence[ast.stmt]) -> list[str]:
    """The names that a cell perhaps takes from outside, in the order of their reading.

    These are read where it is not certain that the cell has bound them before. Python's
    own built-in names are among them.
    """
    found: dict[str, None] = {}
    follow(body, set(), found)
    return list(found)


def needed_by(source: str) -> frozenset[str]:
    """The names that a cell of plain Python perhaps takes from outside.

    None of a cell that is not Python: it cannot run.
    """
    try:
        return frozenset(needed(ast.parse(source).body))
    except UNREADABLE:
        return frozenset()


def follow(
    body: Iterable[ast.stmt], certain: set[str], found: dict[str, None]
) -> set[str]:
    """Follow a block in which these names are `certain` to be bound; those after it.

    What it reads of other names is noted in `found`.
    """
    certain = set(certain)
    for statement in body:
        blocks = blocks_of(statement)
        for head in heads(statement) if blocks else [statement]:
            look(head, certain, found)
            certain |= surely_bound(head)
        ends = [follow(block, certain, found) for block in blocks]
        if isinstance(statement, ast.If):
            certain |= ends[0] & ends[1]
        elif isinstance(statement, ast.Try | ast.TryStar) and statement.finalbody:
            certain |= ends[-1]
        certain -= deleted(statement)
    return certain


def look(node: ast.AST, certain: set[str], found: dict[str, None]) -> None:
    """Note what a part of a cell reads of names that are not certain."""
    names = read(node) - certain
    order = [each.id for each in ast.walk(node) if isinstance(each, ast.Name)]
    found |= dict.fromkeys(name for name in order if name in names)
    found |= dict.fromkeys(sorted(names))


def heads(statement: ast.stmt) -> Iterator[ast.AST]:
    """What a compound statement evaluates and binds before its first block."""
    match statement:
        case ast.For() | ast.AsyncFor():
            yield statement.iter
        case ast.While() | ast.If():
            yield statement.test
        case ast.With() | ast.AsyncWith():
            for item in statement.items:
                yield item.context_expr
                if item.optional_vars:
                    yield assigned(item.optional_vars)
        case ast.Match():
            yield statement.subject


def blocks_of(statement: ast.stmt) -> list[list[ast.stmt]]:
    """The blocks of a compound statement, what each binds or evaluates first included.

    A definition has none: its body has a scope of its own.
    """
    match statement:
        case ast.For() | ast.AsyncFor():
            return [[assigned(statement.target), *statement.body], statement.orelse]
        case ast.While() | ast.If():
            return [statement.body, statement.orelse]
        case ast.With() | ast.AsyncWith():
            return [statement.body]
        case ast.Match():
            return [[*case_head(case), *case.body] for case in statement.cases]
        case ast.Try() | ast.TryStar():
            caught = [[*handler_head(h), *h.body] for h in statement.handlers]
            whole = [*statement.body, *statement.orelse]
            return [whole, *caught, statement.finalbody]
    return []


def assigned(target: ast.expr) -> ast.stmt:
    """An assignment to this target."""
    return ast.Assign([target], ast.Constant(None), lineno=1)


def case_head(case: ast.match_case) -> Iterator[ast.stmt]:
    """What a case reads and binds before its block."""
    nodes = list(ast.walk(case.pattern))
    yield from (ast.Expr(node) for node in nodes if isinstance(node, ast.Name))
    for name in sorted(bound(case.pattern)):
        yield assigned(ast.Name(name, ast.Store()))
    if case.guard:
        yield ast.Expr(case.guard)


def handler_head(handler: ast.ExceptHandler) -> Iterator[ast.stmt]:
    """What a handler reads and binds before its block."""
    if handler.type:
        yield ast.Expr(handler.type)
    if handler.name:
        yield assigned(ast.Name(handler.name, ast.Store()))


def deleted(statement: ast.stmt) -> set[str]:
    """The names that a statement perhaps deletes: by `del`, or at a handler's end."""
    found: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Del):
            found.add(node.id)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
    return found


def surely_bound(node: ast.AST) -> set[str]:
    """What a simple statement, a definition or an expression binds in any case."""
    if isinstance(node, Definition):
        return {node.name}
    if isinstance(node, ast.AnnAssign) and node.value is None:
        return set()
    sure: set[str] = set()
    left = [node]
    while left:
        part = left.pop()
        sure |= own_names(part)
        match part:
            case ast.BoolOp():
                left.append(part.values[0])
            case ast.IfExp():
                left.append(part.test)
            case ast.Compare():
                left += [part.left, part.comparators[0]]
            case ast.Lambda():
                left += defaults(part.args)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                pass
            case _:
                left += ast.iter_child_nodes(part)
    return sure


@lru_cache(maxsize=1000)  # given cells are the same in a whole class
def imported_by(source: str) -> frozenset[str]:
    """The modules that one cell imports: `import a.b`, `from a import b`."""
    nodes = (node for each in statements(source) for node in ast.walk(each))
    return frozenset(path for node in nodes for _, path in imports(node))
