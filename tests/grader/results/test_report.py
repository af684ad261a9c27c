"""The page on the class: nobody is missing, and its statistics are what they say."""

import json
import math
import random
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from autograder.course.folder import Course
from autograder.model import CellResult, Outcome, Result
from autograder.results.item_analysis import (
    alike,
    fisher_interval,
    item_rest,
    mistakes,
    tasks,
    unnamed,
)
from autograder.results.plots import RADIUS, histogram, side_by_side, ticks
from autograder.results.report import Report, report_page, write_report
from autograder.results.scores import Score, Scored, read_class

NAME = "a1_maps"
POINTS = (3.0, 1.0, 4.0)


def cells(given, mistake=None):
    """Three tested cells with the points given, and a derivation that waits."""
    tested = [
        CellResult(
            f"t{i}",
            f"Exercise {i}",
            False,
            points,
            most,
            mistake=mistake if points < most else None,
            hint="Look again." if mistake else None,
        )
        for i, (points, most) in enumerate(zip(given, POINTS, strict=True))
    ]
    return (*tested, CellResult("why", "Exercise 4", True, 0.0, 2.0))


def result(student, given=POINTS, mistake=None, **fields):
    fields = {"outcome": Outcome.GRADED, "cells": cells(given, mistake)} | fields
    return Result(student, NAME, **fields)


def scored(results):
    return [
        Scored(
            each,
            tuple(Score(c, None if c.manual else c.points) for c in each.cells),
        )
        for each in results
    ]


def class_of(n, seed=0):
    draw = random.Random(seed)
    return [
        result(
            f"s{i:02}", [draw.randint(0, int(most)) for most in POINTS], seconds=1 + i
        )
        for i in range(n)
    ]


class Page(HTMLParser):
    """Reads tables as lists of rows of text, and collects tags and attributes."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.tags, self.attributes, self.text = [], set(), [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        self.text += data
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip()


def page(tmp_path, results):
    course = Course(tmp_path)
    for each in results:
        course.write_result(each)
    path = write_report(course, NAME)
    assert path == course.report(NAME)
    return Page(path.read_text("utf-8"))


def test_every_student_is_there_with_one_of_three_outcomes(tmp_path):
    Course(tmp_path).submitted(NAME, "dora").mkdir(parents=True)  # not graded yet
    results = [
        result("ali"),
        result("bea", outcome=Outcome.INVALID, reason="Not a notebook."),
        result("cem", outcome=Outcome.FAILED, reason="No kernel."),
    ]
    read = page(tmp_path, results)
    outcomes = {row[0]: row[1:3] for row in read.rows if len(row) > 2}
    assert outcomes["ali"] == ["graded", "8"]
    assert outcomes["bea"] == ["invalid", "–"]
    assert outcomes["cem"] == ["failed", "–"]
    assert outcomes["dora"] == ["failed", "–"]
    for reason in ("Not a notebook.", "No kernel.", "not been graded yet"):
        assert reason in read.text


def test_a_class_of_nobody_still_has_a_page(tmp_path):
    assert "Nobody has handed anything in yet." in page(tmp_path, []).text


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 30])
def test_a_class_of_any_size_has_a_page(tmp_path, n):
    text = page(tmp_path, class_of(n)).text
    assert "nan" not in text
    assert ("is drawn from" in text) == (n < 8)


def test_the_page_loads_nothing_and_holds_no_inline_style(tmp_path):
    hostile = "<script>window.ran = 1</script><img src=http://host.invalid>'\""
    results = [
        *class_of(9),
        result("x", (0, 0, 0), hostile, reason=hostile, repairs=(hostile,)),
        result("y", outcome=Outcome.INVALID, reason=hostile),
    ]
    read = page(tmp_path, results)
    assert not read.tags & {"img", "link", "iframe", "object", "base", "form"}
    text = (tmp_path / "reports" / f"{NAME}.html").read_text("utf-8")
    assert re.findall(r"<script[^>]*>", text) == ["<script>"]  # ours, by its hash
    assert "script-src &#39;sha256-" in text
    for _, name, value in read.attributes:
        assert name != "style"
        assert not name.startswith("on")
        assert name != "href" or value.startswith(("../feedback/", "#"))


def wrong(student, *marks, code="return x"):
    """A result whose tests failed with these marks; None passes."""
    own = [
        CellResult(f"t{i}", "Exercise 1", False, 0.0 if m else 1.0, 1.0, alike=m)
        for i, m in enumerate(marks)
    ]
    made = [code_cell("a1", code, solution=True)]
    made += [code_cell(each.grade_id, "assert f(1) == 1", grade=True) for each in own]
    notebook = json.dumps({"cells": made})
    return result(student, cells=tuple(own), notebook=notebook)


def code_cell(grade_id, source, **kind):
    about = {"grade": False, "solution": False, "grade_id": grade_id} | kind
    metadata = {"nbgrader": about}
    return {"cell_type": "code", "id": grade_id, "metadata": metadata, "source": source}


def test_wrong_answers_that_a_test_refused_alike_stand_together(tmp_path):
    results = [
        wrong("ann", "m1", "m9", code="return -x"),
        wrong("bob", "m2"),
        wrong("cem", "m1", code="return 0 - x"),
        wrong("dan", None),
    ]
    first, second = alike(scored(results))
    assert first.students == ("ann", "cem")
    assert (first.answer, first.tests) == ("a1", ("t0", "t1"))
    assert second.students == ("bob",)
    text = page(tmp_path, results).text
    assert "Exercise 1: 2 students" in text
    assert "loses: [t0, t1]" in text
    assert "return -x" in text
    assert "return 0 - x" not in text


def test_a_student_is_linked_to_the_feedback_if_there_is_some(tmp_path):
    course, name = Course(tmp_path), "a b#c"
    path = course.feedback(NAME, name)
    path.parent.mkdir(parents=True)
    path.write_text("page", "utf-8")
    read = page(tmp_path, [result(name), result("d")])
    links = [value for _, key, value in read.attributes if key == "href"]
    assert set(links) == {f"../feedback/a%20b%23c/{NAME}/{NAME}.html"}


def test_item_rest_is_the_correlation_with_all_other_tasks():
    draw = scored(class_of(40))
    table = np.array(
        [[s.points for s in each.scores if s.points is not None] for each in draw]
    )
    for i, task in enumerate(tasks(draw)[:3]):
        rest = np.delete(table, i, axis=1).sum(1)
        oracle = np.corrcoef(table[:, i], rest)[0, 1]
        assert math.isclose(task.discrimination, oracle, abs_tol=1e-12)
        assert math.isclose(task.share, table[:, i].mean() / POINTS[i])
        assert math.isclose(task.full, (table[:, i] == POINTS[i]).mean())


def test_the_interval_holds_the_truth_in_95_of_100_classes():
    draw, true, hits, classes = np.random.default_rng(0), 0.6, 0, 2000
    for _ in range(classes):
        x = draw.standard_normal(20)
        y = true * x + math.sqrt(1 - true**2) * draw.standard_normal(20)
        low, high = fisher_interval(item_rest(list(x), list(y)), 20)
        hits += low <= true <= high
    assert abs(hits / classes - 0.95) < 4 * math.sqrt(0.95 * 0.05 / classes)


def test_discrimination_is_withheld_where_it_has_no_meaning():
    few = tasks(scored(class_of(7)))
    same = tasks(scored([result(f"s{i}") for i in range(20)]))
    assert {task.discrimination for task in few + same} == {None}
    assert same[0].share == 1.0


def test_a_score_that_waits_counts_nowhere():
    waiting = tasks(scored(class_of(10)))[3]
    assert (waiting.students, waiting.waiting) == (0, 10)
    assert waiting.discrimination is None
    assert math.isnan(waiting.share)


def test_a_task_that_the_weaker_win_is_remarked():
    results = [
        result(f"s{i}", (3.0 * (i % 2), 1.0 * (i % 2), 4.0 * (1 - i % 2)))
        for i in range(20)
    ]
    assert tasks(scored(results))[2].remark == "the weaker did better: check the task"


def test_invalid_and_failed_submissions_are_no_part_of_a_tasks_numbers():
    results = [*class_of(10)]
    with_others = [
        *results,
        result("x", (0, 0, 0), outcome=Outcome.INVALID),
        result("y", (0, 0, 0), outcome=Outcome.FAILED),
    ]
    assert tasks(scored(results)) == tasks(scored(with_others))


def test_mistakes_count_students_and_the_commonest_is_first():
    results = [
        result("a", (0, 0, 0), "log-det sign"),  # in three tasks: one student
        result("b", (3, 0, 4), "log-det sign"),
        result("c", (0, 1, 4), "support lost"),
        result("d", (0, 1, 4)),
        result("e", (0, 1, 4), "log-det sign", outcome=Outcome.INVALID),
    ]
    found = mistakes(scored(results))
    assert [(m.name, m.students) for m in found] == [
        ("log-det sign", ("a", "b")),
        ("support lost", ("c",)),
    ]
    assert [loss.cells for loss in unnamed(scored(results))] == [(("t0", 1),)]


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
def test_a_persons_score_is_in_the_class(tmp_path):
    course = Course(tmp_path)
    course.write_result(result("ali"))
    with course.gradebook() as book:
        book.add_assignment(NAME)
        book.add_notebook(NAME, NAME)
        book.add_grade_cell("why", NAME, NAME, cell_type="markdown", max_score=2)
        book.add_student("ali")
        book.add_submission(NAME, "ali")
        grade = book.find_grade("why", NAME, NAME, "ali")
        grade.manual_score, grade.extra_credit = 1.5, 0.25
        grade.needs_manual_grade = False
        book.db.commit()
    (ali,) = read_class(course, NAME)
    assert (ali.points, ali.waiting) == (9.75, 0.0)


@pytest.mark.parametrize("values", [[0.0], [20.0] * 3, [0, 0.5, 7, 19.99, 20], []])
def test_a_histogram_draws_every_value(values):
    drawn = str(histogram(values, 0, 20, "points", "A histogram."))
    counts = re.findall(r"<title>.*?: (\d+)</title>", drawn)
    assert sum(map(int, counts)) == len(values)


@pytest.mark.parametrize(
    ("low", "high"), [(0, 20), (0, 0.3), (-1, 1), (0, 1e6), (5, 5)]
)
def test_ticks_are_few_round_and_inside(low, high):
    found = ticks(low, high)
    assert 1 <= len(found) <= 8
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in found)


def test_dots_never_cover_each_other():
    places = side_by_side([(200.0, 100.0)] * 6 + [(205.0, 103.0)])
    gaps = [math.dist(a, b) for i, a in enumerate(places) for b in places[:i]]
    assert min(gaps) >= 2 * RADIUS
    assert [y for _, y in places] == [100.0] * 6 + [103.0]


def test_near_identical_answers_stand_side_by_side_and_run_nothing(tmp_path):
    lines = [f"    x = x.exp() + {i} * x.log()<script>" for i in range(30)]
    code = "\n".join(["def f(x):", *lines])
    meta = {"nbgrader": {"grade_id": "t0", "solution": True}}
    cell = {"cell_type": "code", "id": "a", "metadata": meta, "source": code}
    notebook = json.dumps({"cells": [cell]})
    both = [result(name, notebook=notebook) for name in ("ali", "bea")]
    read = page(tmp_path, both)
    assert "ali and bea: 100 %" in " ".join(read.text.split())
    assert read.text.count(code) == 2
    written = (tmp_path / "reports" / f"{NAME}.html").read_text("utf-8")
    assert re.findall(r"<script[^>]*>", written) == ["<script>"]  # ours


def test_the_report_says_in_which_sandbox_it_ran(tmp_path):
    ran = [result(name, tier="landlock", mode="warm") for name in ("ali", "bea")]
    text = " ".join(page(tmp_path, ran).text.split())
    assert "2 in the sandbox “landlock, warm”" in text


def test_the_report_says_how_close_the_class_came_to_the_limit():
    students = scored([result("a", seconds=3, share=0.2), result("b", share=0.874)])
    page = report_page(Report(NAME, tuple(students), (), frozenset()))
    assert "The longest cell took 87 % of its time limit." in page.decode()
