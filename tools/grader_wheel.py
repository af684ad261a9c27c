"""The autograder's wheel alone, for a course of any subject: no flowbook, no torch.

`python -m tools.grader_wheel FOLDER` builds it, under a name of its own. What it needs
is the `grader` extra of pyproject.toml, which stays the one place to edit.
"""

import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
NAME = "flowbook-autograder"
# What only large classes, or a gradebook on a server, need.
FOR_SOME = ("dask", "psycopg")
# What the course itself brings besides the extra.
MORE = ["numpy>=1.26", "matplotlib>=3.9,<4", "tqdm>=4.66", "ipykernel>=6", "psutil>=5"]
PROJECT = """[build-system]
requires = {requires}
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "{version}"
description = "Grades notebooks of any subject: students' code in a sandbox"
requires-python = "{python}"
license = "MIT"
license-files = ["LICENSE"]
dependencies = {needs}
optional-dependencies = {{many = {many}}}
scripts = {{autograder = "autograder.__main__:main"}}

[tool.setuptools]
packages = {packages}

[tool.setuptools.package-data]
"autograder.results" = ["templates/*"]
"autograder.new_course" = ["templates/*", "templates/*/*"]
"""


def project(found: Mapping[str, Any], packages: list[str]) -> str:
    """The wheel's pyproject.toml, from what this repository's says."""
    main = found["project"]
    needs = main["optional-dependencies"]["grader"]
    many = [each for each in needs if each.startswith(FOR_SOME)]
    return PROJECT.format(
        requires=found["build-system"]["requires"],
        name=NAME,
        version=main["version"],
        python=main["requires-python"],
        needs=[*MORE, *(each for each in needs if each not in many)],
        many=many,
        packages=packages,
    )


def build(folder: Path) -> Path:
    """Build the wheel into a folder; return its path."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    files = [path.parent for path in (ROOT / "autograder").rglob("__init__.py")]
    packages = sorted(".".join(path.relative_to(ROOT).parts) for path in files)
    with tempfile.TemporaryDirectory(prefix="grader-wheel-") as place:
        skip = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "autograder", Path(place, "autograder"), ignore=skip)
        shutil.copy(ROOT / "LICENSE", place)
        made = project(tomllib.loads(text), packages)
        Path(place, "pyproject.toml").write_text(made, "utf-8")
        pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps"]
        pip += ["--disable-pip-version-check", "-w", str(folder), place]
        subprocess.run(pip, check=True)
    made = folder.glob(f"{NAME.replace('-', '_')}-*.whl")
    return max(made, key=lambda path: path.stat().st_mtime)


if __name__ == "__main__":
    print(build(Path(sys.argv[1])))
