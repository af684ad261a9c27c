"""How soon the book is built, how heavy a page is, and how soon a reader sees it.

    python bench/pages.py [--html _build/html] [--loads 5] [--build]

Prints Markdown tables for the longest chapter of the built book, next to a page of one
line built with the same theme and Jupyter Book's own settings: what no page goes below.
Every load has a fresh browser without a cache, and a server on the same machine.
`--build` measures the book's build as well, which executes every chapter: minutes.
"""

import argparse
import functools
import gzip
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu"]
JUPYTER_BOOK = [str(Path(sys.executable).with_name("jupyter-book")), "build"]

# Milliseconds from the request to the first paint, and to the last formula.
TIMES = """async () => {
  await window.MathJax?.startup?.promise;
  const formulas = performance.now();
  const paint = () => performance.getEntriesByName("first-contentful-paint")[0];
  while (!paint()) await new Promise(requestAnimationFrame);
  return [paint().startTime, formulas];
}"""

# Move a slider up and down, a step a frame, for two seconds; return the gaps in ms.
MOVE = """(slider) => new Promise((done) => {
  const [low, high, gaps] = [Number(slider.min), Number(slider.max), []];
  let [first, last] = [null, null];
  const frame = (now) => {
    first ??= now;
    if (last !== null) gaps.push(now - last);
    last = now;
    if (now - first > 2000) return done(gaps);
    const share = (1 - Math.cos((now - first) / 300)) / 2;
    slider.value = low + share * (high - low);
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})"""

# From now on, how far what is seen has moved by itself: 1 is all of it, by the height.
SHIFTS = """() => {
  window.shifted = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.shifted += entry.value;
  }).observe({ type: "layout-shift" });
}"""


class Quiet(SimpleHTTPRequestHandler):
    """A static server that keeps its requests to itself."""

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine; yield its address."""
    handler = functools.partial(Quiet, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def build(source: Path, output: Path) -> float:
    """Build a book; return the seconds it took."""
    start = time.perf_counter()
    command = [*JUPYTER_BOOK, "--path-output", str(output), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def empty_page(folder: Path) -> Path:
    """Build a book of one page of one line; return its HTML folder."""
    (folder / "_toc.yml").write_text("format: jb-book\nroot: index\n")
    (folder / "index.md").write_text("# A page\n\nOne line.\n")
    build(folder, folder)
    return folder / "_build/html"


def weight(browser: Browser, url: str) -> dict[str, float]:
    """What a page loads, read to its end: requests, and kB as they are and gzipped."""
    page = browser.new_page()
    answers, asked = [], []
    home = url.split("/", 3)[2]
    page.on("requestfinished", lambda request: answers.append(request.response()))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    page.evaluate(TIMES)
    page.evaluate("[...document.images].forEach((i) => (i.loading = 'eager'))")
    page.wait_for_load_state("networkidle")
    bodies = [answer.body() for answer in answers if home in answer.url]
    page.close()
    return {
        "requests": len(bodies),
        "outside": sum(each.startswith("http") and home not in each for each in asked),
        "kB": sum(map(len, bodies)) / 1000,
        "gzipped": sum(len(gzip.compress(body)) for body in bodies) / 1000,
    }


def times(browser: Browser, url: str, loads: int) -> list[float]:
    """Median milliseconds to the first paint and to the last formula."""
    found = []
    for _ in range(loads):
        context = browser.new_context(viewport={"width": 1300, "height": 900})
        page = context.new_page()
        page.goto(url)
        found.append(page.evaluate(TIMES))
        context.close()
    return [statistics.median(column) for column in zip(*found, strict=True)]


def print_pages(browser: Browser, pages: dict[str, str], loads: int) -> None:
    """Print what each page weighs, and when it is seen."""
    print(
        "| page | requests | outside | kB | gzipped | first paint, ms | formulas, ms |"
    )
    print("|---|---|---|---|---|---|---|", flush=True)
    for name, url in pages.items():
        load = weight(browser, url)
        paint, formulas = times(browser, url, loads)
        print(
            f"| {name} | {load['requests']} | {load['outside']} | {load['kB']:.0f} "
            f"| {load['gzipped']:.0f} | {paint:.0f} | {formulas:.0f} |",
            flush=True,
        )


def figure_frames(page: Page, url: str) -> tuple[float, float, float]:
    """Of the slowest slider: frames a second, the worst gap in 20, and layout shift."""
    page.goto(url)
    page.evaluate("() => MathJax.startup.promise")
    figure = page.locator(".interactive").first
    page.evaluate(SHIFTS)
    figure.evaluate("(e) => e.scrollIntoView({ block: 'center', behavior: 'instant' })")
    figure.locator(".reading").wait_for()
    sliders = figure.locator("input[type=range]").all()
    gaps = [slider.evaluate(MOVE) for slider in sliders]
    slowest = max(gaps, key=statistics.fmean)
    worst = statistics.quantiles(slowest, n=20)[-1]
    shifted = page.evaluate("window.shifted")
    return 1000 / statistics.fmean(slowest), worst, shifted


def print_figures(browser: Browser, home: str, html: Path) -> None:
    """Print how smoothly each interactive figure follows its sliders."""
    print("\n| figure of | frames a second | 95 % of gaps under, ms | layout shift |")
    print("|---|---|---|---|", flush=True)
    for path in sorted((html / "book").glob("[0-9][0-9]_*.html")):
        if 'class="interactive"' in path.read_text("utf8"):
            page = browser.new_page(viewport={"width": 1300, "height": 900})
            rate, worst, shifted = figure_frames(page, f"{home}/book/{path.name}")
            page.close()
            print(f"| {path.stem} | {rate:.0f} | {worst:.0f} | {shifted:.3f} |")


def print_builds(folder: Path) -> None:
    """Print the seconds of a first build, and of one that executes nothing."""
    cold = build(ROOT, folder)
    for name in ("html", ".doctrees"):
        shutil.rmtree(folder / "_build" / name)
    warm = build(ROOT, folder)
    print("\n| build | seconds |\n|---|---|")
    print(f"| from nothing, every chapter executed | {cold:.0f} |")
    print(f"| every page written anew, cells unchanged | {warm:.0f} |")
    print(f"| nothing changed | {build(ROOT, folder):.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--html", type=Path, default=ROOT / "_build/html")
    parser.add_argument("--loads", type=int, default=5)
    parser.add_argument("--build", action="store_true")
    options = parser.parse_args()
    if not (options.html / "searchindex.js").exists():
        parser.error(f"{options.html} holds no built book: run `make book` first.")
    chapters = (options.html / "book").glob("[0-9][0-9]_*.html")
    longest = max(chapters, key=lambda path: path.stat().st_size)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        theirs = empty_page(Path(folder))
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=ARGUMENTS
        )
        with served(options.html) as ours, served(theirs) as empty:
            pages = {"one line, same theme": f"{empty}/index.html"}
            pages[f"longest chapter, {longest.stem}"] = f"{ours}/book/{longest.name}"
            print_pages(browser, pages, options.loads)
            print_figures(browser, ours, options.html)
        browser.close()
    if options.build:
        with tempfile.TemporaryDirectory() as folder:
            print_builds(Path(folder))


if __name__ == "__main__":
    main()
