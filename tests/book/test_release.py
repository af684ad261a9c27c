"""A release in real repositories: what it refuses, in a sentence, and what it makes."""

import re
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tools import release
from tools.release import ReleaseError

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    ".gitignore": "_build/\n",
    "pyproject.toml": '[project]\nname = "flowbook-course"\nversion = "1.2.0"\n',
    "CITATION.cff": (
        "version: 1.2.0\ndate-released: 2027-01-31\n"
        "preferred-citation: {version: 1.2.0}\n"
    ),
    "CHANGELOG.md": "# Changelog\n\n## 1.2.0 (2027-01-31)\n\n- New.\n\n## 1.1.0\n",
    "_config.yml": "repository: {url: ''}\n",
    "_toc.yml": "root: book/index\nparts: []\n",
    "book/index.md": "# The book\n",
    "book/references.bib": "",
}


def git(root: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf8")


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """A repository whose version 1.2.0 is ready to be released."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A. Person")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "person@example.org")
    root = tmp_path / "repository"
    write(root, FILES)
    git(root, "init", "--quiet", "--initial-branch", "main")
    commit(root)
    return root


def commit(root: Path) -> None:
    """Commit everything, and let the tests pass on it."""
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "Change")
    release.begin_tests(root)
    release.keep_tests(root)


def build(root: Path) -> None:
    """What `make wheel zip pdf` leaves."""
    wheel = "_build/wheel/flowbook_course-{}-py3-none-any.whl"
    names = (wheel.format("1.1.0"), wheel.format("1.2.0"))
    write(
        root, dict.fromkeys((*names, "_build/flowbook.zip", "_build/flowbook.pdf"), "")
    )


def forbidden(root: Path) -> None:
    pytest.fail("it must not build what it refuses to release")


def test_a_ready_version_is_built_tagged_and_not_pushed(root):
    remote = root.with_name("remote.git")
    git(root, "init", "--quiet", "--bare", str(remote))
    git(root, "remote", "add", "origin", str(remote))
    made = release.release(root, "1.2.0", build)
    assert [file.name for file in made] == [
        "flowbook_course-1.2.0-py3-none-any.whl",
        "flowbook-1.2.0.zip",
        "flowbook-1.2.0.pdf",
    ]
    assert git(root, "cat-file", "-t", "v1.2.0") == "tag"  # annotated
    assert git(root, "rev-parse", "v1.2.0^{commit}") == git(root, "rev-parse", "HEAD")
    assert not git(remote, "for-each-ref")


def stale_notebook(root: Path) -> None:
    header = "kernelspec: {name: python3, display_name: Python 3, language: python}"
    chapter = f"---\n{header}\n---\n\n# A topic\n\n```{{code-cell}} python3\n1\n```\n"
    toc = "root: book/index\nparts: [{chapters: [{file: book/02_topic}]}]\n"
    write(root, {"book/02_topic.md": chapter, "_toc.yml": toc})
    commit(root)


def changed(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        assert old in FILES[name]
        write(root, {name: FILES[name].replace(old, new)})
        commit(root)

    return change


REFUSED = {
    "a change that is not committed": (
        lambda root: write(root, {"book/index.md": "# Other\n"}),
        "The working tree has changes, in book/index.md for one: commit them.\n"
        "The tests have not passed on this very tree: run `make test`.",
    ),
    "a file that git does not know": (
        lambda root: write(root, {"new.md": ""}),
        "The working tree has changes, in new.md for one: commit them.\n"
        "The tests have not passed on this very tree: run `make test`.",
    ),
    "another branch": (
        lambda root: git(root, "switch", "--quiet", "--create", "side"),
        "A release is made on main, and this is side.",
    ),
    "a version that is released": (
        lambda root: git(root, "tag", "v1.2.0"),
        "The tag v1.2.0 is there already: choose another version.",
    ),
    "another version in pyproject.toml": (
        changed("pyproject.toml", "1.2.0", "1.1.0"),
        "pyproject.toml says 1.1.0, and 1.2.0 was expected.",
    ),
    "another version in the citation": (
        changed(
            "CITATION.cff", "citation: {version: 1.2.0}", "citation: {version: 1.0.0}"
        ),
        "CITATION.cff says 1.0.0, and 1.2.0 was expected.",
    ),
    "lines that belong to no release": (
        changed("CHANGELOG.md", "## 1.2.0", "## Unreleased\n\n- More.\n\n## 1.2.0"),
        "The top section of CHANGELOG.md says Unreleased, and 1.2.0 (2027-01-31) was "
        "expected.",
    ),
    "another day in the changelog": (
        changed("CHANGELOG.md", "2027-01-31", "2027-01-30"),
        "The top section of CHANGELOG.md says 1.2.0 (2027-01-30), and 1.2.0 "
        "(2027-01-31) was expected.",
    ),
    "a notebook out of step": (
        stale_notebook,
        "notebooks/02_topic.ipynb is missing: run `make notebooks`.",
    ),
    "a tree that was not tested": (
        lambda root: (root / release.TESTED).unlink(),
        "The tests have not passed on this very tree: run `make test`.",
    ),
    "a commit after the tests": (
        lambda root: (
            write(root, {"book/index.md": "# Other\n"}),
            git(root, "commit", "--quiet", "--all", "--message", "Later"),
        ),
        "The tests have not passed on this very tree: run `make test`.",
    ),
}


@pytest.mark.parametrize(("spoil", "sentences"), REFUSED.values(), ids=REFUSED)
def test_it_refuses(root, spoil, sentences):
    spoil(root)
    tags = git(root, "tag")
    with pytest.raises(ReleaseError, match=f"^{re.escape(sentences)}$"):
        release.release(root, "1.2.0", forbidden)
    assert git(root, "tag") == tags


def test_a_build_that_lacks_a_file_is_not_tagged(root):
    with pytest.raises(ReleaseError, match=r"A wheel of 1\.2\.0, a zip and a PDF were"):
        release.release(root, "1.2.0", lambda root: None)
    assert not git(root, "tag")


@pytest.mark.parametrize("version", ["", "v1.2.0", "1.2"])
def test_the_command_says_what_a_version_looks_like(root, version, capsys):
    assert release.main([version], root) == 2
    expected = f"A version such as 1.0.0 was expected, and “{version}” came.\n"
    assert capsys.readouterr().err == expected


def test_tests_of_a_tree_that_changed_meanwhile_count_for_nothing(root):
    release.main(["--testing"], root)
    write(root, {"book/index.md": "# Other\n"})
    release.main(["--tested"], root)
    assert not (root / release.TESTED).exists()


def test_without_a_repository_the_tests_leave_no_stamp(tmp_path):
    release.main(["--testing"], tmp_path)
    release.main(["--tested"], tmp_path)
    assert not (tmp_path / release.TESTED).exists()


def test_the_citation_says_what_the_project_says():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf8"))
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))
    book = citation["preferred-citation"]
    assert citation["cff-version"] == "1.2.0"
    assert (citation["type"], book["type"]) == ("software", "book")
    assert citation["message"]
    assert citation["title"] == config["title"] == book["title"].split(":")[0]
    assert citation["authors"] == book["authors"] == [{"name": config["author"]}]
    assert citation["version"] == book["version"] == project["version"]
    assert citation["date-released"] == book["date-released"]
    assert f"{citation['license']} AND {book['license']}" == project["license"]
    home = config["repository"]["url"]
    assert citation.get("repository-code", "") == home  # write it there, too


def test_the_last_release_of_the_changelog_is_the_version_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
    sections = release.SECTION.findall((ROOT / "CHANGELOG.md").read_text("utf8"))
    last = next(section for section in sections if section != "Unreleased")
    assert re.fullmatch(rf"{project['version']} \(\d{{4}}-\d\d-\d\d\)", last)
