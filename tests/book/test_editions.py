"""The book's other editions: the zip, the PDF, and the instructor's pages."""

import re
from pathlib import Path
from zipfile import ZipFile

import pytest

from tools.editions import __main__ as command
from tools.editions import archive, instructor

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A folder like that of the built book."""
    site = tmp_path / "html"
    files = ["index.html", "book/a.html", "_static/book.css", ".buildinfo", ".done"]
    for name in (*files, ".doctrees/a.doctree"):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(name)
    return site


def test_the_zip_holds_the_pages_in_one_folder_and_no_caches(pages, tmp_path):
    with ZipFile(archive.pack(pages, tmp_path / "book.zip")) as packed:
        assert packed.namelist() == [
            "flowbook/_static/book.css",
            "flowbook/book/a.html",
            "flowbook/index.html",
        ]
        assert packed.read("flowbook/book/a.html") == b"book/a.html"


def test_the_same_pages_give_the_same_zip(pages, tmp_path):
    first = archive.pack(pages, tmp_path / "1.zip").read_bytes()
    for path in pages.rglob("*.html"):
        path.touch()
    assert archive.pack(pages, tmp_path / "2.zip").read_bytes() == first


@pytest.fixture(scope="module")
def instructors_pages(tmp_path_factory) -> Path:
    """The instructor's edition without the chapters, nothing executed."""
    config, toc = instructor.settings(ROOT), instructor.contents(ROOT)
    config["execute"]["execute_notebooks"] = "off"
    toc["parts"] = toc["parts"][-1:]
    target = tmp_path_factory.mktemp("edition") / "html"
    return instructor.build(ROOT, target, config, toc, "-q")


def test_the_instructors_edition_shows_every_solution(instructors_pages):
    names = instructor.assignments(ROOT)
    assert len(names) == len(list((ROOT / "solutions").glob("a*/")))
    for name in names:
        source = (ROOT / f"{name}.md").read_text("utf8")
        html = (instructors_pages / f"{name}.html").read_text("utf8")
        by_hand = len(re.findall(r"^\+\+\+ .*\"solution\": true", source, re.MULTILINE))
        in_code = len(re.findall(r"^nbgrader: .*solution: true", source, re.MULTILINE))
        lines = re.findall(r'<p class="graded-cell">([^<]*)</p>', html)
        assert lines.count("Solution") == in_code > 0, name
        assert lines.count("Solution, graded by hand") == by_hand, name
        assert "BEGIN HIDDEN TESTS" in html, name


def test_each_of_the_instructors_pages_says_so(instructors_pages):
    for path in instructors_pages.glob("**/a*_*.html"):
        html = path.read_text("utf8")
        assert instructor.BANNER in html, path
        assert '<meta name="robots" content="noindex"' in html, path
        assert "instructor’s edition</title>" in html.replace("&#39;", "’"), path


def test_the_default_book_knows_nothing_of_the_solutions():
    settings = (ROOT / "_config.yml").read_text() + (ROOT / "_toc.yml").read_text()
    assert "solutions" not in settings
    assert "graded_cells" not in settings


def test_the_command_makes_the_zip_or_asks_for_the_book(pages, monkeypatch, capsys):
    monkeypatch.setattr(command, "BUILD", pages.parent)
    assert command.main(["zip"]) == 2
    assert "run `make book` first" in capsys.readouterr().err
    (pages / "searchindex.js").write_text("")
    assert command.main(["zip"]) == 0
    assert "flowbook.zip (0.0 MB)" in capsys.readouterr().out
    assert (pages.parent / "flowbook.zip").exists()
