"""Build one page of the book and open it: `python -m tools.page 06` after an edit.

It goes where `make book` puts all pages; what else has changed waits for that.
"""

import argparse
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from jupyter_book.sphinx import build_sphinx

from tools.execute import ROOT, pages
from tools.execute import main as execute


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command; 0 done, 1 a cell or the build failed, 2 no such page."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.page", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument("name", help="how the file's name begins: 06, notation")
    name = parser.parse_args(arguments).name
    found = [page for page in pages(root) if page.stem.startswith(name)]
    if len(found) != 1:
        stems = ", ".join(page.stem for page in found or pages(root))
        print(f"One page was expected for “{name}”, of: {stems}.", file=sys.stderr)
        return 2
    page = found[0]
    status = execute([str(page)], root)
    if status:
        return status
    status = build_sphinx(
        str(root),
        str(root / "_build" / "html"),
        path_config=str(root / "_config.yml"),
        noconfig=True,
        confoverrides={
            "external_toc_path": str(root / "_toc.yml"),
            "latex_individualpages": False,  # what its own command always says
            "nitpicky": True,
        },
        filenames=[str(page)],
        really_quiet=True,
    )
    built = root / "_build" / "html" / page.relative_to(root).with_suffix(".html")
    if not isinstance(status, int) or status:
        print(f"{page.name} could not be built.", file=sys.stderr)
        return 1
    print(built.as_uri())
    webbrowser.open(built.as_uri())
    return 0


if __name__ == "__main__":
    sys.exit(main())
