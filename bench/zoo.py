"""What chapter 20 has no time to train: rows on the zoo, and all on the digits.

    python bench/zoo.py [--again] [--only NAME ...] [--where NAME ...]

Calls the same functions as the page of chapter 20, `flowbook.plane_models` and
`flowbook.digit_models`, and writes each row into `flowbook/comparison.json` as soon as
it is known: started again, it goes on where it stopped. Prints what it has done and the
CPU seconds.
"""

import argparse
import datetime
import json
import time
from collections.abc import Iterator
from typing import Any

import torch
from families import machine

from flowbook.digit_models import DIGIT_MODELS, measure_on_digits, train_on_digits
from flowbook.measures import RECORDED
from flowbook.plane_models import (
    PLANE_MODELS,
    SLOW,
    measure_on_plane,
    train_on_plane,
)

ON_PAGE = "eight gaussians"  # where the page trains all that are quick
OTHERS = "checkerboard", "two moons"


def jobs() -> Iterator[tuple[str, str]]:
    """Yield what is compared, and the model: on the plane the slow ones once."""
    yield from (("digits", name) for name in DIGIT_MODELS)
    yield from ((ON_PAGE, name) for name in SLOW)
    quick = [name for name in PLANE_MODELS if name not in SLOW]
    yield from ((target, name) for target in OTHERS for name in quick)


def row_of(where: str, name: str) -> dict[str, Any]:
    """Train one model, and measure it."""
    if where == "digits":
        return measure_on_digits(name, *train_on_digits(name))
    return measure_on_plane(name, where, *train_on_plane(name, where))


def rounded(value: Any) -> Any:
    """Leave four digits of a number, and of all numbers in what holds some."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    return value


def write(record: dict[str, Any]) -> None:
    """Write the record, one row a line."""
    head = {key: value for key, value in record.items() if key != "rows"}
    lines = [f" {json.dumps(key)}: {json.dumps(head[key])}," for key in sorted(head)]
    parts = []
    for where, rows in record["rows"].items():
        each = [f"   {json.dumps(name)}: {json.dumps(rows[name])}" for name in rows]
        parts.append(f"  {json.dumps(where)}: {{\n" + ",\n".join(each) + "\n  }")
    text = "{\n" + "\n".join(lines) + '\n "rows": {\n' + ",\n".join(parts) + "\n }\n}\n"
    RECORDED.write_text(text, "utf8")


def main() -> None:
    """Go through what is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--again", action="store_true", help="also what is recorded")
    parser.add_argument("--only", nargs="+", help="these models alone")
    parser.add_argument("--where", nargs="+", help="on these alone")
    options = parser.parse_args()
    torch.set_num_threads(1)
    record = json.loads(RECORDED.read_text("utf8")) if RECORDED.exists() else {}
    rows = record.setdefault("rows", {})
    for where, name in jobs():
        done = name in rows.get(where, {}) and not options.again
        left_out = options.only and name not in options.only
        if done or left_out or (options.where and where not in options.where):
            continue
        start = time.process_time()
        row = {key: rounded(value) for key, value in row_of(where, name).items()}
        rows.setdefault(where, {})[name] = row
        record |= {
            "date": datetime.date.today().isoformat(),
            "machine": machine(),
            "torch": torch.__version__.split("+")[0],
        }
        write(record)
        seconds = time.process_time() - start
        print(f"{where} | {name} | {seconds:.0f} CPU s", flush=True)


if __name__ == "__main__":
    main()
