"""What a student writes into a cell that is not for answers is found."""

import pytest

from autograder.judge.own_words import added_lines, added_words

GIVEN = """# Checks.
a1.check_square(square)  # the visible one"""

KEPT = {
    "a comment": (f"{GIVEN}\n# Because it is even.", "Because it is even."),
    "two lines": (f"{GIVEN}\n# One.\n#   Two.", "One.\nTwo."),
    "after code": (GIVEN.replace("the visible one", "it is even"), "it is even"),
    "a string": (f'{GIVEN}\n"""\nBecause\nit is.\n"""', "Because\nit is."),
    "a string of small letters": (f"{GIVEN}\n'but you rub a bur'", "but you rub a bur"),
    "a raw string": (f"{GIVEN}\nr'$\\beta > 1$'", r"$\beta > 1$"),
    "no Python": (f"{GIVEN}\n# It is.\nx = = 'y", "It is."),
}


@pytest.mark.parametrize(("copy", "own"), KEPT.values(), ids=KEPT)
def test_words_in_given_code_are_kept(copy, own):
    assert added_words(copy, GIVEN) == own


NOTHING = {
    "unchanged": GIVEN,
    "made a comment": GIVEN.replace("a1.", "# a1."),
    "code": f"{GIVEN}\nprint(square(2), 'a text in a call')",
    "a value": f"{GIVEN}\nname = 'square'",
    "deleted": "",
}


@pytest.mark.parametrize("copy", NOTHING.values(), ids=NOTHING)
def test_code_and_what_was_given_are_no_words(copy):
    assert added_words(copy, GIVEN) == ""


def test_a_changed_line_of_a_text_is_kept_whole():
    assert (
        added_lines("Why?\nA hint: so.\n\nSo.", "Why?\nA hint.") == "A hint: so.\n\nSo."
    )
