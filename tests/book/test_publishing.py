"""The job files of a public host: well formed, and every command is a person's."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
# YAML reads the word `on` as true.
WORKFLOW = {"name", True, "permissions", "jobs"}
JOB = {"runs-on", "steps", "timeout-minutes"}
OPTIONAL = {"container", "env", "strategy", "needs", "if", "permissions"}
OPTIONAL |= {"environment", "concurrency"}
STEP = {"uses", "run", "with", "if", "id", "name", "env"}


def read(file: Path) -> dict[Any, Any]:
    return yaml.safe_load(file.read_text("utf8"))


BOOK = read(ROOT / ".github/workflows/book.yml")
JOBS = [(file.name, name) for file in FILES for name in read(file)["jobs"]]


def steps(file: str, job: str) -> list[dict[str, Any]]:
    return read(ROOT / ".github/workflows" / file)["jobs"][job]["steps"]


def commands() -> Iterator[str]:
    for file, job in JOBS:
        yield from (step["run"] for step in steps(file, job) if "run" in step)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_job_file_has_the_parts_that_it_needs_and_may_only_read(file):
    workflow = read(file)
    assert set(workflow) == WORKFLOW
    assert workflow["permissions"] == {"contents": "read"}
    jobs = workflow["jobs"]
    for job in jobs.values():
        assert set(job) >= JOB
        assert set(job) <= JOB | OPTIONAL
        assert "needs" not in job or job["needs"] in jobs


@pytest.mark.parametrize(("file", "job"), JOBS)
def test_a_step_is_a_command_or_an_action_of_a_fixed_version(file, job):
    for step in steps(file, job):
        assert set(step) <= STEP
        assert ("run" in step) != ("uses" in step)
        assert re.fullmatch(r"actions/[\w-]+@v\d+", step.get("uses", "actions/a@v1"))


@pytest.mark.parametrize("command", sorted(set(commands())))
def test_a_command_is_one_that_a_person_can_type(command):
    program, *words = command.split()
    if program == "make":
        makefile = (ROOT / "Makefile").read_text("utf8")
        assert all(re.search(rf"^{word}:", makefile, re.M) for word in words)
    elif program == "python":
        assert words[0] == "-m"
        if words[1].startswith("tools."):
            assert list(ROOT.glob(words[1].replace(".", "/") + "*"))
    else:
        assert (ROOT / program).stat().st_mode & 0o111
        subprocess.run(["bash", "-n", ROOT / program], check=True)


def test_only_what_is_on_main_and_passed_is_deployed():
    book, deploy = BOOK["jobs"]["book"], BOOK["jobs"]["deploy"]
    assert deploy["needs"] == "book"
    assert deploy["permissions"] == {"pages": "write", "id-token": "write"}
    assert deploy["environment"]["name"] == "github-pages"
    assert [step["uses"] for step in deploy["steps"]] == ["actions/deploy-pages@v4"]
    assert "refs/heads/main" in deploy["if"]
    runs = [step.get("run") for step in book["steps"]]
    assert runs.index(".ci/run") < runs.index("make public")
    guarded = [step["if"] for step in book["steps"] if "if" in step]
    assert guarded == [deploy["if"]] * 2
    upload = book["steps"][-1]
    assert upload["uses"].startswith("actions/upload-pages-artifact@")


def test_what_is_uploaded_is_what_make_public_makes():
    recipe = (ROOT / "Makefile").read_text("utf8").split("\npublic:")[1]
    assert recipe.startswith(" zip pdf ## ")
    made = re.search(r": (_build/\w+)\n", recipe)[1]
    assert BOOK["jobs"]["book"]["steps"][-1]["with"] == {"path": made}
    command = (ROOT / "tools/editions/__main__.py").read_text("utf8")
    assert f'BUILD / "{Path(made).name}"' in command
