"""The generator of notebooks/: each translation, its errors, and what it has made."""

import json
import posixpath
import re
from pathlib import Path

import nbformat
import pytest
import yaml
from the_book import the_book

from tools.notebooks.__main__ import main
from tools.notebooks.chapter import RESIDUE, prose, to_json, to_notebook
from tools.notebooks.exercises import FOLDED
from tools.notebooks.source import MYST_EXTENSIONS, SourceError
from tools.notebooks.tree import Tree, check, write

ROOT = Path(__file__).resolve().parents[2]

HEADER = "---\nkernelspec:\n  name: python3\n  display_name: Python 3\n---\n\n"
BIB = """
@article{one2001, author={Ann One}, title={First}, journal={J}, year={2001}}
@article{two2002, author={Ann One and Bo van den Two}, title={Second}, year={2002},
  journal={J}}
@article{three2003, author={Ann One and Bo Two and Cy Three}, title={Third},
  journal={J}, year={2003}}
"""
OTHER = """# The other chapter

(sec-inner)=
## Inner *section*

$$
a
$$ (eq-other)
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A book of two chapters, an index and one reference list, under `tmp_path`."""
    book = tmp_path / "book"
    book.mkdir()
    (book / "index.md").write_text("# The book\n")
    (book / "02_topic.md").write_text(HEADER + "# A topic\n\nText.\n")
    (book / "03_other.md").write_text(HEADER + OTHER)
    (book / "references.bib").write_text(BIB)
    parts = [{"chapters": [{"file": "book/02_topic"}, {"file": "book/03_other"}]}]
    toc = {"format": "jb-book", "root": "book/index", "parts": parts}
    (tmp_path / "_toc.yml").write_text(yaml.safe_dump(toc))
    (tmp_path / "_config.yml").write_text("repository: {url: ''}\n")
    return tmp_path


def notebook_of(tree: Path, text: str) -> nbformat.NotebookNode:
    """The notebook of chapter 2 when `text` is its source."""
    (tree / "book/02_topic.md").write_text(HEADER + text)
    pages = Tree(tree)
    return to_notebook(pages.pages[1], pages.labels, pages.bibliography)


def translated(tree: Path, text: str) -> str:
    """The Markdown that `text` becomes in chapter 2, under its title."""
    cells = notebook_of(tree, f"# A topic\n\n{text}").cells
    whole = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return whole.removeprefix("# 2. A topic").strip()


SMALL = {
    "plain Markdown stays": ("a **b** `c` $d$\n\n- e\n- f",) * 2,
    "a label goes": ("(here)=\n## Head", "## Head"),
    "a comment goes": ("a\n\n% for authors\n\nb", "a\n\nb"),
    "an equation gets the number of the page": (
        "$$\nx\n$$ (first)\n\nSee {eq}`first`.",
        "$$\nx \\tag{2.1}\n$$\n\nSee (2.1).",
    ),
    "an equation of several lines is split": (
        "$$\na &= b \\\\\nc &= d\n$$",
        "$$\n\\begin{split}\na &= b \\\\\nc &= d\n\\end{split}\n$$",
    ),
    "a math directive is an equation": (
        "```{math}\n:label: m\nx\n```\n\n{eq}`m`",
        "$$\nx \\tag{2.1}\n$$\n\n(2.1)",
    ),
    "an align environment stands within dollars": (
        "\\begin{align}\na &= b\n\\end{align}",
        "$$\n\\begin{aligned}\na &= b\n\\end{aligned}\n$$",
    ),
    "a note is a quotation": (
        ":::{note}\nOne.\n\nTwo.\n:::",
        "> **Note**\n>\n> One.\n>\n> Two.",
    ),
    "an equation in a quotation has one line": (
        "```{tip}\n$$\nx\n$$\n```",
        "> **Tip**\n>\n> $$ x $$",
    ),
    "an admonition has its own title": (
        "```{admonition} On $x$\n:class: tip\nText.\n```",
        "> **On $x$**\n>\n> Text.",
    ),
    "a folded admonition opens at a click": (
        "```{admonition} More\n:class: dropdown\nText.\n```",
        "<details>\n<summary><b>More</b> (click to open)</summary>\n\n"
        "Text.\n\n</details>",
    ),
    "a directive within a directive": (
        "````{note}\n```{math}\ny\n```\n````",
        "> **Note**\n>\n> $$ y $$",
    ),
    "a directive within a list": (
        "- a\n\n  ```{math}\n  y\n  ```\n- b",
        "- a\n\n  $$\n  y\n  $$\n- b",
    ),
    "the box that opens a chapter says how long it runs": (
        "```{opening}\n:time: 5 s\n\n- do it.\n\n"
        "**You need** [more](03_other.md).\n```",
        "> **After this chapter you can**\n>\n> - do it.\n>\n"
        "> **You need** [more](03_other.ipynb).\n>\n"
        "> **Running time** of all cells: about 5 s.",
    ),
    "a line above a cell names its equations": (
        "$$\nx\n$$ (first)\n\n```{implements} first, eq-other\n```",
        "$$\nx \\tag{2.1}\n$$\n\n"
        "*The cell below implements (2.1), [(3.1)](03_other.ipynb).*",
    ),
    "a folded admonition with mathematics stays open": (
        "```{admonition} More\n:class: dropdown\nOf $x$.\n```",
        "> **More**\n>\n> Of $x$.",
    ),
    "an exercise has a number, its solution a heading": (
        "```{exercise} Hard\n:label: ex\nDo.\n```\n\n"
        "```{solution} ex\n:class: dropdown\nDone, see {ref}`ex`.\n```",
        "### Exercise 2.1 (Hard)\n\nDo.\n\n"
        "#### Solution to Exercise 2.1\n\nDone, see Exercise 2.1.",
    ),
    "a theorem and its proof": (
        "```{prf:theorem} Name\n:label: t\nSo.\n```\n\n"
        "```{prf:proof}\nBy {prf:ref}`t`.\n```",
        "**Theorem 2.1 (Name)**\n\nSo.\n\n*Proof.* By Theorem 2.1.",
    ),
    "a definition list": (
        "Term\n: Meaning\n  of it.\n\nText.",
        "- **Term**: Meaning\n  of it.\n\nText.",
    ),
    "a glossary": (
        "```{glossary}\none\ntwo\n: Both {math}`x`.\n```",
        "- **one, two**: Both $x$.",
    ),
    "a footnote": (
        "a[^n]\n\n[^n]: Below.",
        "a<sup>1</sup>\n\n<sup>1</sup> Below.",
    ),
    "an image is found from the notebook": (
        "```{figure} pic.svg\n:alt: A picture.\n:name: f\nWhat to see.\n```\n\n"
        "{numref}`f`",
        "![A picture.](../book/pic.svg)\n\n*Figure 2.1. What to see.*\n\nFigure 2.1",
    ),
    "a table has its caption": (
        "```{table} Sizes\n:name: t\n| a |\n|---|\n| 1 |\n```\n\n{numref}`Tab. %s <t>`",
        "*Table 2.1. Sizes*\n\n| a |\n|---|\n| 1 |\n\nTab. 2.1",
    ),
    "code is left alone": (
        "```python\nx = '{eq}`no`'  # (label)=\n```\n\n``{eq}`no` ``",
        "```python\nx = '{eq}`no`'  # (label)=\n```\n\n``{eq}`no` ``",
    ),
    "a heading of the page is linked as Jupyter names it": (
        "## Equal mass\n\n[](#equal-mass), [there](#equal-mass)",
        "## Equal mass\n\n[Equal mass](#Equal-mass), [there](#Equal-mass)",
    ),
    "another chapter is its notebook": (
        "{doc}`03_other`, [text](03_other.md), {eq}`eq-other`",
        "[The other chapter](03_other.ipynb), [text](03_other.ipynb), "
        "[(3.1)](03_other.ipynb)",
    ),
    "a section of another chapter": (
        "{ref}`sec-inner` and {ref}`so <sec-inner>`",
        "[Inner *section*](03_other.ipynb#Inner-section) and "
        "[so](03_other.ipynb#Inner-section)",
    ),
    "what is no notebook is linked as it is": (
        "{doc}`index`, [code](../flowbook/flow.py), <https://a.org>, [b](https://b.org)",
        "[The book](../book/index.md), [code](../flowbook/flow.py), <https://a.org>, "
        "[b](https://b.org)",
    ),
    "an assignment": (
        "{download}`A1 <../notebooks/assignments/a1/a1.ipynb>`",
        "[A1](assignments/a1/a1.ipynb)",
    ),
    "a role over two lines": (
        "so {term}`change of\nvariables` does",
        "so change of variables does",
    ),
}


@pytest.mark.parametrize(("source", "expected"), SMALL.values(), ids=SMALL)
def test_myst_becomes_what_plain_jupyter_shows(tree, source, expected):
    assert translated(tree, source) == expected


def test_citations_are_authors_and_years_and_are_listed_at_the_end(tree):
    text = translated(
        tree, "{cite}`one2001,three2003` but {cite:t}`two2002`.\n\n## Last"
    )
    start, references = text.split("\n\n## References\n\n")
    assert start.startswith("(One, 2001; One et al., 2003) but One and van den Two")
    titles = re.findall(
        r"^- Ann One.*?(First|Second|Third)\.", references, re.MULTILINE
    )
    assert sorted(titles) == ["First", "Second", "Third"]


CODE = """# A topic

```{code-cell} python3
---
mystnb:
  figure:
    caption: A curve, {eq}`eq-other`.
    name: fig-curve
tags: [hide-input]
---
draw()
```

See {numref}`fig-curve`.
"""


def test_a_caption_follows_its_cell_and_the_code_is_folded(tree):
    _, code, caption, text = notebook_of(tree, CODE).cells
    assert code.source == "draw()"
    assert code.metadata == {
        "tags": ["hide-input"],
        "jupyter": {"source_hidden": True},
    }
    assert caption.source == "*Figure 2.1. A curve, [(3.1)](03_other.ipynb).*"
    assert text.source == "See Figure 2.1."


def test_a_solution_is_folded_under_a_heading_of_its_own(tree):
    text = "# A topic\n\n```{exercise} Hard\n:label: ex\nDo.\n```\n\n"
    text += "```{solution} ex\n:class: dropdown\nIt is $x$.\n```\n\n"
    notebook = nbformat.reads(
        to_json(notebook_of(tree, text + "```{closing}\nBye.\n```")), as_version=4
    )
    assert [(cell.cell_type, cell.source) for cell in notebook.cells[1:]] == [
        ("markdown", "### Exercise 2.1 (Hard)\n\nDo."),
        ("code", ""),
        ("markdown", "#### Solution to Exercise 2.1"),
        ("markdown", "It is $x$."),
        ("markdown", "## Where to go from here\n\nBye."),
    ]
    folded = [cell for cell in notebook.cells if cell.metadata.get(FOLDED)]
    assert [cell.source for cell in folded] == ["#### Solution to Exercise 2.1"]
    assert notebook.metadata.colab.collapsed_sections == [folded[0].metadata.id]


def test_what_a_fold_would_hide_is_refused_with_its_line(tree):
    text = "# A\n\n```{exercise}\n:label: ex\nDo.\n```\n\n"
    text += "```{solution} ex\n:class: dropdown\nDone.\n```\n\nGoing on."
    with pytest.raises(SourceError, match=r"02_topic\.md:19: a notebook folds all"):
        notebook_of(tree, text)


def test_a_chapter_leads_to_its_page_once_there_is_one(tree):
    assert notebook_of(tree, "# A topic\n\nText.").cells[0].source == (
        "# 2. A topic\n\nText."
    )
    (tree / "_config.yml").write_text("html: {baseurl: 'https://example.org/b/'}\n")
    (_, notebook), _ = Tree(tree).chapters()
    title, line, *_ = notebook.cells[0].source.split("\n\n")
    assert title == "# 2. A topic"
    assert "(https://example.org/b/book/02_topic.html)" in line


def test_a_notebook_is_valid_and_holds_nothing_that_changes(tree):
    text = to_json(notebook_of(tree, CODE + "\n```{code-cell}\nsame\n```" * 2))
    notebook = nbformat.reads(text, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    assert all(cell.get("outputs", []) == [] for cell in notebook.cells)


def test_an_id_stays_when_another_cell_changes(tree):
    before = json.loads(to_json(notebook_of(tree, CODE)))["cells"]
    after = json.loads(to_json(notebook_of(tree, CODE + "\nMore.")))["cells"]
    assert [c["id"] for c in before[:-1]] == [c["id"] for c in after[:-1]]
    assert before[-1]["id"] != after[-1]["id"]


MISTAKES = {
    "directive": ("a\n\n```{nonsense} x\n```", 11, "unknown directive {nonsense}"),
    "equation": ("```{implements} none\n```", 9, "the label none"),
    "time": ("```{opening}\n- a\n```", 9, "expected a line :time:"),
    "role": ("a\n{nonsense}`x`", 10, "unknown role {nonsense}"),
    "nested": ("````{note}\na\n\n{nonsense}`x`\n````", 12, "unknown role {nonsense}"),
    "label": ("a\n\nb {eq}`none`", 11, "the label none"),
    "citation": ("{cite}`none1999`", 9, "no entry none1999"),
    "page": ("{doc}`none`", 9, "no page book/none.md"),
    "anchor": ("[a](03_other.md#none)", 9, "no heading #none"),
    "fence": (":::note\na\n:::", 9, "expected :::{name}"),
    "twice": ("(sec-inner)=\n## Again", 10, "rename one"),
    "metadata": ("```{code-cell}\n:foo: 1\n\nx\n```", 12, "got {'foo'}"),
}


@pytest.mark.parametrize(("text", "line", "problem"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_names_its_file_and_line(tree, text, line, problem):
    with pytest.raises(SourceError) as raised:
        translated(tree, text)
    # The label is read first in chapter 2, so that chapter 3 is the one to change.
    where = "book/03_other.md:10" if "rename" in problem else f"book/02_topic.md:{line}"
    assert str(raised.value).startswith(f"{where}: ")
    assert problem in str(raised.value)


def test_syntax_that_no_pass_knows_is_refused(tree):
    with pytest.raises(SourceError, match="cannot translate"):
        translated(tree, "An unfinished {eq}`role")


def test_writing_twice_gives_the_same_bytes_and_changes_nothing(tree):
    assert write(tree) == ["notebooks/02_topic.ipynb", "notebooks/03_other.ipynb"]
    before = {path: path.read_bytes() for path in tree.rglob("*.ipynb")}
    assert write(tree) == []
    for path in before:
        path.unlink()
    write(tree)
    assert {path: path.read_bytes() for path in tree.rglob("*.ipynb")} == before


def edit(tree: Path) -> str:
    file = tree / "notebooks/02_topic.ipynb"
    file.write_text(file.read_text().replace("Text.", "Texts."))
    return "notebooks/02_topic.ipynb is not what book/02_topic.md gives"


def outdate(tree: Path) -> str:
    (tree / "book/03_other.md").write_text(HEADER + OTHER + "\nNew.\n")
    return "notebooks/03_other.ipynb is not what book/03_other.md gives"


def orphan(tree: Path) -> str:
    (tree / "notebooks/99_gone.ipynb").write_text("{}")
    return "notebooks/99_gone.ipynb has no source"


def lose(tree: Path) -> str:
    (tree / "notebooks/02_topic.ipynb").unlink()
    return "notebooks/02_topic.ipynb is missing"


@pytest.mark.parametrize("damage", [edit, outdate, orphan, lose])
def test_check_finds_the_notebook_and_the_repair_works(tree, damage, capsys):
    write(tree)
    assert main(["--check"], tree) == 0
    sentence = damage(tree)
    assert main(["--check"], tree) == 1
    assert capsys.readouterr().err == f"{sentence}: run `make notebooks`.\n"
    assert main([], tree) == 0
    assert check(tree) == []


def test_a_mistake_in_a_source_is_one_line_and_status_two(tree, capsys):
    (tree / "book/02_topic.md").write_text(HEADER + "# A\n\n{no}`x`\n")
    assert main([], tree) == 2
    assert capsys.readouterr().err.startswith("book/02_topic.md:9: unknown role {no}")


ASSIGNMENT = """# Assignment

See {eq}`eq-other`.

```{code-cell} python3
---
nbgrader: {grade: false, grade_id: a9-answer, solution: true}
---
def one():
    ### BEGIN SOLUTION
    return 1
    ### END SOLUTION
```

```{code-cell} python3
---
nbgrader: {grade: true, grade_id: a9-test, points: 2, solution: false}
---
assert one() > 0
### BEGIN HIDDEN TESTS
assert one() == 1
### END HIDDEN TESTS
```
"""


@pytest.fixture
def course(tree: Path) -> Path:
    """The book with one assignment."""
    folder = tree / "solutions/a9_topic"
    folder.mkdir(parents=True)
    (folder / "a9_topic.md").write_text(HEADER + ASSIGNMENT)
    return tree


def test_a_student_receives_no_solution_and_no_hidden_test(course):
    write(course)
    text = (course / "notebooks/assignments/a9_topic/a9_topic.ipynb").read_text()
    assert "[(3.1)](../../03_other.ipynb)" in text
    assert "NotImplementedError" in text
    assert "assert one() > 0" in text
    assert "SOLUTION" not in text
    assert "HIDDEN" not in text
    assert "return 1" not in text


def test_the_solved_notebook_holds_the_outputs_of_its_run(course):
    source = course / "solutions/a9_topic/a9_topic.md"
    source.write_text(source.read_text() + "\n```{code-cell}\none() + 1\n```\n")
    main(["--solutions", str(course / "solved"), "--execute"], course)
    solved = nbformat.read(course / "solved/a9_topic/a9_topic.ipynb", as_version=4)
    assert solved.cells[-1].outputs[0].data["text/plain"] == "2"
    assert check(course)  # nothing was written to notebooks/


def test_an_answered_chapter_ends_with_the_code_of_its_solutions(tree):
    text = "# A topic\n\n```{exercise} One\n:label: ex-one\nAdd.\n```\n\n"
    text += "````{solution} ex-one\n\n```python\nassert 1 + 1 == 2\n```\n````\n\nEnd.\n"
    (tree / "book/02_topic.md").write_text(HEADER + text)
    main(["--answered", str(tree / "answered")], tree)
    answered = nbformat.read(tree / "answered/02_topic.ipynb", as_version=4)
    assert answered.cells[-1].cell_type == "code"
    assert answered.cells[-1].source == "assert 1 + 1 == 2\n"


def test_an_assignment_that_nbgrader_refuses_names_its_source(course, capsys):
    source = course / "solutions/a9_topic/a9_topic.md"
    source.write_text(source.read_text().replace("points: 2", "points: -2"))
    assert main([], course) == 2
    assert capsys.readouterr().err.startswith("solutions/a9_topic/a9_topic.md:1: ")


# What the project's own sources give


@pytest.fixture(scope="module")
def generated() -> dict[str, nbformat.NotebookNode]:
    """All notebooks of this repository, made afresh."""
    files = the_book().generate()
    return {p: nbformat.reads(text, as_version=4) for p, (_, text) in files.items()}


def test_no_notebook_shows_myst_syntax(generated):
    for path, notebook in generated.items():
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                assert not RESIDUE.search(prose(cell.source)), (path, cell.source)


def test_no_notebook_holds_what_only_the_instructor_may_see(generated):
    for path, notebook in generated.items():
        text = nbformat.writes(notebook)
        for secret in ("BEGIN SOLUTION", "END SOLUTION", "HIDDEN TESTS", "MARK SCHEME"):
            assert secret not in text, path


def test_no_notebook_needs_more_than_plain_jupyter(generated):
    for path, notebook in generated.items():
        for cell in notebook.cells:
            assert "<details" not in cell.source, path  # no editor's mathematics
            assert not cell.get("outputs"), path


def test_every_exercise_has_an_empty_cell_and_a_folded_solution(generated):
    for path, notebook in generated.items():
        if "assignments" in path or "gpu" in path:
            continue
        cells = notebook.cells
        found = [i for i, c in enumerate(cells) if c.source.startswith("### Exercise")]
        assert found, path
        for i in found:
            assert (cells[i + 1].cell_type, cells[i + 1].source) == ("code", ""), path
            number = re.match(r"### (Exercise \d+\.\d+)", cells[i].source)[1]
            assert cells[i + 2].source == f"#### Solution to {number}"
            assert cells[i + 2].metadata[FOLDED]


def test_every_relative_link_of_a_notebook_leads_somewhere(generated):
    for path, notebook in generated.items():
        for cell in notebook.cells:
            if cell.cell_type != "markdown":
                continue
            for url in re.findall(r"\]\(([^)#\s]+)[^)]*\)", prose(cell.source)):
                if not re.match(r"[a-z]+:", url):
                    target = posixpath.normpath(f"{posixpath.dirname(path)}/{url}")
                    assert target in generated or (ROOT / target).exists(), (path, url)


def test_every_chapter_is_in_the_toc_and_the_reverse():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    listed = [toc["root"], *(c["file"] for p in toc["parts"] for c in p["chapters"])]
    written = [f"book/{path.stem}" for path in (ROOT / "book").glob("*.md")]
    assert sorted(listed) == sorted(written)
    chapters = [file for file in listed if re.search(r"/\d\d_", file)]
    assert chapters == sorted(chapters)


def test_the_book_and_the_notebooks_read_the_same_extensions():
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    assert set(config["parse"]["myst_enable_extensions"]) == MYST_EXTENSIONS
