"""One class by one worker, by two, and by a cluster that is hurt: the same CSV file.

    python bench/cluster.py [--students 60] [--workers 3]

Each worker of the cluster, and the command, is in a network namespace of its own, on a
bridge with the scheduler, so that it takes root on Linux. While the class is graded a
worker is killed and another one comes, the command is cut off until it says so and
ends, and runs again, one worker's cable is drawn for 25 seconds, and the command is
killed and run again. At the end the CSV files are compared by their bytes, and every
student must have a grade.
"""

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from grading import (
    SOLUTIONS,
    MadeUp,
    Running,
    check_complete,
    copy_of,
    folder,
    ours,
    tiny,
)

from autograder.course.folder import Course
from autograder.release.release import find_source
from autograder.results.csv_export import export_csv

PATIENCE = 240.0  # seconds
APART = 25.0  # seconds without a cable
TTL = "8s"  # after which the scheduler gives a silent worker up


def ip(*words: str) -> None:
    """Change the network."""
    subprocess.run(["ip", *words], check=True)


class Network:
    """A bridge with a namespace for each worker, and Dask's processes in them."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder, self.name = folder, f"fb{os.getpid() % 10**6}"
        self.net = f"10.{os.getpid() % 200 + 20}.7"
        # The last is the command's.
        self.spaces = [f"{self.name}n{number}" for number in range(workers + 1)]
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        ip("link", "add", self.name, "type", "bridge")
        ip("addr", "add", f"{self.net}.1/24", "dev", self.name)
        ip("link", "set", self.name, "up")
        for number, space in enumerate(self.spaces, start=2):
            cable = f"{self.name}c{number - 2}"
            ip("netns", "add", space)
            ip("link", "add", cable, "type", "veth", "peer", "e0", "netns", space)
            ip("link", "set", cable, "master", self.name, "up")
            inside = ("netns", "exec", space, "ip")
            ip(*inside, "link", "set", "lo", "up")
            ip(*inside, "addr", "add", f"{self.net}.{number}/24", "dev", "e0")
            ip(*inside, "link", "set", "e0", "up")
        self.start("scheduler", "--host", f"{self.net}.1", "--port", "8786")
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection((f"{self.net}.1", 8786)).close()
                break
            time.sleep(0.1)
        for number in range(len(self.spaces) - 1):
            self.worker(number)
        return self

    def __exit__(self, *raised: object) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()
        for space in self.spaces:
            subprocess.run(["ip", "netns", "del", space], check=False)
        subprocess.run(["ip", "link", "del", self.name], check=False)

    @property
    def address(self) -> str:
        """The scheduler's."""
        return f"tcp://{self.net}.1:8786"

    def worker(self, number: int) -> None:
        """Start the worker of a namespace."""
        options = ["--nthreads", "1", "--no-nanny", "--host"]
        options += [f"{self.net}.{number + 2}"]
        options += ["--local-directory", str(self.folder)]
        self.start(f"worker {number}", self.address, *options, space=number)

    def start(self, name: str, *words: str, space: int | None = None) -> None:
        """Start one of Dask's commands, in a namespace if it has one."""
        dask = str(Path(sys.executable).with_name("dask"))
        command = [dask, name.split()[0], *words, "--no-dashboard"]
        if space is not None:
            command = self.inside(space, command)
        self.processes[name] = subprocess.Popen(
            command,
            env=os.environ | {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": TTL},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def inside(self, space: int, command: list[str]) -> list[str]:
        """The command that runs a command in a namespace."""
        return ["ip", "netns", "exec", self.spaces[space], *command]

    def kill(self, name: str) -> None:
        """End a process at once."""
        self.processes[name].kill()
        self.processes[name].wait()

    @contextlib.contextmanager
    def cable_drawn(self, number: int) -> Iterator[None]:
        """Who is in this namespace hears nobody, and nobody hears it."""
        cable = f"{self.name}c{number}"
        ip("link", "set", cable, "down")
        yield
        ip("link", "set", cable, "up")


def until_graded(course: Course, name: str, number: int, running: Running) -> None:
    """Wait until so many have a grade; RuntimeError if the command ends before."""
    deadline = time.monotonic() + PATIENCE
    while len(list((course.root / "results" / name).glob("[!.]*.json"))) < number:
        if running.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{number} were not graded: {running.said()}")
        time.sleep(0.05)


def hurt(course: Course, name: str, network: Network, students: int) -> None:
    """Grade the class on the cluster, and do harm to all that takes part."""
    command = ours(name, course, 1)
    command = [*command[: command.index("--workers")], "--scheduler", network.address]
    command = network.inside(-1, command)
    running = Running(command, course, memory=False)
    until_graded(course, name, students // 6, running)
    network.kill("worker 0")
    network.worker(0)
    print("a worker was killed, another one came", flush=True)
    until_graded(course, name, students // 4, running)
    cut = time.monotonic()
    with network.cable_drawn(len(network.spaces) - 1):
        status, waited = running.end().status, time.monotonic() - cut
    if status != 2:
        raise RuntimeError(f"cut off, and status {status}: {running.said()}")
    print(f"the command was cut off, and said so after {waited:.0f} s", flush=True)
    running = Running(command, course, memory=False)
    until_graded(course, name, students // 2, running)
    with network.cable_drawn(1):
        print("a worker's cable is drawn", flush=True)
        until_graded(course, name, 2 * students // 3, running)
        running.process.send_signal(signal.SIGKILL)
        running.end()
        print("the command was killed, and runs again", flush=True)
        running = Running(command, course, memory=False)
        time.sleep(APART)
    if (status := running.end().status) != 0:
        raise RuntimeError(f"status {status}: {running.said()}")


def main() -> None:
    """Print what was done, and whether the files are the same."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--students", type=int, default=60)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--a1", action="store_true", help="of assignment 1")
    options = parser.parse_args()
    with folder() as here:
        a1 = options.a1
        made = MadeUp(find_source(SOLUTIONS, "A1")[1]) if a1 else tiny(here)
        name, number = made.assignment, options.students
        one = made.course(here / "one", number)
        courses = [one, copy_of(one, here / "two"), copy_of(one, here / "cluster")]
        for workers, course in enumerate(courses[:2], start=1):
            Running(ours(name, course, workers), course, memory=False).end()
        with Network(here, options.workers) as network:
            hurt(courses[2], name, network, number)
        files = []
        for course in courses:
            check_complete(course, name, number)
            files.append(export_csv(course, name).read_bytes())
        same = "the same" if len(set(files)) == 1 else "OTHER"
        print(f"{number} of {name}: one worker, two, and the cluster give {same} CSV "
              f"file of {len(files[0])} bytes", flush=True)  # fmt: skip
        if len(set(files)) != 1:
            sys.exit(1)


if __name__ == "__main__":
    main()
