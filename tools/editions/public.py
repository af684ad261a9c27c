"""The pages as a public host shows them, with the zip and the PDF beside them."""

import shutil
from pathlib import Path
from urllib.parse import urljoin

import yaml

from tools.editions.archive import is_content

FILES = ("flowbook.zip", "flowbook.pdf")  # the cover leads to them


def make(root: Path, build: Path, target: Path) -> Path:
    """Put the built book, its zip and its PDF into one folder; the folder.

    Raises RuntimeError if the book has no public address or its cover lacks a link.
    """
    config = yaml.safe_load((root / "_config.yml").read_text("utf8"))
    home = config["html"].get("baseurl")
    if not home:
        raise RuntimeError(
            "_config.yml was expected to say where the pages will stand, under html: "
            "baseurl, and says nothing."
        )
    site = build / "html"
    cover = (site / "book/index.html").read_text("utf8")
    for name in FILES:
        if f'href="{urljoin(home, name)}"' not in cover:
            raise RuntimeError(f"A link to {name} was expected on the book's cover.")
    shutil.rmtree(target, ignore_errors=True)
    for path in site.rglob("*"):
        if is_content(path, site) or path == site / "objects.inv":
            copy = target / path.relative_to(site)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    for name in FILES:
        shutil.copyfile(build / name, target / name)
    return target
