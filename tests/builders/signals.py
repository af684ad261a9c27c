"""Start a process that hears signals, even where the tests run in the background."""

import signal

IGNORED_THERE = signal.SIGINT, signal.SIGHUP  # by `&` in a script, and by nohup


def hear_signals() -> None:
    """As `preexec_fn`: what a shell starts may be told to ignore them."""
    for each in IGNORED_THERE:
        signal.signal(each, signal.SIG_DFL)
