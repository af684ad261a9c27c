"""The written answers of an assignment, as a person has to grade them."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from autograder.assignment.written import answers
from autograder.course import gradebook
from autograder.course.folder import Course
from autograder.course.marks import shares
from autograder.results.scores import Score, Scored, read_class
from autograder.tables import safe


@dataclass(frozen=True)
class Answer:
    """One written answer; `key` is the submission's number, which names nobody.

    `grader` is whose share it is; None where nothing was dealt out.
    """

    scored: Scored
    score: Score
    key: str
    grader: str | None = None

    @property
    def student(self) -> str:
        """Whose answer it is."""
        return self.scored.result.student

    @property
    def cell(self) -> str:
        """The cell's name."""
        return self.score.cell.grade_id

    @property
    def waits(self) -> bool:
        """Whether a person must look, for the first time or again."""
        return self.score.points is None

    @property
    def comment(self) -> str:
        """What a person wrote under it, on one line, as a table has it."""
        return str(safe(self.score.comment or ""))

    @property
    def state(self) -> str:
        """A short hash of the answer, and of what people have given for it so far."""
        text = answers(self.scored.result.notebook).get(self.cell)
        now = [text, self.scored.result.beside, self.score.before, self.score.points]
        plain = json.dumps([*now, self.comment, self.score.again])
        return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()[:12]


def written(course: Course, assignment: str) -> list[Answer]:
    """The answers that people grade or have graded; blank ones have their zero."""
    numbers, dealt = gradebook.numbers(course, assignment), shares(course, assignment)
    found = []
    for scored in read_class(course, assignment):
        student = scored.result.student
        if student in numbers and (scores := list(of_a_person(scored))):
            whole = course.result(assignment, student)  # with its notebook
            scored = replace(scored, result=whole or scored.result)
            key, grader = numbers[student], dealt.get(student)
            found += [Answer(scored, score, key, grader) for score in scores]
    return found


def of_a_person(scored: Scored) -> Iterator[Score]:
    """The scores of one student that a person gives."""
    if scored.graded and not scored.excused:
        for score in scored.scores:
            if score.cell.manual and (score.points is None or score.by_hand):
                yield score
