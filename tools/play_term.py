"""Play an instructor's whole term, in a real browser where a person would use one.

`python -m tools.play_term DIR [--shots FOLDER]` plays the term of tests/grader/lms: 40
students, three weeks, two assignments, groups, late ones and ones that hand in again.
Two graders mark by clicking the lines of the scheme, blind; what one of them has left
is marked in a table. At its end the course's CSV must be the one computed by hand.
`--shots` keeps a picture of each page at two widths, light and dark; a page that is
wider than its window is named.
"""

import argparse
import csv
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[1]
sys.path += [str(ROOT / "tests" / "builders"), str(ROOT / "tests" / "grader" / "lms")]

import test_term as week  # noqa: E402
from class_commands import Played  # noqa: E402
from signals import hear_signals  # noqa: E402
from tiny_assignment import NAME, SOURCE, tiny_course, write_source  # noqa: E402

from autograder.cli import main as autograder  # noqa: E402
from autograder.release.release import publish  # noqa: E402

SCHEME = """Because $x^2 \\ge 0$.

**Marking scheme.**

- 1 point: the sign of $x^2$.
- 2 points: the *reason*, with the rule $(-x)^2 = x^2$ that it stands on.
- 1 point: the case $x = 0$.

Any sound route gets the points."""
LINES = {0.0: (), 1.0: (0,), 2.0: (1,), 3.0: (0, 1), 4.0: (0, 1, 2)}
EXCUSED = 17
RULES = f'[excused]\n"s{EXCUSED}@example.org" = ["T1"]\n'
BROWSER = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
STILL = (
    "() => typeof MathJax !== 'undefined' && MathJax.loaded && !$(':animated').length"
)
ANSWER = re.compile(r"(?:Because of|So says) (\d+)\.")
AGAIN = {"I thought again.": 3, "I broke it.": 10}
WIDTHS = (1280, 390)


class Printed:
    """What pytest's capsys does, for `Played`, outside of pytest."""

    def readouterr(self) -> tuple[str, str]:
        """What the last command printed."""
        return self.out, self.err

    out = err = ""


class Course(Played):
    """A course whose commands are said while they are run."""

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Run a command: its status, and what it printed."""
        with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
            status = autograder(arguments)
        print(f"$ autograder {' '.join(arguments)}  # {status}", flush=True)
        if "Traceback" in err.getvalue():
            raise AssertionError(err.getvalue())
        return status, out.getvalue(), err.getvalue()


class Pictures:
    """Takes the pictures of pages, and says which are wider than their window."""

    def __init__(self, browser: "Browser", folder: Path | None) -> None:
        self.browser, self.folder = browser, folder
        self.wide: list[str] = []

    def take(self, name: str, url: str, first: str | None = None) -> None:
        """A page at each width, light and dark; `first` is where its token is given."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        for width in WIDTHS:
            for scheme in ("light", "dark"):
                context = self.browser.new_context(
                    viewport={"width": width, "height": 800}, color_scheme=scheme
                )
                page = context.new_page()
                for each in filter(None, (first, url)):
                    page.goto(each)
                if first:
                    page.wait_for_timeout(2500)
                called = f"{name}-{width}-{scheme}"
                page.screenshot(path=self.folder / f"{called}.png", full_page=True)
                wide = page.evaluate("document.documentElement.scrollWidth")
                if wide > width:
                    self.wide.append(f"{called}: {wide} px wide")
                context.close()


@contextmanager
def served(course: Path, *more: str) -> Iterator[str]:
    """The address that a running formgrader printed."""
    command = [sys.executable, "-m", "autograder", "serve", "--course", str(course)]
    with subprocess.Popen(
        [*command, "--port", "18799", *more],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        preexec_fn=hear_signals,
        text=True,
    ) as process:
        first = process.stdout.readline()
        try:
            yield first.split()[1]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def author(text: str) -> int:
    """Whose answer this is: it says so, as a person would not write."""
    for said, student in AGAIN.items():
        if said in text:
            return student
    return int(ANSWER.search(text)[1])


def by_hand(i: int, assignment: str) -> float:
    """What a grader gives: one answer of a team has the same points for all."""
    first = week.leader(i) if assignment == week.OTHER else i
    return float((first + (assignment == week.OTHER)) % 5)


def answer_shown(page: "Page") -> str:
    """The text of the answer that waits, as it stands in its frame."""
    for _ in range(60):
        for frame in page.frames[1:]:
            text = frame.locator("body").inner_text()
            if ANSWER.search(text) or any(said in text for said in AGAIN):
                return text
        page.wait_for_timeout(100)
    raise AssertionError(f"no frame of {page.url} shows an answer")


def mark(page: "Page", address: str, assignment: str, most: int) -> int:
    """Click the points of so many waiting answers of a share; how many there were."""
    page.goto(address)
    page.click(f"a[href$='/gradebook/{assignment}']")
    page.click(f"a[href$='/gradebook/{assignment}/{assignment}']")
    page.wait_for_selector("a.name-hidden[href*='/formgrader/submissions/']")
    urls = page.eval_on_selector_all(
        "tr:has(td.needs-manual-grade[data-order='1']) a.name-hidden",
        "all => [...new Set(all.map(a => a.href))]",
    )
    if not urls:
        text = page.locator("table").inner_text()[:400]
        print(f"nothing waits in the list: {text}")
    for url in urls[:most]:
        page.goto(url)
        page.wait_for_function(STILL)
        page.wait_for_selector("button.mark:enabled")
        points = by_hand(author(answer_shown(page)), assignment)
        clicks = [f"button.mark >> nth={line}" for line in LINES[points]]
        for where in clicks or [".nbgrader_cell:has(.scheme) .no-credit"]:
            with page.expect_response(lambda r: "/api/grade/" in r.url and r.ok):
                page.click(where)
        page.wait_for_function(
            f"() => Number(document.querySelector('#why').value) == {points}"
        )
    return len(urls)


def rows_of(path: Path) -> list[dict[str, str]]:
    """A CSV file's rows."""
    return list(csv.DictReader(StringIO(path.read_text("utf-8-sig"), newline="")))


def read_by_two(
    played: Played, assignment: str, browser: "Browser", taken: Pictures
) -> None:
    """Ann and ben mark: by clicking, and the rest of ben's share in a table."""
    short = "T1" if assignment == NAME else "T2"
    played.run("marking", short, "--graders", "ann,ben")
    played.run("feedback", short)
    played.run("report", short)
    played.run("status", "--page", "-o", "term.csv")
    for grader, most in (("ann", 99), ("ben", 3)):
        with served(played.course.root, "--as", grader) as address:
            if grader == "ann" and assignment == NAME and not taken.wide:
                pictures_of_formgrader(taken, address, browser)
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            count = mark(page, address, assignment, most)
            print(f"{grader} clicked {min(count, most)} of {count}", flush=True)
            page.close()
    out = played.root / f"{short}-{len(list(played.root.iterdir()))}"
    status, _, _ = played.run("marking", short, "-o", str(out))
    if status == 0 and (out / "answers.csv").exists():
        rows = rows_of(out / "answers.csv")
        for row in rows:
            given = author((out / row["answer"]).read_text("utf-8"))
            points = f"{by_hand(given, assignment):g}"
            assert row["points"] in ("", points), (row, points)
            row["points"] = points
        with (played.root / "back.csv").open("w", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        status, said, _ = played.run("marking", short, "--read", "back.csv")
        assert status == 0, said


def pictures_of_formgrader(taken: Pictures, address: str, browser: "Browser") -> None:
    """Formgrader's pages: the assignments, the answers that wait, one of them."""
    at = address.partition("/formgrader/")[0] + "/formgrader"
    taken.take("assignments", address)
    taken.take("gradebook", f"{at}/gradebook/{NAME}", address)
    taken.take("answers", f"{at}/gradebook/{NAME}/{NAME}", address)
    page = browser.new_page()
    page.goto(address)
    page.goto(f"{at}/gradebook/{NAME}/{NAME}")
    page.wait_for_selector("a.name-hidden[href*='/submissions/']")
    first = page.locator("a.name-hidden[href*='/submissions/']").first
    url = first.evaluate("a => a.href")
    page.close()
    taken.take("submission", url, address)


def check_course(played: Played) -> None:
    """Each cell of the course's CSV is that computed by hand."""
    week.by_hand = by_hand
    scores = week.expected()
    rows = {row["student"]: row for row in rows_of(played.root / "term.csv")}
    assert len(rows) == 39
    wrong = []
    for i in range(40):
        if i == week.LEFT:
            continue
        row = rows[f"s{i}@example.org"]
        t1, t2 = scores[NAME][i], scores[week.OTHER][i]
        late = [max(0, w.days) for w in week.first_work(i)]
        cells = {"T1": t1, "T2": t2}
        if i == EXCUSED:
            cells["T1"] = None
        shares = [value / 9 for value in cells.values() if value is not None]
        cells["total"] = 100 * sum(shares) / len(shares) if shares else None
        for column, value in cells.items():
            name = next((k for k in row if k.lower().startswith(column.lower())), None)
            text = row[name] if name else f"no column {column} in {list(row)}"
            try:
                got = float(text)
            except ValueError:
                got = None if text in ("", "excused") else text
            same = got == value or (
                isinstance(got, float)
                and value is not None
                and abs(got - value) < 0.006
            )
            if not same:
                wrong.append(f"s{i} {name}: {text!r} for {value} ({late})")
    print(f"the course's CSV: {len(rows)} rows, {len(wrong)} cells are wrong")
    print("\n".join(wrong[:20]))


def play(folder: Path, shots: Path | None) -> int:
    """Play it; the number of pages that are wider than their window."""
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True)
    os.chdir(folder)
    source = SOURCE.replace("Because it is so.", SCHEME)
    course, exam = tiny_course(folder, source)
    played = Course(folder, course, exam, Printed())
    second = write_source(folder / "solutions", source, week.OTHER)
    publish(course, week.OTHER, second)
    week.RULES = week.RULES.replace("[due]", f"{RULES}[due]")
    with sync_playwright() as made:
        browser = made.chromium.launch(
            executable_path="/usr/bin/chromium", args=BROWSER
        )
        taken = Pictures(browser, shots)
        week.read_by_a_person = lambda p, a: read_by_two(p, a, browser, taken)
        week.first_week(played)
        pages = SimpleNamespace(root=course.root / "reports")
        for path in sorted(pages.root.glob("*.html")):
            taken.take(f"report-{path.stem}", path.as_uri())
        week.second_week(played)
        played.run("grade", "T1", "--task", "square-test")
        week.third_week(played)
        for short in ("T1", "T2"):
            played.run("feedback", short)
            played.run("report", short)
            for where in ("moodle", "canvas", "folder"):
                played.run("return", short, "--to", where, "-o", f"{short}-{where}")
        played.run("status", "--page", "-o", "term.csv")
        before = (played.root / "term.csv").read_bytes()
        played.run("backup", "-o", "course.zip")
        status, out, err = played.run("restore", "course.zip", "--course", "restored")
        print(out[-200:], err[-300:])
        if status == 0:
            played.run("status", "--course", "restored", "-o", "restored.csv")
            assert (played.root / "restored.csv").read_bytes() == before
        for path in sorted((course.root / "reports").glob("*.html")):
            taken.take(f"end-{path.stem}", path.as_uri())
        feedback = sorted((course.root / "feedback").rglob("*.html"))
        for path in (feedback[0], feedback[3]):
            taken.take(f"feedback-{path.parent.parent.name}", path.as_uri())
        browser.close()
    check_course(played)
    print("\n".join(taken.wide) or "no page is wider than its window")
    return len(taken.wide)


def main() -> int:
    """Parse, play, say how it ended."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--shots", type=Path, metavar="FOLDER")
    given = parser.parse_args()
    shots = given.shots.absolute() if given.shots else None
    return 1 if play(given.folder.absolute(), shots) else 0


if __name__ == "__main__":
    sys.exit(main())
