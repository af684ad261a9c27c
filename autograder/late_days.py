"""The late policy as nbgrader's plugin, for a course that runs plain nbgrader.

In nbgrader_config.py:

    c.AssignLatePenalties.plugin_class = "autograder.late_days.LateDays"
    c.LateDays.per_day = 0.1
    c.LateDays.free_days = 3

The due date is the assignment's in the gradebook, and the time that nbgrader's
collector wrote; an extension that the gradebook holds counts too.
"""

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.plugins import LateSubmissionPlugin
from traitlets import CFloat, CInt

from autograder.course.late import begun_days, charge
from autograder.course.settings import LatePolicy

FOREVER = 1e6  # days


class LateDays(LateSubmissionPlugin):
    """A share of the points for each begun day, after free days for the course."""

    per_day = CFloat(0.0, min=0, max=1, help="share of the points a day costs").tag(
        config=True
    )
    most = CFloat(1.0, min=0, max=1, help="the most that lateness costs").tag(
        config=True
    )
    grace_minutes = CFloat(0.0, min=0, help="a delay that is forgiven").tag(config=True)
    last_day = CFloat(FOREVER, min=0, help="what is later counts nothing").tag(
        config=True
    )
    free_days = CInt(0, min=0, help="for each student over the whole course").tag(
        config=True
    )

    @property
    def policy(self) -> LatePolicy:
        """What the configuration says."""
        return LatePolicy(
            self.per_day, self.most, self.grace_minutes, self.last_day, self.free_days
        )

    def late_submission_penalty(
        self, student_id: str, score: float, total_seconds_late: float
    ) -> float | None:
        """The points that a student loses; None for a delay that costs nothing."""
        days = begun_days(total_seconds_late, self.policy)
        if not days:
            return None
        _, share = charge(self.policy, [*self.delays_before(student_id), days])
        return share * score or None

    def delays_before(self, student: str) -> list[int]:
        """The student's days of delay on assignments that were due earlier.

        nbgrader's preprocessor, our parent, knows the assignment and the gradebook.
        """
        if not self.free_days:
            return []
        with Gradebook(self.parent.db_url) as gradebook:
            this = gradebook.find_assignment(self.parent.assignment_id)
            before = [
                each
                for each in gradebook.assignments
                if each.duedate
                and (each.duedate, each.name) < (this.duedate, this.name)
            ]
            before.sort(key=lambda each: (each.duedate, each.name))
            return [self.delay(gradebook, each.name, student) for each in before]

    def delay(self, gradebook: Gradebook, assignment: str, student: str) -> int:
        """The days by which one submission was late; 0 where there is none."""
        try:
            submission = gradebook.find_submission(assignment, student)
        except MissingEntry:
            return 0
        return begun_days(submission.total_seconds_late, self.policy)
