"""Plain `nbgrader autograde`, with every notebook run in the sandbox.

Three lines in a course's nbgrader_config.py:

    c = get_config()
    from autograder.nbgrader_sandbox import protect
    protect(c)

The kernel then sees no network, no file of the course or of its owner, and a copy of
the assignment's data files, in which it may write. nbgrader still runs the tests in the
student's kernel: who wants a judge outside of it uses `autograder grade`.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from nbgrader.converters import Autograde
from nbgrader.preprocessors import Execute
from traitlets import Float, Int
from traitlets.config import Config

from autograder.sandbox import Box, best_tier

THE_STEP = (Execute, "nbgrader.preprocessors.Execute")
PASSED_ON = {"NBGRADER_EXECUTION"}  # nbgrader's own word to the notebook
NOTEBOOKS = "*.ipynb"  # nbgrader's copy of the submission holds the hidden tests


def protect(config: Config) -> None:
    """Let nbgrader run submissions in the sandbox; all other settings stay.

    Where no sandbox works, nothing runs: every submission fails with the reason.
    """
    usual = Autograde.class_traits()["autograde_preprocessors"].default()
    chosen = config.Autograde.get("autograde_preprocessors", usual)
    config.Autograde.autograde_preprocessors = [
        SandboxedExecute if step in THE_STEP else step for step in chosen
    ]


class SandboxedExecute(Execute):
    """nbgrader's step that runs a notebook; `c.Execute` configures it as before."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        settings["kernel_manager_class"] = SandboxKernelManager
        super().__init__(*arguments, **settings)


class SandboxKernelManager(AsyncKernelManager):
    """Starts a kernel in the sandbox, and talks to it over sockets in a folder.

    The folder is the kernel's own: its sockets, its connection file, and the copy of
    the data files that lie beside the notebook.
    """

    memory = Int(2 * 1024**3, help="Bytes that a kernel may use.").tag(config=True)
    disk = Int(256 * 1024**2, help="Bytes in its temporary files.").tag(config=True)
    processes = Int(128, help="Its processes and threads.").tag(config=True)
    cpu = Float(600.0, help="Seconds of processor time.").tag(config=True)

    folder: Path | None = None

    async def _async_pre_start_kernel(
        self, **options: Any
    ) -> tuple[list[str], dict[str, Any]]:
        """Make the folder, and move there what the kernel needs."""
        if self.folder is None:  # it is kept when a kernel is restarted
            self.folder = Path(tempfile.mkdtemp(prefix="kernel-"))
            copy_data(Path(options.get("cwd") or "."), self.folder / "work")
            self.transport = "ipc"
            self.connection_file = str(self.folder / "kernel.json")
            self.ip = str(self.folder / "ipc")
        # An interrupt by signal would reach the supervisor, and end all.
        self.kernel_spec.interrupt_mode = "message"
        options["cwd"] = str(self.folder)
        options["stdout"] = subprocess.DEVNULL  # advice to people at a terminal
        return await super()._async_pre_start_kernel(**options)

    def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
        """The kernel's command, put into the sandbox."""
        command = super().format_kernel_cmd(extra_arguments)
        return [*self.launcher(), "env", f"--chdir={self.folder / 'work'}", *command]

    def launcher(self) -> list[str]:
        """The command that makes the sandbox."""
        box = Box(
            memory=self.memory,
            disk=self.disk,
            processes=self.processes,
            cpu=self.cpu,
            writable=(str(self.folder),),
            loopback=True,  # ipykernel opens a port of its own
        )
        python = [sys.executable, "-m", "autograder.sandbox", "--tier", tier_name()]
        known = [f"{name}={os.environ[name]}" for name in PASSED_ON & os.environ.keys()]
        passed = [word for each in known for word in ("--env", each)]
        return [*python, "--box", box.to_json(), *passed, "--"]

    async def _async_cleanup_resources(self, restart: bool = False) -> None:
        """Remove the folder with the kernel."""
        await super()._async_cleanup_resources(restart=restart)
        if self.folder is not None and not restart:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None


@cache
def tier_name() -> str:
    """The best sandbox of this machine; CourseError when there is none."""
    return best_tier().name


def copy_data(source: Path, target: Path) -> None:
    """Copy the files beside a notebook, and no notebook; links stay links."""
    ignored = shutil.ignore_patterns(NOTEBOOKS)
    shutil.copytree(source, target, symlinks=True, ignore=ignored)
