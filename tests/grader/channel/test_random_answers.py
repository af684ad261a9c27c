"""Random answers that write, hook, keep, rename, raise and lie, against random tests.

A wrong value never scores, a right one always does, and nothing of the test's own is
another afterwards. `PROGRAMS=200000 pytest` on this file tries so many.
"""

import contextlib
import os

import pytest
from channel_pair import IMPORTS, student_of
from random_answers import GIVEN, STATE, STUDENT, program

from autograder.channel import run_test

PROGRAMS = int(os.environ.get("PROGRAMS", "2000"))
BATCH = 100
FOUND = (300, 2390, 13884, 13889, 129961, 129979)  # seeds that once broke a rule


def problems(seeds):
    """Which of these programs break a rule, and how."""
    namespace = {"__name__": "__main__"}
    exec(IMPORTS + GIVEN, namespace)
    before = repr(eval(STATE, namespace))
    programs = {seed: program(seed) for seed in seeds}
    cells = [f"f{seed} = answer({each.answer!r})" for seed, each in programs.items()]
    found = []
    with contextlib.ExitStack() as stack:
        student = stack.enter_context(student_of(STUDENT, *cells))
        for seed, each in programs.items():
            if student.lost:
                student = stack.enter_context(student_of(STUDENT, *cells))
            run = run_test(each.test.replace("f(", f"f{seed}("), namespace, student, 20)
            namespace.pop("want", None)
            if (run.ended == "ok") is not each.right:
                found.append((seed, run.ended, run.name, run.text[:100]))
            if repr(eval(STATE, namespace)) != before:
                found.append((seed, "the test's state differs"))
                exec(IMPORTS + GIVEN, namespace)
                before = repr(eval(STATE, namespace))
    return found


@pytest.mark.parametrize("first", range(0, PROGRAMS, BATCH))
def test_only_the_right_value_scores_and_nothing_is_changed(first):
    assert problems(range(first, first + BATCH)) == []


def test_what_once_broke_a_rule():
    assert problems(FOUND) == []


def test_a_good_part_of_the_programs_is_right_and_writes():
    made = [program(seed) for seed in range(500)]
    right = [each for each in made if each.right]
    assert 100 < len(right) < 400
    assert sum("try:" in each.answer for each in right) > 80
