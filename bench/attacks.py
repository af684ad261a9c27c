"""Hostile and damaged submissions: what stock nbgrader does with them, and what ours.

    python bench/attacks.py [--each 20] [--seed 0] [--group forging ...]

The submissions are the cases of tests/adversarial, drawn from each group by the seed;
`--each 0` takes all. Stock grades them a few at a time, each time in a new course with
an honest student who was graded before and one who comes last; a batch in which anybody
else is harmed is graded again in halves, until each harm has its case. All of stock's
run is in a sandbox of ours, with a copy of the course and a made-up home to write in:
what it harms there it would harm on the machine. Cases that would take the machine
itself are counted, and not given to stock. Ours grades the same cases as a class.
"""

import argparse
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path[:0] = [str(TESTS.parent), str(TESTS / "builders"), str(TESTS / "adversarial")]

from attacked_class import Graded, all_cases, grade_cases, student_of  # noqa: E402
from case import TESTS as CELLS  # noqa: E402
from case import Case  # noqa: E402
from stock_nbgrader import Seen, Stock, judge, read_pages  # noqa: E402

# Cases that stock is given at once; where most do harm to others, each comes alone.
BATCH = {"reaching out": 1, "exhausting": 4}
USUAL = 8
CELL = 4  # seconds that stock gives a cell; it gives no limit to a notebook
NOTEBOOK = 40  # seconds for one notebook, before a whole run counts as stopped
BOX = {"memory": 3 * 1024**3, "disk": 512 * 1024**2, "processes": 250, "files": 1024}
HARMS = {
    "gained": "a wrong answer got points",
    "lost": "a right answer lost points",
    "unscored": "no score at all",
    "others": "another's grade or file changed",
    "stopped": "the run stopped",
    "left": "files or processes left",
    "seen": "saw a secret, a hidden test or the network",
    "acts": "a page that acts",
}


# --- ours -----------------------------------------------------------------------------


def ours(folder: Path, cases: dict[str, Case]) -> dict[str, Seen]:
    """Grade the cases as a class of ours; a harm to others counts for each of them."""
    folder.mkdir()
    graded = grade_cases(folder, cases)
    shared = {"others"} if graded.changed else set()
    shared |= {"left"} if graded.left else set()
    shared |= {"seen"} if graded.visitors else set()
    found = {}
    for number, name in enumerate(cases):
        found[name] = one_of(graded, student_of(number))
        found[name].harms |= shared
        judge(name, cases[name], found[name])
    shutil.rmtree(folder)
    return found


def one_of(graded: Graded, student: str) -> Seen:
    """What came of one student of ours."""
    rows = graded.rows.get(student, {})
    points = tuple(rows[cell].auto if cell in rows else None for cell in CELLS)
    notebook = graded.results[student].notebook or ""
    return Seen(points, read_pages(notebook, graded.page(student)))


# --- the table ------------------------------------------------------------------------


def draw(
    cases: dict[str, Case], groups: Sequence[str], each: int, seed: int
) -> dict[str, dict[str, Case]]:
    """The cases of each group that are given to both graders."""
    chosen = {}
    for group in groups:
        names = [n for n, c in cases.items() if n.startswith(group) and not c.stock]
        some = random.Random(f"{seed} {group}")
        if 0 < each < len(names):
            names = sorted(some.sample(names, each), key=names.index)
        chosen[group] = {name: cases[name] for name in names}
    return chosen


def row(group: str, tried: str, stock: dict[str, Seen], mine: dict[str, Seen]) -> str:
    """A row of the table: numbers of cases, stock's and ours."""
    counts = [
        Counter(harm for seen in found.values() for harm in seen.harms)
        for found in (stock, mine)
    ]
    fine = [sum(not seen.harms for seen in found.values()) for found in (stock, mine)]
    cells = [f"{counts[0][harm]} / {counts[1][harm]}" for harm in HARMS]
    return f"| {group} | {tried} | {' | '.join(cells)} | {fine[0]} / {fine[1]} |"


def measure(options: argparse.Namespace) -> None:
    """Grade everything and print the table."""
    cases = all_cases()
    known = list(dict.fromkeys(name.split(":")[0] for name in cases))
    chosen = draw(cases, options.group or known, options.each, options.seed)
    total: tuple[dict[str, Seen], dict[str, Seen]] = ({}, {})
    print(f"| group | cases | {' | '.join(HARMS.values())} | no harm |")
    print("|---" * (len(HARMS) + 3) + "|")
    with tempfile.TemporaryDirectory(prefix="bench-attacks-") as name:
        Path(name).chmod(0o755)
        stock = Stock(Path(name))
        for group, some in chosen.items():
            theirs: dict[str, Seen] = {}
            items = list(some.items())
            size = BATCH.get(group, USUAL)
            for at in range(0, len(items), size):
                theirs |= stock.grade(dict(items[at : at + size]))
            mine = ours(Path(name, "ours"), some)
            for case in some:
                print(f"<!-- {case}: {theirs[case].points} "
                      f"{sorted(theirs[case].harms)} / {mine[case].points} "
                      f"{sorted(mine[case].harms)} -->", flush=True)  # fmt: skip
            every = sum(case.startswith(group) for case in cases)
            print(row(group, f"{len(some)} of {every}", theirs, mine), flush=True)
            total[0].update(theirs)
            total[1].update(mine)
    print(row("all", f"{len(total[0])} of {len(cases)}", *total))
    kept = sum(bool(case.stock) for case in cases.values())
    print(f"\n{kept} cases are not given to stock: they would take the machine itself.")


def main() -> None:
    """Measure what the options say."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--each", type=int, default=20, help="of a group; 0 is all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--group", action="append", default=[])
    measure(parser.parse_args())


if __name__ == "__main__":
    main()
