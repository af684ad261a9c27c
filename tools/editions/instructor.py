"""The instructor's edition: the book, and the solved assignments as pages.

It is built from the sources themselves, with settings and contents that are written
beside it: the default build neither reads them nor shares a folder with it.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

BANNER = "Instructor's edition: it holds the solutions. Do not publish it."


def make(root: Path, target: Path) -> Path:
    """Build the edition at `target`, executing what the cache does not know."""
    strict = ("-W", "-n", "--keep-going")
    return build(root, target, settings(root), contents(root), *strict)


def build(
    root: Path,
    target: Path,
    config: dict[str, Any],
    toc: dict[str, Any],
    *options: str,
) -> Path:
    """Build the pages of `toc`; RuntimeError if Jupyter Book cannot."""
    work = target.with_name(f".{target.name}")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    for name, content in {"_config.yml": config, "_toc.yml": toc}.items():
        (work / name).write_text(yaml.safe_dump(content, sort_keys=False), "utf8")
    files = ("--config", work / "_config.yml", "--toc", work / "_toc.yml")
    program = Path(sys.executable).with_name("jupyter-book")
    command = [program, "build", root, "--path-output", work, *files, *options]
    if subprocess.run(command, check=False).returncode:
        raise RuntimeError("Jupyter Book could not build it: see above.")
    shutil.rmtree(target, ignore_errors=True)
    (work / "_build/html").rename(target)
    shutil.rmtree(work)
    return target


def settings(root: Path) -> dict[str, Any]:
    """The book's settings, and what tells this edition from the book."""
    config = yaml.safe_load((root / "_config.yml").read_text("utf8"))
    config["title"] = f"{config['title']}, instructor's edition"
    config["html"]["announcement"] = BANNER
    sphinx = config["sphinx"]["config"]
    # Assignments are written for Jupyter, where $$ may stand within a paragraph.
    sphinx["myst_dmath_double_inline"] = True
    logo = sphinx["html_theme_options"]["logo"]
    logo["text"] = "Flowbook <small>Instructor's edition</small>"
    config["repository"]["url"] = ""  # no button leads from a solution into the public
    # The chapters were executed for the book: ask the same cache.
    config["execute"]["cache"] = str(root / "_build/.jupyter_cache")
    extensions = config["sphinx"]["local_extensions"]
    extensions["graded_cells"] = "book/_ext"
    for name, folder in extensions.items():
        extensions[name] = str(root / folder)
    return config


def contents(root: Path) -> dict[str, Any]:
    """The book's contents, and the assignments in the order of their numbers."""
    toc = yaml.safe_load((root / "_toc.yml").read_text("utf8"))
    toc["parts"].append(
        {
            "caption": "Assignments, solved",
            "chapters": [{"file": name} for name in assignments(root)],
        }
    )
    return toc


def assignments(root: Path) -> Sequence[str]:
    """The sources of the assignments, without their suffix, as paths from the root."""
    names = [path.name for path in (root / "solutions").glob("a*/")]
    found = [name for name in names if (root / f"solutions/{name}/{name}.md").exists()]
    found.sort(key=lambda name: int(re.match(r"a(\d+)", name)[1]))
    return [f"solutions/{name}/{name}" for name in found]
