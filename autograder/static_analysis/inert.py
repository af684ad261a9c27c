"""Which cells certainly only define, and run nothing that a student wrote.

The grammar of the certain is short; what is not in it counts as code that runs:

    statement   import of a known library | definition | NAME = constant
                | NAME: type [= constant] | constant | pass
    definition  [@decorator] def NAME(NAME: type = default, ...) -> type: any body
                | class NAME(base, ...): statements
    constant    a literal, its negative, or a tuple of constants
    default     constant | NAME | library.NAME
    decorator   library.NAME or a built-in of DECORATORS, also with empty brackets
    base        library.NAME | a built-in | a class that a cell like this has defined
    type        constant | NAME | library.NAME | known[known, ...] | known `|` known

A look into anything but a library can run code, so what a name stands for is asked of
the cells before: they say by which import it was bound, and that nothing else did.
"""

import ast
import builtins
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from autograder.static_analysis.names import bound, defaults

DECORATORS = frozenset(
    {"builtins.classmethod", "builtins.property", "builtins.staticmethod"}
    | {"abc.abstractmethod", "typing.override", "typing_extensions.override"}
    | {"torch.enable_grad", "torch.inference_mode", "torch.no_grad"}
)
# Loaded before any cell runs, so that no file of a student's is imported in its place.
KNOWN = frozenset(
    {"abc", "collections", "copy", "dataclasses", "enum", "fractions", "functools"}
    | {"itertools", "math", "numbers", "numpy", "operator", "random", "torch"}
    | {"typing", "typing_extensions", "warnings"}
)
# Methods by which a class runs code where it is only named.
SPECIAL = frozenset(
    {"__class_getitem__", "__init_subclass__", "__mro_entries__", "__prepare__"}
    | {"__set_name__", "__subclasscheck__"}
)
Need = tuple[str, str]
"""What a name must stand for: how it is used, and the dotted name.

"look": a library; "type": a built-in, something of a library, or a plain class; "base":
the same; "decorator": one of DECORATORS; "import": a module of a known library;
"unbound": nothing at all.
"""


class NotInertError(Exception):
    """Something that is not in the grammar."""


def needs_of(body: Iterable[ast.stmt]) -> frozenset[Need] | None:
    """What must hold so that a cell only defines; None when it runs something."""
    try:
        return frozenset(need for each in body for need in of_statement(each, "cell"))
    except NotInertError:
        return None


def of_statement(node: ast.stmt, scope: str) -> Iterator[Need]:
    match node:
        case ast.Import():
            yield from (("import", alias.name) for alias in node.names)
        case ast.ImportFrom(level=0) if node.module:
            yield "import", node.module
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield from of_function(node)
        case ast.ClassDef():
            yield from of_class(node)
        case ast.Assign(targets, value) if constant(value):
            if not all(isinstance(target, ast.Name) for target in targets):
                raise NotInertError
        case ast.AnnAssign(ast.Name(), note, value):
            if value is not None and not constant(value):
                raise NotInertError
            yield from of_type(note)
            if scope == "cell":  # where the notes are kept
                yield "unbound", "__annotations__"
        case ast.Expr(ast.Constant()) | ast.Pass():
            return
        case _:
            raise NotInertError


def of_function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Need]:
    for decorator in node.decorator_list:
        yield from of_decorator(decorator)
    for value in defaults(node.args):
        if isinstance(value, ast.Attribute):
            yield "look", dotted(value)
        elif not (constant(value) or isinstance(value, ast.Name)):
            raise NotInertError
    arguments = [each for each in ast.walk(node.args) if isinstance(each, ast.arg)]
    notes = [each.annotation for each in arguments if each.annotation]
    for note in [*notes, *([node.returns] if node.returns else [])]:
        yield from of_type(note)


def of_class(node: ast.ClassDef) -> Iterator[Need]:
    if node.keywords:
        raise NotInertError
    yield "unbound", "__build_class__"
    for decorator in node.decorator_list:
        yield from of_decorator(decorator)
    yield from (("base", dotted(base)) for base in node.bases)
    inside = set().union(*map(bound, node.body))
    for each in node.body:
        for use, name in of_statement(each, "class"):
            if name.partition(".")[0] in inside:  # the class's own name hides it
                raise NotInertError
            yield use, name
    if "__annotations__" in inside:
        raise NotInertError


def of_decorator(node: ast.expr) -> Iterator[Need]:
    if isinstance(node, ast.Call):
        if node.args or node.keywords:
            raise NotInertError
        node = node.func
    yield "decorator", dotted(node)


def of_type(node: ast.expr, *, alone: bool = True) -> Iterator[Need]:
    """What a note of a type needs; a name that stands alone needs nothing."""
    match node:
        case ast.Constant():
            return
        case ast.Name(id=name):
            if not alone:
                yield "type", name
        case ast.Attribute():
            yield ("look" if alone else "type"), dotted(node)
        case ast.Subscript(head, inside):
            yield "type", dotted(head)
            yield from of_type(inside, alone=False)
        case ast.Tuple(parts) | ast.List(parts):
            for part in parts:
                yield from of_type(part, alone=False)
        case ast.BinOp(left, ast.BitOr(), right):
            yield from of_type(left, alone=False)
            yield from of_type(right, alone=False)
        case _:
            raise NotInertError


def constant(node: ast.expr | None) -> bool:
    """Whether this is a number, a text, or a tuple of such."""
    match node:
        case ast.Tuple(elts):
            return all(map(constant, elts))
        case ast.UnaryOp(_, ast.Constant()):
            return True
    return isinstance(node, ast.Constant)


def dotted(node: ast.expr) -> str:
    """`a.b.c` of a chain of attributes that begins with a name."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        raise NotInertError
    return ".".join([node.id, *reversed(parts)])


def plain_classes(body: Iterable[ast.stmt]) -> frozenset[str]:
    """The classes that a cell defines and that run nothing where they are named."""
    body = list(body)
    classes = {
        node.name
        for node in body
        if isinstance(node, ast.ClassDef)
        and not SPECIAL & set().union(*map(bound, node.body))
    }
    others = {
        name
        for node in body
        if not (isinstance(node, ast.ClassDef) and node.name in classes)
        for name in bound(node)
    }
    return frozenset(classes - others)


class Known:
    """What a notebook's names certainly stand for, as far as its cells have run."""

    def __init__(self) -> None:
        self.imports: dict[str, str] = {}  # names that nothing but an import binds
        self.bound: set[str] = set()  # every name that was ever bound otherwise
        self.classes: set[str] = set()
        self.libraries = set(KNOWN)

    def certain(self, facts: Any) -> bool:
        """Whether a cell with these facts certainly only defines."""
        if facts.needs is None:
            return False
        own = dict(facts.imports)
        known = Known()
        known.imports = self.imports | own
        known.bound = self.bound | (facts.bound - own.keys())
        known.classes = (self.classes - facts.bound) | facts.classes
        known.libraries = self.libraries
        return all(known.holds(use, name) for use, name in facts.needs)

    def holds(self, use: str, name: str) -> bool:
        """Whether a dotted name stands for what is needed."""
        if use == "unbound":
            return name not in self.bound and name not in self.imports
        if use == "import":
            return name.partition(".")[0] in self.libraries
        if use in ("type", "base") and name in self.classes:
            return True
        path = self.path(name)
        if use == "decorator":
            return path is not None and path.removeprefix("nothing.") in DECORATORS
        return path is not None and (use != "look" or not path.startswith("builtins."))

    def path(self, name: str) -> str | None:
        """The dotted path in a known library, or in builtins; None if neither.

        A name that nothing binds only raises.
        """
        root, _, rest = name.partition(".")
        if root in self.bound:
            return None
        if root in self.imports:
            path = f"{self.imports[root]}.{rest}".rstrip(".")
            return path if path.partition(".")[0] in self.libraries else None
        if hasattr(builtins, root):
            return None if rest else f"builtins.{name}"
        of_the_shell = root.startswith("_") or root in ("In", "Out")
        return None if of_the_shell else f"nothing.{name}"

    def note(self, facts: Any, *, trusted: bool, whole: bool) -> None:
        """Take note of a cell that has run, to its end or not."""
        plain = trusted or self.certain(facts)
        taken: Mapping[str, str] = dict(facts.imports) if whole else {}
        if trusted:
            self.libraries |= {path.partition(".")[0] for path in taken.values()}
        for name in facts.bound:
            self.imports.pop(name, None)
        self.bound = (self.bound | facts.bound) - (taken.keys() - self.bound)
        self.imports |= {n: path for n, path in taken.items() if n not in self.bound}
        self.classes -= facts.bound
        if plain and whole:
            self.classes |= facts.classes
