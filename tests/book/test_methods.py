"""The table of methods: each row leads to what it names."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from mdit_py_plugins.anchors.index import slugify
from the_book import the_book

ROOT = Path(__file__).resolve().parents[2]
TREE = the_book()
PAGES = {Path(page.path).name: page for page in TREE.pages}
ROW = re.compile(
    r"\| (?P<method>[^|]+) \| (?P<sources>[^|]+)"
    r" \| \[[^|]+\]\((?P<page>\S+)#(?P<section>\S+)\) \| \{eq\}`(?P<equation>[^`]+)`"
    r" \| `(?P<check>[^`]+)` \| \{ref\}`(?P<exercise>[^`]+)` \|"
)
LINES = [
    line
    for line in (ROOT / "book/methods.md").read_text("utf8").splitlines()
    if line.startswith("| ") and not line.startswith("| method ")
]
SOURCE = re.compile(r"[FSVG]|T (?:[\d., ]|notes|problems?|\(problem\))+")


@cache
def assertions(name: str) -> list[tuple[set[str], str]]:
    """Each statement of a page that fails when a claim does, with its sections."""
    found, open_sections = [], {}
    for cell in PAGES[name].cells:
        if cell.kind == "markdown":
            for marks, title in re.findall(r"^(##+) (.*)$", cell.text, re.MULTILINE):
                above = {k: v for k, v in open_sections.items() if k < len(marks)}
                open_sections = above | {len(marks): slugify(title)}
        elif "assert" in cell.text:
            for node in ast.walk(ast.parse(cell.text)):
                is_call = isinstance(node, ast.Expr) and "assert" in ast.dump(node)
                if isinstance(node, ast.Assert) or is_call:
                    claim = ast.get_source_segment(cell.text, node)
                    found.append((set(open_sections.values()), claim))
    return found


@cache
def implemented(name: str) -> set[str]:
    """The equations of a page that a cell implements."""
    text = (ROOT / PAGES[name].path).read_text("utf8")
    lines = re.findall(r"^```\{implements\} (.*)$", text, re.MULTILINE)
    return set(", ".join(lines).split(", "))


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.split(" | ")[0][2:])
def test_a_method_leads_to_a_section_an_equation_its_cell_a_check_and_an_exercise(line):
    row = ROW.fullmatch(line)
    assert row, "expected method | taught in | section | equation | check | exercise"
    assert all(SOURCE.fullmatch(each) for each in row["sources"].split("; "))
    labels, page = TREE.labels.targets, PAGES[row["page"]]
    equation, exercise = labels[row["equation"]], labels[row["exercise"]]
    assert (equation.kind, equation.page) == ("Equation", page)
    assert row["equation"] in implemented(row["page"])
    assert exercise.kind == "Exercise"
    assert any(
        row["section"] in sections and row["check"] in claim
        for sections, claim in assertions(row["page"])
    )


def test_no_method_stands_twice_and_every_exact_or_bounded_chapter_has_one():
    methods = [ROW.fullmatch(line)["method"] for line in LINES]
    assert len(methods) == len(set(methods)) >= 100
    chapters = {page for page in PAGES if re.match(r"\d\d_", page)}
    assert chapters == {ROW.fullmatch(line)["page"] for line in LINES}
