"""The page on the class: who has what, which tasks worked, what went wrong."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import fmean, median
from urllib.parse import quote

from markupsafe import Markup

from autograder.course import gradebook
from autograder.course.folder import Course, write_whole
from autograder.course.settings import settings
from autograder.model import PORT, Outcome, Result
from autograder.results.item_analysis import (
    ENOUGH,
    Alike,
    Loss,
    Mistake,
    Task,
    alike,
    mistakes,
    tasks,
    unnamed,
)
from autograder.results.no_shows import not_present
from autograder.results.pages import formgrader_link, number, render, seconds
from autograder.results.plots import histogram, item_map, share_bar
from autograder.results.scores import Scored, read_class
from autograder.results.similarity import Pair, as_it_is, similar_pairs


@dataclass(frozen=True)
class Report:
    """What the page says about a class."""

    assignment: str
    students: tuple[Scored, ...]
    absent: tuple[str, ...] = ()
    pages: frozenset[str] = frozenset()  # the students who have a feedback page
    whole: Callable[[Result], Result] = as_it_is  # a result with its notebook
    away: tuple[str, ...] = ()  # who handed nothing in and is excused
    numbers: Mapping[str, str] = field(default_factory=dict)  # of the submissions
    port: int = PORT  # of formgrader

    def having(self, outcome: Outcome) -> list[Scored]:
        """The students whose grading ended so."""
        return [each for each in self.students if each.result.outcome is outcome]

    @property
    def graded(self) -> list[Scored]:
        """The students with a score, the highest first."""
        graded = self.having(Outcome.GRADED)
        return sorted(graded, key=lambda each: (-each.points, each.result.student))

    @property
    def invalid(self) -> list[Scored]:
        """The refused submissions."""
        return self.having(Outcome.INVALID)

    @property
    def failed(self) -> list[Scored]:
        """The submissions on which the grader failed."""
        return self.having(Outcome.FAILED)

    @property
    def interrupted(self) -> list[Scored]:
        """Graded submissions in which something went wrong on the way."""
        return [each for each in self.graded if each.result.reason]

    @property
    def waiting(self) -> list[Scored]:
        """The students with an answer that a person must read."""
        return [each for each in self.graded if each.waiting and not each.excused]

    @property
    def excused(self) -> list[str]:
        """For whom the assignment does not count, by the course file."""
        present = [each.result.student for each in self.students if each.excused]
        return sorted([*present, *self.away])

    @property
    def late(self) -> list[Scored]:
        """The students who were late, the latest first."""
        late = [each for each in self.students if each.late]
        return sorted(late, key=lambda each: (-each.late.days, each.result.student))

    @property
    def max_points(self) -> float:
        """The points of the whole assignment."""
        return max((each.result.max_points for each in self.students), default=0.0)

    @property
    def points(self) -> list[float]:
        """The scores."""
        return [each.points for each in self.graded]

    @property
    def tasks(self) -> list[Task]:
        """The graded cells over the class."""
        return tasks(self.students)

    @property
    def mistakes(self) -> list[Mistake]:
        """The named mistakes, the commonest first."""
        return mistakes(self.students)

    @property
    def unnamed(self) -> list[Loss]:
        """Where points were lost without a known mistake."""
        return unnamed(self.students)

    @cached_property
    def alike(self) -> list[Alike]:
        """Wrong answers that no known mistake explains, alike ones together."""
        return alike(self.students, self.whole)

    @property
    def repairs(self) -> list[tuple[str, list[str]]]:
        """What was put right, the commonest first, and for whom."""
        found: dict[str, list[str]] = {}
        for each in self.students:
            for repair in dict.fromkeys(each.result.repairs):
                found.setdefault(repair, []).append(each.result.student)
        return sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))

    @cached_property
    def pairs(self) -> list[Pair]:
        """The submissions that are nearly the same: for a person to read."""
        return similar_pairs([each.result for each in self.students], self.whole)

    @property
    def tiers(self) -> list[tuple[str, int]]:
        """In which sandbox the submissions ran, and how many in each."""
        ran = (each.result for each in self.students if each.result.tier)
        return Counter(f"{each.tier}, {each.mode}" for each in ran).most_common()

    @property
    def times(self) -> list[tuple[float, str]]:
        """Seconds and student, the slowest first."""
        ran = (each.result for each in self.students if each.result.seconds > 0)
        return sorted(((each.seconds, each.student) for each in ran), reverse=True)

    @property
    def limited(self) -> str:
        """How close the class came to the limits on time and memory, in a sentence."""
        met = [e.result for e in self.students if e.result.ran_out]
        if not met:
            return "Nobody met a limit."
        most = max(each.ran_out.get("notebook", 0.0) for each in met)
        names = ", ".join(each.student for each in met)
        return f"A limit was met by {names} (a notebook may take {seconds(most)})."

    @property
    def largest_share(self) -> float:
        """What the class's longest cell took of a cell's time limit: 1 is all of it."""
        return max((each.result.share for each in self.students), default=0.0)


def write_report(course: Course, assignment: str) -> Path:
    """Write the page on the class and return its path, reports/ASSIGNMENT.html."""
    students = read_class(course, assignment)
    names = [each.result.student for each in students]
    nothing, excused = not_present(course, assignment, names)
    report = Report(
        assignment,
        tuple(students),
        tuple(student for student in nothing if student not in excused),
        frozenset(n for n in names if course.feedback(assignment, n).is_file()),
        lambda result: course.result(assignment, result.student) or result,
        tuple(excused),
        gradebook.numbers(course, assignment),
        settings(course).port,
    )
    write_whole(course.report(assignment), report_page(report))
    return course.report(assignment)


def report_page(report: Report) -> bytes:
    """The page, in UTF-8."""
    return render(
        "report.html.j2",
        "course.js",
        report=report,
        tasks=report.tasks,
        enough=ENOUGH,
        figures=figures(report),
        share_bar=share_bar,
        link=lambda student: feedback_link(report, student),
        formgrader=lambda student: formgrader_link(
            report.numbers.get(student), report.port
        ),
        shade=shade,
        mean=fmean,
        median=median,
        counts=Counter(each.result.outcome.value for each in report.students),
    )


def figures(report: Report) -> dict[str, Markup]:
    """The figures that the data allow, by name: scores, tasks, time."""
    drawn = {}
    if report.points:
        says = f"Histogram of {len(report.points)} scores, median {median_of(report)}."
        drawn["scores"] = histogram(
            report.points, 0, report.max_points or 1, "points", says
        )
    if known := [task for task in report.tasks if task.interval]:
        says = f"{len(known)} tasks by share of points and discrimination."
        drawn["tasks"] = item_map(known, says)
    if times := [time for time, _ in report.times]:
        says = f"Histogram of grading times, the longest {seconds(times[0])}."
        drawn["time"] = histogram(times, 0, times[0], "seconds", says)
    return drawn


def median_of(report: Report) -> str:
    """The median score, as text."""
    return number(median(report.points)) if report.points else "–"


def feedback_link(report: Report, student: str) -> str | None:
    """The way from the report to a student's page; None when it is not written."""
    if student not in report.pages:
        return None
    name = report.assignment
    return quote(f"../feedback/{student}/{name}/{name}.html")


def shade(share: float) -> str:
    """The style sheet's class for a share of the points: none, some, most or all."""
    if share <= 0:
        return "none"
    return "all" if share >= 1 else "most" if share >= 0.5 else "some"
