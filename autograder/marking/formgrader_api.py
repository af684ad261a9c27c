"""What formgrader asks and answers: who gave which points, and nobody's name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograder.course.folder import Course
from autograder.course.marks import Mark, marks, shares, write_mark
from autograder.model import CourseError

ABOUT_STUDENTS = {"student": "", "first_name": None, "last_name": None, "email": None}
IN_PAGES = ("student", "first_name", "last_name", "notebook_path", "filename")
# Pages and answers that are about students by name.
NAMING = (
    r"/formgrader/manage_(?:students|submissions)(?:/.*)?",
    r"/formgrader/api/(?:submissions?|student\w*)(?:/.*)?",
)
# The switches between a number and a name.
STYLE = (
    "<style>#toggle_names, .name-shown, .glyphicon.name-hidden, "
    "a[href$='/manage_students'] { display: none !important }</style>"
)
NEIGHBOURS = r"/formgrader/submissions/([^/]+)/((?:next|prev)(?:_incorrect)?)/?"
Handlers = list[tuple[str, type]]


def share_of(course: Course, grader: str | None) -> Callable[[str, str], bool]:
    """Whether a submission is a grader's to grade; all are where none is dealt out.

    Raises CourseError for a grader without a share where others have one.
    """
    known = {
        name
        for assignment in course.assignments()
        for name in shares(course, assignment).values()
    }
    if grader and known and grader not in known:
        raise CourseError(
            f"{grader}: no share is this grader's; there are: "
            f"{', '.join(sorted(known))}."
        )

    def shown(assignment: str, student: str) -> bool:
        dealt = shares(course, assignment) if grader else {}
        return not dealt or dealt.get(student) == grader

    return shown


def handlers(grader: str | None) -> Handlers:
    """Formgrader's handlers of grades that also tell, and keep, who gave them.

    And of Prev and Next, which know no way from what is not in the share.
    """
    from nbgrader.server_extensions.formgrader import apihandlers
    from nbgrader.server_extensions.formgrader.handlers import (
        SubmissionNavigationHandler,
    )

    class Grade(apihandlers.GradeHandler):
        """One grade."""

        def put(self, grade_id: str) -> None:
            """Save it as formgrader does, then keep who gave it."""
            super().put(grade_id)
            if self._finished:  # to log in first
                return
            given = self.gradebook.find_grade_by_id(grade_id)
            lines = (self.get_json_body() or {}).get("lines")
            lines = [n for n in lines or () if isinstance(n, int)]
            mark = Mark(given.name, given.manual_score, grader, tuple(lines))
            course = course_of(self)
            write_mark(course, given.assignment.name, given.student.id, mark)

    class Grades(apihandlers.GradeCollectionHandler):
        """The grades of a submission, with the chosen lines of their schemes."""

        def write(self, chunk: Any) -> None:
            """Add the lines."""
            grades = json.loads(chunk) if str(chunk).startswith("[") else []
            if grades:
                first = grades[0]
                given = marks(course_of(self), first["assignment"], first["student"])
                for grade in grades:
                    mark = given.get(grade["name"])
                    grade["lines"] = list(mark.lines) if mark else []
                chunk = json.dumps(grades)
            super().write(chunk)

    class Neighbour(SubmissionNavigationHandler):
        """The next submission, or the one before."""

        def get(self, submission_id: str, action: str) -> None:
            """Go there, or to the list of assignments."""
            try:
                super().get(submission_id, action)
            except ValueError:
                self.redirect(f"{self.base_url}/formgrader/gradebook")

    return [
        (
            r"/formgrader/submissions/([^/]+)/((?:next|prev)(?:_incorrect)?)/?",
            Neighbour,
        ),
        (r"/formgrader/api/grades", Grades),
        (r"/formgrader/api/grade/([^/]+)", Grade),
    ]


def course_of(handler: Any) -> Course:
    """The course that is served."""
    return Course(Path(handler.coursedir.root), handler.coursedir.db_url)


def hide_names() -> None:
    """Let no answer and no page of formgrader say whose submission it is about."""
    from nbgrader.server_extensions.formgrader.base import BaseApiHandler, BaseHandler

    write, render = BaseApiHandler.write, BaseHandler.render

    def write_nameless(self: Any, chunk: Any) -> None:
        write(self, nameless(chunk) if isinstance(chunk, str) else chunk)

    def render_nameless(self: Any, name: str, **given: Any) -> str:
        if "resources" in given:
            given["resources"] = given["resources"] | dict.fromkeys(IN_PAGES, "")
        return render(self, name, **given)

    BaseApiHandler.write, BaseHandler.render = write_nameless, render_nameless


def nameless(answer: str) -> str:
    """An answer in JSON without names; any other as it is."""
    try:
        found = json.loads(answer)
    except ValueError:
        return answer
    for each in found if isinstance(found, list) else [found]:
        if isinstance(each, dict):
            each |= {key: none for key, none in ABOUT_STUDENTS.items() if key in each}
    return json.dumps(found)
