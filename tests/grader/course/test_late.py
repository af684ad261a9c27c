"""Late work costs what the course file says, by the LMS's times, in any order."""

import itertools
import math
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tiny_assignment import NAME, hand_in, handed_in, tiny_course
from traitlets.config import Config

from autograder.collect.read_back import read_submission
from autograder.course.folder import Course
from autograder.course.late import (
    Lateness,
    begun_days,
    charge,
    enter_penalties,
    lateness,
    sentence,
)
from autograder.course.settings import LatePolicy, settings
from autograder.course.submitted import Note, store
from autograder.grade.record import record
from autograder.judge.judge import no_points
from autograder.model import CourseError, Outcome, Result
from autograder.results.scores import read_class

FILE = """
timezone = "Europe/Berlin"
[due]
a1 = 2026-10-24T12:00:00
a2 = 2026-11-07T12:00:00
a3 = 2026-11-21
[late]
per_day = 0.1
most = 0.5
grace_minutes = 15
last_day = 7
free_days = 3
[extensions.a3]
eve = 2
"""


@pytest.fixture
def course(tmp_path):
    (tmp_path / "course.toml").write_text(FILE)
    return Course(tmp_path)


def put(course, assignment, student, received=None, late=False):
    store(course, assignment, student, Note("x", None, received, late), b"")


@pytest.mark.parametrize(
    ("seconds", "days"),
    [(-5, 0), (0, 0), (900, 0), (901, 1), (86_400, 1), (86_401, 2), (1e6, 12)],
)
def test_days_are_begun_days_after_the_grace(seconds, days):
    assert begun_days(seconds, LatePolicy(grace_minutes=15)) == days


def test_free_days_are_spent_once_and_the_rest_costs_by_day():
    """Against the definition: walk through all delays and count the days down."""
    for policy in (
        LatePolicy(0.1, 0.35, 0, 6, 3),
        LatePolicy(0.25, 1.0, 0, math.inf, 0),
        LatePolicy(0.5, 0.9, 0, 2, 5),
    ):
        for delays in itertools.product(range(9), repeat=3):
            left = policy.free_days
            for days in delays:
                used, cost = 0, 0.0
                for _ in range(days):
                    if left and days <= policy.last_day:
                        left, used = left - 1, used + 1
                    else:
                        cost += policy.per_day
                cost = 1.0 if days > policy.last_day else min(cost, policy.most)
            free, share = charge(policy, delays)
            assert free == used
            assert share == pytest.approx(cost)
            assert 0 <= share <= 1


def test_the_due_date_is_in_the_courses_zone_also_over_a_change_of_the_clocks(course):
    due = settings(course).due
    assert due["a1"] == datetime(2026, 10, 24, 10, tzinfo=UTC)  # summer time
    assert due["a2"] == datetime(2026, 11, 7, 11, tzinfo=UTC)
    assert due["a3"] == datetime(2026, 11, 21, 22, 59, 59, tzinfo=UTC)  # a day's end


def test_the_budget_goes_by_due_dates_and_not_by_the_order_of_collecting(course):
    put(course, "a3", "ada", "2026-11-23T12:00:00+00:00")  # two days: all paid
    put(course, "a2", "ada", "2026-11-08T12:00:00+00:00")  # two days: one is free
    put(course, "a1", "ada", "2026-10-25T12:00:00+00:00")  # two days: free
    shares = {
        name: (each["ada"].days, each["ada"].free, each["ada"].share)
        for name in ("a1", "a2", "a3")
        for each in [lateness(course, name, ["ada"])]
    }
    assert shares == {"a1": (2, 2, 0.0), "a2": (2, 1, 0.1), "a3": (2, 0, 0.2)}


def test_an_extension_moves_one_students_date(course):
    for student in ("ada", "eve"):
        put(course, "a3", student, "2026-11-23T12:00:00+00:00")
    assert set(lateness(course, "a3", ["ada", "eve"])) == {"ada"}


def test_what_comes_after_the_last_day_counts_nothing_and_spends_no_free_day(course):
    put(course, "a1", "ada", "2026-11-20T12:00:00+00:00")
    put(course, "a2", "ada", "2026-11-08T12:00:00+00:00")
    late = lateness(course, "a1", ["ada"])["ada"]
    assert (late.closed, late.share, late.free) == (True, 1.0, 0)
    assert lateness(course, "a2", ["ada"])["ada"].free == 2


def test_a_mark_without_a_time_counts_one_day_and_says_so(course):
    put(course, "a1", "ada", late=True)
    put(course, "a1", "bob")
    late = lateness(course, "a1", ["ada", "bob"])
    assert (late["ada"].days, late["ada"].assumed) == (1, True)
    assert "bob" not in late


def test_a_time_outweighs_the_mark_of_the_lms(course):
    put(course, "a1", "ada", "2026-10-24T10:14:00+00:00", late=True)  # in the grace
    assert lateness(course, "a1", ["ada"]) == {}


def test_without_a_course_file_lateness_is_told_and_costs_nothing(tmp_path):
    course = Course(tmp_path)
    put(course, "a1", "ada", late=True)
    assert lateness(course, "a1", ["ada"])["ada"].share == 0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "[late]\nper_day = 2",
            "per_day: a number from 0 to 1 was expected, not 2",
        ),
        ("[late]\nper_day = true", "late.per_day: a number from 0 to 1"),
        ("[late]\nmost = nan", "late.most: a number from 0 to 1"),
        ("[late]\nfree_days = 1.5", "late.free_days: a whole number"),
        ("[late]\nper_dya = 0.1", r"\[late\] has “per_dya”; known are"),
        ("[lates]\nper_day = 0.1", "course.toml has “lates”; known are"),
        ("late = 3", r"\[late\] must be a table"),
        ('timezone = "Mars"', "timezone: a name such as Europe/Berlin"),
        ('timezone = "../../etc/passwd"', "timezone: a name such as"),
        ("timezone = 3", "timezone: a name such as"),
        ("port = 80", "port: a number from 1024 to 65535 was expected, not 80"),
        ("port = true", "port: a number from 1024 to 65535"),
        ('[due]\na1 = "soon"', "due.a1: a time such as"),
        ("[extensions.a1]\nada = -1", "extensions.a1.ada: a number from 0"),
        ("due = ", "Invalid value"),
    ],
)
def test_a_slip_in_the_course_file_is_one_sentence(course, text, sentence):
    (course.root / "course.toml").write_text(text)
    with pytest.raises(CourseError, match=sentence) as error:
        settings(course)
    assert "\n" not in str(error.value)
    assert "course.toml" in str(error.value)


@pytest.fixture
def graded(tmp_path):
    """Ada's and Bob's work, all points; Ada is two days late, by the LMS's time."""
    course, exam = tiny_course(tmp_path)
    (course.root / "course.toml").write_text(
        "[due]\nT1 = 2026-11-27T12:00:00Z\n[late]\nper_day = 0.1\n"
    )
    for student, day in (("ada", 29), ("bob", 27)):
        hand_in(course, student, handed_in(exam))
        note = Note(f"{NAME}.ipynb", None, f"2026-11-{day}T11:00:00+00:00")
        content = read_submission(course, NAME, student)[0].content
        store(course, NAME, student, note, content)
        cells = tuple(
            replace(cell, points=0.0 if cell.manual else cell.max_points)
            for cell in no_points(exam)
        )
        result = Result(student, NAME, Outcome.GRADED, cells, key="k")
        received = read_submission(course, NAME, student)[0].received
        with course.gradebook() as gradebook:
            record(course, exam, result, gradebook, received)
    return course


def give_by_hand(course, student, points):
    with course.gradebook() as gradebook:
        grade = gradebook.find_grade("why", NAME, NAME, student)
        grade.manual_score, grade.needs_manual_grade = points, False
        gradebook.db.commit()


def test_the_class_is_read_with_the_penalty_and_so_is_the_gradebook(graded):
    give_by_hand(graded, "ada", 3.0)
    ada, bob = read_class(graded, NAME)
    assert (ada.earned, ada.penalty, ada.points) == (8.0, pytest.approx(1.6), 6.4)
    assert (bob.earned, bob.points, bob.late) == (5.0, 5.0, None)
    with graded.gradebook() as gradebook:
        enter_penalties(graded, NAME, gradebook)
        submission = gradebook.find_submission(NAME, "ada")
        assert submission.late_submission_penalty == pytest.approx(1.6)
        assert submission.score == 8.0
        assert submission.total_seconds_late == 2 * 86_400 - 3_600
        assert gradebook.find_submission(NAME, "bob").late_submission_penalty == 0


def test_penalties_go_when_the_policy_goes(graded):
    with graded.gradebook() as gradebook:
        enter_penalties(graded, NAME, gradebook)
        (graded.root / "course.toml").unlink()
        enter_penalties(graded, NAME, gradebook)
        submission = gradebook.find_submission(NAME, "ada")
        assert (submission.late_submission_penalty, submission.duedate) == (0, None)


def test_plain_nbgrader_takes_the_plugin_and_gives_the_same(graded):
    """nbgrader's own preprocessor, its own configuration, the same gradebook."""
    from nbformat.v4 import new_notebook
    from nbgrader.preprocessors import AssignLatePenalties

    with graded.gradebook() as gradebook:
        enter_penalties(graded, NAME, gradebook)
        ours = gradebook.find_submission(NAME, "ada").late_submission_penalty
        gradebook.add_assignment("a0", duedate=datetime(2026, 11, 1))
        gradebook.db.commit()
        handed_in = datetime(2026, 11, 1) + timedelta(hours=30)
        with gradebook.db.no_autoflush:
            gradebook.add_submission("a0", "bob", timestamp=handed_in)

    def penalty(student, **policy):
        config = Config()
        config.AssignLatePenalties.plugin_class = "autograder.late_days.LateDays"
        for name, value in policy.items():
            config.LateDays[name] = value
        about = {"notebook": NAME, "assignment": NAME, "student": student}
        about |= {"db_url": graded.url}
        step = AssignLatePenalties(config=config)
        step.preprocess(new_notebook(), {"nbgrader": about})
        with graded.gradebook() as gradebook:
            return gradebook.find_submission(NAME, student).late_submission_penalty

    assert penalty("ada", per_day=0.1) == pytest.approx(ours) == pytest.approx(1.0)
    assert penalty("ada", per_day=0.1, free_days=1) == pytest.approx(0.5)
    assert penalty("ada", per_day=0.1, free_days=2) == 0
    assert penalty("ada", per_day=0.1, last_day=1) == 5.0
    assert penalty("bob", per_day=0.1) == 0
    with graded.gradebook() as gradebook:
        late = datetime(2026, 11, 29, 11)
        gradebook.find_submission(NAME, "bob").timestamp = late
        gradebook.db.commit()
    assert penalty("bob", per_day=0.1, free_days=3) == pytest.approx(0.5)  # 2 spent


def test_the_student_and_the_instructor_are_told(graded):
    from autograder.results.feedback import write_feedback
    from autograder.results.report import write_report

    paths = write_feedback(graded, NAME)
    pages = {path.parts[-3]: path.read_text("utf-8") for path in paths}
    told = "Handed in 2 days late. It costs 20% of what you earned: 1 points."
    assert told in pages["ada"]
    assert "late" not in pages["bob"].partition("<main")[2].partition("Exercise")[0]
    report = " ".join(write_report(graded, NAME).read_text("utf-8").split())
    section = report.partition("<h3>Late</h3>")[2].partition("</ul>")[0]
    assert re.sub(r"<[^>]*>", "", section).strip() == "ada: 2 days, −20 %"


@pytest.mark.parametrize(
    ("late", "words"),
    [
        (
            Lateness(1, 1),
            "Handed in 1 day late. 1 of your free late days went into it.",
        ),
        (Lateness(9, closed=True, share=1.0), "That is too late to count."),
        (Lateness(1, share=0.1, assumed=True), "Marked as late where you handed it in"),
        (Lateness(3), "It costs nothing."),
    ],
)
def test_a_delay_is_told_in_words(late, words):
    assert words in sentence(late, 0.5)
