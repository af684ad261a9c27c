"""The book's settings and extensions, on a book of two pages that has a public home."""

import importlib.util
import re
import shutil
import tomllib
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tools.editions import public
from tools.editions.instructor import build, settings

ROOT = Path(__file__).resolve().parents[2]
HOME = "https://github.com/someone/flowbook"
PAGES = "https://someone.github.io/flowbook/"
HEADER = """---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {name: python3, display_name: Python 3, language: python}
---

"""
COVER = """# The cover

What it is. See [a topic](02_topic.md).

```{downloads}
```

```{course-map}
Start:
  chapters: {0: Before}
Road:
  sign: exact
  knows: All of it.
  chapters: {2: A topic, 3: Not yet}
End:
  chapters: {20: After}
```
"""
TOPIC = """# A topic

With $x$, mathematics. The first paragraph that has none describes a page.

This "one" is it, with <words>. {words}

```{{code-cell}} python3
1 + 1
```
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Path:
    """The built pages: our settings, a repository, an address, nothing executed."""
    root = tmp_path_factory.mktemp("small")
    (root / "book").mkdir()
    (root / "notebooks").mkdir()
    for name in ("_static", "_ext"):
        (root / "book" / name).symlink_to(ROOT / "book" / name)
    shutil.copy(ROOT / "_config.yml", root)
    (root / "book/references.bib").write_text("")
    (root / "book/index.md").write_text(COVER)
    (root / "book/02_topic.md").write_text(HEADER + TOPIC.format(words="word " * 80))
    (root / "notebooks/02_topic.ipynb").write_text("{}")
    config = settings(root)
    config["repository"] = {"url": HOME, "branch": "trunk"}
    config["html"]["baseurl"] = PAGES
    config["execute"] = {"execute_notebooks": "off"}
    parts = [{"caption": "Part", "chapters": [{"file": "book/02_topic"}]}]
    toc = {"format": "jb-book", "root": "book/index", "parts": parts}
    return build(root, root / "html", config, toc, "-W", "-n", "-q")


@pytest.fixture(scope="module")
def topic(book) -> str:
    """The page of the chapter."""
    return (book / "book/02_topic.html").read_text("utf8")


def hrefs(html: str) -> set[str]:
    """Where a page's links lead."""
    return {each.replace("&amp;", "&") for each in re.findall(r'href="([^"]+)"', html)}


def test_colab_opens_the_generated_notebook(topic):
    colab = {url for url in hrefs(topic) if "colab" in url}
    path = "someone/flowbook/blob/trunk/notebooks/02_topic.ipynb"
    assert colab == {f"https://colab.research.google.com/github/{path}"}


def test_binder_opens_the_generated_notebook(topic):
    (binder,) = (url for url in hrefs(topic) if "mybinder" in url)
    assert urlsplit(binder).path == "/v2/gh/someone/flowbook/trunk"
    opened = parse_qs(urlsplit(binder).query)["urlpath"]
    assert opened == ["lab/tree/notebooks/02_topic.ipynb"]


def test_edit_and_source_lead_to_the_text_that_people_write(topic):
    assert f"{HOME}/edit/trunk/book/02_topic.md" in hrefs(topic)
    assert f"{HOME}/blob/trunk/book/02_topic.md?plain=1" in hrefs(topic)
    assert any(url.startswith(f"{HOME}/issues/new?") for url in hrefs(topic))


def test_a_page_that_is_no_notebook_is_not_launched(book):
    cover = hrefs((book / "book/index.html").read_text("utf8"))
    assert not [url for url in cover if "colab" in url or "mybinder" in url]
    assert f"{HOME}/edit/trunk/book/index.md" in cover


def test_the_cover_leads_to_the_zip_and_the_pdf_of_a_public_book(book, tmp_path):
    files = {f"{PAGES}{name}" for name in public.FILES}
    assert files <= hrefs((book / "book/index.html").read_text("utf8"))
    (tmp_path / "_config.yml").write_text(f"html: {{baseurl: {PAGES}}}\n")
    for name in public.FILES:
        (tmp_path / name).write_text(name)
    (tmp_path / "html").symlink_to(book)
    made = public.make(tmp_path, tmp_path, tmp_path / "public")
    assert all((made / name).read_text() == name for name in public.FILES)
    assert (made / "notebooks/02_topic.ipynb").read_text() == "{}"
    assert not list(made.rglob(".*"))


@pytest.mark.parametrize(
    ("home", "problem"),
    [
        ("", "_config.yml was expected to say where the pages will stand"),
        (
            "https://other.org/",
            "A link to flowbook.zip was expected on the book's cover",
        ),
    ],
)
def test_a_book_that_is_not_ready_for_the_public_is_refused(
    home, problem, book, tmp_path
):
    (tmp_path / "_config.yml").write_text(f"html: {{baseurl: '{home}'}}\n")
    (tmp_path / "html").symlink_to(book)
    with pytest.raises(RuntimeError, match=problem):
        public.make(tmp_path, tmp_path, tmp_path / "public")
    assert not (tmp_path / "public").exists()


def meta(html: str, name: str) -> str:
    """What a page's head says under a name."""
    return re.search(rf'<meta (?:name|property)="{name}" content="([^"]*)"', html)[1]


def test_a_description_is_the_first_words_without_mathematics(topic):
    text = meta(topic, "description")
    assert text.startswith("This “one” is it, with ")
    assert text == meta(topic, "og:description")


def extension(name: str):
    """One of the book's extensions as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"book/_ext/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_description_ends_with_a_sentence():
    shortened = extension("page_head").shortened
    assert shortened("One. Two is " + "long " * 60) == "One."
    assert shortened("Long " * 60).endswith("Long …")
    assert len(shortened("Long " * 60)) <= 202
    assert shortened("Is this 3.5 all? Yes.") == "Is this 3.5 all? Yes."


def test_with_an_address_the_card_is_absolute(topic):
    assert meta(topic, "og:image") == f"{PAGES}_static/card.png"
    assert meta(topic, "og:url") == f"{PAGES}book/02_topic.html"


def test_the_map_links_the_chapters_that_exist_and_names_the_others(book):
    html = (book / "book/index.html").read_text("utf8")
    course = re.search(r'<nav class="course-map".*?</nav>', html, re.DOTALL)[0]
    assert re.findall(r'<a href="([^"]+)">', course) == ["02_topic.html"]
    planned = re.findall(r'<li class="planned">.*?</span> ([^<]+)<', course)
    assert planned == ["Before", "Not yet", "After"]


def test_binder_installs_what_flowbook_imports_in_the_pinned_versions():
    script = ROOT / ".binder/postBuild"
    assert script.stat().st_mode & 0o111
    assert "--constraint requirements.txt --editable ." in script.read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line)
    for wanted in map(Requirement, project["dependencies"]):
        assert pins[wanted.name] in wanted.specifier
    python = (ROOT / ".binder/runtime.txt").read_text().strip().removeprefix("python-")
    assert python in SpecifierSet(project["requires-python"])
