"""An IPython shell inside this process: what a kernel does, without its sockets."""

import signal
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

from autograder.engine.child.send_outputs import Outlet, Stream

LONGEST = 10_000  # characters of an exception's text
FEW = 0.05  # seconds


class TimeUp(KeyboardInterrupt):
    """The cell has had its time."""


class Alarm:
    """Interrupts this process's main thread when a cell has had its time.

    A student's code can catch it or turn it off: the worker kills what does not stop.
    """

    def __init__(self) -> None:
        self.rang = False
        self.held = False

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Raise TimeUp in the block after so many seconds."""
        self.rang = False
        signal.signal(signal.SIGALRM, self._ring)
        # Again every second: one exception may be swallowed.
        signal.setitimer(signal.ITIMER_REAL, max(seconds, FEW), 1.0)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    @contextmanager
    def later(self) -> Iterator[None]:
        """Keep the alarm waiting while something must not be cut in two."""
        held, self.held = self.held, True
        try:
            yield
        finally:
            self.held = held

    def _ring(self, *_: Any) -> None:
        if self.held:
            signal.setitimer(signal.ITIMER_REAL, FEW, 1.0)
            return
        self.rang = True
        raise TimeUp("the time is up")


class Hook(DisplayHook):
    """Shows the value of a cell's last line as an `execute_result`."""

    def start_displayhook(self) -> None:
        """Begin a new output."""
        self.output = {"output_type": "execute_result", "data": {}, "metadata": {}}

    def write_output_prompt(self) -> None:
        """A number stands where a terminal has `Out[1]:`."""
        self.output["execution_count"] = self.prompt_count

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        """Keep the representations of the value."""
        self.output["data"] = encoded(format_dict)
        self.output["metadata"] = md_dict or {}

    def finish_displayhook(self) -> None:
        """Hand the output over."""
        if self.output["data"]:
            self.shell.outlet.put(self.output)


class Publisher(DisplayPublisher):
    """Shows what `display` is given."""

    def publish(
        self,
        data: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        source: object = None,
        *,
        transient: dict[str, Any] | None = None,
        update: bool = False,
        **_: Any,
    ) -> None:
        """Hand one output over; with `update`, in place of an earlier one."""
        output = {"output_type": "display_data", "data": encoded(data)}
        output["metadata"] = metadata or {}
        if name := (transient or {}).get("display_id"):
            output["display_id"] = str(name)
            output["update"] = bool(update)
        self.shell.outlet.put(output)

    def clear_output(self, wait: bool = False) -> None:
        """Take back what this cell has shown."""
        self.shell.outlet.put({"output_type": "clear_output", "wait": bool(wait)})


def encoded(data: dict[str, Any]) -> dict[str, Any]:
    """Representations as a notebook keeps them: pictures in base64, texts as texts."""
    from base64 import b64encode

    return {
        str(kind): b64encode(value).decode("ascii")
        if isinstance(value, bytes)
        else value
        for kind, value in data.items()
    }


class Shell(InteractiveShell):
    """Runs cells as a kernel does; its outputs go to `outlet`."""

    displayhook_class = Type(Hook)
    display_pub_class = Type(Publisher)
    # `!command` prints to our descriptors: the usual way needs a terminal.
    system = InteractiveShell.system_raw
    outlet: Outlet = Outlet(lambda outputs: None)

    def init_profile_dir(self, profile_dir: Any) -> None:
        """No profile: no start-up files, nothing written."""

    def init_ipython_dir(self, ipython_dir: Any) -> None:
        """No folder of IPython's own."""

    def init_virtualenv(self) -> None:
        """The interpreter that runs is the one that is meant."""

    def enable_gui(self, gui: str | None = None) -> None:
        """There is no window to draw in."""
        if gui is not None:
            raise UsageError(f"there is no window here: %matplotlib {gui}")

    def ask_exit(self) -> None:
        """Quitting a notebook's shell ends nothing."""

    def _showtraceback(self, etype: type, evalue: BaseException, stb: Any) -> None:
        lines = stb if isinstance(stb, list) else str(stb).split("\n")
        name, text = what(evalue)
        self.outlet.put(
            {
                "output_type": "error",
                "ename": name,
                "evalue": text,
                "traceback": [str(line) for line in lines],
            }
        )


def make_shell() -> Shell:
    """The one shell of this process, with figures shown at the end of each cell."""
    config = Config()
    config.HistoryManager.enabled = False
    config.HistoryManager.hist_file = ":memory:"
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShell.cache_size = 100
    config.IPKernelApp.tqdm = "a notebook without widgets"
    # A module of its own, so that no cell sees the names of this process's main file.
    module = types.ModuleType("__main__", "A notebook.")
    shell = Shell.instance(config=config, user_module=module)
    try:
        import matplotlib
    except ModuleNotFoundError:
        return shell
    from matplotlib import pyplot
    from matplotlib_inline.backend_inline import configure_inline_support

    backend = "module://matplotlib_inline.backend_inline"
    matplotlib.use(backend)
    matplotlib.interactive(True)
    configure_inline_support(shell, backend)
    # It draws for a window, once more than the picture needs: a fifth of its time.
    pyplot.uninstall_repl_displayhook()
    return shell


def connect(shell: Shell, outlet: Outlet) -> None:
    """From here on what the shell shows goes there."""
    shell.outlet = outlet
    sys.stdout, sys.stderr = Stream("stdout", outlet), Stream("stderr", outlet)
    sys.stdin = open("/dev/null", encoding="utf-8")  # noqa: SIM115 - for good


def mend_streams(shell: Shell) -> None:
    """Put back what a cell has closed or lost: the shell cannot run without it."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name, None)
        if stream is None or getattr(stream, "closed", False):
            setattr(sys, name, Stream(name, shell.outlet))


def what(error: BaseException) -> tuple[str, str]:
    """An exception's name and text, cut; a text that cannot be made is left out."""
    try:
        text = str(error)
    except Exception:
        text = ""
    return type(error).__name__[:200], text[:LONGEST]


def run_cell(shell: Shell, source: str, quiet: bool = False) -> dict[str, str]:
    """Run one cell; how it ended: ok, or error with a name and a text."""
    result = shell.run_cell(source, store_history=not quiet, silent=False)
    error = result.error_before_exec or result.error_in_exec
    if error is None:
        return {"ended": "ok", "name": "", "text": ""}
    name, text = what(error)
    return {"ended": "error", "name": name, "text": text}
