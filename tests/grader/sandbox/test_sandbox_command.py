"""One command in a box; boxes as text; what is said where no sandbox works."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.model import CourseError
from autograder.sandbox import Box, SandboxError, best_tier, tier, unprotected
from autograder.sandbox import tiers as tiers_of_package
from autograder.sandbox.tiers import TIERS, Probe
from autograder.sandbox.view import view

grading = pytest.mark.grading


def run(*command, box=None, options=(), **more):
    """Run a command in the best box, without the trial that finds it."""
    arguments = ["--tier", best_tier().name, *options]
    if box is not None:
        arguments += ["--box", box.to_json()]
    return subprocess.run(
        [sys.executable, "-m", "autograder.sandbox", *arguments, "--", *command],
        capture_output=True,
        text=True,
        timeout=60,
        **more,
    )


@grading
def test_a_command_runs_and_its_status_comes_back():
    ran = run("sh", "-c", "echo said; exit 7")
    assert (ran.returncode, ran.stdout) == (7, "said\n")


@grading
def test_a_command_that_is_killed_says_so():
    assert run("sh", "-c", "sh -c 'kill -9 $$'").returncode == 128 + 9


@grading
def test_the_environment_is_new_but_for_what_is_given():
    environment = {**os.environ, "SECRET": "x"}
    ran = run("env", options=["--env", "GIVEN=one=two"], env=environment)
    lines = ran.stdout.splitlines()
    assert "GIVEN=one=two" in lines
    assert not any(line.startswith("SECRET") for line in lines)


@grading
def test_a_file_that_is_kept_can_be_written_and_no_other_can():
    ours, theirs = os.pipe()
    script = f"echo kept >&{theirs}; ls /proc/self/fd | wc -l"
    ran = run("bash", "-c", script, options=["--keep", f"{theirs}"], pass_fds=(theirs,))
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        assert pipe.read() == "kept\n"
    assert ran.stdout == "5\n"  # the standard ones, the one kept, and the folder's


@grading
def test_a_strict_umask_does_not_close_the_box():
    assert run("true", umask=0o077).returncode == 0


@grading
def test_a_folder_that_is_given_can_be_written(tmp_path):
    (tmp_path / "there").write_text("before")
    (tmp_path / "there").chmod(0o600)
    script = f"cat {tmp_path}/there; echo after > {tmp_path}/there"
    ran = run("sh", "-c", script, box=Box(writable=(str(tmp_path),)))
    assert ran.stdout == "before"
    assert (tmp_path / "there").read_text() == "after\n"


@grading
def test_a_command_that_is_not_there_is_one_line():
    ran = run("no-such-command")
    assert ran.returncode == 127
    assert ran.stderr.count("\n") == 1


@grading
def test_a_sandbox_that_cannot_be_made_is_one_line():
    ran = run("true", box=Box(devices=("no-such-device",)))
    assert ran.returncode == 125
    assert ran.stderr.count("\n") == 1
    assert "no-such-device" in ran.stderr


def test_a_box_survives_its_text():
    box = Box(memory=5, readable=("/a", "/b"), loopback=True)
    assert Box.from_json(box.to_json()) == box


@pytest.mark.parametrize(
    "wrong",
    [
        {"memory": 0},
        {"memory": "much"},
        {"memory": float("inf")},
        {"files": True},
        {"readable": "/etc"},
        {"readable": [1]},
        {"colour": "red"},
        [1],
    ],
)
def test_what_is_no_box_is_said(wrong):
    with pytest.raises(ValueError, match=r"^\S.*"):
        Box.from_json(json.dumps(wrong))


def test_the_whole_machine_is_never_shown():
    with pytest.raises(SandboxError, match="cannot show /"):
        view(Box(readable=("/",)))


def test_a_tier_is_found_by_its_name():
    assert all(tier(known.name) is known for known in TIERS)
    assert tier("none").name == unprotected().name
    with pytest.raises(ValueError, match="no sandbox 'x'"):
        tier("x")


def test_without_a_sandbox_nothing_is_run(monkeypatch):
    def fails(known):
        return Probe(known, works=False, why="refused")

    monkeypatch.setattr(sys.modules["autograder.sandbox.tiers"], "probe", fails)
    assert [probe.works for probe in tiers_of_package()] == [False] * len(TIERS)
    with pytest.raises(CourseError, match="no sandbox"):
        best_tier()


@grading
def test_a_trial_that_breaks_is_a_tier_that_fails(monkeypatch):
    found = sys.modules["autograder.sandbox.tiers"]
    monkeypatch.setattr(found.sys, "executable", "/bin/false")
    assert "status 1" in found.try_out(unprotected(), Path("x"))[0]
    monkeypatch.setattr(found.sys, "executable", "/no/such/python")
    assert "does not run" in found.try_out(unprotected(), Path("x"))[0]


@grading
def test_a_trial_finds_out_that_nothing_is_kept_in(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("x")
    problems = sys.modules["autograder.sandbox.tiers"].try_out(unprotected(), secret)
    assert "the machine's files can be read inside" in problems
    assert "the machine's processes can be signalled inside" in problems
    assert "system calls are not filtered inside" in problems
