"""The doctor names what is missing, with the remedy, and no check stops another."""

from importlib.metadata import PackageNotFoundError

import pytest
from tiny_assignment import tiny_course

from autograder import doctor
from autograder.course import Course
from autograder.processes import GraderError


@pytest.fixture
def no_kernel(monkeypatch):
    def fail(*_):
        raise GraderError("the executor ended with status 1")

    monkeypatch.setattr(doctor.Runner, "run", fail)


def found(course):
    return {check.name: check for check in doctor.examine(course)}


def test_a_missing_package_comes_with_its_remedy(tmp_path, monkeypatch, no_kernel):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "version", missing)
    checks = found(Course(tmp_path))
    assert not checks["nbgrader"].good
    assert doctor.INSTALL in checks["nbgrader"].said
    assert checks["python"].good


def test_a_kernel_that_does_not_start_is_said(tmp_path, no_kernel):
    check = found(Course(tmp_path))["kernel"]
    assert not check.good
    assert "status 1" in check.said


def test_a_gradebook_is_opened_and_its_assignments_named(tmp_path, no_kernel):
    course, _ = tiny_course(tmp_path)
    check = found(course)["gradebook"]
    assert check.good
    assert "t1_tiny" in check.said


def test_a_damaged_gradebook_is_one_line(tmp_path, no_kernel):
    (tmp_path / "gradebook.db").write_bytes(b"no database" * 100)
    check = found(Course(tmp_path))["gradebook"]
    assert not check.good
    assert "does not open" in check.said
    assert "\n" not in check.said


def test_looking_makes_no_course(tmp_path, no_kernel):
    assert found(Course(tmp_path / "course"))["gradebook"].good
    assert not (tmp_path / "course").exists()
