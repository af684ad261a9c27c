"""The environment of the grader's processes, and their end."""

import contextlib
import os
import sys
from pathlib import Path

from autograder.sandbox.rights import ONE_THREAD

# What the grader's own processes know of the instructor's environment.
FOR_THE_GRADER = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "LD_LIBRARY_PATH",
    "TMPDIR",
    "MPLCONFIGDIR",
    "XDG_CACHE_HOME",
    "CUDA_VISIBLE_DEVICES",
)


class GraderError(Exception):
    """The grader failed, not the student: the submission is tried again."""


def environment() -> dict[str, str]:
    """The variables of a template: one thread, the same hashes always, no secrets.

    Its home is the real one, where matplotlib keeps its list of fonts; a sandbox gives
    another to what is forked from it.
    """
    kept = {name: os.environ[name] for name in FOR_THE_GRADER if name in os.environ}
    threads = dict.fromkeys(ONE_THREAD, "1")
    fixed = {"HOME": str(Path.home()), "PYTHONHASHSEED": "0"}
    return {"LANG": "C.UTF-8", **kept, **threads, **fixed}


def import_less() -> None:
    """Leave out what jsonschema imports to check internationalised addresses.

    No notebook is checked for them, and building their grammars takes nearly a second.
    """
    sys.modules.setdefault("rfc3987_syntax", None)


def kill_tree(pid: int, itself: bool = True) -> None:
    """Kill a process's descendants until there are none, and then the process."""
    import psutil  # the doctor says when it is missing

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
