"""Makes wrong answers from a right one: one small change of its syntax tree each.

Not all of them are wrong: a change may be equivalent. Docstrings, annotations, imports
and texts are left alone.
"""

import ast
import copy
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
COMPARISONS = {
    ast.Lt: [ast.LtE, ast.Gt],
    ast.LtE: [ast.Lt, ast.GtE],
    ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.LtE],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
}
NAMES = {
    "sum": "mean",
    "mean": "sum",
    "sin": "cos",
    "cos": "sin",
    "exp": "expm1",
    "log": "log1p",
    "zeros": "ones",
    "ones": "zeros",
    "zeros_like": "ones_like",
    "ones_like": "zeros_like",
    "new_zeros": "new_ones",
    "max": "min",
    "min": "max",
    "amax": "amin",
    "tril": "triu",
    "triu": "tril",
    "reversed": "list",
    "logsumexp": "sum",
    "softplus": "relu",
    "square": "abs",
}
DROPPED = {"abs", "neg", "log", "exp", "sum", "mean", "sqrt", "square", "flip"}
DROPPED |= {"detach", "clamp", "cumsum", "reciprocal", "log1p", "expm1", "sigmoid"}
DROPPED |= {"tanh", "softmax", "t", "transpose", "squeeze", "unsqueeze", "logsumexp"}
DROPPED |= {"reversed"}
SYMMETRIC = frozenset(["logaddexp", "maximum", "minimum", "zip"])
COMPOUND = ast.If | ast.For | ast.While | ast.With | ast.Try | ast.FunctionDef
COMPOUND |= ast.ClassDef


class Mutation(NamedTuple):
    """A changed answer, and the statement that was changed, before and after."""

    before: str
    after: str
    tree: ast.Module


def mutations(source: str) -> list[Mutation]:
    """Return all single changes of an answer that this module knows, in fixed order."""
    original, found = ast.parse(source), {ast.unparse(ast.parse(source)): None}
    for index, (place, _) in enumerate(places(original)):
        for choice in range(len(changes(place))):
            tree = copy.deepcopy(original)
            node, statement = next(islice(places(tree), index, None))
            before = header(statement)
            changed = Replace(node, changes(node)[choice])
            tree = changed.visit(tree)
            if node is statement:
                statement = changed.new
            found.setdefault(
                ast.unparse(ast.fix_missing_locations(tree)),
                Mutation(before, header(statement), tree),
            )
    return [mutation for mutation in found.values() if mutation]


def header(statement: ast.stmt) -> str:
    """Return a simple statement as text, of a compound one the first line."""
    text = ast.unparse(statement)
    return text.splitlines()[0] if isinstance(statement, COMPOUND) else text


def normalised(text: str) -> str:
    """Return the header of the statement that a person wrote."""
    text = text.strip()
    return header(ast.parse(text + " pass" if text.endswith(":") else text).body[0])


def places(
    node: ast.AST, statement: ast.stmt | None = None
) -> Iterator[tuple[ast.AST, ast.stmt]]:
    """Yield what may be changed, each with the statement that it belongs to."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "bases", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or is_text(child):
                continue
            if isinstance(child, ast.Import | ast.ImportFrom):
                continue
            owner = child if isinstance(child, ast.stmt) else statement
            if owner is not None:
                yield child, owner
            yield from places(child, owner)


def is_text(node: ast.AST) -> bool:
    value = node.value if isinstance(node, ast.Expr) else node
    return isinstance(value, ast.JoinedStr) or (
        isinstance(value, ast.Constant) and isinstance(value.value, str)
    )


def changes(node: ast.AST) -> list[ast.AST]:
    """Return what may stand in the place of a node."""
    make = CHANGES.get(type(node))
    return make(node) if make else []


def of_operation(node: ast.BinOp) -> list[ast.AST]:
    left, operator, right = node.left, node.op, node.right
    changed = [left, right]  # a dropped term
    if other := OPERATORS.get(type(operator)):
        changed.append(ast.BinOp(left, other(), right))
    if isinstance(operator, ast.Sub | ast.Div | ast.Pow | ast.MatMult):
        changed.append(ast.BinOp(right, operator, left))
    if isinstance(operator, ast.MatMult):
        turned = ast.Attribute(right, "mT", ast.Load())
        changed.append(ast.BinOp(left, operator, turned))
    return changed


def of_comparison(node: ast.Compare) -> list[ast.AST]:
    if len(node.ops) > 1:
        return []
    others = COMPARISONS.get(type(node.ops[0]), [])
    return [ast.Compare(node.left, [other()], node.comparators) for other in others]


def of_constant(node: ast.Constant) -> list[ast.AST]:
    value = node.value
    if isinstance(value, bool):
        return [ast.Constant(not value)]
    if isinstance(value, int):
        return [ast.Constant(value + 1), ast.Constant(value - 1)]
    return [ast.Constant(2 * value)] if isinstance(value, float) and value else []


def of_call(node: ast.Call) -> list[ast.AST]:
    function, given, named = node.func, node.args, node.keywords
    name = getattr(function, "attr", getattr(function, "id", ""))
    changed: list[ast.AST] = []
    if other := NAMES.get(name):
        changed.append(ast.Call(renamed(function, other), given, named))
    if name in DROPPED:
        whole = function.value if isinstance(function, ast.Attribute) else None
        is_method = whole is not None and getattr(whole, "id", "") != "torch"
        changed += [whole] if is_method else given[:1]
    starred = any(isinstance(part, ast.Starred) for part in given)
    if len(given) > 1 and not starred and name not in SYMMETRIC:
        changed.append(ast.Call(function, [given[1], given[0], *given[2:]], named))
    for index, keyword in enumerate(named):
        if keyword.arg:
            rest = named[:index] + named[index + 1 :]
            changed.append(ast.Call(function, given, rest))
    return changed


def renamed(function: ast.expr, name: str) -> ast.expr:
    if isinstance(function, ast.Attribute):
        return ast.Attribute(function.value, name, function.ctx)
    return ast.Name(name, ast.Load())


def of_attribute(node: ast.Attribute) -> list[ast.AST]:
    return [node.value] if node.attr in ("T", "mT") else []


def of_unary(node: ast.UnaryOp) -> list[ast.AST]:
    if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        return [ast.Constant(0)] if node.operand.value == 1 else [node.operand]
    return [node.operand]


def of_tuple(node: ast.Tuple) -> list[ast.AST]:
    if isinstance(node.ctx, ast.Store) or len(node.elts) != 2:
        return []
    return [ast.Tuple(node.elts[::-1], node.ctx)]


def of_branch(node: ast.If) -> list[ast.AST]:
    return [ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)]


def of_choice(node: ast.IfExp) -> list[ast.AST]:
    return [ast.IfExp(node.test, node.orelse, node.body)]


def left_out(_: ast.stmt) -> list[ast.AST]:
    return [ast.Pass()]


def of_update(node: ast.AugAssign) -> list[ast.AST]:
    other = OPERATORS.get(type(node.op))
    flipped = [ast.AugAssign(node.target, other(), node.value)] if other else []
    return [ast.Pass(), *flipped]


CHANGES: dict[type, Callable[..., list[ast.AST]]] = {
    ast.BinOp: of_operation,
    ast.Compare: of_comparison,
    ast.Constant: of_constant,
    ast.Call: of_call,
    ast.Attribute: of_attribute,
    ast.UnaryOp: of_unary,
    ast.Tuple: of_tuple,
    ast.If: of_branch,
    ast.IfExp: of_choice,
    ast.Expr: left_out,
    ast.AugAssign: of_update,
}


class Replace(ast.NodeTransformer):
    """Puts `new` in the place of the one node `old`."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        """Return the new node for the old one."""
        return self.new if node is self.old else super().visit(node)


class CountTurns(ast.NodeTransformer):
    """Makes every loop call `count_turn` first, so that none turns for ever."""

    def visit_For(self, node: ast.For) -> ast.For:
        """Count the turns of a for loop."""
        return self.counted(node)

    def visit_While(self, node: ast.While) -> ast.While:
        """Count the turns of a while loop."""
        return self.counted(node)

    def counted(self, node: ast.For | ast.While) -> ast.For | ast.While:
        """Return the loop with a call at the start of its body."""
        self.generic_visit(node)
        node.body.insert(0, ast.parse("count_turn()").body[0])
        return node


def trains(source: str) -> bool:
    """Whether an answer has a loop that takes steps along gradients."""
    loops = ast.For | ast.While
    calls = [
        call.func.attr
        for loop in ast.walk(ast.parse(source))
        if isinstance(loop, loops)
        for call in ast.walk(loop)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
    ]
    return not {"backward", "step", "grad"}.isdisjoint(calls)
