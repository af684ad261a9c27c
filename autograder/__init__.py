"""The instructor's side: release an assignment, grade a class, tell each why."""

from autograder.collect import collect
from autograder.course import Course
from autograder.grade import grade
from autograder.judge import judge
from autograder.model import CourseError, Limits, Outcome, Result, Submission
from autograder.release import release

__all__ = [
    "Course",
    "CourseError",
    "Limits",
    "Outcome",
    "Result",
    "Submission",
    "collect",
    "grade",
    "judge",
    "release",
]
