"""How hard each task was, whether it tells strong from weak, and what went wrong."""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import StatisticsError, correlation, fmean

from autograder.assignment.cells import grade_id, is_answer, is_test
from autograder.model import CellResult, Result
from autograder.results.scores import Score, Scored
from autograder.results.similarity import as_it_is

ENOUGH = 8  # students; with fewer the interval of a correlation says nothing
SURE = 1.96  # standard errors of a 95 % interval


@dataclass(frozen=True)
class Task:
    """One graded cell over the class.

    `share` is the mean share of its points. `discrimination` is the item-rest
    correlation: that of its points with the points of all other tasks, with a 95 %
    interval (Fisher's z). None where it has no meaning: too few students, or all with
    the same points.
    """

    number: int
    cell: CellResult
    students: int
    waiting: int
    share: float
    full: float
    discrimination: float | None
    interval: tuple[float, float] | None

    @property
    def remark(self) -> str | None:
        """What an instructor should look at, in a few words."""
        if self.interval and self.interval[1] < 0:
            return "the weaker did better: check the task"
        if self.students >= ENOUGH and self.share < 0.3:
            return "very hard"
        if self.interval and self.interval[1] < 0.3:
            return "says little about the rest"
        if self.students >= ENOUGH and self.share > 0.97:
            return "nearly all have it"
        return None


@dataclass(frozen=True)
class Mistake:
    """One named mistake over the class."""

    name: str
    hint: str | None
    students: tuple[str, ...]
    tasks: tuple[str, ...]


@dataclass(frozen=True)
class Loss:
    """Tested cells that lost points in no known way, most often with this error.

    `cells` pairs each grade_id with the number of students.
    """

    error: str | None
    cells: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Alike:
    """Answers that a test refused in the same words, and no known mistake explains.

    `tests` are all that the first of these students lost with this answer; `answer`
    and `code` are its cell's grade_id and what it says, empty where there is no cell.
    """

    title: str
    error: str | None
    students: tuple[str, ...]
    tests: tuple[str, ...]
    answer: str = ""
    code: str = ""


def tasks(scored: Sequence[Scored]) -> list[Task]:
    """The tasks in the order of the assignment; only graded submissions count.

    A score that waits for a person does not count, and in the rest that task counts
    for nobody.
    """
    graded = [each for each in scored if each.graded]
    table = [{score.cell.grade_id: score for score in each.scores} for each in graded]
    order = {
        score.cell.grade_id: score.cell for each in graded for score in each.scores
    }
    return [
        _task(number, cell, table)
        for number, cell in enumerate(order.values(), start=1)
    ]


def mistakes(scored: Iterable[Scored]) -> list[Mistake]:
    """The named mistakes, the commonest first; a student counts once for each."""
    found: dict[str, list[tuple[str, CellResult]]] = {}
    for each in scored:
        for score in each.scores:
            if each.graded and score.cell.mistake and not score.full:
                entry = (each.result.student, score.cell)
                found.setdefault(score.cell.mistake, []).append(entry)
    named = [
        Mistake(
            name,
            next((cell.hint for _, cell in where if cell.hint), None),
            tuple(dict.fromkeys(student for student, _ in where)),
            tuple(dict.fromkeys(cell.title for _, cell in where)),
        )
        for name, where in found.items()
    ]
    return sorted(named, key=lambda mistake: (-len(mistake.students), mistake.name))


def unnamed(scored: Iterable[Scored]) -> list[Loss]:
    """Where points were lost without a known mistake, the most frequent first."""
    lost: dict[str, list[str | None]] = {}
    for each in scored:
        for score in each.scores:
            cell = score.cell
            is_known = cell.manual or cell.mistake or cell.alike
            if each.graded and not (score.full or is_known):
                lost.setdefault(cell.grade_id, []).append(cell.error)
    found: dict[str | None, list[tuple[str, int]]] = {}
    for name, errors in lost.items():
        found.setdefault(_commonest(errors), []).append((name, len(errors)))
    losses = [Loss(error, tuple(cells)) for error, cells in found.items()]
    return sorted(losses, key=lambda loss: -sum(count for _, count in loss.cells))


def alike(
    scored: Iterable[Scored], whole: Callable[[Result], Result] = as_it_is
) -> list[Alike]:
    """Wrong answers without a name, those of the most students first.

    Those of one group were refused by the same test in the same words. A student's
    answer counts once: with the first test that it lost. `whole` gives a result with
    its notebook.
    """
    found: dict[tuple[str, str], tuple[Alike, list[str]]] = {}
    for each in scored:
        cells = [s.cell for s in each.scores if s.cell.alike and not s.full]
        if not (each.graded and cells):
            continue
        tested = tested_answers(whole(each.result))
        lost: dict[tuple[str, str], list[CellResult]] = {}
        for cell in cells:
            lost.setdefault(tested.get(cell.grade_id, ("", "")), []).append(cell)
        for (answer, code), (first, *rest) in lost.items():
            tests = (first.grade_id, *(cell.grade_id for cell in rest))
            one = Alike(first.title, first.error, (), tests, answer, code)
            _, students = found.setdefault(
                (first.grade_id, first.alike or ""), (one, [])
            )
            students.append(each.result.student)
    groups = [replace(one, students=tuple(who)) for one, who in found.values()]
    return sorted(groups, key=lambda group: -len(group.students))


def tested_answers(result: Result) -> dict[str, tuple[str, str]]:
    """Of each test the code answer above it: its grade_id, and what it says."""
    answer, found = ("", ""), {}
    for cell in json.loads(result.notebook or '{"cells": []}')["cells"]:
        if is_answer(cell) and cell["cell_type"] == "code":
            answer = grade_id(cell) or "", "".join(cell["source"])
        elif is_test(cell):
            found[grade_id(cell) or ""] = answer
    return found


def item_rest(item: Sequence[float], rest: Sequence[float]) -> float | None:
    """Pearson's correlation; None for fewer than ENOUGH, or without any spread."""
    if len(item) < ENOUGH:
        return None
    try:
        return correlation(item, rest)
    except StatisticsError:
        return None


def fisher_interval(r: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a correlation of n pairs, n > 3, by Fisher's z."""
    if abs(r) >= 1.0:
        return r, r
    z, half = math.atanh(r), SURE / math.sqrt(n - 3)
    return math.tanh(z - half), math.tanh(z + half)


def _commonest(errors: Iterable[str | None]) -> str | None:
    counts = Counter(error for error in errors if error)
    return counts.most_common(1)[0][0] if counts else None


def _task(number: int, cell: CellResult, table: Sequence[dict[str, Score]]) -> Task:
    rows = [row for row in table if cell.grade_id in row]
    waiting = sum(row[cell.grade_id].points is None for row in rows)
    rows = [] if waiting else rows
    item = [_points(row, cell.grade_id) for row in rows]
    others = [name for name in _known_of_all(rows) if name != cell.grade_id]
    rest = [sum(_points(row, name) for name in others) for row in rows]
    r = item_rest(item, rest)
    return Task(
        number=number,
        cell=cell,
        students=len(rows),
        waiting=waiting,
        share=fmean(item) / cell.max_points if rows and cell.max_points else math.nan,
        full=fmean(row[cell.grade_id].full for row in rows) if rows else math.nan,
        discrimination=r,
        interval=None if r is None else fisher_interval(r, len(rows)),
    )


def _known_of_all(rows: Sequence[dict[str, Score]]) -> list[str]:
    names = rows[0] if rows else {}
    return [n for n in names if all(_points(row, n) is not None for row in rows)]


def _points(row: dict[str, Score], grade_id: str) -> float | None:
    return row[grade_id].points if grade_id in row else None
