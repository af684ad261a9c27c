"""Who imports whom: rooms stand on each other, and never in a circle."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_ROOMS = 30


def modules(package: str) -> dict[str, Path]:
    """The modules of a package, by their dotted names."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


def imports(package: str) -> dict[str, set[str]]:
    """The modules of the package that each of them imports, wherever in its text."""
    known = modules(package)
    graph: dict[str, set[str]] = {}
    for module, path in known.items():
        names: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                names |= (inner & set(known)) or {node.module}
        graph[module] = names & set(known) - {module}
    return graph


def room(module: str) -> str:
    """The folder that a module lies in, or itself where it lies in none."""
    return ".".join(module.split(".")[:2])


@pytest.mark.parametrize("package", ["autograder", "flowbook", "tools"])
def test_no_module_imports_one_that_stands_on_it(package):
    graph = imports(package)
    assert any(graph.values())
    list(TopologicalSorter(graph).static_order())  # CycleError names the circle


def test_no_room_of_the_grader_stands_on_one_that_stands_on_it():
    graph: dict[str, set[str]] = {}
    for module, needs in imports("autograder").items():
        below = {room(each) for each in needs} - {room(module), "autograder"}
        graph.setdefault(room(module), set()).update(below)
    list(TopologicalSorter(graph).static_order())
    assert len(graph) <= MOST_ROOMS
