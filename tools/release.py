"""The command: `python -m tools.release 1.0.0` tags a release, or says why not.

Nothing is pushed. `make test` calls it twice, to keep which tree the tests passed on.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from tools.notebooks.source import SourceError
from tools.notebooks.tree import check

ROOT = Path(__file__).resolve().parents[1]
NUMBER = re.compile(r"\d+\.\d+\.\d+")
SECTION = re.compile(r"^## (.*)$", re.MULTILINE)
TESTING, TESTED = "_build/testing", "_build/tested"


class ReleaseError(Exception):
    """Why there is no release: a sentence a line."""


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command; 0 done, 2 could not."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.release",
        description="Build what a release hands out, and tag it; nothing is pushed.",
        epilog="Example: python -m tools.release 1.0.0",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("version", nargs="?", help="as in pyproject.toml: 1.0.0")
    what.add_argument(
        "--testing", action="store_true", help="the tests of this tree begin"
    )
    what.add_argument(
        "--tested", action="store_true", help="they passed: keep it for a release"
    )
    options = parser.parse_args(arguments)
    if options.testing or options.tested:
        (begin_tests if options.testing else keep_tests)(root)
        return 0
    try:
        for file in release(root, options.version):
            print(file)
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"Tagged v{options.version}. To publish: git push origin v{options.version}")
    return 0


def release(
    root: Path, version: str, build: Callable[[Path], None] | None = None
) -> list[Path]:
    """Build a release and tag it; the files to hand out.

    Raises ReleaseError with every reason why there is none; then nothing was done.
    """
    if found := list(problems(root, version)):
        raise ReleaseError("\n".join(found))
    (build or make)(root)
    target = root / f"_build/release/{version}"
    target.mkdir(parents=True, exist_ok=True)
    wheels = (root / "_build/wheel").glob(f"*-{version}-*.whl")
    made = [*wheels, root / "_build/flowbook.zip", root / "_build/flowbook.pdf"]
    if len(made) != 3 or not all(file.exists() for file in made):
        raise ReleaseError(f"A wheel of {version}, a zip and a PDF were expected.")
    names = [f"{f.stem}-{version}{f.suffix}" for f in made[1:]]
    copies = [target / name for name in (made[0].name, *names)]
    for file, copy in zip(made, copies, strict=True):
        shutil.copyfile(file, copy)
    git(root, "tag", "-a", f"v{version}", "-m", f"Flowbook {version}")
    return copies


def make(root: Path) -> None:
    """Build the wheel, the zip and the PDF."""
    if subprocess.run(
        ["make", "wheel", "zip", "pdf"], cwd=root, check=False
    ).returncode:
        raise ReleaseError("They could not be built: see above.")


def problems(root: Path, version: str) -> Iterator[str]:
    """A sentence for each thing that keeps a version from being released."""
    if not NUMBER.fullmatch(version):
        yield f"A version such as 1.0.0 was expected, and “{version}” came."
        return
    yield from problems_of_git(root, version)
    yield from problems_of_version(root, version)
    try:
        yield from check(root)[:1]
    except SourceError as error:
        yield f"The notebooks cannot be made: {error}"
    stamp = root / TESTED
    if not stamp.exists() or stamp.read_text("utf8") != tree(root):
        yield "The tests have not passed on this very tree: run `make test`."


def problems_of_git(root: Path, version: str) -> Iterator[str]:
    """What the repository has against it."""
    if changed := git(root, "status", "--porcelain"):
        first = changed.splitlines()[0][3:]
        yield f"The working tree has changes, in {first} for one: commit them."
    if (branch := git(root, "rev-parse", "--abbrev-ref", "HEAD")) != "main":
        yield f"A release is made on main, and this is {branch}."
    if git(root, "tag", "--list", f"v{version}"):
        yield f"The tag v{version} is there already: choose another version."


def problems_of_version(root: Path, version: str) -> Iterator[str]:
    """The files that say another version, or another day."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf8"))["project"]
    citation = yaml.safe_load((root / "CITATION.cff").read_text("utf8"))
    changes = SECTION.search((root / "CHANGELOG.md").read_text("utf8"))
    heading = f"{version} ({citation['date-released']})"
    said = [("pyproject.toml", project["version"], version)]
    for part in (citation, citation["preferred-citation"]):
        said.append(("CITATION.cff", str(part["version"]), version))
    said.append(("The top section of CHANGELOG.md", changes and changes[1], heading))
    for where, found, expected in dict.fromkeys(said):
        if found != expected:
            yield f"{where} says {found}, and {expected} was expected."


def begin_tests(root: Path) -> None:
    """Note on which tree the tests begin, and forget the last that passed."""
    (root / TESTED).unlink(missing_ok=True)
    (root / TESTING).parent.mkdir(exist_ok=True)
    (root / TESTING).write_text(tree(root), "utf8")


def keep_tests(root: Path) -> None:
    """Keep that tree as tested, if nobody changed it meanwhile."""
    begun = root / TESTING
    if begun.exists() and begun.read_text("utf8") == tree(root) != "":
        begun.rename(root / TESTED)


def tree(root: Path) -> str:
    """The hash of all files that git does not ignore; empty outside of a repository."""
    with TemporaryDirectory() as folder:
        index = {**os.environ, "GIT_INDEX_FILE": str(Path(folder, "index"))}
        try:
            git(root, "add", "--all", environment=index)
            return git(root, "write-tree", environment=index)
        except ReleaseError:
            return ""


def git(root: Path, *arguments: str, environment: dict[str, str] | None = None) -> str:
    """What git prints; ReleaseError with its words if it cannot."""
    command = ["git", *arguments]
    try:
        done = subprocess.run(
            command,
            cwd=root,
            env=environment,
            capture_output=True,
            check=False,
            encoding="utf8",
        )
    except FileNotFoundError as error:
        raise ReleaseError("git is not installed.") from error
    if done.returncode:
        raise ReleaseError(done.stderr.strip())
    return done.stdout.rstrip("\n")


if __name__ == "__main__":
    sys.exit(main())
