"""The autograder's wheel alone: its own name, the whole package, no torch."""

import ast
import re
import sys
import tomllib
from pathlib import Path

from tools.grader_wheel import project

ROOT = Path(__file__).parents[3]
# What a package is called where its modules are not.
CALLED = {"pil": "pillow", "sklearn": "scikit-learn", "distributed": "dask"}
CALLED |= {"markdown_it": "markdown-it-py"}
# What only a student's code, or a course of that subject, brings.
BROUGHT = {"torch", "pandas"}


def test_the_wheel_has_a_name_of_its_own_and_needs_no_torch():
    main = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    made = tomllib.loads(project(main, ["autograder"]))["project"]
    assert made["name"] != main["project"]["name"]
    assert made["version"] == main["project"]["version"]
    named = [need.lower() for need in made["dependencies"]]
    assert not any(need.startswith(("torch", "flowbook", "dask")) for need in named)
    grader = main["project"]["optional-dependencies"]["grader"]
    many = made["optional-dependencies"]["many"]
    assert {*grader} <= {*made["dependencies"], *many}


def test_every_folder_of_the_package_that_has_code_is_a_package():
    folders = {path.parent for path in (ROOT / "autograder").rglob("*.py")}
    loose = {f for f in folders if not (f / "__init__.py").exists()}
    assert {f.name for f in loose} <= {"templates"}


def test_what_the_package_imports_is_among_what_its_wheel_needs():
    main = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    made = tomllib.loads(project(main, ["autograder"]))["project"]
    needs = [*made["dependencies"], *made["optional-dependencies"]["many"]]
    declared = {re.match(r"[\w.-]+", need)[0].lower() for need in needs}
    imported = set()
    for path in (ROOT / "autograder").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.partition(".")[0])
    others = {name.lower() for name in imported - sys.stdlib_module_names}
    others -= {"autograder", *BROUGHT}
    named = {CALLED.get(name, name.replace("_", "-")) for name in others}
    assert len(named) > 15
    assert named - declared == set()
