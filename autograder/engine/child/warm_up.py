"""What a template does once so that no notebook has to: imports, and first uses."""

import ctypes
import gc
import importlib
import importlib.util
import io
import os
import random
import sys
from collections.abc import Collection
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

# What notebooks import, in the order in which they load: all of them, and those that
# use a large library.
FIRST = ("numpy",)
LARGE = {
    "torch": ("torch", "torch.distributions", "autograder.channel.with_torch"),
    "pandas": ("pandas",),
}
MODULES = ("matplotlib", "matplotlib.pyplot", "IPython", "tqdm")


HUGE = 1 << 21  # bytes of a huge page
USE_HUGE, COLLAPSE = 14, 25  # Linux's MADV_HUGEPAGE and MADV_COLLAPSE (since 6.1)


class NotSingleThreadedError(RuntimeError):
    """A fork here would copy locks that nobody will open again."""


def warm_up(libraries: Collection[str] = ()) -> None:
    """Import what notebooks use, and use once what nearly all of them use.

    `libraries` are the large ones among LARGE that these notebooks use.
    """
    import matplotlib

    matplotlib.use("agg")
    more = (
        name
        for library, names in LARGE.items()
        if library in libraries
        for name in names
    )
    loaded = {name: optional(name) for name in (*FIRST, *more, *MODULES)}
    if loaded.get("torch") is not None:
        loaded["torch"].set_num_threads(1)
    if loaded["tqdm"] is not None:  # no thread of its own: it could not be copied
        loaded["tqdm"].tqdm.monitor_interval = 0
    draw(loaded["matplotlib.pyplot"])


def settle() -> None:
    """What pays from some notebooks on: a second and a half, once, for all that follow.

    Some of what notebooks use loads a large module on its first use, and memory in huge
    pages makes a fork cheaper.
    """
    if torch := sys.modules.get("torch"):
        use_torch(torch)
    freeze()
    gather_pages()


def optional(name: str) -> ModuleType | None:
    """Import a module; None when a course does not have it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None


def use_torch(torch: ModuleType) -> None:
    """What loads a large module when it is used first."""
    model = torch.nn.Linear(2, 2)
    optimiser = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    torch.distributions.Normal(0.0, 1.0).log_prob(torch.zeros(1))
    torch.func.vmap(torch.func.hessian(torch.sum))(torch.ones(2, 2))


def draw(pyplot: ModuleType) -> None:
    """One figure; its first use finds the fonts."""
    figure, axes = pyplot.subplots()
    axes.plot([0, 1])
    axes.set_title("x")
    figure.savefig(io.BytesIO(), format="png")
    pyplot.close(figure)


def freeze() -> None:
    """Let children share as much as possible."""
    gc.collect()
    gc.freeze()


def gather_pages() -> int:
    """Move this process's memory into huge pages, if the kernel can; return bytes.

    A fork copies the table of pages, and 500 times fewer pages make it three times
    cheaper. Children still copy single small pages when they write.
    """
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    gathered = 0
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, rights, *_, name = (line + " -").split()[:6]
        if rights != "rw-p" or name not in ("-", "[heap]"):
            continue
        start, stop = (int(address, 16) for address in addresses.split("-"))
        start, stop = -(-start // HUGE) * HUGE, stop // HUGE * HUGE
        if start < stop and not madvise(start, stop - start, USE_HUGE):
            failed = madvise(start, stop - start, COLLAPSE)
            gathered += 0 if failed else stop - start
    return gathered


def threads() -> int:
    """The number of threads of this process.

    Where a fork may not look at itself (Landlock knows its parent alone), of Python's.
    """
    try:
        return len(os.listdir("/proc/self/task"))
    except PermissionError:
        return len(sys._current_frames())


def assert_single_threaded() -> None:
    """Raise NotSingleThreadedError if a forked child could hang."""
    if (count := threads()) != 1:
        raise NotSingleThreadedError(f"the template has {count} threads, not one")


def seed_all(seed: int) -> None:
    """Put every generator where this notebook's run starts."""
    random.seed(seed)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(seed % 2**32)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)
    else:
        sys.meta_path.insert(0, SeededLater(seed))


class SeededLater:
    """Seeds torch when a notebook imports it, in a process that had not."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """Find torch as it would be found without this, and nothing else."""
        if name != "torch":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_seed(torch: ModuleType) -> None:
                load(torch)
                torch.manual_seed(self.seed)

            spec.loader.exec_module = load_and_seed
        return spec
