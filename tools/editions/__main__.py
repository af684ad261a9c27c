"""The command: `python -m tools.editions {zip,pdf,public,instructor}`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.editions import archive, instructor, paper, public

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "_build"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 done, 2 could not."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.editions",
        description="Make another edition of the book from its sources or its pages.",
        epilog="Example: python -m tools.editions zip",
    )
    parser.add_argument("edition", choices=["zip", "pdf", "public", "instructor"])
    edition = parser.parse_args(arguments).edition
    site = BUILD / "html"
    if edition != "instructor" and not (site / "searchindex.js").exists():
        print(f"{site} holds no built book: run `make book` first.", file=sys.stderr)
        return 2
    try:
        if edition == "zip":
            made = archive.pack(site, BUILD / "flowbook.zip")
        elif edition == "pdf":
            made = paper.make(ROOT, site, BUILD / "flowbook.pdf")
        elif edition == "public":
            made = public.make(ROOT, BUILD, BUILD / "public")
        else:
            made = instructor.make(ROOT, BUILD / "html-solutions")
    except (OSError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{made} ({size(made)})" if made.is_file() else made / "index.html")
    return 0


def size(file: Path) -> str:
    """A file's size in megabytes."""
    return f"{file.stat().st_size / 1e6:.1f} MB"


if __name__ == "__main__":
    sys.exit(main())
