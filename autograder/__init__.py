"""The instructor's side: release an assignment, grade a class, tell each student why.

The passes, in their order, each with its room:

1. `release/`   refuse an assignment whose solution fails or whose stubs pass; hand out
2. `collect/`   a folder, or the archive of an LMS (`lms/`) → one private copy a student
3. `judge/`     read the file, and rebuild it on the release's frame (`assignment/`)
4. `engine/`    run the student's cells in one sandboxed process (`sandbox/`), and the
                tests in another, which asks the first over `channel/`
5. `grade/`     the same for a whole class, on several workers; write the gradebook
6. `marking/`   what people grade: shares, blind, beside the scheme; tables out and in
7. `results/`   a page for each student: what failed, which idea, how to go on
8. `results/`   the page on the class: scores, tasks, mistakes
9. `lms/`       scores and pages as the LMS takes them back; `results/` for the others

Over the years: `upkeep/` backs a course up, restores it, and forgets a student.

What they stand on: `model` (the data of every seam, and the errors), `course/` (the
folder, its settings, who handed in what and when), `static_analysis/` (what code does
to names, without running it), `processes`, `archives`. `demo/` makes up a class and
takes it all the way, and `new_course/` begins one of any subject; `cli/` only parses.
`late_days` and `nbgrader_sandbox` serve courses that run plain nbgrader.

Who runs where, from the most trusted to the least:

- the *command* of the instructor: `cli`, `release`, `collect`, `course`, `lms`,
  `results`, `grade` (which alone writes what the grader finds into the gradebook),
  `marking` and `serve` (which write what people give)
- the *workers* that it starts, or those of a Dask cluster: `grade/workers`, `judge`,
  `engine` but for `engine/child`
- the *test process*, one a notebook, sandboxed: `engine/child/tester`; it runs given
  cells and test cells, never a student's, and asks by `channel/one_test`, `proxies`
- the *student process*, one a notebook, sandboxed: `engine/child/student`; it runs the
  student's cells, reads their sources (`static_analysis`), and answers by
  `channel/server`. Nothing that it says is believed
- both are forked from a *template*, `engine/child/forkserver`, and share a `shell`

To change one thing, follow it:

- a hint: an assignment's mistakes, in its module or source → the first that fits the
  answer is chosen in `flowbook/checks` → `judge/verdict` reads it → `results/feedback`
- a limit: `model.Limits` → `engine/pair` → `sandbox/box` → `sandbox/rights`; an
  option for it in `cli/frame`
- a learning management system: its file in `lms/`, one line in `lms/registry`
- a kind of value that a test may see: `channel/codec` and `strict`, or `tables`; what
  to write instead of what it cannot see, `release/advice`
- a typical wrong answer, or another right one: `variants.md` beside the assignment,
  read by `release/variants`

From Python: `release_assignment`, `collect_class`, `grade_class` and `judge_submission`
do what the commands do; each is loaded when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograder.collect.collect import collect_class
    from autograder.course.folder import Course
    from autograder.grade.grade import grade_class
    from autograder.judge.judge import judge_submission
    from autograder.model import CourseError, Limits, Outcome, Result, Submission
    from autograder.release.release import release_assignment

_PLACES = {
    "Course": "autograder.course.folder",
    "CourseError": "autograder.model",
    "Limits": "autograder.model",
    "Outcome": "autograder.model",
    "Result": "autograder.model",
    "Submission": "autograder.model",
    "collect_class": "autograder.collect.collect",
    "grade_class": "autograder.grade.grade",
    "judge_submission": "autograder.judge.judge",
    "release_assignment": "autograder.release.release",
}
__all__ = [
    "Course",
    "CourseError",
    "Limits",
    "Outcome",
    "Result",
    "Submission",
    "collect_class",
    "grade_class",
    "judge_submission",
    "release_assignment",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'autograder' has no attribute '{name}'")
    return getattr(import_module(_PLACES[name]), name)
