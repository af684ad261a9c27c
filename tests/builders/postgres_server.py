"""A PostgreSQL server for one test run, on a socket in a temporary folder."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from autograder.course.folder import Course

MISSING = "no PostgreSQL server is installed: sudo apt-get install postgresql"
SETTINGS = {"listen_addresses": "", "fsync": "off", "max_connections": "20"}


def binary(name: str) -> str | None:
    """The path of a program of the server; Debian keeps them off PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return shutil.which(name) or shutil.which(
        name, path=os.pathsep.join(map(str, folders))
    )


@contextmanager
def server() -> Iterator[str]:
    """A running server's socket folder; root runs it as the user postgres."""
    owner = pwd.getpwnam("postgres") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as folder:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        rights = {"env": {"PATH": os.defpath, "LC_ALL": "C"}, "cwd": folder}
        if os.getuid() == 0:
            rights |= {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        data = f"{folder}/data"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | rights
        made = [
            binary("initdb"),
            "-D",
            data,
            "-A",
            "trust",
            "-U",
            "postgres",
            "-N",
            "-E",
            "UTF8",
        ]
        subprocess.run(made, check=True, **quiet)
        said = [f"-c{name}={value}" for name, value in SETTINGS.items()]
        command = [binary("postgres"), "-D", data, "-k", folder, *said]
        with subprocess.Popen(command, **quiet) as process:
            try:
                wait_for(folder)
                yield folder
            finally:
                process.send_signal(signal.SIGQUIT)  # at once: nobody needs the data
                process.wait(30)


def wait_for(folder: str) -> None:
    """Return when the server answers."""
    deadline = time.monotonic() + 30
    while True:
        try:
            connect(folder).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def connect(folder: str) -> psycopg.Connection:
    """A connection that may make databases."""
    return psycopg.connect(f"host={folder} user=postgres", autocommit=True)


def new_database(folder: str, like: str = "template1") -> str:
    """The URL of a new database, as a person writes it; a copy of another one."""
    name = f"gradebook_{uuid.uuid4().hex[:8]}"
    with connect(folder) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {like}")
    return f"postgresql://postgres@/{name}?host={folder}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[], str]]:
    """Make the URL of a new and empty gradebook on a real server.

    Skipped where no server is installed; a failure in CI.
    """
    if not binary("initdb"):
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
    with server() as folder, tempfile.TemporaryDirectory() as course:
        # nbgrader takes two seconds to make the tables: once, and then copies.
        empty = new_database(folder)
        Course(Path(course), empty).gradebook().close()
        name = empty.split("/")[3].split("?")[0]
        yield lambda: new_database(folder, name)
