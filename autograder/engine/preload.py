"""Which large libraries a template imports before it forks: those that are used.

It is a matter of time and memory alone. What a template has not imported, a notebook
imports by itself.
"""

import re
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import PurePosixPath

from autograder.assignment.cells import is_added, is_answer
from autograder.assignment.files import unpacked
from autograder.engine.request import Request
from autograder.static_analysis.ready_made import imported

LARGE = frozenset({"torch", "pandas"})
LINE = re.compile(r"^[ \t]*(?:import|from)[ \t]+(torch|pandas)\b", re.MULTILINE)
# What does not import torch itself; what is not known may.
SMALL = frozenset({"IPython", "matplotlib", "numpy", "scipy", "sklearn", "tqdm"})


def libraries_used(request: Request) -> frozenset[str]:
    """The large libraries that a notebook, its tests and the modules beside it import.

    A student's cells are searched for a plain line alone: nothing here parses them.
    """
    given, own = [], []
    for cell in request.notebook.get("cells", ()):
        if cell["cell_type"] == "code":
            theirs = is_answer(cell) or is_added(cell)
            (own if theirs else given).append("".join(cell["source"]))
    modules = python_files(request.files)
    sources = (*given, *request.tests.values(), *modules.values())
    lines = {name for source in own for name in LINE.findall(source)}
    return used(sources, frozenset(modules)) | lines


@lru_cache(maxsize=100)  # the same in a whole class
def used(sources: Iterable[str], beside: frozenset[str]) -> frozenset[str]:
    """The large libraries that these sources import; torch for an unknown module.

    `beside` are the modules that lie beside the notebook.
    """
    names = {name.split(".")[0] for name in imported(sources)}
    unknown = names - LARGE - SMALL - sys.stdlib_module_names - beside
    return frozenset(names & LARGE) | ({"torch"} if unknown else set())


def python_files(files: Mapping[str, str]) -> dict[str, str]:
    """The modules among the files beside a notebook, by name; their sources."""
    paths = {name: PurePosixPath(name) for name in files}
    chosen = {name: files[name] for name, path in paths.items() if path.suffix == ".py"}
    return {
        paths[name].parts[0].removesuffix(".py"): content.decode("utf-8", "replace")
        for name, content in unpacked(chosen).items()
    }
