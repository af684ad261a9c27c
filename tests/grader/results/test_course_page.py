"""The page on the course: its numbers are the CSV's, and it sorts and searches."""

import csv
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from autograder.course.folder import Course
from autograder.model import CellResult, Outcome, Result
from autograder.results.course_page import write_course_page
from autograder.results.course_table import course_csv
from autograder.results.standings import read_course

ASSIGNMENTS = ("a1_maps", "a2_linear", "a3_waves")
TESTED = CellResult("test", "Exercise 1", False, 0.0, 4.0)
WRITTEN = CellResult("why", "Exercise 2", True, 0.0, 4.0)
HOSTILE = "<img src=x onerror='window.ran=1'><script>window.ran=2</script>"


class Cells(HTMLParser):
    """The rows of the table of students as texts."""

    def __init__(self, page):
        super().__init__()
        self.rows, self.inside, self.text = [], False, None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag == "table":
            self.inside = "course" in dict(attributes).get("class", "").split()
        if self.inside and tag == "tr":
            self.rows.append([])
        if self.inside and tag in ("td", "th"):
            self.text = ""

    def handle_endtag(self, tag):
        if self.inside and tag in ("td", "th"):
            self.rows[-1].append(" ".join(self.text.split()))
            self.text = None

    def handle_data(self, data):
        if self.text is not None:
            self.text += data


@pytest.fixture
def course(tmp_path):
    """Twelve students, three assignments, one of each thing that can be."""
    course = Course(tmp_path)
    people = [(f"s{n:02}", f"Person {n:02}") for n in range(11)] + [("s11", HOSTILE)]
    source = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "rosters").mkdir()
    for number, name in enumerate(ASSIGNMENTS):
        course.source(name).parent.mkdir(parents=True)
        course.source(name).write_text(json.dumps(source))
        with (tmp_path / "rosters" / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("student", "name"), *people])
        for n, (student, _) in enumerate(people[: 12 - 2 * number]):
            cell = replace(TESTED, points=((3 * n + number) % 9) / 2)
            cells = (cell, WRITTEN) if (n, number) == (3, 1) else (cell,)
            outcome = Outcome.INVALID if (n, number) == (4, 1) else Outcome.GRADED
            course.write_result(Result(student, name, outcome, cells, reason="why"))
    (tmp_path / "course.toml").write_text(
        "[total]\ndrop_lowest = 1\n[total.weights]\nA1 = 1\nA2 = 2\nA3 = 2\n"
    )
    return course


def test_the_page_has_the_numbers_of_the_csv(course, tmp_path):
    classes = read_course(course)
    page = write_course_page(course, classes).read_text("utf-8")
    path = course_csv(course, classes, tmp_path / "course.csv")
    head, *rows, last = Cells(page).rows
    assert (head[0], head[-1], last[0]) == ("Student", "Total", "Median")
    found = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    assert len(rows) == len(found) == 12
    for shown, row in zip(rows, found, strict=True):
        assert shown[0] == f"{row['name']} {row['student']}"
        total = f"{float(row['total']):.1f} %" if row["total"] else "–"
        assert shown[-2:] == [row["missing"].replace("0", ""), total]
        for text, name in zip(shown[1:4], ASSIGNMENTS, strict=True):
            words = text in ("missing", "…", "refused", "")
            assert words if row[name] == "" else text == row[name]


def test_the_page_says_who_hands_nothing_in_and_what_counts(course):
    page = write_course_page(course, read_course(course)).read_text("utf-8")
    assert "2 missing: A2, A3" in page
    assert "the lowest is left out" in page
    assert page.count('title="left out as the lowest"') > 0


def test_the_page_shows_trends_and_who_stays_away(course):
    page = write_course_page(course, read_course(course)).read_text("utf-8")
    (gone,) = re.findall(r"Handed in none of the last 2</strong>(.*?)</p>", page)
    assert re.findall(r">(s\d\d)<", gone) == ["s10", "s11"]
    assert "<title>A1 75%, A2 missing, A3 missing</title>" in page  # s11
    assert "excused" not in page.split("<body>")[1]


def test_an_excused_work_is_neither_missing_nor_zero_on_the_page_and_in_the_csv(
    course, tmp_path
):
    rules = (tmp_path / "course.toml").read_text()
    late = "[late]\nfree_days = 3\n"
    excused = '[excused]\nS10 = ["A3"]\ns11 = ["A2", "A3"]\ns00 = ["A2"]\n'
    (tmp_path / "course.toml").write_text(rules + late + excused)
    classes = read_course(course)
    page = write_course_page(course, classes).read_text("utf-8")
    head, *rows, _ = Cells(page).rows
    assert head[-2:] == ["Late days of 3 free", "Total"]
    by_id = {row[0].split()[-1]: row for row in rows}
    assert by_id["s10"][2:4] == ["missing", "excused"]
    assert by_id["s11"][2:4] == ["excused", "excused"]
    assert by_id["s00"][2] == "excused"  # handed in, and it does not count
    assert by_id["s00"][-2] == "3 left"
    assert "none of the last 2" not in page
    path = course_csv(course, classes, tmp_path / "course.csv")
    found = {r["student"]: r for r in csv.DictReader(path.read_text().splitlines())}
    assert found["s11"]["a2_linear"] == found["s11"]["a3_waves"] == "excused"
    assert (found["s11"]["missing"], found["s11"]["free_days_left"]) == ("0", "3")
    assert float(found["s11"]["total"]) == pytest.approx(100 * 3.0 / 4)


def test_a_course_without_assignments_has_a_page_too(tmp_path):
    page = write_course_page(Course(tmp_path), {}).read_text("utf-8")
    assert "No assignment is released here yet" in page


def test_nothing_on_the_page_but_our_script_may_act(course):
    page = write_course_page(course, read_course(course)).read_text("utf-8")
    assert re.findall(r"<script[^>]*>", page) == ["<script>"]
    assert HOSTILE not in page
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy.startswith("default-src &#39;none&#39;")
    assert "script-src &#39;sha256-" in policy
    assert "unsafe" not in policy


@pytest.mark.web
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_sorts_searches_and_fits(course, browser, width, scheme):
    path = write_course_page(course, read_course(course))
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme
    )
    page, problems = context.new_page(), []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text))
    page.goto(path.as_uri())
    wide = (
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
    assert page.evaluate(wide)
    names = page.locator("table.course tbody th")
    totals = page.locator("table.course tbody td:last-child")
    page.get_by_role("button", name="Total").click()
    numbers = [float(t[:-2]) for t in totals.all_inner_texts() if t != "–"]
    assert numbers == sorted(numbers)
    page.get_by_role("button", name="Total").click()
    numbers = [float(t[:-2]) for t in totals.all_inner_texts() if t != "–"]
    assert numbers == sorted(numbers, reverse=True)
    page.get_by_label("Find").fill("PERSON 07")
    shown = names.filter(visible=True).all_inner_texts()
    assert [text.split("\n")[0] for text in shown] == ["Person 07"]
    assert page.locator("output").inner_text() == "1 of 12 students"
    assert page.evaluate("window.ran") is None
    assert problems == []
    context.close()
