"""Assignments as text, for tests and benchmarks: cells with nbgrader's metadata."""

import json

HEAD = """---
kernelspec:
  display_name: Python 3 (ipykernel)
  language: python
  name: python3
"""


def assignment(title: str, *cells: str, rules: str = "") -> str:
    """A whole source; `rules` is what its head says under `autograder`."""
    head = HEAD + (f"autograder: {rules}\n" if rules else "") + "---"
    return "\n\n".join([head, f"# {title}", *cells]) + "\n"


def code(metadata: str, source: str) -> str:
    """A code cell."""
    return (
        f"```{{code-cell}} ipython3\n---\nnbgrader: {{{metadata}}}\n---\n"
        f"{source.strip()}\n```"
    )


def given(name: str, source: str) -> str:
    """A locked cell, which the test process runs too."""
    return code(f"grade: false, grade_id: {name}, solution: false", source)


def answer(name: str, source: str, solution: str) -> str:
    """An answer: a function's head and docstring, then what students do not see."""
    marked = f"    ### BEGIN SOLUTION\n    {solution}\n    ### END SOLUTION"
    about = f"grade: false, grade_id: {name}, solution: true"
    return code(about, f"{source}\n{marked}")


def check(name: str, points: float, visible: str, hidden: str = "") -> str:
    """A test cell, with a hidden part or none."""
    marked = f"\n### BEGIN HIDDEN TESTS\n{hidden.strip()}\n### END HIDDEN TESTS"
    source = visible.strip() + (marked if hidden else "")
    about = f"grade: true, grade_id: {name}, points: {points:g}, solution: false"
    return code(about, source)


def essay(name: str, points: float, solution: str) -> str:
    """A text that a person reads."""
    marked = f"### BEGIN SOLUTION\n{solution}\n### END SOLUTION"
    about = {"grade": True, "grade_id": name, "points": points, "solution": True}
    return f"+++ {json.dumps({'nbgrader': about})}\n\n{marked}"


SQUARE = answer("square", 'def square(x):\n    """Return x times x."""', "return x * x")
WHY = essay("why", 4, "Because it is so.")
