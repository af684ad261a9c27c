"""Sphinx: a cell with the tag `checks` is folded behind "3 checks hold".

The line counts the assertions that stand in the cell. It can say that they hold,
because a page is built only if all its cells have run without an error.
"""

import ast

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.logging import getLogger

LOGGER = getLogger(__name__)
TAG = "checks"


def count(code: str) -> int:
    """The number of assertions in a cell: `assert`, and calls of assert_close."""
    found = list(ast.walk(ast.parse(code)))
    names = [n.func.attr for n in found if is_method_call(n)]
    return sum(isinstance(n, ast.Assert) for n in found) + names.count("assert_close")


def is_method_call(node: ast.AST) -> bool:
    """Whether a node of the syntax tree calls a function of a module or an object."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)


class FoldChecks(SphinxTransform):
    """Fold the code of checks as MyST-NB folds what is tagged `hide-input`."""

    default_priority = 700

    def apply(self) -> None:
        """Write the line of each cell that has the tag."""
        for cell in self.document.findall(nodes.container):
            if TAG not in cell.get("cell_metadata", {}).get("tags", []):
                continue
            source = cell.next_node(nodes.literal_block)
            number = count(source.astext())
            if not number:
                problem = f"expected an assertion in a cell with the tag {TAG}"
                LOGGER.warning(problem, location=cell)
            line = "1 check holds" if number == 1 else f"{number} checks hold"
            cell["hide_mode"] = "input"
            cell["prompt_show"], cell["prompt_hide"] = line, line


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_transform(FoldChecks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
