"""A busy machine takes no points: waiting does not count; what starved runs again."""

import fcntl
import os
import threading
from dataclasses import dataclass, replace

import pytest

from autograder.engine import timer as timers
from autograder.engine import turns
from autograder.engine.request import Answer, Request
from autograder.engine.runner import Runner
from autograder.processes import GraderError
from autograder.sandbox import Use

ANSWER = Answer("{}", {}, {}, {}, seconds=1.0, tier="", mode="", cpu=0.0)


@dataclass
class Family:
    """What a watched family has used, as a test sets it."""

    use: Use

    def used(self):
        return self.use


@pytest.fixture
def clock(monkeypatch):
    """The time, which a test sets."""
    at = [0.0]
    monkeypatch.setattr(timers, "now", lambda: at[0])
    return at


@pytest.mark.parametrize(
    ("processor", "waited", "wall", "counted"),
    [
        (30.0, 90.0, 120.0, 30.0),  # starved: it had a quarter of a processor
        (60.0, 0.0, 60.0, 60.0),  # alone
        (0.0, 0.0, 60.0, 60.0),  # asleep
        (100.0, 20.0, 60.0, 60.0),  # several at once: no more than there was
        (30.0, None, 120.0, 30.0),  # a kernel that does not count the waiting
    ],
)
def test_time_is_what_the_machine_gave(clock, processor, waited, wall, counted):
    family = Family(Use(0.0, waited and 0.0))
    timer = timers.Timer([family], seconds=50.0)
    timer.look()
    family.use, clock[0] = Use(processor, waited), wall
    timer.look()
    assert timer.counted == counted
    assert timer.over == (counted > 50)
    assert not timer.starved


def test_what_gets_nothing_for_long_is_stopped_and_called_starved(clock):
    family = Family(Use())
    timer = timers.Timer([family], seconds=5.0)
    timer.look()
    family.use, clock[0] = Use(1.0, 50.0), 5.0 * timers.BACKSTOP + 1
    timer.look()
    assert (timer.over, timer.starved) == (True, True)


def test_a_starved_notebook_runs_again_alone(monkeypatch, tmp_path):
    monkeypatch.setattr(turns, "folder", lambda: tmp_path)
    others_may_begin = []

    class Fake:
        def __init__(self, request, launcher):
            pass

        def run(self):
            others_may_begin.append(is_free(turns.DOOR))
            return replace(ANSWER, starved=len(others_may_begin) == 1)

    monkeypatch.setattr("autograder.engine.runner.Notebook", Fake)
    monkeypatch.setattr(Runner, "launcher", lambda self, gpu, libraries: None)
    assert not Runner().run(Request({}, {})).starved
    assert others_may_begin == [True, False]


def is_free(name):
    """Whether nobody holds a lock."""
    held = turns.opened(name)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(held)
    return True


def test_nobody_begins_while_one_waits_to_be_alone(monkeypatch, tmp_path):
    monkeypatch.setattr(turns, "folder", lambda: tmp_path)
    order = []

    def lonely():
        with turns.alone():
            order.append("alone")

    def later():
        with turns.side_by_side():
            order.append("later")

    with turns.side_by_side(), turns.side_by_side():
        one = threading.Thread(target=lonely)
        one.start()
        while is_free(turns.DOOR):
            pass
        two = threading.Thread(target=later)
        two.start()
        order.append("first")
    one.join()
    two.join()
    assert order == ["first", "alone", "later"]


def test_a_lock_of_somebody_else_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(turns, "folder", lambda: tmp_path)
    with turns.locked(turns.DOOR, 1):
        pass
    (path,) = tmp_path.iterdir()
    path.unlink()
    path.symlink_to("/etc/passwd")
    with pytest.raises(GraderError, match="cannot be opened"), turns.side_by_side():
        pass
