"""What a template does once so that no notebook has to: imports, and first uses."""

import gc
import importlib
import io
import os
import random
from pathlib import Path
from types import ModuleType

# What notebooks import, in the order in which they load.
MODULES = (
    "numpy",
    "torch",
    "torch.distributions",
    "matplotlib",
    "matplotlib.pyplot",
    "IPython",
    "pandas",
    "tqdm",
    "flowbook.checks",
)


class NotSingleThreadedError(RuntimeError):
    """A fork here would copy locks that nobody will open again."""


def warm_up() -> None:
    """Import what notebooks use, and use once what loads more on its first use."""
    import matplotlib

    matplotlib.use("agg")
    loaded = {name: optional(name) for name in MODULES}
    if loaded["torch"] is not None:
        use_torch(loaded["torch"])
    draw(loaded["matplotlib.pyplot"])


def optional(name: str) -> ModuleType | None:
    """Import a module; None when a course does not have it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None


def use_torch(torch: ModuleType) -> None:
    """One step of an optimiser, on one thread; its first use loads a large module."""
    torch.set_num_threads(1)
    model = torch.nn.Linear(2, 2)
    optimiser = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    torch.distributions.Normal(0.0, 1.0).log_prob(torch.zeros(1))


def draw(pyplot: ModuleType) -> None:
    """One figure; its first use finds the fonts."""
    figure, axes = pyplot.subplots()
    axes.plot([0, 1])
    axes.set_title("x")
    figure.savefig(io.BytesIO(), format="png")
    pyplot.close(figure)


def freeze() -> None:
    """Keep the collector away from what all children share."""
    gc.collect()
    gc.freeze()


def threads() -> int:
    """The number of threads of this process."""
    return len(list(Path("/proc/self/task").iterdir()))


def assert_single_threaded() -> None:
    """Raise NotSingleThreadedError if a forked child could hang."""
    if (count := threads()) != 1:
        raise NotSingleThreadedError(f"the template has {count} threads, not one")


def seed_all(seed: int) -> None:
    """Put every generator where this notebook's run starts."""
    import sys

    random.seed(seed)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(seed % 2**32)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)


def private_home() -> None:
    """Work in a folder of this process's own, where files may be written."""
    os.chdir(os.environ["HOME"])
