"""A worker process: takes submissions as bytes, gives grades as bytes, until told.

It ends when its parent does, however that ends, and takes its engine with it.
`local` starts it: `python -m autograder.grade.workers.worker TIER DESCRIPTOR PARENT`.
"""

import atexit
import ctypes
import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

READY = b"ready"
SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG


def main(protection: str, descriptor: int, parent: int) -> None:
    """Answer each task that comes through the descriptor; first comes the exam.

    Ends with a sentence, and takes no task, when no sandbox works and one should.
    """
    keep_house()
    end_with(parent)
    from autograder.grade.workers.task import perform
    from autograder.model import CourseError
    from autograder.processes import import_less
    from autograder.sandbox import best_tier

    import_less()
    if protection == "sandboxed":
        try:
            best_tier()
        except CourseError as error:
            sys.exit(str(error))
    with Connection(descriptor) as parent_end, suppress(EOFError, ConnectionError):
        parent_end.send_bytes(READY)
        exam = parent_end.recv_bytes()
        while True:
            parent_end.send_bytes(perform(exam, parent_end.recv_bytes()))


def keep_house() -> None:
    """Make the folder for temporary files; remove it at the end."""
    folder = Path(os.environ["TMPDIR"])
    folder.mkdir(0o700)
    atexit.register(remove, folder)  # the first one: it runs after the engine's end


def remove(folder: Path) -> None:
    """Remove a folder in which what was just ended may be writing still."""
    for _ in range(50):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)


def end_with(parent: int) -> None:
    """End in an orderly way on SIGTERM, which also comes when the parent has died."""
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    with suppress(OSError, AttributeError):  # Linux has it; elsewhere EOF must do
        ctypes.CDLL(None).prctl(SET_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent ended")


def leave(*_: object) -> None:
    """Leave through every `finally`, once."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit("stopped")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
