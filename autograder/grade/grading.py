"""One run over a class, in the parent: what is to be judged, and what stands."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tqdm import tqdm

from autograder.assignment.exam import Exam
from autograder.assignment.per_student import seed_for
from autograder.collect.read_back import handed_beside, read_submission
from autograder.course import attempts
from autograder.course.beside import beside_key
from autograder.course.folder import Course
from autograder.course.gradebook import entered
from autograder.course.settings import settings
from autograder.course.submitted import arrival, read_note
from autograder.grade.one_task import with_earlier
from autograder.grade.recorder import Recorder
from autograder.grade.workers.answer import Answer
from autograder.grade.workers.task import Task, Workforce, read_answer
from autograder.judge.judge import result_key
from autograder.model import Limits, Outcome, Result


@dataclass(frozen=True)
class Grading:
    """One run over a class. The workers judge; this, in the parent, alone writes."""

    course: Course
    exam: Exam
    limits: Limits
    seed: int
    unsandboxed: bool = False
    only: frozenset[str] = frozenset()  # the cells that may get other points, or all

    def task(self, student: str, folder: Path | None = None) -> Task:
        """What a student handed in, to be graded; `folder` is that of an attempt."""
        name = self.exam.assignment
        submission, note = read_submission(self.course, name, student, folder)
        seed = seed_for(self.course, self.exam, student, self.seed)
        limits = self.limits_for(student)
        return Task(submission, note, seed, limits, self.unsandboxed)

    def limits_for(self, student: str) -> Limits:
        """The limits with a student's own share of time."""
        rules = settings(self.course)
        if not rules.accommodations:
            return self.limits
        note = read_note(self.course, self.exam.assignment, student)
        also = (note.lms_id or "", *note.called) if note else ()
        factor = rules.accommodation(student, *filter(None, also)).time_factor
        cell, notebook = self.limits.cell, self.limits.notebook
        return replace(self.limits, cell=factor * cell, notebook=factor * notebook)

    def unchanged(self, students: Iterable[str]) -> dict[str, Result]:
        """The results that stand: same content, tests and seed, and not failed.

        They are without their notebooks: a class of them is large.
        """
        kept = {}
        for student in students:
            done = self.done(student)
            if done is None or done.outcome == Outcome.FAILED:
                continue
            task = self.task(student)
            if done.ran_out is not None and done.ran_out != asdict(task.limits):
                continue  # with other limits it may end otherwise
            if done.key == result_key(task.submission, self.exam, task.seed):
                kept[student] = replace(done, notebook=None)
        return kept

    def not_entered(self, kept: Mapping[str, Result]) -> list[str]:
        """Whose finished grade the gradebook does not hold as it would be today.

        What lies beside a notebook decides whether a person must read its answers. A
        grade that could not be entered before waits in the journal.
        """
        name = self.exam.assignment
        held = entered(self.course, name)
        return sorted(
            student
            for student, done in kept.items()
            if student not in held
            or self.course.pending_path(name, student).exists()
            or done.beside != beside_key(handed_beside(self.course, name, student))
        )

    def enter(self, students: Iterable[str], recorder: Recorder) -> None:
        """Record finished grades that the gradebook does not hold as they are."""
        for student in students:
            if (done := self.done(student)) is not None:
                recorder.keep(Answer.of(done))

    def run(
        self,
        students: Sequence[str],
        recorder: Recorder,
        workforce: Workforce,
        progress: bool,
    ) -> None:
        """Grade these students, and record each grade as it comes."""
        if students:
            with workforce, bar(len(students), progress) as shown:
                for task, answer in workforce.results(map(self.task, students)):
                    read = read_answer(task, answer, self.exam)
                    recorder.keep(self.merged(read) if self.only else read)
                    shown.update()

    def done(self, student: str) -> Result | None:
        """The student's last grade, entered or not; None when there is none."""
        name = self.exam.assignment
        waits = self.course.pending(name, student)
        return waits or self.course.result(name, student)

    def merged(self, answer: Answer) -> Answer:
        """The grade as it counts: with the earlier points, where one task is asked."""
        name, student = self.exam.assignment, answer.result.student
        before = self.done(student)
        same = before is not None and before.content == answer.result.content
        if not same and settings(self.course).attempts == "best":
            # By the new points another attempt may count: it was judged before, too.
            known = attempts.attempts(self.course, name, student)
            folder = known.get(attempts.placed(self.course, name, student))
            before = folder and attempts.read_result(folder)
        return Answer.of(with_earlier(answer.whole, before, self.only))

    def received(self, student: str) -> str | None:
        """The time of a student's submission, from the LMS."""
        folder = self.course.submitted(self.exam.assignment, student)
        came = arrival(folder, settings(self.course).zone).time
        return came and came.isoformat()


def bar(total: int, progress: bool) -> tqdm:
    """A bar with an estimate of what is left, where a person looks at it."""
    hidden = None if progress else True
    return tqdm(desc="Grading", total=total, unit="notebook", disable=hidden)
