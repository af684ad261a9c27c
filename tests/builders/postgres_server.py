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
    with cluster() as folder, running(folder):
        yield folder


@contextmanager
def cluster() -> Iterator[str]:
    """The folder of a new server that does not run yet; its socket will be in it."""
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as folder:
        person = owner()
        os.chown(folder, person.pw_uid, person.pw_gid)
        command = [binary("initdb"), "-D", f"{folder}/data", "-A", "trust"]
        command += ["-U", "postgres", "-N", "-E", "UTF8"]
        subprocess.run(command, check=True, **rights(folder))
        yield folder


@contextmanager
def running(folder: str) -> Iterator[None]:
    """Let a server run; it ends at once, for nobody needs what is not written."""
    said = [f"-c{name}={value}" for name, value in SETTINGS.items()]
    command = [binary("postgres"), "-D", f"{folder}/data", "-k", folder, *said]
    with subprocess.Popen(command, **rights(folder)) as process:
        try:
            wait_for(folder)
            yield
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait(30)


def owner() -> pwd.struct_passwd:
    """As whom the server runs: it refuses to run as root."""
    root = os.getuid() == 0
    return pwd.getpwnam("postgres") if root else pwd.getpwuid(os.getuid())


def rights(folder: str) -> dict[str, object]:
    """How its programs are started."""
    made = {"env": {"PATH": os.defpath, "LC_ALL": "C"}, "cwd": folder}
    made |= {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if os.getuid() == 0:
        person = owner()
        made |= {"user": person.pw_uid, "group": person.pw_gid, "extra_groups": []}
    return made


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
