"""A term: two assignments, three weeks, forty students, and all that happens in one.

What each student gets is computed here once more from what was handed in, with no code
of the grader's: the exported files must say the same.
"""

import csv
import io
import json
import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from class_commands import Played, played_course
from downloads import DRAFT, Student, around, moodle_files, moodle_sheet, zipped
from tiny_assignment import NAME, RIGHT, SOURCE, cell_of, handed_in, write_source

from autograder.release.release import publish

pytestmark = pytest.mark.grading

OTHER = "t2_second"
FIRST_DUE, SECOND_DUE = datetime(2026, 11, 27, 23, 59), datetime(2026, 12, 11, 23, 59)
RULES = """timezone = "Europe/Berlin"
attempts = "best"
dropped = ["S12@Example.org"]
[due]
T1 = 2026-11-27T23:59:00
T2 = 2026-12-11T23:59:00
[late]
per_day = 0.1
most = 0.5
free_days = 1
[extensions.T1]
"S14@example.org " = 3
"""
DRAFTED, ABSENT, LEFT, BROKEN, EXTENDED, UNCLEAR = 8, 11, 12, 13, 14, 15
AGAIN = (3, 10)
TEAMS = {"Team 1": (20, 21), "Team 2": (22, 23, 24)}
SECTION_A = range(25)
WRONG = {
    "square": "def square(x):\n    return 2 * x",
    "cube": "def cube(x):\n    return x",
}


@dataclass(frozen=True)
class Work:
    """One hand-in: which answers are right, what was written, and when."""

    square: bool
    cube: bool
    why: str
    hours: float  # after the due date; below 0 before it

    @property
    def tests(self) -> float:
        return 2.0 * self.square + 3.0 * self.cube

    @property
    def days(self) -> int:
        return max(0, math.ceil(self.hours / 24))


def first_work(i: int) -> list[Work]:
    """What a student hands in for the first assignment, the earliest attempt first."""
    why = "" if i % 9 == 4 else f"Because of {i}."
    hours = 30.0 if i % 4 == 0 else 10.0 if i % 6 == 1 else -1.0 - i
    works = [Work(i % 5 != 0 and i not in AGAIN, i % 7 != 0, why, hours)]
    if i == 3:
        works.append(Work(True, True, "I thought again.", 26.0))
    if i == 10:
        works.append(Work(False, False, "I broke it.", 40.0))
    return works


def second_work(i: int) -> Work:
    """What a student, or the first of a team, hands in for the second."""
    return Work(i % 3 != 0, i % 4 != 1, f"So says {i}.", 5.0 if i % 5 == 2 else -2.0)


def leader(i: int) -> int:
    return next((team[0] for team in TEAMS.values() if i in team), i)


def by_hand(i: int, assignment: str) -> float:
    """What the person who grades gives for a written answer."""
    return float((i + (assignment == OTHER)) % 5)


def share(days: int, free: int) -> float:
    return min(0.5, 0.1 * max(0, days - free))


def expected() -> dict[str, dict[int, float | None]]:
    """The scores by hand: None for who has none, no entry for who left."""
    scores: dict[str, dict[int, float | None]] = {NAME: {}, OTHER: {}}
    for i in range(40):
        if i == LEFT:
            continue
        first, spent = None, 0
        if i not in (DRAFTED, ABSENT):
            best, days = None, 0
            for one in first_work(i):
                late = max(0, one.days - 3) if i == EXTENDED else one.days
                value = one.tests * (1 - share(late, 1))
                if best is None or value > best[0] + 1e-9:
                    best, days = (value, one), late
            one, spent = best[1], min(1, days)
            given = by_hand(i, NAME) if one.why else 0.0
            first = (one.tests + given) * (1 - share(days, 1))
            if i == UNCLEAR:
                spent = 0
        scores[NAME][i] = None if i in (BROKEN, UNCLEAR) else first
        one = second_work(leader(i))
        cost = share(one.days, 1 - spent)
        scores[OTHER][i] = (one.tests + by_hand(i, OTHER)) * (1 - cost)
    return scores


def student(i: int, work: Work | None = None, **facts: str) -> Student:
    person = Student(f"Student Number{i}", 500 + i, f"s{i}@example.org", received="")
    if work is not None:
        when = FIRST_DUE + timedelta(hours=work.hours)
        # Moodle writes no leading zero in its English times.
        clock = f"{when:%A}, {when.day} {when:%B %Y}, {int(f'{when:%I}')}:{when:%M %p}"
        person = replace(person, received=clock)
    return replace(person, **facts)


def notebook(played: Played, work: Work) -> bytes:
    answers = RIGHT | {name: WRONG[name] for name in WRONG if not getattr(work, name)}
    made = handed_in(played.exam, answers)
    if work.why:
        cell_of(made, "why")["source"] = work.why
    else:
        release = json.loads(played.exam.release)
        cell_of(made, "why")["source"] = cell_of(release, "why")["source"]
    return json.dumps(made).encode("utf-8")


def read_by_a_person(played: Played, assignment: str) -> None:
    """Give points to every written answer that waits, as formgrader does."""
    with played.course.gradebook() as gradebook:
        for submission in gradebook.assignment_submissions(assignment):
            i = int(submission.student.id.removeprefix("s").partition("@")[0])
            grade = gradebook.find_grade(
                "why", assignment, assignment, submission.student.id
            )
            refused = i == BROKEN and assignment == NAME
            if grade.needs_manual_grade and not refused:
                grade.manual_score = by_hand(i, assignment)
                grade.needs_manual_grade = False
        gradebook.db.commit()


def table_of(path):
    text = path.read_text("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def first_week(played: Played) -> None:
    """Two sections hand in; one download was zipped again, and no zone is known yet."""
    for name, members in (("A", SECTION_A), ("B", range(25, 40))):
        people, files = [], {}
        for i in members:
            work = first_work(i)[0]
            person = student(i, work)
            if i in (DRAFTED, ABSENT):
                person = student(
                    i, status=DRAFT if i == DRAFTED else "No submission - "
                )
            if i == UNCLEAR:
                person = replace(person, received="sometime on Friday")
            people.append(person)
            if i != ABSENT:
                content = b"{broken" if i == BROKEN else notebook(played, work)
                files |= moodle_files(
                    {person: content}, f"{NAME}.ipynb", folders=name == "A"
                )
        if name == "B":
            files = around(files, "Kurs-T1-99") | {"seats.csv": b"a,b\n"}
        zipped(played.root / f"{name}.zip", files)
        (played.root / f"{name}.csv").write_text(moodle_sheet(people), "utf-8")
        status, out, _ = played.run(
            "collect", "T1", f"{name}.zip", "--roster", f"{name}.csv"
        )
        assert status == 1  # a draft, a time that is none; a stray file
        assert ("sometime on Friday" in out) == (name == "A")
    played.run("grade", "T1", "--workers", "2")
    read_by_a_person(played, NAME)


def second_week(played: Played) -> None:
    """Rules are written, two hand in again, one has left; the wrong file is given."""
    played.rules(RULES)
    played.run("export", "T1", "--to", "moodle", "-o", "back.csv")
    sent = {row["Identifier"]: row for row in table_of(played.root / "back.csv")}
    people, files = [], {}
    for i in SECTION_A:
        if i == LEFT:
            continue
        work = first_work(i)[-1]
        before = sent[f"Participant {500 + i}"]
        said = {"grade": before["Grade"], "comment": before["Feedback comments"]}
        person = student(i, work, **said)
        if i in (DRAFTED, ABSENT):
            person = student(i, status="No submission - ")
        if i == UNCLEAR:
            person = replace(person, received="sometime on Friday")
        people.append(person)
        if i not in (DRAFTED, ABSENT):
            content = b"{broken" if i == BROKEN else notebook(played, work)
            files |= moodle_files({person: content}, f"{NAME}.ipynb")
    zipped(played.root / "A2.zip", files)
    sheet = moodle_sheet(people, "9,00", ";")
    (played.root / "A2.csv").write_text(sheet, "utf-8")
    status, _, err = played.run("collect", "T2", "A2.zip", "--roster", "A2.csv")
    assert (status, f"called as {NAME}" in err) == (2, True)
    played.run("collect", "T1", "A2.zip", "--roster", "A2.csv")
    played.run("grade", "T1", "--workers", "2")
    read_by_a_person(played, NAME)


def third_week(played: Played) -> None:
    """The second assignment comes from Canvas, with teams and a list of times."""
    lines = ["Student,ID,SIS User ID,SIS Login ID,Section,T2 (7),T1 (8)"]
    lines += ["    Points Possible,,,,,9.00,9.00"]
    times, groups, files = ["student,received"], ["student,group"], {}
    for i in range(40):
        if i == LEFT:
            continue
        mail = f"s{i}@example.org"
        lines.append(f'"Number{i}, Student",{4000 + i},S{i},{mail},1,,5.00')
        groups += [f"{mail},{name}" for name, team in TEAMS.items() if i in team]
        work = second_work(leader(i))
        times.append(f"{mail},{(SECOND_DUE + timedelta(hours=work.hours)).isoformat()}")
        if leader(i) == i:
            late = "LATE_" if work.days else ""
            name = f"number{i}student_{late}{4000 + i}_{900 + i}_{OTHER}.ipynb"
            files[name] = notebook(played, work)
    zipped(played.root / "T2.zip", files)
    for name, rows in (("canvas", lines), ("times", times), ("groups", groups)):
        (played.root / f"{name}.csv").write_text("\n".join([*rows, ""]), "utf-8")
    status, out, _ = played.run(
        *("collect", "T2", "T2.zip", "--roster", "canvas.csv"),
        *("--times", "times.csv", "--groups", "groups.csv"),
    )
    assert (status, "Collected 39 of 39" in out) == (0, True), out
    played.run("grade", "T2", "--workers", "2")
    read_by_a_person(played, OTHER)


@pytest.fixture(scope="module")
def term(tmp_path_factory):
    return tmp_path_factory.mktemp("term")


def test_a_terms_exported_scores_are_those_computed_by_hand(term, monkeypatch, capsys):
    played = played_course(term, monkeypatch, capsys)
    publish(played.course, OTHER, write_source(term / "solutions", SOURCE, OTHER))
    first_week(played)
    second_week(played)
    third_week(played)
    scores = expected()
    for short, name in (("T1", NAME), ("T2", OTHER)):
        status, out, err = played.run("export", short, "-o", "plain.csv")
        assert (status, err) == (1 if name == NAME else 0, ""), out
        rows = {row["student"]: row for row in table_of(term / "plain.csv")}
        assert set(rows) == {f"s{i}@example.org" for i in range(40) if i != LEFT}
        got = {
            i: float(text) if (text := rows[f"s{i}@example.org"]["score"]) else None
            for i in scores[name]
        }
        assert got == pytest.approx(scores[name], abs=1e-4)
    # Moodle's two lists hold the same, to two decimals, and one comment of ours.
    status, out, _ = played.run("export", "T1", "--to", "moodle", "-o", "moodle.csv")
    assert status == 1
    assert "S12" not in out.upper()
    rows = table_of(term / "moodle.csv") + table_of(term / "moodle-B.csv")
    assert len(rows) == 39
    for row in rows:
        i = int(row["Identifier"].partition(" ")[2]) - 500
        want = scores[NAME][i]
        got = float(row["Grade"]) if row["Grade"] else None
        assert got == (None if want is None else pytest.approx(want, abs=0.005)), i
        assert row["Feedback comments"].count("Exercise 3: why:") == (want is not None)
    played.run("export", "T2", "--to", "canvas", "-o", "canvas-back.csv")
    rows = table_of(term / "canvas-back.csv")[1:]
    got = {int(row["ID"]) - 4000: float(row["T2 (7)"]) for row in rows}
    assert got == pytest.approx(scores[OTHER], abs=0.005)
    assert "T1 (8)" not in rows[0]
