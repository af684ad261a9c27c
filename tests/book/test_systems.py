"""Reading and solving go on every system: README, project and CI job say the same."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
JOB = yaml.safe_load((ROOT / ".github/workflows/library.yml").read_text("utf8"))
STEPS = [step["run"] for step in JOB["jobs"]["library"]["steps"] if "run" in step]
MATRIX = JOB["jobs"]["library"]["strategy"]["matrix"]
README = (ROOT / "README.md").read_text("utf8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]


def test_the_job_runs_the_pythons_that_the_readme_names():
    first, last = re.search(r"Python (3\.\d+) to (3\.\d+) on", README).groups()
    minors = range(int(first[2:]), int(last[2:]) + 1)
    assert MATRIX["python"] == [f"3.{minor}" for minor in minors]
    assert PROJECT["requires-python"] == f">={first}"


def test_the_job_runs_the_systems_that_the_readme_names():
    named = [name for name in ("Linux", "macOS", "Windows") if name in README]
    runners = {"Linux": "ubuntu", "macOS": "macos", "Windows": "windows"}
    assert [runner.split("-")[0] for runner in MATRIX["system"]] == [
        runners[name] for name in named
    ]


def test_the_job_installs_as_the_readme_does():
    (install,) = (step for step in STEPS if "pip install" in step)
    assert install.removeprefix("python ") in README


@pytest.mark.parametrize("step", STEPS)
def test_a_step_of_the_job_names_what_is_there(step):
    assert step.startswith("python -m ")
    for word in re.findall(r"(?<!\S)(?:tests|tools)[./]\S+", step):
        path = ROOT / word.replace("tools.", "tools/")
        assert path.exists()
    for extra in re.findall(r"\.\[([a-z,]+)\]", step):
        assert set(extra.split(",")) <= set(PROJECT["optional-dependencies"])


def test_no_file_has_a_name_that_another_system_cannot_hold():
    kept = (
        "autograder",
        "book",
        "flowbook",
        "notebooks",
        "solutions",
        "tests",
        "tools",
    )
    paths = [
        path.relative_to(ROOT).as_posix()
        for folder in kept
        for path in (ROOT / folder).rglob("*")
        if "__pycache__" not in path.parts
    ]
    assert not [path for path in paths if re.search(r'[:*?"<>|\\]', path)]
    assert len({path.lower() for path in paths}) == len(paths)


def test_files_of_the_library_are_read_and_written_in_a_named_encoding():
    # The default of Windows is another one than that of the other two.
    bare = re.compile(r"(?<!\w)(?:read_text\(\)|(?<!\.)open\((?!.*(?:encoding|[rw]b)))")
    for folder in ("flowbook", "tools"):
        for path in (ROOT / folder).rglob("*.py"):
            assert not bare.search(path.read_text("utf8")), path
