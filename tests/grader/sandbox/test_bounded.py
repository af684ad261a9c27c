"""Work on a student's data is bounded, sandboxed, and loses nothing but itself."""

import os
import time
from pathlib import Path

import pytest

from autograder.sandbox.bounded import Bounded

pytestmark = pytest.mark.grading


def work(thing):
    """Do as the thing says."""
    match thing:
        case "loop":
            while True:
                pass
        case "exit":
            os._exit(0)
        case "raise":
            raise ValueError
        case "memory":
            return bytearray(1 << 40)
        case "write":
            return str(writes()).encode()
        case "large":
            return b"x" * 5_000_000
    return thing.encode()


def writes():
    try:
        Path(__file__).write_text("")
    except OSError:
        return False
    return True


def test_each_thing_gets_its_answer_and_a_lost_one_costs_no_other():
    with Bounded(work, seconds=1) as bounded:
        things = ["a", "loop", "b", "exit", "raise", "memory", "c" * 100_000, "d"]
        found = [bounded.do(thing) for thing in things]
        assert bounded.do("large") == b"x" * 5_000_000
    assert found == [b"a", None, b"b", None, None, None, b"c" * 100_000, b"d"]


def test_it_is_done_in_a_sandbox_and_ends_with_it():
    before = Path(__file__).read_bytes()
    with Bounded(work, seconds=5) as bounded:
        assert bounded.do("write") == b"False"
        pid = bounded.watch.pid
    assert Path(__file__).read_bytes() == before
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_wait_counts_as_little_as_it_costs_and_ends(monkeypatch):
    monkeypatch.setattr("autograder.sandbox.bounded.BACKSTOP", 2.0)
    started = time.monotonic()
    with Bounded(lambda thing: time.sleep(60), seconds=0.5) as bounded:
        assert bounded.do("sleep") is None
    assert time.monotonic() - started < 30
