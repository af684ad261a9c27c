"""Sphinx: `{implements} label, label` ties the cell below it to its equations.

The line above the cell links to the equations, and a quiet link under each equation
leads to the cell. A label that the page lacks, or a line without a cell below it, is a
warning, and fails the build. (It is no metadata of the cell: the execution cache would
run a chapter again for each word of it.)
"""

from collections import Counter, defaultdict

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective
from sphinx.util.logging import getLogger

LOGGER = getLogger(__name__)


class Implements(SphinxDirective):
    """The line above a cell: "Implements (6.1), (6.3)"."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """A paragraph with a link to each equation, and an anchor for the way back."""
        labels = [label.strip() for label in self.arguments[0].split(",")]
        text = "Implements " + ", ".join(f"{{eq}}`{label}`" for label in labels)
        children, messages = self.parse_inline(text)
        line = nodes.paragraph("", "", *children, classes=["implements"])
        line["equations"] = labels
        self.set_source_info(line)
        return [line, *messages]


class LinkEquationsToCells(SphinxTransform):
    """Write "code ↓" under each equation that a cell of the page implements."""

    default_priority = 700

    def apply(self) -> None:
        """Name the cells, and link each equation to those that implement it."""
        blocks = self.document.findall(nodes.math_block)
        equations = {block["label"]: block for block in blocks if block.get("label")}
        cells, names = defaultdict(list), Counter()
        for line in list(self.document.findall(is_implements)):
            if not is_cell(line.next_node(descend=False, siblings=True)):
                LOGGER.warning("expected a code cell below it", location=line)
            names[name := nodes.make_id(f"code-{line['equations'][0]}")] += 1
            line["ids"] = [name if names[name] == 1 else f"{name}-{names[name]}"]
            for label in line["equations"]:
                cells[label].append(line)
        for label, lines in cells.items():
            if label in equations:
                link_to_cells(equations[label], lines)
            else:
                problem = "no equation of this page has the label %s"
                LOGGER.warning(problem, label, location=lines[0])


def is_implements(node: nodes.Node) -> bool:
    """Whether a node is the line of the directive."""
    return isinstance(node, nodes.paragraph) and "equations" in node


def is_cell(node: nodes.Node | None) -> bool:
    """Whether a node is a code cell with its outputs."""
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"


def link_to_cells(equation: nodes.math_block, lines: list[nodes.paragraph]) -> None:
    """Put the links to an equation's cells under it."""
    links = nodes.paragraph(classes=["equation-code"])
    for count, line in enumerate(lines, start=1):
        name = f"code {count}" if len(lines) > 1 else "code"
        arrow = "↓" if line.line > equation.line else "↑"
        title = "the cell that implements this equation"
        links += nodes.reference(
            "", f"{name} {arrow}", internal=True, refid=line["ids"][0], reftitle=title
        )
        links += nodes.Text(" ")
    place = equation.parent.index(equation) + 1
    equation.parent.insert(place, links)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("implements", Implements)
    app.add_transform(LinkEquationsToCells)
    app.add_css_file("chapter.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
