"""Fill the scores into the class list that an LMS gave, so that it takes them back.

Every other cell stays as it came. A student without a score stays blank and is told
about; a zero gets nobody but, if that is asked for, who handed nothing in.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from autograder.course.folder import Course, write_whole
from autograder.course.settings import settings
from autograder.course.submitted import read_note
from autograder.lms.base import (
    REFUSED,
    SAID,
    UNREAD,
    Person,
    Roster,
    Target,
    Words,
    points_text,
)
from autograder.lms.class_list import kept_roster, kept_rosters, renewed
from autograder.lms.registry import read_roster, target_of
from autograder.model import CourseError
from autograder.results.no_shows import was_due
from autograder.results.scores import NO_REASON, Scored, read_class
from autograder.tables import FORMULA

# A cell that the LMS gave and a spreadsheet would run; a dash or a number it would not.
RUNS = re.compile(r"\s*(?:[=@|%]|[+-]\s*[^\s\d.,+-])")


@dataclass
class Sent:
    """What was written where, and what a person must look at, one sentence each.

    `absent` are the students of the class list who handed nothing in: their cells stay
    as they were. `zeros` are those of them who get 0 points, `excused` those whom the
    course file excuses. `paths` are the files, one for each section.
    """

    path: Path
    written: int = 0
    problems: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    zeros: list[str] = field(default_factory=list)
    excused: list[str] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)


def send_back(
    course: Course,
    assignment: str,
    path: Path,
    to: str,
    roster: Path | None = None,
    column: str | None = None,
    scale: bool = False,
    partial: bool = False,
    zeros: bool = False,
) -> Sent:
    """Write the class list of `to` (canvas, moodle) with the scores in it to `path`.

    `roster` is the file that the LMS gave; by default those that the class was
    collected with, each of which becomes a file of its own. `column` names Canvas's
    column when its title leaves a doubt. With `scale`, scores are turned into the LMS's
    own maximum. With `partial`, scores that wait for a person are sent too, as far as
    they are. With `zeros`, who handed nothing in gets 0 once it was due. Raises
    CourseError.
    """
    sources = [roster] if roster else kept_rosters(course, assignment)
    sources = sources or [kept_roster(course, assignment)]
    if missing := [source for source in sources if not source.is_file()]:
        raise CourseError(
            f"{missing[0]}: no such file. Give the class list of the LMS: --roster "
            "FILE."
        )
    lists = [read_roster(source) for source in sources]
    targets = [target_of(each, assignment, column, to) for each in lists]
    scored = read_class(course, assignment)
    sections = divided(course, scored, lists, other_sections(course, assignment, lists))
    total = Sent(path)
    for target, source, mine in zip(targets, sources, sections, strict=True):
        factor = factor_of(target, scored, scale, source)
        own = path if len(sources) == 1 else path_of_section(path, source)
        sent, cells = fill(course, target, mine, factor, own, partial)
        cells |= fill_absent(course, assignment, target, scored, sent, zeros)
        table = target.roster.table.with_cells(harmless(target.roster) | cells)
        write_whole(own, table.for_importer(target.columns()).to_bytes())
        total.written += sent.written
        total.problems += sent.problems
        total.absent += sent.absent
        total.zeros += sent.zeros
        total.excused += sent.excused
        total.paths.append(own)
    return total


def other_sections(
    course: Course, assignment: str, lists: Sequence[Roster]
) -> list[Roster]:
    """The kept class lists that none of these is, downloaded again."""
    these = {renewed(course, assignment, each) for each in lists}
    kept = kept_rosters(course, assignment)
    return [read_roster(path) for path in kept if path not in these]


def divided(
    course: Course,
    scored: Sequence[Scored],
    lists: Sequence[Roster],
    others: Sequence[Roster],
) -> list[list[Scored]]:
    """The students by their section; who is in none is told with the last.

    Who is in one of the `others` is missing nowhere.
    """
    sections: list[list[Scored]] = [[] for _ in lists]
    for each in scored:
        rows = [row_of(course, one, each) is not None for one in lists]
        if any(rows):
            sections[rows.index(True)].append(each)
        elif not any(row_of(course, other, each) for other in others):
            sections[-1].append(each)
    return sections


def path_of_section(path: Path, source: Path) -> Path:
    """Where the list of one of several sections goes."""
    _, _, section = source.stem.partition("@")
    return path.with_stem(f"{path.stem}-{section}") if section else path


def factor_of(
    target: Target, scored: Sequence[Scored], scale: bool, source: Path
) -> float:
    """By what the scores are multiplied; CourseError when the two scales differ."""
    ours = max((each.result.max_points for each in scored), default=0.0)
    if not ours or target.most is None or target.most == ours:
        return 1.0
    if not scale:
        raise CourseError(
            f"{source}: the LMS gives {target.most:g} points and the assignment has "
            f"{ours:g}. Set the LMS to {ours:g}, or say --scale."
        )
    return target.most / ours


def fill(
    course: Course,
    target: Target,
    scored: Sequence[Scored],
    factor: float,
    path: Path,
    partial: bool = False,
) -> tuple[Sent, dict[tuple[int, int], str]]:
    """The cells to write, and the report; each student's row is found once."""
    sent, cells = Sent(path), {}
    rows: dict[int, str] = {}
    for each in scored:
        student = each.result.student
        person = row_of(course, target.roster, each)
        if person is None:
            hint = "; who left the course goes into course.toml under dropped"
            sent.problems.append(
                f"{student}: has no row in the class list{has(each)}{hint}"
            )
            continue
        if person.row in rows:
            sent.problems.append(f"{student}: has the same row as {rows[person.row]}")
            continue
        rows[person.row] = student
        if each.excused:
            cells |= excuse(target, person, student, sent)
            continue
        problem = target.refusal(person)
        if problem is not None:
            sent.problems.append(f"{student}: {problem}; not written{has(each)}")
            continue
        blank = each.unsettled
        if partial and blank is not None and each.partial:
            sent.problems.append(f"{student}: not final: {blank}")
        elif blank is not None:
            sent.problems.append(f"{student}: left blank: {blank}")
            cells[person.row, target.column] = ""
            if each.refused:
                cells |= target.comment(person, words_for(each))
            continue
        if each.late and each.late.assumed:
            what = "late by the LMS's mark, which tells no time: counted as 1 day"
            sent.problems.append(f"{student}: {what}")
        points = factor * each.points
        if above := more_than_most(target, points, each.result.max_points, factor):
            took = "" if target.takes_more else "; not written: the LMS refuses it"
            sent.problems.append(f"{student}: {above}{took}")
            if not target.takes_more:
                continue
        cells[person.row, target.column] = points_text(points)
        cells |= target.comment(person, words_for(each))
        sent.written += 1
    return sent, cells


def excuse(
    target: Target, person: Person, student: str, sent: Sent
) -> dict[tuple[int, int], str]:
    """The cell of somebody excused: the LMS's word for it, or as it was."""
    sent.excused.append(student)
    if target.excused is None:
        return {}
    return {(person.row, target.column): target.excused}


def fill_absent(
    course: Course,
    assignment: str,
    target: Target,
    scored: Sequence[Scored],
    sent: Sent,
    zeros: bool,
) -> dict[tuple[int, int], str]:
    """The cells of those who handed nothing in, in whichever section; notes who."""
    rules, cells = settings(course), {}
    found = (row_of(course, target.roster, each) for each in scored)
    rows = {person.row for person in found if person is not None}
    for person in target.roster.people:
        if person.row in rows or rules.has_left(*person.called):
            continue
        if rules.is_excused(assignment, *person.called):
            cells |= excuse(target, person, person.student, sent)
        elif zeros and was_due(rules, assignment, *person.called):
            problem = target.refusal(person)
            if problem is not None:
                sent.problems.append(f"{person.student}: {problem}; not written")
                continue
            sent.zeros.append(person.student)
            cells[person.row, target.column] = "0"
        else:
            sent.absent.append(person.student)
    return cells


def words_for(scored: Scored) -> Words:
    """What a student is told beside the grade: points by exercise, ideas and hints.

    For a refused submission that is the reason. Then come the words of who graded it,
    out of the gradebook. Nothing in it is the student's own text.
    """
    lines = []
    if scored.refused:
        lines.append(f"{REFUSED}: {scored.result.reason or NO_REASON}")
    for title, scores in scored.exercises if not scored.refused else ():
        got = points_text(sum(s.points or 0.0 for s in scores))
        most = points_text(sum(s.cell.max_points for s in scores))
        waits = any(s.points is None for s in scores)
        lines.append(f"{title}: {got} of {most}{UNREAD if waits else ''}")
    for score in scored.scores:
        cell = score.cell
        if not score.full and not scored.refused and (cell.idea or cell.hint):
            why = " ".join(filter(None, (cell.mistake, cell.hint)))
            lines.append(f"{cell.title}: {cell.idea or ''} {why}".strip())
        if score.comment and score.comment.strip():
            lines.append(f"{cell.title}: {score.comment}")
    lines += [f"{SAID}: {text}" for _, text in sorted(scored.comments.items())]
    if scored.penalty:
        days = "1 day" if scored.late.days == 1 else f"{scored.late.days} days"
        lines.append(f"{days} late: −{points_text(scored.penalty)} points")
    titles = tuple(title for title, _ in scored.exercises)
    return Words(titles, tuple(" ".join(line.split()) for line in lines))


def unsettled(course: Course, assignment: str) -> list[str]:
    """Who has no final score, and why: one sentence each."""
    scored = (each for each in read_class(course, assignment) if not each.excused)
    blank = ((each.result.student, each.unsettled) for each in scored)
    return [f"{student}: no score: {why}" for student, why in blank if why]


def row_of(course: Course, roster: Roster, scored: Scored) -> Person | None:
    """The row of a student: by the LMS's number if it is known, else by the id."""
    result = scored.result
    note = read_note(course, result.assignment, result.student)
    if note is not None and note.lms_id is not None:
        person = roster.find(note.lms_id)
        if person is not None:
            return person
    return roster.find(None, result.student)


def has(scored: Scored) -> str:
    """The score of somebody who cannot be written, so that it is not lost."""
    return "" if scored.points is None else f" (score {points_text(scored.points)})"


def more_than_most(
    target: Target, points: float, ours: float, factor: float
) -> str | None:
    """Why a score does not fit the LMS's maximum; None when it does."""
    most = ours * factor if target.most is None else target.most
    if points_text(points) == points_text(most) or points < most:
        return None
    return f"{points_text(points)} is more than the maximum of {points_text(most)}"


def harmless(roster: Roster) -> dict[tuple[int, int], str]:
    """The cells that came with the list and that a spreadsheet would run, quoted."""
    return {
        (number, column): f"'{text}"
        for number, row in enumerate(roster.table.rows)
        for column, text in enumerate(row)
        if text.lstrip().startswith(FORMULA) and RUNS.match(text)
    }
