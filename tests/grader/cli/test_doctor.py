"""The doctor names what is missing, with the remedy, and no check stops another."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError

import pytest
from tiny_assignment import tiny_course

from autograder import doctor
from autograder.course.folder import Course
from autograder.engine.runner import Runner
from autograder.model import CourseError
from autograder.processes import GraderError
from autograder.sandbox import Probe
from autograder.sandbox.tiers import TIERS


@pytest.fixture
def no_kernel(monkeypatch):
    def fail(*_):
        raise GraderError("the executor ended with status 1")

    monkeypatch.setattr(Runner, "run", fail)


@pytest.fixture(autouse=True)
def tried(monkeypatch):
    """Set how the trials of the three tiers end."""

    def end(*reasons, remedy=""):
        probes = [
            Probe(tier, not why, why, remedy if why else "")
            for tier, why in zip(TIERS, reasons, strict=True)
        ]
        monkeypatch.setattr(doctor, "tiers", lambda: probes)

    end("", "only root can use them", "")
    return end


def found(course):
    return {check.name: check for check in doctor.examine(course)}


def test_a_missing_package_comes_with_its_remedy(tmp_path, monkeypatch, no_kernel):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "version", missing)
    checks = found(Course(tmp_path))
    assert not checks["nbgrader"].good
    assert doctor.INSTALL in checks["nbgrader"].detail
    assert checks["python"].good


def test_a_kernel_that_does_not_start_is_said(tmp_path, no_kernel):
    check = found(Course(tmp_path))["kernel"]
    assert not check.good
    assert "status 1" in check.detail


def test_a_gradebook_is_opened_and_its_assignments_named(tmp_path, no_kernel):
    course, _ = tiny_course(tmp_path)
    check = found(course)["gradebook"]
    assert check.good
    assert "t1_tiny" in check.detail


def test_a_damaged_gradebook_is_one_line(tmp_path, no_kernel):
    (tmp_path / "gradebook.db").write_bytes(b"no database" * 100)
    check = found(Course(tmp_path))["gradebook"]
    assert not check.good
    assert "does not open" in check.detail
    assert "\n" not in check.detail


def test_looking_makes_no_course(tmp_path, no_kernel):
    assert found(Course(tmp_path / "course"))["gradebook"].good
    assert not (tmp_path / "course").exists()


def test_the_first_sandbox_that_works_is_chosen(tmp_path, no_kernel, tried):
    tried("", "only root can use them", "")
    checks = found(Course(tmp_path))
    assert "user namespaces" in checks["sandbox"].detail
    assert "only root" in checks["sandbox by root namespaces"].detail
    assert "not needed" in checks["sandbox by landlock"].detail
    assert all(check.good for name, check in checks.items() if "sandbox" in name)


def test_a_better_sandbox_comes_with_the_line_that_enables_it(
    tmp_path, no_kernel, tried
):
    tried("refused", "only root can use them", "", remedy="sudo sysctl -w x=1")
    checks = found(Course(tmp_path))
    assert "landlock" in checks["sandbox"].detail
    assert "sudo sysctl -w x=1" in checks["sandbox by user namespaces"].detail


def test_a_machine_without_a_sandbox_is_one_to_look_at(tmp_path, monkeypatch, tried):
    tried("refused", "only root can use them", "too old", remedy="Linux 5.13")

    def refuse(*_):
        raise CourseError("this machine offers no sandbox")

    monkeypatch.setattr(Runner, "run", refuse)
    checks = found(Course(tmp_path))
    names = ("sandbox", "sandbox by landlock", "kernel")
    assert not any(checks[name].good for name in names)
    assert "Linux 5.13" in checks["sandbox by landlock"].detail
    assert "no sandbox" in checks["kernel"].detail


MISSING = """import sys
for name in "psutil tqdm nh3 jinja2 torch numpy IPython nbgrader".split():
    sys.modules[name] = None
from autograder.cli import main
sys.exit(main(["doctor"]))
"""


def test_it_says_what_is_missing_where_nothing_is_installed(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", MISSING], cwd=tmp_path, capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr
    assert "is missing: pip install" in done.stdout
    assert done.returncode == 1


def test_the_sandbox_is_imported_with_the_standard_library_alone():
    loaded = "import sys, autograder.sandbox; print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True
    )
    names = {name.partition(".")[0] for name in done.stdout.split()}
    ours = {name for name in done.stdout.split() if name.startswith("autograder")}
    assert not names & {"psutil", "tqdm", "torch", "numpy", "nbgrader", "yaml"}
    assert len(ours) < 20
