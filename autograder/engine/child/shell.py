"""An IPython shell inside this process: what a kernel does, without its sockets."""

import signal
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.extensions import ExtensionManager
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

from autograder.engine.child.send_outputs import Outlet, Stream

LONGEST = 10_000  # characters of an exception's text
FEW = 0.05  # seconds
INSTALLERS = frozenset({"conda", "mamba", "micromamba", "uv"})  # of other environments


class TimeUp(KeyboardInterrupt):
    """The cell has had its time."""


class Alarm:
    """Interrupts this process's main thread when the worker signals it.

    The worker does that when a cell has had its time. A student's code can catch it or
    turn it off: the worker kills what does not stop.
    """

    def __init__(self) -> None:
        self.rang = False
        self.held = False
        signal.signal(signal.SIGALRM, signal.SIG_IGN)

    @contextmanager
    def within(self) -> Iterator[None]:
        """Raise TimeUp in the block when the time is up."""
        self.rang = False
        signal.signal(signal.SIGALRM, self._ring)
        try:
            yield
        finally:
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
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
            signal.setitimer(signal.ITIMER_REAL, FEW)
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


class Extensions(ExtensionManager):
    """Loads what `%load_ext` names, if it is there."""

    def load_extension(self, module_str: str) -> str | None:
        """Print a line where the module is missing: to load one is no work."""
        try:
            return super().load_extension(module_str)
        except ModuleNotFoundError as error:
            print(f"%load_ext: {error}", file=sys.stderr)
            return None


class Shell(InteractiveShell):
    """Runs cells as a kernel does; its outputs go to `outlet`."""

    displayhook_class = Type(Hook)
    display_pub_class = Type(Publisher)
    # `!command` prints to our descriptors: the usual way needs a terminal.
    system = InteractiveShell.system_raw
    outlet: Outlet = Outlet(lambda outputs: None)

    def init_profile_dir(self, profile_dir: Any) -> None:
        """No profile: no start-up files, nothing written.

        What magics remember, such as the folders of `%cd`, lasts as long as the shell.
        """
        self.db = {}

    def init_ipython_dir(self, ipython_dir: Any) -> None:
        """No folder of IPython's own."""

    def init_virtualenv(self) -> None:
        """The interpreter that runs is the one that is meant."""

    def enable_gui(self, gui: str | None = None) -> None:
        """There is no window, and nothing to do for one."""

    def enable_matplotlib(self, gui: str | None = None) -> tuple[str | None, str]:
        """Show figures as pictures, whatever way was chosen: that is not the work."""
        return super().enable_matplotlib("inline")

    def init_extension_manager(self) -> None:
        """What is not installed here is named, and ends no cell."""
        self.extension_manager = Extensions(shell=self)
        self.configurables.append(self.extension_manager)

    def run_line_magic(
        self, magic_name: str, line: str, _stack_depth: int = 1
    ) -> object:
        """Run a magic; one that this machine lacks is named, and ends no cell.

        Colab, Anaconda and extensions bring their own.
        """
        found = self.find_line_magic(magic_name) or self.find_cell_magic(magic_name)
        if found is None or magic_name in INSTALLERS:
            print(f"%{magic_name}: not available here", file=sys.stderr)
            return None
        return super().run_line_magic(magic_name, line, _stack_depth + 1)

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
    from IPython import display
    from matplotlib import pyplot
    from matplotlib_inline.backend_inline import (
        configure_inline_support,
        set_matplotlib_formats,
    )

    backend = "module://matplotlib_inline.backend_inline"
    matplotlib.use(backend)
    matplotlib.interactive(True)
    configure_inline_support(shell, backend)
    # It draws for a window, once more than the picture needs: a fifth of its time.
    pyplot.uninstall_repl_displayhook()
    pyplot.switch_backend = stay_with_pictures
    display.set_matplotlib_formats = set_matplotlib_formats  # there in Colab's IPython
    return shell


def stay_with_pictures(newbackend: str) -> None:
    """Show figures as before, whatever `matplotlib.use` asks for: there is no window.

    Its parameter is called as matplotlib's own.
    """


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
