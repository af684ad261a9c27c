"""Have each student's attempt that counts in its place before a class is graded."""

from collections.abc import Callable, Sequence
from pathlib import Path

from autograder.course import attempts
from autograder.course.late import earlier, late_in
from autograder.course.settings import Settings
from autograder.grade.grading import Grading
from autograder.grade.one_task import with_earlier
from autograder.grade.workers.task import Task, Workforce, read_result
from autograder.judge.judge import result_key
from autograder.model import Outcome

Work = Callable[[int], Workforce]
Attempt = tuple[str, int, Path, Task]


def place_attempts(
    grading: Grading, students: Sequence[str], rules: Settings, work: Work
) -> None:
    """Put the attempt that counts of each student into submitted/.

    For the best one, attempts that were not judged yet are judged first; `work` makes
    the workers, given the number of attempts.
    """
    course, name = grading.course, grading.exam.assignment
    known = {each: attempts.attempts(course, name, each) for each in students}
    several = {
        student: folders
        for student, folders in known.items()
        if len(folders) > 1 and attempts.placed(course, name, student) in folders
    }
    if rules.attempts == "best":
        judge_attempts(grading, several, work)
    for student, folders in several.items():
        scores = {
            number: score(grading, rules, student, folder)
            for number, folder in folders.items()
            if (folder / attempts.RESULT).is_file()
        }
        counts = attempts.counted(folders, rules, scores)
        if counts is not None and counts != attempts.placed(course, name, student):
            attempts.place(course, name, student, counts)


def judge_attempts(
    grading: Grading, several: dict[str, dict[int, Path]], work: Work
) -> None:
    """Judge the attempts that today's tests have not seen; keep each result by it.

    Where one task is graded again, an attempt keeps its points in all others too.
    """
    todo: dict[int, Path] = {}
    tasks: list[Task] = []
    for student, folders in several.items():
        for folder in folders.values():
            task = grading.task(student, folder)
            done = attempts.read_result(folder)
            if done is None or done.key != result_key(
                task.submission, grading.exam, task.seed
            ):
                todo[id(task)] = folder
                tasks.append(task)
    if not tasks:
        return
    with work(len(tasks)) as workforce:
        for task, answer in workforce.results(iter(tasks)):
            result, folder = read_result(task, answer, grading.exam), todo[id(task)]
            if grading.only:
                before = attempts.read_result(folder)
                result = with_earlier(result, before, grading.only)
            attempts.write_result(folder, result)


def score(grading: Grading, rules: Settings, student: str, folder: Path) -> float:
    """What the tests gave for an attempt, less what lateness costs.

    Below 0 for one that could not be graded. What a person reads counts for none.
    """
    result = attempts.read_result(folder)
    if result is None or result.outcome is not Outcome.GRADED:
        return -1.0
    given = sum(cell.points for cell in result.cells if not cell.manual)
    course, name = grading.course, grading.exam.assignment
    before = earlier(course, rules, name) if rules.late.free_days else []
    late = late_in(course, rules, name, student, before, folder)
    return given * (1.0 - late.share if late else 1.0)
