"""The autograder's wheel alone: its own name, the whole package, no torch."""

import tomllib
from pathlib import Path

from tools.grader_wheel import project

ROOT = Path(__file__).parents[3]


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
