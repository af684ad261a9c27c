"""Start the process that executes a notebook, bound it, and leave nothing behind."""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import psutil

# What a kernel may know of the instructor's environment; everything else is dropped.
KEPT = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
)
ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
GRACE = 60.0  # seconds for a kernel to start and to end, on a loaded machine


class GraderError(Exception):
    """The grader failed, not the student: the submission is tried again."""


class Runner:
    """Runs executors, one process each; `stop` ends all that are running."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Hand plain data to a fresh executor and return its plain answer.

        Raises GraderError when it gives none within `seconds` and a grace.
        """
        with tempfile.TemporaryDirectory(
            prefix="grade-", ignore_cleanup_errors=True
        ) as folder:
            process = self._start(folder)
            try:
                answer, _ = process.communicate(
                    json.dumps(request).encode("utf-8"), timeout=seconds + GRACE
                )
            except subprocess.TimeoutExpired:
                raise GraderError(
                    f"the executor gave no answer in {seconds + GRACE:.0f} s"
                ) from None
            finally:
                end(process)
                with self._lock:
                    self._running.discard(process)
        return read_answer(answer, process.returncode)

    def stop(self) -> None:
        """End every executor, now; later calls of `run` fail."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            kill_tree(process.pid)

    def _start(self, folder: str) -> subprocess.Popen:
        with self._lock:
            if self._stopped:
                raise GraderError("the grading was stopped")
            process = subprocess.Popen(
                [sys.executable, "-m", "autograder.execute"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env=environment(folder),
                start_new_session=True,  # Ctrl-C is the parent's alone to handle
            )
            self._running.add(process)
        return process


def environment(folder: str) -> dict[str, str]:
    """The variables of a kernel: a private home, one thread, no secrets."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    threads = dict.fromkeys(ONE_THREAD, "1")
    cache = Path.home() / ".cache" / "matplotlib"  # its font list takes seconds
    private = {
        "HOME": folder,
        "TMPDIR": folder,
        "IPYTHONDIR": folder,
        "JUPYTER_RUNTIME_DIR": folder,
        "MPLCONFIGDIR": str(cache) if cache.is_dir() else folder,
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
    }
    return {"LANG": "C.UTF-8", **kept, **threads, **private}


def read_answer(answer: bytes, status: int) -> dict[str, Any]:
    """The executor's answer; GraderError when there is none."""
    try:
        return json.loads(answer)
    except ValueError:
        raise GraderError(f"the executor ended with status {status}") from None


def keep_family() -> None:
    """Adopt all descendants that lose their parent, and end when our own ends (Linux).

    So nothing that a notebook started outlives its executor, and no executor outlives
    a grader that was killed.
    """
    signal.signal(signal.SIGTERM, lambda *_: kill_tree(os.getpid()))
    with contextlib.suppress(OSError, AttributeError):
        prctl = ctypes.CDLL(None).prctl
        prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
        prctl(1, signal.SIGTERM, 0, 0, 0)  # PR_SET_PDEATHSIG


def kill_tree(pid: int, itself: bool = True) -> None:
    """Kill a process's descendants until there are none, and then the process."""
    with contextlib.suppress(psutil.NoSuchProcess):
        top = psutil.Process(pid)
        for _ in range(100):  # a fork bomb makes new ones while it is killed
            alive = [
                child
                for child in top.children(recursive=True)
                if child.status() != psutil.STATUS_ZOMBIE
            ]
            if not alive:
                break
            for child in alive:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            psutil.wait_procs(alive, timeout=1)
        if itself:
            top.kill()


def end(process: subprocess.Popen) -> None:
    """Kill an executor with all it started, and reap it."""
    if process.poll() is None:
        kill_tree(process.pid)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
