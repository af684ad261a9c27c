"""Nothing leads out of a box, nothing outlives it, and Python works in it.

Each claim is tried in every tier that this machine offers: as root, and as a plain
user, whom root becomes for the purpose.
"""

import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from plain_user import NOBODY, python_of

from autograder.sandbox import Watch, tier, tiers
from autograder.sandbox.processes import children, descendants, find

PROJECT = Path(__file__).parents[3]
MEGABYTE = 1024**2
SECRET = "the-instructors-token"
SPACES = ["root namespaces", "user namespaces"]
EVERY = [*SPACES, "landlock"]


class Keeper:
    """A process that runs cases in boxes of one tier; see `sandbox_keeper`."""

    def __init__(self, name):
        command, environment = python_of(name)
        paths = [str(PROJECT), environment["PYTHONPATH"]]
        self.process = subprocess.Popen(
            [*command, str(PROJECT / "tests" / "builders" / "sandbox_keeper.py"), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                **environment,
                "PYTHONPATH": ":".join(paths),
                "SECRET": SECRET,
            },
        )
        self.name = name
        self.found = json.loads(self.process.stdout.readline())

    def ask(self, case, *arguments, box=None, limit=1 << 40, seconds=20, **more):
        """Run a case and return what came of it."""
        request = {"case": case, "arguments": arguments, "box": box or {}}
        request |= {"limit": limit, "seconds": seconds, **more}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert answer["left"] == []
        return answer

    def value(self, case, *arguments, **more):
        """What a case returned that must end well."""
        answer = self.ask(case, *arguments, **more)
        assert answer["status"] == 0, answer
        return answer["value"]

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        assert self.process.wait(30) == 0


@pytest.fixture(scope="module")
def keepers():
    made = {}
    yield made
    for keeper in made.values():
        keeper.close()


@pytest.fixture
def keeper(request, keepers):
    """The keeper of one tier; skips the test where the tier does not work."""
    name = request.param
    if name == "root namespaces" and os.getuid():
        pytest.skip("only root can use root namespaces")
    if name not in keepers:
        keepers[name] = Keeper(name)
    if not keepers[name].found["works"]:
        pytest.skip(f"{name}: {keepers[name].found['why']}")
    return keepers[name]


everywhere = pytest.mark.parametrize("keeper", EVERY, indirect=True)
in_namespaces = pytest.mark.parametrize("keeper", SPACES, indirect=True)
grading = pytest.mark.grading


@pytest.fixture
def open_folder(tmp_path):
    """A folder that anybody may enter: those of pytest are closed to all others."""
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 1:
            folder.chmod(0o755)
    return tmp_path


@pytest.fixture
def secret(open_folder):
    """A file of the instructor's that anybody could read, were it not for the box."""
    path = open_folder / "gradebook.db"
    path.write_text("grades")
    path.chmod(0o666)
    return path


@grading
def test_this_machine_offers_a_sandbox():
    assert any(probe.works for probe in tiers())


@grading
def test_root_is_never_mapped_into_a_namespace_of_users():
    assert (tier("user namespaces").unfit() == "") == (os.getuid() != 0)


@grading
@everywhere
def test_the_course_and_the_project_cannot_be_seen(keeper, secret):
    paths = [str(secret), str(PROJECT / "pyproject.toml"), "/etc/shadow"]
    assert None not in keeper.value("read", *paths)
    try_to_write(keeper, *paths)


def try_to_write(keeper, *paths):
    """Nothing is written, unless in a /tmp of the sandbox's own: all stays as it is."""
    before = [content(path) for path in paths]
    errors = keeper.value("write", *paths)
    assert [content(path) for path in paths] == before
    written = [path for path, error in zip(paths, errors, strict=True) if not error]
    assert [path for path in written if not path.startswith("/tmp/")] == []


def content(path):
    """What is in a file, if we may know; None where there is none."""
    try:
        return Path(path).read_bytes()
    except OSError:
        return None


@grading
@in_namespaces
def test_of_the_project_only_what_is_imported_can_be_listed(keeper):
    listed = set(keeper.value("listing", str(PROJECT)))
    parts = [Path(path).relative_to(PROJECT).parts for path in inside_project()]
    installed = {names[0] for names in parts if names}
    assert {"autograder", "flowbook"} <= listed
    assert listed <= {"autograder", "flowbook"} | installed


def inside_project():
    """Where Python and its packages lie in the project, if they do."""
    paths = [sys.prefix, *(path for path in sys.path if "-packages" in path)]
    return [path for path in paths if Path(path).is_relative_to(PROJECT)]


@grading
@in_namespaces
def test_a_hidden_path_is_covered_under_a_readable_one(keeper, secret):
    folder = str(secret.parent)
    box = {"readable": [folder], "hidden": [str(secret)]}
    assert keeper.value("content", str(secret), box={"readable": [folder]}) == "grades"
    assert keeper.value("content", str(secret), box=box) == ""
    box["hidden"] = [folder]
    assert keeper.value("listing", folder, box=box) == []


@grading
@everywhere
def test_what_python_needs_cannot_be_changed(keeper):
    import flowbook

    places = [flowbook.__file__, os.__file__, f"{sys.prefix}/x", "/usr/x", "/x"]
    try_to_write(keeper, *places)


@grading
@everywhere
def test_the_environment_is_new_also_as_the_kernel_shows_it(keeper):
    variables, raw = keeper.value("environment")
    assert "SECRET" not in variables
    assert SECRET not in raw
    assert variables["OMP_NUM_THREADS"] == "1"


@grading
@everywhere
def test_no_network_and_no_service_of_the_host_is_reached(keeper, tmp_path_factory):
    folder = tmp_path_factory.mktemp("s")
    path, abstract = str(folder / "socket"), f"box-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as two:
        one.bind("\0" + abstract)
        two.bind(path)
        Path(path).chmod(0o777)
        for listener in (one, two):
            listener.listen()
        assert None not in keeper.value("network", abstract, path)


@grading
@everywhere
def test_processes_outside_cannot_be_signalled(keeper):
    assert None not in keeper.value("signals", keeper.process.pid, os.getpid())
    with subprocess.Popen(["sleep", "60"]) as bystander:
        assert None not in keeper.value("signals", bystander.pid)
        keeper.ask("end_everybody")
        assert bystander.poll() is None
        bystander.kill()
    assert keeper.value("user")  # the keeper is still there


@grading
@everywhere
def test_no_right_is_left_and_none_can_be_had(keeper):
    calls, rights, no_new, filtered = keeper.value("powers")
    assert [name for name, result in calls.items() if result != -1] == []
    assert rights == [0, 0, 0]
    assert (no_new, filtered) == ("1", "2")


@grading
@everywhere
def test_the_user_inside_is_nobody_with_rights(keeper):
    uid, gid, groups = keeper.value("user")
    assert 0 not in (uid, gid, *groups)
    if keeper.name == "root namespaces":
        assert keeper.value("user")[0] != uid  # limits and signals go by user


@grading
@everywhere
def test_a_box_has_one_share_of_the_processors(keeper):
    # A new session would be a new group of the scheduler's, with a share of its own.
    assert keeper.value("sessions") == [[None, True], [None, True]]


FAMILY = """import os, signal
def start(work):
    if (pid := os.fork()) == 0:
        work()
    return pid
def busy():
    while True: pass
def main():
    for _ in range(7): start(busy)
    signal.pause()
start(main)
signal.pause()
"""


def test_a_familys_answer_does_not_step_back_for_what_else_it_keeps_busy():
    with subprocess.Popen(
        [sys.executable, "-c", FAMILY], start_new_session=True
    ) as process:
        watch = Watch(process.pid)
        try:
            until(lambda: watch.inner and len(list(children(watch.inner))) == 7)
            *others, newest = children(watch.inner)
            nice = round(math.log(7, 1.25))
            until(lambda: watch.take_one_share() or {*map(niceness, others)} == {nice})
            assert niceness(newest) == niceness(watch.inner) == 0
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def until(ready, seconds=60):
    """Wait for what becomes true in time on any machine."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.05)


def niceness(pid):
    return os.getpriority(os.PRIO_PROCESS, pid)


@grading
@everywhere
def test_a_lock_on_what_all_may_read_is_seen_by_nobody(keeper):
    seen, watches, lease = keeper.value("lock_and_tell")
    assert seen == [[None, "None"], [None, "None"]]
    assert (watches, lease) == ([-1, -1], "PermissionError")


@grading
@everywhere
def test_what_is_left_behind_ends_with_the_case(keeper):
    answer = keeper.ask("daemon")
    assert answer["value"] == "left"
    assert answer["left"] == []


@grading
@everywhere
def test_a_fork_bomb_stops_at_the_limit_and_can_be_ended(keeper):
    answer = keeper.ask("fork_bomb", box={"processes": 20}, seconds=1)
    assert answer["left"] == []
    assert answer["seconds"] < 15
    # Without a user of its own, a box's limit is 20 beside what this user runs already;
    # what of that ends meanwhile, in other tests, leaves its room to the box.
    most = 20 if keeper.name in SPACES else 60
    assert answer["killed"] == "time" or answer["value"] < most


@grading
@everywhere
def test_memory_beyond_the_limit_is_refused_politely(keeper):
    box = {"memory": 100 * MEGABYTE}
    assert keeper.value("allocate", 50, box=box) is None
    assert keeper.value("allocate", 150, box=box) == "MemoryError"


@grading
@in_namespaces
def test_the_memory_of_a_family_is_counted_together(keeper):
    box = {"memory": 200 * MEGABYTE}
    limit = 200 * MEGABYTE
    answer = keeper.ask("allocate_together", 4, 60, box=box, limit=limit)
    assert answer["killed"] == "memory"
    assert answer["status"] != 0


@grading
@in_namespaces
def test_shared_pages_are_counted_once(keeper):
    answer = keeper.ask("allocate_together", 0, 0, limit=50 * MEGABYTE, seconds=0.3)
    assert answer["killed"] == "time"
    assert answer["peak"] < 50 * MEGABYTE


@grading
@everywhere
def test_there_is_no_memory_that_nobody_is_charged_for(keeper):
    file, shared, segment, zero = keeper.value("uncharged_memory")
    assert file
    assert shared
    assert segment == -1
    assert not (zero and keeper.name in SPACES)


@grading
@in_namespaces
def test_all_that_can_be_written_shares_one_limit(keeper):
    box = {"disk": 8 * MEGABYTE}
    written = keeper.value("fill", "/tmp", "/dev/shm", "/box", "/", "/dev", box=box)
    assert 0 < written <= 8 * MEGABYTE


@grading
@pytest.mark.parametrize("keeper", ["landlock"], indirect=True)
def test_whoever_writes_more_than_the_disk_is_ended(keeper):
    answer = keeper.ask("fill_and_wait", box={"disk": 8 * MEGABYTE})
    assert answer["status"] == 128 + signal.SIGXFSZ


@grading
@in_namespaces
def test_a_device_is_shown_where_the_box_asks_for_it(keeper):
    assert keeper.value("read", "/dev/zero", box={"devices": ["/dev/null"]}) != [None]
    assert keeper.value("write", "/dev/zero", box={"devices": ["/dev/zero"]}) == [None]


@grading
@everywhere
def test_a_file_may_not_be_larger_than_the_disk(keeper):
    box = {"disk": 4 * MEGABYTE}
    assert keeper.value("one_file", 2 * MEGABYTE, box=box) is None
    assert keeper.value("one_file", 6 * MEGABYTE, box=box) == "OSError"


@grading
@pytest.mark.parametrize("keeper", ["user namespaces"], indirect=True)
def test_a_loop_that_ignores_signals_runs_out_of_cpu(keeper):
    answer = keeper.ask("spin", box={"cpu": 1})
    assert answer["status"] == 128 + signal.SIGKILL


@grading
@everywhere
def test_files_are_limited_and_none_is_inherited(keeper):
    assert keeper.value("open_files", box={"files": 40}) < 40
    assert len(keeper.value("descriptors")) == 4  # the standard ones, and the one kept


@grading
@everywhere
def test_python_works_inside_with_imports_that_come_late(keeper):
    written, said, name = keeper.value("python_works")
    assert written
    assert said == "x\n"
    assert name == "student"


@grading
@in_namespaces
def test_multiprocessing_works_inside(keeper):
    assert keeper.value("workers") == [2, 4, 6]


@grading
@in_namespaces
def test_what_lies_under_a_closed_folder_can_be_shown(keeper, open_folder):
    closed = open_folder / "closed"
    package = closed / "package"
    package.mkdir(parents=True)
    (package / "somewhere.py").write_text("VALUE = 42\n")
    if os.getuid() == 0 and keeper.name == "user namespaces":
        os.chown(closed, NOBODY, -1)  # its own user may enter
    closed.chmod(0o700)
    box = {"readable": [str(package)]}
    assert keeper.value("import_from", str(package), "somewhere", box=box) == 42


@grading
@everywhere
@pytest.mark.parametrize("how", ["kill", "segfault", "abort"])
def test_an_end_by_a_signal_is_seen_outside(keeper, how):
    assert keeper.ask("end", how)["status"] > 128


@grading
@everywhere
def test_an_exit_status_is_seen_outside(keeper):
    assert keeper.ask("end", "exit")["status"] == 3


@grading
@everywhere
def test_an_interrupt_reaches_the_case_alone(keeper):
    answer = keeper.ask("wait_for_interrupt", interrupt=True)
    assert answer["value"] == "interrupted"
    assert answer["status"] == 0


@grading
@everywhere
def test_a_box_that_cannot_be_built_is_refused(keeper):
    if keeper.name == "landlock":
        box = {"loopback": True}
    else:
        box = {"devices": ["there-is-no-such-device"]}
    answer = keeper.ask("user", box=box)
    assert "refused" in answer["value"]
    assert answer["status"] == 1


@grading
@pytest.mark.parametrize("name", EVERY)
def test_a_box_ends_with_whoever_made_it(name, keepers):
    if name == "root namespaces" and os.getuid():
        pytest.skip("only root can use root namespaces")
    keeper = Keeper(name)
    if not keeper.found["works"]:
        keeper.close()
        pytest.skip(keeper.found["why"])
    request = {"case": "allocate_together", "arguments": [3, 1], "box": {}}
    request |= {"limit": 1 << 40, "seconds": 60}
    with keeper.process as process:
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        try:
            family = wait_for_family(process.pid, 4)
        finally:
            process.kill()
    deadline = time.monotonic() + 10
    while any((found := find(pid)) and found.runs for pid in family):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_for_family(pid, least):
    """The descendants of a process, once there are so many."""
    deadline = time.monotonic() + 20
    while len(family := descendants(pid)) <= least:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return family
