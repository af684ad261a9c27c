"""Run one notebook in a fresh kernel: plain data on standard input and output.

This is a process of its own: `python -m autograder.execute`. A cell that fails, never
ends or kills its kernel is noted, and the cells after it still run; after a lost kernel
a new one repeats what had run before, without the cell that lost it.
"""

import asyncio
import contextlib
import json
import os
import resource
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from autograder.processes import keep_family, kill_tree

LOST = ("time", "died")
RESTARTS = 3
TOTAL = 10  # the whole notebook may print this many times what one cell may
STOPPED = {"ename": "CellTimeoutError", "evalue": "", "traceback": []}
# A kernel starts the same way each time; torch seeds itself, with a constant.
SEED = "import random, numpy; random.seed({0}); numpy.random.seed({0})"


@dataclass(frozen=True)
class Run:
    """How one cell ended: ok, error, time (ran too long), died, or skipped."""

    ended: str
    name: str = ""  # of the exception
    text: str = ""  # of the exception, plain


class Client(NotebookClient):
    """nbclient, with a limit on the bytes that one cell may print."""

    def __init__(self, notebook: NotebookNode, limit: int) -> None:
        super().__init__(
            notebook,
            kernel_name="python3",
            kernel_manager_class=AsyncKernelManager,
            timeout_func=lambda cell: self.seconds,
            interrupt_on_timeout=True,
            error_on_timeout=STOPPED,
            allow_errors=True,
            raise_on_iopub_timeout=True,
            store_widget_state=False,
            record_timing=False,
            coalesce_streams=False,  # takes quadratic time on one long line
            shutdown_kernel="immediate",
        )
        self.on_cell_executed = self.keep_reply
        self.limit, self.left, self.seconds = limit, limit, 1.0
        self.reply: dict[str, Any] = {}

    def keep_reply(self, execute_reply: dict[str, Any], **_: Any) -> None:
        """Called by nbclient with the kernel's own word on how a cell ended."""
        self.reply = execute_reply["content"]

    def output(self, outs: list, msg: dict, *rest: Any) -> NotebookNode | None:
        """Keep an output, or cut it where the cell has printed too much."""
        content = msg["content"]
        size = len(json.dumps(content, default=str))
        before, self.left = self.left, self.left - size
        if self.left < 0 and msg["msg_type"] != "error":
            if before < 0:
                return None
            note = "\n[the cell printed too much: the rest is cut]\n"
            text = str(content.get("text", ""))[:before] + note
            content = {"name": content.get("name", "stdout"), "text": text}
            msg = {**msg, "msg_type": "stream", "content": content}
        last = outs[-1] if outs else {}
        if msg["msg_type"] == "stream" and last.get("name") == content["name"]:
            last["text"] += content["text"]
            return None
        return super().output(outs, msg, *rest)


class Execution:
    """One notebook's run: the kernel, which may be lost and replaced, and the clock."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.notebook = nbformat.from_dict(request["notebook"])
        self.full: dict[str, str] = request["tests"]
        self.limits: dict[str, Any] = request["limits"]
        self.seed: int = request["seed"]
        self.client: Client | None = None
        self.restarts = 0
        self.printed = 0
        self.replay: list[NotebookNode] = []
        self.started = time.monotonic()

    async def run(self) -> dict[str, Any]:
        """Run all code cells; return the notebook and how each cell ended."""
        runs: dict[str, dict[str, str]] = {}
        hidden: dict[str, dict[str, str]] = {}
        for index, cell in enumerate(self.notebook.cells):
            if cell.cell_type != "code":
                continue
            ran = await self.run_cell(index, cell)
            runs[cell.id] = asdict(ran)
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            if name not in self.full:
                if ran.ended not in (*LOST, "skipped"):
                    self.replay.append(cell)
            elif ran.ended == "ok" and self.full[name] != cell.source:
                hidden[cell.id] = asdict(await self.run_hidden(index, cell, name))
        await self.close()
        seconds = time.monotonic() - self.started
        notebook = nbformat.writes(self.notebook, version=nbformat.NO_CONVERT)
        return {
            "notebook": notebook,
            "runs": runs,
            "hidden": hidden,
            "seconds": seconds,
        }

    async def run_hidden(self, index: int, cell: NotebookNode, name: str) -> Run:
        """Run a test cell in full; what it prints is thrown away."""
        copy = nbformat.from_dict({**cell, "source": self.full[name]})
        ran = await self.run_cell(index, copy)
        self.notebook.cells[index] = cell
        return ran

    async def run_cell(self, index: int, cell: NotebookNode) -> Run:
        """Run one cell, in a new kernel if the last one was lost."""
        if self.left() <= 0:
            return Run("skipped", text="notebook")
        if self.client is None and not await self.open():
            return Run("skipped", text="kernel")
        ran = await self.try_cell(index, cell)
        if ran.ended in LOST:
            await self.recover(ran)
        return ran

    async def try_cell(self, index: int, cell: NotebookNode) -> Run:
        client = self.client
        client.seconds = max(0.1, min(self.limits["cell"], self.left()))
        limit = self.limits["output"]
        client.left = given = min(limit, TOTAL * limit - self.printed)
        client.reply = {"status": "ok"}
        try:
            await client.async_execute_cell(cell, index)
        except CellTimeoutError:
            return Run("time", name="kernel")
        except DeadKernelError:
            return Run("died")
        finally:
            self.printed += given - max(0, client.left)
        reply = client.reply
        if reply["status"] == "ok":
            return Run("ok")
        if reply.get("ename") == STOPPED["ename"] and not reply["traceback"]:
            return Run("time")
        return Run("error", str(reply.get("ename", "")), str(reply.get("evalue", "")))

    async def recover(self, ran: Run) -> None:
        """Leave a kernel that is dead or does not listen any more."""
        if ran.ended == "died" or ran.name == "kernel":
            await self.close()

    async def open(self) -> bool:
        """Start a kernel and repeat what had run; False when there is no use in it."""
        if self.restarts > RESTARTS:
            return False
        self.restarts += 1
        self.client = client = Client(self.notebook, self.limits["output"])
        client.km = client.create_kernel_manager()
        client.km.transport, client.km.ip = "ipc", "kernel"
        await client.async_start_new_kernel()
        await client.async_start_new_kernel_client()
        await self.repeat(nbformat.v4.new_code_cell(SEED.format(self.seed)))
        for number, cell in enumerate(self.replay):
            if not await self.repeat(cell):
                del self.replay[number:]  # it does not end well the second time
                await self.close()
                return await self.open()
        return self.left() > 0

    async def repeat(self, cell: NotebookNode) -> bool:
        """Run a copy of a cell unseen; False if the kernel is lost."""
        scratch = nbformat.from_dict({**cell, "outputs": []})
        kept, self.notebook.cells = self.notebook.cells, [scratch]
        self.client.nb = self.notebook
        ran = await self.try_cell(0, scratch)
        self.notebook.cells = kept
        return ran.ended not in LOST

    async def close(self) -> None:
        """End the kernel and everything that it started."""
        if self.client is not None:
            kill_tree(os.getpid(), itself=False)
            with contextlib.suppress(Exception):
                await self.client._async_cleanup_kernel()
        self.client = None

    def left(self) -> float:
        """The seconds that the notebook has left."""
        return self.limits["notebook"] - (time.monotonic() - self.started)


def bound(limits: dict[str, Any]) -> None:
    """Set the limits that the kernels inherit."""
    wanted = {
        resource.RLIMIT_DATA: limits["memory"],
        resource.RLIMIT_FSIZE: limits["disk"],
        resource.RLIMIT_CORE: 0,
    }
    for kind, value in wanted.items():
        _, hard = resource.getrlimit(kind)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def main() -> None:
    """Read the request, run, answer; the kernel shares neither with this process."""
    request = json.load(sys.stdin)
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")  # not inherited
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    keep_family()
    bound(request["limits"])
    result = asyncio.run(Execution(request).run())
    with answer:
        json.dump(result, answer)


if __name__ == "__main__":
    main()
