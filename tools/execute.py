"""Run the pages of the book that changed, several at once, for `jupyter-book build`.

Jupyter Book runs page after page. This runs those that are not in its execution cache
on every processor that there is, the slowest of last time first, and puts the outputs
there: the build then finds all of them. With --from, outputs are taken from notebooks
that were run already. Usage: python -m tools.execute [--from DIR] [PAGE ...]
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import nbformat
import yaml
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import single_nb_execution
from myst_nb.core.read import is_myst_markdown_notebook, read_myst_markdown_notebook

from tools.notebooks.source import CHAPTER

ROOT = Path(__file__).resolve().parents[1]
CACHE = "_build/.jupyter_cache"
TIMES = "_build/seconds.json"  # of each page, when it last ran


def pages(root: Path) -> Iterator[Path]:
    """The sources of _toc.yml, in their order."""
    left = [yaml.safe_load((root / "_toc.yml").read_text("utf-8"))]
    while left:
        entry = left.pop(0)
        if name := entry.get("file") or entry.get("root"):
            yield root / f"{name}.md"
        left = [*entry.get("parts", []), *entry.get("chapters", []), *left]


def execute(page: Path, timeout: float) -> tuple[str, float, str]:
    """Run a page: its notebook as JSON, the seconds, and the error if there is one.

    A cell may take `timeout` seconds.
    """
    result = single_nb_execution(
        read_myst_markdown_notebook(page.read_text("utf-8")),
        cwd=str(page.parent),
        timeout=timeout,
        allow_errors=False,
    )
    return nbformat.writes(result.nb), result.time, result.exc_string or ""


def not_in_cache(wanted: Iterable[Path], root: Path) -> list[Path]:
    """The pages with code whose outputs the cache does not have."""
    cache, found = get_cache(str(root / CACHE)), []
    for page in wanted:
        text = page.read_text("utf-8")
        if not is_myst_markdown_notebook(text):
            continue
        try:
            cache.match_cache_notebook(read_myst_markdown_notebook(text))
        except KeyError:
            found.append(page)
    return found


def keep(page: Path, root: Path, executed: str, seconds: float) -> None:
    """Put a page's outputs into the cache."""
    notebook = nbformat.reads(executed, as_version=4)
    bundle = CacheBundleIn(notebook, str(page), data={"execution_seconds": seconds})
    cache = get_cache(str(root / CACHE))
    cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


def taken(page: Path, ran: Path) -> tuple[str, float] | None:
    """A page's notebook with the outputs of one that was run, and its seconds.

    That one may hold more cells; None when it does not hold those of the page, in their
    order, or was not run.
    """
    if not ran.is_file():
        return None
    whole = nbformat.read(ran, as_version=4)
    left = iter([cell for cell in whole.cells if cell.cell_type == "code"])
    notebook = read_myst_markdown_notebook(page.read_text("utf-8"))
    for cell in notebook.cells:
        if cell.cell_type == "code":
            found = next((each for each in left if each.source == cell.source), None)
            if found is None:
                return None
            cell.outputs = found.outputs
    seconds = whole.metadata.get("execution_seconds")
    return seconds and (nbformat.writes(notebook), seconds)


def take(todo: Sequence[Path], root: Path, folder: Path) -> int:
    """Keep the outputs of notebooks in a folder; 1 when those of a chapter are missing.

    A page that is no chapter has no notebook: the book runs it.
    """
    todo, missing = [page for page in todo if CHAPTER.match(page.stem)], []
    for page in todo:
        names = [*folder.rglob(f"{page.stem}.ipynb")]
        found = taken(page, names[0]) if names else None
        if found is None:
            missing.append(page.stem)
        else:
            keep(page, root, *found)
    print(f"{len(todo) - len(missing)} of {len(todo)} pages took their outputs.")
    for name in missing:
        print(f"{name}: no run notebook of it is in {folder}.", file=sys.stderr)
    return int(bool(missing))


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command; 0 done, 1 a page failed."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.execute", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument("page", nargs="*", type=Path, help="by default all of _toc.yml")
    parser.add_argument("--from", type=Path, metavar="DIR", dest="ran", help="run ones")
    options = parser.parse_args(arguments)
    chosen = map(Path.resolve, options.page) if options.page else pages(root)
    todo = not_in_cache(chosen, root)
    if options.ran:
        return take(todo, root, options.ran)
    settings = yaml.safe_load((root / "_config.yml").read_text("utf-8"))["execute"]
    kept = root / TIMES
    times = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    todo.sort(key=lambda page: -times.get(page.stem, float("inf")))
    failed = False
    # The kernels inherit it: two threads on a busy machine are ten times slower.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        running = {
            pool.submit(execute, page, settings["timeout"]): page for page in todo
        }
        for number, done in enumerate(as_completed(running), start=1):
            page = running[done]
            executed, seconds, error = done.result()
            print(f"[{number}/{len(todo)}] {page.stem}: {seconds:.0f} s", flush=True)
            if error:
                failed = True
                print(f"{page}: a cell failed.\n{error}", file=sys.stderr)
            else:
                times[page.stem] = round(seconds, 1)
                keep(page, root, executed, seconds)
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(json.dumps(times, indent=1), "utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
