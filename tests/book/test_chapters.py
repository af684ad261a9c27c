"""The chapters as they are written: their frame, their equations and their terms."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from the_book import the_book

from tools.notebooks.chapter import to_notebook
from tools.notebooks.source import Directive, Page, walk

ROOT = Path(__file__).resolve().parents[2]
TREE = the_book()
CHAPTERS = [page for page in TREE.pages if page.notebook]


@pytest.fixture(params=CHAPTERS, ids=lambda page: Path(page.path).stem)
def chapter(request: pytest.FixtureRequest) -> Page:
    """One chapter after the other."""
    return request.param


def directives(page: Page) -> list[Directive]:
    """The directives of a page, in the order of reading."""
    texts = [cell for cell in page.cells if cell.kind == "markdown"]
    found = [d for cell in texts for _, d, _ in walk(cell.text, cell.line)]
    return [directive for directive in found if directive]


def test_a_chapter_opens_with_what_it_is_for_what_it_needs_and_how_long_it_runs(
    chapter,
):
    _, title, opening, *_ = re.split(r"\n\n(?=#|```)", "\n\n" + chapter.cells[0].text)
    assert title.startswith("# ")
    assert opening.startswith("```{opening}\n:time: ")
    box = next(d for d in directives(chapter) if d.name == "opening")
    assert 3 <= len(re.findall(r"^- ", box.content, re.MULTILINE)) <= 5
    assert "\n**You need** " in box.content
    assert re.fullmatch(r"\d+ s", box.options["time"])


def test_a_chapter_ends_with_a_summary_exercises_and_the_way_on(chapter):
    text = (ROOT / chapter.path).read_text("utf8")
    headings = re.findall(r"^## (.*)", text, re.MULTILINE)
    assert headings[-2:] == ["Summary", "Exercises"]
    found = directives(chapter)
    assert sum(d.name == "exercise" for d in found) >= 3
    assert found[-1].name == "closing"
    assert found[-1].content.startswith("**Graded assignment.** ")
    assert "\n**Read on.** " in found[-1].content
    assert text.endswith(f"{found[-1].content}\n```\n")


def test_every_assignment_is_offered_by_a_chapter():
    folder = ROOT / "notebooks/assignments"
    released = {f"../{p.relative_to(ROOT)}" for p in folder.rglob("a*.ipynb")}
    closings = [directives(page)[-1].content for page in CHAPTERS]
    assert released == {
        path for text in closings for path in re.findall(r"<(.*?\.ipynb)>", text)
    }


def test_the_boxes_of_a_notebook_have_the_titles_of_the_page(chapter):
    notebook = to_notebook(chapter, TREE.labels, TREE.bibliography)
    text = "\n".join(cell.source for cell in notebook.cells)
    assert "> **After this chapter you can**\n" in text
    assert "\n## Where to go from here\n" in f"\n{text}"


def test_each_line_on_equations_stands_above_a_cell_and_names_those_of_its_page(
    chapter,
):
    above = {}
    for text, cell in pairwise(chapter.cells):
        lines = re.findall(r"^```\{implements\} (.*)\n```$", text.text, re.MULTILINE)
        if text.kind == "markdown" and lines:
            assert text.text.endswith(f"{{implements}} {lines[-1]}\n```"), text.line
            assert cell.kind == "code", text.line
            above[text.line] = lines
    assert above
    assert all(len(lines) == 1 for lines in above.values()), above
    for label in ", ".join(lines[0] for lines in above.values()).split(", "):
        target = TREE.labels.find(chapter, label)
        assert (target.kind, target.page) == ("Equation", chapter), label


def test_most_equations_of_a_chapter_are_computed_by_a_cell_of_it(chapter):
    targets = TREE.labels.targets
    numbered = {
        label
        for label, target in targets.items()
        if target.page is chapter and target.kind == "Equation"
    }
    lines = [d.argument for d in directives(chapter) if d.name == "implements"]
    assert len(set(", ".join(lines).split(", "))) >= 0.6 * len(numbered)


def test_every_term_of_the_glossary_is_in_english_and_chinese():
    text = (ROOT / "book/glossary.md").read_text("utf8")
    lists = re.findall(r"^```{glossary}\n(.*?)\n```$", text, re.MULTILINE | re.DOTALL)
    entries = [entry.split("\n") for part in lists for entry in part.split("\n\n")]
    assert len({english for english, *_ in entries}) == len(entries) > 100
    for english, chinese, *meaning in entries:
        assert not re.search("[\u4e00-\u9fff]", english), english
        assert re.search("[\u4e00-\u9fff]", chinese), chinese
        assert meaning, english
        assert all(line.startswith("  ") for line in meaning), english


def test_every_row_of_the_notation_has_a_place_where_it_is_defined():
    rows = re.findall(
        r"^\| (\$.*)\|$", (ROOT / "book/notation.md").read_text("utf8"), re.MULTILINE
    )
    cells = {row: re.split(r"(?<!\\) \|", row) for row in rows}
    assert {len(columns) for columns in cells.values()} == {5}
    # Plain linear algebra needs no chapter.
    without = [columns[0] for columns in cells.values() if not columns[4].strip()]
    assert without == ["$I$", r"$A^\top$", r"$\lVert v\rVert$"]
