"""How close every exact family of the book comes to the zoo, at equal parameters.

    python bench/families.py [--families ...] [--targets ...] [--seeds 0 1 2]

Trains with `flowbook.families.fit_family`, at most 500 parameters each, and merges
what it finds into `flowbook/families.json`, from which chapter 12 draws its table.
Prints family | target | gap of each seed, nats | CPU s.
"""

import argparse
import datetime
import fcntl
import json
import os
import platform
import statistics
import time
from pathlib import Path
from typing import Any

import torch

from flowbook.densities import ZOO
from flowbook.families import (
    BATCH,
    FAMILIES,
    RECORDED,
    STEPS,
    TEST,
    fit_family,
    gap,
    parameter_count,
)


def machine() -> str:
    """Return a short description of the processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf8").splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if "model name" in line]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"


def run(name: str, target: str, seed: int) -> tuple[tuple[float, float], int, float]:
    """Fit one flow; return its gap with the error, its size and the CPU seconds."""
    start = time.process_time()
    flow = fit_family(name, ZOO[target], seed)
    seconds = time.process_time() - start
    return gap(ZOO[target], flow), parameter_count(flow), seconds


def merge(name: str, target: str, found: list[Any], size: int, seconds: float) -> None:
    """Write one result into the file, beside what others have written meanwhile."""
    with Path(__file__).open() as lock:  # any file that all of them have
        fcntl.flock(lock, fcntl.LOCK_EX)
        _write(name, target, found, size, seconds)


def _write(name: str, target: str, found: list[Any], size: int, seconds: float) -> None:
    record = json.loads(RECORDED.read_text("utf8")) if RECORDED.exists() else {}
    record |= {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "torch": torch.__version__.split("+")[0],
        "recipe": f"{STEPS} steps at batch {BATCH}, gaps on {TEST} fresh points",
    }
    rounded = [[round(value, 5) for value in pair] for pair in found]
    record.setdefault("gaps", {}).setdefault(name, {})[target] = rounded
    record.setdefault("parameters", {})[name] = size
    record.setdefault("seconds", {}).setdefault(name, {})[target] = round(seconds, 1)
    RECORDED.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", "utf8")


def main() -> None:
    """Print the table, and write it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--families", nargs="+", default=list(FAMILIES))
    parser.add_argument("--targets", nargs="+", default=list(ZOO))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("family | target | gap of each seed, nats | CPU s")
    for name in options.families:
        for target in options.targets:
            runs = [run(name, target, seed) for seed in options.seeds]
            pairs, sizes, times = zip(*runs, strict=True)
            seconds = statistics.median(times)
            merge(name, target, list(pairs), sizes[0], seconds)
            each = " ".join(f"{value:.4f}" for value, _ in pairs)
            print(f"{name} | {target} | {each} | {seconds:.0f}", flush=True)


if __name__ == "__main__":
    main()
